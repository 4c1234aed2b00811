/**
 * Truncations of floats that trap. The conversion saturates and makes 0 of NaN (Arm ARM, FPToFixed): a few results are
 * suspicious, and the rare path finds out what they came from.
 */
import * as A from '../../gen/aarch64.ts';
import * as Op from '../../gen/ir.ts';
import { type FunctionState, moveConst } from './emitter.ts';
import * as E from './encode.ts';
import { truncation } from './lowerfloat.ts';
import { SCRATCH2, SCRATCH_FP } from './machine.ts';
import * as P from './ops.ts';
import * as R from './regs.ts';

/** NZCV of ccmp and ccmn. */
const V = 1;
const Z = 4;

/** A branch on the flags. */
function when(cc: number): number {
  return P.BR_FLAGS | (cc << P.BR_CC_SHIFT);
}

/** Emits P_FTOI. */
export function emitFtoi(s: FunctionState, i: number): void {
  const { code, sink } = s;
  const { buf } = sink;
  const aux = code.aux[i];
  const to = s.reg(i, 0);
  const from = s.reg(i, 1);
  const double = (aux & P.AUX_F64) !== 0;
  const wide = (aux & P.AUX_64) !== 0;
  const signed = (aux & P.AUX_SIGNED) !== 0;
  const done = sink.newLabel();
  const rare = sink.defer(i, done);
  E.encRR(buf, truncation(signed, wide, double), to, from);
  if (signed) {
    // Suspicious: unordered, the greatest (+ 1 overflows), the least (- 1 overflows).
    E.encCmp(buf, double ? A.FCMP_d : A.FCMP_s, from, from);
    E.encCcmpImm(buf, wide ? A.CCMN_x_imm : A.CCMN_w_imm, to, 1, V, R.CC_VC);
    E.encCcmpImm(buf, wide ? A.CCMP_x_imm : A.CCMP_w_imm, to, 1, V, R.CC_VC);
    sink.branch(when(R.CC_VS), rare);
  } else {
    // Suspicious: not above -1, and the greatest (+ 1 is 0).
    minusOne(s, double);
    E.encCmp(buf, double ? A.FCMP_d : A.FCMP_s, from, SCRATCH_FP);
    E.encCcmpImm(buf, wide ? A.CCMN_x_imm : A.CCMN_w_imm, to, 1, Z, R.CC_GT);
    sink.branch(when(R.CC_EQ), rare);
  }
  sink.bind(done);
}

function minusOne(s: FunctionState, double: boolean): void {
  const imm8 = double
    ? E.fpImmediate(0, 0xbff00000 | 0, true)
    : E.fpImmediate(0xbf800000 | 0, 0, false);
  E.encFmovImm(s.sink.buf, double ? A.FMOV_d_imm : A.FMOV_s_imm, SCRATCH_FP, imm8);
}

/** The rare path: traps unless the value is in range. */
export function checkTruncation(s: FunctionState, i: number): void {
  const { code, sink } = s;
  const { buf } = sink;
  const aux = code.aux[i];
  const from = s.reg(i, 1);
  const double = (aux & P.AUX_F64) !== 0;
  const wide = (aux & P.AUX_64) !== 0;
  const signed = (aux & P.AUX_SIGNED) !== 0;
  const compare = double ? A.FCMP_d : A.FCMP_s;
  sink.position(code.pos[i]);
  E.encCmp(buf, compare, from, from);
  sink.branch(when(R.CC_VS), sink.trapLabel(Op.TRAP_INVALID_CONVERSION, code.pos[i]));
  const overflow = sink.trapLabel(Op.TRAP_INTEGER_OVERFLOW, code.pos[i]);
  bound(s, double, upperBound(double, wide, signed));
  E.encCmp(buf, compare, from, SCRATCH_FP);
  sink.branch(when(R.CC_GE), overflow);
  if (signed) bound(s, double, lowerBound(double, wide));
  else minusOne(s, double);
  E.encCmp(buf, compare, from, SCRATCH_FP);
  // The least f32 and the least i64 as f64 are in range themselves; below -1 and -2^31 - 1 begins the next integer.
  const included = signed && (!double || wide);
  sink.branch(when(included ? R.CC_MI : R.CC_LS), overflow);
}

/** Bits of a power of two that is the first number too large: an f32, or the high half of an f64. */
function upperBound(double: boolean, wide: boolean, signed: boolean): number {
  const exponent = (wide ? 64 : 32) - (signed ? 1 : 0);
  return double ? (1023 + exponent) << 20 : (127 + exponent) << 23;
}

/** Bits of the least integer; of the one below for an i32 from f64, which is exact. */
function lowerBound(double: boolean, wide: boolean): number {
  if (double) return wide ? 0xc3e00000 | 0 : LEAST_LESS_ONE;
  return wide ? 0xdf000000 | 0 : 0xcf000000 | 0;
}

/** High half of -2147483649.0; the low half is LOW_OF_LEAST. */
const LEAST_LESS_ONE = 0xc1e00000 | 0;
const LOW_OF_LEAST = 0x00200000;

/** v31 := a bound. */
function bound(s: FunctionState, double: boolean, bits: number): void {
  const { buf } = s.sink;
  if (double) moveConst(buf, SCRATCH2, bits === LEAST_LESS_ONE ? LOW_OF_LEAST : 0, bits);
  else moveConst(buf, SCRATCH2, bits, 0);
  E.encRR(buf, double ? A.FMOV_d_x : A.FMOV_s_w, SCRATCH_FP, SCRATCH2);
}
