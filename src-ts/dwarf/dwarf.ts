/**
 * The DWARF of one module: its sections, its units, and how much work reading it may be.
 * Versions 2 to 5, 32-bit and 64-bit format, little-endian, addresses of 4 or 8 bytes. In a Wasm module addresses count from
 * the beginning of the Code section's contents (tool-conventions, "DWARF for WebAssembly").
 */
import { readAbbrevs, type AbbrevTable } from './abbrev.ts';
import { Cursor, DwarfError } from './cursor.ts';
import { readUnit, type Unit } from './unit.ts';

/** The sections that are read, by the names under which a Wasm module carries them as custom sections. */
export const DWARF_SECTIONS = {
  info: '.debug_info',
  abbrev: '.debug_abbrev',
  line: '.debug_line',
  str: '.debug_str',
  lineStr: '.debug_line_str',
  strOffsets: '.debug_str_offsets',
  addr: '.debug_addr',
  ranges: '.debug_ranges',
  rnglists: '.debug_rnglists',
  loc: '.debug_loc',
  loclists: '.debug_loclists',
} as const;

/** Contents by kind; a section that is not there is empty. */
export type DwarfSections = Record<keyof typeof DWARF_SECTIONS, Uint8Array>;

/** Gathers the sections; `find` gives the contents of one by its name. */
export function gatherSections(find: (name: string) => Uint8Array | undefined): DwarfSections {
  const entries = Object.entries(DWARF_SECTIONS).map(([kind, name]) => [
    kind,
    find(name) ?? new Uint8Array(0),
  ]);
  return Object.fromEntries(entries) as DwarfSections;
}

/**
 * Steps of work (attributes, list entries, rows) allowed per byte of all sections. Producers need about one; sections made
 * to be slow (each of many entries with an abbreviation of thousands of empty attributes, or the same long list of
 * ranges) are given up after a time linear in their size.
 */
const WORK_PER_BYTE = 16;
const WORK_BASE = 10_000;

export class Dwarf {
  readonly sections: DwarfSections;
  private readonly tables = new Map<number, AbbrevTable>();
  private work: number;
  private list: Unit[] | undefined;

  constructor(sections: DwarfSections) {
    this.sections = sections;
    let bytes = 0;
    for (const section of Object.values(sections)) bytes += section.length;
    this.work = WORK_BASE + WORK_PER_BYTE * bytes;
  }

  /** Takes from the work allowed. Throws DwarfError when none is left. */
  readonly spend = (work: number): void => {
    if ((this.work -= work) < 0) throw new DwarfError('DWARF sections are too much work');
  };

  /** The units of .debug_info in order; what follows a header that can not be read is left out. */
  units(): readonly Unit[] {
    if (this.list) return this.list;
    const list: Unit[] = [];
    try {
      const r = new Cursor(this.sections.info, DWARF_SECTIONS.info);
      while (r.left > 0) {
        const unit = readUnit(this, r);
        if (unit) list.push(unit);
      }
    } catch (e) {
      if (!(e instanceof DwarfError)) throw e;
    }
    return (this.list = list);
  }

  /** The unit in which an offset of .debug_info lies. */
  unitAt(offset: number): Unit | undefined {
    const units = this.units();
    let low = 0;
    let high = units.length;
    while (low < high) {
      const mid = (low + high) >>> 1;
      if (units[mid]!.offset <= offset) low = mid + 1;
      else high = mid;
    }
    const unit = units[low - 1];
    return unit && offset < unit.end ? unit : undefined;
  }

  /** The abbreviations at an offset of .debug_abbrev. Throws DwarfError. */
  abbrevs(offset: number): AbbrevTable {
    let table = this.tables.get(offset);
    if (!table) {
      table = readAbbrevs(this.sections.abbrev, offset, this.spend);
      this.tables.set(offset, table);
    }
    return table;
  }
}
