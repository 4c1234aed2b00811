/**
 * Division by constants as multiplication (Hacker's Delight, chapter 10; Granlund and Montgomery, PLDI 1994). i32 divisions use the
 * 64-bit product, i64 divisions the high half of the 128-bit one.
 *
 * A signed remainder or quotient by 2^k adds 2^k - 1 to negative dividends first.
 */
import * as Op from '../gen/ir.ts';
import type { Builder } from '../ir/build.ts';
import { NONE, type Func } from '../ir/func.ts';
import { high, fromBig, toBig } from '../util/int64.ts';
import { builderOf } from './builder.ts';
import { ok } from './gate.ts';
import { rewriteUses } from './rewrite.ts';
import { isConst, konst, log2, small } from './rules/common.ts';

/** Expands the divisions of a function. */
export function divideByConstants(f: Func): void {
  let b: Builder | null = null;
  let leader: Int32Array | null = null;
  for (let blk = 0; blk !== NONE; blk = f.blockNext[blk]) {
    for (let r = f.first[blk]; r !== NONE;) {
      const after = f.next[r];
      const op = f.op[r];
      if (op >= Op.SDIV && op <= Op.UREM && isConst(f, f.b[r])) {
        b ??= builderOf(f);
        b.before = r;
        b.block = blk;
        b.pos = f.pos[r];
        const v = expand(b, r);
        if (v !== r) {
          leader ??= new Int32Array(f.rowCount);
          leader[r] = v;
          f.remove(r);
        }
      }
      r = after;
    }
  }
  if (leader === null) return;
  const all = new Int32Array(f.rowCount);
  all.set(leader);
  rewriteUses(f, all);
}

/** The quotient or remainder without a division, or the row itself. */
function expand(b: Builder, r: number): number {
  const f = b.f;
  const op = f.op[r];
  const x = f.a[r];
  const y = f.b[r];
  const narrow = f.ty[r] === Op.T_I32;
  const k = log2(f, y);
  const signed = op === Op.SDIV || op === Op.SREM;
  if (k >= 0) {
    const min = k === (narrow ? 31 : 63);
    if (!signed || k === 0 || min || !ok(f, 'divide-power-of-two')) return r;
    return op === Op.SDIV ? powerOfTwo(b, x, k) : remainderPowerOfTwo(b, x, k);
  }
  const d = toBig(f.imm[y], narrow ? f.imm[y] >> 31 : f.imm2[y]);
  const least = narrow ? -(1n << 31n) : -(1n << 63n);
  if (d === 0n || (signed && (d === -1n || d === least))) return r;
  if (!ok(f, signed ? 'divide-signed' : 'divide-unsigned')) return r;
  const q = quotient(b, x, d, narrow, signed);
  if (op === Op.SDIV || op === Op.UDIV) return q;
  const product = b.binary(Op.IMUL, f.ty[x], q, y);
  return b.binary(Op.ISUB, f.ty[x], x, product);
}

function quotient(b: Builder, x: number, d: bigint, narrow: boolean, signed: boolean): number {
  if (narrow) {
    return signed ? signedQuotient(b, x, Number(d)) : unsignedQuotient(b, x, Number(d) >>> 0);
  }
  return signed ? signedQuotient64(b, x, d) : unsignedQuotient64(b, x, BigInt.asUintN(64, d));
}

/** x + (x < 0 ? 2^k - 1 : 0). */
function biased(b: Builder, x: number, k: number): number {
  const ty = b.f.ty[x];
  const w = ty === Op.T_I32 ? 32 : 64;
  const sign = k === 1 ? x : b.binary(Op.SSHR, ty, x, small(b, ty, w - 1));
  const bias = b.binary(Op.USHR, ty, sign, small(b, ty, w - k));
  return b.binary(Op.IADD, ty, x, bias);
}

function powerOfTwo(b: Builder, x: number, k: number): number {
  const ty = b.f.ty[x];
  return b.binary(Op.SSHR, ty, biased(b, x, k), small(b, ty, k));
}

function remainderPowerOfTwo(b: Builder, x: number, k: number): number {
  const ty = b.f.ty[x];
  const lo = fromBig(-(1n << BigInt(k)));
  const mask = konst(b, ty, lo, high);
  const floor = b.binary(Op.IAND, ty, biased(b, x, k), mask);
  return b.binary(Op.ISUB, ty, x, floor);
}

/** Multiplies an i64 by a positive constant and shifts right. */
function mulShift(b: Builder, x: number, m: bigint, op: number, n: number): number {
  const lo = fromBig(m);
  const product = b.binary(Op.IMUL, Op.T_I64, x, b.iconst64(lo, high));
  return b.binary(op, Op.T_I64, product, b.iconst64(n, 0));
}

