/**
 * Random valid modules, the same for the same seed and version: by generators of our own, each with one thing in focus, and
 * by Binaryen's fuzzer (`wasm-opt --translate-to-fuzz`), which is wider and, being a process for each module, slower.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { callsModule } from './calls.ts';
import { loopsModule } from './loops.ts';
import { memoryModule } from './memory.ts';
import { Random } from './random.ts';

/** What Elfin supports, in Binaryen's names. --denan: NaN payloads are the machine's choice and would differ. */
const FLAGS = [
  '--translate-to-fuzz',
  '--denan',
  '--enable-mutable-globals',
  '--enable-sign-ext',
  '--enable-nontrapping-float-to-int',
  '--enable-bulk-memory',
  '--enable-multivalue',
];

/** One module in so many also uses reference types, which Debian's version of Binaryen makes invalid modules with. */
const REFERENCE_TYPES_EVERY = 32;

/** Generators of our own. */
const FOCUSED: readonly ((random: Random) => Uint8Array)[] = [
  callsModule,
  loopsModule,
  memoryModule,
];

/** One module in so many, by chance, is Binaryen's. */
const BINARYEN_EVERY = 10;

interface Program {
  command: string;
  before: string[];
}

/** The one npm's binaryen carries: newer, but slow to start. */
function packagedWasmOpt(): Program {
  const root = dirname(createRequire(import.meta.url).resolve('binaryen'));
  return { command: process.execPath, before: [join(root, 'bin', 'wasm-opt')] };
}

/** The native program where it is installed (Debian: binaryen). */
function fastWasmOpt(): Program {
  for (const dir of (process.env['PATH'] ?? '').split(':')) {
    const command = join(dir, 'wasm-opt');
    if (!dir.includes('node_modules') && existsSync(command)) return { command, before: [] };
  }
  return packagedWasmOpt();
}

/** Makes modules in a folder of its own; `close` removes it. */
export class Generator {
  private readonly dir = mkdtempSync(join(tmpdir(), 'elfin-fuzz-'));
  private readonly fast = fastWasmOpt();
  private readonly packaged = packagedWasmOpt();

  /** The module of a seed. */
  module(seed: number): Uint8Array {
    const random = new Random(seed);
    if (random.below(BINARYEN_EVERY) !== 0) return random.pick(FOCUSED)(random);
    const input = join(this.dir, 'seed');
    const output = join(this.dir, 'module.wasm');
    writeFileSync(input, random.bytes(200 + random.below(4000)));
    const optimise = random.pick([[], [], ['-O1'], ['-O3']]);
    const references = seed % REFERENCE_TYPES_EVERY === 0;
    const { command, before } = references ? this.packaged : this.fast;
    const flags = references ? [...FLAGS, '--enable-reference-types'] : FLAGS;
    execFileSync(command, [...before, input, ...flags, ...optimise, '-o', output], {
      stdio: 'ignore',
    });
    return new Uint8Array(readFileSync(output));
  }

  close(): void {
    rmSync(this.dir, { recursive: true, force: true });
  }
}
