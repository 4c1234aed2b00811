/**
 * Copies of blocks, and the SSA form mended where a block no longer dominates the uses of its values.
 *
 * A region is a set of blocks that is entered through one of them only, so that inside it (and inside each of its copies) every
 * definition still dominates its uses. {@link copyRows} and {@link copyTerminator} make a copy of one block; the caller sends edges to the
 * copies and calls {@link finishCopies} once at the end. Rows of copies go through the peephole rules.
 *
 * Mending: a value of a region that is used outside has one definition in its own block and one in each copy of it. A use reads what
 * reaches it, backwards from block to block until a definition is met; where several edges meet, the block gets a parameter
 * (Braun et al., Simple and Efficient Construction of SSA Form, CC 2013, section 2.2, with a list in place of recursion).
 * Parameters that turn out redundant are taken out by `params.ts`.
 */
import { ensure32, grow32 } from '../analysis/scratch.ts';
import * as Op from '../gen/ir.ts';
import type { Builder } from '../ir/build.ts';
import { EMPTY, NONE, type Func } from '../ir/func.ts';
import type { Analyses } from './analyses.ts';
import { redundantParams } from './params.ts';
import { relinkPreds } from './rewrite.ts';
import { removeUnreachable } from './unreachable.ts';

// Per block.
/** The region it belongs to, 0 for none; a copy belongs to its original's. */
let region = new Int32Array(0);
/** The copies of a block, chained, the newest first. */
let firstCopy = new Int32Array(0);
let nextCopy = new Int32Array(0);
/** Where the values of a copy start in `versions`. */
let versionsAt = new Int32Array(0);
let blocks = 0;

// Per row of a block in a region.
/** What it became in the copy of its block made last. */
let newest = new Int32Array(0);
/** Its place among the rows of its block. */
let ordinal = new Int32Array(0);

/** What the rows of each copied block became, copy by copy. */
let versions = new Int32Array(0);
let versionCount = 0;

/** Makes room for the blocks made since the last call. */
function reserve(f: Func): void {
  region = grow32(region, f.blockCount);
  firstCopy = grow32(firstCopy, f.blockCount);
  nextCopy = grow32(nextCopy, f.blockCount);
  versionsAt = grow32(versionsAt, f.blockCount);
  region.fill(0, blocks, f.blockCount);
  firstCopy.fill(NONE, blocks, f.blockCount);
  blocks = f.blockCount;
}

/** Starts a batch of copies. */
export function startCopies(f: Func): void {
  blocks = 0;
  versionCount = 0;
  newest = ensure32(newest, f.rowCount);
  ordinal = ensure32(ordinal, f.rowCount);
  reserve(f);
}

/** Puts a block into a region (numbered from 1). Blocks of regions are not changed until the batch is mended. */
export function joinRegion(f: Func, b: number, number: number): void {
  region[b] = number;
  let n = 0;
  for (let r = f.first[b]; r !== NONE; r = f.next[r]) ordinal[r] = n++;
}

/** The region of a block, 0 for none. */
export function regionOf(b: number): number {
  return region[b];
}

/** The copy of a block that was made last; NONE when there is none. */
export function newestCopy(b: number): number {
  return firstCopy[b];
}

function isConstant(f: Func, v: number): boolean {
  return f.op[v] === Op.ICONST || f.op[v] === Op.FCONST;
}

/** A constant made again at the start of a block. */
function constantIn(f: Func, v: number, block: number): number {
  const k = f.newRow(f.op[v], f.ty[v], NONE, NONE, NONE, f.pos[v]);
  f.imm[k] = f.imm[v];
  f.imm2[k] = f.imm2[v];
  let at = f.first[block];
  while (at !== NONE && f.op[at] === Op.PARAM) at = f.next[at];
  if (at === NONE) f.append(k, block);
  else f.insertBefore(k, at);
  return k;
}

/** A value as the newest copies of region `number` have it. */
export function mapped(f: Func, number: number, v: number): number {
  return v > 0 && f.block[v] !== NONE && region[f.block[v]] === number ? newest[v] : v;
}

function mappedList(f: Func, number: number, l: number): number {
  const n = f.listLength(l);
  const copy = f.newList(n);
  for (let i = 0; i < n; i++) f.pool[copy + 2 + i] = mapped(f, number, f.listGet(l, i));
  if (n > 0) f.pool[copy + 1] = n;
  return copy;
}

function copyRow(f: Func, b: Builder, number: number, r: number): number {
  const op = f.op[r];
  const args = Op.OP_ARGS[op];
  const x = args > 0 ? mapped(f, number, f.a[r]) : f.a[r];
  const y = args > 1 ? mapped(f, number, f.b[r]) : f.b[r];
  let z = args > 2 ? mapped(f, number, f.c[r]) : f.c[r];
  if ((Op.OP_FACTS[op] & Op.F_LIST) !== 0) z = mappedList(f, number, z);
  const copy = f.newRow(op, f.ty[r], x, y, z, f.pos[r]);
  f.imm[copy] = f.imm[r];
  f.imm2[copy] = f.imm2[r];
  f.aux[copy] = f.aux[r];
  b.pos = f.pos[r];
  return b.emit(copy);
}

