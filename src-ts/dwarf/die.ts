/**
 * Debugging information entries (DWARF 5 § 7.5), visited one after the other in the order of the section: the reader is the
 * current entry, and holds its attributes in columns. Nothing is allocated per entry.
 */
import type { Abbrev, AbbrevTable } from './abbrev.ts';
import * as C from './constants.ts';
import { Cursor } from './cursor.ts';
import type { Unit } from './unit.ts';

export class DieReader {
  readonly unit: Unit;
  /** Offset of the current entry in .debug_info. */
  offset = 0;
  /** How many entries enclose it: 0 for the unit's own. */
  depth = -1;
  tag = 0;
  children = false;
  /** Number of its attributes; the columns below have one element for each. */
  count = 0;
  names: ArrayLike<number> = [];
  readonly forms: number[] = [];
  /**
   * The value. References to entries are offsets in .debug_info (-1: into something else); indices, offsets in other sections
   * and addresses as they stand; for a block or an inline string its length in bytes.
   */
  readonly values: number[] = [];
  /** Where the value's bytes are in .debug_info (those of a block without its length). */
  readonly places: number[] = [];

  private readonly r: Cursor;
  private readonly table: AbbrevTable;
  private readonly spend: (work: number) => void;
  private nextDepth = 0;

  /** At the beginning of a unit: {@link next} goes to its first entry. Throws DwarfError. */
  constructor(unit: Unit) {
    this.unit = unit;
    const { dwarf } = unit;
    this.table = dwarf.abbrevs(unit.abbrevOffset);
    this.spend = dwarf.spend;
    this.r = new Cursor(dwarf.sections.info, '.debug_info', unit.firstDie, unit.end);
  }

  /** Goes to the entry at an offset, whose depth is counted from 0 again. Throws DwarfError. */
  seek(offset: number): void {
    if (!(offset >= this.unit.firstDie && offset < this.unit.end)) {
      this.r.fail(`no entry ${offset} in the unit`);
    }
    this.r.pos = offset;
    this.depth = -1;
    this.nextDepth = 0;
    if (!this.next() || this.offset !== offset) this.r.fail(`no entry ${offset}`);
  }

  /**
   * Goes to the next entry: the first child, or else what follows.
   * @returns false at the end of the unit, or of the entry that was sought and what it holds
   * @throws DwarfError
   */
  next(): boolean {
    const { r } = this;
    // An entry at the top that has no children ends what is visited, as the null entry of its children does.
    while (r.pos < r.end && (this.nextDepth > 0 || this.depth < 0)) {
      this.offset = r.pos;
      const code = r.uleb();
      if (code !== 0) {
        this.read(this.table.get(code) ?? r.fail(`abbreviation ${code} is not there`));
        return true;
      }
      if (this.nextDepth > 0) this.nextDepth--;
    }
    this.depth = 0;
    this.nextDepth = 0;
    return false;
  }

  private read(abbrev: Abbrev): void {
    const { forms } = abbrev;
    const n = forms.length;
    this.depth = this.nextDepth;
    if (abbrev.children) this.nextDepth++;
    this.tag = abbrev.tag;
    this.children = abbrev.children;
    this.names = abbrev.names;
    this.count = n;
    this.spend(1 + n);
    for (let i = 0; i < n; i++) this.attribute(i, forms[i]!, abbrev.implicit[i]!);
  }

  /** Place in the columns of an attribute of the current entry, -1 if it has none of that name. */
  find(name: number): number {
    for (let i = 0; i < this.count; i++) if (this.names[i] === name) return i;
    return -1;
  }

  /** The value of an attribute, -1 if there is none of that name. */
  value(name: number): number {
    const i = this.find(name);
    return i < 0 ? -1 : this.values[i]!;
  }

  /** The text of a string attribute. Throws DwarfError. */
  string(name: number): string | undefined {
    const i = this.find(name);
    return i < 0 ? undefined : this.unit.string(this.forms[i]!, this.values[i]!, this.places[i]!);
  }

