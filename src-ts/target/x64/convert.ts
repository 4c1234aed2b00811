/**
 * Conversions between floats and integers that one instruction does not do. cvtts?2si gives the "integer indefinite"
 * (least integer) for NaN and out of range (SDM Vol. 1, 4.8.4.3): the rare path finds out which it was.
 */
import * as Op from '../../gen/ir.ts';
import * as X from '../../gen/x64.ts';
import type { FunctionState } from './emitter.ts';
import * as E from './encode.ts';
import { SCRATCH, SCRATCH_FP } from './machine.ts';
import * as P from './ops.ts';
import * as R from './regs.ts';

/** 2^63 and the bound below the least integer, as bits: f32, or the high half of an f64. */
const TWO_63_F32 = 0x5f000000;
const TWO_63_F64 = 0x43e00000;

function truncate(
  s: FunctionState,
  double: boolean,
  wide: boolean,
  to: number,
  from: number,
): void {
  const form = double
    ? wide
      ? X.CVTTSD2SI_r64_xm64
      : X.CVTTSD2SI_r32_xm64
    : wide
      ? X.CVTTSS2SI_r64_xm32
      : X.CVTTSS2SI_r32_xm32;
  E.encRR(s.sink.buf, form, to, from);
}

function compare(s: FunctionState, double: boolean, a: number, b: number): void {
  E.encRR(s.sink.buf, double ? X.UCOMISD_xmm_xm64 : X.UCOMISS_xmm_xm32, a, b);
}

/** An SSE instruction with a constant of the pool, given by its upper 32 bits and an f64's lower ones. */
function withConst(
  s: FunctionState,
  form: number,
  reg: number,
  double: boolean,
  bits: number,
  low = 0,
): void {
  E.encRM(s.sink.buf, form, reg, R.RIP, R.NO_REG, 0, 0);
  if (double) s.sink.constantField(s.sink.buf.pos - 4, 8, low, bits);
  else s.sink.constantField(s.sink.buf.pos - 4, 4, bits, 0);
}

function compareConst(s: FunctionState, double: boolean, a: number, bits: number, low = 0): void {
  withConst(s, double ? X.UCOMISD_xmm_xm64 : X.UCOMISS_xmm_xm32, a, double, bits, low);
}

function compareZero(s: FunctionState, double: boolean, a: number): void {
  E.encRR(s.sink.buf, X.XORPS_xmm_xm128, SCRATCH_FP, SCRATCH_FP);
  compare(s, double, a, SCRATCH_FP);
}

/** Emits P_FTOI. */
export function emitFtoi(s: FunctionState, i: number): void {
  const { code, sink } = s;
  const aux = code.aux[i];
  const to = s.reg(i, 0);
  const from = s.reg(i, 1);
  const double = (aux & P.AUX_F64) !== 0;
  const wide = (aux & P.AUX_64) !== 0;
  if (!(aux & P.AUX_SIGNED) && wide) {
    toU64(s, i, to, from, double);
    return;
  }
  const done = sink.newLabel();
  const rare = sink.defer(i, done);
  if (aux & P.AUX_SIGNED) {
    truncate(s, double, wide, to, from);
    // Only the least integer minus one overflows.
    E.encR_imm(sink.buf, wide ? X.CMP_rm64_imm8 : X.CMP_rm32_imm8, to, 1);
    sink.branch(R.CC_O, rare);
  } else {
    truncate(s, double, true, to, from);
    E.encRR(sink.buf, X.MOV_r32_rm32, SCRATCH, to);
    E.encRR(sink.buf, X.CMP_r64_rm64, SCRATCH, to);
    sink.branch(R.CC_NE, rare);
  }
  sink.bind(done);
}

/** The rare path of P_FTOI and P_U64_TO_F. */
export function emitDeferredConversion(s: FunctionState, i: number, back: number): void {
  const aux = s.code.aux[i];
  s.sink.position(s.code.pos[i]);
  if (s.code.op[i] === P.P_U64_TO_F) upperHalf(s, i);
  else if (aux & P.AUX_SAT) {
    if (aux & P.AUX_SIGNED) saturateSigned(s, i);
    else saturateU32(s, i);
  } else if (checkRange(s, i)) return;
  s.sink.branch(P.JMP, back);
}

/** Traps on NaN. */
function trapNan(s: FunctionState, i: number): void {
  const { code, sink } = s;
  const from = s.reg(i, 1);
  compare(s, (code.aux[i] & P.AUX_F64) !== 0, from, from);
  sink.branch(R.CC_P, sink.trapLabel(Op.TRAP_INVALID_CONVERSION, code.pos[i]));
}

function overflowLabel(s: FunctionState, i: number): number {
  return s.sink.trapLabel(Op.TRAP_INTEGER_OVERFLOW, s.code.pos[i]);
}

