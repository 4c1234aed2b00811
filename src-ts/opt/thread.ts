/**
 * Jump threading over blocks that compute: when an edge brings a constant that decides how the block it leads to ends, the edge gets a copy of
 * the block that ends in a jump. The state switch of a lexer or a parser becomes jumps from state to state that way, and a flag that
 * one block sets and the next one tests is gone.
 *
 * A block decides by a parameter when its branch depends on nothing but that parameter and constants. It relays when it passes a
 * parameter on to a block that decides or relays by it; then it is copied first, and the next round copies the block that decides.
 * (Mueller and Whalley, Avoiding Conditional Branches by Code Replication, PLDI 1995.)
 *
 * Loops may get several entries by this, and are no natural loops afterwards: so it comes after the passes that need them.
 */
import { ensure32, grow32 } from '../analysis/scratch.ts';
import * as Op from '../gen/ir.ts';
import type { Builder } from '../ir/build.ts';
import { NONE, type Func } from '../ir/func.ts';
import type { Analyses } from './analyses.ts';
import { builderOf } from './builder.ts';
import {
  copyAsJump,
  copyRows,
  copyTerminator,
  joinRegion,
  mapped,
  finishCopies,
  regionOf,
  startCopies,
} from './copy.ts';
import { ok } from './gate.ts';
import { isConst } from './rules/common.ts';

const ROUNDS = 4;
/** Blocks that a constant is relayed through before the one it decides. */
const RELAYS = 2;
/** Rows of a block that is copied: one that ends in a table, or before one, and others. */
const TABLE_ROWS = 12;
const BRANCH_ROWS = 3;
/** Parameters of a block that is copied: each may become a parameter of many blocks. */
const PARAMS = 40;
/** How deep a condition is looked through. */
const DEPTH = 3;
/** Rows copied in one function: so many and a share of its own. */
const GROWTH = 256;
const GROWTH_SHARE = 4;

/** Per block: the parameter by which it decides or relays, NONE if by none; how far the decision is; whether that is a table. */
let choice = new Int32Array(0);
let distance = new Int32Array(0);
let table = new Int32Array(0);
let edges = new Int32Array(0);
let budget = 0;
let builder: Builder | null = null;

/** Rows of a block without parameters, constants and the terminator; more than the limit when it must not be copied. */
function size(f: Func, b: number, limit: number): number {
  let n = 0;
  for (let r = f.last[b]; (r = f.prev[r]) !== NONE && n <= limit;) {
    const op = f.op[r];
    if (op === Op.PARAM) break;
    if ((Op.OP_FACTS[op] & (Op.F_ALL | Op.F_LIST)) !== 0) return limit + 1;
    if (op !== Op.ICONST && op !== Op.FCONST) n++;
  }
  return n;
}

/** The parameter of block b that v is computed from with constants only, NONE when there is no such. */
function source(f: Func, b: number, v: number): number {
  for (let depth = 0; depth <= DEPTH; depth++) {
    if (f.block[v] !== b) return NONE;
    const op = f.op[v];
    if (op === Op.PARAM) return f.imm[v];
    if ((Op.OP_FACTS[op] & Op.F_PURE) === 0) return NONE;
    const n = Op.OP_ARGS[op];
    if (n === 1) v = f.a[v];
    else if (n !== 2) return NONE;
    else if (isConst(f, f.b[v])) v = f.a[v];
    else if (isConst(f, f.a[v])) v = f.b[v];
    else return NONE;
  }
  return NONE;
}

function decides(f: Func, an: Analyses, b: number): void {
  const t = f.last[b];
  const op = f.op[t];
  if (b === 0 || f.paramCount[b] === 0 || f.paramCount[b] > PARAMS) return;
  if (op !== Op.BRTABLE && op !== Op.BRIF) return;
  const p = source(f, b, f.a[t]);
  if (p === NONE) return;
  const isTable = op === Op.BRTABLE;
  // A loop entered behind its header is no natural loop: only a table is worth that.
  if (!isTable && an.loops.of[b] !== NONE && an.loops.header[an.loops.of[b]] === b) return;
  const limit = isTable ? TABLE_ROWS : BRANCH_ROWS;
  if (size(f, b, limit) > limit) return;
  choice[b] = p;
  distance[b] = 0;
  table[b] = isTable ? 1 : 0;
}

