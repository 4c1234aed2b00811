/** Damaged and hostile DWARF: less is known, nothing throws, nothing takes long. All seeds are fixed. */
import { describe, expect, test } from 'vitest';
import {
  Cursor,
  Dwarf,
  DwarfError,
  DWARF_SECTIONS,
  gatherSections,
  readLines,
  SourceLookup,
  type DwarfSections,
} from '../../src-ts/dwarf/index.ts';
import * as C from '../../src-ts/dwarf/constants.ts';
import { Random } from '../fuzz/random.ts';
import { fixture, sectionsOf } from './programs.ts';

/** Sections of some bytes, the others empty. */
function sections(of: Partial<Record<keyof DwarfSections, number[]>>): DwarfSections {
  const bytes = Object.entries(of).map(([kind, list]) => [
    DWARF_SECTIONS[kind as keyof DwarfSections],
    Uint8Array.from(list),
  ]);
  const map = new Map(bytes as [string, Uint8Array][]);
  return gatherSections((name) => map.get(name));
}

/** Asks for many addresses and reads everything; only DwarfError may come out of the reader itself. */
function exercise(s: DwarfSections): void {
  const lookup = new SourceLookup(s);
  for (let address = 0; address < 700; address += 13) lookup.framesAt(address);
  try {
    for (const unit of new Dwarf(s).units()) {
      const die = unit.entries();
      while (die.next()) for (let i = 0; i < die.count; i++) die.string(die.names[i]!);
      readLines(unit);
    }
  } catch (e) {
    expect(e).toBeInstanceOf(DwarfError);
  }
}

function mutate(random: Random, section: Uint8Array): Uint8Array {
  if (section.length === 0) return section;
  if (random.below(4) === 0) return section.slice(0, random.below(section.length));
  const bytes = section.slice();
  for (let n = 1 + random.below(8); n > 0; n--) {
    const at = random.below(bytes.length);
    bytes[at] = random.pick([0, 1, 0x7f, 0x80, 0xff, random.u32(), bytes[at]! ^ 1]);
  }
  return bytes;
}

describe('damaged sections', () => {
  test.each(['ring-legacy.wasm', 'ring-v0.wasm', 'crash5.wasm'])('%s', (name) => {
    const good = sectionsOf(fixture(name));
    const kinds = (Object.keys(good) as (keyof DwarfSections)[]).filter((k) => good[k].length > 0);
    const random = new Random(20);
    for (let n = 0; n < 400; n++) {
      const bad = { ...good };
      for (let k = 1 + random.below(2); k > 0; k--) {
        const kind = random.pick(kinds);
        bad[kind] = mutate(random, bad[kind]);
      }
      exercise(bad);
    }
  });

  test('noise', () => {
    const random = new Random(7);
    for (let n = 0; n < 200; n++) {
      exercise(gatherSections(() => random.bytes(random.below(300))));
    }
  });
});

/** A version 4 unit with these entries. */
const unit4 = (...entries: number[]) => [
  entries.length + 7,
  0,
  0,
  0,
  4,
  0,
  0,
  0,
  0,
  0,
  4,
  ...entries,
];

describe('hostile sections', () => {
  test('references in a circle', () => {
    const s = sections({
      abbrev: [
        ...[1, C.DW_TAG_compile_unit, 1, 0, 0],
        ...[2, C.DW_TAG_subprogram, 0, C.DW_AT_low_pc, C.DW_FORM_addr],
        ...[C.DW_AT_high_pc, C.DW_FORM_data1, C.DW_AT_abstract_origin, C.DW_FORM_ref1, 0, 0, 0],
      ],
      info: unit4(1, 2, 0x10, 0, 0, 0, 9, 12, 0),
    });
    expect(new SourceLookup(s).framesAt(0x12)).toEqual([
      { name: undefined, file: undefined, line: 0, column: 0 },
    ]);
  });

  test('an abbreviation of very many empty attributes, used very often', () => {
    const flags = Array.from({ length: 2000 }, () => [0x3f, C.DW_FORM_flag_present]).flat();
    const s = sections({
      abbrev: [1, C.DW_TAG_compile_unit, 1, 0, 0, 2, C.DW_TAG_subprogram, 0, ...flags, 0, 0, 0],
    });
    const entries = new Uint8Array(20_000).fill(2);
    entries[0] = 1;
    const head = Uint8Array.from(unit4());
    s.info = new Uint8Array([...head, ...entries]);
    new DataView(s.info.buffer).setUint32(0, s.info.length - 4, true);
    let attributes = 0;
    const die = new Dwarf(s).units()[0]!.entries();
    expect(() => {
      while (die.next()) attributes += die.count;
    }).toThrow('too much work');
    expect(attributes).toBeLessThan(400_000);
    expect(new SourceLookup(s).framesAt(0x12)).toEqual([]);
  });

  test('counts beyond the end', () => {
    // Version 5, one format entry of no bytes, 2^32 - 1 directories.
    const header = [1, 1, 1, 0xfb, 14, 1, 1, 1, C.DW_FORM_implicit_const];
    const line = [5, 0, 4, 0, 14, 0, 0, 0, ...header, 0xff, 0xff, 0xff, 0xff, 0x0f];
    const s = sections({
      abbrev: [1, C.DW_TAG_compile_unit, 0, C.DW_AT_stmt_list, C.DW_FORM_data1, 0, 0, 0],
      info: unit4(1, 0),
      line: [line.length, 0, 0, 0, ...line],
    });
    expect(() => readLines(new Dwarf(s).units()[0]!)).toThrow(DwarfError);
  });

  test('integers', () => {
    const read = (...bytes: number[]) => new Cursor(Uint8Array.from(bytes), 'x');
    expect(read(0xe5, 0x8e, 0x26).uleb()).toBe(624485);
    expect(read(0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00).uleb()).toBe(0);
    expect(read(0xc0, 0xbb, 0x78).sleb()).toBe(-123456);
    expect(read(0x7f).sleb()).toBe(-1);
    expect(read(0x80, 0x7f).sleb()).toBe(-128);
    expect(() => read(...new Array<number>(30).fill(0x80)).uleb()).toThrow(DwarfError);
    expect(() => read(0x80).uleb()).toThrow(DwarfError);
    expect(() => read(1, 2, 3).u32()).toThrow(DwarfError);
    expect(() => read(0xf0, 0xff, 0xff, 0xff).unitLength()).toThrow(DwarfError);
    expect(() => read(65, 66).string()).toThrow(DwarfError);
  });
});
