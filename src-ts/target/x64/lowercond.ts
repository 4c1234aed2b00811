/**
 * Conditions: compares fused with their users (branches, selects, traps, setcc).
 *
 * `condition` emits a compare, to be followed directly by the instruction that reads the flags, and returns the condition
 * as cc | COND_* << AUX_COND_SHIFT. Float compares follow SDM Vol. 2, UCOMISD: unordered sets ZF, PF and CF.
 */
import * as Op from '../../gen/ir.ts';
import * as X from '../../gen/x64.ts';
import { DEF_REG, defReuse, TEMP_REG, DEF_REG_EARLY } from '../../mach/vcode.ts';
import { type Rules, typeBytes } from './context.ts';
import { testBit } from './lowerbits.ts';
import * as P from './ops.ts';
import * as R from './regs.ts';

/** Condition codes by integer condition. */
const CC_OF = /* @__PURE__ */ Uint8Array.of(
  ...[R.CC_E, R.CC_NE, R.CC_L, R.CC_GE, R.CC_G, R.CC_LE, R.CC_B, R.CC_AE, R.CC_A, R.CC_BE],
);

const OR_P = P.COND_OR_P << P.AUX_COND_SHIFT;
const AND_NP = P.COND_AND_NP << P.AUX_COND_SHIFT;

/** The opposite condition. */
export function negate(cond: number): number {
  const kind = cond >> P.AUX_COND_SHIFT;
  const flipped = (cond & P.AUX_CC) ^ 1;
  return kind === P.COND_CC ? flipped : flipped | (kind === P.COND_OR_P ? AND_NP : OR_P);
}

/** Emits the compare behind an i32 used as a condition (true when not zero). */
export function condition(c: Rules, row: number): number {
  const { f } = c;
  let inverted = false;
  for (;;) {
    if (f.op[row] !== Op.ICMP || f.imm[row] > Op.ICC_NE || !c.isConst(f.b[row])) break;
    const inner = f.a[row];
    if (f.imm[f.b[row]] !== 0 || (f.op[inner] !== Op.ICMP && f.op[inner] !== Op.FCMP)) break;
    inverted = inverted !== (f.imm[row] === Op.ICC_EQ);
    row = inner;
  }
  const cond = compare(c, row);
  return inverted ? negate(cond) : cond;
}

function compare(c: Rules, row: number): number {
  const { f } = c;
  if (f.op[row] === Op.ICMP) return icmp(c, f.imm[row], f.a[row], f.b[row]);
  if (f.op[row] === Op.FCMP) return fcmp(c, f.imm[row], f.a[row], f.b[row]);
  return notZero(c, row, false);
}

/** Compares for inequality with zero; a single bit may go to the carry flag. */
function notZero(c: Rules, row: number, wide: boolean): number {
  if (c.f.op[row] === Op.IAND && c.lower.usedOnce(row) && testBit(c, row)) return R.CC_B;
  testZero(c, row, wide, true);
  return R.CC_NE;
}

function icmp(c: Rules, icc: number, a: number, b: number): number {
  const { f } = c;
  if (c.isConst(a) && !c.isConst(b)) return icmp(c, Op.ICC_SWAP[icc], b, a);
  const wide = c.is64(a);
  if (c.isImm32(b)) {
    const imm = f.imm[b];
    if (imm === 0 && icc <= Op.ICC_NE) return notZero(c, a, wide) ^ (icc === Op.ICC_EQ ? 1 : 0);
    if (imm === 0 && icc <= Op.ICC_SGE) testZero(c, a, wide, false);
    else if (!narrowCompare(c, icc, a, imm)) compareImm(c, a, wide, imm);
    return CC_OF[icc];
  }
  if (!c.foldable(b, wide ? 8 : 4) && c.foldable(a, wide ? 8 : 4)) {
    c.foldMem(a);
    c.lower.inst(wide ? X.CMP_rm64_r64 : X.CMP_rm32_r32);
    c.use(c.int(b, wide));
    c.putRm();
    return CC_OF[icc];
  }
  c.rmInt(b, wide);
  c.lower.inst(wide ? X.CMP_r64_rm64 : X.CMP_r32_rm32);
  c.use(c.int(a, wide));
  c.putRm();
  return CC_OF[icc];
}

