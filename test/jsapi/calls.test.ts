// Modules, instances, calls in both directions (JavaScript API § 5.1, 5.2, 5.5, 5.6).
import { describe, expect, test } from 'vitest';
import { run, W, wat } from './helpers.ts';

describe('Module', () => {
  test('describes itself', () => {
    const m = new W.Module(
      wat(
        '(module (import "a" "f" (func)) (import "b" "m" (memory 1)) (func (export "x")) (global (export "g") i32 (i32.const 1)))',
      ),
    );
    expect(W.Module.imports(m)).toEqual([
      { module: 'a', name: 'f', kind: 'function' },
      { module: 'b', name: 'm', kind: 'memory' },
    ]);
    expect(W.Module.exports(m)).toEqual([
      { name: 'x', kind: 'function' },
      { name: 'g', kind: 'global' },
    ]);
    for (const bad of [undefined, null, {}, W.Module, W.Module.prototype])
      expect(() => W.Module.exports(bad)).toThrow(TypeError);
  });

  test('gives copies of its custom sections', () => {
    const bytes = [
      0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 0, 5, 3, 0x66, 0x6f, 0x6f, 9, 0, 5, 3, 0x66, 0x6f, 0x6f, 8,
    ];
    const m = new W.Module(Uint8Array.from(bytes));
    const read = () => W.Module.customSections(m, 'foo').map((b) => [...new Uint8Array(b)]);
    expect(read()).toEqual([[9], [8]]);
    new Uint8Array(W.Module.customSections(m, 'foo')[0]!)[0] = 1;
    expect(read()).toEqual([[9], [8]]);
    expect(W.Module.customSections(m, '')).toEqual([]);
    expect(() => (W.Module.customSections as unknown as (m: object) => void)(m)).toThrow(TypeError);
  });

  test('refuses bytes', async () => {
    for (const bad of [undefined, null, true, '', 1, {}, [0], ArrayBuffer])
      expect(() => new W.Module(bad)).toThrow(TypeError);
    expect(() => new W.Module(new Uint8Array())).toThrow(W.CompileError);
    expect(() => new W.Module(new ArrayBuffer(0))).toThrow(W.CompileError);
    await expect(W.compile(new Uint8Array())).rejects.toThrow(W.CompileError);
    await expect(W.instantiate(undefined as never)).rejects.toThrow(TypeError);
    expect(W.validate(new Uint8Array())).toBe(false);
    expect(W.validate(wat('(module)'))).toBe(true);
    expect(() => W.validate(1)).toThrow(TypeError);
  });

  test('is not changed by later changes of the bytes', async () => {
    const bytes = wat('(module (func (export "f") (result i32) (i32.const 7)))');
    const promise = W.instantiate(bytes);
    bytes.fill(1);
    const { module, instance } = await promise;
    expect(module).toBeInstanceOf(W.Module);
    expect((instance.exports as { f(): number }).f()).toBe(7);
  });

  test('lives on as an object', () => {
    const object = W.Module.serialize(
      new W.Module(wat('(module (func (export "f") (result i32) (i32.const 7)))')),
    );
    const again = new W.Instance(W.Module.deserialize(object)).exports as { f(): number };
    expect(again.f()).toBe(7);
  });
});

