/**
 * Branches and blocks: branches on constants, jumps through empty blocks, jumps into a branch that the jump decides, edges that agree,
 * blocks that follow each other, and branches that only choose between two values (selects).
 *
 * Terminators and edges are changed first and the predecessor chains are made anew after each step, which keeps every step linear
 * however many edges lead into one block.
 */
import { ensure32, ensure8 } from '../analysis/scratch.ts';
import * as Op from '../gen/ir.ts';
import { NONE, type Func } from '../ir/func.ts';
import type { Analyses } from './analyses.ts';
import { builderOf } from './builder.ts';
import { ok } from './gate.ts';
import { relinkPreds, rewriteUses } from './rewrite.ts';
import { isConst, isK } from './rules/common.ts';
import { removeUnreachable } from './unreachable.ts';

/** Empty blocks that one edge is sent through. */
const HOPS = 8;
const ROUNDS = 3;

let uses = new Int32Array(0);
let leader = new Int32Array(0);
let header = new Uint8Array(0);
/** Whether `uses` and `header` are kept up to date: some empty block has parameters. */
let counting = false;

// ---- terminators ----

function swapEdges(f: Func, e: number): void {
  const to = f.edgeTo[e];
  const args = f.edgeArgs[e];
  f.edgeTo[e] = f.edgeTo[e + 1];
  f.edgeArgs[e] = f.edgeArgs[e + 1];
  f.edgeTo[e + 1] = to;
  f.edgeArgs[e + 1] = args;
}

function becomeJump(f: Func, t: number, edge: number): void {
  f.op[t] = Op.JUMP;
  f.a[t] = NONE;
  f.imm[t] = edge;
  f.imm2[t] = 1;
}

/** Whether two edges lead to one block with the same arguments. */
export function sameEdge(f: Func, d: number, e: number): boolean {
  if (f.edgeTo[d] !== f.edgeTo[e]) return false;
  const x = f.edgeArgs[d] + 2;
  const y = f.edgeArgs[e] + 2;
  const n = f.pool[x - 1];
  for (let i = 0; i < n; i++) if (f.pool[x + i] !== f.pool[y + i]) return false;
  return true;
}

/** Simplifies the condition of a brif; true when the graph changed. */
function simplifyBrif(f: Func, t: number): boolean {
  const c = f.a[t];
  const e = f.imm[t];
  if (isConst(f, c)) {
    if (!ok(f, 'branch-const')) return false;
    becomeJump(f, t, f.imm[c] !== 0 ? e : e + 1);
    return true;
  }
  if (sameEdge(f, e, e + 1)) {
    if (!ok(f, 'branch-same')) return false;
    becomeJump(f, t, e);
    return true;
  }
  const test =
    f.op[c] === Op.ICMP && f.imm[c] <= Op.ICC_NE && f.ty[f.a[c]] === Op.T_I32 && isK(f, f.b[c], 0);
  if (!test || !ok(f, 'branch-zero')) return false;
  f.a[t] = f.a[c];
  if (f.imm[c] === Op.ICC_EQ) swapEdges(f, e);
  return true;
}

function simplifyTable(f: Func, t: number): boolean {
  const e = f.imm[t];
  const c = f.a[t];
  let n = f.imm2[t];
  if (isConst(f, c)) {
    if (!ok(f, 'table-const')) return false;
    becomeJump(f, t, e + Math.min(f.imm[c] >>> 0, n - 1));
    return true;
  }
  // Entries before the default that agree with it are dropped.
  while (n > 1 && sameEdge(f, e + n - 2, e + n - 1)) n--;
  let changed = n !== f.imm2[t];
  if (changed && !ok(f, 'table-tail')) return false;
  f.imm2[t] = n;
  if (n === 1) becomeJump(f, t, e);
  else if (n === 2 && ok(f, 'table-two')) {
    f.op[t] = Op.BRIF;
    swapEdges(f, e);
    changed = true;
  }
  return changed;
}

function simplifyTerminators(f: Func): boolean {
  let changed = false;
  for (let b = 0; b !== NONE; b = f.blockNext[b]) {
    const t = f.last[b];
    if (f.op[t] === Op.BRIF) changed = simplifyBrif(f, t) || changed;
    else if (f.op[t] === Op.BRTABLE) changed = simplifyTable(f, t) || changed;
  }
  return changed;
}

// ---- edges through empty blocks ----

/** The terminator of a block that has no rows but parameters, else NONE. */
function onlyTerminator(f: Func, b: number): number {
  const t = f.last[b];
  const p = f.prev[t];
  return p === NONE || f.op[p] === Op.PARAM ? t : NONE;
}

/** Counts the uses of every block parameter. */
function countUses(f: Func): void {
  uses = ensure32(uses, f.rowCount);
  uses.fill(0, 0, f.rowCount);
  for (let b = 0; b !== NONE; b = f.blockNext[b]) {
    for (let r = f.first[b]; r !== NONE; r = f.next[r]) countRow(f, r, 1);
  }
}

