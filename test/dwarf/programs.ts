/** Modules with DWARF for tests: C and C++ compiled on the spot where clang is there, and checked-in ones. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gatherSections, type DwarfSections } from '../../src-ts/dwarf/index.ts';
import { decodeModule } from '../../src-ts/wasm/decode.ts';
import { SUPPORTED_FEATURES } from '../../src-ts/wasm/features.ts';

export const programs = join(import.meta.dirname, 'programs');
export const fixtures = join(import.meta.dirname, 'fixtures');

export const haveClang =
  spawnSync('clang', ['--target=wasm32-wasi', '-print-search-dirs']).status === 0 &&
  spawnSync('wasm-ld', ['--version']).status === 0;
export const haveSymbolizer = spawnSync('llvm-symbolizer', ['--version']).status === 0;

function tool(name: string, ...args: string[]): void {
  const run = spawnSync(name, args);
  if (run.status !== 0) throw new Error(`${name}: ${run.stderr.toString()}`);
}

/** Runs `use` with a folder that is removed afterwards. */
export function inFolder<T>(use: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'elfin-dwarf-'));
  try {
    return use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Compiles a file of `programs/` to a module without an entry, whose paths are `/src/NAME` wherever it is built.
 * @param flags of the compiler, such as `-O2` and `-gdwarf-5`
 */
export function compileProgram(name: string, flags: string[]): Uint8Array<ArrayBuffer> {
  return inFolder((folder) => {
    const object = join(folder, 'out.o');
    const out = join(folder, 'out.wasm');
    const paths = ['-fdebug-compilation-dir=/src', `-fdebug-prefix-map=${programs}=/src`];
    const args = ['--target=wasm32-wasi', '-c', '-fno-exceptions', '-fno-rtti', ...paths, ...flags];
    tool('clang', ...args, join(programs, name), '-o', object);
    // Not through clang, which at -O2 would run whatever wasm-opt it finds on the result.
    tool('wasm-ld', '--no-entry', object, '-o', out);
    return new Uint8Array(readFileSync(out));
  });
}

export function fixture(name: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(readFileSync(join(fixtures, name)));
}

/** The DWARF sections of a module. */
export function sectionsOf(module: Uint8Array): DwarfSections {
  const { customs } = decodeModule(module, SUPPORTED_FEATURES);
  return gatherSections((name) => {
    const found = customs.find((c) => c.name === name);
    return found && module.subarray(found.start, found.end);
  });
}
