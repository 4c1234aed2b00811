/**
 * The name section (core specification, appendix "Custom Sections"), read when somebody asks. It is no part of the
 * module's meaning: whatever is malformed in it is left out silently, as the specification wants.
 */
import { CompileError } from '../util/errors.ts';
import { Reader } from '../util/leb128.ts';
import type { ModuleInfo } from './types.ts';

export interface Names {
  /** Name of the module, '' if it has none. */
  module: string;
  /** Function index to name. */
  readonly functions: Map<number, string>;
}

const SUBSECTION_MODULE = 0;
const SUBSECTION_FUNCTION = 1;

/** Reads the first custom section called "name". */
export function readNames(bytes: Uint8Array, m: ModuleInfo): Names {
  const names: Names = { module: '', functions: new Map() };
  const section = m.customs.find((c) => c.name === 'name');
  if (section === undefined) return names;
  try {
    subsections(new Reader(bytes, section.start, section.end), section.end, names);
  } catch (e) {
    if (!(e instanceof CompileError)) throw e;
  }
  return names;
}

function subsections(r: Reader, end: number, names: Names): void {
  while (r.pos < end) {
    r.end = end;
    const id = r.u8();
    const size = r.u32();
    const next = r.pos + size;
    if (next > end) return;
    r.end = next;
    if (id === SUBSECTION_MODULE) names.module = r.name();
    else if (id === SUBSECTION_FUNCTION) functionNames(r, names.functions);
    r.pos = next;
  }
}

function functionNames(r: Reader, functions: Map<number, string>): void {
  const n = r.length();
  for (let i = 0; i < n; i++) {
    const index = r.u32();
    functions.set(index, r.name());
  }
}
