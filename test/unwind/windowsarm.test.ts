/** Code for ARM64 Windows computes what Linux's does: Wasm's convention and AAPCS64 are the same there, only frames differ. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { compileGuest, instantiate, missing, objectLine } from './guest.ts';
import { SHAPES } from './shapes.ts';
import { step } from './step.ts';

const dir = mkdtempSync(join(tmpdir(), 'elfin-winarm-run-'));
afterAll(() => rmSync(dir, { recursive: true }));

/** The module's imports: host functions by number, a native one by name. */
const IMPORTS = [0, 1, 'add', 0, 0];

async function run(target: 'aarch64-linux' | 'aarch64-windows', optLevel: 0 | 2): Promise<string> {
  const options = { target, cpu: 'baseline', optOff: ['inline'], optLevel } as const;
  const first = await compileGuest(dir, target, SHAPES.replace('NESTED', '0'), options);
  const nested = instantiate(first.object, IMPORTS, 0).ref('nested');
  const text = SHAPES.replace('NESTED', String(nested));
  const { path, object } = await compileGuest(dir, target, text, options);
  const guest = instantiate(object, IMPORTS, 0);
  const lines = [
    objectLine(path, object),
    ...guest.lines,
    `call ${guest.ref('run')} 10`,
    `call ${guest.ref('results')} 7`,
    `call ${guest.ref('wide')} ${Array.from({ length: 14 }, (_, i) => i).join(' ')}`,
    `call ${guest.ref('probed')} 3`,
  ];
  return (await step('arm64', dir, lines, object)).output;
}

const lacking = missing('qemu-aarch64', 'cmake', 'ninja', 'aarch64-linux-gnu-g++');

describe.skipIf(lacking.length > 0)('aarch64-windows code under qemu', () => {
  test.each([0, 2] as const)('opt level %i', { timeout: 600_000 }, async (optLevel) => {
    const output = await run('aarch64-windows', optLevel);
    expect(output.trim().split('\n')).toHaveLength(4);
    expect(output).toBe(await run('aarch64-linux', optLevel));
  });
});