/** What a parameter is in a copy: the constant that the only edge into the copy brings, or a parameter of the copy. */
function copyParam(f: Func, copy: number, r: number, args: number): number {
  const p = f.addParam(copy, f.ty[r], f.pos[r]);
  const arg = args === NONE ? NONE : f.listGet(args, f.imm[r]);
  return arg !== NONE && isConstant(f, arg) ? constantIn(f, arg, copy) : p;
}

/**
 * Makes a copy of a block of a region, without its terminator, placed after block `at`. The copy has the block's parameters. `args` are the
 * arguments of the edge that will lead to the copy when that is only one (else NONE): constants among them are known in the copy. Other
 * arguments are not put in place of parameters: they may be values of the region itself, as they were when it was left. Blocks
 * of a region are to be copied in an order where dominators come first.
 */
export function copyRows(f: Func, b: Builder, block: number, at: number, args: number): number {
  const copy = f.newBlock();
  f.placeBlockAfter(copy, at);
  reserve(f);
  const number = region[block];
  region[copy] = number;
  nextCopy[copy] = firstCopy[block];
  firstCopy[block] = copy;
  versionsAt[copy] = versionCount;
  b.block = copy;
  b.before = NONE;
  for (let r = f.first[block]; r !== f.last[block]; r = f.next[r]) {
    const v = f.op[r] === Op.PARAM ? copyParam(f, copy, r, args) : copyRow(f, b, number, r);
    newest[r] = v;
    versions = grow32(versions, versionCount + 1);
    versions[versionCount++] = v;
  }
  return copy;
}

/**
 * Ends the newest copy of a block as the block ends. An edge to a block of the same region other than `entry` leads to that block's newest
 * copy, every other edge where the original leads.
 */
export function copyTerminator(f: Func, block: number, entry: number): void {
  const copy = firstCopy[block];
  const number = region[block];
  const t = f.last[block];
  const op = f.op[t];
  const a = Op.OP_ARGS[op] > 0 ? mapped(f, number, f.a[t]) : f.a[t];
  const list = (Op.OP_FACTS[op] & Op.F_LIST) !== 0 ? mappedList(f, number, f.c[t]) : f.c[t];
  const row = f.newRow(op, f.ty[t], a, f.b[t], list, f.pos[t]);
  f.imm[row] = f.imm[t];
  f.imm2[row] = f.imm2[t];
  f.aux[row] = f.aux[t];
  f.append(row, copy);
  if (Op.OP_IMM[op] !== Op.IMM_EDGES) return;
  f.imm[row] = f.edgeCount;
  for (let e = f.imm[t], end = e + f.imm2[t]; e < end; e++) {
    const to = f.edgeTo[e];
    const inside = region[to] === number && to !== entry;
    f.newEdge(copy, inside ? firstCopy[to] : to, mappedList(f, number, f.edgeArgs[e]));
  }
}

/** Ends the newest copy of a block of a region with a jump along one of the block's edges. */
export function copyAsJump(f: Func, block: number, edge: number): void {
  const copy = firstCopy[block];
  const row = f.newRow(Op.JUMP, Op.T_VOID, NONE, NONE, EMPTY, f.pos[f.last[block]]);
  f.append(row, copy);
  f.imm[row] = f.newEdge(copy, f.edgeTo[edge], mappedList(f, region[block], f.edgeArgs[edge]));
  f.imm2[row] = 1;
}

// ---- mending ----

/** Uses to mend, chained per value. A slot is a row * 4 + operand, operand 3 being an element of the row's list, or -1 - edge. */
let useFirst = new Int32Array(0);
let useNext = new Int32Array(0);
let useSlot = new Int32Array(0);
let useIndex = new Int32Array(0);
let useBlock = new Int32Array(0);
let useCount = 0;
let values = new Int32Array(0);
let valueCount = 0;
/** Per block: `reaches` holds what stands at its end for the value `stamp`. */
let stamp = new Int32Array(0);
let reaches = new Int32Array(0);
let path = new Int32Array(0);
let pending = new Int32Array(0);
let pendingCount = 0;

function note(f: Func, v: number, slot: number, index: number, block: number): void {
  if (v <= 0) return;
  const home = f.block[v];
  if (home === NONE || region[home] === 0 || region[home] === region[block]) return;
  if (firstCopy[home] === NONE) return;
  if (useFirst[v] === NONE) {
    values = grow32(values, valueCount + 1);
    values[valueCount++] = v;
  }
  if (useCount >= useNext.length) {
    useNext = grow32(useNext, useCount + 1);
    useSlot = grow32(useSlot, useCount + 1);
    useIndex = grow32(useIndex, useCount + 1);
    useBlock = grow32(useBlock, useCount + 1);
  }
  useSlot[useCount] = slot;
  useIndex[useCount] = index;
  useBlock[useCount] = block;
  useNext[useCount] = useFirst[v];
  useFirst[v] = useCount++;
}

