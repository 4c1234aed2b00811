/** Indices of a module description that was read, against the tables they point into: nothing later checks them again. */
import { ObjectError } from './error.ts';
import type { ConstExpr, ExternKind, ModuleDescription } from './records.ts';

export interface Sizes {
  /** Bytes of .rodata.wasm and .elfin.custom. */
  data: number;
  custom: number;
  /** Counts of .elfin.funcs. */
  definedFuncs: number;
  types: number;
}

function below(index: number, limit: number, what: string): void {
  if (index >= limit) throw new ObjectError(`.elfin.info: found ${what} ${index} of ${limit}`);
}

function equal(found: number, expected: number, what: string): void {
  if (found === expected) return;
  throw new ObjectError(`.elfin.info: found ${found} ${what}, expected ${expected}`);
}

function inside(r: { start: number; length: number }, size: number, what: string): void {
  if (r.start + r.length <= size) return;
  const place = `[${r.start}, ${r.start + r.length})`;
  throw new ObjectError(`.elfin.info: found ${what} at ${place}, expected it inside ${size} bytes`);
}

/** Every element in [low, limit). Plain loop, no calls: this runs when the engine has not compiled anything yet. */
function allIn(list: ArrayLike<number>, low: number, limit: number, what: string): void {
  let bad = -1;
  for (let i = 0, n = list.length; i < n; i++) {
    const x = list[i]!;
    if (x >= limit || x < low) bad = x;
  }
  if (bad < 0) return;
  throw new ObjectError(
    `.elfin.info: found ${what} ${bad}, expected one of ${low} to ${limit - 1}`,
  );
}

function isBinary(op: string): boolean {
  return op.endsWith('.add') || op.endsWith('.sub') || op.endsWith('.mul');
}

/** Depth of the operand stack must come out as one value. */
function checkExpr(expr: ConstExpr, counts: Record<ExternKind, number>): void {
  let depth = 0;
  for (const op of expr) {
    if (op.op === 'global.get') below(op.index, counts.global, 'global');
    if (op.op === 'ref.func') below(op.index, counts.function, 'function');
    depth += isBinary(op.op) ? -1 : 1;
    if (depth < 1) break;
  }
  equal(depth, 1, 'values of a constant expression');
}

/** Throws ObjectError for an index out of range; returns the number of imported functions. */
export function checkDescription(m: ModuleDescription, sizes: Sizes): number {
  const counts = { function: 0, table: 0, memory: 0, global: 0 };
  for (const i of m.imports) {
    counts[i.kind]++;
    if (typeof i.type === 'number') below(i.type, m.types.length, 'type');
  }
  const importedFuncs = counts.function;
  counts.function = m.funcTypes.length;
  counts.table += m.tables.length;
  counts.memory += m.memories.length;
  counts.global += m.globals.length;
  equal(m.types.length, sizes.types, 'types');
  equal(m.funcTypes.length, importedFuncs + sizes.definedFuncs, 'functions');
  allIn(m.funcTypes, 0, m.types.length, 'type');
  allIn(m.funcRefs, importedFuncs, counts.function, 'function reference');
  for (const e of m.exports) below(e.index, counts[e.kind], e.kind);
  if (m.start !== undefined) below(m.start, counts.function, 'function');
  for (const t of m.tables) if (t.init !== undefined) checkExpr(t.init, counts);
  for (const g of m.globals) checkExpr(g.init, counts);
  checkSegments(m, counts, sizes);
  return importedFuncs;
}

function checkSegments(m: ModuleDescription, counts: Record<ExternKind, number>, s: Sizes): void {
  for (const e of m.elements) {
    if (e.mode === 'active') {
      below(e.table, counts.table, 'table');
      checkExpr(e.offset, counts);
    }
    if (e.funcs !== undefined) allIn(e.funcs, 0, counts.function, 'function');
    for (const expr of e.exprs ?? []) checkExpr(expr, counts);
  }
  for (const d of m.data) {
    if (d.mode === 'active') {
      below(d.memory, counts.memory, 'memory');
      checkExpr(d.offset, counts);
    }
    inside(d, s.data, 'data segment');
  }
  for (const c of m.custom) inside(c, s.custom, 'custom section');
}
