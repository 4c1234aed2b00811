/** Truncated and bit-flipped modules: a CompileError or an object, nothing else. More seeds: ELFIN_DAMAGE_SEEDS. */
import { expect, test } from 'vitest';
import { compile } from '../../src-ts/compiler/index.ts';
import { checksum, readObject } from '../../src-ts/object/index.ts';
import { parseWat } from '../../src-ts/tools/wast/wat.ts';
import { CompileError } from '../../src-ts/util/errors.ts';
import { random } from '../object/sample.ts';

const COUNT = Number(process.env['ELFIN_DAMAGE_SEEDS'] ?? 300);

const SAMPLE = `(module
  (type $t (func (param i32 i64) (result i64)))
  (import "env" "f" (func $f (type $t)))
  (import "env" "g" (global i32))
  (memory 1 3) (table 5 funcref)
  (global $h (mut i64) (i64.const 7))
  (export "a" (func $a)) (export "m" (memory 0))
  (elem (i32.const 1) $a $f) (elem declare func $b)
  (data (i32.const 3) "hello") (data "passive")
  (func $a (type $t) (local f32 f64 i32)
    (block $x (result i64)
      (loop $l
        (local.set 4 (i32.add (local.get 4) (i32.const 3)))
        (i64.store offset=5 (local.get 4) (local.get 1))
        (br_if $l (i32.lt_u (local.get 4) (local.get 0))))
      (br_table $x $x (call $f (local.get 0) (local.get 1)) (local.get 4))))
  (func $b (param i32) (result funcref)
    (memory.init 1 (i32.const 0) (i32.const 1) (i32.const 2))
    (global.set $h (i64.trunc_sat_f64_u (f64.sqrt (f64.convert_i32_s (local.get 0)))))
    (drop (select (f32.const 1) (f32.min (f32.const 2) (f32.load (i32.const 8))) (local.get 0)))
    (if (result funcref) (local.get 0) (then (ref.func $b)) (else (table.get (i32.const 2)))))
  (func $c (param i32 i64) (result i64)
    (return_call_indirect (type $t) (local.get 0) (local.get 1) (local.get 0))))`;

/** Compiles; anything but an object that loads or a CompileError fails the test. */
function attempt(bytes: Uint8Array, optLevel: 0 | 2): boolean {
  try {
    readObject(compile(bytes, { optLevel }), checksum);
    return true;
  } catch (e) {
    if (e instanceof CompileError) return false;
    throw e;
  }
}

test('damaged modules', async () => {
  const original = await parseWat(SAMPLE);
  const next = random(7);
  let good = 0;
  for (let i = 0; i < COUNT; i++) {
    let bytes = original.slice();
    if (next(5) === 0) bytes = bytes.subarray(0, next(bytes.length));
    else {
      for (let n = 1 + next(3); n > 0; n--) bytes[8 + next(bytes.length - 8)]! ^= 1 << next(8);
    }
    if (attempt(bytes, next(2) === 0 ? 0 : 2)) good++;
  }
  expect(good).toBeGreaterThan(COUNT / 20);
}, 600_000);
