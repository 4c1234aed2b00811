/**
 * ELF64 relocatable files (System V gABI, chapters 4 and 5), little-endian: from section contents to a file. Every range
 * is reserved first; then headers and contents are written to their places.
 */
import { bug } from '../util/bug.ts';
import { ByteWriter } from './bytes.ts';
import {
  EHDR_SIZE,
  PAGE,
  sectionIndex,
  SHDR_SIZE,
  type SectionName,
  type SectionRow,
} from './sections.ts';
import type { ObjectTarget } from './target.ts';

const ET_REL = 1;

/** sh_link and sh_info by section. */
export interface SectionLinks {
  link: number;
  info: number;
}

export interface FilePlan {
  /** File offset of each section, in table order. */
  offsets: number[];
  /** File offset of the section header table. */
  headers: number;
  size: number;
}

/** The rows of the sections to write. */
export type Rows = readonly (SectionRow & { name: SectionName })[];

/** Reserves a range for every section of these sizes. */
export function planFile(t: ObjectTarget, rows: Rows, sizes: readonly number[]): FilePlan {
  const plan: FilePlan = { offsets: [], headers: 0, size: 0 };
  let at = EHDR_SIZE;
  rows.forEach((row, i) => {
    if (i === rows.length - 1) {
      at = Math.ceil(at / 8) * 8;
      plan.headers = at;
      at += SHDR_SIZE * (rows.length + 1);
    }
    const align = row.ownPage === true ? t.pageSize : fileAlign(t, row);
    at = Math.ceil(at / align) * align;
    plan.offsets.push(at);
    at += sizes[i]!;
  });
  plan.size = at;
  return plan;
}

function fileAlign(t: ObjectTarget, row: SectionRow): number {
  return row.align === PAGE ? t.pageSize : row.align;
}

/** Contents of .shstrtab and where each section's name begins in it. */
export function sectionNames(rows: Rows): { bytes: Uint8Array; places: number[] } {
  const w = new ByteWriter(256);
  w.u8(0);
  const places = rows.map((row) => {
    const place = w.pos;
    for (let i = 0; i < row.name.length; i++) w.u8(row.name.charCodeAt(i));
    w.u8(0);
    return place;
  });
  return { bytes: w.view(), places };
}

function fileHeader(w: ByteWriter, t: ObjectTarget, sections: number, plan: FilePlan): void {
  for (const byte of [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0]) w.u8(byte); // ELFCLASS64, ELFDATA2LSB, EV_CURRENT, no ABI
  w.u64(0);
  w.u16(ET_REL);
  w.u16(t.machine);
  w.u32(1); // version
  w.u64(0); // entry
  w.u64(0); // program headers
  w.u64(plan.headers);
  w.u32(0); // flags
  w.u16(EHDR_SIZE);
  w.u16(0);
  w.u16(0);
  w.u16(SHDR_SIZE);
  w.u16(sections + 1);
  w.u16(sectionIndex('.shstrtab'));
}

function sectionHeader(
  w: ByteWriter,
  row: SectionRow,
  values: { name: number; offset: number; size: number; align: number } & SectionLinks,
): void {
  w.u32(values.name);
  w.u32(row.type);
  w.u64(row.flags);
  w.u64(0); // address
  w.u64(values.offset);
  w.u64(values.size);
  w.u32(values.link);
  w.u32(values.info);
  w.u64(values.align);
  w.u64(row.entrySize ?? 0);
}

/**
 * Writes the file.
 *
 * @param contents of each section, in table order; .elfin.engine without its checksum word, which `plan` has counted
 * @param seal gets all bytes but the last four and gives the checksum that goes there
 */
export function writeFile(
  t: ObjectTarget,
  rows: Rows,
  plan: FilePlan,
  contents: readonly Uint8Array[],
  links: Partial<Record<SectionName, SectionLinks>>,
  seal: (bytes: Uint8Array, start: number, end: number) => number,
): Uint8Array {
  const bytes = new Uint8Array(plan.size);
  const w = new ByteWriter(0);
  w.bytes = bytes;
  fileHeader(w, t, rows.length, plan);
  contents.forEach((content, i) => bytes.set(content, plan.offsets[i]!));
  w.pos = plan.headers + SHDR_SIZE;
  const names = sectionNames(rows);
  rows.forEach((row, i) => {
    const next = i + 1 < rows.length ? contents[i]!.length : contents[i]!.length + 4;
    sectionHeader(w, row, {
      name: names.places[i]!,
      offset: plan.offsets[i]!,
      size: next,
      align: fileAlign(t, row),
      ...(links[row.name] ?? { link: 0, info: 0 }),
    });
  });
  w.pos = plan.size - 4;
  w.u32(seal(bytes, 0, plan.size - 4));
  if (w.bytes !== bytes) bug('elf', 'file outgrew its plan');
  return bytes;
}
