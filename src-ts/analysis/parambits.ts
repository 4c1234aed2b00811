/**
 * Bits of block parameters: how many low bits of each can be other than 0, from what all edges pass, for `unsignedBits`.
 * Starts at none and grows to a fixed point, so that a value that only goes round a loop does not count against itself;
 * what still grows after a few rounds counts as unknown.
 */
import * as Op from '../gen/ir.ts';
import { NONE, type Func } from '../ir/func.ts';
import { bitWidth, learnParams, unsignedBits } from './bits.ts';

/** Rounds in which bounds may grow step by step. */
const ROUNDS = 4;

/** Sends the bits of an edge's arguments to the parameters of its target; true when one grew. */
function pass(f: Func, e: number, bits: Uint8Array, stop: boolean): boolean {
  const to = f.edgeTo[e];
  let changed = false;
  let p = f.first[to];
  for (let i = 0, n = f.paramCount[to]; i < n; i++, p = f.next[p]) {
    if (f.ty[p] !== Op.T_I32 && f.ty[p] !== Op.T_I64) continue;
    if (bits[p] === bitWidth(f, p)) continue;
    const v = f.listGet(f.edgeArgs[e], i);
    if (v === p) continue;
    const n = unsignedBits(f, v);
    if (n <= bits[p]) continue;
    bits[p] = stop ? bitWidth(f, p) : n;
    changed = true;
  }
  return changed;
}

/** Whether knowing a parameter could save a row: one masks it. */
function wanted(f: Func): boolean {
  for (let b = 0; b !== NONE; b = f.blockNext[b]) {
    for (let r = f.first[b]; r !== NONE; r = f.next[r]) {
      if (f.op[r] === Op.IAND && f.op[f.a[r]] === Op.PARAM && f.op[f.b[r]] === Op.ICONST)
        return true;
    }
  }
  return false;
}

/** Finds the bits of all parameters of a function, if that is of use, and makes them known until `forgetParams`. */
export function findParamBits(f: Func): void {
  if (!wanted(f)) return;
  const bits = learnParams(f.rowCount);
  let p = f.first[0];
  for (let i = 0; i < f.paramCount[0]; i++, p = f.next[p]) bits[p] = bitWidth(f, p);
  for (let round = 0, changed = true; changed; round++) {
    changed = false;
    for (let b = 0; b !== NONE; b = f.blockNext[b]) {
      const t = f.last[b];
      if (Op.OP_IMM[f.op[t]] !== Op.IMM_EDGES) continue;
      for (let e = f.imm[t]; e < f.imm[t] + f.imm2[t]; e++)
        changed = pass(f, e, bits, round >= ROUNDS) || changed;
    }
  }
}
