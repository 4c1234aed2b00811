/**
 * The step of a loop variable, p' = p + c in a row that only the back edge reads, moves behind the last use of p. While
 * both are live they need two registers, and every iteration a move from one to the other.
 *
 * A step goes to the end of its latch, or, when p is used after the loop, to a new block on the back edge, where the
 * move would have been. Then an iteration that leaves the loop does not execute it either.
 */
import { ensure32, grow32 } from '../analysis/scratch.ts';
import * as Op from '../gen/ir.ts';
import { EMPTY, NONE, type Func } from '../ir/func.ts';
import type { Analyses } from './analyses.ts';
import { ok } from './gate.ts';

/** What uses the old value of a candidate: rows before the step; others in the loop; or what is executed after the latch, or with its branch. */
const BEFORE = 0;
const IN_LOOP = 1;
const AFTER = 2;

/** Candidates: per header parameter its step and the back edge that reads it, NONE for other rows. */
let stepOf = new Int32Array(0);
let edgeOf = new Int32Array(0);
let usedBy = new Int32Array(0);
/** The parameters with candidates, in order of discovery. */
let found = new Int32Array(0);
let count = 0;
/** Per row how many operands and arguments it is, and its place among all rows. */
let uses = new Int32Array(0);
let order = new Int32Array(0);

function countList(f: Func, l: number): void {
  const end = l + 2 + f.pool[l + 1];
  for (let i = l + 2; i < end; i++) uses[f.pool[i]]++;
}

function countUses(f: Func): void {
  let n = 0;
  for (let b = 0; b !== NONE; b = f.blockNext[b]) {
    for (let r = f.first[b]; r !== NONE; r = f.next[r]) {
      const op = f.op[r];
      const args = Op.OP_ARGS[op];
      order[r] = n++;
      if (args > 0) uses[f.a[r]]++;
      if (args > 1 && f.b[r] !== NONE) uses[f.b[r]]++;
      if (args > 2) uses[f.c[r]]++;
      if ((Op.OP_FACTS[op] & Op.F_LIST) !== 0) countList(f, f.c[r]);
      else if (Op.OP_IMM[op] === Op.IMM_EDGES) {
        for (let e = f.imm[r], end = e + f.imm2[r]; e < end; e++) countList(f, f.edgeArgs[e]);
      }
    }
  }
}

/** Whether a row is a step of p: pure, with no other operand that changes in the loop. */
function isStep(f: Func, an: Analyses, l: number, r: number, p: number): boolean {
  const op = f.op[r];
  const b = f.block[r];
  if ((Op.OP_FACTS[op] & Op.F_PURE) === 0 || b === NONE || an.loops.of[b] !== l) return false;
  const n = Op.OP_ARGS[op];
  if (n === 0 || n > 2 || op === Op.PROJ) return false;
  if (n === 1) return f.a[r] === p;
  const other = f.a[r] === p ? f.b[r] : f.b[r] === p ? f.a[r] : NONE;
  if (other === NONE || other === p) return false;
  return f.op[other] === Op.ICONST || !an.loops.contains(l, f.block[other]);
}

function findSteps(f: Func, an: Analyses, l: number): void {
  const h = an.loops.header[l];
  for (let e = f.predFirst[h]; e !== NONE; e = f.edgeNextPred[e]) {
    if (!an.dom.dominates(h, f.edgeFrom[e]) || an.loops.of[f.edgeFrom[e]] !== l) continue;
    let p = f.first[h];
    for (let i = 0; i < f.paramCount[h]; i++, p = f.next[p]) {
      const r = f.listGet(f.edgeArgs[e], i);
      if (uses[r] !== 1 || stepOf[p] !== NONE || !isStep(f, an, l, r, p)) continue;
      stepOf[p] = r;
      edgeOf[p] = e;
      usedBy[p] = BEFORE;
      found = grow32(found, count + 1);
      found[count++] = p;
    }
  }
}

// ---- uses of the old values ----

/** A use of v by row u of block b, which is executed at the end of the block or in its place. */
function use(f: Func, an: Analyses, v: number, u: number, b: number, atEnd: boolean): void {
  if (v <= 0 || stepOf[v] === NONE || usedBy[v] === AFTER) return;
  const step = stepOf[v];
  if (u === step) return;
  const home = f.block[step];
  if (b === home ? !atEnd && order[u] < order[step] : an.dom.dominates(b, home)) return;
  const l = an.loops.of[home];
  const after = !an.loops.contains(l, b) || (atEnd && b === f.edgeFrom[edgeOf[v]]);
  usedBy[v] = after ? AFTER : IN_LOOP;
}

