import { describe, expect, it } from 'vitest';
import { Translator } from '../../src-ts/frontend/translate.ts';
import { validate, validateModule } from '../../src-ts/frontend/validate.ts';
import * as Wasm from '../../src-ts/gen/wasm.ts';
import { Builder } from '../../src-ts/ir/build.ts';
import { Func } from '../../src-ts/ir/func.ts';
import { verify } from '../../src-ts/ir/verify.ts';
import { parseWat } from '../../src-ts/tools/wast/wat.ts';
import { CompileError } from '../../src-ts/util/errors.ts';
import { decodeModule } from '../../src-ts/wasm/decode.ts';
import { SUPPORTED_FEATURES } from '../../src-ts/wasm/features.ts';
import { compareWithNode } from './compare.ts';

async function translate(wat: string): Promise<Func> {
  const bytes = await parseWat(wat);
  const f = new Func();
  const m = decodeModule(bytes, SUPPORTED_FEATURES);
  new Translator(bytes, m, { explicitChecks: false }, new Builder(f)).translate(0);
  expect(verify(f)).toEqual([]);
  return f;
}

/** Parameters of all blocks but the entry. */
const parameters = (f: Func): number =>
  Array.from({ length: f.blockCount }, (_, b) => (b === 0 ? 0 : f.paramCount[b]!)).reduce(
    (x, y) => x + y,
    0,
  );

async function refusal(wat: string, features = SUPPORTED_FEATURES): Promise<CompileError> {
  const bytes = await parseWat(wat);
  try {
    validateModule(bytes, features);
  } catch (e) {
    if (e instanceof CompileError) return e;
    throw e;
  }
  throw new Error('accepted');
}

describe('SSA construction', () => {
  it('makes no parameter for a local that a loop does not write', async () => {
    const f = await translate(`(module (func (param i32 i32) (result i32)
      (loop $l (local.set 0 (i32.sub (local.get 0) (local.get 1))) (br_if $l (local.get 0)))
      (i32.add (local.get 0) (local.get 1))))`);
    expect(parameters(f)).toBe(1);
  });

  it('makes no parameter where all ways bring the same', async () => {
    const f = await translate(`(module (func (param i32 i32) (result i32)
      (if (local.get 0) (then (local.set 1 (local.get 1))) (else (nop)))
      (block (br_if 0 (local.get 0)) (br_if 0 (local.get 1)))
      (local.get 1)))`);
    expect(parameters(f)).toBe(0);
  });

  it('makes no block for a construct nobody branches out of', async () => {
    const f = await translate(
      '(module (func (result i32) (block (result i32) (block) (i32.const 1))))',
    );
    expect(f.blockCount).toBe(1);
  });

  it('refuses a body that makes too many ways meet, in bounded time', () => {
    const locals = 49000;
    const code = [1, ...leb(locals), 0x7f];
    for (let i = 0; i < 30; i++) code.push(0x03, 0x40);
    for (let i = 0; i < locals; i++) code.push(0x20, ...leb(i), 0x1a);
    for (let i = 0; i < 31; i++) code.push(0x0b);
    const section = [1, ...leb(code.length)];
    const head = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0];
    const all = [...head, 10, ...leb(section.length + code.length), ...section];
    expect(() => validateModule(Uint8Array.from(all.concat(code)), 0)).toThrow(
      'function too complex',
    );
  });
});

function leb(n: number): number[] {
  const bytes: number[] = [];
  for (; n >= 0x80; n >>>= 7) bytes.push((n & 0x7f) | 0x80);
  return [...bytes, n];
}

describe('validation', () => {
  it.each([
    ['(func (result i32))', 'type mismatch'],
    [
      '(func (i32.add (i64.const 0) (i32.const 0)) drop)',
      'type mismatch: i32.add expects i32, found i64',
    ],
    ['(func (drop))', 'type mismatch: drop expects an operand'],
    ['(func (i32.const 0))', 'type mismatch: end expects []'],
    ['(func (local.get 0) drop)', 'unknown local 0'],
    ['(func (br 1))', 'unknown label 1'],
    ['(func (call 1))', 'unknown function 1'],
    ['(func (global.set 0 (i32.const 1))) (global i32 (i32.const 0))', 'immutable global'],
    ['(func (drop (i32.load (i32.const 0))))', 'unknown memory 0'],
    [
      '(memory 1) (func (drop (i32.load align=8 (i32.const 0))))',
      'alignment must not be larger than natural',
    ],
    ['(func (drop (ref.func 0)))', 'undeclared function reference'],
    ['(func (call_indirect (i32.const 0)))', 'unknown table 0'],
    [
      '(func (param externref) (drop (select (local.get 0) (local.get 0) (i32.const 0))))',
      'type mismatch',
    ],
    ['(memory 1) (func (data.drop 0))', 'unknown data segment 0'],
    ['(func (elem.drop 0))', 'unknown elem segment 0'],
    ['(func (if (i32.const 0) (then (unreachable) (i64.add (i32.const 0)))))', 'type mismatch'],
    ['(func (param v128))', 'SIMD'],
    [
      '(func (drop (i32x4.splat (i32.const 0))))',
      'i32x4.splat needs the feature "SIMD (v128)", which is not supported',
    ],
    ['(func (atomic.fence))', 'threads'],
    ['(func (throw_ref))', 'exception handling'],
    ['(func (result i64) (return_call 1)) (func (result i32) (i32.const 0))', 'type mismatch'],
  ])('refuses %s', async (text, message) => {
    const e = await refusal(`(module ${text})`);
    expect(e.message).toContain(message);
    expect(e.offset).toBeGreaterThan(8);
  });

  it('refuses tail calls when they are switched off', async () => {
    const e = await refusal('(module (func (return_call 0)))', Wasm.FEATURE_EXTENDED_CONST);
    expect(e.message).toContain(
      'return_call needs the feature "tail calls", which is switched off',
    );
  });

  it('leaves nothing behind when a body is refused', async () => {
    const bytes = await parseWat(
      '(module (func (param i32) (loop (br_if 0 (local.get 0)) (i64.eqz))) (func (param i32) (result i32) (local.get 0)))',
    );
    const f = new Func();
    const t = new Translator(
      bytes,
      decodeModule(bytes, 0),
      { explicitChecks: false },
      new Builder(f),
    );
    expect(() => t.translate(0)).toThrow(CompileError);
    t.translate(1);
    expect(verify(f)).toEqual([]);
  });

  it('answers yes or no', async () => {
    const bytes = await parseWat('(module (func (result i32) (i32.const 0)))');
    expect(validate(bytes, SUPPORTED_FEATURES)).toBe(true);
    expect(validate(bytes.subarray(0, bytes.length - 1), SUPPORTED_FEATURES)).toBe(false);
  });
});

