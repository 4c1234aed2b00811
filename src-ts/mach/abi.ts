/**
 * Where arguments and results live, for any calling convention given by its register lists.
 *
 * A location is a physical register (0..63, numbered as in vcode.ts) or STACK + byte offset: for parameters from the
 * first stack argument (lowest address), for results from the start of the result area.
 *
 * Results that do not fit in registers go to a result area whose address is one more integer argument, after the others.
 */
import * as Op from '../gen/ir.ts';

export interface Convention {
  argsGp: readonly number[];
  argsFp: readonly number[];
  resultsGp: readonly number[];
  resultsFp: readonly number[];
  /** The n-th argument takes the n-th register of its kind, whatever the kinds of those before it. */
  positional?: boolean;
}

export const STACK = 1 << 24;
export const SLOT_BYTES = 8;

export function isFloat(ty: number): boolean {
  return ty === Op.T_F32 || ty === Op.T_F64 || ty === Op.T_V128;
}

function slotBytes(ty: number): number {
  return ty === Op.T_V128 ? 16 : SLOT_BYTES;
}

/** Locations of a list of values, and the stack bytes they take. Reused from call to call. */
export class Locations {
  count = 0;
  at = new Int32Array(16);
  stackBytes = 0;
  private gp = 0;
  private fp = 0;

  private clear(): void {
    this.count = 0;
    this.stackBytes = 0;
    this.gp = 0;
    this.fp = 0;
  }

  private add(ty: number, gp: readonly number[], fp: readonly number[], positional = false): void {
    if (this.count === this.at.length) {
      const at = new Int32Array(this.count * 2);
      at.set(this.at);
      this.at = at;
    }
    let loc: number;
    if (isFloat(ty) && this.fp < fp.length) loc = fp[this.fp++];
    else if (!isFloat(ty) && this.gp < gp.length) loc = gp[this.gp++];
    else {
      const bytes = slotBytes(ty);
      this.stackBytes = (this.stackBytes + bytes - 1) & -bytes;
      loc = STACK + this.stackBytes;
      this.stackBytes += bytes;
    }
    this.at[this.count++] = loc;
    if (positional) this.gp = this.fp = this.count;
  }

  /** Places results. */
  results(cc: Convention, types: Uint8Array): void {
    this.clear();
    for (let i = 0; i < types.length; i++) this.add(types[i], cc.resultsGp, cc.resultsFp);
  }

  /** Places parameters; with `area` the address of the result area is one more, the last. */
  params(cc: Convention, types: Uint8Array, area: boolean): void {
    this.clear();
    const { argsGp, argsFp, positional } = cc;
    for (let i = 0; i < types.length; i++) this.add(types[i], argsGp, argsFp, positional);
    if (area) this.add(Op.T_I64, argsGp, argsFp, positional);
  }
}
