/**
 * Every numeric Wasm operator on edge-case operands, compiled for the baseline, with each feature alone and with all,
 * against Node's own engine: one module and one run per feature set. Operands come as parameters, and once as a
 * constant and once from memory on either side, so that immediate and folded forms are met.
 */
import { describe, expect, it } from 'vitest';
import { Engine } from '../../../src-ts/index.ts';
import { thread } from '../../../src-ts/runtime/thread.ts';

type Value = number | bigint;
interface Peer {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object) => { exports: Record<string, (...args: Value[]) => Value> };
}
const node = (globalThis as unknown as { WebAssembly: Peer }).WebAssembly;

const I32 = 0x7f;
const I64 = 0x7e;
const F32 = 0x7d;
const F64 = 0x7c;
const INTS = [0, 1, -1, 2, 7, 31, 32, 33, 255, -128, 0x7fffffff, -0x80000000, 0x12345678];
const LONGS = [
  0n,
  1n,
  -1n,
  3n,
  63n,
  64n,
  255n,
  1n << 32n,
  (1n << 63n) - 1n,
  -(1n << 63n),
  0x123456789abcdefn,
];
const FLOATS = [
  ...[0, -0, 1, -1, 0.5, -0.5, 1.5, 2.5, -2.5, 1e10, -1e19, 1e19, Infinity, -Infinity, NaN],
  ...[2147483647, 2147483648, -2147483648, -2147483649, 4294967295, 4294967296, -0.9, 9.3e18],
  ...[2 ** 63, -(2 ** 63), 2 ** 64, 1e-310, 3.4e38, 4503599627370495.5],
];

/** Operator byte(s), operand types, result type. */
type Operator = [code: number[], params: number[], result: number];

function range(from: number, to: number, params: number[], result: number): Operator[] {
  return Array.from({ length: to - from + 1 }, (_, i) => [[from + i], params, result]);
}

const OPERATORS: Operator[] = [
  [[0x45], [I32], I32],
  ...range(0x46, 0x4f, [I32, I32], I32),
  [[0x50], [I64], I32],
  ...range(0x51, 0x5a, [I64, I64], I32),
  ...range(0x5b, 0x60, [F32, F32], I32),
  ...range(0x61, 0x66, [F64, F64], I32),
  ...range(0x67, 0x69, [I32], I32),
  ...range(0x6a, 0x78, [I32, I32], I32),
  ...range(0x79, 0x7b, [I64], I64),
  ...range(0x7c, 0x8a, [I64, I64], I64),
  ...range(0x8b, 0x91, [F32], F32),
  ...range(0x92, 0x98, [F32, F32], F32),
  ...range(0x99, 0x9f, [F64], F64),
  ...range(0xa0, 0xa6, [F64, F64], F64),
  [[0xa7], [I64], I32],
  ...range(0xa8, 0xa9, [F32], I32),
  ...range(0xaa, 0xab, [F64], I32),
  ...range(0xac, 0xad, [I32], I64),
  ...range(0xae, 0xaf, [F32], I64),
  ...range(0xb0, 0xb1, [F64], I64),
  ...range(0xb2, 0xb3, [I32], F32),
  ...range(0xb4, 0xb5, [I64], F32),
  [[0xb6], [F64], F32],
  ...range(0xb7, 0xb8, [I32], F64),
  ...range(0xb9, 0xba, [I64], F64),
  [[0xbb], [F32], F64],
  [[0xbc], [F32], I32],
  [[0xbd], [F64], I64],
  [[0xbe], [I32], F32],
  [[0xbf], [I64], F64],
  ...range(0xc0, 0xc1, [I32], I32),
  ...range(0xc2, 0xc4, [I64], I64),
  ...[0, 1].map((k): Operator => [[0xfc, k], [F32], I32]),
  ...[2, 3].map((k): Operator => [[0xfc, k], [F64], I32]),
  ...[4, 5].map((k): Operator => [[0xfc, k], [F32], I64]),
  ...[6, 7].map((k): Operator => [[0xfc, k], [F64], I64]),
];

