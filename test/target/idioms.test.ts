/** Idioms that instruction selection has rules for (idioms.wat), on edge cases, against Node's own engine. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Engine } from '../../src-ts/index.ts';
import { thread } from '../../src-ts/runtime/thread.ts';
import { parseText } from '../../src-ts/tools/wat.ts';

type Value = number | bigint;
type Exports = Record<string, (x: Value, y: Value) => Value>;
interface Peer {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object) => { exports: Exports };
}
const node = (globalThis as unknown as { WebAssembly: Peer }).WebAssembly;

const INTS = [
  ...[0, 1, 2, 3, 5, 8, 31, 32, 33, 63, 255, 256, 0xff00, 0x12345678],
  ...[-1, -2, -8, -256, 0x7fffffff, -0x80000000, 0x0f0f0f0f, -0x5a5a5a5b],
];
const LONGS = [
  ...INTS.map((n) => BigInt(n)),
  ...[1n << 32n, 1n << 38n, (1n << 63n) - 1n, -(1n << 63n), 0x123456789abcdefn, -(1n << 40n)],
];

/** Results of every function on every pair, as text. Functions of i64 refuse numbers. */
function results(exports: Exports): string[] {
  const out: string[] = [];
  for (const [name, run] of Object.entries(exports)) {
    if (typeof run !== 'function') continue;
    const values: readonly Value[] = takesLongs(run) ? LONGS : INTS;
    for (const x of values) for (const y of values) out.push(`${name}(${x}, ${y}) = ${run(x, y)}`);
  }
  return out;
}

function takesLongs(run: Exports[string]): boolean {
  try {
    run(0, 0);
    return false;
  } catch (error) {
    if (error instanceof TypeError) return true;
    throw error;
  }
}

describe('idioms', async () => {
  const bytes = await parseText(readFileSync(join(import.meta.dirname, 'idioms.wat'), 'utf8'));
  const expected = results(new node.Instance(new node.Module(bytes)).exports);
  const host = thread().native.cpuFeatures();
  for (const set of [[], ['bmi1'], ['bmi2'], host]) {
    it(`with ${set.length === 0 ? 'baseline' : set.join(' ')}`, () => {
      const cpu = set.length === 0 ? 'baseline' : [...set];
      const W = new Engine({ cpu }).WebAssembly as unknown as Peer;
      const found = results(new W.Instance(new W.Module(bytes)).exports);
      expect(found.filter((line, i) => line !== expected[i])).toEqual([]);
    });
  }
});