function noteList(f: Func, l: number, slot: number, block: number): void {
  for (let i = 0, n = f.listLength(l); i < n; i++) note(f, f.listGet(l, i), slot, i, block);
}

function noteRow(f: Func, r: number, block: number): void {
  const op = f.op[r];
  const n = Op.OP_ARGS[op];
  if (n > 0) note(f, f.a[r], r * 4, 0, block);
  if (n > 1) note(f, f.b[r], r * 4 + 1, 0, block);
  if (n > 2) note(f, f.c[r], r * 4 + 2, 0, block);
  if ((Op.OP_FACTS[op] & Op.F_LIST) !== 0) noteList(f, f.c[r], r * 4 + 3, block);
  else if (Op.OP_IMM[op] === Op.IMM_EDGES) {
    for (let e = f.imm[r]; e < f.imm[r] + f.imm2[r]; e++) noteList(f, f.edgeArgs[e], -1 - e, block);
  }
}

function setUse(f: Func, u: number, w: number): void {
  const slot = useSlot[u];
  const r = slot >> 2;
  if (slot < 0) f.listSet(f.edgeArgs[-1 - slot], useIndex[u], w);
  else if ((slot & 3) === 0) f.a[r] = w;
  else if ((slot & 3) === 1) f.b[r] = w;
  else if ((slot & 3) === 2) f.c[r] = w;
  else f.listSet(f.c[r], useIndex[u], w);
}

/** The value that stands for v at the end of a block. */
function reaching(f: Func, v: number, block: number): number {
  let n = 0;
  let b = block;
  while (stamp[b] !== v) {
    path[n++] = b;
    stamp[b] = v;
    // What nothing leads to is not executed: there any value will do.
    reaches[b] = v;
    const e = f.predFirst[b];
    if (e === NONE) break;
    if (f.edgeNextPred[e] !== NONE) {
      reaches[b] = f.addParam(b, f.ty[v], f.pos[v]);
      pending[pendingCount++] = b;
      break;
    }
    b = f.edgeFrom[e];
  }
  const found = reaches[b];
  for (let i = 0; i < n; i++) reaches[path[i]] = found;
  return found;
}

function mendConstant(f: Func, v: number): void {
  for (let u = useFirst[v]; u !== NONE; u = useNext[u]) {
    const b = useBlock[u];
    if (stamp[b] !== v) {
      stamp[b] = v;
      reaches[b] = constantIn(f, v, b);
    }
    setUse(f, u, reaches[b]);
  }
}

function mendValue(f: Func, v: number): void {
  const home = f.block[v];
  stamp[home] = v;
  reaches[home] = v;
  for (let c = firstCopy[home]; c !== NONE; c = nextCopy[c]) {
    stamp[c] = v;
    reaches[c] = versions[versionsAt[c] + ordinal[v]];
  }
  for (let u = useFirst[v]; u !== NONE; u = useNext[u]) setUse(f, u, reaching(f, v, useBlock[u]));
  while (pendingCount > 0) {
    const b = pending[--pendingCount];
    for (let e = f.predFirst[b]; e !== NONE; e = f.edgeNextPred[e])
      f.edgeArgs[e] = f.listPush(f.edgeArgs[e], reaching(f, v, f.edgeFrom[e]));
  }
}

/** Gives every use of a value that has copies the one that reaches it. Predecessor chains must be right. */
function mendCopies(f: Func): void {
  reserve(f);
  useFirst = ensure32(useFirst, f.rowCount);
  useFirst.fill(NONE, 0, f.rowCount);
  useCount = 0;
  valueCount = 0;
  for (let b = 0; b !== NONE; b = f.blockNext[b]) {
    for (let r = f.first[b]; r !== NONE; r = f.next[r]) noteRow(f, r, b);
  }
  stamp = ensure32(stamp, f.blockCount);
  stamp.fill(0, 0, f.blockCount);
  reaches = ensure32(reaches, f.blockCount);
  path = ensure32(path, f.blockCount);
  pending = ensure32(pending, f.blockCount);
  for (let i = 0; i < valueCount; i++) {
    const v = values[i];
    if (isConstant(f, v)) mendConstant(f, v);
    else mendValue(f, v);
  }
}

/** Ends a batch: links edges to their targets, mends SSA form, and takes out what is no longer reached or needed. */
export function finishCopies(f: Func, an: Analyses): void {
  relinkPreds(f);
  mendCopies(f);
  an.invalidate();
  removeUnreachable(f, an);
  redundantParams(f, an);
}
