/**
 * Rules for operations on single bits and on the lowest bit set: BMI1, the `bt` family, `not` and `neg`. Each answers
 * whether it lowered the row. SDM Vol. 2.
 *
 * An operand row is absorbed only while nobody else asked for its value: walking backwards, every other reader that is
 * still to come absorbs it too or computes it before. What it reads is taken in registers, never as a folded load.
 */
import * as Op from '../../gen/ir.ts';
import * as X from '../../gen/x64.ts';
import type { Rules } from './context.ts';

/** The constant number of bits a shift row shifts by; -1: not known. */
function countOf(c: Rules, row: number): number {
  const { f } = c;
  return c.isConst(f.b[row]) ? f.imm[f.b[row]] & (c.is64(row) ? 63 : 31) : -1;
}

function isK(c: Rules, row: number, k: number): boolean {
  const { f } = c;
  return c.isConst(row) && f.imm[row] === k && (!c.is64(row) || f.imm2[row] === k >> 31);
}

/** Whether a row is x ^ -1. */
export function isNot(c: Rules, row: number): boolean {
  return c.f.op[row] === Op.IXOR && isK(c, c.f.b[row], -1);
}

/** Number of the only bit set in a constant, else -1. */
export function singleBit(c: Rules, row: number): number {
  if (!c.isConst(row)) return -1;
  const lo = c.f.imm[row];
  const hi = c.is64(row) ? c.f.imm2[row] : 0;
  if (hi === 0) return lo !== 0 && (lo & (lo - 1)) === 0 ? 31 - Math.clz32(lo) : -1;
  return lo === 0 && (hi & (hi - 1)) === 0 ? 63 - Math.clz32(hi) : -1;
}

/** The row n of 1 << n, variable, that the row being lowered absorbs; else -1. */
function shiftedOne(c: Rules, row: number): number {
  const { f } = c;
  if (f.op[row] !== Op.ISHL || c.lower.isNeeded(row) || !isK(c, f.a[row], 1)) return -1;
  return c.isConst(f.b[row]) ? -1 : f.b[row];
}

/** The row n of ~(1 << n), written so or as -2 rotated left by n; else -1. */
function shiftedZero(c: Rules, row: number): number {
  const { f, lower } = c;
  if (lower.isNeeded(row)) return -1;
  if (isNot(c, row)) return shiftedOne(c, f.a[row]);
  if (f.op[row] !== Op.ROTL || !isK(c, f.a[row], -2) || c.isConst(f.b[row])) return -1;
  return f.b[row];
}

/** row := form(x, n), two-address; forms for a 32-bit register, a 64-bit one, by register. */
function bitBy(c: Rules, row: number, form: number, x: number, n: number): boolean {
  const wide = c.is64(row);
  const value = c.int(x, wide);
  c.lower.inst(form + (wide ? 1 : 0));
  c.defTied(row, value);
  c.use(c.lower.low32Of(n));
  return true;
}

/** row := form(x, bit), for bits that no immediate of a plain operation reaches. */
function bitAt(c: Rules, row: number, form: number, bit: number): boolean {
  const from = c.int(c.f.a[row], true);
  c.lower.inst(form);
  c.defTied(row, from);
  c.lower.imm(bit);
  return true;
}

/** ~x & y, x & (x - 1), x & -x, x & ~(1 << n). */
export function lowerAndBits(c: Rules, row: number): boolean {
  const { f } = c;
  const a = f.a[row];
  const b = f.b[row];
  if (c.isConst(b)) return false;
  const n = shiftedZero(c, b);
  if (n >= 0) return bitBy(c, row, X.BTR_r32_r32, a, n);
  const m = shiftedZero(c, a);
  if (m >= 0) return bitBy(c, row, X.BTR_r32_r32, b, m);
  return c.bmi1 && (andNot(c, row, a, b) || andNot(c, row, b, a) || lowest(c, row));
}

/** row := x & ~y. */
function andNot(c: Rules, row: number, x: number, not: number): boolean {
  const { f, lower } = c;
  if (!isNot(c, not) || lower.isNeeded(not)) return false;
  const wide = c.is64(row);
  const inverted = c.int(f.a[not], wide);
  c.rmInt(x, wide);
  lower.inst(wide ? X.ANDN_r64_r64_rm64 : X.ANDN_r32_r32_rm32);
  c.def(row);
  c.use(inverted);
  c.putRm();
  return true;
}

/** x & (x - 1) and x & -x. */
function lowest(c: Rules, row: number): boolean {
  const { f } = c;
  const a = f.a[row];
  const b = f.b[row];
  if (isBefore(c, b, a)) return ofLowest(c, row, X.BLSR_r32_rm32, a);
  if (isBefore(c, a, b)) return ofLowest(c, row, X.BLSR_r32_rm32, b);
  if (isNegated(c, b, a)) return ofLowest(c, row, X.BLSI_r32_rm32, a);
  if (isNegated(c, a, b)) return ofLowest(c, row, X.BLSI_r32_rm32, b);
  return false;
}

