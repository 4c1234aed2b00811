/** Checks that can not fail: they are dropped. */
import * as Op from '../../gen/ir.ts';
import type { Builder } from '../../ir/build.ts';
import { ok } from '../gate.ts';
import { DROPPED, isConst, isK, NEXT } from './common.ts';

export function trapif(b: Builder, r: number): number {
  const f = b.f;
  const c = f.a[r];
  if (isK(f, c, 0)) return ok(f, 'trapif-never') ? DROPPED : NEXT;
  if (
    f.op[c] === Op.ICMP &&
    f.imm[c] === Op.ICC_NE &&
    f.ty[f.a[c]] === Op.T_I32 &&
    isK(f, f.b[c], 0)
  ) {
    if (!ok(f, 'trapif-nonzero')) return NEXT;
    f.a[r] = f.a[c];
    return r;
  }
  return NEXT;
}

export function sigcheck(b: Builder, r: number): number {
  const f = b.f;
  const x = f.a[r];
  const y = f.b[r];
  const same = x === y && isConst(f, x) && f.imm[x] !== -1;
  return same && ok(f, 'sigcheck-same') ? DROPPED : NEXT;
}
