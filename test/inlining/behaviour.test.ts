/** What inlining must not change: traces, errors of invalid modules, stack exhaustion, bytes whatever the number of workers. */
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { compile, compileAsync, type CompileOptions } from '../../src-ts/compiler/index.ts';
import { Engine } from '../../src-ts/index.ts';
import { checksum } from '../../src-ts/object/checksum.ts';
import { readObject } from '../../src-ts/object/read.ts';
import { parseText } from '../../src-ts/tools/wat.ts';
import { CompileError } from '../../src-ts/util/errors.ts';
import { bundleWorker } from '../compiler/build-worker.ts';

const primes = readFileSync(new URL('../../examples/primes.wasm', import.meta.url));

type Exports = Record<string, (...args: number[]) => number>;

async function run(text: string, settings: CompileOptions): Promise<Exports> {
  const { WebAssembly } = new Engine({ ...settings, verify: true });
  const module = new WebAssembly.Module(await parseText(text));
  return new WebAssembly.Instance(module, { env: { f: () => 0 } }).exports as Exports;
}

/** The Wasm frames of what a call throws. */
function frames(f: (...args: number[]) => number, ...args: number[]): string[] {
  try {
    f(...args);
  } catch (e) {
    return (e as Error).stack!.match(/wasm-function\[\d+\]:0x[0-9a-f]+/g) ?? [];
  }
  throw new Error('it did not trap');
}

/** Traps and calls in callees two levels deep, in a loop, behind one another, and below a recursion. */
const TRAPPING = `(module
  (import "env" "f" (func $import (result i32)))
  (memory 1)
  (func $load (param i32) (result i32) (i32.load (local.get 0)))
  (func $twice (param i32) (result i32)
    (i32.add (call $load (local.get 0)) (call $load (i32.shl (local.get 0) (i32.const 20)))))
  (func $imported (param i32) (drop (call $import)) (drop (call $twice (local.get 0))))
  (func $far (param i32) (result i32)
    (if (i32.eqz (local.get 0)) (then (unreachable)))
    (i32.div_u (i32.const 7) (call $far (i32.sub (local.get 0) (i32.const 1)))))
  (func (export "deep") (param i32) (result i32)
    (i32.add (call $twice (i32.const 0)) (call $twice (local.get 0))))
  (func (export "loop") (param i32) (result i32) (local i32)
    (loop
      (local.set 1 (i32.add (local.get 1) (call $load (i32.mul (local.get 0) (i32.const 5000)))))
      (br_if 0 (local.tee 0 (i32.add (local.get 0) (i32.const 1)))))
    (local.get 1))
  (func (export "behind") (param i32) (result i32)
    (call $imported (i32.const 0)) (call $imported (local.get 0)) (i32.const 0))
  (func (export "recursion") (param i32) (result i32) (call $far (local.get 0))))`;

const CALLS: [string, number][] = [
  ['deep', 8],
  ['loop', 1],
  ['behind', 4095],
  ['recursion', 0],
  ['recursion', 1],
  ['recursion', 9],
];

describe('traces are those of the code without inlining', () => {
  const settings: CompileOptions[] = [
    {},
    { optLevel: 1 },
    { optLevel: 's' },
    { explicitChecks: true },
    { optFirst: 4 },
    { optLast: 3 },
    { optOnly: ['inline'] },
    { optOff: ['inline'] },
  ];
  test.each(settings)('%j', async (with_) => {
    const plain = await run(TRAPPING, { inline: false });
    const inlined = await run(TRAPPING, with_);
    for (const [name, argument] of CALLS) {
      const expected = frames(plain[name]!, argument);
      expect(expected.length).toBeGreaterThan(1);
      expect(frames(inlined[name]!, argument), name).toEqual(expected);
    }
  });
});

test('recursion without end exhausts the stack', async () => {
  const { f } = await run(
    '(module (func $f (export "f") (result i32) (i32.add (call $f) (i32.const 1))))',
    {},
  );
  expect(() => f!()).toThrow(RangeError);
  expect(frames(f as () => number).length).toBeGreaterThan(10);
});

/** Byte offset of the error. */
function offsetOf(bytes: Uint8Array, settings: CompileOptions): number {
  try {
    compile(bytes, settings);
  } catch (e) {
    if (e instanceof CompileError && e.offset !== undefined) return e.offset;
    throw e;
  }
  throw new Error('it compiled');
}

test('an invalid callee is not the error of its caller', async () => {
  const text = (middle: string) => `(module
    (func (export "f") (result i32) (call $bad))
    (func (export "g") (result i32) ${middle})
    (func $bad (result i32) (i64.const 1)))`;
  for (const middle of ['(i32.const 1)', '(f32.const 1)']) {
    const bytes = await parseText(text(middle));
    expect(offsetOf(bytes, {})).toBe(offsetOf(bytes, { inline: false }));
  }
});

test('a function that is inlined wherever it is called has no code', async () => {
  const bytes = await parseText(`(module
    (func $once (param i32) (result i32) (i32.div_s (i32.const 100) (local.get 0)))
    (func $dead)
    (func (export "f") (param i32) (result i32) (call $once (local.get 0))))`);
  const sizes = (o: CompileOptions) => [...readObject(compile(bytes, o), checksum).functions.sizes];
  expect(sizes({}).map((n) => n > 0)).toEqual([false, true, true]);
  for (const options of [
    { inline: false },
    { optOff: ['inline'] },
    { optFirst: 3 },
    { optLevel: 0 },
  ] as const) {
    expect(sizes(options).map((n) => n > 0)).toEqual([true, true, true]);
  }
});

test('chains of calls that are too deep, too large or in a ring compile', async () => {
  const chain = Array.from(
    { length: 3000 },
    (_, i) => `(func $f${i} (result i32) (call $f${i + 1}))`,
  );
  const ring = Array.from(
    { length: 50 },
    (_, i) =>
      `(func $r${i} (param i32) (call $r${(i + 1) % 50} (local.get 0)) (call $r${(i + 7) % 50} (local.get 0)))`,
  );
  const fan = Array.from(
    { length: 30 },
    (_, i) => `(func $d${i} (result i32) (i32.add (call $d${i + 1}) (call $d${i + 1})))`,
  );
  // Weighs nothing, but is long, and is called often; then three calls of three calls of… nothing.
  const long = `(func $long ${'(nop)'.repeat(20_000)}) (func (export "many") ${'(call $long)'.repeat(5000)})`;
  const empty = Array.from(
    { length: 12 },
    (_, i) => `(func $e${i} ${`(call $e${i + 1})`.repeat(3)})`,
  );
  const none = `${empty.join('')} (func $e12) (func (export "none") ${'(call $e0)'.repeat(5000)})`;
  const text = `(module ${long} ${none} ${chain.join('')} (func $f3000 (result i32) (i32.const 5)) ${ring.join('')}
    ${fan.join('')} (func $d30 (result i32) (i32.const 1))
    (export "chain" (func $f0)) (export "fan" (func $d20)) (export "all" (func $d0)) (export "ring" (func $r0)))`;
  const { chain: f, fan: d } = await run(text, {});
  expect(f!()).toBe(5);
  expect(d!()).toBe(1024);
});

describe('the same bytes', () => {
  beforeAll(bundleWorker, 60_000); // returns what removes it again
  test('for any number of workers', async () => {
    const here = compile(primes);
    for (const workers of [1, 3]) {
      expect(Buffer.compare(await compileAsync(primes, { workers }), here), `${workers}`).toBe(0);
    }
  });
});
