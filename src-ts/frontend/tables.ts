/**
 * Tables. A table of functions is a dispatch table of 32-byte entries (isa/abi/vmctx.ts), any other one an array of 64-bit
 * references; reading is inline, writing a function entry and everything bulky is a native helper's.
 */
import * as Abi from '../gen/abi.ts';
import * as Ir from '../gen/ir.ts';
import { NONE } from '../ir/func.ts';
import { FUNCREF, I32, typeName } from '../wasm/types.ts';
import {
  argList,
  aux,
  builtin,
  checkedBuiltin,
  extend,
  READONLY,
  segment,
  wiring,
} from './memory.ts';
import type { State } from './state.ts';

const FUNC_ENTRY_SHIFT = 5;
const REF_ENTRY_SHIFT = 3;

/** Reads and checks a table index. */
export function tableIndex(t: State): number {
  const index = t.r.u32();
  if (index >= t.m.tables.length) t.fail(`unknown table ${index}`);
  return index;
}

function elementType(t: State, table: number): number {
  return t.m.tables[table]!.element;
}

function isFuncTable(t: State, table: number): boolean {
  return elementType(t, table) === FUNCREF;
}

/** Aux of accesses to a table's entries. */
export function entryAux(t: State, table: number): number {
  return aux(Ir.R_TABLE, table, t.m.importedTables);
}

/** Address of the VMTable. */
function tableDef(t: State, table: number): number {
  return wiring(t, t.layout.ctx.tables + table * Abi.CTX_TABLES_STRIDE, Ir.T_I64);
}

function defLoad(t: State, table: number, def: number, ty: number, field: number): number {
  const region = aux(Ir.R_TABLEDEF, table, t.m.importedTables) | Ir.MEM_NOTRAP;
  return t.b.load(Ir.LOAD, ty, def, NONE, field, 0, region);
}

/** Address of an entry, after a check that traps when there is none. */
export function entryAddress(t: State, table: number, index: number, trap: number): number {
  const { b } = t;
  const def = tableDef(t, table);
  const length = defLoad(t, table, def, Ir.T_I32, Abi.TABLE_LENGTH);
  b.trapif(b.icmp(Ir.ICC_UGE, index, length), trap);
  const base = defLoad(t, table, def, Ir.T_I64, Abi.TABLE_BASE);
  return indexed(t, table, base, index);
}

/** Address of an entry that there is, of a table that never changes. */
export function fixedEntryAddress(t: State, table: number, index: number): number {
  const def = tableDef(t, table);
  const base = t.b.load(Ir.LOAD, Ir.T_I64, def, NONE, Abi.TABLE_BASE, 0, READONLY);
  return indexed(t, table, base, index);
}

function indexed(t: State, table: number, base: number, index: number): number {
  const { b } = t;
  const shift = isFuncTable(t, table) ? FUNC_ENTRY_SHIFT : REF_ENTRY_SHIFT;
  const scaled = b.binary(Ir.ISHL, Ir.T_I64, extend(t, index), b.iconst64(shift, 0));
  return b.binary(Ir.IADD, Ir.T_I64, base, scaled);
}

export function tableGet(t: State): void {
  const table = tableIndex(t);
  const index = t.pop(I32);
  let value = 0;
  if (t.live) {
    const entry = entryAddress(t, table, index, Ir.TRAP_TABLE_OOB);
    const field = isFuncTable(t, table) ? Abi.FUNC_ENTRY_REF : 0;
    value = t.b.load(Ir.LOAD, Ir.T_REF, entry, NONE, field, 0, entryAux(t, table));
  }
  t.push(elementType(t, table), value);
}

