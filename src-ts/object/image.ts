/**
 * An object as a loadable image (ELF ET_DYN), for tools that read a mapped file's program headers, symbols and unwind
 * tables, as perf does. Bytes keep their places: every allocated section has its file offset for its address. Behind
 * the object's own bytes come
 *
 *   .eh_frame_hdr     the FDEs' table for binary search (Linux Standard Base 5.0, core, 10.6.2)
 *   program headers   three PT_LOAD: what is before .text, .text, what is behind; PT_GNU_EH_FRAME
 *   .shstrtab         with one name more
 *   section headers   the object's, those of relocations inactive: they have been applied
 */
import { ByteReader, ByteWriter, load32, store32 } from './bytes.ts';
import type { LoadedObject, Ranges } from './read.ts';
import {
  EHDR_SIZE,
  sectionIndex,
  sectionsOf,
  SHDR_SIZE,
  SHF_ALLOC,
  SHT_PROGBITS,
  SHT_RELA,
  SYMBOL_SIZE,
} from './sections.ts';
import { TEXT_SYMBOL } from './symbols.ts';
import { objectTarget, type ObjectTarget } from './target.ts';

const ET_DYN = 3;
const PT_LOAD = 1;
const PT_GNU_EH_FRAME = 0x6474e550;
const PF_X = 1;
const PF_R = 4;
const PHDR_SIZE = 56;

const EH_PE_UDATA4 = 0x03;
const EH_PE_PCREL_SDATA4 = 0x1b;
const EH_PE_DATAREL_SDATA4 = 0x3b;

const HEADER_NAME = '.eh_frame_hdr';

interface Place {
  offset: number;
  size: number;
}

/** The FDEs of .eh_frame by the code they are of; it has been checked by whoever registers it, or is refused. */
function readFdes(bytes: Uint8Array, { offset, size }: Place): { code: number; at: number }[] {
  const r = new ByteReader(bytes, '.eh_frame', offset, offset + size);
  const fdes: { code: number; at: number }[] = [];
  while (r.pos < r.end) {
    const at = r.pos;
    const length = r.u32();
    if (length === 0) break;
    const next = r.pos + length;
    if (length < 8 || next > r.end) r.fail(`an entry of ${length} bytes`, 'one inside');
    if (r.u32() !== 0) fdes.push({ code: r.pos + load32(bytes, r.pos), at });
    r.pos = next;
  }
  return fdes.sort((a, b) => a.code - b.code);
}

/** Appends .eh_frame_hdr for a section whose place is its address; returns its place. */
function writeEhFrameHeader(w: ByteWriter, bytes: Uint8Array, ehFrame: Place): Place {
  w.align(4);
  const offset = w.pos;
  const fdes = readFdes(bytes, ehFrame);
  for (const byte of [1, EH_PE_PCREL_SDATA4, EH_PE_UDATA4, EH_PE_DATAREL_SDATA4]) w.u8(byte);
  w.u32(ehFrame.offset - w.pos);
  w.u32(fdes.length);
  for (const fde of fdes) {
    w.u32(fde.code - offset);
    w.u32(fde.at - offset);
  }
  return { offset, size: w.pos - offset };
}

function writeSegment(w: ByteWriter, type: number, flags: number, align: number, at: Place): void {
  w.u32(type);
  w.u32(flags);
  w.u64(at.offset);
  w.u64(at.offset); // virtual
  w.u64(at.offset); // and physical address
  w.u64(at.size);
  w.u64(at.size);
  w.u64(align);
}

/** Moves the symbols in .text from offsets in it to addresses. */
function moveSymbols(bytes: Uint8Array, ranges: Ranges, text: number): void {
  const { offset, size } = ranges['.symtab'];
  for (let at = offset; at < offset + size; at += SYMBOL_SIZE) {
    const section = bytes[at + 6]! | (bytes[at + 7]! << 8);
    if (section === text) store32(bytes, at + 8, load32(bytes, at + 8) + ranges['.text'].offset);
  }
}

/** Applies the relocations of a section that refer to code; other fields hold offsets in sections, which stay. */
function relocate(bytes: Uint8Array, t: ObjectTarget, text: number, section: Place, rela: Place) {
  const r = new ByteReader(bytes, 'relocations', rela.offset, rela.offset + rela.size);
  const w = new ByteWriter(0);
  w.bytes = bytes;
  while (r.pos < r.end) {
    const field = r.u64();
    const type = r.u32();
    const symbol = r.u32();
    const addend = r.u64();
    if (type !== t.relocAbs64 || symbol !== TEXT_SYMBOL) continue;
    if (field + 8 > section.size) r.fail(`a field at ${field}`, `one inside ${section.size} bytes`);
    w.pos = section.offset + field;
    w.u64(text + addend);
  }
}

