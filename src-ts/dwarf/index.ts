/** Reading DWARF 2 to 5 as Wasm modules carry it. */
export type { Abbrev, AbbrevTable } from './abbrev.ts';
export { Cursor, DwarfError } from './cursor.ts';
export { DieReader } from './die.ts';
export { Dwarf, DWARF_SECTIONS, gatherSections, type DwarfSections } from './dwarf.ts';
export * from './line.ts';
export { SourceLookup, type SourceFrame } from './lookup.ts';
export { rangesOf } from './ranges.ts';
export type { Unit, UnitHeader, UnitRoot } from './unit.ts';
