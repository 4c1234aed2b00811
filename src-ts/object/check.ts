/**
 * A module description that was read: indices against the tables they point into, and types of constant expressions (a
 * number taken for a reference would be followed as a pointer). Nothing later checks them again.
 */
import { ObjectError } from './error.ts';
import type {
  ConstExpr,
  ConstOp,
  GlobalType,
  ModuleDescription,
  TableType,
  ValType,
} from './records.ts';

const I32 = 0x7f;
const I64 = 0x7e;
const F32 = 0x7d;
const F64 = 0x7c;
const V128 = 0x7b;
const FUNCREF = 0x70;
const EXTERNREF = 0x6f;
/** Type of ref.null, whose operator does not say which: fits both. */
const ANY_REF = 0;

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

function typeFail(found: number, expected: string): never {
  throw new ObjectError(`.elfin.info: found type 0x${found.toString(16)}, expected ${expected}`);
}

function valueType(type: ValType): void {
  if ((type < V128 || type > I32) && type !== FUNCREF && type !== EXTERNREF)
    typeFail(type, 'a value type');
}

function referenceType(type: ValType): void {
  if (type !== FUNCREF && type !== EXTERNREF) typeFail(type, 'a reference type');
}

function same(found: ValType, expected: ValType): void {
  const isNull = found === ANY_REF && (expected === FUNCREF || expected === EXTERNREF);
  if (found !== expected && !isNull) typeFail(found, `0x${expected.toString(16)}`);
}

/** What constant expressions may name. */
interface Names {
  functions: number;
  /** Globals before the expression. */
  globals: readonly GlobalType[];
  tables: readonly TableType[];
}

/** Type that an operator without operands leaves. */
function typeOf(op: ConstOp, names: Names): ValType {
  switch (op.op) {
    case 'i32.const':
      return I32;
    case 'i64.const':
      return I64;
    case 'f32.const':
      return F32;
    case 'f64.const':
      return F64;
    case 'global.get':
      below(op.index, names.globals.length, 'global');
      return names.globals[op.index]!.type;
    case 'ref.func':
      below(op.index, names.functions, 'function');
      return FUNCREF;
    default:
      return ANY_REF;
  }
}

function isBinary(op: string): boolean {
  return op.endsWith('.add') || op.endsWith('.sub') || op.endsWith('.mul');
}

/** One value of this type must come out. */
function checkExpr(expr: ConstExpr, type: ValType, names: Names): void {
  const stack: ValType[] = [];
  for (const op of expr) {
    if (isBinary(op.op)) {
      const operand = op.op.startsWith('i32') ? I32 : I64;
      same(stack.pop() ?? ANY_REF, operand);
      same(stack.pop() ?? ANY_REF, operand);
      stack.push(operand);
    } else stack.push(typeOf(op, names));
  }
  equal(stack.length, 1, 'values of a constant expression');
  same(stack[0]!, type);
}

/** Throws ObjectError for an index out of range or a wrong type; returns the number of imported functions. */
export function checkDescription(m: ModuleDescription, sizes: Sizes): number {
  const counts = { function: 0, table: 0, memory: 0, global: 0 };
  const globals: GlobalType[] = [];
  const tables: TableType[] = [];
  for (const i of m.imports) {
    counts[i.kind]++;
    if (typeof i.type === 'number') below(i.type, m.types.length, 'type');
    else if (i.kind === 'global') globals.push(i.type as GlobalType);
    else if (i.kind === 'table') tables.push(i.type as TableType);
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
  const names = { functions: counts.function, globals, tables };
  checkTypes(m, names);
  checkSegments(m, names, counts.memory, sizes);
  return importedFuncs;
}

/** Adds the defined globals and tables to `names`. */
function checkTypes(
  m: ModuleDescription,
  names: { globals: GlobalType[]; tables: TableType[] } & Names,
): void {
  for (const t of m.types) {
    t.params.forEach(valueType);
    t.results.forEach(valueType);
  }
  for (const g of m.globals) {
    checkExpr(g.init, g.type, names);
    names.globals.push(g);
  }
  for (const t of m.tables) {
    if (t.init !== undefined) checkExpr(t.init, t.elem, names);
    names.tables.push(t);
  }
  for (const g of names.globals) valueType(g.type);
  for (const t of names.tables) referenceType(t.elem);
}

function checkSegments(m: ModuleDescription, names: Names, memories: number, s: Sizes): void {
  for (const e of m.elements) {
    referenceType(e.type);
    if (e.mode === 'active') {
      below(e.table, names.tables.length, 'table');
      same(e.type, names.tables[e.table]!.elem);
      checkExpr(e.offset, I32, names);
    }
    if (e.funcs !== undefined) {
      same(FUNCREF, e.type);
      allIn(e.funcs, 0, names.functions, 'function');
    }
    for (const expr of e.exprs ?? []) checkExpr(expr, e.type, names);
  }
  for (const d of m.data) {
    if (d.mode === 'active') {
      below(d.memory, memories, 'memory');
      checkExpr(d.offset, I32, names);
    }
    inside(d, s.data, 'data segment');
  }
  for (const c of m.custom) inside(c, s.custom, 'custom section');
}
