/** Rules for calls, returns, tail calls, and the function's own parameters. The convention is in machine.ts. */
import * as Abi from '../../gen/abi.ts';
import * as Op from '../../gen/ir.ts';
import { NONE } from '../../ir/func.ts';
import { isFloat, STACK } from '../../mach/abi.ts';
import {
  DEF_REG,
  defFixed,
  I_CALL,
  I_RETURN,
  NO_VREG,
  USE_ANY,
  useFixed,
} from '../../mach/vcode.ts';
import { bug } from '../../util/bug.ts';
import type { Rules } from './context.ts';
import { loadArea, putAddress, setAddress, storeArea } from './lowermem.ts';
import { aapcs, CLOBBER_CALL, CLOBBER_CALL_CTX, CTX, wasmConvention } from './machine.ts';
import * as M from './memops.ts';
import * as P from './ops.ts';

/** Registers and stack bytes of the builtins, from the letters of isa/abi/vmctx.ts. */
const LETTER_TYPES: Record<string, number> = { i: Op.T_I32, l: Op.T_I64, f: Op.T_F32, d: Op.T_F64 };
const BUILTIN_PARAMS = Abi.BUILTIN_PARAMS.map((p) =>
  Uint8Array.from(p, (letter) => LETTER_TYPES[letter]),
);

/** Incoming stack bytes of a signature's functions. */
export function signatureStack(c: Rules, sig: number): number {
  placeSignature(c, sig);
  return stackBytes(c);
}

/** Bytes of the placed parameters' stack arguments: the stack pointer stays a multiple of 16. */
function stackBytes(c: Rules): number {
  return (c.params.stackBytes + 15) & -16;
}

/** Places parameters and results of a signature; true when results need an area. */
function placeSignature(c: Rules, sig: number): boolean {
  const sigs = c.f.sigs;
  if (sigs === null) bug('aarch64 calls', 'a function without signatures');
  c.results.results(wasmConvention, sigs.results(sig));
  const area = c.results.stackBytes > 0;
  c.params.params(wasmConvention, sigs.params(sig), area);
  return area;
}

/** Parameters of the function: register ones defined by one instruction, stack ones loaded. */
export function lowerEntry(c: Rules): void {
  const { f, lower } = c;
  const area = placeSignature(c, f.sig);
  lower.inst(P.P_ARGS);
  let r = f.first[0];
  for (let i = 0; i < f.paramCount[0]; i++, r = f.next[r]) {
    if (!lower.isNeeded(r)) continue;
    const at = i === 0 ? CTX : c.params.at[i - 1];
    if (at < STACK) lower.operand(lower.vregOf(r), defFixed(at));
  }
  const areaAt = area ? c.params.at[c.params.count - 1] : NONE;
  const areaWanted = area && c.areaVreg !== NO_VREG;
  if (areaWanted && areaAt < STACK) lower.operand(c.areaVreg, defFixed(areaAt));
  r = f.first[0];
  for (let i = 0; i < f.paramCount[0]; i++, r = f.next[r]) {
    if (i === 0 || !lower.isNeeded(r) || c.params.at[i - 1] < STACK) continue;
    loadArea(c, P.AUX_IN, c.params.at[i - 1] - STACK, f.ty[r], lower.vregOf(r));
  }
  if (areaWanted && areaAt >= STACK) {
    loadArea(c, P.AUX_IN, areaAt - STACK, Op.T_I64, c.areaVreg);
  }
}

/** Address of the area for results the function itself returns. */
function ownArea(c: Rules): number {
  if (c.areaVreg === NO_VREG) c.areaVreg = c.lower.newVreg(Op.T_I64);
  return c.areaVreg;
}

/** Stores the stack arguments (list elements from 1) to an area of the frame. */
function storeArguments(c: Rules, list: number, area: number, shift: number): void {
  for (let i = 1, n = c.f.listLength(list); i < n; i++) {
    const at = c.params.at[i - 1];
    if (at >= STACK) storeArea(c, area, at - STACK + shift, c.f.listGet(list, i));
  }
}

