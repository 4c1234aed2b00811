/** The code of an entry (DWARF 5 § 2.17): low and high address, .debug_ranges (DWARF 4 § 2.17.3), .debug_rnglists (§ 7.25). */
import * as C from './constants.ts';
import { Cursor } from './cursor.ts';
import type { DieReader } from './die.ts';
import type { Unit } from './unit.ts';

/**
 * The address ranges of the current entry: begin (inclusive) and end (exclusive) of each, one after the other, empty and
 * dead ones left out. Throws DwarfError.
 */
export function rangesOf(die: DieReader): number[] {
  const { unit } = die;
  const ranges: number[] = [];
  const list = die.find(C.DW_AT_ranges);
  if (list >= 0) {
    const value = die.values[list]!;
    if (unit.version >= 5) readRnglist(unit, listOffset(unit, die.forms[list]!, value), ranges);
    else readRanges(unit, value, ranges);
    return ranges;
  }
  const high = die.find(C.DW_AT_high_pc);
  const low = die.address(C.DW_AT_low_pc);
  if (high < 0 || low < 0) return ranges;
  const form = die.forms[high]!;
  const value = unit.address(form, die.values[high]!);
  // A constant is the length (§ 2.17.2).
  add(unit, ranges, low, isAddress(form) ? value : low + value);
  return ranges;
}

function isAddress(form: number): boolean {
  if (form === C.DW_FORM_addr || form === C.DW_FORM_addrx) return true;
  return form >= C.DW_FORM_addrx1 && form <= C.DW_FORM_addrx4;
}

function add(unit: Unit, ranges: number[], low: number, high: number): void {
  if (low < high && !unit.isDead(low)) ranges.push(low, high);
}

function listOffset(unit: Unit, form: number, value: number): number {
  if (form !== C.DW_FORM_rnglistx) return value;
  const base = unit.bases().rnglists;
  const at = base + value * unit.offsetSize;
  const r = new Cursor(unit.dwarf.sections.rnglists, '.debug_rnglists', at);
  return base + r.sized(unit.offsetSize);
}

function readRanges(unit: Unit, offset: number, ranges: number[]): void {
  const r = new Cursor(unit.dwarf.sections.ranges, '.debug_ranges', offset);
  const largest = 2 ** (8 * unit.addressSize) - 1;
  let base = unit.root().lowPc;
  for (;;) {
    const low = r.sized(unit.addressSize);
    const high = r.sized(unit.addressSize);
    unit.dwarf.spend(1);
    if (low === 0 && high === 0) return;
    if (low >= largest) base = high;
    // Before the base is added: what stands here is what the linker wrote for dead code.
    else if (low < largest - 1) add(unit, ranges, base + low, base + high);
  }
}

function readRnglist(unit: Unit, offset: number, ranges: number[]): void {
  const r = new Cursor(unit.dwarf.sections.rnglists, '.debug_rnglists', offset);
  const size = unit.addressSize;
  let base = unit.root().lowPc;
  for (;;) {
    const kind = r.u8();
    unit.dwarf.spend(1);
    let low: number;
    switch (kind) {
      case C.DW_RLE_end_of_list:
        return;
      case C.DW_RLE_base_addressx:
        base = unit.addressAt(r.uleb());
        break;
      case C.DW_RLE_base_address:
        base = r.sized(size);
        break;
      case C.DW_RLE_startx_endx:
        low = unit.addressAt(r.uleb());
        add(unit, ranges, low, unit.addressAt(r.uleb()));
        break;
      case C.DW_RLE_startx_length:
        low = unit.addressAt(r.uleb());
        add(unit, ranges, low, low + r.uleb());
        break;
      case C.DW_RLE_offset_pair:
        low = base + r.uleb();
        add(unit, ranges, low, base + r.uleb());
        break;
      case C.DW_RLE_start_end:
        low = r.sized(size);
        add(unit, ranges, low, r.sized(size));
        break;
      case C.DW_RLE_start_length:
        low = r.sized(size);
        add(unit, ranges, low, low + r.uleb());
        break;
      default:
        r.fail(`range list entry ${kind}`);
    }
  }
}
