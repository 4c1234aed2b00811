/**
 * Rules for integer arithmetic, shifts, division, counting and conversions between integers. Arm ARM, C6.2.
 *
 * The 64-bit form of an operation is the one after its 32-bit form (isa/aarch64).
 */
import * as A from '../../gen/aarch64.ts';
import * as Op from '../../gen/ir.ts';
import { bug } from '../../util/bug.ts';
import { I_REMAT, NO_VREG } from '../../mach/vcode.ts';
import type { Rules } from './context.ts';
import { extract, insertField, lowMask } from './lowerfields.ts';
import { loadAs } from './lowermem.ts';
import * as M from './memops.ts';
import * as P from './ops.ts';
import * as R from './regs.ts';

if (A.ADD_x_imm !== A.ADD_w_imm + 1 || A.MADD_x !== A.MADD_w + 1 || A.CSEL_x !== A.CSEL_w + 1)
  bug('aarch64 rules', 'order of the forms');

export function lowerConst(c: Rules, row: number): void {
  const float = c.f.op[row] === Op.FCONST;
  c.lower.inst(float ? P.P_FCONST : P.P_ICONST);
  c.def(row);
  c.lower.imm(c.f.imm[row]);
  c.lower.imm2(c.f.ty[row] === Op.T_I32 ? 0 : c.f.imm2[row]);
  if (float && c.f.ty[row] !== Op.T_F32) c.lower.aux(P.AUX_F64);
  c.lower.flags(I_REMAT);
}

// ---- addition and subtraction ----

/** iadd, isub. */
export function lowerAddSub(c: Rules, row: number): void {
  const { f } = c;
  const wide = c.is64(row);
  const w = wide ? 1 : 0;
  const sub = f.op[row] === Op.ISUB;
  let a = f.a[row];
  let b = f.b[row];
  if (!sub && better(c, a, b, row)) [a, b] = [b, a];
  if (c.isAddConst(b)) addConst(c, row, wide, a, sub ? -c.constant(b) : c.constant(b));
  else if (multiplyAdd(c, row, a, b, sub)) return;
  else if (wide && c.matchExtend(b, row)) {
    extendedOperand(c, row, sub ? A.SUB_x_ext : A.ADD_x_ext, a);
  } else if (c.matchShift(b, row, false)) {
    shiftedOperand(c, row, (sub ? A.SUB_w_sh : A.ADD_w_sh) + w, c.intOrZero(a, wide));
  } else {
    const x = c.intOrZero(a, wide);
    c.binary(row, (sub ? A.SUB_w_sh : A.ADD_w_sh) + w, x, c.int(b, wide));
  }
}

/** Whether a, rather than b, should be the second operand of a commutative operation. */
function better(c: Rules, a: number, b: number, row: number): boolean {
  if (c.isConst(b)) return false;
  if (c.isConst(a)) return true;
  return rank(c, a, row) > rank(c, b, row);
}

/** How much an operation gains by taking `operand` second. */
function rank(c: Rules, operand: number, row: number): number {
  switch (c.f.op[operand]) {
    case Op.IMUL:
      return c.absorbs(operand, row) ? 2 : 0;
    case Op.ISHL:
    case Op.USHR:
    case Op.SSHR:
      return c.isConst(c.f.b[operand]) && c.absorbs(operand, row) ? 1 : 0;
    case Op.SEXT:
    case Op.SEXT8:
    case Op.SEXT16:
    case Op.SEXT32:
      return c.is64(row) && c.absorbs(operand, row) ? 1 : 0;
    default:
      return 0;
  }
}

/** row := a + k, |k| an immediate. */
function addConst(c: Rules, row: number, wide: boolean, a: number, k: number): void {
  const from = c.int(a, wide);
  c.lower.inst((k < 0 ? A.SUB_w_imm : A.ADD_w_imm) + (wide ? 1 : 0));
  c.def(row);
  c.use(from);
  c.lower.imm(Math.abs(k));
}