/** Gives the context and register arguments as fixed operands. */
function useArguments(c: Rules, list: number): void {
  const { f, lower } = c;
  lower.operand(lower.vregOf(f.listGet(list, 0)), useFixed(CTX));
  for (let i = 1, n = f.listLength(list); i < n; i++) {
    const at = c.params.at[i - 1];
    if (at < STACK) lower.operand(lower.vregOf(f.listGet(list, i)), useFixed(at));
  }
}

/** Passes the address of a result area as the last argument. Returns its vreg when it goes in a register. */
function storeAreaAddress(c: Rules, address: number, out: number, shift: number): number {
  const at = c.params.at[c.params.count - 1];
  if (at < STACK) return address;
  c.lower.inst(M.memory(M.STR_X));
  c.use(address);
  c.lower.aux(out);
  c.lower.imm2(at - STACK + shift);
  return NO_VREG;
}

export function lowerCall(c: Rules, row: number): void {
  const { f, lower } = c;
  const list = f.c[row];
  const area = placeSignature(c, f.aux[row]);
  const popped = stackBytes(c);
  lower.outgoingBytes = Math.max(lower.outgoingBytes, popped);
  storeArguments(c, list, P.AUX_OUT, 0);
  const areaArg = area ? storeAreaAddress(c, resultArea(c), P.AUX_OUT, 0) : NO_VREG;
  const direct = f.op[row] === Op.CALL;
  if (direct) {
    lower.inst(P.P_CALL);
    lower.imm(f.imm[row]);
  } else {
    const target = lower.vregOf(f.a[row]);
    lower.inst(P.P_CALL_IND);
    c.use(target);
  }
  lower.imm2(popped);
  useArguments(c, list);
  if (areaArg !== NO_VREG) lower.operand(areaArg, useFixed(c.params.at[c.params.count - 1]));
  lower.flags(I_CALL);
  // Functions that take this context leave it where it is.
  const own = f.listGet(list, 0) === f.first[0];
  lower.clobbers(own && c.preservesContext ? CLOBBER_CALL : CLOBBER_CALL_CTX);
  callResults(c, row);
}

/** Address of the frame's area for the results of a call. */
function resultArea(c: Rules): number {
  const { lower } = c;
  lower.resultAreaBytes = Math.max(lower.resultAreaBytes, c.results.stackBytes);
  const v = lower.newVreg(Op.T_I64);
  lower.inst(P.P_AREA_ADDRESS);
  lower.operand(v, DEF_REG);
  return v;
}

/** DEFs of the register results, then loads of the others. */
function callResults(c: Rules, row: number): void {
  const { f, lower } = c;
  const n = c.results.count;
  if (n === 1) {
    const at = c.results.at[0];
    lower.operand(lower.vregOf(row), defFixed(at));
    return;
  }
  for (let r = f.next[row]; r !== NONE && f.op[r] === Op.PROJ && f.a[r] === row; r = f.next[r]) {
    const at = c.results.at[f.imm[r]];
    if (at < STACK && lower.isNeeded(r)) lower.operand(lower.vregOf(r), defFixed(at));
  }
  for (let r = f.next[row]; r !== NONE && f.op[r] === Op.PROJ && f.a[r] === row; r = f.next[r]) {
    const at = c.results.at[f.imm[r]];
    if (at < STACK || !lower.isNeeded(r)) continue;
    loadArea(c, P.AUX_RESULT, at - STACK, f.ty[r], lower.vregOf(r));
  }
}

export function lowerCallBuiltin(c: Rules, row: number): void {
  const { f } = c;
  const list = f.c[row];
  const n = f.listLength(list);
  beginBuiltin(c, f.listGet(list, 0), f.imm[row]);
  for (let i = 0; i < n; i++) {
    c.lower.operand(c.lower.vregOf(f.listGet(list, i)), useFixed(c.params.at[i]));
  }
  endBuiltin(c, f.ty[row], f.ty[row] === Op.T_VOID ? NO_VREG : c.lower.vregOf(row));
}

