/** The range lists and location lists of a unit (DWARF 5 § 7.28, § 7.29): one table of each per unit, entries by index. */
import type { DebugWriter } from '../../object/debuginfo.ts';
import * as C from '../../dwarf/constants.ts';

/** An expression that holds in [start, end) of .text. */
export interface Located {
  start: number;
  end: number;
  expression: Uint8Array;
}

/** Length, version, address size, segment selector size, count of offsets. */
const HEADER = 12;

/** The lists of one unit; offsets in them count from the beginning of .text, which is the unit's base address. */
export class Lists<T> {
  private readonly lists: T[] = [];
  /** Where the table of offsets is in the section: what DW_AT_rnglists_base or DW_AT_loclists_base says. */
  readonly base: number;

  constructor(
    private readonly out: DebugWriter,
    private readonly write: (out: DebugWriter, list: T) => void,
  ) {
    this.base = out.pos + HEADER;
  }

  /** Index of a new list. */
  add(list: T): number {
    return this.lists.push(list) - 1;
  }

  /** Writes the unit's table. Without lists there is a table of none: the base must be somewhere. */
  finish(): void {
    const { out, lists } = this;
    const start = out.pos;
    out.u32(0);
    out.u16(5);
    out.u8(8);
    out.u8(0);
    out.u32(lists.length);
    const table = out.pos;
    for (let i = 0; i < lists.length; i++) out.u32(0);
    lists.forEach((list, i) => {
      out.patch32(table + 4 * i, out.pos - table);
      this.write(out, list);
    });
    out.patch32(start, out.pos - start - 4);
  }
}

/** Start and end of each range, one after the other. */
export function writeRanges(out: DebugWriter, ranges: readonly number[]): void {
  for (let i = 0; i < ranges.length; i += 2) {
    out.u8(C.DW_RLE_offset_pair);
    out.uleb(ranges[i]!);
    out.uleb(ranges[i + 1]!);
  }
  out.u8(C.DW_RLE_end_of_list);
}

export function writeLocations(out: DebugWriter, list: readonly Located[]): void {
  for (const { start, end, expression } of list) {
    out.u8(C.DW_LLE_offset_pair);
    out.uleb(start);
    out.uleb(end);
    out.uleb(expression.length);
    out.append(expression);
  }
  out.u8(C.DW_LLE_end_of_list);
}