/** a ± x * y in one instruction; 32-bit factors that are extended need no extension. */
function multiplyAdd(c: Rules, row: number, a: number, b: number, sub: boolean): boolean {
  const { f } = c;
  if (f.op[b] !== Op.IMUL || !c.absorbs(b, row)) return false;
  const wide = c.is64(row);
  let form = (sub ? A.MSUB_w : A.MADD_w) + (wide ? 1 : 0);
  let x = f.a[b];
  let y = f.b[b];
  if (extended(c, b)) {
    form = sub ? A.SMSUBL_x : A.SMADDL_x;
    x = f.a[x];
    y = f.a[y];
  }
  const long = form === A.SMSUBL_x || form === A.SMADDL_x;
  const m = c.int(x, wide && !long);
  const n = c.int(y, wide && !long);
  const sum = c.intOrZero(a, wide);
  c.binary(row, form, m, n);
  c.use(sum);
  return true;
}

/** Whether a 64-bit product is that of two sign-extended i32. */
function extended(c: Rules, mul: number): boolean {
  const { f } = c;
  const sext = (row: number): boolean => f.op[row] === Op.SEXT && c.absorbs(row, mul);
  return f.ty[mul] === Op.T_I64 && sext(f.a[mul]) && sext(f.b[mul]);
}

/** row := a op shift(c.operand, c.amount). */
function shiftedOperand(c: Rules, row: number, form: number, a: number): void {
  const { operand, kind, amount } = c;
  c.binary(row, form, a, c.int(operand, c.is64(row)));
  c.lower.imm(amount);
  c.lower.aux(kind << P.AUX_KIND_SHIFT);
}

/** row := a op extend(c.operand) << c.amount. */
function extendedOperand(c: Rules, row: number, form: number, a: number): void {
  const { kind, amount, operand } = c;
  // Number 31 is the stack pointer here.
  c.binary(row, form, c.lower.vregOf(a), c.lower.low32Of(operand));
  c.lower.imm(amount);
  c.lower.aux(kind << P.AUX_KIND_SHIFT);
}

// ---- multiplication and division ----

export function lowerMul(c: Rules, row: number): void {
  const { f, lower } = c;
  const wide = c.is64(row);
  let a = f.a[row];
  let b = f.b[row];
  if (c.isConst(a)) [a, b] = [b, a];
  const k = c.constant(b);
  const power = Math.log2(k - 1);
  if (k > 2 && Number.isInteger(power) && power < (wide ? 52 : 31)) {
    // x * (2^n + 1)
    const x = c.int(a, wide);
    c.binary(row, wide ? A.ADD_x_sh : A.ADD_w_sh, x, x);
    lower.imm(power);
    return;
  }
  if (extended(c, row)) {
    c.binary(row, A.SMADDL_x, lower.low32Of(f.a[f.a[row]]), lower.low32Of(f.a[f.b[row]]));
  } else c.binary(row, wide ? A.MADD_x : A.MADD_w, c.int(a, wide), c.int(b, wide));
  c.use(NO_VREG);
}

/** umulh, smulh. */
export function lowerMulHigh(c: Rules, row: number): void {
  const { f, lower } = c;
  const form = f.op[row] === Op.SMULH ? A.SMULH_x : A.UMULH_x;
  c.binary(row, form, lower.vregOf(f.a[row]), lower.vregOf(f.b[row]));
}

/** sdiv, udiv, srem, urem. The instructions do not trap: x / 0 = 0, least / -1 = least (C6.2 SDIV). */
export function lowerDiv(c: Rules, row: number): void {
  const { f, lower } = c;
  const op = f.op[row];
  const wide = c.is64(row);
  const w = wide ? 1 : 0;
  const signed = op === Op.SDIV || op === Op.SREM;
  const a = c.int(f.a[row], wide);
  const b = c.int(f.b[row], wide);
  const known = c.isConst(f.b[row]);
  if (!known || c.isZero(f.b[row])) {
    lower.inst(P.P_TRAPIF);
    c.use(b);
    lower.aux(P.BR_ZERO | (wide ? P.BR_64 : 0));
    lower.imm(Op.TRAP_INTEGER_DIVIDE_BY_ZERO);
  }
  if (op === Op.SDIV && (!known || c.constant(f.b[row]) === -1)) checkOverflow(c, wide, a, b);
  const divide = (signed ? A.SDIV_w : A.UDIV_w) + w;
  if (op === Op.SDIV || op === Op.UDIV) {
    c.binary(row, divide, a, b);
    return;
  }
  const quotient = c.binaryNew(divide, f.ty[row], a, b);
  c.binary(row, A.MSUB_w + w, quotient, b);
  c.use(a);
}

