/**
 * .note.gnu.property (Linux extensions to the gABI, 2.1.7): what holds for all code of the object, so that a linker can say
 * the same of its output when it holds for every input. The runtime goes by the settings in .elfin.engine.
 */
import type { ByteWriter } from './bytes.ts';
import type { ObjectTarget } from './target.ts';

/** Bits of GNU_PROPERTY_AARCH64_FEATURE_1_AND (ELF for the Arm 64-bit Architecture, 5.5). */
export const PROPERTY_AARCH64_BTI = 1;
export const PROPERTY_AARCH64_PAC = 2;

const NT_GNU_PROPERTY_TYPE_0 = 5;

/** Appends the note with these feature bits. Without any it says as much as no note: tools complain of an empty section. */
export function writeProperties(w: ByteWriter, t: ObjectTarget, bits: number): void {
  w.u32(4); // size of the name
  w.u32(16); // size of the descriptor
  w.u32(NT_GNU_PROPERTY_TYPE_0);
  for (const c of 'GNU\0') w.u8(c.charCodeAt(0));
  w.u32(t.propertyType);
  w.u32(4);
  w.u32(bits);
  w.u32(0); // to a multiple of 8
}