describe('Instance', () => {
  test('exports are frozen and have no prototype', () => {
    const e = run(
      '(module (func (export "f") (param i32 i64)) (func (export "g")) (export "h" (func 0)))',
    );
    expect(Object.getPrototypeOf(e)).toBe(null);
    expect(Object.isFrozen(e)).toBe(true);
    expect(Object.keys(e)).toEqual(['f', 'g', 'h']);
    expect(e['f']).toBe(e['h']);
    const f = e['f'] as unknown as { name: string; length: number };
    expect([f.name, f.length]).toEqual(['0', 2]);
    expect(Object.hasOwn(f, 'prototype')).toBe(false);
    expect(() => new (f as never as new () => void)()).toThrow(TypeError);
  });

  test('reads imports in order and refuses wrong ones', () => {
    const m = new W.Module(
      wat('(module (import "m" "f" (func)) (import "n" "g" (global i32)) (import "m" "h" (func)))'),
    );
    const order: string[] = [];
    const track = (name: string, o: object) =>
      new Proxy(o, { get: (t, k) => (order.push(`${name}.${String(k)}`), Reflect.get(t, k)) });
    new W.Instance(m, track('', { m: track('m', { f() {}, h() {} }), n: track('n', { g: 1 }) }));
    expect(order).toEqual(['.m', 'm.f', '.n', 'n.g', '.m', 'm.h']);
    for (const bad of [undefined, {}, { m: 1 }, { m: undefined }])
      expect(() => new W.Instance(m, bad)).toThrow(TypeError);
    for (const bad of [null, true, '', 1]) expect(() => new W.Instance(m, bad)).toThrow(TypeError);
    expect(() => new W.Instance(m, { m: { f: 1 }, n: { g: 1 } })).toThrow(W.LinkError);
    expect(() => new W.Instance(m, { m: { f() {}, h() {} }, n: { g: 1n } })).toThrow(W.LinkError);
  });

  test('matches types of imports', () => {
    const { f, mem, tab, g } = run(
      '(module (func (export "f") (param i32)) (memory (export "mem") 1 2) (table (export "tab") 3 funcref) (global (export "g") f32 (f32.const 1)))',
    );
    const link = (text: string, x: unknown) => () =>
      run(`(module (import "m" "x" ${text}))`, { m: { x } });
    for (const ok of [
      link('(func (param i32))', f),
      link('(memory 1)', mem),
      link('(memory 1 2)', mem),
      link('(table 2 funcref)', tab),
      link('(global f32)', g),
    ])
      ok();
    for (const bad of [
      link('(func)', f),
      link('(func (param i64))', f),
      link('(memory 2)', mem),
      link('(memory 1 1)', mem),
      link('(table 4 funcref)', tab),
      link('(table 3 5 funcref)', tab),
      link('(table 3 externref)', tab),
      link('(global f64)', g),
      link('(global (mut f32))', g),
      link('(memory 1)', {}),
      link('(global i32)', '1'),
    ]) {
      expect(bad).toThrow(W.LinkError);
    }
  });

  test('an exported host function is a function of its own', () => {
    const f = () => 5;
    const text = '(module (import "m" "f" (func $f (result i32))) (export "f" (func $f)))';
    const { f: exported } = run(text, { m: { f } });
    expect(exported).not.toBe(f);
    expect(exported!()).toBe(5);
    expect(run(text, { m: { f: exported } })['f']).toBe(exported);
  });

  test('segments that do not fit are traps', () => {
    expect(() => run('(module (memory 1) (data (i32.const 65535) "ab"))')).toThrow(W.RuntimeError);
    expect(() => run('(module (table 1 funcref) (func $f) (elem (i32.const 1) $f))')).toThrow(
      W.RuntimeError,
    );
    expect(() => run('(module (func $f unreachable) (start $f))')).toThrow(W.RuntimeError);
  });
});

