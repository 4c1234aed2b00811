/** Rules for float arithmetic, rounding and conversions. Arm ARM, C7.2; Wasm core specification, 4.3.3. */
import * as A from '../../gen/aarch64.ts';
import * as Op from '../../gen/ir.ts';
import { DEF_REG_EARLY, defReuse } from '../../mach/vcode.ts';
import { bug } from '../../util/bug.ts';
import type { Rules } from './context.ts';
import * as P from './ops.ts';

/** f32 forms; the f64 form is the next one. FMIN and FMAX have Wasm's semantics (NaN wins, -0 < +0). */
const FORMS: Record<number, number> = {
  [Op.FADD]: A.FADD_s,
  [Op.FSUB]: A.FSUB_s,
  [Op.FMUL]: A.FMUL_s,
  [Op.FDIV]: A.FDIV_s,
  [Op.FMIN]: A.FMIN_s,
  [Op.FMAX]: A.FMAX_s,
  [Op.FABS]: A.FABS_s,
  [Op.FNEG]: A.FNEG_s,
  [Op.FSQRT]: A.FSQRT_s,
  [Op.FCEIL]: A.FRINTP_s,
  [Op.FFLOOR]: A.FRINTM_s,
  [Op.FTRUNC]: A.FRINTZ_s,
  [Op.FNEAREST]: A.FRINTN_s,
};
for (const form of Object.values(FORMS)) {
  if (A.FORM_NAMES[form + 1] !== A.FORM_NAMES[form]!.replace('_s', '_d'))
    bug('aarch64 rules', 'order of the float forms');
}

function formOf(c: Rules, row: number): number {
  return FORMS[c.f.op[row]] + (c.f.ty[row] === Op.T_F64 ? 1 : 0);
}

export function lowerFloatBinary(c: Rules, row: number): void {
  const { f, lower } = c;
  c.binary(row, formOf(c, row), lower.vregOf(f.a[row]), lower.vregOf(f.b[row]));
}

export function lowerFloatUnary(c: Rules, row: number): void {
  c.unary(row, formOf(c, row), c.lower.vregOf(c.f.a[row]));
}

export function lowerCopysign(c: Rules, row: number): void {
  const { f, lower } = c;
  const magnitude = lower.vregOf(f.a[row]);
  const sign = lower.vregOf(f.b[row]);
  lower.inst(P.P_COPYSIGN);
  lower.operand(lower.vregOf(row), defReuse(1));
  c.use(magnitude);
  c.use(sign);
  if (f.ty[row] === Op.T_F64) lower.aux(P.AUX_F64);
}

export function lowerPromote(c: Rules, row: number): void {
  const form = c.f.op[row] === Op.FPROMOTE ? A.FCVT_d_s : A.FCVT_s_d;
  c.unary(row, form, c.lower.vregOf(c.f.a[row]));
}

/** Forms from or to w/x (1) and s/d (2), in that order of bits. */
function pick(wide: boolean, double: boolean, forms: readonly number[]): number {
  return forms[(wide ? 1 : 0) + (double ? 2 : 0)]!;
}
const TO_SIGNED = [A.FCVTZS_w_s, A.FCVTZS_x_s, A.FCVTZS_w_d, A.FCVTZS_x_d];
const TO_UNSIGNED = [A.FCVTZU_w_s, A.FCVTZU_x_s, A.FCVTZU_w_d, A.FCVTZU_x_d];
const FROM_SIGNED = [A.SCVTF_s_w, A.SCVTF_s_x, A.SCVTF_d_w, A.SCVTF_d_x];
const FROM_UNSIGNED = [A.UCVTF_s_w, A.UCVTF_s_x, A.UCVTF_d_w, A.UCVTF_d_x];

/** The conversion that truncates; it saturates, and makes 0 of NaN. */
export function truncation(signed: boolean, wide: boolean, double: boolean): number {
  return pick(wide, double, signed ? TO_SIGNED : TO_UNSIGNED);
}

export function lowerFtoi(c: Rules, row: number): void {
  const { f, lower } = c;
  const op = f.op[row];
  const wide = c.is64(row);
  const double = f.ty[f.a[row]] === Op.T_F64;
  const signed = op === Op.FTOI_S || op === Op.FTOI_SAT_S;
  const v = lower.vregOf(f.a[row]);
  if (op === Op.FTOI_SAT_S || op === Op.FTOI_SAT_U) {
    c.unary(row, truncation(signed, wide, double), v);
    return;
  }
  lower.inst(P.P_FTOI);
  lower.operand(lower.vregOf(row), DEF_REG_EARLY);
  c.use(v);
  lower.aux((wide ? P.AUX_64 : 0) | (double ? P.AUX_F64 : 0) | (signed ? P.AUX_SIGNED : 0));
}

export function lowerItof(c: Rules, row: number): void {
  const { f } = c;
  const from = f.a[row];
  const wide = c.is64(from);
  const double = f.ty[row] === Op.T_F64;
  const forms = f.op[row] === Op.ITOF_S ? FROM_SIGNED : FROM_UNSIGNED;
  c.unary(row, pick(wide, double, forms), c.int(from, wide));
}
