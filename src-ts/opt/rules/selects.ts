/** Selects: known or negated conditions, equal arms, arms that spell the condition itself. */
import { unsignedBits } from '../../analysis/bits.ts';
import * as Op from '../../gen/ir.ts';
import type { Builder } from '../../ir/build.ts';
import { ok } from '../gate.ts';
import { become, becomeIcmp, isConst, isK, NEXT } from './common.ts';

export function select(b: Builder, r: number): number {
  const f = b.f;
  const c = f.a[r];
  const x = f.b[r];
  const y = f.c[r];
  if (x === y) return ok(f, 'select-same') ? x : NEXT;
  if (isConst(f, c)) return ok(f, 'select-const') ? (f.imm[c] !== 0 ? x : y) : NEXT;
  if (
    f.op[c] === Op.ICMP &&
    f.imm[c] <= Op.ICC_NE &&
    f.ty[f.a[c]] === Op.T_I32 &&
    isK(f, f.b[c], 0)
  ) {
    if (!ok(f, 'select-zero')) return NEXT;
    f.a[r] = f.a[c];
    if (f.imm[c] === Op.ICC_EQ) {
      f.b[r] = y;
      f.c[r] = x;
    }
    return r;
  }
  return isConst(f, x) && isConst(f, y) ? constants(b, r) : NEXT;
}

/** c ? 1 : 0 and c ? 0 : 1. */
function constants(b: Builder, r: number): number {
  const f = b.f;
  const c = f.a[r];
  const one = isK(f, f.b[r], 1) && isK(f, f.c[r], 0);
  const none = isK(f, f.b[r], 0) && isK(f, f.c[r], 1);
  if (!one && !none) return NEXT;
  if (one && f.ty[r] === Op.T_I32 && unsignedBits(f, c) <= 1)
    return ok(f, 'select-bool') ? c : NEXT;
  if (f.ty[r] !== Op.T_I32 && f.ty[r] !== Op.T_I64) return NEXT;
  if (!ok(f, 'select-one-zero')) return NEXT;
  const zero = b.iconst32(0);
  const cc = one ? Op.ICC_NE : Op.ICC_EQ;
  if (f.ty[r] === Op.T_I32) return becomeIcmp(f, r, cc, c, zero);
  const bit = b.icmp(cc, c, zero);
  return become(f, r, Op.ZEXT, bit);
}