describe('translated functions compute what Node computes', () => {
  it.each([
    [
      'loops',
      `(func (export "f") (param i32) (result i64) (local i64 i64 i64)
      (local.set 2 (i64.const 1))
      (block $out (loop $l
        (br_if $out (i32.eqz (local.get 0)))
        (local.set 3 (i64.add (local.get 1) (local.get 2)))
        (local.set 1 (local.get 2)) (local.set 2 (local.get 3))
        (local.set 0 (i32.and (i32.sub (local.get 0) (i32.const 1)) (i32.const 63)))
        (br $l)))
      (local.get 1))`,
    ],
    [
      'switches',
      `(func (export "f") (param i32) (result i32) (local i32)
      (block (block (block (block
        (br_table 0 1 2 1 3 (local.get 0)))
        (local.set 1 (i32.const 10)) (br 1))
        (local.set 1 (i32.const 20)))
        (local.set 1 (i32.add (local.get 1) (i32.const 1))))
      (i32.add (local.get 1) (local.get 0)))`,
    ],
    [
      'values on branches',
      `(func (export "f") (param i32 i64) (result i64 i32)
      (i32.const 7) (local.get 0)
      (if (param i32) (result i64 i32)
        (then (drop) (local.get 1) (local.get 0) (br_if 0 (i32.const 1)))
        (else (i64.extend_i32_u) (i32.const 3))))`,
    ],
    [
      'loop parameters',
      `(func (export "f") (param i32) (result i32)
      (i32.const 1) (i32.const 0)
      (loop $l (param i32 i32) (result i32)
        (i32.add) (local.tee 0 (i32.add (local.get 0) (i32.const 1)))
        (br_if $l (i32.const 0) (i32.const 0)) (drop) (drop) (drop) (local.get 0)))`,
    ],
    [
      'memory',
      `(memory (export "m") 1) (data $d "hello") (global $g (mut i32) (i32.const 3))
      (func (export "f") (param i32 i64) (result i64)
        (i64.store16 offset=3 (local.get 0) (local.get 1))
        (global.set $g (i32.add (global.get $g) (i32.const 1)))
        (memory.init $d (i32.const 40) (i32.const 1) (i32.const 3))
        (memory.fill (global.get $g) (i32.const 9) (i32.const 5))
        (drop (memory.grow (i32.const 1)))
        (i64.add (i64.load32_s (i32.const 3)) (i64.extend_i32_u (memory.size))))`,
    ],
    [
      'calls',
      `(type $t (func (param i32) (result i32))) (table 4 4 funcref) (elem (i32.const 0) $a $b $c)
      (import "e" "h" (func $h (param i32) (result i32)))
      (func $a (param i32) (result i32) (call $h (local.get 0)))
      (func $b (param i32) (result i32) (return_call $a (i32.add (local.get 0) (i32.const 1))))
      (func $c (param i64))
      (func (export "f") (param i32) (result i32)
        (call_indirect (type $t) (local.get 0) (i32.and (local.get 0) (i32.const 7))))
      (func $sum (export "g") (param i32 i32) (result i32)
        (if (i32.eqz (i32.and (local.get 0) (i32.const 31))) (then (return (local.get 1))))
        (return_call $sum (i32.sub (local.get 0) (i32.const 1)) (i32.add (local.get 0) (local.get 1))))`,
    ],
  ])('%s', async (_, body) => {
    const imports = /\(import .*\)\n/.exec(body)?.[0] ?? '';
    const bytes = await parseWat(`(module ${imports} ${body.replace(imports, '')})`);
    for (const explicit of [false, true]) expect(compareWithNode(bytes, explicit, 10)).toEqual([]);
  });
});
