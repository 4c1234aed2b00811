/** From the compiler's records to an object file. What goes where: sections.ts. */
import { bug } from '../util/bug.ts';
import { writeAddrmap } from './addrmap.ts';
import { ByteWriter } from './bytes.ts';
import { checksum } from './checksum.ts';
import { writeEhFrame, writeEhFrameRelocs } from './ehframe.ts';
import { planFile, sectionNames, writeFile } from './elf.ts';
import { writeEngine } from './engine.ts';
import { writeFuncs } from './funcs.ts';
import { writeInfo } from './info.ts';
import { writeInlines } from './inlines.ts';
import { writeNames } from './names.ts';
import { windowsTables } from './pdata.ts';
import { writeProperties } from './properties.ts';
import type { ObjectInput } from './records.ts';
import { NO_DEBUG_INFO, writeDebugRelocs } from './debuginfo.ts';
import { sectionIndex, sectionsOf, type SectionName } from './sections.ts';
import { sectionSymbol, TEXT_SYMBOL, writeSymbols } from './symbols.ts';
import { objectTarget, type ObjectTarget } from './target.ts';
import { layoutText, textSize, writeText, type TextPiece } from './text.ts';
import { writeTraps } from './traps.ts';

/** Contents of a section that `write` appends to an empty buffer. */
function section(write: (w: ByteWriter) => void): Uint8Array {
  const w = new ByteWriter();
  write(w);
  return w.view();
}

function check(input: ObjectInput): void {
  const { module, functions } = input;
  const imported = module.imports.filter((i) => i.kind === 'function').length;
  if (functions.length !== module.funcTypes.length - imported) {
    bug(
      'object',
      `${functions.length} functions compiled of ${module.funcTypes.length - imported}`,
    );
  }
  for (const list of [input.entryTrampolines, input.exitTrampolines]) {
    if (list.length > module.types.length) bug('object', 'trampolines of types that are not there');
  }
}

type Contents = Partial<Record<SectionName, Uint8Array>>;

/**
 * The sections that describe frames.
 * @param distance file offset of the first of them less that of .text
 */
function unwindSections(t: ObjectTarget, all: readonly TextPiece[], distance: number): Contents {
  const pieces = all.filter((p) => p.record.code.length > 0);
  if (t.unwind !== 'dwarf') {
    const { pdata, xdata } = windowsTables(t, pieces, distance);
    return { '.xdata': xdata, '.pdata': pdata };
  }
  const ehFrame = new ByteWriter(32 * pieces.length + 64);
  const fields = writeEhFrame(ehFrame, t, pieces, distance);
  return {
    '.eh_frame': ehFrame.view(),
    '.rela.eh_frame': section((w) => writeEhFrameRelocs(w, t, pieces, fields, TEXT_SYMBOL)),
  };
}

/**
 * Writes one object. The same input gives the same bytes.
 * Throws ObjectError for an unknown target.
 */
export function writeObject(input: ObjectInput): Uint8Array {
  check(input);
  const t = objectTarget(input.target);
  const { module } = input;
  const pieces = layoutText(input);
  const text = new ByteWriter(textSize(pieces));
  writeText(text, t, pieces);
  const distance = Math.ceil(text.pos / t.pageSize) * t.pageSize;
  const debug = input.debugInfo ?? NO_DEBUG_INFO;
  const rows = sectionsOf(t, input.debugInfo !== undefined);
  const symbols = writeSymbols(module, pieces, rows);

  const contents: Contents = {
    '.text': text.view(),
    ...unwindSections(t, pieces, distance),
    '.rodata.wasm': input.data,
    '.elfin.funcs': section((w) => writeFuncs(w, pieces, module.types.length)),
    '.elfin.traps': section((w) => writeTraps(w, pieces)),
    '.elfin.addrmap': section((w) => writeAddrmap(w, pieces)),
    '.elfin.inlines': section((w) => writeInlines(w, pieces)),
    '.elfin.info': section((w) => writeInfo(w, module)),
    '.elfin.names': section((w) => writeNames(w, module.funcNames)),
    '.elfin.custom': input.customBytes,
    '.symtab': symbols.symtab,
    '.strtab': symbols.strtab,
    '.shstrtab': sectionNames(rows).bytes,
    '.note.gnu.property': section((w) => writeProperties(w, t, input.properties ?? 0)),
    '.note.GNU-stack': new Uint8Array(0),
    '.debug_info': debug.info.bytes,
    '.debug_abbrev': debug.abbrev.bytes,
    '.debug_line': debug.line.bytes,
    '.debug_rnglists': debug.rnglists.bytes,
    '.debug_loclists': debug.loclists.bytes,
    '.rela.debug_info': section((w) => writeDebugRelocs(w, t, debug.info, sectionSymbol)),
    '.rela.debug_line': section((w) => writeDebugRelocs(w, t, debug.line, sectionSymbol)),
    '.elfin.engine': section((w) => writeEngine(w, input)),
  };
  const at = (name: SectionName) => sectionIndex(rows, name);
  const list = rows.map((row) => contents[row.name] ?? bug('object', `no ${row.name}`));
  const sizes = list.map((c, i) => c.length + (i === list.length - 1 ? 4 : 0));
  const plan = planFile(t, rows, sizes);
  // They come right behind .text.
  const textAt = at('.text');
  if (plan.offsets[textAt]! - plan.offsets[textAt - 1]! !== distance) {
    bug('object', 'the unwind tables are not where their addresses say');
  }
  const symtab = at('.symtab');
  const links = {
    '.rela.eh_frame': { link: symtab, info: at('.eh_frame') },
    '.rela.debug_info': { link: symtab, info: at('.debug_info') },
    '.rela.debug_line': { link: symtab, info: at('.debug_line') },
    '.symtab': { link: at('.strtab'), info: symbols.firstGlobal },
  };
  return writeFile(t, rows, plan, list, links, checksum);
}
