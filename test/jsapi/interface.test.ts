// Shape of the namespace and its interfaces: Web IDL § 3.7, JavaScript API § 5.
import { describe, expect, test } from 'vitest';
import { W } from './helpers.ts';

const descriptor = (o: object, key: PropertyKey) => Object.getOwnPropertyDescriptor(o, key)!;

describe('namespace', () => {
  test('is an ordinary object with a tag', () => {
    expect(Object.getPrototypeOf(W)).toBe(Object.prototype);
    expect(descriptor(W, Symbol.toStringTag)).toEqual({
      value: 'WebAssembly',
      writable: false,
      enumerable: false,
      configurable: true,
    });
  });

  test.each([
    'Module',
    'Instance',
    'Memory',
    'Table',
    'Global',
    'CompileError',
    'LinkError',
    'RuntimeError',
  ] as const)('%s', (name) => {
    const { value, ...attributes } = descriptor(W, name);
    expect(attributes).toEqual({ writable: true, enumerable: false, configurable: true });
    expect(value.name).toBe(name);
    expect(value.length).toBe(1);
    expect(descriptor(value, 'prototype')).toMatchObject({
      writable: false,
      enumerable: false,
      configurable: false,
    });
    expect(descriptor(value.prototype, 'constructor')).toEqual({
      value,
      writable: true,
      enumerable: false,
      configurable: true,
    });
  });

  test.each([
    ['validate', 1],
    ['compile', 1],
    ['instantiate', 1],
  ] as const)('%s', (name, length) => {
    const { value, ...attributes } = descriptor(W, name);
    expect(attributes).toEqual({ writable: true, enumerable: true, configurable: true });
    expect([value.name, value.length]).toEqual([name, length]);
    expect(() => new (value as unknown as new () => unknown)()).toThrow(TypeError);
  });
});

describe('classes', () => {
  test.each(['Module', 'Instance', 'Memory', 'Table', 'Global'] as const)(
    '%s has a tag and cannot be called',
    (name) => {
      expect(descriptor(W[name].prototype, Symbol.toStringTag)).toEqual({
        value: `WebAssembly.${name}`,
        writable: false,
        enumerable: false,
        configurable: true,
      });
      expect(() => (W[name] as unknown as (x: object) => unknown)({ initial: 0 })).toThrow(
        TypeError,
      );
    },
  );

  test.each([
    [W.Module, 'exports', 1],
    [W.Module, 'imports', 1],
    [W.Module, 'customSections', 2],
    [W.Memory.prototype, 'grow', 1],
    [W.Table.prototype, 'grow', 1],
    [W.Table.prototype, 'get', 1],
    [W.Table.prototype, 'set', 1],
    [W.Global.prototype, 'valueOf', 0],
  ] as const)('operation %#', (holder, name, length) => {
    const { value, ...attributes } = descriptor(holder, name);
    expect(attributes).toEqual({ writable: true, enumerable: true, configurable: true });
    expect([value.name, value.length]).toEqual([name, length]);
  });

  test.each([
    [W.Instance.prototype, 'exports', false],
    [W.Memory.prototype, 'buffer', false],
    [W.Table.prototype, 'length', false],
    [W.Global.prototype, 'value', true],
  ] as const)('attribute %#', (holder, name, settable) => {
    const d = descriptor(holder, name);
    expect([d.enumerable, d.configurable]).toEqual([true, true]);
    expect([d.get!.name, d.get!.length]).toEqual([`get ${name}`, 0]);
    if (settable) expect([d.set!.name, d.set!.length]).toEqual([`set ${name}`, 1]);
    else expect(d.set).toBeUndefined();
    for (const other of [undefined, null, {}, holder])
      expect(() => d.get!.call(other)).toThrow(TypeError);
  });
});

describe('errors', () => {
  test.each(['CompileError', 'LinkError', 'RuntimeError'] as const)(
    '%s is like a NativeError',
    (name) => {
      const E = W[name];
      expect(Object.getPrototypeOf(E)).toBe(Error);
      expect(Object.getPrototypeOf(E.prototype)).toBe(Error.prototype);
      expect([E.prototype.name, E.prototype.message]).toEqual([name, '']);
      const called = E('text');
      expect(called).toBeInstanceOf(E);
      expect(called.message).toBe('text');
      expect(Object.hasOwn(new E(), 'message')).toBe(false);
      expect(String(new E('text'))).toBe(`${name}: text`);
      expect(new E('x', { cause: 1 } as never).cause).toBe(1);
    },
  );
});
