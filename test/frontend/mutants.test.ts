// Truncated and bit-flipped modules: never anything but a CompileError, and the verdict of Node's engine.
import { expect, it } from 'vitest';
import { validateModule } from '../../src-ts/frontend/validate.ts';
import { parseWat } from '../../src-ts/tools/wast/wat.ts';
import { CompileError } from '../../src-ts/util/errors.ts';
import { node } from './compare.ts';

const MUTANTS = 3000;

const SOURCES = [
  `(module (import "a" "f" (func $h (param i32) (result i32))) (import "a" "g" (global $k i32))
    (table 4 4 funcref) (memory 1 2) (global $g (mut i64) (i64.const 5)) (export "m" (memory 0))
    (elem (i32.const 1) $f) (elem $p funcref (ref.func $f) (ref.null func)) (data (global.get $k) "abc") (data $d "x")
    (func $f (export "f") (param i32) (result i32) (local i64 f32 f64)
      (local.set 1 (i64.load offset=8 (local.get 0)))
      (block $b (loop $l (br_if $b (i64.eqz (local.get 1))) (local.set 1 (i64.sub (local.get 1) (i64.const 1)))
        (br_table $l $b $l (local.get 0))))
      (if (result i32) (local.get 0) (then (call $h (i32.const -300))) (else (i32.trunc_sat_f64_s (local.get 3)))))
    (func (param i32) (result i32 i64)
      (memory.init $d (i32.const 0) (i32.const 0) (i32.const 1)) (memory.fill (i32.const 0) (i32.const 0) (i32.const 1))
      (table.init $p (i32.const 0) (i32.const 0) (i32.const 1)) (elem.drop $p) (data.drop $d)
      (drop (ref.is_null (table.get 0 (local.get 0)))) (drop (table.grow 0 (ref.func $f) (i32.const 1)))
      (call_indirect (param i32) (result i32) (local.get 0) (i32.const 1))
      (select (i64.const 1) (global.get $g) (local.get 0))))`,
  `(module (type $t (func (param i32 i64) (result i64 i32))) (table 1 externref) (table 2 funcref)
    (func (type $t) (local externref)
      (i32.const 1) (i64.const 2) (drop) (drop) (table.set 0 (local.get 0) (local.get 2))
      (local.get 0) (if (param) (result i64 i32) (then (unreachable)) (else (local.get 1) (local.get 0) (return))))
    (func (result externref) (ref.null extern)) (func (unreachable) (f64.min) (drop) (i32.extend8_s) (br 0))
    (start 2) (global funcref (ref.func 1)) (export "a" (func 0)) (export "b" (table 1)))`,
];

/** A linear congruential generator: the same mutants in every run. */
let seed = 1;
function random(n: number): number {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return Math.floor((seed / 2 ** 32) * n);
}

function mutate(source: Uint8Array): Uint8Array {
  const bytes = Uint8Array.from(source);
  if (random(10) === 0) return bytes.slice(0, random(bytes.length));
  for (let n = 1 + random(3); n > 0; n--) {
    const at = random(bytes.length);
    const kind = random(10);
    if (kind < 5) bytes[at]! ^= 1 << random(8);
    else bytes[at] = kind < 8 ? random(256) : bytes[random(bytes.length)]!;
  }
  return bytes;
}

function refusal(run: () => unknown): Error | null {
  try {
    run();
    return null;
  } catch (e) {
    return e as Error;
  }
}

it('judges mutants as Node does', async () => {
  const wrong: string[] = [];
  const sources = await Promise.all(SOURCES.map(parseWat));
  for (const s of sources) expect(refusal(() => validateModule(s, 0))).toBeNull();
  for (let i = 0; i < MUTANTS; i++) {
    const bytes = mutate(sources[i % sources.length]!);
    const ours = refusal(() => validateModule(bytes, 0));
    if (ours !== null && !(ours instanceof CompileError)) throw ours;
    if (ours?.message.includes('needs the feature')) continue;
    const theirs = refusal(() => new node.Module(bytes));
    // WebAssembly 3.0 lets constant expressions use the module's own globals; Node 20 does not.
    if (theirs?.message.includes('non-imported globals')) continue;
    if ((ours === null) !== (theirs === null))
      wrong.push(`mutant ${i}: ${ours?.message}, Node: ${theirs?.message}`);
  }
  expect(wrong).toEqual([]);
});
