/** What native/test/unwind_windows.cc steps through: an object with every shape of frame, and the calls to make. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { compile, type CompileOptions } from '../../src-ts/compiler/index.ts';
import { checksum, readObject } from '../../src-ts/object/index.ts';
import { parseWat } from '../../src-ts/tools/wast/wat.ts';

const list = (n: number, text: (i: number) => string): string =>
  Array.from({ length: n }, (_, i) => text(i)).join(' ');
const i64s = (n: number): string => list(n, () => 'i64');
const gets = (n: number): string => list(n, (i) => `(local.get ${i})`);
const sum = (n: number): string => `${gets(n)} ${list(n - 1, () => 'i64.add')}`;

const SIZES = [3, 9, 10, 12, 30];

/** Functions of n parameters that tail call one of m, directly and through the table, where $sum functions come first. */
function tailCalls(n: number, m: number): string {
  const args = list(m, (i) =>
    i < 3 ? `(i64.add (local.get ${i % n}) (call $one (i64.const ${i})))` : `(local.get ${i % n})`,
  );
  return `(func $tail${n}_${m} (param ${i64s(n)}) (result i64) (return_call $sum${m} ${args}))
    (func $ind${n}_${m} (param ${i64s(n)}) (result i64)
      (return_call_indirect (type $t${m}) ${args} (i32.const ${SIZES.indexOf(m)})))`;
}

/** No stack arguments, as many, and more or fewer by 8 bytes and by much. */
const PAIRS: readonly (readonly [number, number])[] = [
  [3, 3],
  [12, 12],
  [3, 9],
  [9, 3],
  [9, 10],
  [10, 9],
  [10, 12],
  [12, 10],
  [9, 30],
  [30, 9],
];

/** Keeps n values over a call. */
function keeping(n: number): string {
  const kept = list(n, (i) => `(local.set ${i} (call $one (i64.const ${i})))`);
  return `(func $keep${n} (result i64) (local ${i64s(n)}) ${kept}
    (drop (call $one (i64.const 9))) ${n === 0 ? '(i64.const 1)' : sum(n)})`;
}

/** A frame of many kilobytes: values that are all alive at once. */
function large(n: number): string {
  const kept = list(n, (i) =>
    i === 0
      ? '(local.set 0 (call $one (i64.const 9)))'
      : `(local.set ${i} (i64.mul (i64.xor (local.get ${i - 1}) (local.get 0)) (i64.const ${i})))`,
  );
  return `(func $large${n} (result i64) (local ${i64s(n)}) ${kept} ${sum(n)})`;
}

const WAT = `(module
  (import "" "h0" (func $h0))
  (import "" "h12" (func $h12 (param ${i64s(12)}) (result ${i64s(8)})))
  (memory 1) (table 4 funcref)
  ${SIZES.map((n) => `(type $t${n} (func (param ${i64s(n)}) (result i64)))`).join('\n')}
  ${SIZES.map((n) => `(func $sum${n} (type $t${n}) ${sum(n)})`).join('\n')}
  (func $one (param i64) (result i64)
    (if (result i64) (i64.eqz (local.get 0)) (then (return (i64.const 5))) (else (local.get 0))))
  (func $leaf (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
  ${[0, 1, 3, 5, 20].map(keeping).join('\n')}
  ${[530].map(large).join('\n')}
  ${PAIRS.map(([n, m]) => tailCalls(n, m)).join('\n')}
  (func $many (result i64 i64 i64 i64 i64 i64 i64 i64 i64)
    ${list(9, (i) => `(call $one (i64.const ${i}))`)})
  (func $area (result i64) (call $many) ${list(8, () => 'i64.add')})
  (func $floats (param f64 f64 f64 f64 f64 f64 f64 f64 f64 f32) (result f64)
    (f64.add (f64.mul (local.get 8) (f64.promote_f32 (local.get 9))) (local.get 0)))
  (func $callsFloats (result f64) (call $floats ${list(9, (i) => `(f64.const ${i})`)} (f32.const 2)))
  (func $switch (param i32) (result i64)
    (block (block (block (block (br_table 0 1 2 3 (local.get 0)))
      (return (call $one (i64.const 1)))) (return (i64.const 2))) (return (call $keep3)))
    (i64.const 4))
  (func $loop (param i64) (result i64) (local i64)
    (loop (local.set 1 (i64.add (local.get 1) (call $one (local.get 0))))
      (br_if 0 (i64.ne (local.tee 0 (i64.sub (local.get 0) (i64.const 1))) (i64.const 0))))
    (local.get 1))
  (func $helpers (result i32)
    (memory.fill (i32.const 11) (i32.const 12) (i32.const 1013))
    (memory.copy (i32.const 21) (i32.const 22) (i32.const 1023))
    (memory.grow (i32.const 7)))
  (func $recurse (param i64) (result i64) (local i64)
    (if (i64.eqz (local.get 0)) (then (return (i64.extend_i32_s (call $helpers)))))
    (local.set 1 (i64.mul (local.get 0) (i64.const 3)))
    (i64.add (call $recurse (i64.sub (local.get 0) (i64.const 1))) (local.get 1)))
)`;

/** An object with every shape of frame. */
export async function shapes(settings: CompileOptions): Promise<Uint8Array> {
  // Referenced functions have entry trampolines.
  const names = Array.from(WAT.matchAll(/^ *\(func (\$\w+)/gm), (match) => match[1]!);
  const text = `${WAT.slice(0, WAT.lastIndexOf(')'))}(elem declare func ${names.join(' ')}))`;
  return compile(await parseWat(text), { ...settings, inline: false });
}

/** Compiles it and writes object and plan; returns the program's arguments. */
export async function recordUnwinding(dir: string, settings: CompileOptions): Promise<string[]> {
  const bytes = await shapes(settings);
  const [objectFile, planFile] = [join(dir, 'unwind.o'), join(dir, 'unwind.txt')];
  writeFileSync(objectFile, bytes);
  const object = readObject(bytes, checksum);
  const { layout: l, functions, module } = object;
  const { types, funcTypes } = module;
  const lines = [
    `layout ${l.textOffset} ${l.textSize} ${l.pdataOffset} ${l.pdataSize} ${l.xdataOffset} ${l.xdataSize}`,
  ];
  const tailCaller = /^(tail|ind)/;
  const present = (offset: number): boolean => offset < l.textSize;
  for (const offset of [...functions.offsets, ...functions.entries, ...functions.exits]) {
    if (present(offset)) lines.push(`function ${offset}`);
  }
  for (let i = 0; i < functions.offsets.length; i++) {
    const name = object.names.get(object.importedFunctions + i);
    if (name !== undefined && tailCaller.test(name))
      lines.push(`tailcaller ${functions.offsets[i]}`);
  }
  const call = (kind: string, type: number, code: number): void => {
    if (!present(functions.entries[type]!)) return;
    const args = types[type]!.params.map((_, i) => (i * 7 + 3) % 4);
    lines.push([kind, functions.entries[type]!, code, ...args].join(' '));
  };
  for (let i = 0; i < functions.offsets.length; i++) {
    call('wasm', funcTypes[object.importedFunctions + i]!, functions.offsets[i]!);
  }
  for (let i = 0; i < object.importedFunctions; i++) {
    const type = funcTypes[i]!;
    if (present(functions.exits[type]!)) call('host', type, functions.exits[type]!);
  }
  writeFileSync(planFile, `${lines.join('\n')}\n`);
  return [objectFile, planFile];
}
