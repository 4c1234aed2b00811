/** Real programs on our WASI, run by Node's own engine: a C program built on the spot, and the benchmark modules. */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { WASI, type WASIOptions } from '../../src-ts/wasi/index.ts';
import type { WasmNamespace } from '../../src-ts/tools/wast/wasm.ts';
import { withFolder } from './harness.ts';

const wasm = (globalThis as unknown as { WebAssembly: WasmNamespace }).WebAssembly;
const root = join(import.meta.dirname, '../..');
const bench = join(root, '../shared/bench');
const haveClang = spawnSync('clang', ['--target=wasm32-wasi', '-print-search-dirs']).status === 0;

/** Runs a module with its standard streams in files of `folder`. */
function runModule(
  file: string,
  folder: string,
  options: Partial<WASIOptions>,
): { code: number; out: string; err: string } {
  const fds = ['in', 'out', 'err'].map((name) =>
    openSync(join(folder, name), name === 'in' ? 'a+' : 'w'),
  );
  const [stdin, stdout, stderr] = fds as [number, number, number];
  const wasi = new WASI({ version: 'preview1', stdin, stdout, stderr, ...options });
  const instance = new wasm.Instance(new wasm.Module(readFileSync(file)), {
    ...wasi.getImportObject(),
    bench: { start() {}, end() {} },
  });
  const code = wasi.start(instance);
  for (const fd of fds) closeSync(fd);
  const text = (name: string): string => readFileSync(join(folder, name), 'utf8');
  return { code, out: text('out'), err: text('err') };
}

const EXPECTED = `arg one
arg two words
HOME=/home/guest
read back: 1
tell 23
> line 1
> line 2
> appended
mkdir: ok
mkdir again: File exists
rename: ok
symlink: ok
link: ok
stat: ok
size 23, links 2
lstat: ok
is link 1
readlink: ok
-> dir/moved.txt
data: ./ ../ dir/ hard link outside
data/dir: ./ ../ moved.txt
outside: Capabilities insufficient
up: Capabilities insufficient
absolute: No such file or directory
missing: No such file or directory
not a directory: Not a directory
unlink directory: Is a directory
rmdir full: Directory not empty
unlink: ok
rmdir: ok
ftruncate: ok
pread: ok
fsync: ok
futimens: ok
size 4, mtime 2
nanosleep: ok
stdin typed
isatty 0
`;

test.skipIf(!haveClang)('a C program works with files', async () => {
  await withFolder((folder) => {
    const source = join(import.meta.dirname, 'files.c');
    execFileSync('clang', [
      '--target=wasm32-wasi',
      '-O1',
      source,
      '-o',
      join(folder, 'files.wasm'),
    ]);
    mkdirSync(join(folder, 'data'));
    writeFileSync(join(folder, 'secret'), 'secret');
    writeFileSync(join(folder, 'in'), 'typed\n');
    symlinkSync('../secret', join(folder, 'data/outside'));
    const { code, out, err } = runModule(join(folder, 'files.wasm'), folder, {
      args: ['files', 'one', 'two words'],
      env: { HOME: '/home/guest' },
      preopens: { data: join(folder, 'data'), '/': join(folder, 'data') },
    });
    expect(out).toBe(EXPECTED);
    expect([code, err]).toEqual([7, 'to stderr\n']);
  });
});

test('the example program', async () => {
  await withFolder((folder) => {
    const { code, out } = runModule(join(root, 'examples/primes.wasm'), folder, {
      args: ['primes', '1000'],
    });
    expect(code).toBe(0);
    expect(out).toContain('primes up to 1000: 168, the last is 997');
    expect(
      runModule(join(root, 'examples/primes.wasm'), folder, { args: ['primes', 'x'] }).code,
    ).toBe(2);
  });
});

const lines = (text: string): string[] => text.trimEnd().split('\n');

const modules = [
  'richards/benchmark',
  'rust-json/benchmark',
  'blake3-scalar/benchmark',
  'bz2/benchmark',
  'quicksort/benchmark',
  'shootout/shootout-ackermann',
  'shootout/shootout-keccak',
  'shootout/shootout-gimli',
];

test.skipIf(!existsSync(bench)).each(modules)('benchmark module %s', async (name) => {
  await withFolder((folder) => {
    const stem = join(bench, name);
    const { code, out, err } = runModule(`${stem}.wasm`, folder, {
      args: ['benchmark.wasm'],
      preopens: { '.': dirname(stem) },
    });
    expect(code).toBe(0);
    for (const [suffix, text] of [
      ['stdout', out],
      ['stderr', err],
    ] as const) {
      const expected = [stem, join(dirname(stem), 'default')]
        .map((s) => `${s}.${suffix}.expected`)
        .find(existsSync);
      if (expected !== undefined)
        expect(lines(text)).toEqual(lines(readFileSync(expected, 'utf8')));
    }
  });
});