function compareImm(c: Rules, a: number, wide: boolean, imm: number): void {
  const small = (imm << 24) >> 24 === imm;
  c.rmInt(a, wide);
  if (wide) c.lower.inst(small ? X.CMP_rm64_imm8 : X.CMP_rm64_imm32);
  else c.lower.inst(small ? X.CMP_rm32_imm8 : X.CMP_rm32_imm32);
  c.putRm();
  c.lower.imm(imm);
}

/** A byte in memory against a constant, unsigned or for equality. */
function narrowCompare(c: Rules, icc: number, a: number, imm: number): boolean {
  if (c.f.op[a] !== Op.LOAD8_U || imm < 0 || imm > 255) return false;
  if (icc > Op.ICC_NE && icc < Op.ICC_ULT) return false;
  if (!c.lower.canFold(a)) return false;
  c.foldMem(a);
  c.lower.inst(X.CMP_rm8_imm8);
  c.putRm();
  c.lower.imm(imm);
  return true;
}

/** Flags of a value against zero; folds an `and` nobody else reads. */
function testZero(c: Rules, row: number, wide: boolean, equality: boolean): void {
  const { f, lower } = c;
  wide = wide || c.is64(row);
  if (f.op[row] === Op.IAND && lower.usedOnce(row)) {
    testAnd(c, f.a[row], f.b[row], wide);
    return;
  }
  if (equality && f.op[row] === Op.LOAD8_U && lower.canFold(row)) {
    c.foldMem(row);
    lower.inst(X.CMP_rm8_imm8);
    c.putRm();
    return;
  }
  if (c.foldable(row, wide ? 8 : 4)) {
    c.foldMem(row);
    lower.inst(wide ? X.CMP_rm64_imm8 : X.CMP_rm32_imm8);
    c.putRm();
    return;
  }
  const v = c.int(row, wide);
  lower.inst(wide ? X.TEST_rm64_r64 : X.TEST_rm32_r32);
  c.use(v);
  c.use(v);
}

function testAnd(c: Rules, a: number, b: number, wide: boolean): void {
  const { f, lower } = c;
  if (c.isImm32(b)) {
    const imm = f.imm[b];
    // The 32-bit form reads enough when the mask has no bit above.
    const narrow = !wide || imm >= 0;
    const v = wide ? lower.vregOf(a) : lower.low32Of(a);
    lower.inst(narrow ? X.TEST_rm32_imm32 : X.TEST_rm64_imm32);
    c.useAny(v);
    lower.imm(imm);
    return;
  }
  const v = c.int(a, wide);
  const w = c.int(b, wide);
  lower.inst(wide ? X.TEST_rm64_r64 : X.TEST_rm32_r32);
  c.useAny(v);
  c.use(w);
}

function fcmp(c: Rules, fcc: number, a: number, b: number): number {
  // Only "above" conditions are false on unordered operands: less-than swaps.
  if (fcc === Op.FCC_LT || fcc === Op.FCC_LE) [a, b] = [b, a];
  const double = c.f.ty[a] === Op.T_F64;
  c.rmFloat(b);
  if (c.avx) c.lower.inst(double ? X.VUCOMISD_xmm_xm64 : X.VUCOMISS_xmm_xm32);
  else c.lower.inst(double ? X.UCOMISD_xmm_xm64 : X.UCOMISS_xmm_xm32);
  c.use(c.lower.vregOf(a));
  c.putRm();
  if (fcc === Op.FCC_EQ) return R.CC_E | AND_NP;
  if (fcc === Op.FCC_NE) return R.CC_NE | OR_P;
  return fcc === Op.FCC_LT || fcc === Op.FCC_GT ? R.CC_A : R.CC_AE;
}