function countRow(f: Func, r: number, by: number): void {
  const op = f.op[r];
  const n = Op.OP_ARGS[op];
  if (n > 0 && f.a[r] !== NONE) uses[f.a[r]] += by;
  if (n > 1 && f.b[r] !== NONE) uses[f.b[r]] += by;
  if (n > 2 && f.c[r] !== NONE) uses[f.c[r]] += by;
  if ((Op.OP_FACTS[op] & Op.F_LIST) !== 0) countList(f, f.c[r], by);
  else if (Op.OP_IMM[op] === Op.IMM_EDGES) {
    for (let e = f.imm[r]; e < f.imm[r] + f.imm2[r]; e++) countList(f, f.edgeArgs[e], by);
  }
}

function countList(f: Func, l: number, by: number): void {
  const end = l + 2 + f.pool[l + 1];
  for (let i = l + 2; i < end; i++) uses[f.pool[i]] += by;
}

/** Whether the parameters of a block are used by its terminator only: then edges may go round the block. */
function privateParams(f: Func, b: number, t: number): boolean {
  if (f.paramCount[b] === 0) return true;
  countRow(f, t, -1);
  let own = true;
  let p = f.first[b];
  for (let i = 0; i < f.paramCount[b]; i++, p = f.next[p]) if (uses[p] !== 0) own = false;
  countRow(f, t, 1);
  return own;
}

/** The value an edge gives to v: its argument when v is a parameter of the edge's target, else v. */
function through(f: Func, e: number, v: number): number {
  return f.op[v] === Op.PARAM && f.block[v] === f.edgeTo[e]
    ? f.listGet(f.edgeArgs[e], f.imm[v])
    : v;
}

/** Which edge of the empty block's terminator is taken when entered by e; NONE when that is not known. */
function decided(f: Func, e: number, t: number): number {
  const to = f.edgeTo[e];
  if (f.op[t] === Op.JUMP) return f.edgeTo[f.imm[t]] === to ? NONE : f.imm[t];
  // Entering the middle of a loop would give it a second entry.
  if (f.op[t] !== Op.BRIF || !counting || header[to] !== 0) return NONE;
  const c = through(f, e, f.a[t]);
  if (!isConst(f, c)) return NONE;
  const d = f.imm[c] !== 0 ? f.imm[t] : f.imm[t] + 1;
  return f.edgeTo[d] === to ? NONE : d;
}

function threadEdge(f: Func, e: number): boolean {
  let changed = false;
  for (let hop = 0; hop < HOPS; hop++) {
    const to = f.edgeTo[e];
    const t = to === 0 ? NONE : onlyTerminator(f, to);
    const d = t === NONE ? NONE : decided(f, e, t);
    if (d === NONE || !privateParams(f, to, t)) return changed;
    if (!ok(f, f.op[t] === Op.JUMP ? 'thread-empty' : 'thread-branch')) return changed;
    const n = f.listLength(f.edgeArgs[d]);
    let args = f.newList(n);
    for (let i = 0; i < n; i++) args = f.listPush(args, through(f, e, f.listGet(f.edgeArgs[d], i)));
    if (counting) {
      countList(f, f.edgeArgs[e], -1);
      countList(f, args, 1);
    }
    f.edgeArgs[e] = args;
    f.edgeTo[e] = f.edgeTo[d];
    changed = true;
  }
  return changed;
}

/** Marks the targets of retreating edges. */
function markHeaders(f: Func, an: Analyses): void {
  an.needCfg(f);
  header = ensure8(header, f.blockCount);
  header.fill(0, 0, f.blockCount);
  for (let b = 0; b !== NONE; b = f.blockNext[b]) {
    const t = f.last[b];
    if (Op.OP_IMM[f.op[t]] !== Op.IMM_EDGES) continue;
    for (let e = f.imm[t]; e < f.imm[t] + f.imm2[t]; e++) {
      if (an.cfg.index[f.edgeTo[e]] <= an.cfg.index[b]) header[f.edgeTo[e]] = 1;
    }
  }
}

/** What threading has to know: 0 no block is empty, 1 empty blocks without parameters that jump, 2 others too. */
function candidates(f: Func): number {
  let found = 0;
  for (let b = f.blockNext[0]; b !== NONE; b = f.blockNext[b]) {
    const t = onlyTerminator(f, b);
    if (t === NONE || (f.op[t] !== Op.JUMP && f.op[t] !== Op.BRIF)) continue;
    if (f.op[t] === Op.BRIF && f.op[f.a[t]] !== Op.PARAM) continue;
    found = 1;
    if (f.paramCount[b] > 0) return 2;
  }
  return found;
}