describe('calls', () => {
  test('convert arguments and results', () => {
    const e = run(`(module
      (func (export "i32") (param i32) (result i32) (local.get 0)) (func (export "i64") (param i64) (result i64) (local.get 0))
      (func (export "f32") (param f32) (result f32) (local.get 0)) (func (export "f64") (param f64) (result f64) (local.get 0))
      (func (export "ref") (param externref) (result externref) (local.get 0)) (func (export "fn") (param funcref) (result funcref) (local.get 0)))`);
    expect([e['i32']!(2 ** 31), e['i32']!('7.9'), e['i32']!(), e['i32']!(null)]).toEqual([
      -(2 ** 31),
      7,
      0,
      0,
    ]);
    expect([e['i64']!(2n ** 63n), e['i64']!('12'), e['i64']!(true)]).toEqual([
      -(2n ** 63n),
      12n,
      1n,
    ]);
    expect([e['f32']!(0.1), e['f64']!(0.1), e['f64']!()]).toEqual([Math.fround(0.1), 0.1, NaN]);
    for (const v of [null, undefined, {}, -0, 'x']) expect(Object.is(e['ref']!(v), v)).toBe(true);
    expect([e['fn']!(null), e['fn']!(e['i32'])]).toEqual([null, e['i32']]);
    expect(() => e['fn']!(() => {})).toThrow(TypeError);
    expect(() => e['i64']!(1)).toThrow(TypeError);
    expect(() => e['i32']!(1n)).toThrow(TypeError);
    expect(() => e['i32']!(Symbol())).toThrow(TypeError);
  });

  test('several results are an array; from JavaScript any iterable', () => {
    const e = run(
      `(module (type $t (func (param i32 i64) (result i32 i64 f64))) (import "m" "f" (func $f (type $t)))
        (func (export "f") (type $t) (call $f (local.get 0) (local.get 1))))`,
      { m: { f: (a: number, b: bigint) => new Set([a + 1, b + 1n, 1.5]) } },
    );
    expect(e['f']!(1, 2n)).toEqual([2, 3n, 1.5]);
    const bad = (result: unknown) =>
      run('(module (import "m" "f" (func (result i32 i32))) (export "f" (func 0)))', {
        m: { f: () => result },
      })['f']!;
    for (const r of [undefined, null, {}, 7, [1], [1, 2, 3]]) expect(bad(r)).toThrow(TypeError);
  });

  test('exceptions of imports come out unchanged, at any depth', () => {
    const thrown = { any: 'thing' };
    const e = run(
      '(module (import "m" "f" (func $f (param i32))) (func (export "go") (param i32) (call $f (local.get 0))))',
      {
        m: {
          f: (n: number) => {
            if (n === 0) throw thrown;
            e['go']!(n - 1);
          },
        },
      },
    );
    for (const depth of [0, 1, 50]) {
      let caught: unknown;
      try {
        e['go']!(depth);
      } catch (x) {
        caught = x;
      }
      expect(caught).toBe(thrown);
    }
  });

  test('a conversion may call Wasm in between', () => {
    const e = run(
      '(module (func (export "sub") (param i32 i32) (result i32) (i32.sub (local.get 0) (local.get 1))))',
    );
    expect(e['sub']!(100, { valueOf: () => e['sub']!(3, 2) })).toBe(99);
  });

  test('traps carry the Wasm frames and leave the instance usable', () => {
    const e =
      run(`(module (memory 1) (func $inner (param i32) (result i32) (i32.load (local.get 0)))
      (func (export "load") (param i32) (result i32) (call $inner (local.get 0)))
      (func (export "div") (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1)))
      (func $deep (export "deep") (param i32) (result i32) (i32.add (i32.const 1) (call $deep (local.get 0)))))`);
    for (let i = 0; i < 100; i++) {
      expect(() => e['load']!(-1)).toThrow('out of bounds memory access');
      expect(() => e['div']!(1, 0)).toThrow('integer divide by zero');
      expect(() => e['div']!(-(2 ** 31), -1)).toThrow('integer overflow');
    }
    expect(() => e['deep']!(1)).toThrow(RangeError);
    try {
      e['load']!(-1);
      expect.unreachable();
    } catch (x) {
      expect(x).toBeInstanceOf(W.RuntimeError);
      expect((x as Error).stack).toMatch(
        /inner \(wasm-function\[0\]:0x[0-9a-f]+\)\n +at wasm-function\[1\]:0x[0-9a-f]+/,
      );
    }
    expect(e['load']!(0)).toBe(0);
    expect(e['div']!(9, 2)).toBe(4);
  });

  test('externrefs survive garbage collection and handles are reused', () => {
    const e = run(
      `(module (import "m" "keep" (func $keep (param externref) (result externref))) (global $g (mut externref) (ref.null extern))
        (table 3 externref)
        (func (export "put") (param externref) (global.set $g (local.get 0)) (table.set (i32.const 1) (local.get 0)))
        (func (export "get") (result externref) (global.get $g)) (func (export "entry") (result externref) (table.get (i32.const 1)))
        (func (export "pass") (param externref) (result externref) (drop (call $keep (ref.null extern))) (local.get 0)))`,
      {
        m: {
          keep: () => {
            for (let i = 0; i < 20000; i++) e['put']!({ i });
            return {};
          },
        },
      },
    );
    const o = {};
    expect(e['pass']!(o)).toBe(o);
    expect(e['get']!()).toEqual({ i: 19999 });
    expect(e['entry']!()).toEqual({ i: 19999 });
  });
});

