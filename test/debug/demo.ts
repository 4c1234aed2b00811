/** demo.c as a Wasm module and as an object with debug information. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compile, type CompileOptions } from '../../src-ts/compiler/index.ts';

export const haveClang =
  spawnSync('clang', ['--target=wasm32-wasi', '--version']).status === 0 && have('wasm-ld');

export function have(tool: string): boolean {
  return spawnSync(tool, ['--version']).status === 0;
}

export function folder(): string {
  return mkdtempSync(join(tmpdir(), 'elfin-debug-'));
}

/** Compiles demo.c by clang; options come after `-g`. */
export function demoModule(dir: string, ...options: string[]): Uint8Array {
  const object = join(dir, 'demo.o');
  const out = join(dir, 'demo.wasm');
  const source = join(import.meta.dirname, 'demo.c');
  execFileSync('clang', ['--target=wasm32-wasi', '-c', '-g', ...options, source, '-o', object]);
  // Not through clang, which would run a wasm-opt that it finds: it does not keep debug information right.
  execFileSync('wasm-ld', [object, '-o', out]);
  return readFileSync(out);
}

/** Writes an object with debug information; returns its path. */
export function demoObject(dir: string, module: Uint8Array, options: CompileOptions): string {
  const file = join(dir, `demo-${options.target ?? ''}-${options.optLevel}.o`);
  writeFileSync(file, compile(module, { debugInfo: true, ...options }));
  return file;
}
