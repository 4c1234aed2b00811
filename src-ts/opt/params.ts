/**
 * Redundant block parameters: one that receives the same value on every edge (or itself) is that value; two of a block that receive the
 * same values on every edge are one. A few sweeps in reverse postorder reach nearly all.
 */
import { ensure32 } from '../analysis/scratch.ts';
import { NONE, type Func } from '../ir/func.ts';
import type { Analyses } from './analyses.ts';
import { ok } from './gate.ts';
import { removeParams, resolve, rewriteUses } from './rewrite.ts';

const SWEEPS = 4;
/** Parameters of one block that are compared with each other. */
const PAIRS = 16;

let leader = new Int32Array(0);
const hashes = new Int32Array(PAIRS);

const isReplaced = (r: number): boolean => leader[r] !== 0;

/** The only value a parameter can have, besides itself; 0 when there are several. */
function onlyValue(f: Func, b: number, p: number): number {
  const k = f.imm[p];
  let only = 0;
  for (let e = f.predFirst[b]; e !== NONE; e = f.edgeNextPred[e]) {
    const v = resolve(leader, f.pool[f.edgeArgs[e] + 2 + k]);
    if (v === p || v === only) continue;
    if (only !== 0) return 0;
    only = v;
  }
  return only;
}

/** Hash of what a parameter receives; itself counts as 0. */
function hash(f: Func, b: number, p: number): number {
  let h = f.ty[p];
  for (let e = f.predFirst[b]; e !== NONE; e = f.edgeNextPred[e]) {
    const v = resolve(leader, f.pool[f.edgeArgs[e] + 2 + f.imm[p]]);
    h = (Math.imul(h, 31) + (v === p ? 0 : v)) | 0;
  }
  return h;
}

function sameValues(f: Func, b: number, p: number, q: number): boolean {
  if (f.ty[p] !== f.ty[q]) return false;
  for (let e = f.predFirst[b]; e !== NONE; e = f.edgeNextPred[e]) {
    const at = f.edgeArgs[e] + 2;
    const v = resolve(leader, f.pool[at + f.imm[p]]);
    const w = resolve(leader, f.pool[at + f.imm[q]]);
    if (v !== w && !(v === p && w === q)) return false;
  }
  return true;
}

/** Finds parameters of one block to replace; true when there were any. */
function visit(f: Func, b: number): boolean {
  let found = false;
  let p = f.first[b];
  for (let i = 0; i < f.paramCount[b]; i++, p = f.next[p]) {
    if (leader[p] !== 0) continue;
    const v = onlyValue(f, b, p);
    if (v === 0 || !ok(f, 'params-redundant')) continue;
    leader[p] = v;
    found = true;
  }
  return found;
}

function visitPairs(f: Func, b: number): boolean {
  let found = false;
  const n = Math.min(f.paramCount[b], PAIRS);
  let p = f.first[b];
  for (let i = 0; i < n; i++, p = f.next[p]) {
    hashes[i] = hash(f, b, p);
    let q = f.first[b];
    for (let j = 0; j < i && leader[p] === 0; j++, q = f.next[q]) {
      if (
        hashes[i] !== hashes[j] ||
        leader[q] !== 0 ||
        !sameValues(f, b, p, q) ||
        !ok(f, 'params-equal')
      )
        continue;
      leader[p] = q;
      found = true;
    }
  }
  return found;
}

/** Removes redundant block parameters. The function must have no unreachable blocks. */
export function redundantParams(f: Func, an: Analyses): void {
  an.needCfg(f);
  const { order, count } = an.cfg;
  leader = ensure32(leader, f.rowCount);
  leader.fill(0, 0, f.rowCount);
  let any = false;
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    let found = false;
    for (let i = 1; i < count; i++) {
      const b = order[i];
      if (f.paramCount[b] === 0) continue;
      if (visit(f, b)) found = true;
      if (f.paramCount[b] > 1 && visitPairs(f, b)) found = true;
    }
    if (!found) break;
    any = true;
  }
  if (!any) return;
  for (let i = 1; i < count; i++) {
    const b = order[i];
    let p = f.first[b];
    for (let k = 0; k < f.paramCount[b]; k++, p = f.next[p]) {
      if (leader[p] === 0) continue;
      removeParams(f, b, isReplaced);
      break;
    }
  }
  rewriteUses(f, leader);
}