describe('one call site', () => {
  const params = Array.from({ length: 10 }, () => 'i32').join(' ');
  const all = (f: string) => `(call ${f} ${'(local.get 0)'.repeat(9)} (local.get 1))`;
  const code = `(module
    (import "h" "few" (func $few (param i32 i32) (result i32)))
    (import "h" "many" (func $many (param ${params}) (result i32)))
    (import "h" "list" (func $list (param i32) (result ${params})))
    (func (export "few") (param i32 i32) (result i32)
      (i32.add (local.get 1) (call $few (local.get 0) (local.get 1))))
    (func (export "many") (param i32 i32) (result i32) (i32.add (local.get 1) ${all('$many')}))
    (func (export "list") (param i32) (result i32)
      (call $list (local.get 0)) ${'i32.sub '.repeat(9)})
    (func (export "tail") (param i32 i32) (result i32)
      (return_call $few (local.get 1) (local.get 0)))
    (func (export "tailMany") (param i32 i32) (result i32)
      (return_call $many ${'(local.get 0)'.repeat(9)} (local.get 1))))`;
  type Calls = Record<'few' | 'many' | 'list' | 'tail' | 'tailMany', (...a: number[]) => number>;
  const few = (a: number, b: number) => 10 * a + b;
  const many = (...a: number[]) => a.reduce((x, y) => 2 * x + y);
  const list = (a: number) => Array.from({ length: 10 }, (_, i) => a + i * i);
  const host = { h: { few, many, list } };
  const inner = `(module
    (func (export "few") (param i32 i32) (result i32)
      (i32.add (i32.mul (local.get 0) (i32.const 10)) (local.get 1)))
    (func (export "many") (param ${params}) (result i32) (local.get 0)
      ${Array.from({ length: 9 }, (_, i) => `i32.const 2 i32.mul local.get ${i + 1} i32.add`).join(' ')})
    (func (export "list") (param i32) (result ${params})
      ${Array.from({ length: 10 }, (_, i) => `(i32.add (local.get 0) (i32.const ${i * i}))`).join(' ')}))`;

  function check(e: Calls): void {
    for (let i = 0; i < 100; i++) {
      expect(e.few(i, 3)).toBe(few(i, 3) + 3);
      expect(e.many(i, 3)).toBe(many(...Array<number>(9).fill(i), 3) + 3);
      expect(e.list(i)).toBe(list(i).reduceRight((x, y) => y - x));
      expect(e.tail(i, 3)).toBe(few(3, i));
      expect(e.tailMany(i, 3)).toBe(many(...Array<number>(9).fill(i), 3));
    }
  }

  test('calls JavaScript or another instance, with arguments and results in memory too', () => {
    const m = new W.Module(wat(code));
    const exports = (imports: object) => new W.Instance(m, imports).exports as unknown as Calls;
    check(exports(host));
    check(exports({ h: new W.Instance(new W.Module(wat(inner))).exports }));
    // An instance whose exports call JavaScript in their turn.
    const e = exports({ h: { few: exports(host).few, many, list } });
    expect(e.few(1, 2)).toBe(16);
    expect(e.tail(1, 2)).toBe(22);
  });
});
