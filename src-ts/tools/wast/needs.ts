/**
 * Which feature beyond "WebAssembly 2.0 without SIMD, with extended-const and tail calls" a module uses, read off
 * its own text: the keywords of a proposal occur in no module that does not use it. Names are those of the
 * proposals. Modules given in binary are judged by the types, limits and counts in their sections.
 */
import { Reader } from '../../util/leb128.ts';
import { head, type SExpr } from './sexpr.ts';

const SIMD = 'SIMD';
const GC = 'garbage collection';
const REFS = 'typed function references';
const EXCEPTIONS = 'exception handling';
const MEMORY64 = 'memory64';
const MULTI_MEMORY = 'multi-memory';
const THREADS = 'threads';
const PAGE_SIZES = 'custom page sizes';
const WIDE = 'wide arithmetic';
const DESCRIPTORS = 'custom descriptors';
const SWITCHING = 'stack switching';

/** First match wins. */
const KEYWORDS: readonly (readonly [RegExp, string])[] = [
  [/relaxed/, 'relaxed SIMD'],
  [/^(v128|i8x16|i16x8|i32x4|i64x2|f32x4|f64x2)(\.|$)/, SIMD],
  [
    /^(descriptor|describes|exact|ref\.get_desc|struct\.new_desc|.*_desc(_eq)?|struct\.new_default_desc)$/,
    DESCRIPTORS,
  ],
  [/^(struct|array|rec|sub|any|eq|i31|none|noextern|nofunc)$/, GC],
  [/^(any|eq|i31|struct|array|null|nullfunc|nullextern)ref$/, GC],
  [/^(struct|array|i31|any|extern)\.[a-z]/, GC],
  [/^(ref\.(test|cast|eq|i31)|br_on_cast(_fail)?)$/, GC],
  [/^(call_ref|return_call_ref|ref\.as_non_null|br_on_null|br_on_non_null)$/, REFS],
  [/^(tag|throw|throw_ref|try|try_table|catch|catch_all|rethrow|delegate|exn|noexn)$/, EXCEPTIONS],
  [/^(null)?exnref$/, EXCEPTIONS],
  [/^(shared|atomic\.fence|memory\.atomic\..*|i(32|64)\.atomic\..*)$/, THREADS],
  [/^pagesize$/, PAGE_SIZES],
  [/^i64\.(add128|sub128|mul_wide_[su])$/, WIDE],
  [/^(cont|cont\..*|resume|resume_throw|suspend|switch)$/, SWITCHING],
];

/** Kinds of fields whose text may define memories. */
function isMemoryDefinition(node: SExpr, parent: SExpr): boolean {
  if (head(node) !== 'memory') return false;
  // Elsewhere `(memory …)` refers to one: in exports, data segments.
  return head(parent) === 'module' || head(parent) === 'import';
}

function hasAtom(node: SExpr, atom: string): boolean {
  return node.items?.some((child) => child.atom === atom) ?? false;
}

/** What the form of a list says, whatever its keyword. */
function ofForm(node: SExpr, parent: SExpr): string | null {
  const kind = head(node);
  if ((kind === 'memory' || kind === 'table') && hasAtom(node, 'i64')) return MEMORY64;
  if (kind === 'ref') return REFS;
  if (kind === 'table' && head(parent) === 'module' && hasInitialiser(node)) return REFS;
  if (kind === 'ref.null') return refNull(node);
  return null;
}

/** `(table 10 funcref (ref.null func))` */
function hasInitialiser(node: SExpr): boolean {
  const items = node.items as SExpr[];
  const type = items.findIndex((child) => /^(funcref|externref)$/.test(child.atom));
  return type >= 0 && Array.isArray(items[type + 1]?.items) && head(items[type + 1]) !== 'elem';
}

/** `ref.null` of a type index. */
function refNull(node: SExpr): string | null {
  const type = node.items?.[1]?.atom ?? '';
  return type === 'func' || type === 'extern' || type === '' ? null : REFS;
}

/** The first feature out of scope that the text module `node` uses, or null. */
export function textNeeds(node: SExpr): string | null {
  const work: [SExpr, SExpr][] = [[node, node]];
  let memories = 0;
  for (let i = 0; i < work.length; i++) {
    const [list, parent] = work[i] as [SExpr, SExpr];
    if (isMemoryDefinition(list, parent) && ++memories > 1) return MULTI_MEMORY;
    const form = ofForm(list, parent);
    if (form !== null) return form;
    for (const child of list.items as SExpr[]) {
      if (child.items !== null) work.push([child, list]);
      const need = ofKeyword(child.atom);
      if (need !== null) return need;
    }
  }
  return null;
}

function ofKeyword(atom: string): string | null {
  if (atom === '' || atom.startsWith('$')) return null;
  return KEYWORDS.find(([pattern]) => pattern.test(atom))?.[1] ?? null;
}

/** Limit flags: bit 1 shared, bit 2 64-bit, bit 3 page size. */
function limitNeeds(flags: number): string | null {
  if (flags > 15) return null;
  if ((flags & 8) !== 0) return PAGE_SIZES;
  if ((flags & 4) !== 0) return MEMORY64;
  return (flags & 2) !== 0 ? THREADS : null;
}

const TYPE_BYTES: ReadonlyMap<number, string> = new Map([
  [0x7b, SIMD],
  [0x5e, GC],
  [0x5f, GC],
  [0x50, GC],
  [0x4f, GC],
  [0x4e, GC],
  [0x5d, SWITCHING],
]);

/** A table with an initialiser (0x40), or of a `(ref …)` type. */
function tableNeeds(r: Reader): string | null {
  if (r.u32() === 0) return null;
  const type = r.u8();
  return type === 0x40 || type === 0x63 || type === 0x64 ? REFS : null;
}

function memoryNeeds(r: Reader): string | null {
  if (r.u32() > 1) return MULTI_MEMORY;
  return limitNeeds(r.u8());
}

/** The first feature out of scope that the sections of a binary module show, or null. Never throws. */
export function binaryNeeds(bytes: Uint8Array): string | null {
  try {
    const r = new Reader(bytes, 8);
    while (r.pos < bytes.length) {
      const id = r.u8();
      const end = r.u32() + r.pos;
      if (id === 13) return EXCEPTIONS;
      if (id === 1 && r.u32() > 0) {
        const need = TYPE_BYTES.get(r.u8());
        if (need !== undefined) return need;
      }
      const need = id === 4 ? tableNeeds(r) : id === 5 ? memoryNeeds(r) : null;
      if (need !== null) return need;
      r.pos = end;
    }
  } catch {
    // Malformed: for the engine to say.
  }
  return null;
}
