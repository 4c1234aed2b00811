/**
 * .elfin.addrmap: offset in .text to Wasm byte offset, ascending. An entry holds from its offset to the next one, within
 * one function.
 *
 *   u32 entries, u32 blocks
 *   blocks × { u32 text offset, u32 wasm offset, u32 place of the deltas }   the first entry of each block in full
 *   deltas    of the other entries: text offset unsigned, Wasm offset signed LEB128
 *
 * A block has BLOCK entries, so that a lookup is a binary search and at most BLOCK - 1 small decodes, and an entry takes
 * two or three bytes.
 */
import { ByteReader, type ByteWriter, store32, u32View } from './bytes.ts';
import { ObjectError } from './error.ts';
import type { TextPiece } from './text.ts';

const BLOCK = 64;
const HEAD = 8;
const BLOCK_BYTES = 12;

/** Appends the section's contents. `w` must be empty: places count from its start. */
export function writeAddrmap(w: ByteWriter, pieces: readonly TextPiece[]): void {
  let count = 0;
  for (const { record } of pieces) count += record.addrmap.length / 2;
  const blocks = Math.ceil(count / BLOCK);
  w.u32(count);
  w.u32(blocks);
  w.reserve(BLOCK_BYTES * blocks);
  w.pos += BLOCK_BYTES * blocks;
  let n = 0;
  let lastText = 0;
  let lastWasm = 0;
  for (const { record, offset } of pieces) {
    const map = record.addrmap;
    for (let i = 0; i < map.length; i += 2, n++) {
      const text = offset + map[i]!;
      const wasm = map[i + 1]!;
      if (n % BLOCK === 0) {
        const at = HEAD + BLOCK_BYTES * (n / BLOCK);
        store32(w.bytes, at, text);
        store32(w.bytes, at + 4, wasm);
        store32(w.bytes, at + 8, w.pos);
      } else {
        w.uleb(text - lastText);
        w.sleb(wasm - lastWasm);
      }
      lastText = text;
      lastWasm = wasm;
    }
  }
}

export class AddressMap {
  readonly count: number;
  private readonly blocks: number;
  private readonly index: Uint32Array;

  /** Over the section at bytes[start, start + size), which is inside `bytes`. Throws ObjectError if the counts disagree. */
  constructor(
    private readonly bytes: Uint8Array,
    private readonly start: number,
    private readonly size: number,
  ) {
    const head = size < HEAD ? undefined : u32View(bytes, start, 2);
    this.count = head?.[0] ?? 0;
    this.blocks = head?.[1] ?? 0;
    if (
      head === undefined ||
      this.blocks !== Math.ceil(this.count / BLOCK) ||
      HEAD + BLOCK_BYTES * this.blocks > size
    ) {
      throw new ObjectError(
        `.elfin.addrmap: found ${size} bytes, expected those of ${this.count} entries`,
      );
    }
    this.index = u32View(bytes, start + HEAD, 3 * this.blocks);
  }

  /** Number of the last block that begins at or before `textOffset`, -1 if none. */
  private block(textOffset: number): number {
    let low = 0;
    let high = this.blocks;
    while (low < high) {
      const mid = (low + high) >>> 1;
      if (this.index[3 * mid]! <= textOffset) low = mid + 1;
      else high = mid;
    }
    return low - 1;
  }

  /**
   * Wasm byte offset of the last entry in [from, textOffset], -1 if there is none.
   * @param from offset in .text where the function begins
   */
  lookup(textOffset: number, from: number): number {
    const b = this.block(textOffset);
    if (b < 0) return -1;
    let found = -1;
    this.walk(b, b + 1, (text, wasm) => {
      if (text > textOffset) return false;
      if (text >= from) found = wasm;
      return true;
    });
    return found;
  }

  /** Calls back for every entry in [start, end), ascending. */
  forEachIn(start: number, end: number, visit: (textOffset: number, wasm: number) => void): void {
    this.walk(Math.max(0, this.block(start)), this.blocks, (text, wasm) => {
      if (text >= end) return false;
      if (text >= start) visit(text, wasm);
      return true;
    });
  }

  /** Decodes blocks [first, end) until `visit` returns false. */
  private walk(
    first: number,
    end: number,
    visit: (textOffset: number, wasm: number) => boolean,
  ): void {
    for (let b = first; b < end; b++) {
      let text = this.index[3 * b]!;
      let wasm = this.index[3 * b + 1]!;
      const place = this.index[3 * b + 2]!;
      if (place > this.size) throw new ObjectError(`.elfin.addrmap: block ${b} at ${place}`);
      const r = new ByteReader(
        this.bytes,
        '.elfin.addrmap',
        this.start + place,
        this.start + this.size,
      );
      const more = Math.min(BLOCK, this.count - b * BLOCK);
      for (let i = 0; ;) {
        if (!visit(text, wasm)) return;
        if (++i >= more) break;
        text += r.uleb();
        wasm += r.sleb();
      }
    }
  }
}
