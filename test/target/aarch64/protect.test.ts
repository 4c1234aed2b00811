/** Signed return addresses and marked branch targets: what settings do to objects, seen with other people's tools. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { compile } from '../../../src-ts/compiler/index.ts';
import { checksum, readObject } from '../../../src-ts/object/index.ts';
import { parseWat } from '../../../src-ts/tools/wast/wat.ts';

const dir = mkdtempSync(join(tmpdir(), 'elfin-protect-'));
afterAll(() => rmSync(dir, { recursive: true }));

const wasm = await parseWat(`(module
  (import "m" "f" (func (param i32)))
  (func (export "g") (param i32) (call 0 (local.get 0)) (call 0 (local.get 0))))`);
const target = 'aarch64-linux';

function run(tool: string, ...args: string[]): string {
  const env = { ...process.env, LC_ALL: 'C.UTF-8' };
  const { status, stdout, stderr } = spawnSync(tool, args, { encoding: 'utf8', env });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return stdout;
}

const has = (tool: string) => spawnSync(tool, ['--version'], { stdio: 'ignore' }).status === 0;

function object(name: string, settings: Parameters<typeof compile>[1]): string {
  const file = join(dir, name);
  writeFileSync(file, compile(wasm, { target, ...settings }));
  return file;
}

describe('objects', () => {
  const plain = object('plain.o', {});
  const signed = object('signed.o', { pointerAuth: 'ret' });
  const marked = object('marked.o', { branchTargets: true });
  const both = object('both.o', { pointerAuth: 'ret', branchTargets: true });

  test('say in a note what holds for their code', () => {
    expect(run('readelf', '-nW', plain)).not.toMatch(/BTI|PAC/);
    expect(run('readelf', '-nW', signed)).toMatch(/AArch64 feature: PAC/);
    expect(run('readelf', '-nW', marked)).toMatch(/AArch64 feature: BTI\n/);
    expect(run('readelf', '-nW', both)).toMatch(/AArch64 feature: BTI, PAC/);
  });

  test('describe signed return addresses: once signed, once checked, in every function', () => {
    const toggles = (file: string) => {
      const frames = run('readelf', '--debug-dump=frames', file);
      const fdes = frames.split('FDE').slice(1);
      return fdes.map((fde) => (fde.match(/DW_CFA_AARCH64_negate_ra_state/g) ?? []).length);
    };
    expect(new Set(toggles(plain))).toEqual(new Set([0]));
    expect(new Set(toggles(marked))).toEqual(new Set([0]));
    expect(new Set(toggles(both))).toEqual(new Set([2]));
    expect(toggles(signed)).toEqual(toggles(both));
  });

  test.skipIf(!has('aarch64-linux-gnu-ld'))('a linker keeps the marks', () => {
    const linked = join(dir, 'linked.o');
    run('aarch64-linux-gnu-ld', '-r', '-z', 'force-bti', both, '-o', linked);
    expect(run('readelf', '-nW', linked)).toMatch(/AArch64 feature: BTI, PAC/);
    run('aarch64-linux-gnu-ld', '-r', plain, marked, '-z', 'muldefs', '-o', linked);
    expect(run('readelf', '-nW', linked)).not.toMatch(/BTI/);
  });

  test('tell the runtime to have marks enforced', () => {
    const layout = (settings: Parameters<typeof compile>[1]) =>
      readObject(compile(wasm, { target, ...settings }), checksum).layout.branchTargets;
    expect(layout({})).toBe(0);
    expect(layout({ pointerAuth: 'ret' })).toBe(0);
    expect(layout({ branchTargets: true })).toBe(1);
  });
});

test('a target without them refuses the settings', () => {
  const x86 = { target: 'x86_64-linux' } as const;
  expect(() => compile(wasm, { ...x86, pointerAuth: 'ret' })).toThrow(
    "setting 'pointerAuth' is ret, but target 'x86_64-linux' has no such thing (only aarch64-linux)",
  );
  expect(() => compile(wasm, { ...x86, branchTargets: true })).toThrow(/setting 'branchTargets'/);
  expect(() => compile(wasm, { ...x86, branchTargets: false })).not.toThrow();
});
