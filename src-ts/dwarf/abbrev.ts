/** .debug_abbrev (DWARF 5 § 7.5.3): what the entries of a unit look like. */
import { DW_FORM_implicit_const } from './constants.ts';
import { Cursor } from './cursor.ts';

/** Counts the work of a reader, and throws DwarfError when it is beyond what honest sections cost. */
export type Spend = (work: number) => void;

export interface Abbrev {
  tag: number;
  children: boolean;
  /** Attributes in order: name, form, and the value where the form is DW_FORM_implicit_const. */
  names: number[];
  forms: number[];
  implicit: number[];
}

/** A table by code: codes are small and dense as producers make them, but need not be. */
export type AbbrevTable = ReadonlyMap<number, Abbrev>;

function readAbbrev(r: Cursor, spend: Spend): Abbrev {
  const a: Abbrev = { tag: r.uleb(), children: r.u8() !== 0, names: [], forms: [], implicit: [] };
  for (;;) {
    const name = r.uleb();
    const form = r.uleb();
    spend(1);
    if (name === 0 && form === 0) return a;
    a.names.push(name);
    a.forms.push(form);
    a.implicit.push(form === DW_FORM_implicit_const ? r.sleb() : 0);
  }
}

/** Reads the table at an offset of .debug_abbrev. Throws DwarfError. */
export function readAbbrevs(section: Uint8Array, offset: number, spend: Spend): AbbrevTable {
  const r = new Cursor(section, '.debug_abbrev', offset);
  const table = new Map<number, Abbrev>();
  // The last table of a section may end with it.
  while (r.left > 0) {
    const code = r.uleb();
    if (code === 0) break;
    table.set(code, readAbbrev(r, spend));
  }
  return table;
}
