/**
 * .symtab and .strtab. Local: the section symbol of .text, a function symbol for every function with code (its name in the name
 * section or `wasm-function[i]`) and trampoline (`wasm-entry[t]`, `wasm-exit[t]`). Global: one per function export,
 * `elfin.<export>` or `elfin.<module>.<export>`, so that several modules can be linked into one program.
 */
import { ByteWriter } from './bytes.ts';
import { DEBUG_TARGETS } from './debuginfo.ts';
import type { ModuleDescription } from './records.ts';
import { sectionIndex, SYMBOL_SIZE, type SectionName } from './sections.ts';
import { PIECE_ENTRY, PIECE_FUNCTION, type TextPiece } from './text.ts';

const STB_GLOBAL = 0x10;
const STT_FUNC = 2;
const STT_SECTION = 3;
const STV_DEFAULT = 0;

/** Symbol number of the section symbol of .text. */
export const TEXT_SYMBOL = 1;

/** Symbol number of the section symbol of a section that debug sections refer to; they come first, where they are. */
export function sectionSymbol(name: SectionName): number {
  return TEXT_SYMBOL + (DEBUG_TARGETS as readonly SectionName[]).indexOf(name);
}

export interface Symbols {
  symtab: Uint8Array;
  strtab: Uint8Array;
  /** Number of the first global symbol: sh_info of .symtab. */
  firstGlobal: number;
}

/** A name a symbol table can hold: no control characters. For reading only, need not be unique. */
function printable(name: string): string {
  // eslint-disable-next-line no-control-regex
  return name.replace(/[\x00-\x1f\x7f]/g, '?');
}

/** A name linkers take as it is ('@' would begin a version); different names stay different. */
function linkable(name: string): string {
  return name.replace(/[^A-Za-z0-9_.-]/gu, (c) => `$${c.codePointAt(0)!.toString(16)}$`);
}

class SymbolWriter {
  readonly symtab = new ByteWriter();
  readonly strtab = new ByteWriter();

  constructor() {
    this.strtab.u8(0);
    this.add('', 0, 0, 0, 0);
  }

  /** Appends a symbol; `info` is binding and type. */
  add(name: string, info: number, section: number, value: number, size: number): void {
    const w = this.symtab;
    let place = 0;
    if (name !== '') {
      place = this.strtab.pos;
      this.strtab.append(Buffer.from(name, 'utf8'));
      this.strtab.u8(0);
    }
    w.u32(place);
    w.u8(info);
    w.u8(STV_DEFAULT);
    w.u16(section);
    w.u64(value);
    w.u64(size);
  }
}

/** Makes both tables, for an object that has these sections. */
export function writeSymbols(
  module: ModuleDescription,
  pieces: readonly TextPiece[],
  sections: readonly { name: SectionName }[],
): Symbols {
  const w = new SymbolWriter();
  const text = sectionIndex('.text');
  for (const name of DEBUG_TARGETS) {
    if (sections.some((row) => row.name === name)) w.add('', STT_SECTION, sectionIndex(name), 0, 0);
  }
  const imported = module.imports.filter((i) => i.kind === 'function').length;
  const names = new Map(module.funcNames);
  for (const p of pieces) {
    if (p.record.code.length === 0) continue;
    w.add(pieceName(p, imported, names), STT_FUNC, text, p.offset, p.record.code.length);
  }
  const firstGlobal = w.symtab.pos / SYMBOL_SIZE;
  const prefix = module.moduleName === '' ? 'elfin.' : `elfin.${linkable(module.moduleName)}.`;
  for (const e of module.exports) {
    if (e.kind !== 'function' || e.index < imported) continue;
    const p = pieces[e.index - imported]!;
    const info = STB_GLOBAL | STT_FUNC;
    w.add(prefix + linkable(e.name), info, text, p.offset, p.record.code.length);
  }
  return { symtab: w.symtab.view(), strtab: w.strtab.view(), firstGlobal };
}

function pieceName(p: TextPiece, imported: number, names: Map<number, string>): string {
  if (p.kind === PIECE_FUNCTION) {
    const index = imported + p.index;
    return printable(names.get(index) || `wasm-function[${index}]`);
  }
  return p.kind === PIECE_ENTRY ? `wasm-entry[${p.index}]` : `wasm-exit[${p.index}]`;
}
