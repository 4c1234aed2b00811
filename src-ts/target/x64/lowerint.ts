/** Rules for integer arithmetic, shifts, division, counting and conversions between integers. SDM Vol. 2. */
import * as Op from '../../gen/ir.ts';
import * as X from '../../gen/x64.ts';
import { NONE } from '../../ir/func.ts';
import { bug } from '../../util/bug.ts';
import {
  DEF_REG,
  defFixed,
  I_REMAT,
  K_USE,
  P_LATE,
  C_REG,
  USE_ANY,
  useFixed,
} from '../../mach/vcode.ts';
import type { Rules } from './context.ts';
import { lowerAndBits, lowerNegate, lowerOrBits, lowerXorBits, rotateInto } from './lowerbits.ts';
import * as P from './ops.ts';
import * as R from './regs.ts';

// Places of the forms inside the fifteen of ADD, OR, AND, SUB, XOR, CMP.
const R32_RM32 = X.ADD_r32_rm32 - X.ADD_rm8_r8;
const R64_RM64 = X.ADD_r64_rm64 - X.ADD_rm8_r8;
const RM32_IMM32 = X.ADD_rm32_imm32 - X.ADD_rm8_r8;
const RM64_IMM32 = X.ADD_rm64_imm32 - X.ADD_rm8_r8;
const RM32_IMM8 = X.ADD_rm32_imm8 - X.ADD_rm8_r8;
const RM64_IMM8 = X.ADD_rm64_imm8 - X.ADD_rm8_r8;
if (X.XOR_rm64_imm8 - X.XOR_rm8_r8 !== RM64_IMM8) bug('x64 rules', 'order of the ALU forms');

/** First form of the group of an ALU opcode. */
export function aluGroup(op: number): number {
  switch (op) {
    case Op.IADD:
      return X.ADD_rm8_r8;
    case Op.ISUB:
      return X.SUB_rm8_r8;
    case Op.IAND:
      return X.AND_rm8_r8;
    case Op.IOR:
      return X.OR_rm8_r8;
    default:
      return X.XOR_rm8_r8;
  }
}

/** The immediate form of an ALU group. */
export function aluImm(group: number, wide: boolean, imm: number): number {
  const small = (imm << 24) >> 24 === imm;
  if (wide) return group + (small ? RM64_IMM8 : RM64_IMM32);
  return group + (small ? RM32_IMM8 : RM32_IMM32);
}

export function lowerConst(c: Rules, row: number): void {
  const float = c.f.op[row] === Op.FCONST;
  c.lower.inst(float ? P.P_FCONST : P.P_ICONST);
  c.def(row);
  c.lower.imm(c.f.imm[row]);
  c.lower.imm2(c.f.ty[row] === Op.T_I32 ? 0 : c.f.imm2[row]);
  if (float && c.f.ty[row] !== Op.T_F32) c.lower.aux(P.AUX_F64);
  c.lower.flags(I_REMAT);
}

/** Whether a rule for single bits or for the lowest bit set did the row. */
function bits(c: Rules, row: number): boolean {
  switch (c.f.op[row]) {
    case Op.IAND:
      return lowerAndBits(c, row);
    case Op.IOR:
      return lowerOrBits(c, row) || disjointOr(c, row);
    case Op.IXOR:
      return lowerXorBits(c, row);
    case Op.ISUB:
      return lowerNegate(c, row);
    default:
      return false;
  }
}

/** isub, iand, ior, ixor, and iadd where lea does not fit better. */
export function lowerAlu(c: Rules, row: number): void {
  if (bits(c, row)) return;
  const { f, lower } = c;
  const op = f.op[row];
  const wide = c.is64(row);
  const group = aluGroup(op);
  let a = f.a[row];
  let b = f.b[row];
  const commutes = op !== Op.ISUB;
  if (commutes && c.isConst(a) && !c.isConst(b)) [a, b] = [b, a];
  if (c.isImm32(b)) {
    aluConst(c, row, group, wide, a, f.imm[b]);
    return;
  }
  if (commutes && firstFolds(c, a, b, wide)) [a, b] = [b, a];
  c.rmInt(b, wide);
  lower.inst(group + (wide ? R64_RM64 : R32_RM32));
  c.defTied(row, c.int(a, wide));
  c.putRm();
}