/** Appends .shstrtab with one name more; returns its place. */
function writeNames(w: ByteWriter, bytes: Uint8Array, names: Place): Place {
  const offset = w.pos;
  w.append(bytes.subarray(names.offset, names.offset + names.size));
  w.append(Buffer.from(`${HEADER_NAME}\0`));
  return { offset, size: w.pos - offset };
}

/** Appends the object's section headers, with addresses; relocations are made null sections. */
function copySectionHeaders(w: ByteWriter, headers: Uint8Array, names: Place, namesIndex: number) {
  for (let at = 0; at < headers.length; at += SHDR_SIZE) {
    const row = headers.slice(at, at + SHDR_SIZE);
    if (load32(row, 4) === SHT_RELA) row.fill(0);
    if (load32(row, 8) & SHF_ALLOC) row.copyWithin(16, 24, 32);
    if (at === namesIndex * SHDR_SIZE) {
      store32(row, 24, names.offset);
      store32(row, 32, names.size);
    }
    w.append(row);
  }
}

function writeSectionHeader(w: ByteWriter, name: number, { offset, size }: Place): void {
  w.u32(name);
  w.u32(SHT_PROGBITS);
  for (const field of [SHF_ALLOC, offset, offset, size, 0, 4, 0]) w.u64(field);
}

/** File header: what differs from an object's. */
function patchFileHeader(
  bytes: Uint8Array,
  programs: Place,
  sections: number,
  count: number,
): void {
  const u16 = (at: number, value: number) => {
    bytes[at] = value;
    bytes[at + 1] = value >> 8;
  };
  u16(16, ET_DYN);
  store32(bytes, 32, programs.offset);
  store32(bytes, 40, sections);
  u16(54, PHDR_SIZE);
  u16(56, programs.size / PHDR_SIZE);
  u16(60, count);
}

/**
 * Makes the image of an object for Linux: a file of its own, in which everything of the object has its place.
 * Throws ObjectError when .eh_frame or relocations point outside.
 */
export function writeImage(object: LoadedObject): Uint8Array {
  const { bytes, ranges, engine } = object;
  const t = objectTarget(engine.target);
  const count = bytes[60]! | (bytes[61]! << 8);
  const rows = sectionsOf(t, count === sectionsOf(t, true).length + 1);
  const oldHeaders = load32(bytes, 40);
  const text = ranges['.text'];

  const w = new ByteWriter(bytes.length + (bytes.length >>> 2));
  w.append(bytes);
  const ehFrameHeader = writeEhFrameHeader(w, bytes, ranges['.eh_frame']);
  const names = writeNames(w, bytes, ranges['.shstrtab']);
  w.align(8);
  const programs = { offset: w.pos, size: 4 * PHDR_SIZE };
  const sections = w.pos + programs.size;
  const size = sections + SHDR_SIZE * (count + 1);
  const behind = ranges['.eh_frame'].offset;
  writeSegment(w, PT_LOAD, PF_R, t.pageSize, { offset: 0, size: EHDR_SIZE });
  writeSegment(w, PT_LOAD, PF_R | PF_X, t.pageSize, text);
  writeSegment(w, PT_LOAD, PF_R, t.pageSize, { offset: behind, size: size - behind });
  writeSegment(w, PT_GNU_EH_FRAME, PF_R, 4, ehFrameHeader);
  const namesIndex = sectionIndex(rows, '.shstrtab');
  const headers = bytes.subarray(oldHeaders, oldHeaders + SHDR_SIZE * count);
  copySectionHeaders(w, headers, names, namesIndex);
  writeSectionHeader(w, names.size - HEADER_NAME.length - 1, ehFrameHeader);

  const image = w.bytes.subarray(0, w.pos);
  patchFileHeader(image, programs, sections, count + 1);
  moveSymbols(image, ranges, sectionIndex(rows, '.text'));
  for (const name of ['.debug_info', '.debug_line'] as const) {
    relocate(image, t, text.offset, ranges[name], ranges[`.rela${name}`]);
  }
  return image;
}