function useList(f: Func, an: Analyses, l: number, u: number, b: number, atEnd: boolean): void {
  const end = l + 2 + f.pool[l + 1];
  for (let i = l + 2; i < end; i++) use(f, an, f.pool[i], u, b, atEnd);
}

function findUses(f: Func, an: Analyses): void {
  for (let b = 0; b !== NONE; b = f.blockNext[b]) {
    for (let r = f.first[b]; r !== NONE; r = f.next[r]) {
      const op = f.op[r];
      const args = Op.OP_ARGS[op];
      // Compares are done together with the branch.
      const atEnd = op === Op.ICMP || op === Op.FCMP || r === f.last[b];
      if (args > 0) use(f, an, f.a[r], r, b, atEnd);
      if (args > 1) use(f, an, f.b[r], r, b, atEnd);
      if (args > 2) use(f, an, f.c[r], r, b, atEnd);
      if ((Op.OP_FACTS[op] & Op.F_LIST) !== 0) useList(f, an, f.c[r], r, b, atEnd);
      else if (Op.OP_IMM[op] === Op.IMM_EDGES) {
        for (let e = f.imm[r], end = e + f.imm2[r]; e < end; e++)
          useList(f, an, f.edgeArgs[e], r, b, true);
      }
    }
  }
}

// ---- moving ----

/** Puts a new block on an edge; returns the block. */
function splitEdge(f: Func, e: number): number {
  const to = f.edgeTo[e];
  const block = f.newBlock();
  f.placeBlockAfter(block, f.edgeFrom[e]);
  const args = f.edgeArgs[e];
  f.unlinkPred(e);
  f.edgeArgs[e] = EMPTY;
  f.linkPred(e, block);
  const t = f.newRow(Op.JUMP, Op.T_VOID, NONE, NONE, EMPTY, f.pos[f.last[f.edgeFrom[e]]]);
  f.imm[t] = f.newEdge(block, to, args);
  f.imm2[t] = 1;
  f.append(t, block);
  return block;
}

/** The row of a block that a step is put before: its branch, with the row that computes the condition, whose flags the branch may use. */
function endOf(f: Func, b: number, p: number): number {
  const t = f.last[b];
  if (f.op[t] !== Op.BRIF) return t;
  let r = f.prev[t];
  while (r !== NONE && f.op[r] === Op.ICONST) r = f.prev[r];
  return r === f.a[t] && Op.OP_ARGS[f.op[r]] === 2 && f.a[r] !== p && f.b[r] !== p ? r : t;
}

/** Moves a step before the end of its latch, or onto the back edge. True when a block was made. */
function moveStep(f: Func, p: number): boolean {
  const r = stepOf[p];
  const e = edgeOf[p];
  const latch = f.edgeFrom[e];
  let block = latch;
  let made = false;
  if (f.op[f.last[latch]] !== Op.JUMP && usedBy[p] === AFTER) {
    // A step moved earlier has made the block.
    made = f.paramCount[f.edgeTo[e]] > 0;
    block = made ? splitEdge(f, e) : f.edgeTo[e];
  }
  const before = endOf(f, block, p);
  if (before === r) return made;
  f.unlink(r);
  f.insertBefore(r, before);
  return made;
}

/** Moves the steps of loop variables behind the last uses of their old values. The function must have no unreachable blocks. */
export function delaySteps(f: Func, an: Analyses): void {
  // Where the old value is a Wasm local the new one must be made where it is assigned.
  if (f.labelCount > 0) return;
  an.needLoops(f);
  const { loops } = an;
  if (loops.count === 0) return;
  stepOf = ensure32(stepOf, f.rowCount);
  edgeOf = ensure32(edgeOf, f.rowCount);
  usedBy = ensure32(usedBy, f.rowCount);
  uses = ensure32(uses, f.rowCount);
  order = ensure32(order, f.rowCount);
  stepOf.fill(NONE, 0, f.rowCount);
  uses.fill(0, 0, f.rowCount);
  count = 0;
  countUses(f);
  for (let l = 0; l < loops.count; l++) if (loops.header[l] !== 0) findSteps(f, an, l);
  if (count === 0) return;
  findUses(f, an);
  let made = false;
  for (let i = 0; i < count; i++) {
    const p = found[i];
    if (usedBy[p] === BEFORE || !ok(f, 'delay-step')) continue;
    made = moveStep(f, p) || made;
  }
  if (made) an.invalidate();
}
