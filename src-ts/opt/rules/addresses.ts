/**
 * Constants in addresses move into the offset of loads and stores (address = a + zext(b) + offset). The sum must stay below 2^31, what
 * a displacement holds. A sum in the index may move only when it provably does not wrap around at 2^32.
 */
import { unsignedBits } from '../../analysis/bits.ts';
import * as Op from '../../gen/ir.ts';
import type { Builder } from '../../ir/build.ts';
import { NONE } from '../../ir/func.ts';
import { ok } from '../gate.ts';
import { isConst, NEXT } from './common.ts';

export function address(b: Builder, r: number): number {
  const f = b.f;
  if (f.imm2[r] !== 0 || f.imm[r] < 0) return NEXT;
  const i = f.b[r];
  if (i !== NONE && f.ty[i] === Op.T_I32) {
    const v = index(b, r, i);
    if (v !== NEXT) return v;
  }
  const a = f.a[r];
  if (f.op[a] === Op.IADD && isConst(f, f.b[a]) && f.imm2[f.b[a]] === f.imm[f.b[a]] >> 31) {
    const sum = f.imm[r] + f.imm[f.b[a]];
    if (sum < 0 || sum > 0x7fffffff || !ok(f, 'address-base')) return NEXT;
    f.imm[r] = sum;
    f.a[r] = f.a[a];
    return r;
  }
  return NEXT;
}

function index(b: Builder, r: number, i: number): number {
  const f = b.f;
  if (isConst(f, i)) {
    const sum = f.imm[r] + (f.imm[i] >>> 0);
    if (sum > 0x7fffffff || !ok(f, 'address-constant')) return NEXT;
    f.imm[r] = sum;
    f.b[r] = NONE;
    return r;
  }
  if (f.op[i] !== Op.IADD || !isConst(f, f.b[i]) || f.imm[f.b[i]] < 0) return NEXT;
  const sum = f.imm[r] + f.imm[f.b[i]];
  if (sum > 0x7fffffff || unsignedBits(f, f.a[i]) > 31 || !ok(f, 'address-index')) return NEXT;
  f.imm[r] = sum;
  f.b[r] = f.a[i];
  return r;
}
