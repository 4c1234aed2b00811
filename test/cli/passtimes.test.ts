/** `elfin compile --time-passes`: every stage is there, and the object is the one made without it. */
import { afterEach, expect, test, vi } from 'vitest';
import { parts } from '../../src-ts/cli/backend.ts';
import { passTable } from '../../src-ts/cli/passtimes.ts';
import { PASSES } from '../../src-ts/opt/pipeline.ts';
import { parseText } from '../../src-ts/tools/wat.ts';

afterEach(() => vi.restoreAllMocks());

test('stages of a compilation', async () => {
  let table = '';
  vi.spyOn(console, 'error').mockImplementation((text: unknown) => void (table = String(text)));
  const module = await parseText(`(module (func (export "f") (param i32) (result i32)
    (i32.add (i32.mul (local.get 0) (i32.const 6)) (i32.const 7))))`);
  const timed = await parts.compile(module, { timePasses: true });
  expect(timed).toEqual(await parts.compile(module, {}));
  const names = table.split('\n').map((line) => line.replace(/^.*  (?=\S)/, ''));
  const stages = ['decode', 'frontend', ...PASSES.map((p) => p.name), 'lowering'];
  expect(names).toEqual(expect.arrayContaining([...stages, 'regalloc: spill', 'object', 'all']));
});

test('the table', () => {
  const stages = [
    { name: 'one', ms: 1, laps: 2, sizeIn: 0, sizeOut: 30 },
    { name: 'two', ms: 3, laps: 2, sizeIn: 30, sizeOut: 20 },
  ];
  expect(passTable(stages).split('\n')).toEqual([
    '       ms   share        in       out  pass',
    '     1.00  25.0 %                  30  one',
    '     3.00  75.0 %        30        20  two',
    '     4.00                              all',
  ]);
});
