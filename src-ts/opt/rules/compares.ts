/** Integer compares: constants on the right, compares of compares, comparisons with 0 and with extremes. */
import { unsignedBits } from '../../analysis/bits.ts';
import * as Op from '../../gen/ir.ts';
import type { Builder } from '../../ir/build.ts';
import type { Func } from '../../ir/func.ts';
import { ok } from '../gate.ts';
import { becomeIcmp, isConst, isK, konst, NEXT, small } from './common.ts';
import { holds } from './constants.ts';

export function icmp(b: Builder, r: number): number {
  const f = b.f;
  const x = f.a[r];
  const y = f.b[r];
  if (x === y) return ok(f, 'icmp-self') ? b.iconst32(holds(f.imm[r], 0, 0) ? 1 : 0) : NEXT;
  if (isConst(f, x) && !isConst(f, y)) {
    return ok(f, 'icmp-swap') ? becomeIcmp(f, r, Op.ICC_SWAP[f.imm[r]], y, x) : NEXT;
  }
  if (isConst(f, y)) {
    const v = f.imm[r] <= Op.ICC_NE ? equality(b, r) : order(b, r);
    if (v !== NEXT) return v;
  }
  return extended(b, r);
}

/** Whether a value is known to be 0 or 1. */
function isBool(f: Func, v: number): boolean {
  return unsignedBits(f, v) <= 1;
}

/** x == c, x != c. */
function equality(b: Builder, r: number): number {
  const f = b.f;
  const x = f.a[r];
  const y = f.b[r];
  const zero = isK(f, y, 0);
  if (f.ty[x] === Op.T_I32 && isBool(f, x)) {
    const v = boolean(b, r, zero);
    if (v !== NEXT) return v;
  }
  if (zero) {
    if (f.op[x] === Op.ISUB || f.op[x] === Op.IXOR) {
      return ok(f, 'icmp-difference') ? becomeIcmp(f, r, f.imm[r], f.a[x], f.b[x]) : NEXT;
    }
    return NEXT;
  }
  // x + k == c is left alone: mostly a counter, whose old value would then live beside the new one.
  if (f.op[x] === Op.IXOR && isConst(f, f.b[x]) && ok(f, 'icmp-xor')) {
    const k = konst(b, f.ty[y], f.imm[y] ^ f.imm[f.b[x]], f.imm2[y] ^ f.imm2[f.b[x]]);
    return becomeIcmp(f, r, f.imm[r], f.a[x], k);
  }
  return NEXT;
}

/** A value that is 0 or 1, compared for equality with a constant. */
function boolean(b: Builder, r: number, zero: boolean): number {
  const f = b.f;
  const x = f.a[r];
  if (!zero && !isK(f, f.b[r], 1)) {
    return ok(f, 'icmp-bool-other') ? b.iconst32(f.imm[r] === Op.ICC_NE ? 1 : 0) : NEXT;
  }
  if ((f.imm[r] === Op.ICC_NE) === zero) return ok(f, 'icmp-bool') ? x : NEXT;
  if (f.op[x] === Op.ICMP && ok(f, 'icmp-not'))
    return becomeIcmp(f, r, f.imm[x] ^ 1, f.a[x], f.b[x]);
  if (!zero && ok(f, 'icmp-bool-one')) {
    const k = b.iconst32(0);
    return becomeIcmp(f, r, f.imm[r] ^ 1, x, k);
  }
  return NEXT;
}

/** Orderings against 0, 1, -1 and the extremes of the type. */
function order(b: Builder, r: number): number {
  const f = b.f;
  const x = f.a[r];
  const y = f.b[r];
  const cc = f.imm[r];
  if (isK(f, y, 0)) {
    if (cc === Op.ICC_ULT || cc === Op.ICC_UGE)
      return ok(f, 'icmp-always') ? b.iconst32(cc & 1) : NEXT;
    if (cc === Op.ICC_UGT) return ok(f, 'icmp-zero') ? becomeIcmp(f, r, Op.ICC_NE, x, y) : NEXT;
    if (cc === Op.ICC_ULE) return ok(f, 'icmp-zero') ? becomeIcmp(f, r, Op.ICC_EQ, x, y) : NEXT;
    return NEXT;
  }
  const above = isK(f, y, 1) ? oneToZero(cc) : isK(f, y, -1) ? minusOneToZero(cc) : -1;
  if (above >= 0 && ok(f, 'icmp-one')) {
    const zero = small(b, f.ty[y], 0);
    return becomeIcmp(f, r, above, x, zero);
  }
  return NEXT;
}

/** The condition against 0 that is the same as one against 1, or -1. */
function oneToZero(cc: number): number {
  switch (cc) {
    case Op.ICC_ULT:
      return Op.ICC_EQ;
    case Op.ICC_UGE:
      return Op.ICC_NE;
    case Op.ICC_SLT:
      return Op.ICC_SLE;
    case Op.ICC_SGE:
      return Op.ICC_SGT;
    default:
      return -1;
  }
}

/** The condition against 0 that is the same as one against -1, or -1. */
function minusOneToZero(cc: number): number {
  return cc === Op.ICC_SGT ? Op.ICC_SGE : cc === Op.ICC_SLE ? Op.ICC_SLT : -1;
}

/** Compares of values extended alike from i32, or of one such value with a constant of 32 bits. */
function extended(b: Builder, r: number): number {
  const f = b.f;
  const x = f.a[r];
  const y = f.b[r];
  const op = f.op[x];
  if (op !== Op.ZEXT && op !== Op.SEXT) return NEXT;
  // Zero-extended values are never negative, so signed conditions become unsigned ones of the low halves.
  const cc = f.imm[r];
  const narrow =
    op === Op.ZEXT && cc >= Op.ICC_SLT && cc <= Op.ICC_SLE ? cc + (Op.ICC_ULT - Op.ICC_SLT) : cc;
  if (f.op[y] === op)
    return ok(f, 'icmp-extended') ? becomeIcmp(f, r, narrow, f.a[x], f.a[y]) : NEXT;
  if (!isConst(f, y) || f.imm2[y] !== (op === Op.ZEXT ? 0 : f.imm[y] >> 31)) return NEXT;
  if (!ok(f, 'icmp-extended-const')) return NEXT;
  const k = b.iconst32(f.imm[y]);
  return becomeIcmp(f, r, narrow, f.a[x], k);
}
