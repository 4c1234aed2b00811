/**
 * A compiled function as debug information sees it: which native code a range of its Wasm code became, and where its
 * locals are. Native offsets count from the function's start, Wasm addresses from the Code section's contents.
 */
import { LOCAL_CONTEXT, AT_NOWHERE, type CodeRecord } from '../../object/records.ts';
import type { Budget } from './budget.ts';

/** Where a local is in [start, end) of the native code: AT_* and its value in two words. */
export interface Place {
  start: number;
  end: number;
  kind: number;
  low: number;
  high: number;
}

export class NativeFunction {
  /** Entries of the address map in order of Wasm address. */
  private order: Uint32Array | undefined;
  private byLocal: Map<number, Place[]> | undefined;

  /**
   * @param index among the defined functions
   * @param textOffset of its start in .text
   * @param bodyStart and `bodyEnd`: Wasm addresses of its body
   * @param codeStart offset of the Code section's contents in the module
   */
  constructor(
    readonly index: number,
    readonly textOffset: number,
    readonly record: CodeRecord,
    readonly bodyStart: number,
    readonly bodyEnd: number,
    private readonly codeStart: number,
    private readonly budget: Budget,
  ) {}

  /** Native size in bytes, constants and jump tables included. */
  get size(): number {
    return this.record.code.length;
  }

  /** Entries of its address map. */
  get entries(): number {
    return this.record.addrmap.length / 2;
  }

  /** Native offset of an entry of the address map; that of the one after the last is the end. */
  offsetOf(entry: number): number {
    return entry < this.entries ? this.record.addrmap[2 * entry]! : this.size;
  }

  /** Wasm address of an entry of the address map. */
  addressOf(entry: number): number {
    return this.record.addrmap[2 * entry + 1]! - this.codeStart;
  }

  /** Native ranges of the code in Wasm addresses [low, high): start and end of each, one after the other, ascending. */
  rangesOf(low: number, high: number): number[] {
    if (low <= this.bodyStart && high >= this.bodyEnd) return [0, this.size];
    const order = this.sorted();
    const found: number[] = [];
    for (let k = this.firstFrom(order, low); k < order.length; k++) {
      if (this.addressOf(order[k]!) >= high) break;
      found.push(order[k]!);
    }
    this.budget.spend(found.length + 1);
    found.sort((a, b) => a - b);
    const ranges: number[] = [];
    for (const entry of found) {
      const start = this.offsetOf(entry);
      const end = this.offsetOf(entry + 1);
      if (ranges[ranges.length - 1] === start) ranges[ranges.length - 1] = end;
      else if (start < end) ranges.push(start, end);
    }
    return ranges;
  }

  private sorted(): Uint32Array {
    if (this.order) return this.order;
    const map = this.record.addrmap;
    const order = Uint32Array.from({ length: this.entries }, (_, i) => i);
    return (this.order = order.sort((a, b) => map[2 * a + 1]! - map[2 * b + 1]! || a - b));
  }

  /** Place in `order` of the first entry at or after a Wasm address. */
  private firstFrom(order: Uint32Array, address: number): number {
    let low = 0;
    let high = order.length;
    while (low < high) {
      const mid = (low + high) >>> 1;
      if (this.addressOf(order[mid]!) < address) low = mid + 1;
      else high = mid;
    }
    return low;
  }

  /** Where a local is, ascending; gaps where it is not known. */
  placesOf(local: number): readonly Place[] {
    this.byLocal ??= this.readPlaces();
    return this.byLocal.get(local) ?? [];
  }

  /** Where the instance context is from the end of the prologue on; undefined if that was not noted. */
  get context(): Place | undefined {
    return this.placesOf(LOCAL_CONTEXT)[0];
  }

  private readPlaces(): Map<number, Place[]> {
    const { locals } = this.record;
    const places = new Map<number, Place[]>();
    for (let i = 0; i < locals.length; i += 5) {
      const start = locals[i]!;
      let list = places.get(locals[i + 1]!);
      if (list === undefined) places.set(locals[i + 1]!, (list = []));
      const last = list[list.length - 1];
      if (last !== undefined && last.end > start) last.end = start;
      const kind = locals[i + 2]!;
      if (kind === AT_NOWHERE) continue;
      list.push({ start, end: this.size, kind, low: locals[i + 3]!, high: locals[i + 4]! });
    }
    for (const [local, list] of places) {
      places.set(
        local,
        list.filter((p) => p.start < p.end),
      );
    }
    return places;
  }
}