/** Whether a block passes a parameter on to a block that ends in a table by it, at a distance. */
function relays(f: Func, b: number, far: number): void {
  const t = f.last[b];
  if (b === 0 || choice[b] !== NONE || f.paramCount[b] === 0 || f.paramCount[b] > PARAMS) return;
  if (f.op[t] !== Op.JUMP && f.op[t] !== Op.BRIF) return;
  for (let e = f.imm[t]; e < f.imm[t] + f.imm2[t]; e++) {
    const to = f.edgeTo[e];
    if (choice[to] === NONE || table[to] === 0 || distance[to] !== far - 1) continue;
    const v = f.listGet(f.edgeArgs[e], choice[to]);
    if (f.op[v] !== Op.PARAM || f.block[v] !== b || size(f, b, TABLE_ROWS) > TABLE_ROWS) continue;
    choice[b] = f.imm[v];
    distance[b] = far;
    table[b] = 1;
    return;
  }
}

function findBlocks(f: Func, an: Analyses): boolean {
  choice = ensure32(choice, f.blockCount);
  distance = ensure32(distance, f.blockCount);
  table = ensure32(table, f.blockCount);
  choice.fill(NONE, 0, f.blockCount);
  let any = false;
  for (let b = 0; b !== NONE; b = f.blockNext[b]) {
    decides(f, an, b);
    any = any || choice[b] !== NONE;
  }
  if (!any) return false;
  for (let far = 1; far <= RELAYS; far++)
    for (let b = 0; b !== NONE; b = f.blockNext[b]) relays(f, b, far);
  return true;
}

/** Gives an edge its own copy of the block it leads to. */
function threadEdge(f: Func, e: number): void {
  const b = f.edgeTo[e];
  const args = f.edgeArgs[e];
  const rows = f.rowCount;
  const copy = copyRows(f, builder!, b, f.edgeFrom[e], args);
  const t = f.last[b];
  const c = f.op[t] === Op.JUMP ? NONE : mapped(f, regionOf(b), f.a[t]);
  if (c === NONE || !isConst(f, c)) copyTerminator(f, b, NONE);
  else if (f.op[t] === Op.BRIF) copyAsJump(f, b, f.imm[c] !== 0 ? f.imm[t] : f.imm[t] + 1);
  else copyAsJump(f, b, f.imm[t] + Math.min(f.imm[c] >>> 0, f.imm2[t] - 1));
  f.edgeTo[e] = copy;
  budget -= f.rowCount - rows;
}

/** Threads the edges that bring constants to block b, one of the first `blocks`, as region `number`; returns how many. */
function threadBlock(f: Func, b: number, number: number, blocks: number): number {
  let n = 0;
  for (let e = f.predFirst[b]; e !== NONE; e = f.edgeNextPred[e]) {
    const from = f.edgeFrom[e];
    // An edge of a block that may still be copied stays, or the copies would share it.
    if (from === b || (from < blocks && choice[from] !== NONE && regionOf(from) === 0)) continue;
    if (!isConst(f, f.listGet(f.edgeArgs[e], choice[b]))) continue;
    edges = grow32(edges, n + 1);
    edges[n++] = e;
  }
  if (n === 0) return 0;
  joinRegion(f, b, number);
  let done = 0;
  for (let i = 0; i < n && budget > 0; i++) {
    if (!(table[b] === 1 ? ok(f, 'thread-table') : ok(f, 'thread-rows'))) continue;
    threadEdge(f, edges[i]);
    done++;
  }
  return done;
}

function round(f: Func, an: Analyses): boolean {
  an.needLoops(f);
  if (!findBlocks(f, an)) return false;
  startCopies(f);
  let done = 0;
  let number = 0;
  const blocks = f.blockCount;
  for (let b = 1; b < blocks && budget > 0; b++)
    if (choice[b] !== NONE) done += threadBlock(f, b, ++number, blocks);
  if (done === 0) return false;
  finishCopies(f, an);
  return true;
}

/** Threads edges through blocks that a constant they bring decides. The function must have no unreachable blocks. */
export function threadJumps(f: Func, an: Analyses): void {
  // In copies a Wasm position would stand for other values than its labels say.
  if (f.labelCount > 0) return;
  builder = builderOf(f);
  budget = GROWTH + Math.trunc(f.rowCount / GROWTH_SHARE);
  for (let i = 0; i < ROUNDS && budget > 0; i++) if (!round(f, an)) return;
}
