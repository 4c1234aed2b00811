import { expect, test } from 'vitest';
import { Counts } from '../../bench/count/counts.ts';
import { compile } from '../../src-ts/compiler/index.ts';
import { parseText } from '../../src-ts/tools/wat.ts';

test('counts by offset', () => {
  const counts = new Counts('1007\n0 8 100\n8 a 50\n20 21 107\n');
  expect(counts.total).toBe(1007);
  expect([0, 7, 8, 9, 10, 0x1f, 0x20, 0x21].map((at) => counts.at(at))).toEqual([
    100, 100, 50, 50, 0, 0, 107, 0,
  ]);
  expect([counts.anyIn(0xa, 0x20), counts.anyIn(9, 0x20), counts.anyIn(0xa, 0x21)]).toEqual([
    false,
    true,
    true,
  ]);
});

test('nothing executed', () => {
  const counts = new Counts('0\n');
  expect([counts.total, counts.at(0), counts.anyIn(0, 9)]).toEqual([0, 0, false]);
});

test.each(['x86_64-linux', 'aarch64-linux'] as const)('spill slots of %s', async (target) => {
  const values = Array.from({ length: 40 }, (_, i) => i);
  const module = await parseText(`(module (import "" "" (func $g)) (memory 1) (func (result i32)
    ${values.map((i) => `(local $v${i} i32)`).join(' ')}
    ${values.map((i) => `(local.set $v${i} (i32.load offset=${4 * i} (i32.const 0)))`).join('\n')}
    (call $g) ${values.map((i) => `local.get $v${i}`).join(' ')} ${'i32.xor '.repeat(39)}))`);
  const seen: string[][] = [];
  const dump = ['spills'];
  compile(module, { target, cpu: 'baseline', dump }, undefined, (_stage, _index, text) =>
    seen.push(text.split('\n').filter((line) => line !== '')),
  );
  const [places] = seen as [string[]];
  for (const kind of ['load', 'store']) {
    const some = places.filter((line) => line.startsWith(kind));
    expect(some.length).toBeGreaterThan(10);
    expect(some.every((line) => /^(load|store) 0x[0-9a-f]+$/.test(line))).toBe(true);
  }
});
