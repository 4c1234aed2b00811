/** Unit headers (DWARF 5 § 7.5.1) and what the forms of a unit's attributes refer to (§ 7.5.5). */
import * as C from './constants.ts';
import { Cursor, DwarfError, stringAt } from './cursor.ts';
import { DieReader } from './die.ts';
import type { Dwarf } from './dwarf.ts';

/** What the unit's own entry says. */
export interface UnitRoot {
  tag: number;
  name: string | undefined;
  compDir: string | undefined;
  /** DW_LANG_…, -1 if not given. */
  language: number;
  /** Offset of its line number program in .debug_line, -1 if it has none. */
  stmtList: number;
  /** What addresses in its range lists are relative to at first. */
  lowPc: number;
}

/** Where a unit is and how it is written. */
export interface UnitHeader {
  /** Offset in .debug_info. */
  readonly offset: number;
  /** Where the unit ends and the next one begins. */
  readonly end: number;
  readonly version: number;
  /** DW_UT_…; DW_UT_compile before version 5. */
  readonly type: number;
  /** Size of addresses and of offsets in bytes: 4 or 8. */
  readonly addressSize: number;
  readonly offsetSize: number;
  readonly abbrevOffset: number;
  /** Offset of the unit's own entry. */
  readonly firstDie: number;
}

/** Bases of a unit's indices into shared tables (§ 7.26 to § 7.29). */
interface Bases {
  strOffsets: number;
  addr: number;
  rnglists: number;
  loclists: number;
}

export class Unit implements UnitHeader {
  readonly dwarf: Dwarf;
  readonly offset: number;
  readonly end: number;
  readonly version: number;
  readonly type: number;
  readonly addressSize: number;
  readonly offsetSize: number;
  readonly abbrevOffset: number;
  readonly firstDie: number;
  private rootEntry: UnitRoot | undefined;
  private tables: Bases | undefined;

  constructor(dwarf: Dwarf, h: UnitHeader) {
    this.dwarf = dwarf;
    this.offset = h.offset;
    this.end = h.end;
    this.version = h.version;
    this.type = h.type;
    this.addressSize = h.addressSize;
    this.offsetSize = h.offsetSize;
    this.abbrevOffset = h.abbrevOffset;
    this.firstDie = h.firstDie;
  }

  /** A reader at the beginning of the unit. Throws DwarfError. */
  entries(): DieReader {
    return new DieReader(this);
  }

  /** Throws DwarfError. */
  root(): UnitRoot {
    if (this.rootEntry) return this.rootEntry;
    const die = this.entries();
    if (!die.next()) throw new DwarfError(`.debug_info: an empty unit at ${this.offset}`);
    this.setBases(die);
    return (this.rootEntry = {
      tag: die.tag,
      name: die.string(C.DW_AT_name),
      compDir: die.string(C.DW_AT_comp_dir),
      language: die.value(C.DW_AT_language),
      stmtList: die.value(C.DW_AT_stmt_list),
      lowPc: Math.max(0, die.address(C.DW_AT_low_pc)),
    });
  }

  private setBases(root: DieReader): void {
    const of = (name: number, header: number) => {
      const base = root.value(name);
      return base < 0 ? header : base;
    };
    // Where nothing is given, the table begins after a header at the section's beginning.
    const length = this.offsetSize === 8 ? 12 : 4;
    this.tables = {
      strOffsets: of(C.DW_AT_str_offsets_base, length + 4),
      addr: of(C.DW_AT_addr_base, length + 4),
      rnglists: of(C.DW_AT_rnglists_base, length + 8),
      loclists: of(C.DW_AT_loclists_base, length + 8),
    };
  }

  /** Throws DwarfError. */
  bases(): Bases {
    if (!this.tables) this.root();
    return this.tables!;
  }

  /** A string by form and value, as {@link DieReader} has them; `place` is where it stands if it is inline. */
  string(form: number, value: number, place: number): string | undefined {
    const { sections } = this.dwarf;
    switch (form) {
      case C.DW_FORM_string:
        return stringAt(sections.info, '.debug_info', place);
      case C.DW_FORM_strp:
        return stringAt(sections.str, '.debug_str', value);
      case C.DW_FORM_line_strp:
        return stringAt(sections.lineStr, '.debug_line_str', value);
      case C.DW_FORM_strx:
      case C.DW_FORM_strx1:
      case C.DW_FORM_strx2:
      case C.DW_FORM_strx3:
      case C.DW_FORM_strx4: {
        const at = this.bases().strOffsets + value * this.offsetSize;
        const offset = new Cursor(sections.strOffsets, '.debug_str_offsets', at);
        return stringAt(sections.str, '.debug_str', offset.sized(this.offsetSize));
      }
      default:
        return undefined;
    }
  }

  /** An address by form and value. Throws DwarfError. */
  address(form: number, value: number): number {
    switch (form) {
      case C.DW_FORM_addrx:
      case C.DW_FORM_addrx1:
      case C.DW_FORM_addrx2:
      case C.DW_FORM_addrx3:
      case C.DW_FORM_addrx4:
        return this.addressAt(value);
      default:
        return value;
    }
  }

  /** The address of an index into .debug_addr. Throws DwarfError. */
  addressAt(index: number): number {
    const at = this.bases().addr + index * this.addressSize;
    return new Cursor(this.dwarf.sections.addr, '.debug_addr', at).sized(this.addressSize);
  }

  /**
   * Whether an address stands for code that the linker left out: it writes 0, which is no function's address (the number of
   * functions is there), or the largest or second largest address.
   */
  isDead(address: number): boolean {
    return address === 0 || address >= 2 ** (8 * this.addressSize) - 2;
  }
}

/**
 * Reads the header at a cursor and moves it behind the unit.
 * @returns undefined for a unit of a kind that holds no code (types), or of an unknown version
 * @throws DwarfError if there can be no further unit
 */
export function readUnit(dwarf: Dwarf, r: Cursor): Unit | undefined {
  const offset = r.pos;
  const { end, offsetSize } = r.unitLength();
  const h = new Cursor(r.bytes, r.section, r.pos, end);
  r.pos = end;
  const version = h.u16();
  if (version < 2 || version > 5) return undefined;
  let type = C.DW_UT_compile;
  let addressSize: number;
  let abbrevOffset: number;
  if (version >= 5) {
    type = h.u8();
    addressSize = h.u8();
    abbrevOffset = h.sized(offsetSize);
    if (type === C.DW_UT_skeleton || type === C.DW_UT_split_compile) h.skip(8);
    else if (type !== C.DW_UT_compile && type !== C.DW_UT_partial) return undefined;
  } else {
    abbrevOffset = h.sized(offsetSize);
    addressSize = h.u8();
  }
  if (addressSize !== 4 && addressSize !== 8) return undefined;
  const firstDie = h.pos;
  return new Unit(dwarf, {
    ...{ offset, end, version, type },
    ...{ addressSize, offsetSize, abbrevOffset, firstDie },
  });
}
