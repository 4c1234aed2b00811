/** Identities of integer addition, subtraction, multiplication and division, and reassociation of constants. */
import * as Op from '../../gen/ir.ts';
import type { Builder } from '../../ir/build.ts';
import * as I from '../../util/int64.ts';
import { ok } from '../gate.ts';
import { become, isConst, isK, konst, log2, NEXT, small } from './common.ts';

/** x + y, constants on the right. */
export function add(b: Builder, r: number): number {
  const f = b.f;
  const x = f.a[r];
  const y = f.b[r];
  if (isConst(f, y)) {
    if (isK(f, y, 0)) return ok(f, 'add-zero') ? x : NEXT;
    if (f.op[x] === Op.IADD && isConst(f, f.b[x]) && ok(f, 'add-add')) {
      const k = sum(b, f.b[x], y);
      return become(f, r, Op.IADD, f.a[x], k);
    }
    if (f.op[x] === Op.ISUB && isConst(f, f.a[x]) && ok(f, 'add-sub')) {
      const k = sum(b, f.a[x], y);
      return become(f, r, Op.ISUB, k, f.b[x]);
    }
    return NEXT;
  }
  if (f.op[x] === Op.ISUB) {
    if (f.b[x] === y) return ok(f, 'add-sub-same') ? f.a[x] : NEXT;
    if (isK(f, f.a[x], 0) && ok(f, 'add-neg')) return become(f, r, Op.ISUB, y, f.b[x]);
  }
  if (f.op[y] === Op.ISUB) {
    if (f.b[y] === x) return ok(f, 'add-sub-same') ? f.a[y] : NEXT;
    if (isK(f, f.a[y], 0) && ok(f, 'add-neg')) return become(f, r, Op.ISUB, x, f.b[y]);
  }
  return NEXT;
}

/** The sum of two constants of one type, as a constant. */
function sum(b: Builder, x: number, y: number): number {
  const f = b.f;
  const lo = I.add64(f.imm[x], f.imm2[x], f.imm[y], f.imm2[y]);
  return konst(b, f.ty[x], lo, I.high);
}

/** x - y. */
export function sub(b: Builder, r: number): number {
  const f = b.f;
  const x = f.a[r];
  const y = f.b[r];
  if (x === y) return ok(f, 'sub-self') ? small(b, f.ty[r], 0) : NEXT;
  if (isConst(f, y)) {
    if (!ok(f, 'sub-const')) return NEXT;
    const lo = I.sub64(0, 0, f.imm[y], f.imm2[y]);
    const k = konst(b, f.ty[r], lo, I.high);
    return become(f, r, Op.IADD, x, k);
  }
  if (f.op[x] === Op.IADD && f.b[x] === y) return ok(f, 'sub-add-same') ? f.a[x] : NEXT;
  if (f.op[x] === Op.IADD && f.a[x] === y) return ok(f, 'sub-add-same') ? f.b[x] : NEXT;
  if (f.op[y] === Op.ISUB) {
    if (f.a[y] === x) return ok(f, 'sub-sub-same') ? f.b[y] : NEXT;
    if (isK(f, f.a[y], 0) && ok(f, 'sub-neg')) return become(f, r, Op.IADD, x, f.b[y]);
  }
  if (isConst(f, x) && f.op[y] === Op.IADD && isConst(f, f.b[y]) && ok(f, 'sub-const-add')) {
    const lo = I.sub64(f.imm[x], f.imm2[x], f.imm[f.b[y]], f.imm2[f.b[y]]);
    const k = konst(b, f.ty[r], lo, I.high);
    return become(f, r, Op.ISUB, k, f.a[y]);
  }
  return NEXT;
}

/** x * y, constants on the right. */
export function mul(b: Builder, r: number): number {
  const f = b.f;
  const x = f.a[r];
  const y = f.b[r];
  if (!isConst(f, y)) return NEXT;
  if (isK(f, y, 0)) return ok(f, 'mul-zero') ? y : NEXT;
  if (isK(f, y, 1)) return ok(f, 'mul-one') ? x : NEXT;
  if (isK(f, y, -1)) {
    if (!ok(f, 'mul-minus-one')) return NEXT;
    const zero = small(b, f.ty[r], 0);
    return become(f, r, Op.ISUB, zero, x);
  }
  const k = log2(f, y);
  if (k > 0) {
    if (!ok(f, 'mul-power-of-two')) return NEXT;
    const count = small(b, f.ty[r], k);
    return become(f, r, Op.ISHL, x, count);
  }
  if (f.op[x] === Op.IMUL && isConst(f, f.b[x]) && ok(f, 'mul-mul')) {
    const c = f.b[x];
    const lo = I.mul64(f.imm[c], f.imm2[c], f.imm[y], f.imm2[y]);
    const product = konst(b, f.ty[r], lo, I.high);
    return become(f, r, Op.IMUL, f.a[x], product);
  }
  return NEXT;
}

/** Divisions that need no division: by 1, -1 and powers of two (unsigned). The rest is `opt/divide.ts`. */
export function divide(b: Builder, r: number): number {
  const f = b.f;
  const op = f.op[r];
  const ty = f.ty[r];
  const x = f.a[r];
  const y = f.b[r];
  if (!isConst(f, y)) return NEXT;
  if (isK(f, y, 1)) {
    if (!ok(f, 'div-one')) return NEXT;
    return op === Op.SDIV || op === Op.UDIV ? x : small(b, ty, 0);
  }
  if (op === Op.SREM && isK(f, y, -1)) return ok(f, 'rem-minus-one') ? small(b, ty, 0) : NEXT;
  const k = log2(f, y);
  if (k < 0 || op === Op.SDIV || op === Op.SREM) return NEXT;
  if (op === Op.UDIV) {
    if (!ok(f, 'udiv-power-of-two')) return NEXT;
    const count = small(b, ty, k);
    return become(f, r, Op.USHR, x, count);
  }
  if (!ok(f, 'urem-power-of-two')) return NEXT;
  const lo = I.sub64(f.imm[y], f.imm2[y], 1, 0);
  const mask = konst(b, ty, lo, I.high);
  return become(f, r, Op.IAND, x, mask);
}
