/** Changes of the graph that several passes make: replacing values everywhere, removing block parameters, relinking predecessors. */
import * as Op from '../gen/ir.ts';
import { NONE, type Func } from '../ir/func.ts';

/** The value that stands for v: follows `leader` (0 = itself) and shortens the path. */
export function resolve(leader: Int32Array, v: number): number {
  if (v < 0 || leader[v] === 0) return v;
  let root = leader[v];
  while (leader[root] !== 0) root = leader[root];
  while (leader[v] !== root) {
    const up = leader[v];
    leader[v] = root;
    v = up;
  }
  return root;
}

function rewriteList(f: Func, leader: Int32Array, l: number): void {
  const pool = f.pool;
  const end = l + 2 + pool[l + 1];
  for (let i = l + 2; i < end; i++) if (leader[pool[i]] !== 0) pool[i] = resolve(leader, pool[i]);
}

/** Replaces every use of each value by its leader, in all placed blocks. */
export function rewriteUses(f: Func, leader: Int32Array): void {
  for (let blk = 0; blk !== NONE; blk = f.blockNext[blk]) {
    for (let r = f.first[blk]; r !== NONE; r = f.next[r]) rewriteRow(f, leader, r);
  }
  for (let i = 2; i < 3 * f.labelCount; i += 3) f.labels[i] = resolve(leader, f.labels[i]);
}

function rewriteRow(f: Func, leader: Int32Array, r: number): void {
  const op = f.op[r];
  const n = Op.OP_ARGS[op];
  if (n > 0) f.a[r] = resolve(leader, f.a[r]);
  if (n > 1) f.b[r] = resolve(leader, f.b[r]);
  if (n > 2) f.c[r] = resolve(leader, f.c[r]);
  if ((Op.OP_FACTS[op] & Op.F_LIST) !== 0) rewriteList(f, leader, f.c[r]);
  else if (Op.OP_IMM[op] === Op.IMM_EDGES) {
    const end = f.imm[r] + f.imm2[r];
    for (let e = f.imm[r]; e < end; e++) rewriteList(f, leader, f.edgeArgs[e]);
  }
}

/** Removes the parameters of a block that are marked dead, with the arguments of all edges into it. */
export function removeParams(f: Func, b: number, dead: (r: number) => boolean): void {
  const n = f.paramCount[b];
  const first = f.first[b];
  for (let e = f.predFirst[b]; e !== NONE; e = f.edgeNextPred[e]) {
    const at = f.edgeArgs[e] + 2;
    let k = 0;
    let p = first;
    for (let i = 0; i < n; i++, p = f.next[p]) if (!dead(p)) f.pool[at + k++] = f.pool[at + i];
    if (n > 0) f.pool[at - 1] = k;
  }
  let k = 0;
  let p = first;
  for (let i = 0; i < n; i++) {
    const after = f.next[p];
    if (dead(p)) f.remove(p);
    else f.imm[p] = k++;
    p = after;
  }
  f.paramCount[b] = k;
}

/** Makes the predecessor chains anew from the terminators of all placed blocks; edges of no terminator are in none. */
export function relinkPreds(f: Func): void {
  for (let b = 0; b !== NONE; b = f.blockNext[b]) {
    f.predFirst[b] = NONE;
    f.predLast[b] = NONE;
  }
  for (let b = 0; b !== NONE; b = f.blockNext[b]) {
    const t = f.last[b];
    if (Op.OP_IMM[f.op[t]] !== Op.IMM_EDGES) continue;
    for (let e = f.imm[t]; e < f.imm[t] + f.imm2[t]; e++) {
      f.edgeFrom[e] = b;
      f.linkPred(e, f.edgeTo[e]);
    }
  }
}
