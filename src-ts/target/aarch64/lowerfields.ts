/** Rules for disjunctions of fields: extr of two registers, insertion of a field of one into another (bfi, bfxil). */
import * as A from '../../gen/aarch64.ts';
import * as Op from '../../gen/ir.ts';
import { defReuse } from '../../mach/vcode.ts';
import type { Rules } from './context.ts';

/** Shift count of a shift by a constant that the row `at` absorbs, else -1. */
function shiftBy(c: Rules, row: number, op: number, at: number): number {
  const { f } = c;
  return f.op[row] === op && c.isConst(f.b[row]) && c.absorbs(row, at) ? c.countOf(row) : -1;
}

// The field found: bits low .. low + count - 1 of the result are those of `fieldOf` from `from` on.
let fieldOf = 0;
let from = 0;
let low = 0;
let count = 0;

/** Whether a constant has all bits but those of the field. */
function isRest(c: Rules, row: number, wide: boolean): boolean {
  const { f } = c;
  if (!c.isConst(row)) return false;
  const half = (bit: number): number => {
    const first = Math.max(0, Math.min(32, low - bit));
    const end = Math.max(0, Math.min(32, low + count - bit));
    return end === first ? -1 : ~((end - first === 32 ? -1 : (1 << (end - first)) - 1) << first);
  };
  return f.imm[row] === half(0) && (!wide || f.imm2[row] === half(32));
}

/** Number of ones when a constant is a run of them from bit 0, else 0. */
export function lowMask(c: Rules, row: number): number {
  const { f } = c;
  if (!c.isConst(row)) return 0;
  const lo = f.imm[row];
  const hi = c.is64(row) ? f.imm2[row] : 0;
  if (hi === 0) return (lo & (lo + 1)) === 0 && lo !== 0 ? 32 - Math.clz32(lo) : 0;
  return lo === -1 && (hi & (hi + 1)) === 0 ? 64 - Math.clz32(hi) : 0;
}

/** Finds the field that a row is, the rest of it zero: shifted, masked, or masked and then shifted. */
function findField(c: Rules, row: number, at: number): boolean {
  const { f } = c;
  const bits = c.is64(row) ? 64 : 32;
  const left = shiftBy(c, row, Op.ISHL, at);
  fieldOf = f.a[row];
  from = 0;
  low = Math.max(left, 0);
  count = bits - low;
  if (left >= 0) {
    if (masked(c, fieldOf, row)) count = Math.min(count, bits - left);
    return left > 0;
  }
  if (f.op[row] === Op.IAND) return masked(c, row, at) || raised(c, row, at);
  const right = shiftBy(c, row, Op.USHR, at);
  from = right;
  count = bits - right;
  return right > 0;
}

/** A value masked to its low bits, perhaps shifted right before: the field's source, its start and length. */
function masked(c: Rules, row: number, at: number): boolean {
  const { f } = c;
  const ones = f.op[row] === Op.IAND ? lowMask(c, f.b[row]) : 0;
  const bits = c.is64(row) ? 64 : 32;
  if (ones === 0 || ones === bits || !c.absorbs(row, at)) return false;
  fieldOf = f.a[row];
  count = Math.min(ones, bits - low);
  const right = shiftBy(c, fieldOf, Op.USHR, row);
  if (low > 0 || right <= 0 || right + ones > bits) return true;
  from = right;
  fieldOf = f.a[fieldOf];
  return true;
}

/** A value shifted left and then masked to a run of bits that begins where it does. */
function raised(c: Rules, row: number, at: number): boolean {
  const { f } = c;
  if (!c.isConst(f.b[row]) || !c.absorbs(row, at)) return false;
  const k = shiftBy(c, f.a[row], Op.ISHL, row);
  const hi = c.is64(row) ? f.imm2[f.b[row]] : 0;
  if (k <= 0 || k > 31 || hi !== 0) return false;
  const run = f.imm[f.b[row]] >>> k;
  if (run << k !== f.imm[f.b[row]] || run === 0 || (run & (run + 1)) !== 0) return false;
  fieldOf = f.a[f.a[row]];
  low = k;
  count = 32 - Math.clz32(run);
  return true;
}

/** row := b, which the row reads once, as a field put into the rest of a. */
export function insertField(c: Rules, row: number, a: number, b: number): boolean {
  const { f, lower } = c;
  if (f.op[a] !== Op.IAND || !c.absorbs(a, row) || !findField(c, b, row)) return false;
  const wide = c.is64(row);
  if (!isRest(c, f.b[a], wide)) return false;
  const bits = wide ? 64 : 32;
  const into = c.int(f.a[a], wide);
  const source = c.int(fieldOf, wide);
  lower.inst(wide ? A.BFM_x : A.BFM_w);
  lower.operand(lower.vregOf(row), defReuse(1));
  c.use(into);
  c.use(source);
  lower.imm(low > 0 ? bits - low : from);
  lower.imm2(from + count - 1);
  return true;
}

/** row := the middle of two registers: a << k | b >> width - k. */
export function extract(c: Rules, row: number, a: number, b: number): boolean {
  const { f, lower } = c;
  const wide = c.is64(row);
  const k = shiftBy(c, a, Op.ISHL, row);
  const n = shiftBy(c, b, Op.USHR, row);
  if (k <= 0 || n !== (wide ? 64 : 32) - k) return false;
  c.binary(row, wide ? A.EXTR_x : A.EXTR_w, c.int(f.a[a], wide), c.int(f.a[b], wide));
  lower.imm(n);
  return true;
}