/** Whether a, not b, is a load to fold. (Which value is overwritten the allocator decides: I_COMMUTES.) */
function firstFolds(c: Rules, a: number, b: number, wide: boolean): boolean {
  const bytes = wide ? 8 : 4;
  return !c.foldable(b, bytes) && c.foldable(a, bytes);
}

/** (x << k) | small: no bit in common, so a sum. */
function disjointOr(c: Rules, row: number): boolean {
  const { f } = c;
  const k = shiftOf(c, f.a[row]);
  if (k === 0 || !c.isImm32(f.b[row])) return false;
  const low = f.imm[f.b[row]];
  if (low < 0 || low >= 1 << k) return false;
  const wide = c.is64(row);
  putLea(c, row, wide, -1, c.int(f.a[f.a[row]], wide), k, low);
  return true;
}

function aluConst(
  c: Rules,
  row: number,
  group: number,
  wide: boolean,
  a: number,
  imm: number,
): void {
  if (group === X.AND_rm8_r8 && imm >= 0) {
    // The upper half comes out zero either way.
    wide = false;
    if (imm === 0xff || imm === 0xffff) {
      const low = c.lower.low32Of(a);
      c.lower.inst(imm === 0xff ? X.MOVZX_r32_rm8 : X.MOVZX_r32_rm16);
      c.def(row);
      c.useAny(low);
      return;
    }
  }
  const from = c.int(a, wide);
  c.lower.inst(aluImm(group, wide, imm));
  c.defTied(row, from);
  c.lower.imm(imm);
}

export function lowerAdd(c: Rules, row: number): void {
  if (!lea(c, row)) lowerAlu(c, row);
}

/** x + (y << k), and sums whose operands live on: no copy needed. */
function lea(c: Rules, row: number): boolean {
  const { f, lower } = c;
  const wide = c.is64(row);
  const a = f.a[row];
  const b = f.b[row];
  const ka = shiftOf(c, a);
  const kb = shiftOf(c, b);
  if (ka > 0 && c.isImm32(b)) putLea(c, row, wide, -1, c.int(f.a[a], wide), ka, f.imm[b]);
  else if (kb > 0) putLea(c, row, wide, c.int(a, wide), c.int(f.a[b], wide), kb, 0);
  else if (ka > 0) putLea(c, row, wide, c.int(b, wide), c.int(f.a[a], wide), ka, 0);
  else if (c.isImm32(b) && !c.isConst(a) && !lower.diesHere(a)) {
    putLea(c, row, wide, c.int(a, wide), -1, 0, f.imm[b]);
  } else if (plainSum(c, a, b)) {
    putLea(c, row, wide, c.int(a, wide), c.int(b, wide), 0, 0);
  } else return false;
  return true;
}

/** Two values that both live on, neither a load to be folded. */
function plainSum(c: Rules, a: number, b: number): boolean {
  const { lower } = c;
  if (c.isConst(a) || c.isConst(b) || lower.canFold(a) || lower.canFold(b)) return false;
  return !lower.diesHere(a) && !lower.diesHere(b);
}

/** Shift count 1..3 of a shl that only this row reads, else 0. */
function shiftOf(c: Rules, row: number): number {
  const { f } = c;
  if (f.op[row] !== Op.ISHL || !c.isConst(f.b[row]) || !c.lower.readOnce(row)) return 0;
  const k = f.imm[f.b[row]];
  return k >= 1 && k <= 3 ? k : 0;
}

function putLea(
  c: Rules,
  row: number,
  wide: boolean,
  base: number,
  index: number,
  scale: number,
  disp: number,
): void {
  c.lower.inst(wide ? X.LEA_r64_m : X.LEA_r32_m);
  c.def(row);
  c.setAddress(base, index, scale, disp);
  c.putAddress();
}

