import { describe, expect, it } from 'vitest';
import { parseWat } from '../../src-ts/tools/wast/wat.ts';
import { CompileError } from '../../src-ts/util/errors.ts';
import { Reader } from '../../src-ts/util/leb128.ts';
import * as Op from '../../src-ts/gen/wasm.ts';
import { decodeModule } from '../../src-ts/wasm/decode.ts';
import { SUPPORTED_FEATURES } from '../../src-ts/wasm/features.ts';
import { readNames } from '../../src-ts/wasm/names.ts';
import * as T from '../../src-ts/wasm/types.ts';

const HEADER = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];

const decode = async (wat: string): Promise<T.ModuleInfo> =>
  decodeModule(await parseWat(wat), SUPPORTED_FEATURES);

function error(run: () => unknown): CompileError {
  try {
    run();
  } catch (e) {
    if (e instanceof CompileError) return e;
    throw e;
  }
  throw new Error('accepted');
}

async function refusal(wat: string, features = SUPPORTED_FEATURES): Promise<CompileError> {
  const bytes = await parseWat(wat);
  return error(() => decodeModule(bytes, features));
}

const refusedBytes = (...bytes: number[]): CompileError =>
  error(() => decodeModule(Uint8Array.from([...HEADER, ...bytes]), SUPPORTED_FEATURES));

describe('LEB128', () => {
  const read = (bytes: number[]): Reader => new Reader(Uint8Array.from(bytes));

  it('reads signed and unsigned values at their limits', () => {
    expect(read([0xff, 0xff, 0xff, 0xff, 0x0f]).u32()).toBe(0xffffffff);
    expect(read([0x80, 0x80, 0x80, 0x80, 0x78]).s32()).toBe(-0x80000000);
    expect(read([0x7f]).s32()).toBe(-1);
    expect(read([0x80, 0x7f]).s32()).toBe(-128);
    expect(read([0xff, 0xff, 0xff, 0xff, 0x0f]).s33()).toBe(0xffffffff);
    expect(read([0x40]).s33()).toBe(-64);
    expect(read([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]).u64()).toBe(2 ** 64);
  });

  it('reads 64-bit values in two halves', () => {
    for (const value of [
      0n,
      -1n,
      63n,
      64n,
      -64n,
      -65n,
      1n << 31n,
      -(1n << 31n),
      1n << 62n,
      -(1n << 63n),
    ]) {
      const bytes: number[] = [];
      for (let v = value; ;) {
        const b = Number(v & 0x7fn);
        v >>= 7n;
        const last = (v === 0n && b < 0x40) || (v === -1n && b >= 0x40);
        bytes.push(last ? b : b | 0x80);
        if (last) break;
      }
      const r = read(bytes);
      const lo = BigInt(r.s64() >>> 0);
      expect(BigInt.asIntN(64, (BigInt(r.hi) << 32n) | lo)).toBe(value);
    }
  });

  it('refuses what is too long or too large', () => {
    expect(error(() => read([0x80, 0x80, 0x80, 0x80, 0x80, 0]).u32()).message).toMatch(
      'integer representation too long',
    );
    expect(error(() => read([0x80, 0x80, 0x80, 0x80, 0x10]).u32()).message).toMatch(
      'integer too large',
    );
    expect(error(() => read([0x80, 0x80, 0x80, 0x80, 0x08]).s32()).message).toMatch(
      'integer too large',
    );
    expect(error(() => read([0x80]).u32()).message).toMatch('unexpected end');
  });
});

