/**
 * .eh_frame (Linux Standard Base 5.0, core, 10.6.1) and its relocations.
 *
 * One CIE, then an FDE per function and trampoline in text order, then a zero word. Code addresses are
 * DW_EH_PE_pcrel | DW_EH_PE_sdata4: relative to their own place, so they hold wherever the file is mapped, given that
 * .text lies at its distance in the file. `.rela.eh_frame` says the same again for a linker, which moves sections apart:
 * against the section symbol of .text, addend = offset in .text, because linkers refuse FDEs against function symbols.
 */
import type { ByteWriter } from './bytes.ts';
import { store32 } from './bytes.ts';
import { callFrameInstructions, defCfa, savedAt } from './cfi.ts';
import type { ObjectTarget } from './target.ts';
import type { TextPiece } from './text.ts';

const EH_PE_PCREL_SDATA4 = 0x1b;
/** CIEs and FDEs start at multiples of this: their first fields are words of 32 bits. */
const ALIGN = 4;

/** Ends an entry begun at `start`: pads with DW_CFA_nop (0) and patches its length. */
function close(w: ByteWriter, start: number): void {
  w.align(ALIGN);
  store32(w.bytes, start, w.pos - start - 4);
}

function cie(w: ByteWriter, t: ObjectTarget): void {
  const start = w.pos;
  w.u32(0);
  w.u32(0); // CIE id
  w.u8(1); // version
  for (const c of 'zR\0') w.u8(c.charCodeAt(0));
  w.uleb(t.codeAlign);
  w.sleb(t.dataAlign);
  w.u8(t.returnAddress);
  w.uleb(1); // augmentation data: the encoding of FDE addresses
  w.u8(EH_PE_PCREL_SDATA4);
  defCfa(w, t.stackPointer, t.entryCfa);
  if (t.returnSlot !== 0) savedAt(w, t, t.returnAddress, t.returnSlot);
  close(w, start);
}

/**
 * Appends the section's contents.
 *
 * @param distance file offset of .eh_frame less that of .text
 * @returns for each piece the offset of the relocated field within the section
 */
export function writeEhFrame(
  w: ByteWriter,
  t: ObjectTarget,
  pieces: readonly TextPiece[],
  distance: number,
): Uint32Array {
  const fields = new Uint32Array(pieces.length);
  cie(w, t);
  for (let i = 0; i < pieces.length; i++) {
    const piece = pieces[i]!;
    const start = w.pos;
    w.u32(0);
    w.u32(w.pos); // distance back to the CIE, which is at 0
    fields[i] = w.pos;
    w.u32(piece.offset - (distance + w.pos));
    w.u32(piece.record.code.length);
    w.uleb(0); // augmentation data
    callFrameInstructions(w, t, piece.record.unwind, piece.record.code.length);
    close(w, start);
  }
  w.u32(0);
  return fields;
}

/** Appends Elf64_Rela entries for the fields of `writeEhFrame`. */
export function writeEhFrameRelocs(
  w: ByteWriter,
  t: ObjectTarget,
  pieces: readonly TextPiece[],
  fields: Uint32Array,
  textSymbol: number,
): void {
  for (let i = 0; i < pieces.length; i++) {
    w.u64(fields[i]!);
    w.u32(t.relocPc32);
    w.u32(textSymbol);
    w.u64(pieces[i]!.offset);
  }
}
