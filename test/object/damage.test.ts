/** Damaged objects: refused with an ObjectError, or as good as the original; never anything else. */
import { describe, expect, test } from 'vitest';
import { checksum, ObjectError, readObject, writeObject } from '../../src-ts/object/index.ts';
import { store32 } from '../../src-ts/object/bytes.ts';
import { FORMAT_VERSION } from '../../src-ts/object/engine.ts';
import { sectionIndex, sectionRows } from '../../src-ts/object/sections.ts';
import { longFunction, random, sampleInput } from './sample.ts';

const input = sampleInput();
input.functions[1] = longFunction(50);
const original = writeObject(input);

/** True when the object is refused; any error but ObjectError fails the test. */
function refused(bytes: Uint8Array): boolean {
  try {
    const object = readObject(bytes, checksum);
    void object.module.funcNames;
    for (let f = 0; f < 4; f++) object.names.get(f);
    for (let at = 0; at < object.layout.textSize; at += 37) object.wasmOffset(at, false);
    for (let f = object.importedFunctions; f < object.module.funcTypes.length; f++) {
      expect(object.textOffsetOf(f)).toBeLessThan(object.layout.textSize);
      expect(object.textOffsetOf(f) + object.sizeOf(f)).toBeLessThanOrEqual(object.layout.textSize);
    }
    object.module.data.forEach((d, i) => expect(object.dataBytes(i).length).toBe(d.length));
    object.module.custom.forEach((c, i) => expect(object.customBytes(i).length).toBe(c.length));
    return false;
  } catch (e) {
    if (e instanceof ObjectError) return true;
    throw e;
  }
}

/** Puts the right checksum on. */
function seal(bytes: Uint8Array): Uint8Array {
  store32(bytes, bytes.length - 4, checksum(bytes, 0, bytes.length - 4));
  return bytes;
}

describe('damaged objects', () => {
  test('6,000 with flipped bits are refused', () => {
    const next = random(1);
    const bytes = original.slice();
    for (let i = 0; i < 6000; i++) {
      const flips = Array.from({ length: 1 + next(3) }, () => [next(bytes.length), 1 << next(8)]);
      for (const [at, bit] of flips) bytes[at!]! ^= bit!;
      const same = Buffer.compare(bytes, original) === 0;
      expect(refused(bytes)).toBe(!same);
      for (const [at, bit] of flips) bytes[at!]! ^= bit!;
    }
  });

  test('4,000 truncated ones are refused', () => {
    const next = random(2);
    for (let i = 0; i < 4000; i++) {
      expect(refused(original.subarray(0, next(original.length)))).toBe(true);
    }
    expect(refused(new Uint8Array(0))).toBe(true);
  });

  test('6,000 with changed bytes and a checksum that fits are refused or usable', () => {
    const next = random(3);
    const text = 4096;
    const ranges = [
      [0, 64],
      [readObject(original, checksum).data.offset, original.length - 4],
    ] as const;
    let loaded = 0;
    for (let i = 0; i < 6000; i++) {
      const bytes = original.slice();
      for (let n = 1 + next(2); n > 0; n--) {
        const [start, end] = ranges[next(4) === 0 ? 0 : 1]!;
        bytes[start + next(end - start)] = next(3) === 0 ? 0xff : next(256);
      }
      if (!refused(seal(bytes))) loaded++;
    }
    expect(loaded).toBeGreaterThan(100);
    expect(text).toBeLessThan(original.length);
  });
});

describe('messages say what was found and what was expected', () => {
  const section = (i: number) =>
    Number(new DataView(original.buffer).getBigUint64(40, true)) + 64 * i;
  const engine = Number(
    new DataView(original.buffer).getBigUint64(section(sectionRows(false).length) + 24, true),
  );
  const cases: [string, (b: Uint8Array) => void, RegExp][] = [
    ['magic', (b) => (b[0] = 0), /wrong magic number, expected \\x7fELF/],
    ['class', (b) => (b[4] = 1), /found class 1, expected 2/],
    ['byte order', (b) => (b[5] = 2), /found byte order 2, expected 1/],
    ['file type', (b) => (b[16] = 2), /found file type 2, expected 1/],
    [
      'machine',
      (b) => (b[18] = 40),
      /found machine 40, expected one of 62 \(x86_64-linux\), 183 \(aarch64-linux\)/,
    ],
    [
      'section count',
      (b) => (b[60] = 99),
      new RegExp(`found number of sections 99, expected ${sectionRows(false).length + 1}`),
    ],
    [
      'section type',
      (b) => (b[section(sectionIndex('.rela.eh_frame')) + 4] = 9),
      /\.rela\.eh_frame with type 9, expected 4/,
    ],
    ['section flags', (b) => (b[section(2) + 8] = 7), /\.eh_frame with flags 7, expected 2/],
    [
      'section size',
      (b) => (b[section(3) + 38] = 1),
      /\.rodata\.wasm at \[\d+, \d+\), expected it/,
    ],
    [
      'unknown section',
      (b) => b.copyWithin(section(4), section(5), section(5) + 4),
      /found section '\.elfin\.traps', expected '\.elfin\.funcs'/,
    ],
    ['magic of engine', (b) => (b[engine] = 0), /\.elfin\.engine: found a wrong magic number/],
    [
      'format version',
      (b) => (b[engine + 8] = 77),
      new RegExp(`format version 77, expected ${FORMAT_VERSION}`),
    ],
    ['target', (b) => (b[engine + 13] = 0x79), /found target 'y86_64-linux'/],
  ];
  for (const [name, damage, message] of cases) {
    test(name, () => {
      const bytes = original.slice();
      damage(bytes);
      expect(() => readObject(seal(bytes), checksum)).toThrow(ObjectError);
      expect(() => readObject(bytes, checksum)).toThrow(message);
    });
  }

  test('checksum', () => {
    const bytes = original.slice();
    bytes[4100]! ^= 1;
    expect(() => readObject(bytes, checksum)).toThrow(/found checksum 0x.{8}, expected 0x.{8}/);
  });
});
