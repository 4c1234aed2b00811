/**
 * The sections of an object, in file order: one table for the writer and the reader, which refuses any other. Those
 * for debuggers are all there or none of them.
 *
 * ELF header, sections, section header table, and last .elfin.engine, whose last word is the checksum of all before it.
 * .text and what follows it begin on pages of their own, so that only code becomes executable when the file is mapped.
 * The numbers are those of the System V gABI, chapter 4.
 */
import type { ObjectTarget } from './target.ts';

export const SHT_PROGBITS = 1;
export const SHT_SYMTAB = 2;
export const SHT_STRTAB = 3;
export const SHT_RELA = 4;
export const SHT_NOTE = 7;

/** sh_flags: has an address. */
export const SHF_ALLOC = 2;
const EXEC = 4;
const INFO_LINK = 0x40;

/** Alignment by the target's page size. */
export const PAGE = 0;

export interface SectionRow {
  name: string;
  type: number;
  flags: number;
  /** Alignment in the file and for a linker; PAGE = the target's. */
  align: number;
  /** Begins on a page of its own in the file, whatever a linker is told. */
  ownPage?: boolean;
  entrySize?: number;
  /** Only in objects with debug information. */
  debug?: boolean;
  /** Only in objects whose frames are so described. */
  unwind?: 'dwarf' | 'windows';
}

const debug = <N extends string>(name: N) =>
  ({ name, type: SHT_PROGBITS, flags: 0, align: 1, debug: true }) as const;
const debugRela = <N extends string>(name: N) =>
  ({ name, type: SHT_RELA, flags: INFO_LINK, align: 8, entrySize: 24, debug: true }) as const;

export const SECTIONS = [
  { name: '.text', type: SHT_PROGBITS, flags: SHF_ALLOC | EXEC, align: PAGE },
  {
    name: '.eh_frame',
    type: SHT_PROGBITS,
    flags: SHF_ALLOC,
    align: 8,
    ownPage: true,
    unwind: 'dwarf',
  },
  {
    name: '.xdata',
    type: SHT_PROGBITS,
    flags: SHF_ALLOC,
    align: 4,
    ownPage: true,
    unwind: 'windows',
  },
  { name: '.pdata', type: SHT_PROGBITS, flags: SHF_ALLOC, align: 4, unwind: 'windows' },
  { name: '.rodata.wasm', type: SHT_PROGBITS, flags: SHF_ALLOC, align: PAGE },
  { name: '.elfin.funcs', type: SHT_PROGBITS, flags: SHF_ALLOC, align: 4 },
  { name: '.elfin.traps', type: SHT_PROGBITS, flags: SHF_ALLOC, align: 4 },
  { name: '.elfin.addrmap', type: SHT_PROGBITS, flags: SHF_ALLOC, align: 4 },
  { name: '.elfin.inlines', type: SHT_PROGBITS, flags: SHF_ALLOC, align: 4 },
  { name: '.elfin.info', type: SHT_PROGBITS, flags: SHF_ALLOC, align: 4 },
  { name: '.elfin.names', type: SHT_PROGBITS, flags: SHF_ALLOC, align: 4 },
  { name: '.elfin.custom', type: SHT_PROGBITS, flags: 0, align: 1 },
  {
    name: '.rela.eh_frame',
    type: SHT_RELA,
    flags: INFO_LINK,
    align: 8,
    entrySize: 24,
    unwind: 'dwarf',
  },
  { name: '.symtab', type: SHT_SYMTAB, flags: 0, align: 8, entrySize: 24 },
  { name: '.strtab', type: SHT_STRTAB, flags: 0, align: 1 },
  { name: '.shstrtab', type: SHT_STRTAB, flags: 0, align: 1 },
  { name: '.note.gnu.property', type: SHT_NOTE, flags: SHF_ALLOC, align: 8 },
  { name: '.note.GNU-stack', type: SHT_PROGBITS, flags: 0, align: 1 },
  debug('.debug_info'),
  debug('.debug_abbrev'),
  debug('.debug_line'),
  debug('.debug_rnglists'),
  debug('.debug_loclists'),
  debugRela('.rela.debug_info'),
  debugRela('.rela.debug_line'),
  { name: '.elfin.engine', type: SHT_PROGBITS, flags: SHF_ALLOC, align: 4 },
] as const satisfies readonly SectionRow[];

export type SectionName = (typeof SECTIONS)[number]['name'];

/** The sections that an object has, in the order of the section header table. */
export type Rows = readonly (SectionRow & { name: SectionName })[];

function listOf(unwind: 'dwarf' | 'windows', debug: boolean): Rows {
  return SECTIONS.filter((row: SectionRow) => {
    return (row.unwind ?? unwind) === unwind && (debug || row.debug !== true);
  });
}

const LISTS = {
  dwarf: { plain: listOf('dwarf', false), debug: listOf('dwarf', true) },
  windows: { plain: listOf('windows', false), debug: listOf('windows', true) },
};

/** The sections of a target's objects, with debug information or without. */
export function sectionsOf(t: ObjectTarget, debug: boolean): Rows {
  return LISTS[t.unwind][debug ? 'debug' : 'plain'];
}

/** Index of a section in the section header table (the null section is 0). */
export function sectionIndex(rows: Rows, name: SectionName): number {
  return 1 + rows.findIndex((row) => row.name === name);
}

export const EHDR_SIZE = 64;
export const SHDR_SIZE = 64;
export const SYMBOL_SIZE = 24;
export const RELA_SIZE = 24;
