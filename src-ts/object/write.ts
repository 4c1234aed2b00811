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
import { writeProperties } from './properties.ts';
import type { ObjectInput } from './records.ts';
import { NO_DEBUG_INFO, writeDebugRelocs } from './debuginfo.ts';
import { sectionIndex, sectionRows, type SectionName } from './sections.ts';
import { sectionSymbol, TEXT_SYMBOL, writeSymbols } from './symbols.ts';
import { objectTarget } from './target.ts';
import { layoutText, textSize, writeText } from './text.ts';
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
  const ehFrame = new ByteWriter(32 * pieces.length + 64);
  const distance = Math.ceil(text.pos / t.pageSize) * t.pageSize;
  const described = pieces.filter((p) => p.record.code.length > 0);
  const fields = writeEhFrame(ehFrame, t, described, distance);
  const debug = input.debugInfo ?? NO_DEBUG_INFO;
  const rows = sectionRows(input.debugInfo !== undefined);
  const symbols = writeSymbols(module, pieces, rows);

  const contents: Record<SectionName, Uint8Array> = {
    '.text': text.view(),
    '.eh_frame': ehFrame.view(),
    '.rodata.wasm': input.data,
    '.elfin.funcs': section((w) => writeFuncs(w, pieces, module.types.length)),
    '.elfin.traps': section((w) => writeTraps(w, pieces)),
    '.elfin.addrmap': section((w) => writeAddrmap(w, pieces)),
    '.elfin.inlines': section((w) => writeInlines(w, pieces)),
    '.elfin.info': section((w) => writeInfo(w, module)),
    '.elfin.names': section((w) => writeNames(w, module.funcNames)),
    '.elfin.custom': input.customBytes,
    '.rela.eh_frame': section((w) => writeEhFrameRelocs(w, t, described, fields, TEXT_SYMBOL)),
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
  const list = rows.map((row) => contents[row.name]);
  const sizes = list.map((c, i) => c.length + (i === list.length - 1 ? 4 : 0));
  const plan = planFile(t, rows, sizes);
  const ehPlan = plan.offsets[sectionIndex('.eh_frame') - 1]!;
  if (ehPlan - plan.offsets[sectionIndex('.text') - 1]! !== distance) {
    bug('object', '.eh_frame is not where its addresses say');
  }
  const symtab = sectionIndex('.symtab');
  const links = {
    '.rela.eh_frame': { link: symtab, info: sectionIndex('.eh_frame') },
    '.rela.debug_info': { link: symtab, info: sectionIndex('.debug_info') },
    '.rela.debug_line': { link: symtab, info: sectionIndex('.debug_line') },
    '.symtab': { link: sectionIndex('.strtab'), info: symbols.firstGlobal },
  };
  return writeFile(t, rows, plan, list, links, checksum);
}
