// Memory, Table, Global: conversions, their order, limits, identity (JavaScript API § 5.3, 5.4, 5.7).
import { describe, expect, test } from 'vitest';
import { run, W } from './helpers.ts';

const OUT_OF_RANGE = [NaN, Infinity, -Infinity, -1, 0x100000000, 0x1000000000];

/** A descriptor that records the order in which it is read. */
function spy(order: string[], values: Record<string, unknown>): object {
  const o = {};
  for (const [key, value] of Object.entries(values)) {
    Object.defineProperty(o, key, {
      get() {
        order.push(key);
        return {
          valueOf: () => (order.push(`${key} valueOf`), value),
          toString: () => (order.push(`${key} toString`), value),
        };
      },
    });
  }
  return o;
}

describe('Memory', () => {
  test('refuses what is no descriptor', () => {
    for (const d of [
      undefined,
      null,
      false,
      true,
      '',
      Symbol(),
      1,
      NaN,
      {},
      { initial: undefined },
    ]) {
      expect(() => new W.Memory(d)).toThrow(TypeError);
    }
    expect(() => new (W.Memory as new () => object)()).toThrow(TypeError);
    for (const v of OUT_OF_RANGE) {
      expect(() => new W.Memory({ initial: v })).toThrow(TypeError);
      expect(() => new W.Memory({ initial: 0, maximum: v })).toThrow(TypeError);
    }
    expect(() => new W.Memory({ initial: 10, maximum: 9 })).toThrow(RangeError);
    expect(() => new W.Memory({ initial: 65537 })).toThrow(RangeError);
    expect(() => new W.Memory({ initial: 1, shared: true })).toThrow(TypeError);
  });

  test('reads its descriptor in order', () => {
    const order: string[] = [];
    new W.Memory(spy(order, { maximum: 1, initial: 1 }));
    expect(order).toEqual(['initial', 'initial valueOf', 'maximum', 'maximum valueOf']);
  });

  test('growing detaches the buffer', () => {
    const m = new W.Memory({ initial: 1, maximum: 3 });
    const before = m.buffer;
    expect(m.buffer).toBe(before);
    new Uint8Array(before)[7] = 42;
    expect(m.grow(1)).toBe(1);
    expect(before.byteLength).toBe(0);
    expect(m.buffer.byteLength).toBe(2 * 65536);
    expect(new Uint8Array(m.buffer)[7]).toBe(42);
    expect(() => m.grow(2)).toThrow(RangeError);
    const same = m.buffer;
    expect(m.grow(0)).toBe(2);
    expect(same.byteLength).toBe(0);
    expect(m.buffer.byteLength).toBe(2 * 65536);
    for (const v of OUT_OF_RANGE) expect(() => m.grow(v)).toThrow(TypeError);
    expect(() => (m as unknown as { grow(): void }).grow()).toThrow(TypeError);
  });

  test('growing in Wasm detaches the buffer, also while an import runs', () => {
    const seen: number[] = [];
    const e = run(
      `(module (import "m" "look" (func $look)) (memory (export "mem") 1 4)
        (func (export "grow") (drop (memory.grow (i32.const 1))) (i32.store (i32.const 65536) (i32.const 9)) (call $look)))`,
      {
        m: {
          look: () => {
            seen.push(
              old.byteLength,
              memory.buffer.byteLength,
              new Int32Array(memory.buffer)[16384]!,
            );
          },
        },
      },
    );
    const memory: { buffer: ArrayBuffer } = e['mem']!;
    const old = memory.buffer;
    e['grow']!();
    expect(seen).toEqual([0, 131072, 9]);
  });
});