/** Traps for least / -1: b + 1 is zero and a - 1 overflows. */
function checkOverflow(c: Rules, wide: boolean, a: number, b: number): void {
  const { lower } = c;
  lower.inst(wide ? A.ADDS_x_imm : A.ADDS_w_imm);
  c.use(NO_VREG);
  c.use(b);
  lower.imm(1);
  lower.inst(wide ? A.CCMP_x_imm : A.CCMP_w_imm);
  c.use(a);
  lower.imm(1);
  lower.aux(R.CC_EQ);
  lower.inst(P.P_TRAPIF);
  lower.aux(P.BR_FLAGS | (R.CC_VS << P.BR_CC_SHIFT));
  lower.imm(Op.TRAP_INTEGER_OVERFLOW);
}

// ---- logical ----

/** Forms of a logical opcode: immediate, shifted register, shifted register inverted. */
function logicalForms(op: number): readonly number[] {
  switch (op) {
    case Op.IAND:
      return AND_FORMS;
    case Op.IOR:
      return ORR_FORMS;
    default:
      return EOR_FORMS;
  }
}
const AND_FORMS = [A.AND_w_imm, A.AND_w_sh, A.BIC_w_sh];
const ORR_FORMS = [A.ORR_w_imm, A.ORR_w_sh, A.ORN_w_sh];
const EOR_FORMS = [A.EOR_w_imm, A.EOR_w_sh, A.EON_w_sh];
const IMM = 0;
const SHIFTED = 1;
const INVERTED = 2;

/** iand, ior, ixor. */
export function lowerLogical(c: Rules, row: number): void {
  const { f } = c;
  const forms = logicalForms(f.op[row]);
  const wide = c.is64(row);
  const w = wide ? 1 : 0;
  let a = f.a[row];
  let b = f.b[row];
  if (!c.isConst(b) && (c.isConst(a) || second(c, a, row) > second(c, b, row))) [a, b] = [b, a];
  if (f.op[row] === Op.IAND && fieldExtract(c, row, a, b)) return;
  if (f.op[row] === Op.IOR && joinFields(c, row, a, b)) return;
  if (c.isLogicalConst(b)) {
    c.unary(row, forms[IMM] + w, c.int(a, wide));
    c.lower.imm(f.imm[b]);
    c.lower.imm2(wide ? f.imm2[b] : 0);
  } else if (isNot(c, row)) {
    c.binary(row, A.ORN_w_sh + w, NO_VREG, c.int(a, wide));
  } else if (isNot(c, b) && c.absorbs(b, row)) {
    shiftedLogical(c, row, forms[INVERTED] + w, a, notOperand(c, b));
  } else shiftedLogical(c, row, forms[SHIFTED] + w, a, b);
}

function joinFields(c: Rules, row: number, a: number, b: number): boolean {
  if (insertField(c, row, a, b) || insertField(c, row, b, a)) return true;
  return extract(c, row, a, b) || extract(c, row, b, a);
}

function second(c: Rules, operand: number, row: number): number {
  if (isNot(c, operand)) return c.absorbs(operand, row) ? 2 : 0;
  const op = c.f.op[operand];
  const shift = op === Op.ISHL || op === Op.USHR || op === Op.SSHR || op === Op.ROTL;
  if (!shift && op !== Op.ROTR) return 0;
  return c.isConst(c.f.b[operand]) && c.absorbs(operand, row) ? 1 : 0;
}

/** Whether a row is x ^ -1. */
function isNot(c: Rules, row: number): boolean {
  const { f } = c;
  return f.op[row] === Op.IXOR && (c.constant(f.a[row]) === -1 || c.constant(f.b[row]) === -1);
}