/** icmp and fcmp whose value itself is wanted. */
export function lowerSetcc(c: Rules, row: number): void {
  const cond = condition(c, row);
  c.lower.inst(P.P_SETCC);
  if (cond >> P.AUX_COND_SHIFT === P.COND_CC) c.lower.operand(c.lower.vregOf(row), DEF_REG);
  else {
    c.lower.operand(c.lower.vregOf(row), DEF_REG_EARLY);
    c.lower.operand(c.lower.newVreg(Op.T_I32), TEMP_REG);
  }
  c.lower.aux(cond);
}

export function lowerSelect(c: Rules, row: number): void {
  const { f, lower } = c;
  const ty = f.ty[row];
  const float = ty === Op.T_F32 || ty === Op.T_F64 || ty === Op.T_V128;
  // The value that lives on had better not be the one overwritten.
  const swap = lower.livesOn(f.c[row]) && lower.diesHere(f.b[row]);
  let yes = lower.vregOf(f.b[row]);
  let no = lower.vregOf(f.c[row]);
  let cond = condition(c, f.a[row]);
  if (
    cond >> P.AUX_COND_SHIFT === P.COND_AND_NP ||
    (swap && cond >> P.AUX_COND_SHIFT === P.COND_CC)
  ) {
    cond = negate(cond);
    [yes, no] = [no, yes];
  }
  if (float) {
    lower.inst(P.P_FSELECT);
    c.defTied(row, no);
    if (ty === Op.T_V128) c.use(yes);
    else c.useAny(yes);
    lower.aux(cond | (typeBytes(ty) === 4 ? 0 : P.AUX_F64));
    return;
  }
  const form = ty === Op.T_I32 ? X.CMOVCC_r32_rm32 : X.CMOVCC_r64_rm64;
  if (cond >> P.AUX_COND_SHIFT === P.COND_OR_P) {
    const first = lower.newVreg(ty);
    lower.inst(form);
    lower.operand(first, defReuse(1));
    c.use(no);
    c.useAny(yes);
    lower.aux(cond & P.AUX_CC);
    no = first;
    cond = R.CC_P;
  }
  lower.inst(form);
  c.defTied(row, no);
  c.useAny(yes);
  lower.aux(cond);
}

export function lowerTrapIf(c: Rules, row: number): void {
  const cond = condition(c, c.f.a[row]);
  c.lower.inst(P.P_TRAPIF);
  c.lower.aux(cond);
  c.lower.imm(c.f.imm[row]);
}

export function lowerSigCheck(c: Rules, row: number): void {
  const { f, lower } = c;
  const found = lower.low32Of(f.a[row]);
  c.rmInt(f.b[row], false);
  lower.inst(X.CMP_r32_rm32);
  c.use(found);
  c.putRm();
  lower.inst(P.P_SIGCHECK);
  c.use(found);
}

/** bound: zext(a) + imm <= b without wrap-around, else a trap. */
export function lowerBound(c: Rules, row: number): void {
  const { f, lower } = c;
  const wide = c.is64(f.a[row]);
  const a = lower.vregOf(f.a[row]);
  const lo = f.imm[row];
  const near = f.imm2[row] === 0 && lo >= 0;
  let end: number;
  if (near && lo === 0) end = a;
  else if (near && !wide) {
    // A 32-bit index plus 31 bits can not wrap around 64.
    end = lower.newVreg(Op.T_I64);
    lower.inst(X.LEA_r64_m);
    lower.operand(end, DEF_REG);
    c.setAddress(a, -1, 0, lo);
    c.putAddress();
  } else {
    const size = c.iconst(Op.T_I64, lo, f.imm2[row]);
    end = c.binary(X.ADD_r64_rm64, Op.T_I64, size, a);
    trapWhen(c, R.CC_B);
  }
  c.rmInt(f.b[row], true);
  lower.inst(X.CMP_r64_rm64);
  c.use(end);
  c.putRm();
  trapWhen(c, R.CC_A);
}

function trapWhen(c: Rules, cc: number): void {
  c.lower.inst(P.P_TRAPIF);
  c.lower.aux(cc);
  c.lower.imm(Op.TRAP_MEMORY_OOB);
}