export function lowerMul(c: Rules, row: number): void {
  const { f, lower } = c;
  const wide = c.is64(row);
  let a = f.a[row];
  let b = f.b[row];
  if (c.isConst(a)) [a, b] = [b, a];
  if (c.isImm32(b)) {
    const imm = f.imm[b];
    const small = (imm << 24) >> 24 === imm;
    if (imm === 3 || imm === 5 || imm === 9) {
      const v = c.int(a, wide);
      putLea(c, row, wide, v, v, 31 - Math.clz32(imm), 0);
      return;
    }
    c.rmInt(a, wide);
    if (wide) lower.inst(small ? X.IMUL_r64_rm64_imm8 : X.IMUL_r64_rm64_imm32);
    else lower.inst(small ? X.IMUL_r32_rm32_imm8 : X.IMUL_r32_rm32_imm32);
    c.def(row);
    c.putRm();
    lower.imm(imm);
    return;
  }
  if (firstFolds(c, a, b, wide)) [a, b] = [b, a];
  c.rmInt(b, wide);
  lower.inst(wide ? X.IMUL_r64_rm64 : X.IMUL_r32_rm32);
  c.defTied(row, c.int(a, wide));
  c.putRm();
}

/** The imul row of the same factors right before a high product, when something reads it: both come from one instruction. */
function lowProduct(c: Rules, row: number): number {
  const { f, lower } = c;
  const low = f.prev[row];
  if (!lower.inPlace() || low < 0 || f.op[low] !== Op.IMUL || !lower.isNeeded(low)) return NONE;
  const same = f.a[low] === f.a[row] && f.b[low] === f.b[row];
  return same || (f.a[low] === f.b[row] && f.b[low] === f.a[row]) ? low : NONE;
}

/** umulh, smulh, and the low half of the product where it is wanted. */
export function lowerMulHigh(c: Rules, row: number): void {
  const { f, lower } = c;
  const low = lowProduct(c, row);
  const lowVreg = low === NONE ? lower.newVreg(Op.T_I64) : lower.vregOf(low);
  if (low !== NONE) lower.lowered(low);
  const signed = f.op[row] === Op.SMULH;
  let a = f.a[row];
  let b = f.b[row];
  if (c.foldable(a, 8) && !c.foldable(b, 8)) [a, b] = [b, a];
  const x = lower.vregOf(a);
  if (!signed && c.bmi2) {
    c.rmInt(b, true);
    lower.inst(X.MULX_r64_r64_rm64);
    lower.operand(lower.vregOf(row), DEF_REG);
    lower.operand(lowVreg, DEF_REG);
    c.putRm();
    lower.operand(x, useFixed(R.RDX));
    return;
  }
  const y = lower.vregOf(b);
  lower.inst(signed ? X.IMUL_rm64 : X.MUL_rm64);
  lower.operand(y, x === y ? useFixed(R.RAX) : USE_ANY);
  lower.operand(x, useFixed(R.RAX));
  lower.operand(lowVreg, defFixed(R.RAX));
  lower.operand(lower.vregOf(row), defFixed(R.RDX));
}

const USE_LATE = K_USE | P_LATE | C_REG;

export function lowerDiv(c: Rules, row: number): void {
  const { f, lower } = c;
  const op = f.op[row];
  const wide = c.is64(row);
  const signed = op === Op.SDIV || op === Op.SREM;
  const rem = op === Op.SREM || op === Op.UREM;
  const a = c.int(f.a[row], wide);
  const b = c.int(f.b[row], wide);
  const known = c.isConst(f.b[row]);
  const minusOne = known && f.imm[f.b[row]] === -1 && (!wide || f.imm2[f.b[row]] === -1);
  const mayBeMinusOne = signed && (!known || minusOne);
  if (mayBeMinusOne && !rem) {
    lower.inst(P.P_DIV_CHECK);
    c.use(a);
    c.use(b);
    if (wide) lower.aux(P.AUX_64);
  }
  const other = lower.newVreg(f.ty[row]);
  const result = lower.vregOf(row);
  lower.inst(P.P_DIV);
  // The divisor outlives the writes of rax and rdx, unless it is what is in rax.
  lower.operand(b, a === b ? useFixed(R.RAX) : USE_LATE);
  lower.operand(a, useFixed(R.RAX));
  lower.operand(rem ? other : result, defFixed(R.RAX));
  lower.operand(rem ? result : other, defFixed(R.RDX));
  lower.aux((wide ? P.AUX_64 : 0) | (signed ? P.AUX_SIGNED : 0));
  if (rem && mayBeMinusOne) lower.aux(P.AUX_REM);
}

