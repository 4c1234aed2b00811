/**
 * Floats, as bit patterns. An operation is folded only when its result is exact by IEEE 754 and no NaN: which NaN an arithmetic
 * operation gives is the machine's choice. fabs, fneg and fcopysign only touch the sign bit and fold always.
 */
import * as Op from '../../gen/ir.ts';
import type { Builder } from '../../ir/build.ts';
import type { Func } from '../../ir/func.ts';
import { fromBig, high, toBig } from '../../util/int64.ts';
import { ok } from '../gate.ts';
import { become, isConst, konst, NEXT } from './common.ts';

const f64 = new Float64Array(1);
const f32 = new Float32Array(f64.buffer);
const words = new Int32Array(f64.buffer);

function isFconst(f: Func, v: number): boolean {
  return f.op[v] === Op.FCONST;
}

function value(f: Func, v: number): number {
  words[0] = f.imm[v];
  words[1] = f.imm2[v];
  return f.ty[v] === Op.T_F32 ? f32[0] : f64[0];
}

/** A float constant from a number, rounded to the type. */
function number(b: Builder, ty: number, x: number): number {
  if (ty === Op.T_F32) {
    f32[0] = x;
    return b.fconst(ty, words[0], 0);
  }
  f64[0] = x;
  return b.fconst(ty, words[0], words[1]);
}

export function binary(b: Builder, r: number): number {
  const f = b.f;
  const op = f.op[r];
  const y = f.b[r];
  if (!isFconst(f, y)) return NEXT;
  if (op === Op.FCOPYSIGN) return copySign(b, r);
  if (isFconst(f, f.a[r])) {
    const v = compute(op, value(f, f.a[r]), value(f, y));
    if (v === v && ok(f, 'float-const')) return number(b, f.ty[r], v);
    return NEXT;
  }
  return op === Op.FDIV ? reciprocal(b, r) : NEXT;
}

function compute(op: number, x: number, y: number): number {
  switch (op) {
    case Op.FADD:
      return x + y;
    case Op.FSUB:
      return x - y;
    case Op.FMUL:
      return x * y;
    case Op.FDIV:
      return x / y;
    case Op.FMIN:
      return Math.min(x, y);
    default:
      return Math.max(x, y);
  }
}

/** Division by a power of two whose reciprocal is a normal number is multiplication by the reciprocal, exactly. */
function reciprocal(b: Builder, r: number): number {
  const f = b.f;
  const y = f.b[r];
  const narrow = f.ty[r] === Op.T_F32;
  const top = narrow ? f.imm[y] : f.imm2[y];
  const mantissa = narrow ? top & 0x7fffff : (top & 0xfffff) | f.imm[y];
  const exponent = narrow ? (top >>> 23) & 0xff : (top >>> 20) & 0x7ff;
  const bias = narrow ? 127 : 1023;
  if (mantissa !== 0 || exponent === 0 || exponent >= 2 * bias || !ok(f, 'fdiv-power-of-two'))
    return NEXT;
  const k = number(b, f.ty[r], 1 / value(f, y));
  return become(f, r, Op.FMUL, f.a[r], k);
}

/** copysign with a constant sign is fabs, negated for a minus. */
function copySign(b: Builder, r: number): number {
  const f = b.f;
  const y = f.b[r];
  if (!ok(f, 'copysign-const')) return NEXT;
  const negative = (f.ty[r] === Op.T_F32 ? f.imm[y] : f.imm2[y]) < 0;
  if (!negative) return become(f, r, Op.FABS, f.a[r]);
  const abs = b.unary(Op.FABS, f.ty[r], f.a[r]);
  return become(f, r, Op.FNEG, abs);
}

export function unary(b: Builder, r: number): number {
  const f = b.f;
  const op = f.op[r];
  const x = f.a[r];
  if (isFconst(f, x)) return unaryConst(b, r);
  if (op === Op.FNEG && f.op[x] === Op.FNEG) return ok(f, 'fneg-fneg') ? f.a[x] : NEXT;
  if (op === Op.FABS && f.op[x] === Op.FABS) return ok(f, 'fabs-fabs') ? x : NEXT;
  if (op === Op.FABS && (f.op[x] === Op.FNEG || f.op[x] === Op.FCOPYSIGN) && ok(f, 'fabs-sign')) {
    return become(f, r, Op.FABS, f.a[x]);
  }
  return NEXT;
}