function notOperand(c: Rules, row: number): number {
  const { f } = c;
  return c.constant(f.a[row]) === -1 ? f.b[row] : f.a[row];
}

function shiftedLogical(c: Rules, row: number, form: number, a: number, b: number): void {
  const wide = c.is64(row);
  if (c.matchShift(b, row, true)) shiftedOperand(c, row, form, c.intOrZero(a, wide));
  else c.binary(row, form, c.intOrZero(a, wide), c.int(b, wide));
}

/** (x >> k) & mask. */
function fieldExtract(c: Rules, row: number, a: number, b: number): boolean {
  const { f } = c;
  const ones = lowMask(c, b);
  if (ones === 0 || (f.op[a] !== Op.USHR && f.op[a] !== Op.SSHR)) return false;
  if (!c.isConst(f.b[a]) || !c.absorbs(a, row)) return false;
  const wide = c.is64(row);
  const k = c.countOf(a);
  if (k + ones > (wide ? 64 : 32)) return false;
  c.bitfield(row, false, wide, c.int(f.a[a], wide), k, k + ones - 1);
  return true;
}

// ---- shifts ----

const SHIFT_FORMS: Record<number, number> = {
  [Op.ISHL]: A.LSLV_w,
  [Op.SSHR]: A.ASRV_w,
  [Op.USHR]: A.LSRV_w,
  [Op.ROTR]: A.RORV_w,
};

export function lowerShift(c: Rules, row: number): void {
  const { f, lower } = c;
  const wide = c.is64(row);
  const w = wide ? 1 : 0;
  const op = f.op[row];
  if (c.isConst(f.b[row])) {
    shiftConst(c, row, wide, c.countOf(row));
    return;
  }
  const value = c.int(f.a[row], wide);
  let count = lower.low32Of(f.b[row]);
  if (op !== Op.ROTL) {
    c.binary(row, SHIFT_FORMS[op] + w, value, count);
    return;
  }
  count = c.binaryNew(A.SUB_w_sh, Op.T_I32, NO_VREG, count);
  c.binary(row, A.RORV_w + w, value, count);
}

function shiftConst(c: Rules, row: number, wide: boolean, k: number): void {
  const { f, lower } = c;
  const bits = wide ? 64 : 32;
  const op = f.op[row];
  if (op === Op.ROTL || op === Op.ROTR) {
    const x = c.int(f.a[row], wide);
    c.binary(row, wide ? A.EXTR_x : A.EXTR_w, x, x);
    lower.imm(op === Op.ROTL ? (bits - k) & (bits - 1) : k);
  } else if (op === Op.ISHL) shiftLeft(c, row, wide, k);
  else shiftRight(c, row, wide, k);
}

/** x << k, where x may be masked or sign-extended by the same instruction. */
function shiftLeft(c: Rules, row: number, wide: boolean, k: number): void {
  const { f } = c;
  const bits = wide ? 64 : 32;
  const x = f.a[row];
  const r = (bits - k) & (bits - 1);
  const sized = signBits(f.op[x]);
  if (sized > 0 && k < bits - sized && c.absorbs(x, row)) {
    c.bitfield(row, true, wide, c.lower.low32Of(f.a[x]), r, sized - 1);
    return;
  }
  const ones = f.op[x] === Op.IAND && c.absorbs(x, row) ? lowMask(c, f.b[x]) : 0;
  if (ones > 0 && ones + k < bits) {
    c.bitfield(row, false, wide, c.int(f.a[x], wide), r, ones - 1);
    return;
  }
  c.bitfield(row, false, wide, c.int(x, wide), r, bits - 1 - k);
}

/** x >> k, where x may be shifted left by the same instruction. */
function shiftRight(c: Rules, row: number, wide: boolean, k: number): void {
  const { f } = c;
  const bits = wide ? 64 : 32;
  const signed = f.op[row] === Op.SSHR;
  const x = f.a[row];
  if (f.op[x] === Op.ISHL && c.isConst(f.b[x]) && c.absorbs(x, row)) {
    const left = c.countOf(x);
    if (left <= k) c.bitfield(row, signed, wide, c.int(f.a[x], wide), k - left, bits - 1 - left);
    else {
      const r = (bits - (left - k)) & (bits - 1);
      c.bitfield(row, signed, wide, c.int(f.a[x], wide), r, bits - 1 - left);
    }
    return;
  }
  c.bitfield(row, signed, wide, c.int(x, wide), k, bits - 1);
}

