/** Integer operations on constants. 64-bit values are computed on their halves (`util/int64.ts`). */
import * as Op from '../../gen/ir.ts';
import type { Builder } from '../../ir/build.ts';
import type { Func } from '../../ir/func.ts';
import * as I from '../../util/int64.ts';
import { ok } from '../gate.ts';
import { isConst, konst, NEXT } from './common.ts';

/** Folds a binary integer operation whose operands are both constants; traps are left alone. */
export function foldBinary(b: Builder, r: number): number {
  const f = b.f;
  const x = f.a[r];
  const y = f.b[r];
  if (!isConst(f, x) || !isConst(f, y)) return NEXT;
  const op = f.op[r];
  const ty = f.ty[r];
  if (op >= Op.SDIV && op <= Op.UREM && divisionTraps(f, op, x, y)) return NEXT;
  if (!ok(f, 'const-binary')) return NEXT;
  if (ty === Op.T_I32) return b.iconst32(binary32(op, f.imm[x], f.imm[y]));
  const lo = binary64(op, f.imm[x], f.imm2[x], f.imm[y], f.imm2[y]);
  return konst(b, ty, lo, I.high);
}

function divisionTraps(f: Func, op: number, x: number, y: number): boolean {
  const wide = f.ty[x] === Op.T_I64;
  if (f.imm[y] === 0 && (!wide || f.imm2[y] === 0)) return true;
  if (op !== Op.SDIV || f.imm[y] !== -1 || (wide && f.imm2[y] !== -1)) return false;
  return wide ? f.imm[x] === 0 && f.imm2[x] === -0x80000000 : f.imm[x] === -0x80000000;
}

function binary32(op: number, x: number, y: number): number {
  switch (op) {
    case Op.IADD:
      return (x + y) | 0;
    case Op.ISUB:
      return (x - y) | 0;
    case Op.IMUL:
      return Math.imul(x, y);
    case Op.SDIV:
      return (x / y) | 0;
    case Op.UDIV:
      return ((x >>> 0) / (y >>> 0)) | 0;
    case Op.SREM:
      return (x % y) | 0;
    case Op.UREM:
      return ((x >>> 0) % (y >>> 0)) | 0;
    case Op.IAND:
      return x & y;
    case Op.IOR:
      return x | y;
    case Op.IXOR:
      return x ^ y;
    case Op.ISHL:
      return x << y;
    case Op.SSHR:
      return x >> y;
    case Op.USHR:
      return (x >>> y) | 0;
    case Op.ROTL:
      return (x << y) | ((y & 31) === 0 ? 0 : x >>> (32 - (y & 31)));
    default:
      return (x >>> y) | ((y & 31) === 0 ? 0 : x << (32 - (y & 31)));
  }
}

function binary64(op: number, xl: number, xh: number, yl: number, yh: number): number {
  const n = yl & 63;
  switch (op) {
    case Op.IADD:
      return I.add64(xl, xh, yl, yh);
    case Op.ISUB:
      return I.sub64(xl, xh, yl, yh);
    case Op.IMUL:
      return I.mul64(xl, xh, yl, yh);
    case Op.UMULH:
      return highProduct(BigInt.asUintN(64, I.toBig(xl, xh)), BigInt.asUintN(64, I.toBig(yl, yh)));
    case Op.SMULH:
      return highProduct(I.toBig(xl, xh), I.toBig(yl, yh));
    case Op.ISHL:
      return I.shl64(xl, xh, n);
    case Op.SSHR:
      return I.sshr64(xl, xh, n);
    case Op.USHR:
      return I.ushr64(xl, xh, n);
    case Op.ROTL:
      return I.rotl64(xl, xh, n);
    case Op.ROTR:
      return I.rotl64(xl, xh, (64 - n) & 63);
    case Op.IAND:
    case Op.IOR:
    case Op.IXOR:
      return bitwise64(op, xl, xh, yl, yh);
    default:
      return divide64(op, I.toBig(xl, xh), I.toBig(yl, yh));
  }
}

