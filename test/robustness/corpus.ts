/** What bad input is made from: modules of this folder; on request also those of the official suite and the benchmarks. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { validate } from '../../src-ts/compiler/index.ts';
import { head, parseSExprs } from '../../src-ts/tools/wast/sexpr.ts';
import { fileOutOfScope } from '../../src-ts/tools/wast/suite.ts';
import { parseWat } from '../../src-ts/tools/wast/wat.ts';

const LARGEST = 60_000;

/** Between them: every section, every kind of import, segment and constant expression, most operators. */
const TEXTS = [
  `(module
    (type $t (func (param i32 i64) (result i64)))
    (import "env" "f" (func $f (type $t))) (import "env" "g" (global $k i32))
    (memory 1 3) (table 5 8 funcref) (global $h (mut i64) (i64.const 7))
    (global $off i32 (global.get $k))
    (export "a" (func $a)) (export "b" (func $b)) (export "c" (func $c)) (export "m" (memory 0)) (export "t" (table 0))
    (export "h" (global $h)) (export "off" (global $off))
    (elem (i32.const 1) $a $f) (elem declare func $b) (data (i32.const 3) "hello") (data "passive")
    (func $a (type $t) (local f32 f64 i32)
      (block $x (result i64)
        (loop $l
          (local.set 4 (i32.add (local.get 4) (i32.const 3)))
          (i64.store offset=5 (local.get 4) (local.get 1))
          (br_if $l (i32.lt_u (local.get 4) (i32.and (local.get 0) (i32.const 255)))))
        (br_table $x $x (call $f (local.get 0) (local.get 1)) (local.get 4))))
    (func $b (param i32) (result funcref)
      (memory.init 1 (i32.const 0) (i32.const 1) (i32.const 2))
      (global.set $h (i64.trunc_sat_f64_u (f64.sqrt (f64.convert_i32_s (local.get 0)))))
      (drop (select (f32.const 1) (f32.min (f32.const 2) (f32.load (i32.const 8))) (local.get 0)))
      (if (result funcref) (local.get 0) (then (ref.func $b)) (else (table.get (i32.const 2)))))
    (func $c (param i32 i64) (result i64)
      (return_call_indirect (type $t) (local.get 0) (local.get 1) (local.get 0))))`,
  `(module
    (import "e" "h" (func $h (param i32) (result i32))) (import "e" "t" (table $it 2 externref))
    (import "e" "x" (global $x (mut f64))) (import "e" "r" (global $r externref)) (import "e" "m" (memory 1))
    (table $e 3 externref) (table $p 4 4 funcref) (table $q 3 funcref)
    (global $n (export "n") (mut externref) (ref.null extern)) (global (export "fr") funcref (ref.func $grow))
    (global (export "er") externref (global.get $r)) (global $f32 (mut f32) (f32.const 1.5))
    (elem $s externref (ref.null extern) (global.get $r)) (elem (table $p) (i32.const 0) func $grow $fill $grow)
    (elem $d funcref (ref.func $fill) (ref.null func)) (data (i32.const 100) "\\00\\01\\02\\03abcdef") (data $dp "xyz")
    (func $grow (export "grow") (param i32) (result i32)
      (drop (table.grow $e (global.get $r) (i32.const 1))) (drop (memory.grow (i32.const 1)))
      (table.set $e (i32.const 0) (global.get $r)) (global.set $n (table.get $e (i32.const 1)))
      (i32.add (table.size $e) (i32.add (memory.size) (call $h (local.get 0)))))
    (func $fill (export "fill") (param i32) (result i32)
      (memory.fill (i32.const 200) (local.get 0) (i32.const 33)) (memory.copy (i32.const 300) (i32.const 190) (i32.const 60))
      (memory.init $dp (i32.const 500) (i32.const 0) (i32.const 3)) (table.fill $e (i32.const 0) (ref.null extern) (i32.const 2))
      (table.copy $p $q (i32.const 0) (i32.const 0) (i32.const 1)) (table.init $q $d (i32.const 0) (i32.const 0) (i32.const 2))
      (elem.drop $s) (data.drop $dp) (i32.load16_s (i32.const 310)))
    (func (export "multi") (param i32 f32) (result i64 f32 i32)
      (global.set $x (f64.promote_f32 (local.get 1))) (global.set $f32 (f32.nearest (local.get 1)))
      (i64.extend_i32_u (local.get 0)) (f32.neg (local.get 1)) (i32.popcnt (local.get 0)))
    (func (export "ref") (param externref funcref) (result funcref externref) (local.get 1) (local.get 0)))`,
  `(module (memory (export "m") 1) (global $depth (mut i32) (i32.const 0)) (table funcref (elem $even $odd $fact))
    (func $even (export "even") (param i32) (result i32)
      (if (result i32) (i32.eqz (local.get 0)) (then (i32.const 1))
        (else (return_call $odd (i32.sub (i32.and (local.get 0) (i32.const 1023)) (i32.const 1))))))
    (func $odd (param i32) (result i32)
      (if (result i32) (i32.eqz (local.get 0)) (then (i32.const 0))
        (else (call_indirect (param i32) (result i32) (i32.sub (local.get 0) (i32.const 1)) (i32.const 0)))))
    (func $fact (export "fact") (param i64) (result i64)
      (if (result i64) (i64.le_s (local.get 0) (i64.const 1)) (then (i64.const 1))
        (else (i64.mul (local.get 0) (call $fact (i64.and (i64.const 15) (i64.sub (local.get 0) (i64.const 1))))))))
    (func (export "div") (param i32 i32 i64 i64) (result i32 i64)
      (i32.xor (i32.div_s (local.get 0) (local.get 1)) (i32.rem_u (local.get 0) (local.get 1)))
      (i64.rotl (i64.rem_s (local.get 2) (local.get 3)) (i64.div_u (local.get 2) (local.get 3))))
    (func (export "bits") (param i32 i64) (result i64 i32 f64)
      (i64.shr_s (i64.clz (local.get 1)) (i64.ctz (local.get 1)))
      (i32.rotr (i32.extend8_s (local.get 0)) (i32.shr_u (local.get 0) (i32.const 3)))
      (f64.copysign (f64.reinterpret_i64 (local.get 1)) (f64.convert_i32_u (local.get 0))))
    (func (export "mem") (param i32 f64) (result f64 i64)
      (i32.store8 offset=1 (i32.and (local.get 0) (i32.const 0xffff)) (i32.const 300))
      (f64.store align=1 (i32.and (local.get 0) (i32.const 0xfff)) (local.get 1))
      (f64.add (f64.load (local.get 0)) (f64.ceil (local.get 1))) (i64.load32_s offset=9 (i32.const 8)))
    (func (export "conv") (param f32 f64) (result i32 i64 i32)
      (i32.trunc_f32_s (local.get 0)) (i64.trunc_sat_f64_s (local.get 1)) (f64.lt (local.get 1) (f64.promote_f32 (local.get 0)))))`,
  `(module (import "e" "k" (global $k i32)) (import "e" "l" (global $l i64)) (memory (export "m") 1) (table 3 funcref)
    (global (export "x") i32 (i32.add (i32.const 1) (i32.mul (global.get $k) (i32.const 3))))
    (global (export "y") i64 (i64.sub (global.get $l) (i64.const 9)))
    (data (i32.sub (i32.const 10) (global.get $k)) "abc") (elem (i32.add (i32.const 0) (i32.const 1)) func 0)
    (func (export "f") (result i32) (i32.load (i32.const 0))))`,
];

