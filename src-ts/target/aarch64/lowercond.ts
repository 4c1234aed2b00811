/**
 * Conditions: compares fused with their users (branches, selects, traps, cset).
 *
 * `flags` emits a compare, to be followed directly by the instruction that reads the flags, and returns the condition.
 * `test` may do without: branches and traps can look at a register or a bit themselves.
 */
import * as A from '../../gen/aarch64.ts';
import * as Op from '../../gen/ir.ts';
import { DEF_REG, NO_VREG } from '../../mach/vcode.ts';
import { bug } from '../../util/bug.ts';
import type { Rules } from './context.ts';
import * as P from './ops.ts';
import * as R from './regs.ts';

/** Conditions by integer condition. */
const CC_OF = /* @__PURE__ */ Uint8Array.of(
  ...[R.CC_EQ, R.CC_NE, R.CC_LT, R.CC_GE, R.CC_GT, R.CC_LE, R.CC_LO, R.CC_HS, R.CC_HI, R.CC_LS],
);
/** Conditions by float condition: false on unordered operands, but for ne. */
const CC_OF_FLOAT = /* @__PURE__ */ Uint8Array.of(
  ...[R.CC_EQ, R.CC_NE, R.CC_MI, R.CC_GT, R.CC_LS, R.CC_GE],
);
/** NZCV (N is bit 3) under which a condition holds, for EQ … LE. */
const HOLDS = /* @__PURE__ */ Uint8Array.of(4, 0, 2, 0, 8, 0, 1, 0, 2, 0, 0, 8, 0, 4);

/** How deep nested conjunctions become conditional compares. */
const CHAIN = 6;

// What `test` found: a condition of the flags, or a register against zero, or a bit of it.
let testVreg = NO_VREG;

/** Looks through comparisons with zero of a truth value. Returns the row found, negated when `inverted` says so. */
let inverted = false;
function stripNot(c: Rules, row: number): number {
  const { f } = c;
  inverted = false;
  while (f.op[row] === Op.ICMP && f.imm[row] <= Op.ICC_NE && c.isZero(f.b[row])) {
    const inner = f.a[row];
    if (!isTruth(c, inner)) break;
    inverted = inverted !== (f.imm[row] === Op.ICC_EQ);
    row = inner;
  }
  return row;
}

function isTruth(c: Rules, row: number): boolean {
  return c.f.op[row] === Op.ICMP || c.f.op[row] === Op.FCMP || isChain(c, row);
}

/** A conjunction or disjunction of compares that only the row being lowered reads. */
function isChain(c: Rules, row: number): boolean {
  const { f, lower } = c;
  const op = f.op[row];
  if ((op !== Op.IAND && op !== Op.IOR) || f.ty[row] !== Op.T_I32) return false;
  if (!lower.usedOnce(row) || lower.isNeeded(row)) return false;
  const b = f.op[f.b[row]];
  if (b !== Op.ICMP && b !== Op.FCMP) return false;
  for (let a = f.a[row], depth = 0; depth < CHAIN; depth++, a = f.a[a]) {
    const inner = f.op[a];
    if (inner === Op.ICMP || inner === Op.FCMP) return true;
    if ((inner !== Op.IAND && inner !== Op.IOR) || !lower.usedOnce(a) || lower.isNeeded(a)) break;
    const second = f.op[f.b[a]];
    if (second !== Op.ICMP && second !== Op.FCMP) break;
  }
  return false;
}

/** Emits the compare behind an i32 used as a condition (true when not zero) by row `at`; returns the condition. */
export function flags(c: Rules, row: number, at: number): number {
  row = stripNot(c, row);
  const flip = inverted ? 1 : 0;
  return compare(c, row, at) ^ flip;
}

/** Recursion: at most CHAIN deep. */
function compare(c: Rules, row: number, at: number): number {
  const { f } = c;
  if (f.op[row] === Op.ICMP) return icmp(c, f.imm[row], f.a[row], f.b[row], at);
  if (f.op[row] === Op.FCMP) return fcmp(c, f.imm[row], f.a[row], f.b[row]);
  if (isChain(c, row)) {
    const and = f.op[row] === Op.IAND;
    const first = compare(c, f.a[row], at);
    return conditional(c, f.b[row], and ? first : R.negateCc(first), and);
  }
  testZero(c, row, false);
  return R.CC_NE;
}