function bitwise64(op: number, xl: number, xh: number, yl: number, yh: number): number {
  const hi = op === Op.IAND ? xh & yh : op === Op.IOR ? xh | yh : xh ^ yh;
  const lo = op === Op.IAND ? xl & yl : op === Op.IOR ? xl | yl : xl ^ yl;
  I.add64(lo, hi, 0, 0);
  return lo;
}

function highProduct(x: bigint, y: bigint): number {
  return I.fromBig((x * y) >> 64n);
}

function divide64(op: number, x: bigint, y: bigint): number {
  const ux = BigInt.asUintN(64, x);
  const uy = BigInt.asUintN(64, y);
  switch (op) {
    case Op.SDIV:
      return I.fromBig(x / y);
    case Op.SREM:
      return I.fromBig(x % y);
    case Op.UDIV:
      return I.fromBig(ux / uy);
    default:
      return I.fromBig(ux % uy);
  }
}

/** The bytes of a 32-bit number in the opposite order. */
function reversed(x: number): number {
  return (x << 24) | ((x & 0xff00) << 8) | ((x >>> 8) & 0xff00) | (x >>> 24);
}

/** Folds CLZ, CTZ, POPCNT, BSWAP, the sign extensions and the integer conversions of a constant. */
export function foldUnary(b: Builder, r: number): number {
  const f = b.f;
  const x = f.a[r];
  if (!isConst(f, x) || !ok(f, 'const-unary')) return NEXT;
  const lo = f.imm[x];
  const hi = f.imm2[x];
  const wide = f.ty[r] === Op.T_I64;
  switch (f.op[r]) {
    case Op.WRAP:
      return b.iconst32(lo);
    case Op.ZEXT:
      return b.iconst64(lo, 0);
    case Op.SEXT:
    case Op.SEXT32:
      return b.iconst64(lo, lo >> 31);
    case Op.SEXT8:
      return konst(b, f.ty[r], (lo << 24) >> 24, (lo << 24) >> 31);
    case Op.SEXT16:
      return konst(b, f.ty[r], (lo << 16) >> 16, (lo << 16) >> 31);
    case Op.CLZ:
      return konst(
        b,
        f.ty[r],
        wide ? (hi !== 0 ? Math.clz32(hi) : 32 + Math.clz32(lo)) : Math.clz32(lo),
        0,
      );
    case Op.BSWAP:
      return wide ? b.iconst64(reversed(hi), reversed(lo)) : b.iconst32(reversed(lo));
    case Op.CTZ:
      return konst(b, f.ty[r], wide && lo === 0 ? 32 + I.ctz32(hi) : I.ctz32(lo), 0);
    default:
      return konst(b, f.ty[r], I.popcnt32(lo) + (wide ? I.popcnt32(hi) : 0), 0);
  }
}

/** Truth of a condition for operands that compare as given (-1, 0, 1), signed and unsigned. */
export function holds(cc: number, signed: number, unsigned: number): boolean {
  switch (cc) {
    case Op.ICC_EQ:
      return signed === 0;
    case Op.ICC_NE:
      return signed !== 0;
    case Op.ICC_SLT:
      return signed < 0;
    case Op.ICC_SGE:
      return signed >= 0;
    case Op.ICC_SGT:
      return signed > 0;
    case Op.ICC_SLE:
      return signed <= 0;
    case Op.ICC_ULT:
      return unsigned < 0;
    case Op.ICC_UGE:
      return unsigned >= 0;
    case Op.ICC_UGT:
      return unsigned > 0;
    default:
      return unsigned <= 0;
  }
}

/** Folds a compare of two constants. */
export function foldIcmp(b: Builder, r: number): number {
  const f = b.f;
  const x = f.a[r];
  const y = f.b[r];
  if (!isConst(f, x) || !isConst(f, y) || !ok(f, 'const-icmp')) return NEXT;
  const narrow = f.ty[x] === Op.T_I32;
  const xh = narrow ? f.imm[x] >> 31 : f.imm2[x];
  const yh = narrow ? f.imm[y] >> 31 : f.imm2[y];
  const s = I.cmpS64(f.imm[x], xh, f.imm[y], yh);
  const u = I.cmpU64(f.imm[x], xh, f.imm[y], yh);
  return b.iconst32(holds(f.imm[r], s, u) ? 1 : 0);
}
