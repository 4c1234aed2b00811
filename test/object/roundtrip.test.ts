import { describe, expect, test } from 'vitest';
import { ByteReader, ByteWriter } from '../../src-ts/object/bytes.ts';
import {
  checkHost,
  checksum,
  ObjectError,
  readObject,
  writeObject,
} from '../../src-ts/object/index.ts';
import { callingFunction, longFunction, random, sampleInput } from './sample.ts';

describe('object round trip', () => {
  const input = sampleInput();
  const bytes = writeObject(input);
  const object = readObject(bytes, checksum);

  test('the same input gives the same bytes', () => {
    expect(writeObject(sampleInput())).toEqual(bytes);
  });

  test('module description', () => {
    const plain = (m: typeof input.module) => ({
      ...m,
      funcTypes: [...m.funcTypes],
      funcRefs: [...m.funcRefs],
      elements: m.elements.map((e) => ({ ...e, funcs: e.funcs && [...e.funcs] })),
    });
    expect(plain(object.module)).toEqual(plain(input.module));
    expect(object.names.get(3)).toBe('std::vec<größe>\n');
    expect(object.names.get(2)).toBeUndefined();
  });

  test('engine section', () => {
    expect(object.engine).toEqual({
      target: 'x86_64-linux',
      cpuFeatures: ['bmi1', 'popcnt'],
      settings: { optLevel: '2', explicitChecks: 'false' },
    });
    checkHost(object.engine, 'x86_64-linux', ['bmi1', 'popcnt', 'avx']);
    expect(() => checkHost(object.engine, 'x86_64-linux', ['popcnt'])).toThrow(/lacks: bmi1/);
    expect(() => checkHost(object.engine, 'aarch64-linux', [])).toThrow(/x86_64-linux/);
  });

  test('code is placed in order, aligned, with its calls resolved', () => {
    expect(object.layout.textOffset % 4096).toBe(0);
    expect(object.layout.ehFrameOffset % 4096).toBe(0);
    const offsets = [1, 2, 3].map((f) => object.textOffsetOf(f));
    expect(offsets[0]).toBe(0);
    expect(offsets[1]).toBe(64); // align 32
    expect(offsets[2]! % 16).toBe(0);
    expect(object.entryOffset(0)).toBeGreaterThan(offsets[2]!);
    expect(object.exitOffset(1)).toBeGreaterThan(object.entryOffset(0));
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    for (const [from, to] of [
      [offsets[0]!, offsets[2]!],
      [offsets[2]!, offsets[0]!],
    ] as const) {
      const rel = view.getInt32(object.layout.textOffset + from + 17, true);
      expect(from + 21 + rel).toBe(to);
    }
    expect(() => object.textOffsetOf(0)).toThrow(ObjectError);
    expect(() => object.textOffsetOf(4)).toThrow(ObjectError);
    expect(() => object.entryOffset(1)).toThrow(/entry trampoline 1: found none/);
    expect(() => object.exitOffset(7)).toThrow(ObjectError);
  });

  test('functions, positions and traps by code offset', () => {
    const third = object.textOffsetOf(3);
    expect(object.functionAt(0)).toBe(1);
    expect(object.functionAt(36)).toBe(1);
    expect(object.functionAt(37)).toBe(-1);
    expect(object.functionAt(third + 5)).toBe(3);
    expect(object.functionAt(object.entryOffset(0))).toBe(-1);
    expect(object.wasmOffset(20, false)).toBe(100);
    expect(object.wasmOffset(21, false)).toBe(104);
    expect(object.wasmOffset(21, true)).toBe(100);
    expect(object.wasmOffset(37, true)).toBe(109);
    expect(object.wasmOffset(37, false)).toBe(-1);
    expect(object.wasmOffset(third + 36, false)).toBe(2009);
    expect(object.wasmOffset(object.textOffsetOf(2) + 10, false)).toBe(-1);
    expect(object.traps.at(35)).toEqual({ code: 3, wasmOffset: 109 });
    expect(object.traps.at(34)).toBeUndefined();
    expect(object.traps.at(third + 35)).toEqual({ code: 3, wasmOffset: 2009 });
    const sites: number[] = [];
    object.traps.forEachIn(1, third + 36, (offset) => sites.push(offset));
    expect(sites).toEqual([35, third + 35]);
  });

  test('inlined frames', () => {
    const input = sampleInput();
    // Function 2, called at 300, which calls function 1 at 250; its code from the call on, that of 1 at the trap.
    const inlines = Int32Array.of(2, -1, 300, 2, 0, 250, 1, 2 * 21 - 1, 0, 2 * 35, 1);
    input.functions[0] = { ...input.functions[0]!, inlines };
    const other = readObject(writeObject(input), checksum);
    const at = (offset: number, isCall: boolean) =>
      other.inlinedFrames(offset, isCall, { index: 1, wasmOffset: 7 });
    expect(at(20, false)).toEqual([{ index: 1, wasmOffset: 7 }]);
    const called = [
      { index: 3, wasmOffset: 7 },
      { index: 1, wasmOffset: 300 },
    ];
    expect(at(21, true)).toEqual(called);
    expect(at(34, false)).toEqual(called);
    expect(at(35, true)).toEqual(called);
    expect(at(35, false)).toEqual([
      { index: 2, wasmOffset: 7 },
      { index: 3, wasmOffset: 250 },
      { index: 1, wasmOffset: 300 },
    ]);
    const own = { index: 3, wasmOffset: 5 };
    expect(other.inlinedFrames(other.textOffsetOf(3) + 35, false, own)).toEqual([own]);
  });

  test('data and custom sections', () => {
    expect([...object.dataBytes(0)]).toEqual([1, 2, 3]);
    expect([...object.dataBytes(1)]).toEqual([4, 5]);
    expect([...object.customBytes(0)]).toEqual([9, 8, 7, 6]);
    expect([...object.customBytes(1)]).toEqual([5]);
  });

  test('bytes at an odd place read the same', () => {
    const moved = new Uint8Array(bytes.length + 1).subarray(1);
    moved.set(bytes);
    const other = readObject(moved, checksum);
    expect(other.textOffsetOf(3)).toBe(object.textOffsetOf(3));
    expect(other.wasmOffset(21, false)).toBe(104);
  });

  test('an empty module', () => {
    const empty = sampleInput();
    const m = { ...empty.module };
    m.types = [];
    m.imports = [];
    m.exports = [];
    m.funcTypes = [];
    m.funcRefs = [];
    m.funcNames = [];
    m.elements = [];
    m.tables = [];
    m.globals = [];
    m.data = [];
    m.custom = [];
    m.start = undefined;
    const none = { functions: [], entryTrampolines: [], exitTrampolines: [] };
    const data = new Uint8Array(0);
    const object = readObject(
      writeObject({ ...empty, ...none, module: m, data, customBytes: data }),
      checksum,
    );
    expect(object.module.types).toEqual([]);
    expect(object.functionAt(0)).toBe(-1);
    expect(object.wasmOffset(0, false)).toBe(-1);
  });

  test('the address map over many blocks', () => {
    const input = sampleInput();
    const code = longFunction(70_000);
    const pairs: number[] = [];
    const next = random(5);
    for (let at = 7, wasm = 5000; at < 70_000; at += 1 + next(300)) {
      wasm += next(2000) - 900;
      pairs.push(at, wasm);
    }
    code.addrmap = Int32Array.from(pairs);
    input.functions[1] = code;
    const object = readObject(writeObject(input), checksum);
    const start = object.textOffsetOf(2);
    expect(object.wasmOffset(start + 6, false)).toBe(-1);
    for (let i = 0; i < pairs.length; i += 2) {
      expect(object.wasmOffset(start + pairs[i]!, false)).toBe(pairs[i + 1]);
      expect(object.wasmOffset(start + pairs[i]! - 1, false)).toBe(i === 0 ? -1 : pairs[i - 1]);
    }
    const seen: number[] = [];
    object.addresses.forEachIn(start, start + 70_000, (at, wasm) => seen.push(at - start, wasm));
    expect(seen).toEqual(pairs);
  });

  test('a function that is missing is our bug', () => {
    const input = sampleInput();
    input.functions.pop();
    expect(() => writeObject(input)).toThrow(/internal error in object/);
    input.functions.push(callingFunction(3, 0));
    expect(() => writeObject(input)).toThrow(/relocation 0 against function 3/);
  });
});