/** Compares if `when` holds; else the flags make an `and` false, an `or` true. Returns the condition. */
function conditional(c: Rules, row: number, when: number, and: boolean): number {
  const { f, lower } = c;
  let a = f.a[row];
  let b = f.b[row];
  let cc: number;
  if (f.op[row] === Op.FCMP) {
    cc = CC_OF_FLOAT[f.imm[row]];
    const x = lower.vregOf(a);
    const y = lower.vregOf(b);
    lower.inst(f.ty[a] === Op.T_F64 ? A.FCCMP_d : A.FCCMP_s);
    c.use(x);
    c.use(y);
  } else {
    let icc = f.imm[row];
    if (c.isConst(a)) {
      [a, b] = [b, a];
      icc = Op.ICC_SWAP[icc];
    }
    cc = CC_OF[icc];
    conditionalInt(c, a, b);
  }
  lower.imm2(HOLDS[and ? R.negateCc(cc) : cc]);
  lower.aux(when);
  return cc;
}

function conditionalInt(c: Rules, a: number, b: number): void {
  const { lower } = c;
  const wide = c.is64(a);
  const w = wide ? 1 : 0;
  const x = c.int(a, wide);
  const k = c.constant(b);
  if (Math.abs(k) <= 31) {
    lower.inst((k < 0 ? A.CCMN_w_imm : A.CCMP_w_imm) + w);
    c.use(x);
    lower.imm(Math.abs(k));
    return;
  }
  const y = c.int(b, wide);
  lower.inst(A.CCMP_w + w);
  c.use(x);
  c.use(y);
}

function icmp(c: Rules, icc: number, a: number, b: number, at: number): number {
  if (c.isConst(a) && !c.isConst(b)) return icmp(c, Op.ICC_SWAP[icc], b, a, at);
  const { lower } = c;
  const wide = c.is64(a);
  const w = wide ? 1 : 0;
  if (c.isZero(b) && icc <= Op.ICC_SLE) testZero(c, a, wide);
  else if (c.isAddConst(b)) {
    const k = c.constant(b);
    const x = c.int(a, wide);
    lower.inst((k < 0 ? A.ADDS_w_imm : A.SUBS_w_imm) + w);
    c.use(NO_VREG);
    c.use(x);
    lower.imm(Math.abs(k));
  } else if (wide && c.matchExtend(b, at)) {
    const { operand, kind, amount } = c;
    subs(c, A.SUBS_x_ext, lower.vregOf(a), lower.low32Of(operand), kind, amount);
  } else if (c.matchShift(b, at, false)) {
    const { operand, kind, amount } = c;
    subs(c, A.SUBS_w_sh + w, c.int(a, wide), c.int(operand, wide), kind, amount);
  } else subs(c, A.SUBS_w_sh + w, c.int(a, wide), c.int(b, wide), 0, 0);
  return CC_OF[icc];
}

function subs(c: Rules, form: number, a: number, b: number, kind: number, amount: number): void {
  c.lower.inst(form);
  c.use(NO_VREG);
  c.use(a);
  c.use(b);
  c.lower.imm(amount);
  c.lower.aux(kind << P.AUX_KIND_SHIFT);
}

/** Flags of a value against zero, good for eq, ne and the signed conditions; does an `and` nobody else reads. */
function testZero(c: Rules, row: number, wide: boolean): void {
  const { f, lower } = c;
  wide = wide || c.is64(row);
  const w = wide ? 1 : 0;
  if (f.op[row] === Op.IAND && lower.usedOnce(row) && !lower.isNeeded(row)) {
    let a = f.a[row];
    let b = f.b[row];
    if (c.isConst(a)) [a, b] = [b, a];
    const x = c.int(a, wide);
    if (c.isLogicalConst(b)) {
      lower.inst(A.ANDS_w_imm + w);
      c.use(NO_VREG);
      c.use(x);
      lower.imm(f.imm[b]);
      lower.imm2(wide ? f.imm2[b] : 0);
    } else subs(c, A.ANDS_w_sh + w, x, c.int(b, wide), 0, 0);
    return;
  }
  const v = c.int(row, wide);
  lower.inst(A.SUBS_w_imm + w);
  c.use(NO_VREG);
  c.use(v);
}

function fcmp(c: Rules, fcc: number, a: number, b: number): number {
  const { f, lower } = c;
  const double = f.ty[a] === Op.T_F64;
  // Only +0: the instruction's zero, but -0 compares the same.
  const zero = f.op[b] === Op.FCONST && f.imm[b] === 0 && (!double || f.imm2[b] === 0);
  const x = lower.vregOf(a);
  if (zero) {
    lower.inst(double ? A.FCMP_d_zero : A.FCMP_s_zero);
    c.use(x);
  } else {
    const y = lower.vregOf(b);
    lower.inst(double ? A.FCMP_d : A.FCMP_s);
    c.use(x);
    c.use(y);
  }
  return CC_OF_FLOAT[fcc];
}

