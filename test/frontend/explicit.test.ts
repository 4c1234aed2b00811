/**
 * Explicit bounds checks, executed where the tail behind the memory ends: what is accessed as far past a checked index as its check
 * may vouch for, at the last places of the memory and behind it, against Node's own engine.
 */
import { expect, test } from 'vitest';
import * as Abi from '../../src-ts/gen/abi.ts';
import { Engine } from '../../src-ts/index.ts';
import { parseText } from '../../src-ts/tools/wat.ts';
import { V8, type WasmEngine } from '../fuzz/differential.ts';

const SLACK = Abi.MEMORY_TAIL - Abi.MEMORY_NEAR;
const LAST = Abi.MEMORY_NEAR - 4;
const BYTES = 65536;

const loop = (body: string, step: number, end: number): string => `(local $i i32)
  (loop $l ${body}
    (local.set $i (i32.add (local.get $i) (i32.const ${step})))
    (br_if $l (i32.ne (local.get $i) (i32.const ${end}))))`;
const sum = (plus: string): string => `(i32.add (local.get 0) ${plus})`;

const FUNCTIONS: Readonly<Record<string, string>> = {
  distance: `(i32.store8 (local.get 0) (i32.const 1))
    (i32.store offset=${LAST} ${sum(`(i32.const ${SLACK})`)} (i32.const 2))`,
  // The value before the loop is checked there: the loop's checks lean on it as far as the tail reaches.
  counted: loop(
    `(i32.store8 (i32.const 8) (i32.add (i32.load8_u (i32.const 8)) (i32.const 1)))
     (i32.store offset=${LAST} ${sum('(local.get $i)')} (i32.const 3))`,
    4096,
    SLACK + 4096,
  ),
  within: loop(`(i32.store ${sum('(local.get $i)')} (local.get $i))`, 4, 4096),
  below: loop(`(i32.store ${sum('(i32.sub (local.get $i) (i32.const 8))')} (local.get $i))`, 4, 64),
  grown: loop(
    `(i32.store8 (i32.const 8) (i32.add (i32.load8_u (i32.const 8)) (i32.const 1)))
     (i32.store ${sum('(local.get $i)')} (local.get $i)) (drop (memory.grow (i32.const 1)))`,
    16384,
    65536,
  ),
  masked: `(i32.store offset=${LAST} (i32.and (local.get 0) (i32.const ${SLACK})) (i32.const 4))`,
};
const TEXT = `(module (memory (export "memory") 1) ${Object.entries(FUNCTIONS)
  .map(([name, body]) => `(func (export "${name}") (param i32) ${body})`)
  .join('\n')})`;

const PLACES = [0, 4, 8, BYTES - 4100, BYTES - 4097, BYTES - 4096, BYTES - 4095, BYTES - 60];
for (const d of [-56, -52, -8, -5, -4, -3, -1, 0, 1, 8, 9, SLACK, Abi.MEMORY_TAIL])
  PLACES.push(BYTES + d);
PLACES.push(-1, -4, -8, -64, -BYTES, -SLACK, -SLACK - 4, -Abi.MEMORY_TAIL);

/** What a call leaves: whether it trapped, and the memory. */
function outcome(engine: WasmEngine, module: object, name: string, place: number): string {
  const instance = new engine.Instance(module as never);
  let trapped = '';
  try {
    (instance.exports[name] as (p: number) => void)(place);
  } catch (e) {
    trapped = (e as Error).name;
  }
  const { buffer } = instance.exports['memory'] as { buffer: ArrayBuffer };
  return `${trapped} ${Buffer.from(buffer).toString('latin1')}`;
}

test.each(Object.keys(FUNCTIONS))('%s', async (name) => {
  const bytes = await parseText(TEXT);
  const settings = { optLevel: 2, explicitChecks: true, verify: true } as const;
  const ours = new Engine(settings).WebAssembly as unknown as WasmEngine;
  const [module, reference] = [new ours.Module(bytes), new V8.Module(bytes)];
  for (const place of PLACES) {
    const same = outcome(ours, module, name, place) === outcome(V8, reference, name, place);
    expect(same, `${place}`).toBe(true);
  }
});