/** Traps unless the least integer is the right result; true when it always traps. */
function checkRange(s: FunctionState, i: number): boolean {
  const { code, sink } = s;
  const aux = code.aux[i];
  trapNan(s, i);
  const overflow = overflowLabel(s, i);
  if (!(aux & P.AUX_SIGNED)) {
    sink.branch(P.JMP, overflow);
    return true;
  }
  const from = s.reg(i, 1);
  const double = (aux & P.AUX_F64) !== 0;
  const wide = (aux & P.AUX_64) !== 0;
  if (double && !wide) {
    // -2147483649.0 and below; what lies between truncates to the least integer.
    compareConst(s, true, from, 0xc1e00000 | 0, 0x00200000);
    sink.branch(R.CC_BE, overflow);
  } else {
    const least = double ? 0xc3e00000 : wide ? 0xdf000000 : 0xcf000000;
    compareConst(s, double, from, least | 0);
    sink.branch(R.CC_B, overflow);
  }
  compareZero(s, double, from);
  sink.branch(R.CC_AE, overflow);
  return false;
}

/** The least integer is there already; NaN gives 0, above the range the greatest. */
function saturateSigned(s: FunctionState, i: number): void {
  const { code, sink } = s;
  const { buf } = sink;
  const to = s.reg(i, 0);
  const end = sink.newLabel();
  const nan = sink.newLabel();
  compareZero(s, (code.aux[i] & P.AUX_F64) !== 0, s.reg(i, 1));
  sink.branch(R.CC_P, nan);
  sink.branch(R.CC_B, end);
  E.encR_imm(buf, code.aux[i] & P.AUX_64 ? X.SUB_rm64_imm8 : X.SUB_rm32_imm8, to, 1);
  sink.branch(P.JMP, end);
  sink.bind(nan);
  E.encRR(buf, X.XOR_r32_rm32, to, to);
  sink.bind(end);
}

function saturateU32(s: FunctionState, i: number): void {
  const { code, sink } = s;
  const { buf } = sink;
  const to = s.reg(i, 0);
  const end = sink.newLabel();
  compareZero(s, (code.aux[i] & P.AUX_F64) !== 0, s.reg(i, 1));
  E.encR_imm(buf, X.MOV_r32_imm32, to, -1);
  sink.branch(R.CC_A, end);
  E.encRR(buf, X.XOR_r32_rm32, to, to);
  sink.bind(end);
}

/** To u64: values from 2^63 on are brought below it first. */
function toU64(s: FunctionState, i: number, to: number, from: number, double: boolean): void {
  const { code, sink } = s;
  const { buf } = sink;
  const saturate = (code.aux[i] & P.AUX_SAT) !== 0;
  const two63 = double ? TWO_63_F64 : TWO_63_F32;
  const big = sink.newLabel();
  const done = sink.newLabel();
  compareConst(s, double, from, two63);
  sink.branch(R.CC_AE, big);
  truncate(s, double, true, to, from);
  E.encRR(buf, X.TEST_rm64_r64, to, to);
  sink.branch(R.CC_NS, done);
  if (saturate) {
    E.encRR(buf, X.XOR_r32_rm32, to, to);
    sink.branch(P.JMP, done);
  } else {
    trapNan(s, i);
    sink.branch(P.JMP, overflowLabel(s, i));
  }
  sink.bind(big);
  E.encRR(buf, X.MOVAPS_xmm_xm128, SCRATCH_FP, from);
  withConst(s, double ? X.SUBSD_xmm_xm64 : X.SUBSS_xmm_xm32, SCRATCH_FP, double, two63);
  truncate(s, double, true, to, SCRATCH_FP);
  E.encRR(buf, X.TEST_rm64_r64, to, to);
  if (saturate) {
    const fits = sink.newLabel();
    sink.branch(R.CC_NS, fits);
    E.encR_imm(buf, X.MOV_rm64_imm32, to, -1);
    sink.branch(P.JMP, done);
    sink.bind(fits);
  } else sink.branch(R.CC_S, overflowLabel(s, i));
  E.encR_imm(buf, X.BTC_rm64_imm8, to, 63);
  sink.bind(done);
}

function fromI64(s: FunctionState, double: boolean, to: number, from: number): void {
  const { buf } = s.sink;
  E.encRR(buf, X.XORPS_xmm_xm128, to, to);
  E.encRR(buf, double ? X.CVTSI2SD_xmm_rm64 : X.CVTSI2SS_xmm_rm64, to, from);
}

/** Emits P_U64_TO_F. */
export function emitU64ToFloat(s: FunctionState, i: number): void {
  const { code, sink } = s;
  const from = s.reg(i, 1);
  const done = sink.newLabel();
  E.encRR(sink.buf, X.TEST_rm64_r64, from, from);
  sink.branch(R.CC_S, sink.defer(i, done));
  fromI64(s, (code.aux[i] & P.AUX_F64) !== 0, s.reg(i, 0), from);
  sink.bind(done);
}

/** From 2^63 on: half of it, the lost bit kept sticky so that rounding is right, doubled. */
function upperHalf(s: FunctionState, i: number): void {
  const { code, sink } = s;
  const { buf } = sink;
  const double = (code.aux[i] & P.AUX_F64) !== 0;
  const to = s.reg(i, 0);
  const even = sink.newLabel();
  E.encRR(buf, X.MOV_r64_rm64, SCRATCH, s.reg(i, 1));
  E.encR(buf, X.SHR_rm64_1, SCRATCH);
  sink.branch(R.CC_AE, even);
  E.encR_imm(buf, X.OR_rm64_imm8, SCRATCH, 1);
  sink.bind(even);
  fromI64(s, double, to, SCRATCH);
  E.encRR(buf, double ? X.ADDSD_xmm_xm64 : X.ADDSS_xmm_xm32, to, to);
}