/**
 * Prepares a branch or trap when an i32 is not zero, with or without a compare. Returns its kind (BR_*); what register it
 * looks at is in `testVreg`.
 */
function test(c: Rules, row: number, at: number): number {
  const { f } = c;
  row = stripNot(c, row);
  const negate = inverted ? P.BR_NEGATE : 0;
  testVreg = NO_VREG;
  if (f.op[row] === Op.ICMP && c.isZero(f.b[row]) && f.imm[row] <= Op.ICC_SGE) {
    const a = f.a[row];
    const wide = c.is64(a);
    if (f.imm[row] > Op.ICC_NE) return testBit(c, a, wide, wide ? 63 : 31, f.imm[row]) ^ negate;
    return nonZero(c, a, wide) ^ (f.imm[row] === Op.ICC_EQ ? P.BR_NEGATE : 0) ^ negate;
  }
  if (!isTruth(c, row)) return nonZero(c, row, c.is64(row)) ^ negate;
  return (P.BR_FLAGS | (compare(c, row, at) << P.BR_CC_SHIFT)) ^ negate;
}

/** By the sign bit: slt and sge against zero. */
function testBit(c: Rules, row: number, wide: boolean, bit: number, icc: number): number {
  testVreg = c.int(row, wide);
  return P.BR_BIT | (bit << P.BR_BIT_SHIFT) | (icc === Op.ICC_SLT ? P.BR_NEGATE : 0);
}

/** When a value is not zero: of an `and` nobody else reads, its bits. */
function nonZero(c: Rules, row: number, wide: boolean): number {
  const { f, lower } = c;
  if (f.op[row] !== Op.IAND || !lower.usedOnce(row) || lower.isNeeded(row)) {
    testVreg = c.int(row, wide);
    return P.BR_ZERO | P.BR_NEGATE | (wide ? P.BR_64 : 0);
  }
  const k = c.isConst(f.b[row]) ? singleBit(c, f.b[row]) : -1;
  if (k < 0) {
    testZero(c, row, wide);
    return P.BR_FLAGS | (R.CC_NE << P.BR_CC_SHIFT);
  }
  let tested = f.a[row];
  let bit = k;
  if (f.op[tested] === Op.USHR && c.isConst(f.b[tested]) && c.absorbs(tested, row)) {
    const moved = k + c.countOf(tested);
    if (moved < (c.is64(tested) ? 64 : 32)) {
      tested = f.a[tested];
      bit = moved;
    }
  }
  testVreg = c.int(tested, wide);
  return P.BR_BIT | P.BR_NEGATE | (bit << P.BR_BIT_SHIFT);
}

/** Number of the only bit set in a constant, else -1. */
function singleBit(c: Rules, row: number): number {
  const lo = c.f.imm[row];
  const hi = c.is64(row) ? c.f.imm2[row] : 0;
  if (hi === 0) return lo !== 0 && (lo & (lo - 1)) === 0 ? 31 - Math.clz32(lo) : -1;
  return lo === 0 && (hi & (hi - 1)) === 0 ? 63 - Math.clz32(hi) : -1;
}

/** Starts instruction `op`, which acts when the i32 `row` is not zero. */
export function onCondition(c: Rules, op: number, row: number, at: number): void {
  const kind = test(c, row, at);
  const v = testVreg;
  c.lower.inst(op);
  if ((kind & 3) !== P.BR_FLAGS) c.use(v);
  c.lower.aux(kind);
}

/** icmp and fcmp whose value itself is wanted. */
export function lowerSetcc(c: Rules, row: number): void {
  cset(c, row, A.CSINC_w, flags(c, row, row));
}

/** row := cc ? 1 (csinc) or -1 (csinv) : 0. */
function cset(c: Rules, row: number, form: number, cc: number): void {
  c.lower.inst(form);
  c.def(row);
  c.use(NO_VREG);
  c.use(NO_VREG);
  c.lower.aux(R.negateCc(cc));
}

export function lowerSelect(c: Rules, row: number): void {
  const { f, lower } = c;
  const ty = f.ty[row];
  if (ty === Op.T_V128) bug('aarch64 rules', 'select of vectors');
  if (ty !== Op.T_F32 && ty !== Op.T_F64) {
    selectInt(c, row);
    return;
  }
  const yes = lower.vregOf(f.b[row]);
  const no = lower.vregOf(f.c[row]);
  const cc = flags(c, f.a[row], row);
  lower.inst(ty === Op.T_F64 ? A.FCSEL_d : A.FCSEL_s);
  c.def(row);
  c.use(yes);
  c.use(no);
  lower.aux(cc);
}