/** Starts the call of the code at [ctx.builtins + 8 * builtin]. */
function beginBuiltin(c: Rules, ctx: number, builtin: number): void {
  const { lower } = c;
  c.params.params(aapcs, BUILTIN_PARAMS[builtin], false);
  if (c.params.stackBytes > 0) bug('aarch64 calls', 'a builtin with stack arguments');
  const table = load(c, lower.vregOf(ctx), Abi.CTX_BUILTINS);
  const code = load(c, table, builtin * 8);
  lower.inst(P.P_CALL_IND);
  c.use(code);
}

/** A fresh register with the 8 bytes at base + offset. */
function load(c: Rules, base: number, offset: number): number {
  const v = c.lower.newVreg(Op.T_I64);
  setAddress(base, offset);
  c.lower.inst(M.memory(M.LDR_X));
  c.lower.operand(v, DEF_REG);
  putAddress(c);
  return v;
}

function endBuiltin(c: Rules, ty: number, result: number): void {
  if (result !== NO_VREG) {
    const regs = isFloat(ty) ? aapcs.resultsFp : aapcs.resultsGp;
    c.lower.operand(result, defFixed(regs[0]));
  }
  c.lower.flags(I_CALL);
  c.lower.clobbers(CLOBBER_CALL);
}

export function lowerRet(c: Rules, row: number): void {
  const { f, lower } = c;
  const list = f.c[row];
  placeSignature(c, f.sig);
  const n = f.listLength(list);
  for (let i = 0; i < n; i++) {
    const at = c.results.at[i];
    if (at >= STACK) storeResult(c, f.listGet(list, i), at - STACK);
  }
  lower.inst(P.P_RET);
  for (let i = 0; i < n; i++) {
    const at = c.results.at[i];
    if (at < STACK) lower.operand(lower.vregOf(f.listGet(list, i)), useFixed(at));
  }
  lower.flags(I_RETURN);
}

function storeResult(c: Rules, row: number, offset: number): void {
  const v = c.lower.vregOf(row);
  const ty = c.f.ty[row];
  setAddress(ownArea(c), offset);
  // An i32 fills its slot: the upper half is zero.
  c.lower.inst(M.memory(ty === Op.T_I32 ? M.STR_X : M.fullStore(ty)));
  c.use(v);
  putAddress(c);
}

/**
 * Tail calls. Stack arguments go straight over this function's own when they take no more room; else they are staged
 * as for a call and moved by the epilogue.
 */
export function lowerTailCall(c: Rules, row: number): void {
  const { f, lower } = c;
  const list = f.c[row];
  const area = placeSignature(c, f.aux[row]);
  const bytes = stackBytes(c);
  const inPlace = bytes <= c.incomingBytes;
  const out = inPlace ? P.AUX_IN : P.AUX_OUT;
  const shift = inPlace ? c.incomingBytes - bytes : 0;
  if (!inPlace) {
    lower.outgoingBytes = Math.max(lower.outgoingBytes, bytes);
  }
  storeArguments(c, list, out, shift);
  const areaArg = area ? storeAreaAddress(c, ownArea(c), out, shift) : NO_VREG;
  const direct = f.op[row] === Op.RETCALL;
  const target = direct ? NO_VREG : lower.vregOf(f.a[row]);
  lower.inst(direct ? P.P_TAIL_CALL : P.P_TAIL_CALL_IND);
  if (!direct) lower.operand(target, USE_ANY);
  useArguments(c, list);
  if (areaArg !== NO_VREG) lower.operand(areaArg, useFixed(c.params.at[c.params.count - 1]));
  lower.imm(f.imm[row]);
  lower.imm2(bytes);
  lower.flags(I_RETURN);
}
