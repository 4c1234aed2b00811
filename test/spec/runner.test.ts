/** The script runner on Node's own engine: what it must see, what it must skip, what it must not let pass. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Result, runWast } from '../../src-ts/tools/wast/run.ts';
import { fileOutOfScope } from '../../src-ts/tools/wast/suite.ts';
import type { WasmNamespace } from '../../src-ts/tools/wast/wasm.ts';
import { suitePath } from '../suite-path.ts';

const wasm = (globalThis as unknown as { WebAssembly: WasmNamespace }).WebAssembly;

async function results(script: string): Promise<string[]> {
  const list: Result[] = [];
  await runWast(script, { wasm, onResult: (result) => list.push(result) });
  return list.map(
    ({ status, command, message }) => `${status} ${command}${message === '' ? '' : `: ${message}`}`,
  );
}

test('passes and failures of returns, exact to the bit', async () => {
  expect(
    await results(`(module
      (func (export "id32") (param f32) (result f32) (local.get 0))
      (func (export "id64") (param f64) (result f64) (local.get 0))
      (func (export "two") (param f64 i32) (result i32 f64) (local.get 1) (local.get 0))
      (global (export "g") f32 (f32.const nan:0x200001)))
    (assert_return (invoke "id32" (f32.const nan:0x200001)) (f32.const nan:0x200001))
    (assert_return (invoke "id64" (f64.const -nan:0x1)) (f64.const -nan:0x1))
    (assert_return (invoke "id64" (f64.const -0)) (f64.const 0))
    (assert_return (invoke "id32" (f32.const nan:0x200001)) (f32.const nan:arithmetic))
    (assert_return (invoke "two" (f64.const -0) (i32.const 7)) (i32.const 7) (f64.const -0))
    (assert_return (get "g") (f32.const nan:0x200001))
    (assert_return (invoke "id32" (f32.const 1)) (either (f32.const 2) (f32.const 1)))
    (assert_return (invoke "two" (f64.const 1) (i32.const 7)) (i32.const 7))`),
  ).toEqual([
    'passed module',
    'passed assert_return',
    'passed assert_return',
    'failed assert_return: expected (f64.const 0), got -9223372036854775808n (floats as bits)',
    'failed assert_return: expected (f32.const nan:arithmetic), got 2141192193 (floats as bits)',
    'passed assert_return',
    'passed assert_return',
    'passed assert_return',
    'failed assert_return: expected (i32.const 7), got 7 4607182418800017408n (floats as bits)',
  ]);
});

test('references', async () => {
  expect(
    await results(`(module
      (func (export "x") (param externref) (result externref) (local.get 0))
      (func $f (export "f") (result funcref) (ref.func $f)))
    (assert_return (invoke "x" (ref.extern 5)) (ref.extern 5))
    (assert_return (invoke "x" (ref.extern 5)) (ref.extern 6))
    (assert_return (invoke "x" (ref.null extern)) (ref.null extern))
    (assert_return (invoke "f") (ref.func))
    (assert_return (invoke "f") (ref.null func))`),
  ).toEqual([
    'passed module',
    'passed assert_return',
    'failed assert_return: expected (ref.extern 6), got [object Object] (floats as bits)',
    'passed assert_return',
    'passed assert_return',
    expect.stringMatching(/^failed/),
  ]);
});

test('traps, refusals, links, names, definitions', async () => {
  expect(
    await results(`
    (module definition $D (global (export "g") (mut i32) (i32.const 1)) (func (export "set") (global.set 0 (i32.const 2))))
    (module instance $A $D)
    (module instance $B $D)
    (register "A" $A)
    (invoke $A "set")
    (assert_return (get $A "g") (i32.const 2))
    (assert_return (get $B "g") (i32.const 1))
    (module $M (import "A" "g" (global (mut i32))) (func (export "u") (unreachable)) (func $r (export "r") (call $r)))
    (assert_trap (invoke "u") "unreachable")
    (assert_exhaustion (invoke $M "r") "call stack exhausted")
    (assert_trap (module (func $s (unreachable)) (start $s)) "unreachable")
    (assert_invalid (module (func (result i32))) "type mismatch")
    (assert_malformed (module binary "\\00asm") "unexpected end")
    (assert_malformed (module quote "(func $\\"\\")") "empty identifier")
    (assert_unlinkable (module (import "A" "nothing" (func))) "unknown import")
    (assert_unlinkable (module (import "spectest" "print" (global i32))) "incompatible import type")
    (assert_invalid (module) "nothing wrong")
    (assert_trap (invoke "nothing") "no such export")`),
  ).toEqual([
    'passed module',
    'passed module',
    'passed module',
    'passed invoke',
    ...Array.from({ length: 2 }, () => 'passed assert_return'),
    'passed module',
    'passed assert_trap',
    'passed assert_exhaustion',
    'passed assert_trap',
    'passed assert_invalid',
    'passed assert_malformed',
    'passed assert_malformed',
    'passed assert_unlinkable',
    'passed assert_unlinkable',
    'failed assert_invalid: expected "nothing wrong", but it compiled',
    'failed assert_trap: no export "nothing"',
  ]);
});

test('what is out of scope is skipped by name, and only that', async () => {
  expect(await results('(module (func (drop (i8x16.splat (i32.const 0)))))')).toEqual([
    'skipped module: SIMD',
  ]);
  expect(await results('(module (memory i64 1))')).toEqual(['skipped module: memory64']);
  expect(await results('(module (memory 1) (memory 1))')).toEqual(['skipped module: multi-memory']);
  expect(await results('(module (memory 1 1 shared))')).toEqual(['skipped module: threads']);
  expect(await results('(module (tag) (func (throw 0)))')).toEqual([
    'skipped module: exception handling',
  ]);
  expect(
    await results(`(module
      (type $t (func)) (func $old (export "old") (result i32) (i32.const 1))
      (func (export "new") (param (ref $t)) (call_ref $t (local.get 0))))
    (assert_return (invoke "old") (i32.const 1))
    (assert_return (invoke "new" (ref.null $t)))`),
  ).toEqual([
    'skipped module: typed function references',
    'passed assert_return',
    'skipped assert_return: typed function references',
  ]);
  expect(
    await results(`(module $M (memory (export "m") 1) (func (export "r") (result i32) (i32.load (i32.const 0))))
    (register "M")
    (module (import "M" "m" (memory 1)) (memory 1) (data (memory 0) (i32.const 0) "x"))
    (assert_return (invoke $M "r") (i32.const 120))`),
  ).toEqual([
    'passed module',
    'skipped module: multi-memory',
    'skipped assert_return: multi-memory (in a module that shares state)',
  ]);
});

test('comments, annotations, bare fields', async () => {
  expect(await results('(func) (memory 0) (; (; ;) ;) ;; x\n(func (export "f"))')).toEqual([
    'passed module',
  ]);
  expect(await results('(@a , ; "x") ((@b) module (@c))')).toEqual(['passed module']);
  await expect(runWast('(module', { wasm })).rejects.toThrow('unclosed (');
  await expect(runWast(')', { wasm })).rejects.toThrow('unexpected )');
});

test('the table of files', () => {
  expect(fileOutOfScope('simd_const.wast')).toBe('SIMD');
  expect(fileOutOfScope('memory_copy64.wast')).toBe('memory64');
  expect(fileOutOfScope('proposals/threads/atomic.wast')).toMatch(/proposal/);
  for (const name of [
    'i64',
    'f64',
    'select',
    'return_call',
    'table_init',
    'ref_func',
    'custom/name_annot',
  ]) {
    expect(fileOutOfScope(`${name}.wast`)).toBeNull();
  }
});

const suite = suitePath();
const files = [
  'select',
  'br_table',
  'f32',
  'float_literals',
  'linking',
  'imports',
  'names',
  'binary',
  'return_call',
  'annotations',
];

test.skipIf(suite === null).each(files)('official %s.wast on this engine', async (name) => {
  const failures: string[] = [];
  const counts = await runWast(readFileSync(join(suite as string, `${name}.wast`), 'utf8'), {
    wasm,
    onResult: (r) => {
      if (r.status === 'failed') failures.push(`${r.line}: ${r.message}`);
    },
  });
  expect(failures).toEqual([]);
  expect(counts.passed).toBeGreaterThan(30);
});
