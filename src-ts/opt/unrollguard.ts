/**
 * Conditions under which iterations of a counted loop are sure to go on: one compare of the counting parameter with a limit that is made
 * before the loop.
 *
 * FACTOR iterations from p on test p + offset + j * step, 0 <= j < FACTOR: in the direction of the step the last of these is the
 * farthest from p, `span` away. For a loop that counts up while below n, p + span < n without wrapping around is p < n - span,
 * and never where that difference would wrap; for one that counts down likewise. A loop that goes on until n is reached is
 * sure to go on while all of them are on one side of n. It might also pass n by, and go round: that is left to the loop as it was.
 */
import type { CountedLoop } from '../analysis/counted.ts';
import * as Op from '../gen/ir.ts';
import type { Builder } from '../ir/build.ts';
import { NONE } from '../ir/func.ts';

const LARGEST_SPAN = 1 << 20;

/** The guard made last. */
export const guardOf = {
  /** The condition that p and the limit are to meet. */
  cc: 0,
  /** Whether p + span does not wrap around at 2^32 where it holds. */
  covers: false,
  /** Whether n stands for 2^32. */
  untilWrap: false,
};

/** The strict order in which a loop that steps up or down runs towards its limit, -1 when it does not. */
function order(cc: number, up: boolean): number {
  switch (cc) {
    case Op.ICC_NE:
      return up ? Op.ICC_ULT : Op.ICC_UGT;
    case Op.ICC_ULT:
    case Op.ICC_ULE:
      return up ? Op.ICC_ULT : -1;
    case Op.ICC_SLT:
    case Op.ICC_SLE:
      return up ? Op.ICC_SLT : -1;
    case Op.ICC_UGT:
    case Op.ICC_UGE:
      return up ? -1 : Op.ICC_UGT;
    case Op.ICC_SGT:
    case Op.ICC_SGE:
      return up ? -1 : Op.ICC_SGT;
    default:
      return -1;
  }
}

/** Makes n - span, or n + span, with the extreme of the order where that would wrap around. */
function away(b: Builder, cc: number, n: number, span: number): number {
  const up = cc === Op.ICC_ULT || cc === Op.ICC_SLT;
  const signed = cc === Op.ICC_SLT || cc === Op.ICC_SGT;
  const extreme = signed ? (up ? -0x80000000 : 0x7fffffff) : up ? 0 : -1;
  const moved = b.binary(Op.IADD, Op.T_I32, n, b.iconst32(up ? -span : span));
  const safe = b.iconst32((extreme + (up ? span : -span)) | 0);
  const cond = b.icmp(
    up ? (signed ? Op.ICC_SGE : Op.ICC_UGE) : signed ? Op.ICC_SLE : Op.ICC_ULE,
    n,
    safe,
  );
  return b.select(Op.T_I32, cond, moved, b.iconst32(extreme));
}

/**
 * Makes the limit for `factor` iterations where the builder stands; NONE when there is none. `far`: what of p + j * step + far must not
 * wrap around either (NONE: nothing).
 */
export function makeGuard(b: Builder, counted: CountedLoop, factor: number, far: number): number {
  const { step, offset, limit: n } = counted;
  const up = step > 0;
  const cc = order(counted.cc, up);
  if (cc < 0 || (up ? offset < 0 : offset > 0)) return NONE;
  const range = (factor - 1) * Math.abs(step);
  let span = range + Math.abs(offset);
  // p + span <= n is p + span - 1 < n.
  if (counted.cc !== Op.ICC_NE && counted.cc !== cc) span--;
  guardOf.covers = up && cc === Op.ICC_ULT;
  if (guardOf.covers && far !== NONE) span = Math.max(span, range + far);
  if (span > LARGEST_SPAN || span < 0) return NONE;
  guardOf.cc = cc;
  const zero = n === NONE || (b.f.op[n] === Op.ICONST && b.f.imm[n] === 0);
  guardOf.untilWrap = up && counted.cc === Op.ICC_NE && zero;
  if (guardOf.untilWrap) return offset > 0 ? b.iconst32(-span) : NONE;
  return away(b, cc, limitOf(b, n), span);
}

/** The limit where the builder stands: constants may have been made in the loop. */
function limitOf(b: Builder, n: number): number {
  if (n === NONE) return b.iconst32(0);
  return b.f.op[n] === Op.ICONST ? b.iconst32(b.f.imm[n]) : n;
}

/** The condition that the guard made last lets p go on. */
export function testGuard(b: Builder, p: number, limit: number): number {
  return b.icmp(guardOf.cc, p, limit);
}

/**
 * Makes the condition that start + far + i * step does not wrap around in any iteration i of the loop that starts at `from`, given that the
 * guard holds for `from`. NONE when it can not be said.
 */
export function walksWithin(
  b: Builder,
  counted: CountedLoop,
  from: number,
  start: number,
  step: number,
  far: number,
): number {
  // The loop has at most distance / pace + 1 iterations.
  const pace = Math.abs(counted.step);
  const times = Math.ceil(step / pace);
  if (times > 0x10000 || far > LARGEST_SPAN) return NONE;
  const n = limitOf(b, counted.limit);
  const up = counted.step > 0;
  const distance = b.binary(Op.ISUB, Op.T_I32, up ? n : from, up ? from : n);
  // One less: a distance of 2^32 has room, and there is none of 0.
  const less = b.binary(Op.IADD, Op.T_I32, distance, b.iconst32(-1));
  const wide = b.unary(Op.ZEXT, Op.T_I64, less);
  const way = times === 1 ? wide : b.binary(Op.IMUL, Op.T_I64, wide, b.iconst64(times, 0));
  const end = b.binary(Op.IADD, Op.T_I64, way, b.unary(Op.ZEXT, Op.T_I64, start));
  const slack = far + times;
  return b.icmp(Op.ICC_ULT, end, b.iconst64(-slack, 0));
}
