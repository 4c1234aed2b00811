/**
 * .text: the defined functions in index order, then the entry trampolines and the exit trampolines in order of type
 * index. Calls between functions are PC-relative and resolved here, so nothing is relocated when the object is loaded.
 */
import { bug } from '../util/bug.ts';
import type { ByteWriter } from './bytes.ts';
import { RELOC_CALL, RELOC_RODATA, type CodeRecord, type ObjectInput } from './records.ts';
import type { ObjectTarget } from './target.ts';

export const PIECE_FUNCTION = 0;
export const PIECE_ENTRY = 1;
export const PIECE_EXIT = 2;

/** Least alignment of a function. */
const ALIGN = 16;

/** A function or trampoline at its place. */
export interface TextPiece {
  kind: number;
  /** Defined function index, or type index. */
  index: number;
  record: CodeRecord;
  /** Offset in .text. */
  offset: number;
}

/** Gives every piece its place. */
export function layoutText(input: ObjectInput): TextPiece[] {
  const pieces: TextPiece[] = [];
  let offset = 0;
  const place = (kind: number, records: readonly (CodeRecord | undefined)[]) => {
    for (let index = 0; index < records.length; index++) {
      const record = records[index];
      if (record === undefined) continue;
      const align = Math.max(ALIGN, record.align);
      offset = Math.ceil(offset / align) * align;
      pieces.push({ kind, index, record, offset });
      offset += record.code.length;
    }
  };
  place(PIECE_FUNCTION, input.functions);
  place(PIECE_ENTRY, input.entryTrampolines);
  place(PIECE_EXIT, input.exitTrampolines);
  return pieces;
}

/** Size of .text. */
export function textSize(pieces: readonly TextPiece[]): number {
  const last = pieces[pieces.length - 1];
  return last === undefined ? 0 : last.offset + last.record.code.length;
}

/** Appends the code, calls resolved. */
export function writeText(w: ByteWriter, t: ObjectTarget, pieces: readonly TextPiece[]): void {
  const base = w.pos;
  for (const piece of pieces) {
    const at = base + piece.offset;
    w.reserve(at - w.pos);
    w.bytes.fill(t.textFill, w.pos, at);
    w.pos = at;
    w.append(piece.record.code);
    resolveCalls(w.bytes, t, base, piece, pieces);
  }
}

/** Functions come first among the pieces, so a function index is a piece index. */
function resolveCalls(
  bytes: Uint8Array,
  t: ObjectTarget,
  base: number,
  piece: TextPiece,
  pieces: readonly TextPiece[],
): void {
  const relocs = piece.record.relocs;
  for (let i = 0; i < relocs.length; i += 3) {
    const kind = relocs[i + 1]!;
    if (kind === RELOC_RODATA) continue;
    const target = pieces[relocs[i + 2]!];
    if (kind !== RELOC_CALL || target === undefined || target.kind !== PIECE_FUNCTION) {
      bug('object', `relocation ${kind} against function ${relocs[i + 2]}`);
    }
    const field = piece.offset + relocs[i]!;
    if (relocs[i]! + 4 > piece.record.code.length) bug('object', 'relocation outside its code');
    t.linkCall(bytes, base + field, target.offset - field);
  }
}