/** Forms of a shift or rotate: by immediate, by cl, BMI2 three-operand (or 0). */
export function lowerShift(c: Rules, row: number): void {
  const { f } = c;
  const wide = c.is64(row);
  const w = wide ? 1 : 0;
  switch (f.op[row]) {
    case Op.ISHL:
      shift(c, row, wide, X.SHL_rm32_imm8 + w, X.SHL_rm32_cl + w, X.SHLX_r32_rm32_r32 + w);
      return;
    case Op.SSHR:
      shift(c, row, wide, X.SAR_rm32_imm8 + w, X.SAR_rm32_cl + w, X.SARX_r32_rm32_r32 + w);
      return;
    case Op.USHR:
      shift(c, row, wide, X.SHR_rm32_imm8 + w, X.SHR_rm32_cl + w, X.SHRX_r32_rm32_r32 + w);
      return;
    case Op.ROTL:
      shift(c, row, wide, X.ROL_rm32_imm8 + w, X.ROL_rm32_cl + w, 0);
      return;
    default:
      shift(c, row, wide, X.ROR_rm32_imm8 + w, X.ROR_rm32_cl + w, 0);
  }
}

function shift(
  c: Rules,
  row: number,
  wide: boolean,
  byImm: number,
  byCl: number,
  bmi: number,
): void {
  const { f, lower } = c;
  const value = f.a[row];
  const count = f.b[row];
  if (c.isConst(count)) {
    const k = f.imm[count] & (wide ? 63 : 31);
    if (!lower.diesHere(value) && shiftInto(c, row, value, k)) return;
    lower.inst(byImm);
    c.defTied(row, c.int(value, wide));
    lower.imm(k);
  } else if (bmi !== 0 && c.bmi2) {
    c.rmInt(value, wide);
    lower.inst(bmi);
    c.def(row);
    c.use(lower.low32Of(count));
    c.putRm();
  } else {
    lower.inst(byCl);
    c.defTied(row, c.int(value, wide));
    lower.operand(lower.low32Of(count), useFixed(R.RCX));
  }
}

/** row := value shifted or rotated by k, in another register, where one instruction can do it. */
function shiftInto(c: Rules, row: number, value: number, k: number): boolean {
  const { f } = c;
  const wide = c.is64(row);
  const op = f.op[row];
  if (op === Op.ISHL && k >= 1 && k <= 3) {
    const v = c.int(value, wide);
    if (k === 1) putLea(c, row, wide, v, v, 0, 0);
    else putLea(c, row, wide, -1, v, k, 0);
    return true;
  }
  if (!c.bmi2 || (op !== Op.ROTL && op !== Op.ROTR)) return false;
  rotateInto(c, row, value, op === Op.ROTL ? k : -k);
  return true;
}

export function lowerClz(c: Rules, row: number): void {
  const wide = c.is64(row);
  if (c.lzcnt) untied(c, row, wide, wide ? X.LZCNT_r64_rm64 : X.LZCNT_r32_rm32);
  else {
    // bsr gives the top bit's number; 2 * width - 1 in its place makes zero come out as the width.
    const bits = wide ? 63 : 31;
    const top = scan(c, row, wide ? X.BSR_r64_rm64 : X.BSR_r32_rm32, bits * 2 + 1);
    c.lower.inst(aluImm(X.XOR_rm8_r8, wide, bits));
    c.defTied(row, top);
    c.lower.imm(bits);
  }
}

export function lowerCtz(c: Rules, row: number): void {
  const wide = c.is64(row);
  if (c.bmi1) {
    untied(c, row, wide, wide ? X.TZCNT_r64_rm64 : X.TZCNT_r32_rm32);
    return;
  }
  const v = scan(c, row, wide ? X.BSF_r64_rm64 : X.BSF_r32_rm32, wide ? 64 : 32);
  move(c, row, v);
}

