/** Rules for float arithmetic, rounding and conversions. SDM Vol. 2; Wasm core specification, 4.3.3. */
import * as Op from '../../gen/ir.ts';
import * as X from '../../gen/x64.ts';
import * as Abi from '../../gen/abi.ts';
import { bug } from '../../util/bug.ts';
import { DEF_REG, DEF_REG_EARLY, defReuse, USE_REG } from '../../mach/vcode.ts';
import type { Rules } from './context.ts';
import * as P from './ops.ts';

/** Scalar forms of the two-operand arithmetic: SSE f32, f64, AVX f32, f64. */
const FORMS: Record<number, readonly number[]> = {
  [Op.FADD]: [X.ADDSS_xmm_xm32, X.ADDSD_xmm_xm64, X.VADDSS_xmm_xmm_xm32, X.VADDSD_xmm_xmm_xm64],
  [Op.FSUB]: [X.SUBSS_xmm_xm32, X.SUBSD_xmm_xm64, X.VSUBSS_xmm_xmm_xm32, X.VSUBSD_xmm_xmm_xm64],
  [Op.FMUL]: [X.MULSS_xmm_xm32, X.MULSD_xmm_xm64, X.VMULSS_xmm_xmm_xm32, X.VMULSD_xmm_xmm_xm64],
  [Op.FDIV]: [X.DIVSS_xmm_xm32, X.DIVSD_xmm_xm64, X.VDIVSS_xmm_xmm_xm32, X.VDIVSD_xmm_xmm_xm64],
};

export function lowerFloatBinary(c: Rules, row: number): void {
  const { f, lower } = c;
  const op = f.op[row];
  const double = f.ty[row] === Op.T_F64 ? 1 : 0;
  let a = f.a[row];
  let b = f.b[row];
  if ((op === Op.FADD || op === Op.FMUL) && lower.canFold(a) && !lower.canFold(b)) [a, b] = [b, a];
  c.rmFloat(b);
  lower.inst(FORMS[op][double + (c.avx ? 2 : 0)]);
  if (c.avx) {
    c.def(row);
    c.use(lower.vregOf(a));
  } else c.defTied(row, lower.vregOf(a));
  c.putRm();
}

export function lowerMinMax(c: Rules, row: number): void {
  const { f, lower } = c;
  const a = lower.vregOf(f.a[row]);
  const b = lower.vregOf(f.b[row]);
  lower.inst(P.P_FMINMAX);
  c.defTied(row, a);
  lower.operand(b, USE_REG);
  lower.aux((f.op[row] === Op.FMAX ? P.AUX_MAX : 0) | (f.ty[row] === Op.T_F64 ? P.AUX_F64 : 0));
}

/** and / xor with a constant mask held in the pool. */
function mask(c: Rules, row: number, form: number, lo: number, hi: number): void {
  const v = c.lower.vregOf(c.f.a[row]);
  const single = c.f.ty[row] === Op.T_F32;
  c.rmPool(lo, single ? lo : hi);
  c.lower.inst(form);
  c.defTied(row, v);
  c.putRmAligned();
}

export function lowerAbs(c: Rules, row: number): void {
  const single = c.f.ty[row] === Op.T_F32;
  mask(c, row, X.ANDPS_xmm_xm128, single ? 0x7fffffff : -1, 0x7fffffff);
}

export function lowerNeg(c: Rules, row: number): void {
  const single = c.f.ty[row] === Op.T_F32;
  mask(c, row, X.XORPS_xmm_xm128, single ? 0x80000000 | 0 : 0, 0x80000000 | 0);
}

export function lowerCopysign(c: Rules, row: number): void {
  const { f, lower } = c;
  const ty = f.ty[row];
  const single = ty === Op.T_F32;
  const magnitude = andMask(c, ty, lower.vregOf(f.a[row]), single ? 0x7fffffff : -1, 0x7fffffff);
  const min = 0x80000000 | 0;
  const sign = andMask(c, ty, lower.vregOf(f.b[row]), single ? min : 0, min);
  lower.inst(X.ORPS_xmm_xm128);
  c.defTied(row, magnitude);
  lower.operand(sign, USE_REG);
}

function andMask(c: Rules, ty: number, from: number, lo: number, hi: number): number {
  const v = c.lower.newVreg(ty);
  c.rmPool(lo, ty === Op.T_F32 ? lo : hi);
  c.lower.inst(X.ANDPS_xmm_xm128);
  c.lower.operand(v, defReuse(1));
  c.use(from);
  c.putRmAligned();
  return v;
}

