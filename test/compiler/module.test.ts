/** From decoded modules to descriptions, and the scans and plans made before the first function is compiled. */
import { describe, expect, test } from 'vitest';
import { describeModule, trampolineTypes } from '../../src-ts/compiler/describe.ts';
import { makeBatches } from '../../src-ts/compiler/parallel.ts';
import { makesForeignTailCalls } from '../../src-ts/compiler/tailcalls.ts';
import { moduleLayout } from '../../src-ts/frontend/layout.ts';
import { parseWat } from '../../src-ts/tools/wast/wat.ts';
import { decodeModule } from '../../src-ts/wasm/decode.ts';
import { SUPPORTED_FEATURES } from '../../src-ts/wasm/features.ts';

async function decoded(text: string) {
  const bytes = await parseWat(text);
  return { bytes, m: decodeModule(bytes, SUPPORTED_FEATURES) };
}

async function described(text: string) {
  const { bytes, m } = await decoded(text);
  const settings = { names: true, debugSections: true, explicitChecks: false };
  return describeModule(bytes, m, moduleLayout(m).funcRefs, settings);
}

describe('module description', () => {
  test('types are canonical, tables and globals are the defined ones', async () => {
    const { module, data } = await described(`(module $thing
      (type $a (func (param i32) (result i64)))
      (type $b (func (param i32) (result i64)))
      (import "env" "f" (func $f (type $b)))
      (import "env" "t" (table 3 7 funcref))
      (import "env" "g" (global i64))
      (table $own 2 externref)
      (memory 1 2)
      (global (mut f32) (f32.const -0))
      (global i64 (i64.const -5))
      (global f64 (f64.const nan:0x8000000000001))
      (global i32 (i32.add (i32.const 3) (i32.const -4)))
      (func $g (export "run") (type $a) (i64.const 1))
      (func $start)
      (start $start)
      (elem (table 0) (i32.const 1) func $f $g)
      (elem funcref (ref.null func) (ref.func $start))
      (data (i32.const 4) "abc")
      (data "de"))`);
    expect(module.types).toEqual([
      { params: [0x7f], results: [0x7e] },
      { params: [], results: [] },
    ]);
    expect([...module.funcTypes]).toEqual([0, 0, 1]);
    expect(module.imports).toEqual([
      { module: 'env', name: 'f', kind: 'function', type: 0 },
      { module: 'env', name: 't', kind: 'table', type: { elem: 0x70, min: 3, max: 7 } },
      { module: 'env', name: 'g', kind: 'global', type: { type: 0x7e, mutable: false } },
    ]);
    expect(module.tables).toEqual([{ elem: 0x6f, min: 2, max: undefined }]);
    expect(module.memories).toEqual([{ min: 1, max: 2, shared: false, is64: false }]);
    expect(module.globals.map((g) => g.init)).toEqual([
      [{ op: 'f32.const', bits: 0x80000000 }],
      [{ op: 'i64.const', value: -5n }],
      [{ op: 'f64.const', bits: 0x7ff8000000000001n }],
      [{ op: 'i32.const', value: 3 }, { op: 'i32.const', value: -4 }, { op: 'i32.add' }],
    ]);
    expect(module.elements.map((e) => e.funcs && [...e.funcs])).toEqual([[0, 1], undefined]);
    expect(module.elements[1]!.exprs).toEqual([
      [{ op: 'ref.null' }],
      [{ op: 'ref.func', index: 2 }],
    ]);
    expect(module.data.map((d) => [d.mode, d.start, d.length])).toEqual([
      ['active', 0, 3],
      ['passive', 3, 2],
    ]);
    expect(Buffer.from(data).toString()).toBe('abcde');
    expect(module.start).toBe(2);
    expect(module.moduleName).toBe('thing');
    expect([...module.funcNames]).toEqual([
      [0, 'f'],
      [1, 'g'],
      [2, 'start'],
    ]);
    expect([...module.funcRefs]).toEqual([1, 2]);
  });

  test('custom sections', async () => {
    const { module, customBytes } = await described('(module $m (@custom "x" "123"))');
    const x = module.custom.find((c) => c.name === 'x')!;
    expect(Buffer.from(customBytes.subarray(x.start, x.start + x.length)).toString()).toBe('123');
    expect(module.custom.map((c) => c.name).sort()).toEqual(['name', 'x']);
  });

  test('trampolines: entry for what can be called, exit for imports', async () => {
    const { module } = await described(`(module
      (import "" "" (func (param f32)))
      (func (export "a") (param i32))
      (func (param i64))
      (func $start)
      (start $start))`);
    const { entry, exit } = trampolineTypes(module);
    const params = (types: Set<number>) => [...types].map((t) => module.types[t]!.params);
    expect(params(exit)).toEqual([[0x7d]]);
    expect(params(entry)).toEqual([[0x7d], [0x7f], []]);
  });
});

describe('tail calls that may leave the module', () => {
  const found = async (text: string) => {
    const { bytes, m } = await decoded(text);
    return makesForeignTailCalls(bytes, m);
  };
  const table = '(type $t (func)) (table 1 funcref)';

  test('are found', async () => {
    expect(
      await found(`(module ${table} (func (return_call_indirect (type $t) (i32.const 0))))`),
    ).toBe(true);
    expect(
      await found(`(module ${table} (memory 1) (func (param i32) (local i64 f32)
        (drop (f64.const 19)) (drop (f32.const 3)) (drop (i64.load offset=19 (local.get 0)))
        (memory.fill (i32.const 19) (i32.const 0) (i32.const 0))
        (drop (select (result i32) (i32.const 1) (i32.const 2) (local.get 0)))
        (block (br_table 0 0 1 (local.get 0)))
        (return_call_indirect (type $t) (i32.const 0))))`),
    ).toBe(true);
    expect(await found('(module (import "" "" (func $f)) (func (return_call $f)) (func))')).toBe(
      true,
    );
  });

  test('of the module itself do not count', async () => {
    expect(await found('(module (import "" "" (func)) (func $f) (func (return_call $f)))')).toBe(
      false,
    );
  });

  test('are not seen where there are none', async () => {
    // 0x13 as an immediate, followed by zeros.
    expect(
      await found(`(module ${table} (func (drop (i32.const 19)) (drop (i64.const 19))
        (drop (f64.const 0x1.00013p0)) (drop (f32.const 0x1.00013p0))))`),
    ).toBe(false);
    expect(await found(`(module ${table} (func (call_indirect (type $t) (i32.const 19))))`)).toBe(
      false,
    );
    expect(await found('(module (func $f (return_call $f)))')).toBe(false);
  });
});

test('batches hold every function once, largest first', async () => {
  const bodies = Array.from({ length: 50 }, (_, i) => `(func ${'(nop)'.repeat((i * 37) % 50)})`);
  const { m } = await decoded(`(module ${bodies.join('')})`);
  for (const workers of [1, 2, 7]) {
    const order = makeBatches(m, workers).flatMap((b) => [...b]);
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, i) => i));
    const sizes = order.map((i) => m.bodies[2 * i + 1]! - m.bodies[2 * i]!);
    expect(sizes).toEqual([...sizes].sort((a, b) => b - a));
  }
});