/** bsf or bsr, with another value when the source is zero. */
function scan(c: Rules, row: number, form: number, whenZero: number): number {
  const ty = c.f.ty[row];
  const wide = c.is64(row);
  const zero = c.iconst(ty, whenZero, 0);
  const found = c.unary(form, ty, c.int(c.f.a[row], wide));
  const v = c.binary(wide ? X.CMOVCC_r64_rm64 : X.CMOVCC_r32_rm32, ty, found, zero);
  c.lower.aux(R.CC_E);
  return v;
}

/** The row's value is another register's: a copy that coalesces. */
function move(c: Rules, row: number, from: number): void {
  const wide = c.is64(row);
  c.lower.inst(wide ? X.MOV_r64_rm64 : X.MOV_r32_rm32);
  c.def(row);
  c.useAny(from);
}

function untied(c: Rules, row: number, wide: boolean, form: number): void {
  c.rmInt(c.f.a[row], wide);
  c.lower.inst(form);
  c.def(row);
  c.putRm();
}

export function lowerPopcnt(c: Rules, row: number): void {
  const wide = c.is64(row);
  if (c.popcnt) untied(c, row, wide, wide ? X.POPCNT_r64_rm64 : X.POPCNT_r32_rm32);
  else countBits(c, row, wide);
}

/** Sums of bits in parallel (H. S. Warren, Hacker's Delight, 5-1). */
function countBits(c: Rules, row: number, wide: boolean): void {
  const ty = c.f.ty[row];
  const w = wide ? 1 : 0;
  const mask = (m: number): number => c.iconst(ty, m, wide ? m : 0);
  const and = X.AND_r32_rm32 + w;
  const add = X.ADD_r32_rm32 + w;
  const shr = X.SHR_rm32_imm8 + w;
  const x = c.int(c.f.a[row], wide);
  const odd = c.binary(and, ty, c.immediate(shr, ty, x, 1), mask(0x55555555));
  const pairs = c.binary(X.SUB_r32_rm32 + w, ty, x, odd);
  const low = c.binary(and, ty, pairs, mask(0x33333333));
  const high = c.binary(and, ty, c.immediate(shr, ty, pairs, 2), mask(0x33333333));
  const nibbles = c.binary(add, ty, low, high);
  const sum = c.binary(add, ty, nibbles, c.immediate(shr, ty, nibbles, 4));
  const bytes = c.binary(and, ty, sum, mask(0x0f0f0f0f));
  const total = c.binary(X.IMUL_r32_rm32 + w, ty, bytes, mask(0x01010101));
  c.lower.inst(shr);
  c.defTied(row, total);
  c.lower.imm(wide ? 56 : 24);
}

/** bswap; from memory in one with movbe would be the same work for the machine, and no shorter. */
export function lowerBswap(c: Rules, row: number): void {
  const wide = c.is64(row);
  const from = c.int(c.f.a[row], wide);
  c.lower.inst(wide ? X.BSWAP_r64 : X.BSWAP_r32);
  c.defTied(row, from);
}

/** sext8, sext16, sext32, sext. */
export function lowerExtend(c: Rules, row: number): void {
  const { f, lower } = c;
  const wide = c.is64(row);
  const op = f.op[row];
  if ((op === Op.SEXT || op === Op.SEXT32) && c.foldable(f.a[row], 4)) c.foldMem(f.a[row]);
  else c.rmValue(lower.low32Of(f.a[row]));
  if (op === Op.SEXT8) lower.inst(wide ? X.MOVSX_r64_rm8 : X.MOVSX_r32_rm8);
  else if (op === Op.SEXT16) lower.inst(wide ? X.MOVSX_r64_rm16 : X.MOVSX_r32_rm16);
  else lower.inst(X.MOVSXD_r64_rm32);
  c.def(row);
  c.putRm();
}

/** wrap where the upper half must really be zero. */
export function lowerWrap(c: Rules, row: number): void {
  const v = c.lower.vregOf(c.f.a[row]);
  c.lower.inst(X.MOV_r32_rm32);
  c.lower.operand(c.lower.vregOf(row), DEF_REG);
  c.useAny(v);
}
