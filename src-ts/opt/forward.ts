/** What a store says about a load of the same place: the value it leaves there, as the load reads it. */
import * as Op from '../gen/ir.ts';
import type { Builder } from '../ir/build.ts';
import type { Func } from '../ir/func.ts';

/** Bits a narrow store followed by a narrow load of the same size keeps: negative when sign-extended, 0 when sizes differ. */
function extension(load: number, store: number): number {
  if (store === Op.STORE8) return load === Op.LOAD8_S ? -8 : load === Op.LOAD8_U ? 8 : 0;
  if (store === Op.STORE16) return load === Op.LOAD16_S ? -16 : load === Op.LOAD16_U ? 16 : 0;
  if (store === Op.STORE32) return load === Op.LOAD32_S ? -32 : load === Op.LOAD32_U ? 32 : 0;
  return 0;
}

/** Whether a value of one type, stored, is read back as one of another by a bitcast. */
function isRecast(from: number, to: number): boolean {
  const pair = (1 << from) | (1 << to);
  return (
    pair === ((1 << Op.T_I32) | (1 << Op.T_F32)) || pair === ((1 << Op.T_I64) | (1 << Op.T_F64))
  );
}

/** Whether {@link forwarded} finds a value for load `r` in store `s`, which is of the same place. */
export function forwards(f: Func, r: number, s: number): boolean {
  const from = f.ty[f.c[s]];
  const to = f.ty[r];
  if (f.op[r] === Op.LOAD && f.op[s] === Op.STORE) return from === to || isRecast(from, to);
  return from === to && extension(f.op[r], f.op[s]) !== 0;
}

function narrowed(b: Builder, ty: number, v: number, bits: number): number {
  if (bits < 0) {
    const op = bits === -8 ? Op.SEXT8 : bits === -16 ? Op.SEXT16 : Op.SEXT32;
    return b.unary(op, ty, v);
  }
  if (bits === 32) return b.unary(Op.ZEXT, ty, b.unary(Op.WRAP, Op.T_I32, v));
  const mask = (1 << bits) - 1;
  return b.binary(Op.IAND, ty, v, ty === Op.T_I32 ? b.iconst32(mask) : b.iconst64(mask, 0));
}

/**
 * The value that load `r` reads after store `s` to the same place, where {@link forwards} says so: the value stored, or one instruction
 * or two on it that are put where the builder is.
 */
export function forwarded(b: Builder, r: number, s: number): number {
  const { f } = b;
  const v = f.c[s];
  const to = f.ty[r];
  const bits = extension(f.op[r], f.op[s]);
  if (bits !== 0) return narrowed(b, to, v, bits);
  return f.ty[v] === to ? v : b.unary(Op.BITCAST, to, v);
}