/** Whether a row is x - 1, and nobody asked for it. */
function isBefore(c: Rules, row: number, x: number): boolean {
  const { f } = c;
  if (f.op[row] !== Op.IADD || f.a[row] !== x || !isK(c, f.b[row], -1)) return false;
  return !c.lower.isNeeded(row);
}

function isNegated(c: Rules, row: number, x: number): boolean {
  const { f } = c;
  if (f.op[row] !== Op.ISUB || f.b[row] !== x || !isK(c, f.a[row], 0)) return false;
  return !c.lower.isNeeded(row);
}

function ofLowest(c: Rules, row: number, form: number, x: number): boolean {
  const wide = c.is64(row);
  const from = c.int(x, wide);
  c.lower.inst(form + (wide ? 1 : 0));
  c.def(row);
  c.useAny(from);
  return true;
}

/** x | 1 << n. */
export function lowerOrBits(c: Rules, row: number): boolean {
  return oneBit(c, row, X.BTS_r32_r32, X.BTS_rm64_imm8);
}

/** ~x, x ^ 1 << n, x ^ (x - 1). */
export function lowerXorBits(c: Rules, row: number): boolean {
  const { f } = c;
  const a = f.a[row];
  const b = f.b[row];
  if (isNot(c, row)) return complement(c, row, X.NOT_rm32, a);
  if (oneBit(c, row, X.BTC_r32_r32, X.BTC_rm64_imm8)) return true;
  if (!c.bmi1) return false;
  if (isBefore(c, b, a)) return ofLowest(c, row, X.BLSMSK_r32_rm32, a);
  return isBefore(c, a, b) && ofLowest(c, row, X.BLSMSK_r32_rm32, b);
}

function oneBit(c: Rules, row: number, byRegister: number, byImm: number): boolean {
  const { f } = c;
  const a = f.a[row];
  const b = f.b[row];
  if (c.isConst(b)) {
    const bit = c.is64(row) && !c.isImm32(b) ? singleBit(c, b) : -1;
    return bit >= 0 && bitAt(c, row, byImm, bit);
  }
  const n = shiftedOne(c, b);
  if (n >= 0) return bitBy(c, row, byRegister, a, n);
  const m = shiftedOne(c, a);
  return m >= 0 && bitBy(c, row, byRegister, b, m);
}

/** 0 - x. */
export function lowerNegate(c: Rules, row: number): boolean {
  return isK(c, c.f.a[row], 0) && complement(c, row, X.NEG_rm32, c.f.b[row]);
}

function complement(c: Rules, row: number, form: number, x: number): boolean {
  const wide = c.is64(row);
  const from = c.int(x, wide);
  c.lower.inst(form + (wide ? 1 : 0));
  c.defTied(row, from);
  return true;
}

/**
 * Copies bit n of x, the only one that the `and` row `and` keeps, into the carry flag: x & 1 << n, x >> n & 1, and
 * single bits that no immediate reaches. The row must not be needed.
 */
export function testBit(c: Rules, and: number): boolean {
  const { f } = c;
  const a = f.a[and];
  const b = f.b[and];
  if (c.isConst(b)) {
    if (isK(c, b, 1)) return testShifted(c, a);
    const bit = c.is64(and) && !c.isImm32(b) ? singleBit(c, b) : -1;
    return bit >= 0 && bitTestImm(c, a, bit);
  }
  const n = shiftedOne(c, b);
  if (n >= 0) return bitTest(c, a, n, c.is64(and));
  const m = shiftedOne(c, a);
  return m >= 0 && bitTest(c, b, m, c.is64(and));
}

/** x >> n & 1, the shift perhaps of 64 bits and wrapped. */
function testShifted(c: Rules, row: number): boolean {
  const { f, lower } = c;
  while (f.op[row] === Op.WRAP || f.op[row] === Op.ZEXT) {
    if (lower.isNeeded(row)) return false;
    row = f.a[row];
  }
  if ((f.op[row] !== Op.USHR && f.op[row] !== Op.SSHR) || lower.isNeeded(row)) return false;
  const k = countOf(c, row);
  if (k < 0) return bitTest(c, f.a[row], f.b[row], c.is64(row));
  return bitTestImm(c, f.a[row], k);
}

function bitTest(c: Rules, x: number, n: number, wide: boolean): boolean {
  const value = c.int(x, wide);
  const bit = c.lower.low32Of(n);
  c.lower.inst(wide ? X.BT_r64_r64 : X.BT_r32_r32);
  c.use(value);
  c.use(bit);
  return true;
}

function bitTestImm(c: Rules, x: number, bit: number): boolean {
  const wide = bit > 31;
  const value = c.int(x, wide);
  c.lower.inst(wide ? X.BT_rm64_imm8 : X.BT_rm32_imm8);
  c.use(value);
  c.lower.imm(bit);
  return true;
}

/** row := x rotated left by k, when x lives on: no copy. */
export function rotateInto(c: Rules, row: number, x: number, k: number): void {
  const wide = c.is64(row);
  const bits = wide ? 64 : 32;
  c.rmInt(x, wide);
  c.lower.inst(wide ? X.RORX_r64_rm64_imm8 : X.RORX_r32_rm32_imm8);
  c.def(row);
  c.putRm();
  c.lower.imm((bits - k) & (bits - 1));
}