function threadEdges(f: Func, an: Analyses): boolean {
  const found = candidates(f);
  if (found === 0) return false;
  // Only branches on a parameter are threaded, and only parameters need their uses counted.
  if (found === 2) {
    markHeaders(f, an);
    countUses(f);
  }
  counting = found === 2;
  let changed = false;
  for (let b = 0; b !== NONE; b = f.blockNext[b]) {
    const t = f.last[b];
    if (Op.OP_IMM[f.op[t]] !== Op.IMM_EDGES) continue;
    for (let e = f.imm[t]; e < f.imm[t] + f.imm2[t]; e++) changed = threadEdge(f, e) || changed;
  }
  return changed;
}

// ---- straight lines ----

/** Appends the only successor of a block to it. */
function absorb(f: Func, b: number, c: number): void {
  const t = f.last[b];
  const args = f.edgeArgs[f.imm[t]];
  for (let i = 0, n = f.paramCount[c]; i < n; i++) {
    const p = f.first[c];
    leader[p] = f.listGet(args, i);
    f.remove(p);
  }
  f.remove(t);
  const last = f.last[b];
  const first = f.first[c];
  f.prev[first] = last;
  if (last === NONE) f.first[b] = first;
  else f.next[last] = first;
  f.last[b] = f.last[c];
  for (let r = first; r !== NONE; r = f.next[r]) f.block[r] = b;
  const end = f.last[b];
  if (Op.OP_IMM[f.op[end]] === Op.IMM_EDGES) {
    for (let e = f.imm[end]; e < f.imm[end] + f.imm2[end]; e++) f.edgeFrom[e] = b;
  }
  f.first[c] = NONE;
  f.last[c] = NONE;
  f.paramCount[c] = 0;
  f.predFirst[c] = NONE;
  f.predLast[c] = NONE;
  f.unplaceBlock(c);
}

/** Merges blocks that are each other's only successor and predecessor. */
function mergeBlocks(f: Func): boolean {
  let changed = false;
  let values = false;
  for (let b = 0; b !== NONE; b = f.blockNext[b]) {
    for (;;) {
      const t = f.last[b];
      if (f.op[t] !== Op.JUMP) break;
      const e = f.imm[t];
      const c = f.edgeTo[e];
      if (
        c === 0 ||
        c === b ||
        f.predFirst[c] !== e ||
        f.edgeNextPred[e] !== NONE ||
        !ok(f, 'merge-blocks')
      )
        break;
      if (!changed) {
        leader = ensure32(leader, f.rowCount);
        leader.fill(0, 0, f.rowCount);
      }
      if (f.paramCount[c] > 0) values = true;
      absorb(f, b, c);
      changed = true;
    }
  }
  if (values) rewriteUses(f, leader);
  return changed;
}

// ---- selects ----

/** Turns a branch whose edges lead to one block and differ in one integer argument into a select and a jump. */
function chooseByValue(f: Func, t: number): boolean {
  const e = f.imm[t];
  if (f.edgeTo[e] !== f.edgeTo[e + 1]) return false;
  const x = f.edgeArgs[e];
  const y = f.edgeArgs[e + 1];
  let differs = NONE;
  for (let i = 0; i < f.listLength(x); i++) {
    if (f.listGet(x, i) === f.listGet(y, i)) continue;
    if (differs !== NONE) return false;
    differs = i;
  }
  if (differs === NONE) return false;
  const ty = f.ty[f.listGet(x, differs)];
  if ((ty !== Op.T_I32 && ty !== Op.T_I64 && ty !== Op.T_REF) || !ok(f, 'branch-select'))
    return false;
  const b = builderOf(f);
  b.before = t;
  b.block = f.block[t];
  b.pos = f.pos[t];
  f.listSet(x, differs, b.select(ty, f.a[t], f.listGet(x, differs), f.listGet(y, differs)));
  becomeJump(f, t, e);
  return true;
}

function selects(f: Func): boolean {
  let changed = false;
  for (let blk = 0; blk !== NONE; blk = f.blockNext[blk]) {
    if (f.op[f.last[blk]] === Op.BRIF) changed = chooseByValue(f, f.last[blk]) || changed;
  }
  return changed;
}

function relink(f: Func, an: Analyses): void {
  relinkPreds(f);
  an.invalidate();
}

/** Simplifies terminators, edges and blocks, and removes what becomes unreachable. */
export function simplifyBranches(f: Func, an: Analyses): void {
  removeUnreachable(f, an);
  for (let round = 0; round < ROUNDS; round++) {
    const terminators = simplifyTerminators(f);
    const threaded = threadEdges(f, an);
    if (terminators || threaded) {
      relink(f, an);
      removeUnreachable(f, an);
    }
    const chosen = selects(f);
    if (chosen) relink(f, an);
    if (mergeBlocks(f)) an.invalidate();
    if (!threaded && !chosen) return;
  }
}