function selectInt(c: Rules, row: number): void {
  const { f } = c;
  const wide = c.is64(row);
  const w = wide ? 1 : 0;
  const yes = c.constant(f.b[row]);
  const no = c.constant(f.c[row]);
  const one = yes === 1 || no === 1;
  if ((one || yes === -1 || no === -1) && (yes === 0 || no === 0)) {
    const cc = flags(c, f.a[row], row);
    cset(c, row, (one ? A.CSINC_w : A.CSINV_w) + w, no === 0 ? cc : R.negateCc(cc));
    return;
  }
  const form = otherForm(c, f.c[row], row);
  if (form !== 0) choose(c, row, form + w, f.b[row], changed, false);
  else {
    const swapped = otherForm(c, f.b[row], row);
    if (swapped !== 0) choose(c, row, swapped + w, f.c[row], changed, true);
    else choose(c, row, A.CSEL_w + w, f.b[row], f.c[row], false);
  }
}

function choose(c: Rules, row: number, form: number, a: number, b: number, negated: boolean): void {
  const wide = c.is64(row);
  const x = c.intOrZero(a, wide);
  const y = c.intOrZero(b, wide);
  const cc = flags(c, c.f.a[row], row);
  c.lower.inst(form);
  c.def(row);
  c.use(x);
  c.use(y);
  c.lower.aux(negated ? R.negateCc(cc) : cc);
}

/** The form of a select that does x + 1, ~x or -x of its other operand x, found in `changed`; else 0. */
let changed = 0;
function otherForm(c: Rules, row: number, at: number): number {
  const { f } = c;
  const op = f.op[row];
  if (op !== Op.IADD && op !== Op.IXOR && op !== Op.ISUB) return 0;
  if (!c.absorbs(row, at)) return 0;
  changed = f.a[row];
  if (op === Op.IADD && c.constant(f.b[row]) === 1) return A.CSINC_w;
  if (op === Op.IXOR && c.constant(f.b[row]) === -1) return A.CSINV_w;
  if (op === Op.ISUB && c.isZero(f.a[row])) {
    changed = f.b[row];
    return A.CSNEG_w;
  }
  return 0;
}

export function lowerTrapIf(c: Rules, row: number): void {
  onCondition(c, P.P_TRAPIF, c.f.a[row], row);
  c.lower.imm(c.f.imm[row]);
}

export function lowerSigCheck(c: Rules, row: number): void {
  const { f, lower } = c;
  const found = lower.low32Of(f.a[row]);
  subs(c, A.SUBS_w_sh, found, lower.low32Of(f.b[row]), 0, 0);
  lower.inst(P.P_SIGCHECK);
  c.use(found);
}

/** bound: zext(a) + imm <= b without wrap-around, else a trap. */
export function lowerBound(c: Rules, row: number): void {
  const { f, lower } = c;
  const a = lower.vregOf(f.a[row]);
  const limit = lower.vregOf(f.b[row]);
  const size = f.imm2[row] * 0x1_0000_0000 + (f.imm[row] >>> 0);
  // A 32-bit index plus a small size can not wrap around 64.
  const near = !c.is64(f.a[row]) && f.imm2[row] >= 0 && f.imm2[row] < 0x10000;
  const end = size === 0 ? a : lower.newVreg(Op.T_I64);
  if (size === 0) {
    // The index itself.
  } else if (near && size <= 0xfff) {
    lower.inst(A.ADD_x_imm);
    lower.operand(end, DEF_REG);
    c.use(a);
    lower.imm(size);
  } else {
    const k = c.iconst(Op.T_I64, f.imm[row], f.imm2[row]);
    lower.inst(near ? A.ADD_x_sh : A.ADDS_x_sh);
    lower.operand(end, DEF_REG);
    c.use(a);
    c.use(k);
    if (!near) trapWhen(c, R.CC_HS);
  }
  subs(c, A.SUBS_x_sh, end, limit, 0, 0);
  trapWhen(c, R.CC_HI);
}

function trapWhen(c: Rules, cc: number): void {
  c.lower.inst(P.P_TRAPIF);
  c.lower.aux(P.BR_FLAGS | (cc << P.BR_CC_SHIFT));
  c.lower.imm(Op.TRAP_MEMORY_OOB);
}
