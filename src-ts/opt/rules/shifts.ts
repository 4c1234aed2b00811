/** Shifts and rotations by constants. Counts are taken modulo the width. */
import { bitWidth, unsignedBits } from '../../analysis/bits.ts';
import * as Op from '../../gen/ir.ts';
import type { Builder } from '../../ir/build.ts';
import * as I from '../../util/int64.ts';
import { ok } from '../gate.ts';
import { become, isConst, isK, konst, NEXT, small } from './common.ts';

export function shift(b: Builder, r: number): number {
  const f = b.f;
  const w = bitWidth(f, r);
  const y = f.b[r];
  if (!isConst(f, y)) return variable(b, r, w);
  const n = f.imm[y] & (w - 1);
  if (n === 0) return ok(f, 'shift-zero') ? f.a[r] : NEXT;
  if (!isK(f, y, n)) {
    if (!ok(f, 'shift-modulo')) return NEXT;
    const count = small(b, f.ty[r], n);
    f.b[r] = count;
    return r;
  }
  switch (f.op[r]) {
    case Op.ISHL:
      return left(b, r, n, w);
    case Op.USHR:
      return right(b, r, n, w);
    case Op.SSHR:
      return arithmetic(b, r, n, w);
    default:
      return rotation(b, r, n, w);
  }
}

/** A mask on a variable count that keeps at least the bits that count. */
function variable(b: Builder, r: number, w: number): number {
  const f = b.f;
  const y = f.b[r];
  if (f.op[y] !== Op.IAND || !isConst(f, f.b[y]) || (f.imm[f.b[y]] & (w - 1)) !== w - 1)
    return NEXT;
  if (!ok(f, 'shift-mask')) return NEXT;
  f.b[r] = f.a[y];
  return r;
}

/** Count of the inner shift by a constant, when the value shifted is one of `op`; else 0. */
function inner(b: Builder, r: number, op: number, w: number): number {
  const f = b.f;
  const x = f.a[r];
  return f.op[x] === op && isConst(f, f.b[x]) ? f.imm[f.b[x]] & (w - 1) : 0;
}

function left(b: Builder, r: number, n: number, w: number): number {
  const f = b.f;
  const x = f.a[r];
  const m = inner(b, r, Op.ISHL, w);
  if (m > 0) return again(b, r, Op.ISHL, n + m, w);
  const c = Math.max(inner(b, r, Op.USHR, w), inner(b, r, Op.SSHR, w));
  if (c === n && n < 32 && ok(f, 'shl-shr')) {
    const mask = small(b, f.ty[r], -1 << n);
    return become(f, r, Op.IAND, f.a[x], mask);
  }
  return NEXT;
}

/** Two shifts the same way: one by the sum, or 0 when everything is shifted out. */
function again(b: Builder, r: number, op: number, n: number, w: number): number {
  const f = b.f;
  if (!ok(f, 'shift-shift')) return NEXT;
  if (n >= w) {
    if (op !== Op.SSHR) return small(b, f.ty[r], 0);
    n = w - 1;
  }
  const count = small(b, f.ty[r], n);
  return become(f, r, op, f.a[f.a[r]], count);
}

function right(b: Builder, r: number, n: number, w: number): number {
  const f = b.f;
  const x = f.a[r];
  if (unsignedBits(f, x) <= n) return ok(f, 'shr-known') ? small(b, f.ty[r], 0) : NEXT;
  const m = inner(b, r, Op.USHR, w);
  if (m > 0) return again(b, r, Op.USHR, n + m, w);
  if (inner(b, r, Op.ISHL, w) !== n) return NEXT;
  const keep = w - n;
  if (keep === 32 && w === 64) {
    if (!ok(f, 'shr-shl')) return NEXT;
    const low = b.unary(Op.WRAP, Op.T_I32, f.a[x]);
    return become(f, r, Op.ZEXT, low);
  }
  if ((w === 64 && keep > 31) || !ok(f, 'shr-shl')) return NEXT;
  const lo = I.ushr64(-1, 0, 32 - keep);
  const mask = konst(b, f.ty[r], lo, 0);
  return become(f, r, Op.IAND, f.a[x], mask);
}

function arithmetic(b: Builder, r: number, n: number, w: number): number {
  const f = b.f;
  const x = f.a[r];
  if (unsignedBits(f, x) < w)
    return ok(f, 'sshr-positive') ? become(f, r, Op.USHR, x, f.b[r]) : NEXT;
  const m = inner(b, r, Op.SSHR, w);
  if (m > 0) return again(b, r, Op.SSHR, n + m, w);
  if (inner(b, r, Op.ISHL, w) !== n) return NEXT;
  const keep = w - n;
  const op = keep === 8 ? Op.SEXT8 : keep === 16 ? Op.SEXT16 : keep === 32 ? Op.SEXT32 : 0;
  if (op === 0 || !ok(f, 'sshr-shl')) return NEXT;
  return become(f, r, op, f.a[x]);
}

function rotation(b: Builder, r: number, n: number, w: number): number {
  const f = b.f;
  if (f.op[r] === Op.ROTR) {
    if (!ok(f, 'rotr-rotl')) return NEXT;
    const count = small(b, f.ty[r], w - n);
    return become(f, r, Op.ROTL, f.a[r], count);
  }
  const m = inner(b, r, Op.ROTL, w);
  if (m === 0 || !ok(f, 'rotl-rotl')) return NEXT;
  const count = small(b, f.ty[r], (n + m) & (w - 1));
  return become(f, r, Op.ROTL, f.a[f.a[r]], count);
}