export function tableSet(t: State): void {
  const table = tableIndex(t);
  const value = t.pop(elementType(t, table));
  const index = t.pop(I32);
  if (!t.live) return;
  if (isFuncTable(t, table)) {
    const list = argList(t, tableDef(t, table), extend(t, index), value);
    checkedBuiltin(t, Abi.BUILTIN_TABLE_SET_FUNC, Ir.TRAP_TABLE_OOB, list);
    return;
  }
  const entry = entryAddress(t, table, index, Ir.TRAP_TABLE_OOB);
  t.b.store(Ir.STORE, entry, NONE, value, 0, 0, entryAux(t, table));
}

export function tableSize(t: State): void {
  const table = tableIndex(t);
  let value = 0;
  if (t.live) value = defLoad(t, table, tableDef(t, table), Ir.T_I32, Abi.TABLE_LENGTH);
  t.push(I32, value);
}

export function tableGrow(t: State): void {
  const table = tableIndex(t);
  const delta = t.pop(I32);
  const init = t.pop(elementType(t, table));
  let value = 0;
  if (t.live) {
    const helper = isFuncTable(t, table) ? Abi.BUILTIN_TABLE_GROW_FUNC : Abi.BUILTIN_TABLE_GROW_REF;
    const list = argList(t, tableDef(t, table), init, extend(t, delta));
    value = t.b.unary(Ir.WRAP, Ir.T_I32, builtin(t, helper, Ir.T_I64, list));
  }
  t.push(I32, value);
}

export function tableFill(t: State): void {
  const table = tableIndex(t);
  const n = t.pop(I32);
  const value = t.pop(elementType(t, table));
  const index = t.pop(I32);
  if (!t.live) return;
  const helper = isFuncTable(t, table) ? Abi.BUILTIN_TABLE_FILL_FUNC : Abi.BUILTIN_TABLE_FILL_REF;
  const list = argList(t, tableDef(t, table), extend(t, index), value, extend(t, n));
  checkedBuiltin(t, helper, Ir.TRAP_TABLE_OOB, list);
}

export function tableCopy(t: State): void {
  const dst = tableIndex(t);
  const src = tableIndex(t);
  if (elementType(t, dst) !== elementType(t, src))
    t.mismatch(elementType(t, dst), elementType(t, src));
  const n = t.pop(I32);
  const from = t.pop(I32);
  const to = t.pop(I32);
  if (!t.live) return;
  const helper = isFuncTable(t, dst) ? Abi.BUILTIN_TABLE_COPY_FUNC : Abi.BUILTIN_TABLE_COPY_REF;
  const [d, s] = [tableDef(t, dst), tableDef(t, src)];
  checkedBuiltin(
    t,
    helper,
    Ir.TRAP_TABLE_OOB,
    argList(t, d, s, extend(t, to), extend(t, from), extend(t, n)),
  );
}

function checkElem(t: State, index: number): void {
  if (index >= t.m.elements.length) t.fail(`unknown elem segment ${index}`);
}

export function tableInit(t: State): void {
  const index = t.r.u32();
  const table = tableIndex(t);
  checkElem(t, index);
  const type = t.m.elements[index]!.type;
  if (type !== elementType(t, table)) {
    t.fail(
      `type mismatch: table ${table} does not hold ${typeName(type)} as element segment ${index} does`,
    );
  }
  const n = t.pop(I32);
  const from = t.pop(I32);
  const to = t.pop(I32);
  if (!t.live) return;
  const helper = isFuncTable(t, table) ? Abi.BUILTIN_TABLE_INIT_FUNC : Abi.BUILTIN_TABLE_INIT_REF;
  const elem = segment(t, Abi.CTX_ELEM_SEGMENTS, index);
  const list = argList(t, tableDef(t, table), elem, extend(t, to), extend(t, from), extend(t, n));
  checkedBuiltin(t, helper, Ir.TRAP_TABLE_OOB, list);
}

export function elemDrop(t: State): void {
  const index = t.r.u32();
  checkElem(t, index);
  if (!t.live) return;
  builtin(
    t,
    Abi.BUILTIN_SEGMENT_DROP,
    Ir.T_VOID,
    argList(t, segment(t, Abi.CTX_ELEM_SEGMENTS, index)),
  );
}
