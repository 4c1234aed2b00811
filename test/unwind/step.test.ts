/** The unwind tables at every instruction, by single-stepping: x86-64 under gdbserver, AArch64 under qemu's stub. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { CompileOptions } from '../../src-ts/compiler/index.ts';
import { compileGuest, instantiate, missing, objectLine, type Arch } from './guest.ts';
import { SHAPES } from './shapes.ts';
import { step } from './step.ts';

const dir = mkdtempSync(join(tmpdir(), 'elfin-step-'));
afterAll(() => rmSync(dir, { recursive: true }));

const TOOLS: Record<Arch, string[]> = {
  x64: ['gdbserver', 'cmake', 'ninja', 'g++'],
  arm64: ['qemu-aarch64', 'cmake', 'ninja', 'aarch64-linux-gnu-g++'],
};
const TARGETS = { x64: 'x86_64-linux', arm64: 'aarch64-linux' } as const;

/** The module's imports: host functions by number, a native one by name. */
const IMPORTS = [0, 1, 'add', 0, 0];

async function stepShapes(arch: Arch, settings: CompileOptions, cpu?: string) {
  const options = {
    target: TARGETS[arch],
    cpu: 'baseline',
    optOff: ['inline'],
    ...settings,
  } as const;
  const first = await compileGuest(dir, 'shapes', SHAPES.replace('NESTED', '0'), options);
  const nested = instantiate(first.object, IMPORTS, 0).ref('nested');
  const { path, object } = await compileGuest(
    dir,
    'shapes',
    SHAPES.replace('NESTED', String(nested)),
    options,
  );
  const guest = instantiate(object, IMPORTS, 0);
  const lines = [
    objectLine(path, object),
    ...guest.lines,
    `call ${guest.ref('run')} 10`,
    'step 1',
    `call ${guest.ref('run')} 10`,
    `call ${guest.ref('results')} 7`,
    `call ${guest.ref('wide')} ${Array.from({ length: 14 }, (_, i) => i).join(' ')}`,
    // Tens of thousands of instructions, with one prologue: once is enough.
    ...(settings.optLevel === 2 ? [`call ${guest.ref('probed')} 3`] : []),
  ];
  return { object, result: await step(arch, dir, lines, object, cpu) };
}

for (const arch of ['x64', 'arm64'] as const) {
  const lacking = missing(...TOOLS[arch]);
  const unavailable = lacking.length > 0 || (arch === 'x64' && process.arch !== 'x64');
  describe.skipIf(unavailable)(`${TARGETS[arch]}: tables are exact at every instruction`, () => {
    test.each([0, 2] as const)('opt level %i', { timeout: 600_000 }, async (optLevel) => {
      const { object, result } = await stepShapes(arch, { optLevel });
      const [unstepped, ...stepped] = result.output.trim().split('\n');
      expect(stepped[0]).toBe(unstepped);
      const entered = Array.from(object.functions.offsets, (offset) => result.seen.has(offset));
      if (optLevel === 2) expect(entered).not.toContain(false);
      expect(result.checked).toBeGreaterThan(5000);
    });

    test.skipIf(arch === 'x64')('signed return addresses', { timeout: 600_000 }, async () => {
      const settings = { optLevel: 1, pointerAuth: 'ret', branchTargets: true } as const;
      const { result } = await stepShapes(arch, settings, 'max,pauth-impdef=on');
      // One in 128 signatures is zero.
      expect(result.signed).toBeGreaterThan(5000);
      expect(result.signatures).toBeGreaterThan(0.9 * result.signed);
    });
  });
}