describe('bytes', () => {
  test('LEB128', () => {
    const unsigned = [0, 127, 128, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER];
    const signed = [0, -1, 63, 64, -64, -65, 2 ** 31 - 1, -(2 ** 31), 1 << 27, -(1 << 27)];
    const w = new ByteWriter(1);
    for (const n of unsigned) w.uleb(n);
    for (const n of signed) w.sleb(n);
    w.u64(2 ** 53 - 1);
    const r = new ByteReader(w.view(), 'test');
    expect(unsigned.map(() => r.uleb())).toEqual(unsigned);
    expect(signed.map(() => r.sleb())).toEqual(signed);
    expect(r.u64()).toBe(2 ** 53 - 1);
    r.done();
    expect(() => r.u8()).toThrow(ObjectError);
    expect(() => new ByteReader(new Uint8Array(9).fill(0xff), 'test').uleb()).toThrow(ObjectError);
    expect(() => new ByteReader(new Uint8Array(9).fill(0xff), 'test').sleb()).toThrow(ObjectError);
  });

  test('checksum', () => {
    const data = Uint8Array.from({ length: 100 }, (_, i) => i * 7);
    expect(checksum(data, 0, 0)).toMatchInlineSnapshot(`3381363351`);
    expect(checksum(data, 0, 100)).toMatchInlineSnapshot(`1890717557`);
    expect(checksum(data, 1, 65)).toMatchInlineSnapshot(`3236002653`);
  });
});
