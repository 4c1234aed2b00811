/** Chains of sign extensions, zero extensions and truncations. A zext costs nothing, a sext one instruction. */
import { signedBits, unsignedBits } from '../../analysis/bits.ts';
import * as Op from '../../gen/ir.ts';
import type { Builder } from '../../ir/build.ts';
import { ok } from '../gate.ts';
import { become, isConst, NEXT } from './common.ts';

/** SEXT8, SEXT16, SEXT32. */
export function extendLow(b: Builder, r: number): number {
  const f = b.f;
  const op = f.op[r];
  const x = f.a[r];
  const n = op === Op.SEXT8 ? 8 : op === Op.SEXT16 ? 16 : 32;
  if (signedBits(f, x) <= n) return ok(f, 'sext-known') ? x : NEXT;
  const inner = f.op[x];
  const wider = (inner === Op.SEXT16 && n < 16) || (inner === Op.SEXT32 && n < 32);
  const masked =
    inner === Op.IAND && isConst(f, f.b[x]) && (f.imm[f.b[x]] | ((-1 << (n - 1)) << 1)) === -1;
  if ((wider || masked) && ok(f, 'sext-low')) return become(f, r, op, f.a[x]);
  if (op === Op.SEXT32 && inner === Op.ZEXT && ok(f, 'sext32-zext'))
    return become(f, r, Op.SEXT, f.a[x]);
  return NEXT;
}

export function wrap(b: Builder, r: number): number {
  const f = b.f;
  const x = f.a[r];
  switch (f.op[x]) {
    case Op.ZEXT:
    case Op.SEXT:
      return ok(f, 'wrap-extend') ? f.a[x] : NEXT;
    case Op.SEXT32:
      return ok(f, 'wrap-sext32') ? become(f, r, Op.WRAP, f.a[x]) : NEXT;
    case Op.IAND:
      if (!isConst(f, f.b[x]) || f.imm[f.b[x]] !== -1 || !ok(f, 'wrap-and')) return NEXT;
      return become(f, r, Op.WRAP, f.a[x]);
    default:
      return NEXT;
  }
}

export function zext(b: Builder, r: number): number {
  const f = b.f;
  const x = f.a[r];
  if (f.op[x] !== Op.WRAP || unsignedBits(f, f.a[x]) > 32) return NEXT;
  return ok(f, 'zext-wrap') ? f.a[x] : NEXT;
}

export function sext(b: Builder, r: number): number {
  const f = b.f;
  const x = f.a[r];
  if (unsignedBits(f, x) < 32) return ok(f, 'sext-positive') ? become(f, r, Op.ZEXT, x) : NEXT;
  if (f.op[x] === Op.WRAP && ok(f, 'sext-wrap')) return become(f, r, Op.SEXT32, f.a[x]);
  return NEXT;
}