export function lowerSqrt(c: Rules, row: number): void {
  const double = c.f.ty[row] === Op.T_F64;
  c.rmFloat(c.f.a[row]);
  c.lower.inst(double ? X.SQRTSD_xmm_xm64 : X.SQRTSS_xmm_xm32);
  c.def(row);
  c.putRm();
}

export function lowerPromote(c: Rules, row: number): void {
  c.rmFloat(c.f.a[row]);
  c.lower.inst(c.f.op[row] === Op.FPROMOTE ? X.CVTSS2SD_xmm_xm32 : X.CVTSD2SS_xmm_xm64);
  c.def(row);
  c.putRm();
}

/** Immediate of roundss/roundsd: mode, with the inexact exception masked. */
function roundMode(op: number): number {
  switch (op) {
    case Op.FCEIL:
      return 10;
    case Op.FFLOOR:
      return 9;
    case Op.FTRUNC:
      return 11;
    default:
      return 8;
  }
}

function roundBuiltin(op: number, double: boolean): number {
  const k = double ? Abi.BUILTIN_F64_CEIL : Abi.BUILTIN_F32_CEIL;
  switch (op) {
    case Op.FCEIL:
      return k;
    case Op.FFLOOR:
      return k + 1;
    case Op.FTRUNC:
      return k + 2;
    default:
      return k + 3;
  }
}
if (Abi.BUILTIN_F64_NEAREST - Abi.BUILTIN_F64_CEIL !== 3) bug('x64 rules', 'order of the builtins');

/** The C functions may hand a signalling NaN back as it is: a product with 1 quiets it and changes nothing else. */
function roundByCall(c: Rules, row: number, double: boolean): void {
  const { f, lower } = c;
  const rounded = lower.newVreg(f.ty[row]);
  c.calls.builtinOf(roundBuiltin(f.op[row], double), f.a[row], rounded);
  c.rmPool(double ? 0 : 0x3f800000, 0x3ff00000);
  lower.inst(double ? X.MULSD_xmm_xm64 : X.MULSS_xmm_xm32);
  c.defTied(row, rounded);
  c.putRm();
}

export function lowerRound(c: Rules, row: number): void {
  const { f, lower } = c;
  const double = f.ty[row] === Op.T_F64;
  if (!c.sse41) {
    roundByCall(c, row, double);
    return;
  }
  const v = lower.vregOf(f.a[row]);
  lower.inst(double ? X.ROUNDSD_xmm_xm64_imm8 : X.ROUNDSS_xmm_xm32_imm8);
  c.def(row);
  c.useAny(v);
  lower.imm(roundMode(f.op[row]));
}

export function lowerFtoi(c: Rules, row: number): void {
  const { f, lower } = c;
  const op = f.op[row];
  const from = f.a[row];
  const v = lower.vregOf(from);
  lower.inst(P.P_FTOI);
  lower.operand(lower.vregOf(row), DEF_REG_EARLY);
  c.use(v);
  lower.aux(c.is64(row) ? P.AUX_64 : 0);
  lower.aux(f.ty[from] === Op.T_F64 ? P.AUX_F64 : 0);
  lower.aux(op === Op.FTOI_S || op === Op.FTOI_SAT_S ? P.AUX_SIGNED : 0);
  lower.aux(op === Op.FTOI_SAT_S || op === Op.FTOI_SAT_U ? P.AUX_SAT : 0);
}

export function lowerItof(c: Rules, row: number): void {
  const { f, lower } = c;
  const from = f.a[row];
  const double = f.ty[row] === Op.T_F64;
  const signed = f.op[row] === Op.ITOF_S;
  if (!signed && c.is64(from)) {
    const v = lower.vregOf(from);
    lower.inst(P.P_U64_TO_F);
    lower.operand(lower.vregOf(row), DEF_REG);
    c.use(v);
    lower.aux(double ? P.AUX_F64 : 0);
    return;
  }
  // A zero-extended u32 is a non-negative i64.
  const wide = c.is64(from) || !signed;
  if (signed) c.rmInt(from, wide);
  else c.rmValue(lower.vregOf(from));
  if (double) lower.inst(wide ? X.CVTSI2SD_xmm_rm64 : X.CVTSI2SD_xmm_rm32);
  else lower.inst(wide ? X.CVTSI2SS_xmm_rm64 : X.CVTSI2SS_xmm_rm32);
  c.def(row);
  c.putRm();
}
