/**
 * Tables of functions whose contents never change once they are filled: neither imported nor exported, written by no
 * operator, filled by active segments alone. What a call through one can reach is known then.
 *
 * A segment that does not fit ends instantiation after the segments before it have been written, perhaps to tables of
 * others that keep this instance's functions alive. So nothing is known where any active segment might not fit.
 */
import * as Op from '../gen/wasm.ts';
import {
  FUNCREF,
  KIND_TABLE,
  NULL_FUNC,
  SEGMENT_ACTIVE,
  type ElementSegment,
  type ModuleInfo,
} from './types.ts';

/** Larger tables are left alone: there are few of them, and they would take memory in every thread. */
const MAX_ENTRIES = 1 << 16;
/** Numbers kept for all tables of a module, at most; what is beyond is left alone, too: the guest chooses how many there are. */
const MAX_KEPT = 1 << 20;
const NULL_ENTRY = -1;

/** A table that never changes. Plain arrays, since it is sent to worker threads. */
export interface FixedTable {
  /** Function index of every entry, -1 for null. */
  readonly entries: Int32Array;
  /** How many entries before each, and in all, are null. */
  readonly nulls: Int32Array;
  /** Where the functions of each signature stand: columns by signature number, all zero where there are none. */
  readonly reach: Int32Array;
}

// Columns of `reach`: indices of the first entry and behind the last, how many they are, least and greatest function.
const FIRST = 0;
const END = 1;
const COUNT = 2;
const LEAST = 3;
const GREATEST = 4;
const COLUMNS = 5;

/** Where a segment starts, -1 if only the instance can tell. */
function constantOffset({ offset }: ElementSegment): number {
  const code = offset?.code;
  return code?.length === 3 && code[0] === Op.I32_CONST ? code[1]! >>> 0 : -1;
}

function allFit(m: ModuleInfo): boolean {
  return m.elements.every((e) => {
    if (e.mode !== SEGMENT_ACTIVE) return true;
    const start = constantOffset(e);
    return start >= 0 && start + e.length <= m.tables[e.table]!.min;
  });
}

/** Per table, the function index of every entry, -1 for null; null for a table that may change or be anything. */
function fixedEntries(m: ModuleInfo, written: Uint8Array): (Int32Array | null)[] {
  let kept = 0;
  const fixed: (Int32Array | null)[] = m.tables.map((table, i) => {
    const own = i >= m.importedTables && written[i] === 0 && table.init === null;
    if (!own || table.element !== FUNCREF || table.min > MAX_ENTRIES) return null;
    const size = 2 * table.min + COLUMNS * m.signatures.length;
    if (kept + size > MAX_KEPT) return null;
    kept += size;
    return new Int32Array(table.min).fill(NULL_ENTRY);
  });
  for (const e of m.exports) if (e.kind === KIND_TABLE) fixed[e.index] = null;
  if (!allFit(m)) return fixed.fill(null);
  for (const e of m.elements) {
    const entries = e.mode === SEGMENT_ACTIVE ? fixed[e.table] : null;
    if (!entries) continue;
    if (e.funcs === null) fixed[e.table] = null;
    else
      entries.set(
        Int32Array.from(e.funcs, (f) => (f === NULL_FUNC ? NULL_ENTRY : f)),
        constantOffset(e),
      );
  }
  return fixed;
}

function signatureReach(m: ModuleInfo, entries: Int32Array): Int32Array {
  const reach = new Int32Array(m.signatures.length * COLUMNS);
  for (let i = 0; i < entries.length; i++) {
    const func = entries[i]!;
    if (func === NULL_ENTRY) continue;
    const at = m.funcSignature(func) * COLUMNS;
    if (reach[at + COUNT]!++ === 0) {
      reach[at + FIRST] = i;
      reach[at + LEAST] = reach[at + GREATEST] = func;
    }
    reach[at + END] = i + 1;
    reach[at + LEAST] = Math.min(reach[at + LEAST]!, func);
    reach[at + GREATEST] = Math.max(reach[at + GREATEST]!, func);
  }
  return reach;
}

function describe(m: ModuleInfo, entries: Int32Array): FixedTable {
  const nulls = new Int32Array(entries.length + 1);
  for (let i = 0; i < entries.length; i++)
    nulls[i + 1] = nulls[i]! + (entries[i] === NULL_ENTRY ? 1 : 0);
  return { entries, nulls, reach: signatureReach(m, entries) };
}

/**
 * What is known of each table; null for one that may change or be anything.
 * @param written per table, 1 if some operator writes to it
 */
export function fixedTables(m: ModuleInfo, written: Uint8Array): (FixedTable | null)[] {
  return fixedEntries(m, written).map((entries) => entries && describe(m, entries));
}

/** The range of indices of a signature's functions, when they are all in one: [first, end); else empty. */
export function rangeOf({ reach }: FixedTable, sig: number): { first: number; end: number } {
  const at = sig * COLUMNS;
  const first = reach[at + FIRST]!;
  const end = reach[at + END]!;
  return end - first === reach[at + COUNT] ? { first, end } : { first: 0, end: 0 };
}

/** The only function of a signature, -1 when there are none or several. */
export function onlyFunction({ reach }: FixedTable, sig: number): number {
  const at = sig * COLUMNS;
  const only = reach[at + COUNT] !== 0 && reach[at + LEAST] === reach[at + GREATEST];
  return only ? reach[at + LEAST]! : -1;
}

/** Whether a signature's functions are all defined in the module. */
export function allDefined(m: ModuleInfo, { reach }: FixedTable, sig: number): boolean {
  const at = sig * COLUMNS;
  return reach[at + COUNT] !== 0 && reach[at + LEAST]! >= m.importedFuncs;
}

/** How many of the entries [from, to) are null. */
export function nullsIn({ nulls }: FixedTable, from: number, to: number): number {
  return nulls[to]! - nulls[from]!;
}
