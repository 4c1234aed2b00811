/**
 * .elfin.traps: every instruction that can trap. Also read by the native signal handler.
 *
 *   u32 count
 *   u32 offsets[count]      in .text, ascending
 *   u8  codes[count]        trap codes, TRAP_FRAMELESS added where the function has no frame; padded with zeros to a multiple of 4
 *   u32 positions[count]    Wasm byte offsets
 */
import { TRAP_FRAMELESS } from '../gen/abi.ts';
import { type ByteWriter, u32View } from './bytes.ts';
import { ObjectError } from './error.ts';
import { floorIndex } from './search.ts';
import { isFrameless } from './records.ts';
import type { TextPiece } from './text.ts';

/** Appends the section's contents. */
export function writeTraps(w: ByteWriter, pieces: readonly TextPiece[]): void {
  let count = 0;
  for (const { record } of pieces) count += record.traps.length / 3;
  w.reserve(4 + 9 * count + 3);
  w.u32(count);
  for (const { record, offset } of pieces) {
    for (let i = 0; i < record.traps.length; i += 3) w.u32(offset + record.traps[i]!);
  }
  for (const { record } of pieces) {
    const frameless = isFrameless(record) ? TRAP_FRAMELESS : 0;
    for (let i = 1; i < record.traps.length; i += 3) w.u8(record.traps[i]! | frameless);
  }
  w.align(4);
  for (const { record } of pieces) {
    for (let i = 2; i < record.traps.length; i += 3) w.u32(record.traps[i]!);
  }
}

export class TrapTable {
  readonly count: number;
  private readonly offsets: Uint32Array;
  private readonly codes: Uint8Array;
  private readonly positions: Uint32Array;

  /** Over the section at bytes[start, start + size), which is inside `bytes`. Throws ObjectError if the sizes disagree. */
  constructor(bytes: Uint8Array, start: number, size: number) {
    const count = size < 4 ? 0 : u32View(bytes, start, 1)[0]!;
    const padded = Math.ceil(count / 4) * 4;
    if (size !== 4 + 8 * count + padded) {
      throw new ObjectError(`.elfin.traps: found ${size} bytes, expected those of ${count} traps`);
    }
    this.count = count;
    this.offsets = u32View(bytes, start + 4, count);
    this.codes = bytes.subarray(start + 4 + 4 * count, start + 4 + 5 * count);
    this.positions = u32View(bytes, start + 4 + 4 * count + padded, count);
  }

  /** The trap at exactly this offset in .text. */
  at(textOffset: number): { code: number; wasmOffset: number } | undefined {
    const i = floorIndex(this.offsets, this.count, textOffset);
    if (i < 0 || this.offsets[i] !== textOffset) return undefined;
    return { code: this.codes[i]! & ~TRAP_FRAMELESS, wasmOffset: this.positions[i]! };
  }

  /** Calls back for every trap site in [start, end), ascending. */
  forEachIn(start: number, end: number, visit: (offset: number, code: number) => void): void {
    let i = floorIndex(this.offsets, this.count, start - 1) + 1;
    for (; i < this.count && this.offsets[i]! < end; i++) {
      visit(this.offsets[i]!, this.codes[i]! & ~TRAP_FRAMELESS);
    }
  }
}