describe('decodeModule', () => {
  it('describes a module', async () => {
    const m = await decode(`(module
      (type (func (param i32 i64) (result f32)))
      (type (func (param i32 i64) (result f32)))
      (import "a" "f" (func (type 1)))
      (import "a" "g" (global i32))
      (func (export "x") (type 0) (f32.const 0))
      (table 1 7 funcref)
      (memory (export "m") 2)
      (global (mut i64) (i64.const -2))
      (elem (i32.const 0) 1)
      (data (i32.const 8) "hello"))`);
    expect(m.signatures).toHaveLength(1);
    expect([...m.canonical]).toEqual([0, 0]);
    expect([...m.signatures[0]!.params]).toEqual([T.I32, T.I64]);
    expect(m.imports[1]).toEqual({ module: 'a', name: 'g', kind: T.KIND_GLOBAL, index: 0 });
    expect([m.importedFuncs, m.definedFuncs, m.importedGlobals]).toEqual([1, 1, 1]);
    expect(m.tables[0]).toMatchObject({ element: T.FUNCREF, min: 1, max: 7 });
    expect(m.memories[0]).toMatchObject({ min: 2, max: -1 });
    expect([...m.globals[1]!.init!.code]).toEqual([Op.I64_CONST, -2, -1]);
    expect([...m.elements[0]!.funcs!]).toEqual([1]);
    expect(m.declared[1]).toBe(1);
    expect(m.data[0]!.end - m.data[0]!.start).toBe(5);
    expect(m.bodies[1]! - m.bodies[0]!).toBe(m.codeSize);
  });

  it('reads every kind of element segment', async () => {
    const m = await decode(`(module (table 4 funcref) (table $t 4 externref) (func $f)
      (elem (i32.const 0) func $f) (elem func $f $f) (elem (table 0) (i32.const 1) func $f) (elem declare func $f)
      (elem (i32.const 0) funcref (ref.null func)) (elem externref (ref.null extern))
      (elem (table $t) (i32.const 1) externref (ref.null extern)) (elem declare funcref (ref.func $f)))`);
    expect(m.elements.map((e) => [e.mode, e.table, e.type, [...e.funcs!]])).toEqual([
      [T.SEGMENT_ACTIVE, 0, T.FUNCREF, [0]],
      [T.SEGMENT_PASSIVE, 0, T.FUNCREF, [0, 0]],
      [T.SEGMENT_ACTIVE, 0, T.FUNCREF, [0]],
      [T.SEGMENT_DECLARATIVE, 0, T.FUNCREF, [0]],
      [T.SEGMENT_ACTIVE, 0, T.FUNCREF, [T.NULL_FUNC]],
      [T.SEGMENT_PASSIVE, 0, T.EXTERNREF, [T.NULL_FUNC]],
      [T.SEGMENT_ACTIVE, 1, T.EXTERNREF, [T.NULL_FUNC]],
      [T.SEGMENT_DECLARATIVE, 0, T.FUNCREF, [0]],
    ]);
  });

  it('decodes extended constant expressions, and refuses them when switched off', async () => {
    const wat = `(module (import "" "g" (global i32))
      (global i32 (i32.sub (i32.mul (global.get 0) (i32.const 3)) (i32.const 1))))`;
    const m = await decode(wat);
    expect([...m.globals[1]!.init!.code]).toEqual(
      [
        [Op.GLOBAL_GET, 0, 0],
        [Op.I32_CONST, 3, 0],
        [Op.I32_MUL, 0, 0],
        [Op.I32_CONST, 1, 0],
        [Op.I32_SUB, 0, 0],
      ].flat(),
    );
    const e = await refusal(wat, Op.FEATURE_TAIL_CALL);
    expect(e.message).toMatch('"extended constant expressions", which is switched off');
  });

  it('reads names when asked, and survives a malformed name section', async () => {
    const bytes = await parseWat('(module $m (func $first) (func $second))');
    const names = readNames(bytes, decodeModule(bytes, SUPPORTED_FEATURES));
    expect(names.module).toBe('m');
    expect([...names.functions]).toEqual([
      [0, 'first'],
      [1, 'second'],
    ]);
    const broken = Uint8Array.from([...HEADER, 0, 9, 4, ...Buffer.from('name'), 1, 200, 1, 5]);
    expect(readNames(broken, decodeModule(broken, SUPPORTED_FEATURES)).functions.size).toBe(0);
  });
});

describe('what decodeModule refuses', () => {
  it.each([
    ['(module (func (type 3)))', 'unknown type 3'],
    ['(module (export "a" (func 0)))', 'unknown function 0'],
    ['(module (func) (export "a" (func 0)) (export "a" (func 0)))', 'duplicate export name "a"'],
    ['(module (memory 65537))', 'memory size must be at most 65536 pages'],
    ['(module (memory 2 1))', 'size minimum must not be greater than maximum'],
    ['(module (global i32 (i64.const 0)))', 'type mismatch'],
    ['(module (global i32 (i32.const 0) (i32.const 0)))', 'type mismatch'],
    ['(module (global i32 (i32.ctz (i32.const 0))))', 'constant expression required'],
    [
      '(module (import "" "g" (global (mut i32))) (global i32 (global.get 0)))',
      'constant expression required',
    ],
    ['(module (global i32 (global.get 0)))', 'unknown global 0'],
    ['(module (func (param i32)) (start 0))', 'start function'],
    ['(module (data (i32.const 0) ""))', 'unknown memory 0'],
    ['(module (elem (i32.const 0) func))', 'unknown table 0'],
    ['(module (memory 0) (memory 0))', 'multiple memories'],
    ['(module (memory i64 0))', '64-bit memories'],
    ['(module (memory 0 1 shared))', 'threads'],
    ['(module (tag))', 'exception handling'],
    ['(module (type (struct)))', 'garbage collection'],
    ['(module (func (param v128)))', 'SIMD'],
    ['(module (func (param (ref null 0))))', 'typed function references'],
  ])('%s', async (wat, message) => {
    const e = await refusal(wat);
    expect(e.message).toContain(message);
    expect(e.offset).toBeGreaterThanOrEqual(8);
  });

  it('malformed bytes, at their place', () => {
    expect(error(() => decodeModule(Uint8Array.of(0, 0x61), 0)).message).toMatch('unexpected end');
    expect(error(() => decodeModule(Uint8Array.of(1, 2, 3, 4, 5), 0)).message).toMatch(
      'magic header not detected',
    );
    expect(refusedBytes(14, 0).message).toBe('malformed section id @+8');
    expect(refusedBytes(1, 5).message).toBe('length out of bounds @+9');
    expect(refusedBytes(1, 2, 0, 0).message).toBe('section size mismatch: type section @+11');
    expect(refusedBytes(3, 1, 0, 1, 1, 0).message).toMatch('unexpected content after last section');
    expect(refusedBytes(1, 1, 0, 1, 1, 0).message).toMatch('type section repeated');
    expect(refusedBytes(0, 3, 2, 0xc0, 0x80).message).toBe('malformed UTF-8 encoding @+11');
    expect(refusedBytes(12, 1, 1).message).toMatch(
      'data count and data section have inconsistent lengths',
    );
    expect(refusedBytes(1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0).message).toMatch(
      'function and code section have inconsistent',
    );
  });
});
