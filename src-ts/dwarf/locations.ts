/** Where a variable is (DWARF 5 § 2.6): one expression, .debug_loc (DWARF 4 § 2.6.2), .debug_loclists (§ 7.7.3). */
import * as C from './constants.ts';
import { Cursor } from './cursor.ts';
import type { DieReader } from './die.ts';
import type { Unit } from './unit.ts';

/** An expression that holds at addresses [low, high). */
export interface LocationRange {
  low: number;
  high: number;
  expression: Uint8Array;
}

const EVERYWHERE = { low: 0, high: Infinity };

/** What attribute `i` of the current entry says, as far as it is a location. Throws DwarfError. */
export function locationsOf(die: DieReader, i: number): LocationRange[] {
  const { unit } = die;
  const value = die.values[i]!;
  switch (die.forms[i]) {
    case C.DW_FORM_exprloc:
    case C.DW_FORM_block:
    case C.DW_FORM_block1:
    case C.DW_FORM_block2:
    case C.DW_FORM_block4:
      return [{ ...EVERYWHERE, expression: die.block(i) }];
    case C.DW_FORM_loclistx: {
      const base = unit.bases().loclists;
      const at = base + value * unit.offsetSize;
      const r = new Cursor(unit.dwarf.sections.loclists, '.debug_loclists', at);
      return readLoclist(unit, base + r.sized(unit.offsetSize));
    }
    case C.DW_FORM_sec_offset:
    case C.DW_FORM_data4:
    case C.DW_FORM_data8:
      return unit.version >= 5 ? readLoclist(unit, value) : readLoc(unit, value);
    default:
      return [];
  }
}

function take(r: Cursor, length: number): Uint8Array {
  const at = r.skip(length);
  return r.bytes.subarray(at, at + length);
}

function readLoc(unit: Unit, offset: number): LocationRange[] {
  const r = new Cursor(unit.dwarf.sections.loc, '.debug_loc', offset);
  const largest = 2 ** (8 * unit.addressSize) - 1;
  const list: LocationRange[] = [];
  let base = unit.root().lowPc;
  for (;;) {
    const low = r.sized(unit.addressSize);
    const high = r.sized(unit.addressSize);
    unit.dwarf.spend(1);
    if (low === 0 && high === 0) return list;
    if (low >= largest) {
      base = high;
      continue;
    }
    const expression = take(r, r.u16());
    if (low < high) list.push({ low: base + low, high: base + high, expression });
  }
}

function readLoclist(unit: Unit, offset: number): LocationRange[] {
  const r = new Cursor(unit.dwarf.sections.loclists, '.debug_loclists', offset);
  const size = unit.addressSize;
  const list: LocationRange[] = [];
  let base = unit.root().lowPc;
  for (;;) {
    const kind = r.u8();
    unit.dwarf.spend(1);
    let low = 0;
    let high = Infinity;
    switch (kind) {
      case C.DW_LLE_end_of_list:
        return list;
      case C.DW_LLE_base_addressx:
        base = unit.addressAt(r.uleb());
        continue;
      case C.DW_LLE_base_address:
        base = r.sized(size);
        continue;
      case C.DW_LLE_startx_endx:
        low = unit.addressAt(r.uleb());
        high = unit.addressAt(r.uleb());
        break;
      case C.DW_LLE_startx_length:
        low = unit.addressAt(r.uleb());
        high = low + r.uleb();
        break;
      case C.DW_LLE_offset_pair:
        low = base + r.uleb();
        high = base + r.uleb();
        break;
      case C.DW_LLE_default_location:
        break;
      case C.DW_LLE_start_end:
        low = r.sized(size);
        high = r.sized(size);
        break;
      case C.DW_LLE_start_length:
        low = r.sized(size);
        high = low + r.uleb();
        break;
      default:
        r.fail(`location list entry ${kind}`);
    }
    const expression = take(r, r.uleb());
    if (low < high) list.push({ low, high, expression });
  }
}
