/** memory.copy and memory.fill of constant size, in place or by the helpers, against Node's own engine. */
import { expect, test } from 'vitest';
import { Engine } from '../../src-ts/index.ts';
import { parseText } from '../../src-ts/tools/wat.ts';
import { V8, type WasmEngine } from '../fuzz/differential.ts';

const SIZES = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 15, 16, 17, 24, 31, 32, 33];
const END = 65536;

const functions = SIZES.map(
  (
    n,
  ) => `(func (export "copy${n}") (param i32 i32) (memory.copy (local.get 0) (local.get 1) (i32.const ${n})))
    (func (export "fill${n}") (param i32 i32) (memory.fill (local.get 0) (local.get 1) (i32.const ${n})))
    (func (export "zero${n}") (param i32 i32) (memory.fill (local.get 0) (i32.const 0x1a5) (i32.const ${n})))`,
);
const TEXT = `(module (memory (export "memory") 1) ${functions.join('')})`;

/** Places at the start, over one another in both directions, and around the end. */
function places(n: number): [number, number][] {
  const near = [0, 100, 103, 100 + n, END - n - 1, END - n, END - n + 1, END - 1, END, -1];
  return near.flatMap((to) => near.map((from): [number, number] => [to, from]));
}

/** What a run leaves: whether it trapped, and the bytes that may have changed. */
function outcome(exports: Record<string, unknown>, name: string, a: number, b: number): string {
  const memory = new Uint8Array((exports['memory'] as { buffer: ArrayBuffer }).buffer);
  for (let i = 0; i < 256; i++) memory[i] = memory[END - 256 + i] = i * 7;
  let trapped = '';
  try {
    (exports[name] as (a: number, b: number) => void)(a, b);
  } catch (e) {
    trapped = (e as Error).name;
  }
  return `${trapped} ${Buffer.from(memory.subarray(0, 256)).toString('hex')} ${Buffer.from(memory.subarray(END - 256)).toString('hex')}`;
}

test.each([{ optLevel: 2 }, { optLevel: 0 }, { optLevel: 2, explicitChecks: true }] as const)(
  '%j',
  async (settings) => {
    const bytes = await parseText(TEXT);
    const instance = (engine: WasmEngine) =>
      new engine.Instance(new engine.Module(bytes) as never).exports;
    const ours = instance(
      new Engine({ ...settings, verify: true }).WebAssembly as unknown as WasmEngine,
    );
    const theirs = instance(V8);
    for (const n of SIZES) {
      for (const [to, from] of places(n)) {
        for (const name of [`copy${n}`, `fill${n}`, `zero${n}`]) {
          const where = `${name}(${to}, ${from})`;
          expect(outcome(ours, name, to, from), where).toBe(outcome(theirs, name, to, from));
        }
      }
    }
  },
);