/** Width of what an opcode sign-extends, 0 when it does not. */
function signBits(op: number): number {
  switch (op) {
    case Op.SEXT8:
      return 8;
    case Op.SEXT16:
      return 16;
    case Op.SEXT:
    case Op.SEXT32:
      return 32;
    default:
      return 0;
  }
}

// ---- counting, extension ----

export function lowerClz(c: Rules, row: number): void {
  const wide = c.is64(row);
  c.unary(row, wide ? A.CLZ_x : A.CLZ_w, c.int(c.f.a[row], wide));
}

export function lowerCtz(c: Rules, row: number): void {
  const wide = c.is64(row);
  const w = wide ? 1 : 0;
  const reversed = c.unaryNew(A.RBIT_w + w, c.f.ty[row], c.int(c.f.a[row], wide));
  c.unary(row, A.CLZ_w + w, reversed);
}

export function lowerBswap(c: Rules, row: number): void {
  const wide = c.is64(row);
  c.unary(row, wide ? A.REV_x : A.REV_w, c.int(c.f.a[row], wide));
}

/** Counts by byte, then sums the bytes. */
export function lowerPopcnt(c: Rules, row: number): void {
  const wide = c.is64(row);
  const v = c.int(c.f.a[row], wide);
  const bits = c.unaryNew(wide ? A.FMOV_d_x : A.FMOV_s_w, Op.T_F64, v);
  const counts = c.unaryNew(A.CNT_8b, Op.T_F64, bits);
  const sum = c.unaryNew(A.ADDV_8b, Op.T_F64, counts);
  c.unary(row, A.FMOV_w_s, sum);
}

/** sext8, sext16, sext32, sext. */
export function lowerExtend(c: Rules, row: number): void {
  const { f, lower } = c;
  const load = f.a[row];
  const mem = signedLoad(c, row, load);
  if (mem >= 0 && lower.canFold(load)) {
    lower.fold(load);
    loadAs(c, row, load, mem);
    return;
  }
  c.bitfield(row, true, c.is64(row), lower.low32Of(f.a[row]), 0, signBits(f.op[row]) - 1);
}

/** The memory operation that loads and extends at once, -1 when there is none. */
function signedLoad(c: Rules, row: number, load: number): number {
  const { f } = c;
  const wide = c.is64(row);
  switch (f.op[row]) {
    case Op.SEXT8:
      return f.op[load] === Op.LOAD8_U ? (wide ? M.LDRSB_X : M.LDRSB_W) : -1;
    case Op.SEXT16:
      return f.op[load] === Op.LOAD16_U ? (wide ? M.LDRSH_X : M.LDRSH_W) : -1;
    case Op.SEXT:
      return f.op[load] === Op.LOAD ? M.LDRSW : -1;
    default:
      return f.op[load] === Op.LOAD32_U ? M.LDRSW : -1;
  }
}

/** wrap where the upper half must really be zero; of a value shifted right, the field. */
export function lowerWrap(c: Rules, row: number): void {
  const { f, lower } = c;
  const from = f.a[row];
  if (f.op[from] === Op.USHR && c.isConst(f.b[from]) && c.absorbs(from, row)) {
    const k = c.countOf(from);
    c.bitfield(row, false, true, lower.vregOf(f.a[from]), k, Math.min(63, k + 31));
  } else if (f.op[from] === Op.ROTL && c.isConst(f.b[from]) && c.countOf(from) >= 32) {
    // The low half of x rotated right by up to 32.
    const k = 64 - c.countOf(from);
    c.bitfield(row, false, true, lower.vregOf(f.a[from]), k, k + 31);
  } else c.binary(row, A.ORR_w_sh, NO_VREG, lower.vregOf(from));
}