export interface Source {
  name: string;
  bytes: Uint8Array;
}

async function suiteModules(dir: string): Promise<Source[]> {
  const sources: Source[] = [];
  for (const file of readdirSync(dir).filter((f) => f.endsWith('.wast'))) {
    if (fileOutOfScope(file) !== null) continue;
    const text = readFileSync(join(dir, file), 'utf8');
    for (const node of parseSExprs(text)) {
      if (head(node) !== 'module' || /^(binary|quote)$/.test(node.items?.[1]?.atom ?? '')) continue;
      const bytes = await parseWat(text.slice(node.start, node.end)).catch(() => undefined);
      if (bytes && bytes.length < 4000 && validate(bytes))
        sources.push({ name: `${file}@${node.start}`, bytes });
    }
  }
  return sources;
}

function benchModules(dir: string): Source[] {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .filter((f) => f.endsWith('.wasm') && statSync(join(dir, f)).size < LARGEST)
    .sort()
    .map((name) => ({ name, bytes: readFileSync(join(dir, name)) }))
    .filter(({ bytes }) => validate(bytes));
}

/** This folder's modules, and those below `suite` and `bench` where given and there. */
export async function corpus(suite?: string, bench?: string): Promise<Source[]> {
  const own = await Promise.all(
    TEXTS.map(async (text, i) => ({ name: `text ${i}`, bytes: await parseWat(text) })),
  );
  const more = suite && existsSync(suite) ? await suiteModules(suite) : [];
  return [...own, ...more, ...(bench && existsSync(bench) ? benchModules(bench) : [])];
}
