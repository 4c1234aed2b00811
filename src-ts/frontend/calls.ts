/**
 * Calls of functions that are known: a defined one is called directly, an imported one through its code and context in
 * the instance. Calls through tables are in indirect.ts.
 */
import * as Abi from '../gen/abi.ts';
import * as Ir from '../gen/ir.ts';
import { NONE } from '../ir/func.ts';
import { FUNCREF, typeNames } from '../wasm/types.ts';
import type { FuncType } from '../wasm/types.ts';
import { irType } from './layout.ts';
import { wiring } from './memory.ts';
import type { State } from './state.ts';

/** Tail calls return what the callee returns. */
export function checkTail(t: State, type: FuncType): void {
  const own = t.resultTypes;
  let same = own.length === type.results.length;
  for (let i = 0; same && i < own.length; i++) same = own[i] === type.results[i];
  if (same) return;
  const found = `the callee returns ${typeNames(type.results)}, the function ${typeNames(own)}`;
  t.fail(`type mismatch: ${found}`);
}

/** Pushes the results of a call row. */
function pushResults(t: State, type: FuncType, row: number): void {
  const { results } = type;
  t.cache.grown();
  if (results.length === 1) return t.push(results[0]!, row);
  for (let i = 0; i < results.length; i++) {
    t.push(results[i]!, t.live ? t.b.proj(row, i, irType(results[i]!)) : 0);
  }
}

/** Row type of a call: its single result's. */
function callType(type: FuncType): number {
  return type.results.length === 1 ? irType(type.results[0]!) : Ir.T_VOID;
}

/** Emits a call or tail call through a code address. */
export function emitIndirect(
  t: State,
  tail: boolean,
  code: number,
  ctx: number,
  type: FuncType,
  sig: number,
): void {
  const list = t.valueList(ctx, t.sp, type.params.length);
  if (tail) t.b.retcall(Ir.RETCALLIND, code, list, 0, sig);
  else pushResults(t, type, t.b.call(Ir.CALLIND, callType(type), code, list, 0, sig));
}

/** `call` and `return_call`. */
export function call(t: State, tail: boolean): void {
  const { m } = t;
  const index = t.r.u32();
  if (index >= m.funcCount) t.fail(`unknown function ${index}`);
  const type = m.funcType(index);
  if (tail) checkTail(t, type);
  t.popAll(type.params);
  if (!t.live) return deadCall(t, type, tail);
  callFunction(t, index, type, tail);
}

/** A call of a function that is known; its arguments are above the stack pointer. */
export function callFunction(t: State, index: number, type: FuncType, tail: boolean): void {
  const { m, b } = t;
  if (!tail && t.inline(index, type)) return;
  const sig = m.funcSignature(index);
  if (index < m.importedFuncs) {
    const at = t.layout.ctx.funcImports + index * Abi.CTX_FUNC_IMPORTS_STRIDE;
    const code = wiring(t, at, Ir.T_I64);
    emitIndirect(t, tail, code, wiring(t, at + 8, Ir.T_I64), type, sig);
  } else {
    const list = t.valueList(t.ctx, t.sp, type.params.length);
    const callee = index - m.importedFuncs;
    if (tail) b.retcall(Ir.RETCALL, NONE, list, callee, sig);
    else pushResults(t, type, b.call(Ir.CALL, callType(type), NONE, list, callee, sig));
  }
  if (tail) t.setUnreachable();
}

export function deadCall(t: State, type: FuncType, tail: boolean): void {
  if (tail) t.setUnreachable();
  else pushResults(t, type, 0);
}

/** `ref.func`: the address of the function's VMFuncRef. */
export function refFunc(t: State): void {
  const { m, b } = t;
  const index = t.r.u32();
  if (index >= m.funcCount) t.fail(`unknown function ${index}`);
  if (m.declared[index] === 0) t.fail(`undeclared function reference: function ${index}`);
  let value = 0;
  if (t.live && index < m.importedFuncs) {
    value = wiring(
      t,
      t.layout.ctx.funcImports + index * Abi.CTX_FUNC_IMPORTS_STRIDE + 16,
      Ir.T_REF,
    );
  } else if (t.live) {
    const offset = t.layout.ctx.funcRefs + t.layout.funcRefSlot[index]! * Abi.FUNC_REF_SIZE;
    const address = b.binary(Ir.IADD, Ir.T_I64, t.ctx, b.iconst64(offset, 0));
    value = b.unary(Ir.BITCAST, Ir.T_REF, address);
  }
  t.push(FUNCREF, value);
}
