/** And, or, xor: identities, known bits, rotations. */
import { bitWidth, unsignedBits } from '../../analysis/bits.ts';
import * as Op from '../../gen/ir.ts';
import type { Builder } from '../../ir/build.ts';
import type { Func } from '../../ir/func.ts';
import { ok } from '../gate.ts';
import { swapBytes } from './bytes.ts';
import { become, isConst, isK, konst, NEXT, small } from './common.ts';

/** A constant from two others, bit by bit. */
function combine(b: Builder, op: number, x: number, y: number): number {
  const f = b.f;
  const lo =
    op === Op.IAND
      ? f.imm[x] & f.imm[y]
      : op === Op.IOR
        ? f.imm[x] | f.imm[y]
        : f.imm[x] ^ f.imm[y];
  const hi =
    op === Op.IAND
      ? f.imm2[x] & f.imm2[y]
      : op === Op.IOR
        ? f.imm2[x] | f.imm2[y]
        : f.imm2[x] ^ f.imm2[y];
  return konst(b, f.ty[x], lo, hi);
}

/** (x op c1) op c2 for one associative op. */
function reassociate(b: Builder, r: number, name: string): number {
  const f = b.f;
  const op = f.op[r];
  const x = f.a[r];
  if (f.op[x] !== op || !isConst(f, f.b[x]) || !ok(f, name)) return NEXT;
  const k = combine(b, op, f.b[x], f.b[r]);
  return become(f, r, op, f.a[x], k);
}

/** Number n when the constant is 2^n - 1 (n > 0), else 0. */
function lowMask(f: Func, v: number): number {
  const lo = f.imm[v];
  const hi = f.ty[v] === Op.T_I32 ? 0 : f.imm2[v];
  if (hi !== 0) return lo === -1 && (hi & (hi + 1)) === 0 ? 64 - Math.clz32(hi) : 0;
  return (lo & (lo + 1)) === 0 ? 32 - Math.clz32(lo) : 0;
}

export function and(b: Builder, r: number): number {
  const f = b.f;
  const x = f.a[r];
  const y = f.b[r];
  if (x === y) return ok(f, 'and-self') ? x : NEXT;
  if (!isConst(f, y)) return NEXT;
  if (isK(f, y, 0)) return ok(f, 'and-zero') ? y : NEXT;
  if (isK(f, y, -1)) return ok(f, 'and-ones') ? x : NEXT;
  const n = lowMask(f, y);
  if (n > 0 && unsignedBits(f, x) <= n) return ok(f, 'and-known') ? x : NEXT;
  const v = reassociate(b, r, 'and-and');
  if (v !== NEXT) return v;
  if (n > 0 && dropsExtension(f.op[x], n))
    return ok(f, 'and-extension') ? become(f, r, Op.IAND, f.a[x], y) : NEXT;
  if (f.op[x] === Op.IOR && isConst(f, f.b[x]) && disjoint(f, f.b[x], y) && ok(f, 'and-or')) {
    return become(f, r, Op.IAND, f.a[x], y);
  }
  if (n === 32 && f.ty[r] === Op.T_I64 && ok(f, 'and-zext')) {
    const low = b.unary(Op.WRAP, Op.T_I32, x);
    return become(f, r, Op.ZEXT, low);
  }
  return NEXT;
}

/** Whether an operation only changes bits that a mask of n low bits drops. */
function dropsExtension(op: number, n: number): boolean {
  return (
    (op === Op.SEXT8 && n <= 8) || (op === Op.SEXT16 && n <= 16) || (op === Op.SEXT32 && n <= 32)
  );
}

function disjoint(f: Func, x: number, y: number): boolean {
  return (f.imm[x] & f.imm[y]) === 0 && (f.imm2[x] & f.imm2[y]) === 0;
}

export function or(b: Builder, r: number): number {
  const f = b.f;
  const x = f.a[r];
  const y = f.b[r];
  if (x === y) return ok(f, 'or-self') ? x : NEXT;
  if (isConst(f, y)) {
    if (isK(f, y, 0)) return ok(f, 'or-zero') ? x : NEXT;
    if (isK(f, y, -1)) return ok(f, 'or-ones') ? y : NEXT;
    return reassociate(b, r, 'or-or');
  }
  const v = rotate(b, r, x, y);
  return v === NEXT ? swapBytes(b, r) : v;
}

export function xor(b: Builder, r: number): number {
  const f = b.f;
  const x = f.a[r];
  const y = f.b[r];
  if (x === y) return ok(f, 'xor-self') ? small(b, f.ty[r], 0) : NEXT;
  if (isConst(f, y)) {
    if (isK(f, y, 0)) return ok(f, 'xor-zero') ? x : NEXT;
    return reassociate(b, r, 'xor-xor');
  }
  if (f.op[x] === Op.IXOR && f.b[x] === y) return ok(f, 'xor-xor-same') ? f.a[x] : NEXT;
  if (f.op[x] === Op.IXOR && f.a[x] === y) return ok(f, 'xor-xor-same') ? f.b[x] : NEXT;
  if (f.op[y] === Op.IXOR && f.b[y] === x) return ok(f, 'xor-xor-same') ? f.a[y] : NEXT;
  if (f.op[y] === Op.IXOR && f.a[y] === x) return ok(f, 'xor-xor-same') ? f.b[y] : NEXT;
  return rotate(b, r, x, y);
}

/** (x << n) | (x >>> width - n), by constants: the two halves share no bit, so or, xor and add agree. */
export function rotate(b: Builder, r: number, x: number, y: number): number {
  const f = b.f;
  const left = f.op[x] === Op.ISHL ? x : y;
  const right = left === x ? y : x;
  if (f.op[left] !== Op.ISHL || f.op[right] !== Op.USHR || f.a[left] !== f.a[right]) return NEXT;
  if (!isConst(f, f.b[left]) || !isConst(f, f.b[right])) return NEXT;
  const w = bitWidth(f, r);
  const n = f.imm[f.b[left]] & (w - 1);
  if (n === 0 || (f.imm[f.b[right]] & (w - 1)) !== w - n || !ok(f, 'or-rotate')) return NEXT;
  return become(f, r, Op.ROTL, f.a[left], f.b[left]);
}
