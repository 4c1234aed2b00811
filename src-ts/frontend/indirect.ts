/**
 * Calls through tables. An entry holds code, context and type id of its function; the type id is compared with the wanted one.
 *
 * Of a table that never changes (wasm/fixedtables.ts) more is known while compiling: its length; where the functions of the
 * wanted signature stand, so that a compare of the index may do for the type id; that all of them are the module's own, so that
 * they take this context; that there is only one, which is then called directly. Compilers leave entry 0 null and often
 * give a small program few signatures, so this is usual.
 */
import * as Abi from '../gen/abi.ts';
import * as Ir from '../gen/ir.ts';
import { EMPTY, NONE } from '../ir/func.ts';
import {
  allDefined,
  nullsIn,
  onlyFunction,
  rangeOf,
  type FixedTable,
} from '../wasm/fixedtables.ts';
import { FUNCREF, I32, typeName, type FuncType } from '../wasm/types.ts';
import { callFunction, checkTail, deadCall, emitIndirect } from './calls.ts';
import { wiring } from './memory.ts';
import { entryAddress, entryAux, fixedEntryAddress, tableIndex } from './tables.ts';
import type { State } from './state.ts';

/** `call_indirect` and `return_call_indirect`. */
export function callIndirect(t: State, tail: boolean): void {
  const { m } = t;
  const typeIndex = t.r.u32();
  const type = m.types[typeIndex];
  if (type === undefined) return t.fail(`unknown type ${typeIndex}`);
  const table = tableIndex(t);
  const element = m.tables[table]!.element;
  if (element !== FUNCREF) {
    t.fail(
      `type mismatch: table ${table} holds ${typeName(element)}, an indirect call needs funcref`,
    );
  }
  if (tail) checkTail(t, type);
  const index = t.pop(I32);
  t.popAll(type.params);
  if (!t.live) return deadCall(t, type, tail);
  const sig = m.canonical[typeIndex]!;
  const target = t.calls?.target(t, table, index, sig) ?? -1;
  if (target >= 0) return callFunction(t, target, type, tail);
  const fixed = t.calls?.fixed(t, table) ?? null;
  if (fixed !== null) return callFixed(t, fixed, table, index, type, sig, tail);
  const entry = entryAddress(t, table, index, Ir.TRAP_UNDEFINED_ELEMENT);
  checkSignature(t, table, entry, sig);
  callEntry(t, table, entry, NONE, type, sig, tail);
}

/** Traps unless a table's entry is a function of a signature. */
function checkSignature(t: State, table: number, entry: number, sig: number): void {
  const { b } = t;
  const aux = entryAux(t, table);
  const found = b.load(Ir.LOAD, Ir.T_I32, entry, NONE, Abi.FUNC_ENTRY_TYPE_ID, 0, aux);
  const wanted = wiring(t, t.layout.ctx.typeIds + sig * Abi.CTX_TYPE_IDS_STRIDE, Ir.T_I32);
  b.emit(t.f.newRow(Ir.SIGCHECK, Ir.T_VOID, found, wanted, NONE, b.pos));
}

/** Calls what an entry holds; `ctx` is the callee's context, NONE: the entry's. */
function callEntry(
  t: State,
  table: number,
  entry: number,
  ctx: number,
  type: FuncType,
  sig: number,
  tail: boolean,
): void {
  const aux = entryAux(t, table);
  const load = (field: number) => t.b.load(Ir.LOAD, Ir.T_I64, entry, NONE, field, 0, aux);
  const code = load(Abi.FUNC_ENTRY_CODE);
  const callee = ctx === NONE ? load(Abi.FUNC_ENTRY_CTX) : ctx;
  emitIndirect(t, tail, code, callee, type, sig);
  if (tail) t.setUnreachable();
}

/** A call through a table that never changes. */
function callFixed(
  t: State,
  fixed: FixedTable,
  table: number,
  index: number,
  type: FuncType,
  sig: number,
  tail: boolean,
): void {
  const checked = checkRange(t, fixed, index, sig);
  if (!checked) checkLength(t, fixed, index);
  const only = onlyFunction(fixed, sig);
  if (checked && only >= 0) return callFunction(t, only, type, tail);
  const entry = fixedEntryAddress(t, table, index);
  if (!checked) checkSignature(t, table, entry, sig);
  if (only >= 0) return callFunction(t, only, type, tail);
  callEntry(t, table, entry, allDefined(t.m, fixed, sig) ? t.ctx : NONE, type, sig, tail);
}

function checkLength(t: State, { entries }: FixedTable, index: number): void {
  const { b } = t;
  b.trapif(b.icmp(Ir.ICC_UGE, index, b.iconst32(entries.length)), Ir.TRAP_UNDEFINED_ELEMENT);
}

/**
 * Traps unless an index is in the range of the functions of a signature: one compare; in which way it traps is found out aside.
 * False, and nothing done, when they are not in one range or the entries on one side of it differ in how a call of them traps.
 */
function checkRange(t: State, fixed: FixedTable, index: number, sig: number): boolean {
  const { b } = t;
  const { first, end } = rangeOf(fixed, sig);
  const { length } = fixed.entries;
  if (end === 0) return false;
  const below = trapOf(fixed, 0, first);
  const above = trapOf(fixed, end, length);
  if (below < 0 || above < 0) return false;
  if (end - first === length) {
    checkLength(t, fixed, index);
    return true;
  }
  const inside = isInside(t, index, first, end);
  const next = t.newBlock();
  const aside = t.newBlock();
  b.brif(inside, next, EMPTY, aside, EMPTY);
  t.f.placeBlock(aside);
  b.block = aside;
  checkLength(t, fixed, index);
  if (first > 0 && end < length && below !== above)
    b.trapif(b.icmp(Ir.ICC_ULT, index, b.iconst32(first)), below);
  b.trap(end < length ? above : below);
  t.fill(next, true);
  return true;
}

/** Whether an index is in [first, end). */
function isInside({ b }: State, index: number, first: number, end: number): number {
  if (end - first === 1) return b.icmp(Ir.ICC_EQ, index, b.iconst32(first));
  const place = first === 0 ? index : b.binary(Ir.ISUB, Ir.T_I32, index, b.iconst32(first));
  return b.icmp(Ir.ICC_ULT, place, b.iconst32(end - first));
}

/** How calls of entries [from, to), which have another signature or are null, trap; -1 if not all in one way. */
function trapOf(fixed: FixedTable, from: number, to: number): number {
  const nulls = nullsIn(fixed, from, to);
  if (nulls === 0) return Ir.TRAP_INDIRECT_CALL_MISMATCH;
  return nulls === to - from ? Ir.TRAP_UNINITIALIZED_ELEMENT : -1;
}