function leb(n: number): number[] {
  const out: number[] = [];
  do {
    const low = n & 127;
    n >>>= 7;
    out.push(n === 0 ? low : low | 128);
  } while (n !== 0);
  return out;
}
const vec = (items: number[][]): number[] => [...leb(items.length), ...items.flat()];
const sized = (bytes: number[]): number[] => [...leb(bytes.length), ...bytes];
const section = (id: number, body: number[]): number[] => [id, ...sized(body)];

const LOAD: Record<number, number> = { [I32]: 0x28, [I64]: 0x29, [F32]: 0x2a, [F64]: 0x2b };
const STORE: Record<number, number> = { [I32]: 0x36, [I64]: 0x37, [F32]: 0x38, [F64]: 0x39 };
const LEFT_IN_MEMORY = 1;
const RIGHT_IN_MEMORY = 2;

/** Body of a function: parameter k read as a local, or stored to memory and loaded right before its use. */
function body([code, params]: Operator, inMemory: number): number[] {
  const out: number[] = [0];
  params.forEach((ty, k) => {
    if ((inMemory >> k) & 1) out.push(0x41, 16 + 8 * k, 0x20, k, STORE[ty], 2, 0);
  });
  params.forEach((ty, k) => {
    if ((inMemory >> k) & 1) out.push(0x41, 16 + 8 * k, LOAD[ty], 2, 0);
    else out.push(0x20, k);
  });
  return [...out, ...code, 0x0b];
}

/** f0, f1, …: every operator in the three variants. */
function moduleBytes(): Uint8Array {
  const variants = OPERATORS.flatMap((op) =>
    [0, LEFT_IN_MEMORY, RIGHT_IN_MEMORY].map((where) => ({ op, code: body(op, where) })),
  );
  const types = OPERATORS.map(([, params, result]) => [
    ...[0x60, ...vec(params.map((p) => [p]))],
    ...vec([[result]]),
  ]);
  const name = (i: number): number[] => sized([...Buffer.from(`f${i}`)]);
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, vec(types)),
    ...section(3, vec(variants.map((_, i) => leb(Math.floor(i / 3))))),
    ...section(5, vec([[0, 1]])),
    ...section(7, vec(variants.map((_, i) => [...name(i), 0, ...leb(i)]))),
    ...section(10, vec(variants.map((v) => sized(v.code)))),
  ]);
}

function operands(ty: number): readonly Value[] {
  if (ty === I32) return INTS;
  return ty === I64 ? LONGS : FLOATS;
}

/** Results of every call as text; NaNs are alike, zeros are not. */
function results(exports: Record<string, (...args: Value[]) => Value>): string[] {
  const out: string[] = [];
  const call = (f: string, ...args: Value[]): void => {
    let said: string;
    try {
      const r = exports[f](...args);
      said = Object.is(r, -0) ? '-0' : String(r);
    } catch (e) {
      const { message } = e as Error;
      const divided = message.includes('zero') || message.includes('remainder');
      said = divided ? 'by zero' : 'trap';
    }
    out.push(
      `${f}(${args.map((a) => (Object.is(a, -0) ? '-0' : String(a))).join(', ')}) = ${said}`,
    );
  };
  OPERATORS.forEach(([, params], i) => {
    for (let v = 0; v < 3; v++) {
      for (const a of operands(params[0])) {
        if (params.length === 1) call(`f${i * 3 + v}`, a);
        else for (const b of operands(params[1])) call(`f${i * 3 + v}`, a, b);
      }
    }
  });
  return out;
}

describe('operators on edge cases', () => {
  const bytes = moduleBytes();
  const expected = results(new node.Instance(new node.Module(bytes)).exports);
  const used = ['sse4.1', 'popcnt', 'lzcnt', 'bmi1', 'bmi2', 'avx'];
  const host = thread()
    .native.cpuFeatures()
    .filter((name) => used.includes(name));
  const sets: (readonly string[])[] = [[], ...host.map((name) => [name]), host];
  for (const set of sets) {
    it(set.length === 0 ? 'baseline' : set.join(' '), () => {
      const cpu = set.length === 0 ? 'baseline' : [...set];
      const W = new Engine({ cpu }).WebAssembly as unknown as Peer;
      const found = results(new W.Instance(new W.Module(bytes)).exports);
      const wrong = found.filter((line, i) => line !== expected[i]);
      expect(wrong.slice(0, 20)).toEqual([]);
    });
  }
});