  /** An address attribute, -1 if there is none of that name. Throws DwarfError. */
  address(name: number): number {
    const i = this.find(name);
    return i < 0 ? -1 : this.unit.address(this.forms[i]!, this.values[i]!);
  }

  /** The bytes of a block (DW_FORM_exprloc, DW_FORM_block…): a view. */
  block(i: number): Uint8Array {
    const place = this.places[i]!;
    return this.r.bytes.subarray(place, place + this.values[i]!);
  }

  private attribute(i: number, form: number, implicit: number): void {
    const { r } = this;
    // Each level of indirection is a byte at least.
    while (form === C.DW_FORM_indirect) form = r.uleb();
    this.forms[i] = form;
    this.places[i] = r.pos;
    this.values[i] = form === C.DW_FORM_implicit_const ? implicit : this.read1(i, form);
  }

  private read1(i: number, form: number): number {
    const { r, unit } = this;
    switch (form) {
      case C.DW_FORM_data1:
      case C.DW_FORM_flag:
      case C.DW_FORM_strx1:
      case C.DW_FORM_addrx1:
        return r.u8();
      case C.DW_FORM_data2:
      case C.DW_FORM_strx2:
      case C.DW_FORM_addrx2:
        return r.u16();
      case C.DW_FORM_strx3:
      case C.DW_FORM_addrx3:
        return r.u24();
      case C.DW_FORM_data4:
      case C.DW_FORM_strx4:
      case C.DW_FORM_addrx4:
        return r.u32();
      case C.DW_FORM_data8:
        return r.u64();
      case C.DW_FORM_udata:
      case C.DW_FORM_strx:
      case C.DW_FORM_addrx:
      case C.DW_FORM_loclistx:
      case C.DW_FORM_rnglistx:
        return r.uleb();
      case C.DW_FORM_sdata:
        return r.sleb();
      case C.DW_FORM_flag_present:
        return 1;
      case C.DW_FORM_addr:
        return r.sized(unit.addressSize);
      case C.DW_FORM_strp:
      case C.DW_FORM_line_strp:
      case C.DW_FORM_strp_sup:
      case C.DW_FORM_sec_offset:
        return r.sized(unit.offsetSize);
      case C.DW_FORM_string:
        return -1 - r.skipString() + r.pos;
      default:
        return this.read2(i, form);
    }
  }

  /** References and blocks. */
  private read2(i: number, form: number): number {
    const { r, unit } = this;
    switch (form) {
      case C.DW_FORM_ref1:
        return unit.offset + r.u8();
      case C.DW_FORM_ref2:
        return unit.offset + r.u16();
      case C.DW_FORM_ref4:
        return unit.offset + r.u32();
      case C.DW_FORM_ref8:
        return unit.offset + r.u64();
      case C.DW_FORM_ref_udata:
        return unit.offset + r.uleb();
      case C.DW_FORM_ref_addr:
        // Of the size of an address in version 2 (DWARF 3 § 1.5.1).
        return r.sized(unit.version <= 2 ? unit.addressSize : unit.offsetSize);
      case C.DW_FORM_ref_sig8:
      case C.DW_FORM_ref_sup8:
        r.skip(8);
        return -1;
      case C.DW_FORM_ref_sup4:
        r.skip(4);
        return -1;
      case C.DW_FORM_data16:
        r.skip(16);
        return 16;
      case C.DW_FORM_exprloc:
      case C.DW_FORM_block:
        return this.blockOf(i, r.uleb());
      case C.DW_FORM_block1:
        return this.blockOf(i, r.u8());
      case C.DW_FORM_block2:
        return this.blockOf(i, r.u16());
      case C.DW_FORM_block4:
        return this.blockOf(i, r.u32());
      default:
        return r.fail(`unknown form ${form}`);
    }
  }

  private blockOf(i: number, length: number): number {
    this.places[i] = this.r.skip(length);
    return length;
  }
}
