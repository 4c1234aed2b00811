/**
 * What the rule families share. A family is given a filled-in row and answers NEXT (nothing to do), the row itself (changed
 * in place: look again), or another value to use instead (0, the reserved row, for a row without a result that is dropped).
 *
 * Laws: a rule keeps the type; the row count may grow only where the machine code gets shorter; no rule depends on how often a
 * value is used; operands looked at are at most a few levels deep; no float result is folded to a NaN.
 */
import * as Op from '../../gen/ir.ts';
import type { Builder } from '../../ir/build.ts';
import { NONE, type Func } from '../../ir/func.ts';
import { ctz32 } from '../../util/int64.ts';

export const NEXT = -1;
/** What a dropped row without result is replaced by. */
export const DROPPED = 0;

export function isConst(f: Func, v: number): boolean {
  return f.op[v] === Op.ICONST;
}

/** Whether v is the integer (or null reference) constant k, a small signed number. */
export function isK(f: Func, v: number, k: number): boolean {
  return f.op[v] === Op.ICONST && f.imm[v] === k && (f.ty[v] === Op.T_I32 || f.imm2[v] === k >> 31);
}

/** A constant of the given type; `hi` is ignored for i32. */
export function konst(b: Builder, ty: number, lo: number, hi: number): number {
  return ty === Op.T_I32 ? b.iconst32(lo) : b.iconst64(lo, hi, ty);
}

/** A small signed number as a constant of the given type. */
export function small(b: Builder, ty: number, k: number): number {
  return konst(b, ty, k, k >> 31);
}

/** Exponent of an integer constant that is a power of two (unsigned), else -1. */
export function log2(f: Func, v: number): number {
  if (f.op[v] !== Op.ICONST) return -1;
  const lo = f.imm[v];
  const hi = f.ty[v] === Op.T_I32 ? 0 : f.imm2[v];
  if (hi === 0) return lo !== 0 && (lo & (lo - 1)) === 0 ? ctz32(lo) : -1;
  return lo === 0 && (hi & (hi - 1)) === 0 ? 32 + ctz32(hi) : -1;
}

/** Changes a row in place into another operation on up to two operands; returns the row. */
export function become(f: Func, r: number, op: number, a: number, b: number = NONE): number {
  f.op[r] = op;
  f.a[r] = a;
  f.b[r] = b;
  f.c[r] = NONE;
  f.imm[r] = 0;
  f.imm2[r] = 0;
  return r;
}

/** Changes a row in place into an integer compare; returns the row. */
export function becomeIcmp(f: Func, r: number, cc: number, a: number, b: number): number {
  become(f, r, Op.ICMP, a, b);
  f.imm[r] = cc;
  return r;
}
