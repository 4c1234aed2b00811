/**
 * The sections of an object, in file order: one table for the writer and the reader, which refuses any other. Those
 * for debuggers are all there or none of them.
 *
 * ELF header, sections, section header table, and last .elfin.engine, whose last word is the checksum of all before it.
 * .text and what follows it begin on pages of their own, so that only code becomes executable when the file is mapped.
 * The numbers are those of the System V gABI, chapter 4.
 */
export const SHT_PROGBITS = 1;
export const SHT_SYMTAB = 2;
export const SHT_STRTAB = 3;
export const SHT_RELA = 4;
export const SHT_NOTE = 7;

const ALLOC = 2;
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
}

const debug = <N extends string>(name: N) =>
  ({ name, type: SHT_PROGBITS, flags: 0, align: 1, debug: true }) as const;
const debugRela = <N extends string>(name: N) =>
  ({ name, type: SHT_RELA, flags: INFO_LINK, align: 8, entrySize: 24, debug: true }) as const;

export const SECTIONS = [
  { name: '.text', type: SHT_PROGBITS, flags: ALLOC | EXEC, align: PAGE },
  { name: '.eh_frame', type: SHT_PROGBITS, flags: ALLOC, align: 8, ownPage: true },
  { name: '.rodata.wasm', type: SHT_PROGBITS, flags: ALLOC, align: PAGE },
  { name: '.elfin.funcs', type: SHT_PROGBITS, flags: ALLOC, align: 4 },
  { name: '.elfin.traps', type: SHT_PROGBITS, flags: ALLOC, align: 4 },
  { name: '.elfin.addrmap', type: SHT_PROGBITS, flags: ALLOC, align: 4 },
  { name: '.elfin.inlines', type: SHT_PROGBITS, flags: ALLOC, align: 4 },
  { name: '.elfin.info', type: SHT_PROGBITS, flags: ALLOC, align: 4 },
  { name: '.elfin.names', type: SHT_PROGBITS, flags: ALLOC, align: 4 },
  { name: '.elfin.custom', type: SHT_PROGBITS, flags: 0, align: 1 },
  { name: '.rela.eh_frame', type: SHT_RELA, flags: INFO_LINK, align: 8, entrySize: 24 },
  { name: '.symtab', type: SHT_SYMTAB, flags: 0, align: 8, entrySize: 24 },
  { name: '.strtab', type: SHT_STRTAB, flags: 0, align: 1 },
  { name: '.shstrtab', type: SHT_STRTAB, flags: 0, align: 1 },
  { name: '.note.gnu.property', type: SHT_NOTE, flags: ALLOC, align: 8 },
  { name: '.note.GNU-stack', type: SHT_PROGBITS, flags: 0, align: 1 },
  debug('.debug_info'),
  debug('.debug_abbrev'),
  debug('.debug_line'),
  debug('.debug_rnglists'),
  debug('.debug_loclists'),
  debugRela('.rela.debug_info'),
  debugRela('.rela.debug_line'),
  { name: '.elfin.engine', type: SHT_PROGBITS, flags: ALLOC, align: 4 },
] as const satisfies readonly SectionRow[];

export type SectionName = (typeof SECTIONS)[number]['name'];

/** The rows of an object with debug information or without. */
export function sectionRows(withDebug: boolean): readonly (SectionRow & { name: SectionName })[] {
  return SECTIONS.filter((row: SectionRow) => withDebug || row.debug !== true);
}

/**
 * Index of a section in the section header table (the null section is 0); not for .elfin.engine, which is the last of
 * however many there are.
 */
export function sectionIndex(name: SectionName): number {
  return 1 + SECTIONS.findIndex((s) => s.name === name);
}

export const EHDR_SIZE = 64;
export const SHDR_SIZE = 64;
export const SYMBOL_SIZE = 24;
export const RELA_SIZE = 24;
