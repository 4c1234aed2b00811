/**
 * Writing DWARF sections: fields that refer to places in sections hold their offset, which is right for an object that
 * is read as it is, and are noted, so that a linker that puts sections of several objects together moves them along.
 */
import { ByteWriter } from './bytes.ts';
import type { DebugInfo, DebugSection } from './records.ts';
import type { SectionName } from './sections.ts';
import type { ObjectTarget } from './target.ts';

/** What fields refer to, by number. */
export const DEBUG_TARGETS = [
  '.text',
  '.debug_info',
  '.debug_abbrev',
  '.debug_line',
  '.debug_rnglists',
  '.debug_loclists',
] as const satisfies readonly SectionName[];

type DebugTarget = (typeof DEBUG_TARGETS)[number];

export class DebugWriter extends ByteWriter {
  private readonly relocs: number[] = [];

  private refer(size: number, target: DebugTarget, value: number): void {
    this.relocs.push(this.pos, size, DEBUG_TARGETS.indexOf(target), value);
  }

  /** A code address: an offset in .text. */
  address(textOffset: number): void {
    this.refer(8, '.text', textOffset);
    this.u64(textOffset);
  }

  /** A 4-byte offset in a section. */
  sectionOffset(target: DebugTarget, offset: number): void {
    this.refer(4, target, offset);
    this.u32(offset);
  }

  /** As {@link sectionOffset}, for a field of zeros at `at`. */
  fillOffset(at: number, target: DebugTarget, offset: number): void {
    this.relocs.push(at, 4, DEBUG_TARGETS.indexOf(target), offset);
    this.patch32(at, offset);
  }

  /** Forgets the contents. */
  restart(): void {
    this.pos = 0;
    this.relocs.length = 0;
  }

  /** Appends the contents of another, with what they refer to. */
  appendWith(other: DebugWriter): void {
    const { relocs } = other;
    for (let i = 0; i < relocs.length; i += 4) {
      this.relocs.push(this.pos + relocs[i]!, relocs[i + 1]!, relocs[i + 2]!, relocs[i + 3]!);
    }
    this.append(other.view());
  }

  /** Signed LEB128 of an integer of up to 53 bits. */
  slebWide(value: number): void {
    let v = value;
    while (v < -64 || v > 63) {
      const low = ((v % 128) + 128) % 128;
      this.u8(low | 0x80);
      v = (v - low) / 128;
    }
    this.u8(v & 0x7f);
  }

  /** Zero-terminated UTF-8; a zero within ends it, too. */
  cString(text: string): void {
    const end = text.indexOf('\0');
    this.append(Buffer.from(end < 0 ? text : text.slice(0, end), 'utf8'));
    this.u8(0);
  }

  section(): DebugSection {
    return { bytes: this.view(), relocs: this.relocs };
  }
}

const EMPTY: DebugSection = { bytes: new Uint8Array(0), relocs: [] };
export const NO_DEBUG_INFO: DebugInfo = {
  ...{ info: EMPTY, abbrev: EMPTY, line: EMPTY },
  ...{ rnglists: EMPTY, loclists: EMPTY },
};

/** Appends Elf64_Rela entries for the references of a section, against section symbols. */
export function writeDebugRelocs(
  w: ByteWriter,
  t: ObjectTarget,
  section: DebugSection,
  symbolOf: (name: SectionName) => number,
): void {
  const { relocs } = section;
  for (let i = 0; i < relocs.length; i += 4) {
    w.u64(relocs[i]!);
    w.u32(relocs[i + 1] === 8 ? t.relocAbs64 : t.relocAbs32);
    w.u32(symbolOf(DEBUG_TARGETS[relocs[i + 2]!]!));
    w.u64(relocs[i + 3]!);
  }
}
