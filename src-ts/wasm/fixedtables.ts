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
const NULL_ENTRY = -1;

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

/**
 * Per table, the function index of every entry, -1 for null; null for a table that may change or be anything.
 * @param written per table, 1 if some operator writes to it
 */
export function fixedTables(m: ModuleInfo, written: Uint8Array): (Int32Array | null)[] {
  const fixed: (Int32Array | null)[] = m.tables.map((table, i) => {
    const own = i >= m.importedTables && written[i] === 0 && table.init === null;
    if (!own || table.element !== FUNCREF || table.min > MAX_ENTRIES) return null;
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
