/**
 * Tail calls: constant stack for signatures with more, fewer and as many stack arguments, and the caller's context back
 * after a callee of another instance returned in its callee's stead.
 */
import { describe, expect, it } from 'vitest';
import {
  $init,
  tools,
} from '../../../node_modules/@bytecodealliance/jco-transpile/vendor/wasm-tools.js';
import { Engine } from '../../../src-ts/index.ts';

await $init;

const ALTERNATING = `
(module
 (type $small (func (param i64) (result i64)))
 (type $big (func (param i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 f64 i64 i32) (result i64)))
 (table 4 funcref) (elem (i32.const 0) $even $odd $last)
 (func $even (type $small) (local i64)
   (if (i64.eqz (local.get 0)) (then (return (i64.const 42))))
   (return_call $odd (i64.sub (local.get 0) (i64.const 1)) (i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4) (i64.const 5) (i64.const 6) (i64.const 7) (i64.const 8) (i64.const 9) (i64.const 10) (f64.const 1.5) (local.get 0) (i32.const -7)))
 (func $odd (type $big)
   (if (i64.ne (i64.add (local.get 8) (i64.add (local.get 9) (local.get 10))) (i64.const 27)) (then unreachable))
   (if (i32.ne (local.get 13) (i32.const -7)) (then unreachable))
   (if (i64.ne (local.get 12) (i64.add (local.get 0) (i64.const 1))) (then unreachable))
   (if (i64.eqz (i64.and (local.get 0) (i64.const 3)))
     (then (return_call_indirect (type $big) (local.get 0) (local.get 10) (local.get 9) (local.get 8) (local.get 7) (local.get 6) (local.get 5) (local.get 4) (local.get 3) (local.get 2) (local.get 1) (local.get 11) (local.get 12) (local.get 13) (i32.const 2))))
   (return_call_indirect (type $small) (local.get 0) (i32.const 0)))
 (func $last (type $big)
   (if (i64.ne (i64.add (i64.mul (local.get 1) (i64.const 100)) (local.get 10)) (i64.const 1001)) (then unreachable))
   (if (i32.ne (local.get 13) (i32.const -7)) (then unreachable))
   (return_call_indirect (type $small) (local.get 0) (i32.const 0)))
 (global $g (mut i64) (i64.const 5))
 (func (export "run") (param i64) (result i64)
   (local i64 i64) (local.set 1 (i64.const 1000)) (local.set 2 (global.get $g))
   (i64.add (local.get 2) (i64.add (local.get 1) (i64.add (call $even (local.get 0)) (global.get $g))))))`;

const OTHER = `
(module
  (table (export "table") 1 funcref)
  (elem (i32.const 0) $peer)
  (global $mine (mut i32) (i32.const 1))
  (func $peer (result i32) (global.get $mine)))`;

const CALLER = `
(module
  (import "other" "table" (table 1 funcref))
  (type $none (func (result i32)))
  (global $mine (mut i32) (i32.const 70))
  (func $through (result i32) (return_call_indirect (type $none) (i32.const 0)))
  (func (export "run") (result i32)
    (i32.add (i32.mul (call $through) (i32.const 1000)) (global.get $mine))))`;

for (const optLevel of [0, 2] as const) {
  const W = new Engine({ optLevel }).WebAssembly;
  const run = (text: string, imports: object = {}): Record<string, (n?: bigint) => unknown> =>
    new W.Instance(new W.Module(tools.parse(text) as Uint8Array<ArrayBuffer>), imports as never)
      .exports as never;

  describe(`tail calls at level ${optLevel}`, () => {
    it('need no stack, whatever the signatures', () => {
      const exports = run(ALTERNATING);
      expect(exports['run'](1_000_000n)).toBe(1052n);
      expect(exports['run'](7n)).toBe(1052n);
    });

    it('leave the caller its context', () => {
      const other = run(OTHER);
      expect(run(CALLER, { other })['run']()).toBe(1070);
    });
  });
}
