/**
 * .elfin.funcs: where functions and trampolines are in .text.
 *
 *   u32 functions, u32 types
 *   u32 offset[functions], u32 size[functions]     defined functions in index order, ascending
 *   u32 entry[types], u32 exit[types]              trampolines by type index; NO_CODE: none
 */
import { type ByteWriter, u32View } from './bytes.ts';
import { ObjectError } from './error.ts';
import { PIECE_ENTRY, PIECE_FUNCTION, type TextPiece } from './text.ts';

export const NO_CODE = 0xffffffff;

/** Appends the section's contents. */
export function writeFuncs(w: ByteWriter, pieces: readonly TextPiece[], types: number): void {
  const functions = pieces.filter((p) => p.kind === PIECE_FUNCTION);
  w.u32(functions.length);
  w.u32(types);
  for (const f of functions) w.u32(f.offset);
  for (const f of functions) w.u32(f.record.code.length);
  const trampolines = new Uint32Array(2 * types).fill(NO_CODE);
  for (const p of pieces) {
    if (p.kind === PIECE_FUNCTION) continue;
    trampolines[p.kind === PIECE_ENTRY ? p.index : types + p.index] = p.offset;
  }
  for (const offset of trampolines) w.u32(offset);
}

export interface FunctionTable {
  offsets: Uint32Array;
  sizes: Uint32Array;
  entries: Uint32Array;
  exits: Uint32Array;
}

/** Views over the section at bytes[start, start + size), which is inside `bytes`. Throws ObjectError if sizes disagree. */
export function readFuncs(bytes: Uint8Array, start: number, size: number): FunctionTable {
  const head = size < 8 ? new Uint32Array(2) : u32View(bytes, start, 2);
  const functions = head[0]!;
  const types = head[1]!;
  if (size !== 8 + 8 * functions + 8 * types) {
    const expected = `those of ${functions} functions and ${types} types`;
    throw new ObjectError(`.elfin.funcs: found ${size} bytes, expected ${expected}`);
  }
  const words = u32View(bytes, start, size / 4);
  const entry = 2 + 2 * functions;
  return {
    offsets: words.subarray(2, 2 + functions),
    sizes: words.subarray(2 + functions, entry),
    entries: words.subarray(entry, entry + types),
    exits: words.subarray(entry + types),
  };
}