describe('Table', () => {
  test('refuses what is no descriptor', () => {
    for (const d of [
      undefined,
      null,
      1,
      'x',
      {},
      { initial: 1 },
      { element: 'anyfunc' },
      { element: 'i32', initial: 1 },
    ]) {
      expect(() => new W.Table(d)).toThrow(TypeError);
    }
    for (const v of OUT_OF_RANGE) {
      expect(() => new W.Table({ element: 'anyfunc', initial: v })).toThrow(TypeError);
      expect(() => new W.Table({ element: 'anyfunc', initial: 0, maximum: v })).toThrow(TypeError);
    }
    expect(() => new W.Table({ element: 'anyfunc', initial: 10, maximum: 9 })).toThrow(RangeError);
    expect(() => new W.Table({ element: 'anyfunc', initial: 10_000_001 })).toThrow(RangeError);
  });

  test('reads its descriptor in order', () => {
    const order: string[] = [];
    new W.Table(spy(order, { maximum: 1, initial: 1, element: 'anyfunc' }));
    expect(order).toEqual([
      'element',
      'element toString',
      'initial',
      'initial valueOf',
      'maximum',
      'maximum valueOf',
    ]);
  });

  test('functions keep their identity; other values are refused', () => {
    const { fn, fn2 } = run('(module (func (export "fn") (param f64)) (func (export "fn2")))');
    const t = new W.Table({ element: 'anyfunc', initial: 5 });
    expect(t.set(0, fn)).toBeUndefined();
    t.set(2, fn2);
    expect([0, 1, 2].map((i) => t.get(i))).toEqual([fn, null, fn2]);
    t.set(0);
    expect(t.get(0)).toBe(null);
    for (const bad of [undefined, true, 'test', Symbol(), 7, NaN, {}, () => {}])
      expect(() => t.set(0, bad)).toThrow(TypeError);
    expect(() => t.set(-1, fn)).toThrow(TypeError);
    expect(() => t.set(5, fn)).toThrow(RangeError);
    expect(() => t.get(5)).toThrow(RangeError);
    expect(t.grow(3, fn)).toBe(5);
    expect([t.length, t.get(7)]).toEqual([8, fn]);
    expect(() => t.grow(2, {})).toThrow(TypeError);
  });

  test('externref entries hold any value', () => {
    const o = {};
    const t = new W.Table({ element: 'externref', initial: 2 }, o);
    expect(t.get(1)).toBe(o);
    t.set(0);
    expect(t.get(0)).toBe(undefined);
    for (const v of [null, undefined, 1, -0, NaN, 'x', 12n, Symbol.iterator, o]) {
      t.set(0, v);
      expect(Object.is(t.get(0), v)).toBe(true);
    }
  });
});

describe('Global', () => {
  test('refuses what is no descriptor', () => {
    for (const d of [
      undefined,
      null,
      false,
      '',
      1,
      {},
      { value: 'i16' },
      { value: 'i32\0' },
      { value: 'v128' },
    ]) {
      expect(() => new W.Global(d)).toThrow(TypeError);
    }
    expect(() => new W.Global({ value: 'i64' }, 1)).toThrow(TypeError);
    expect(() => new W.Global({ value: 'i32' }, 1n)).toThrow(TypeError);
  });

  test('reads its descriptor in order', () => {
    const order: string[] = [];
    new W.Global(spy(order, { value: 'f64', mutable: 0 }), {
      valueOf: () => void order.push('value'),
    });
    expect(order).toEqual(['mutable', 'value', 'value toString', 'value']);
  });

  test('converts values', () => {
    for (const value of ['i32', 'f32', 'f64']) {
      for (const [given, kept] of [
        [undefined, 0],
        [null, 0],
        [true, 1],
        ['3', 3],
        [{ valueOf: () => '8' }, 8],
      ] as const) {
        expect(new W.Global({ value }, given).value).toBe(kept);
      }
    }
    expect(new W.Global({ value: 'i64' }).value).toBe(0n);
    expect(new W.Global({ value: 'i64', mutable: true }, 2n ** 63n).value).toBe(-(2n ** 63n));
    expect(new W.Global({ value: 'externref' }).value).toBe(undefined);
    expect(new W.Global({ value: 'anyfunc' }).value).toBe(null);
  });

  test('only mutable ones can be set', () => {
    const g = new W.Global({ value: 'i32' }, 5);
    expect(() => (g.value = { valueOf: () => expect.unreachable() })).toThrow(TypeError);
    const m = new W.Global({ value: 'i32', mutable: 'x' }, 5);
    m.value = 6.9;
    expect([m.value, m.valueOf()]).toEqual([6, 6]);
  });

  test('is shared with the instances that import it', () => {
    const g = new W.Global({ value: 'i64', mutable: true }, 1n);
    const e = run(
      `(module (import "m" "g" (global $g (mut i64))) (export "again" (global $g))
        (func (export "bump") (result i64) (global.set $g (i64.add (global.get $g) (i64.const 41))) (global.get $g)))`,
      { m: { g } },
    );
    expect(e['again']).toBe(g);
    expect(e['bump']!()).toBe(42n);
    expect(g.value).toBe(42n);
  });
});