function const64(b: Builder, k: bigint): number {
  const lo = fromBig(k);
  return b.iconst64(lo, high);
}

/** Number of bits of d - 1: the logarithm of d, rounded up. */
function logarithm(d: bigint): number {
  return (d - 1n).toString(2).length;
}

/** x / d for 2^64 > d > 2, no power of two: as for 32 bits, with a multiplier of 65 bits at most. */
function unsignedQuotient64(b: Builder, x: number, d: bigint): number {
  let s = logarithm(d);
  let m = (1n << BigInt(64 + s)) / d + 1n;
  for (let t = s - 1; t >= 0; t--) {
    const c = (1n << BigInt(64 + t)) / d + 1n;
    if (c * d - (1n << BigInt(64 + t)) > 1n << BigInt(t)) break;
    s = t;
    m = c;
  }
  const shift = (v: number, n: number): number => b.binary(Op.USHR, Op.T_I64, v, b.iconst64(n, 0));
  const q = b.binary(Op.UMULH, Op.T_I64, x, const64(b, BigInt.asUintN(64, m)));
  if (m < 1n << 64n) return shift(q, s);
  const half = shift(b.binary(Op.ISUB, Op.T_I64, x, q), 1);
  return shift(b.binary(Op.IADD, Op.T_I64, half, q), s - 1);
}

/** x / d for |d| > 2, no power of two: m = floor(2^(63+s) / |d|) + 1 has 64 bits, as a signed number it is 2^64 too small. */
function signedQuotient64(b: Builder, x: number, d: bigint): number {
  const abs = d < 0n ? -d : d;
  const s = logarithm(abs);
  const m = (1n << BigInt(63 + s)) / abs + 1n;
  let product = b.binary(Op.SMULH, Op.T_I64, x, const64(b, BigInt.asIntN(64, m)));
  if (m >= 1n << 63n) product = b.binary(Op.IADD, Op.T_I64, product, x);
  const floor = b.binary(Op.SSHR, Op.T_I64, product, b.iconst64(s - 1, 0));
  const sign = b.binary(Op.SSHR, Op.T_I64, x, b.iconst64(63, 0));
  return d > 0n
    ? b.binary(Op.ISUB, Op.T_I64, floor, sign)
    : b.binary(Op.ISUB, Op.T_I64, sign, floor);
}

/** x / d for 2^32 > d > 2, no power of two: s = ceil(log2 d), m = ceil(2^(32+s) / d), which has 33 bits at most. */
function unsignedQuotient(b: Builder, x: number, d: number): number {
  let s = 32 - Math.clz32(d - 1);
  const big = BigInt(d);
  let m = (1n << BigInt(32 + s)) / big + 1n;
  const wide = b.unary(Op.ZEXT, Op.T_I64, x);
  // A smaller multiplier will do when m * 2^-1 rounded up is still exact enough: error * 2^32 <= 2^(32+s).
  for (let t = s - 1; t >= 0; t--) {
    const c = (1n << BigInt(32 + t)) / big + 1n;
    if (c * big - (1n << BigInt(32 + t)) > 1n << BigInt(t)) break;
    s = t;
    m = c;
  }
  if (m < 1n << 32n) return b.unary(Op.WRAP, Op.T_I32, mulShift(b, wide, m, Op.USHR, 32 + s));
  // 33 bits: q = hi(x * (m - 2^32)); result = (((x - q) >> 1) + q) >> (s - 1).
  const q = b.unary(Op.WRAP, Op.T_I32, mulShift(b, wide, m - (1n << 32n), Op.USHR, 32));
  const half = b.binary(Op.USHR, Op.T_I32, b.binary(Op.ISUB, Op.T_I32, x, q), b.iconst32(1));
  return b.binary(Op.USHR, Op.T_I32, b.binary(Op.IADD, Op.T_I32, half, q), b.iconst32(s - 1));
}

/** x / d for |d| > 2, no power of two: m = floor(2^(31+s) / |d|) + 1 with s = ceil(log2 |d|) has 32 bits, the product 63. */
function signedQuotient(b: Builder, x: number, d: number): number {
  const abs = Math.abs(d);
  const s = 32 - Math.clz32(abs - 1);
  const m = (1n << BigInt(31 + s)) / BigInt(abs) + 1n;
  const wide = b.unary(Op.SEXT, Op.T_I64, x);
  const floor = b.unary(Op.WRAP, Op.T_I32, mulShift(b, wide, m, Op.SSHR, 31 + s));
  const sign = b.binary(Op.SSHR, Op.T_I32, x, b.iconst32(31));
  return d > 0
    ? b.binary(Op.ISUB, Op.T_I32, floor, sign)
    : b.binary(Op.ISUB, Op.T_I32, sign, floor);
}
