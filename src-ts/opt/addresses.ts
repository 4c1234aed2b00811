/**
 * Constants added to 32-bit indices move into the offset of loads, stores and bounds checks where the sum provably does
 * not wrap around, as the conditions on the way there tell (analysis/upper.ts). What needs no conditions to be seen the
 * rules of `rules/addresses.ts` have done.
 */
import { MAX, UpperBounds } from '../analysis/upper.ts';
import * as Op from '../gen/ir.ts';
import { NONE, type Func } from '../ir/func.ts';
import type { Analyses } from './analyses.ts';
import { ok } from './gate.ts';

const bounds = new UpperBounds();

/** The i32 index of an access or check, else NONE. */
function indexOf(f: Func, r: number): number {
  const op = f.op[r];
  const i = op === Op.BOUND ? f.a[r] : op >= Op.LOAD && op <= Op.STORE32 ? f.b[r] : NONE;
  return i !== NONE && f.ty[i] === Op.T_I32 ? i : NONE;
}

/** Whether a value is x + c, c not negative; whether that wraps is another question. */
function isSum(f: Func, v: number): boolean {
  return f.op[v] === Op.IADD && f.op[f.b[v]] === Op.ICONST && f.imm[f.b[v]] >= 0;
}

/** Moves the constant of the index of row r of block b into its offset; false when there is none that may. */
function moveConstant(f: Func, r: number, b: number): boolean {
  const i = indexOf(f, r);
  if (i === NONE || !isSum(f, i) || f.imm2[r] !== 0 || f.imm[r] < 0) return false;
  const k = f.imm[f.b[i]];
  const sum = f.imm[r] + k;
  if (sum > 0x7fffffff || bounds.of(f.a[i], b) + k > MAX || !ok(f, 'address-bounded')) return false;
  if (f.op[r] === Op.BOUND) f.a[r] = f.a[i];
  else f.b[r] = f.a[i];
  f.imm[r] = sum;
  return true;
}

export function boundedAddresses(f: Func, an: Analyses): void {
  let begun = false;
  for (let b = 0; b !== NONE; b = f.blockNext[b]) {
    for (let r = f.first[b]; r !== NONE; r = f.next[r]) {
      const i = indexOf(f, r);
      if (i === NONE || !isSum(f, i)) continue;
      if (!begun) {
        an.needDominators(f);
        bounds.begin(f, an.dom);
        begun = true;
      }
      while (moveConstant(f, r, b)) continue;
    }
  }
}
