/** The process's unwinder through compiled frames and across the fiber, without Node: native/test/host.cc. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildHost, compileGuest, instantiate, missing, objectLine, type Arch } from './guest.ts';

const dir = mkdtempSync(join(tmpdir(), 'elfin-unwinders-'));
afterAll(() => rmSync(dir, { recursive: true }));

/** Calls itself so many times, then the import; what it does depends on callee-saved registers. */
const TEXT = `(module
  (import "native" "f" (func $f (param i64 i64) (result i64)))
  (func $deep (param i64 i64) (result i64) (local i64)
    (local.set 2 (i64.mul (local.get 0) (i64.const 3)))
    (if (i64.eqz (local.get 0)) (then (return (call $f (local.get 1) (i64.const 5)))))
    (i64.sub (i64.add (call $deep (i64.sub (local.get 0) (i64.const 1)) (local.get 1))
      (local.get 2)) (local.get 2)))
  (func (export "run") (param i64 i64) (result i64) (call $deep (local.get 0) (local.get 1))))`;

const TOOLS: Record<Arch, string[]> = {
  x64: ['cmake', 'ninja', 'g++'],
  arm64: ['qemu-aarch64', 'cmake', 'ninja', 'aarch64-linux-gnu-g++'],
};
const TARGETS = { x64: 'x86_64-linux', arm64: 'aarch64-linux' } as const;
const DEPTH = 20;

/** Runs the module with a native import; the host's lines. */
async function host(arch: Arch, optLevel: 0 | 2, native: string, ...calls: string[]) {
  const settings = {
    target: TARGETS[arch],
    cpu: 'baseline',
    optLevel,
    optOff: ['inline'],
  } as const;
  const { path, object } = await compileGuest(dir, `${arch}-${native}`, TEXT, settings);
  const guest = instantiate(object, [native], 0);
  const plan = join(dir, `${arch}-${native}.plan`);
  const lines = [objectLine(path, object), ...guest.lines, ...calls];
  const text = lines.join('\n').replaceAll('RUN', String(guest.ref('run')));
  writeFileSync(plan, `${text}\n`);
  const program = [buildHost(arch, 'elfin_host'), plan];
  const qemu = ['qemu-aarch64', '-cpu', 'cortex-a72', '-L', '/usr/aarch64-linux-gnu'];
  const [command, ...args] = arch === process.arch ? program : [...qemu, ...program];
  const { stdout, stderr, status } = spawnSync(command!, args, { encoding: 'utf8' });
  expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
  return stdout.trim().split('\n');
}

for (const arch of ['x64', 'arm64'] as const) {
  const unavailable =
    missing(...TOOLS[arch]).length > 0 || (arch === 'x64' && process.arch !== 'x64');
  describe.skipIf(unavailable)(TARGETS[arch], () => {
    beforeAll(() => void buildHost(arch, 'elfin_host'), 600_000);

    test.each([0, 2] as const)(
      '_Unwind_Backtrace and backtrace(3), opt level %i',
      async (level) => {
        const lines = await host(arch, level, 'backtrace', `call RUN ${DEPTH} 1`, 'call RUN 0 1');
        const [deep, shallow] = lines.map((line) => Number(line.replace('result ', '')));
        // Frames by either: so many more, and in the shallow stack all from the native function to the C library.
        expect([Math.floor(deep! / 1000), deep! % 1000]).toEqual([
          Math.floor(shallow! / 1000) + DEPTH,
          (shallow! % 1000) + DEPTH,
        ]);
        expect(shallow! % 1000).toBeGreaterThan(8);
      },
    );

    test.each([0, 2] as const)('a C++ exception from an import, opt level %i', async (level) => {
      const calls = ['catch 1', `call RUN ${DEPTH} 77`, `call RUN 3 78`];
      const lines = await host(arch, level, 'throw', ...calls);
      const seen = lines.filter((line) => !line.startsWith('result'));
      // The destructors of the native function that throws and of the one that catches.
      expect(seen).toEqual(['caught 77', 'destroyed 2', 'caught 78', 'destroyed 2']);
    });

    test('a call that ends', async () => {
      expect(await host(arch, 2, 'add', `call RUN ${DEPTH} 4`)).toEqual(['result 9']);
    });
  });
}