function unaryConst(b: Builder, r: number): number {
  const f = b.f;
  const op = f.op[r];
  const x = f.a[r];
  const narrow = f.ty[x] === Op.T_F32;
  if (op === Op.FNEG || op === Op.FABS) {
    if (!ok(f, 'float-sign-const')) return NEXT;
    const top = narrow ? f.imm[x] : f.imm2[x];
    const signed = op === Op.FNEG ? top ^ -0x80000000 : top & 0x7fffffff;
    return narrow ? b.fconst(f.ty[r], signed, 0) : b.fconst(f.ty[r], f.imm[x], signed);
  }
  const v = round(op, value(f, x));
  return v === v && ok(f, 'float-const') ? number(b, f.ty[r], v) : NEXT;
}

function round(op: number, x: number): number {
  switch (op) {
    case Op.FSQRT:
      return Math.sqrt(x);
    case Op.FCEIL:
      return Math.ceil(x);
    case Op.FFLOOR:
      return Math.floor(x);
    case Op.FTRUNC:
      return Math.trunc(x);
    case Op.FNEAREST:
      return nearest(x);
    default:
      return x; // fpromote, fdemote: rounded when stored
  }
}

/** To the nearest integer, ties to even, keeping the sign of zero. */
function nearest(x: number): number {
  const t = Math.trunc(x);
  const d = Math.abs(x - t);
  const up = d > 0.5 || (d === 0.5 && t % 2 !== 0);
  return up ? t + Math.sign(x) : t;
}

export function fcmp(b: Builder, r: number): number {
  const f = b.f;
  if (!isFconst(f, f.a[r]) || !isFconst(f, f.b[r]) || !ok(f, 'fcmp-const')) return NEXT;
  return b.iconst32(floatHolds(f.imm[r], value(f, f.a[r]), value(f, f.b[r])) ? 1 : 0);
}

function floatHolds(cc: number, x: number, y: number): boolean {
  switch (cc) {
    case Op.FCC_EQ:
      return x === y;
    case Op.FCC_NE:
      return x !== y;
    case Op.FCC_LT:
      return x < y;
    case Op.FCC_GT:
      return x > y;
    case Op.FCC_LE:
      return x <= y;
    default:
      return x >= y;
  }
}

export function bitcast(b: Builder, r: number): number {
  const f = b.f;
  const x = f.a[r];
  const ty = f.ty[r];
  if (f.ty[x] === ty) return ok(f, 'bitcast-same') ? x : NEXT;
  if (f.op[x] === Op.BITCAST)
    return ok(f, 'bitcast-bitcast') ? become(f, r, Op.BITCAST, f.a[x]) : NEXT;
  if (!isFconst(f, x) && !isConst(f, x)) return NEXT;
  if (!ok(f, 'bitcast-const')) return NEXT;
  if (ty === Op.T_F32 || ty === Op.T_F64) return b.fconst(ty, f.imm[x], f.imm2[x]);
  return konst(b, ty, f.imm[x], f.imm2[x]);
}

/** ITOF_S, ITOF_U of constants. */
export function fromInt(b: Builder, r: number): number {
  const f = b.f;
  const x = f.a[r];
  if (!isConst(f, x)) return NEXT;
  const signed = f.op[r] === Op.ITOF_S;
  let v: number;
  if (f.ty[x] === Op.T_I32) {
    v = signed ? f.imm[x] : f.imm[x] >>> 0;
  } else {
    const big = toBig(f.imm[x], f.imm2[x]);
    const exact = signed ? big : BigInt.asUintN(64, big);
    v = Number(exact);
    // Rounded to f64 and then to f32 it might be rounded twice.
    if (f.ty[r] === Op.T_F32 && BigInt(v) !== exact) return NEXT;
  }
  return ok(f, 'int-to-float-const') ? number(b, f.ty[r], v) : NEXT;
}

/** Float to integer conversions of constants in range; saturating ones always. */
export function toInt(b: Builder, r: number): number {
  const f = b.f;
  const x = f.a[r];
  if (!isFconst(f, x)) return NEXT;
  const op = f.op[r];
  const signed = op === Op.FTOI_S || op === Op.FTOI_SAT_S;
  const bits = f.ty[r] === Op.T_I32 ? 32 : 64;
  const max = signed ? 2 ** (bits - 1) : 2 ** bits;
  const min = signed ? -max : 0;
  const v = Math.trunc(value(f, x));
  const inside = v >= min && v < max;
  if (!inside && (op === Op.FTOI_S || op === Op.FTOI_U)) return NEXT;
  if (!ok(f, 'float-to-int-const')) return NEXT;
  const big = inside ? BigInt(v) : v !== v ? 0n : v < min ? BigInt(min) : BigInt(max) - 1n;
  const lo = fromBig(big);
  return konst(b, f.ty[r], lo, high);
}
