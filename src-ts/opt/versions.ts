/**
 * Loops in two versions (explicit-check mode). Where checks of an innermost loop have an index x + y that consists of an invariant x and a y
 * that is known to be small, whether x is within the memory is asked once, before the loop. When all such x are, the loop as it is
 * runs, and `bounds.ts` finds its checks needless; when not, a copy of the loop does, with all checks, so that what happens
 * before a trap happens. A memory only grows: what was asked before the loop stays true in it.
 *
 * (Midkiff, Moreira and Snir, Optimizing Array Reference Checking in Java Programs, IBM Systems Journal 1998, split loops into
 * regions with and without checks; here the tail behind the memory makes a question about the invariant part enough.)
 */
import { LoopBlocks } from '../analysis/loopblocks.ts';
import type { Loops } from '../analysis/loops.ts';
import { ensure32, grow32 } from '../analysis/scratch.ts';
import { UpperBounds } from '../analysis/upper.ts';
import * as Op from '../gen/ir.ts';
import type { Builder } from '../ir/build.ts';
import { EMPTY, NONE, type Func } from '../ir/func.ts';
import type { Analyses } from './analyses.ts';
import { builderOf } from './builder.ts';
import { inEveryIteration, isMemorySize, isNear, neededBounds, SLACK } from './bounds.ts';
import { copyRows, copyTerminator, joinRegion, finishCopies, startCopies } from './copy.ts';
import { ok } from './gate.ts';
import { preheaderEdge } from './preheaders.ts';

/** Rows of a loop that is copied, and what it may ask before. */
const ROWS = 400;
const GUARDS = 12;
/** Rows copied in one function: so many and a share of its own. */
const GROWTH = 400;
const GROWTH_SHARE = 4;
/** Operations of an index that are looked through. */
const DEPTH = 3;

const upper = new UpperBounds();
let builder: Builder | null = null;

const blocks = new LoopBlocks();
/** Per innermost loop: how many rows and needed checks it has. */
let size = new Int32Array(0);
let checks = new Int32Array(0);

/** What is asked before loops: that root + k is within the memory. Those of loop l are guardFirst[l] to guardEnd[l] - 1. */
let guards = 0;
let guardFirst = new Int32Array(0);
let guardEnd = new Int32Array(0);
let guardRoot = new Int32Array(0);
let guardK = new Int32Array(0);
/** A check that asks the same, for its limit and position. */
let guardRow = new Int32Array(0);

function measure(f: Func, loops: Loops, needed: Uint8Array): void {
  size = ensure32(size, loops.count);
  checks = ensure32(checks, loops.count);
  size.fill(0, 0, loops.count);
  checks.fill(0, 0, loops.count);
  for (let l = 0; l < loops.count; l++) {
    if (!blocks.isInnermost(l)) continue;
    for (let b = loops.header[l]; b !== NONE; b = blocks.next[b]) {
      for (let r = f.first[b]; r !== NONE; r = f.next[r]) {
        size[l]++;
        checks[l] += needed[r];
      }
    }
  }
}

function outside(f: Func, loops: Loops, l: number, v: number): boolean {
  return !loops.contains(l, f.block[v]);
}

/** Notes that the invariant part of the index of check r is to be asked for; nothing when it has none. */
function noteGuard(f: Func, loops: Loops, l: number, r: number): void {
  let v = f.a[r];
  let k = f.imm[r];
  let u = 0;
  const b = f.block[r];
  for (let depth = 0; !outside(f, loops, l, v); depth++) {
    if (f.op[v] !== Op.IADD || depth === DEPTH * 2) return;
    const [x, y] = [f.a[v], f.b[v]];
    if (f.op[y] === Op.ICONST) {
      k += f.imm[y];
      v = x;
      continue;
    }
    const byY = outside(f, loops, l, y) ? SLACK + 1 : upper.of(y, b);
    const byX = byY <= SLACK ? 0 : upper.of(x, b);
    u += byY <= SLACK ? byY : byX;
    v = byY <= SLACK ? x : y;
  }
  if (u + Math.max(k, 0) > SLACK || k < -SLACK) return;
  addGuard(l, v, Math.min(k, 0), r);
}

function addGuard(l: number, root: number, k: number, r: number): void {
  let g = guardFirst[l];
  while (g < guards && guardRoot[g] !== root) g++;
  if (g === guardFirst[l] + GUARDS) return;
  if (g === guards) {
    guardRoot = grow32(guardRoot, ++guards);
    guardK = grow32(guardK, guards);
    guardRow = grow32(guardRow, guards);
    guardRoot[g] = root;
    guardK[g] = k;
    guardRow[g] = r;
  } else guardK[g] = Math.min(guardK[g], k);
}

/** Finds what is to be asked before loop l. */
function findGuards(f: Func, an: Analyses, l: number, needed: Uint8Array): void {
  const h = an.loops.header[l];
  for (let b = h; b !== NONE; b = blocks.next[b]) {
    if (!inEveryIteration(f, an, h, b)) continue;
    for (let r = f.first[b]; r !== NONE; r = f.next[r])
      if (f.op[r] === Op.BOUND && needed[r] === 1 && isNear(f, r)) noteGuard(f, an.loops, l, r);
  }
}

/** Finds which loops are to be versioned, before anything changes: what is known of values is known of the graph as it is. */
function chooseLoops(f: Func, an: Analyses, needed: Uint8Array): void {
  guardFirst = ensure32(guardFirst, an.loops.count);
  guardEnd = ensure32(guardEnd, an.loops.count);
  guards = 0;
  let budget = GROWTH + Math.trunc(f.rowCount / GROWTH_SHARE);
  upper.begin(f, an.dom);
  for (let l = 0; l < an.loops.count; l++) {
    guardFirst[l] = guards;
    const fits = checks[l] > 0 && size[l] <= Math.min(ROWS, budget);
    if (fits && preheaderEdge(f, an.dom, an.loops.header[l]) !== NONE) findGuards(f, an, l, needed);
    guardEnd[l] = guards;
    if (guards > guardFirst[l]) budget -= size[l];
  }
}

/** The memory's size as it is before loop l, from one of its checks; NONE when it can not be had there. */
function sizeBefore(f: Func, loops: Loops, l: number, b: Builder): number {
  let inside = NONE;
  for (let g = guardFirst[l]; g < guardEnd[l]; g++) {
    const v = f.b[guardRow[g]];
    if (!isMemorySize(f, v)) continue;
    if (outside(f, loops, l, v)) return v;
    if (outside(f, loops, l, f.a[v])) inside = v;
  }
  if (inside === NONE) return NONE;
  return b.load(Op.LOAD, Op.T_I64, f.a[inside], NONE, f.imm[inside], 0, f.aux[inside]);
}

/** Copies the blocks of the loop with header h as region `number`; returns the copy's header. */
function copyLoop(f: Func, h: number, b: Builder, number: number): number {
  const { next } = blocks;
  for (let k = h; k !== NONE; k = next[k]) joinRegion(f, k, number);
  const copy = f.blockCount;
  for (let k = h; k !== NONE; k = next[k]) copyRows(f, b, k, f.lastBlock, NONE);
  for (let k = h; k !== NONE; k = next[k]) copyTerminator(f, k, NONE);
  return copy;
}

/** Ends the preheader of loop l, whose jump is gone, with the questions: one block each, to the loop when all are answered with yes. */
function ask(
  f: Func,
  b: Builder,
  l: number,
  bytes: number,
  fast: number,
  slow: number,
  args: number,
): void {
  for (let g = guardFirst[l]; g < guardEnd[l]; g++) {
    b.pos = f.pos[guardRow[g]];
    let v = guardRoot[g];
    if (guardK[g] !== 0) v = b.binary(Op.IADD, Op.T_I32, v, b.iconst32(guardK[g]));
    const inside = b.icmp(Op.ICC_ULE, b.unary(Op.ZEXT, Op.T_I64, v), bytes);
    if (g === guardEnd[l] - 1) return void b.brif(inside, fast, args, slow, f.listCopy(args));
    const next = f.newBlock();
    f.placeBlockAfter(next, b.block);
    b.brif(inside, next, EMPTY, slow, f.listCopy(args));
    b.block = next;
  }
}

/** Makes the versions of loop l, region `number`; false when the memory's size is not to be had before it. */
function makeVersions(f: Func, an: Analyses, l: number, number: number): boolean {
  const b = builder!;
  const header = an.loops.header[l];
  const e = preheaderEdge(f, an.dom, header);
  b.block = f.edgeFrom[e];
  b.before = f.last[b.block];
  b.pos = f.pos[b.before];
  const bytes = sizeBefore(f, an.loops, l, b);
  if (bytes === NONE) return false;
  const before = b.block;
  f.remove(b.before);
  const slow = copyLoop(f, header, b, number);
  b.block = before;
  b.before = NONE;
  ask(f, b, l, bytes, header, slow, f.edgeArgs[e]);
  return true;
}

/** Makes two versions of loops where that saves bounds checks. The function must have no unreachable blocks. */
export function versionLoops(f: Func, an: Analyses): void {
  // In copies a Wasm position would stand for other values than its labels say.
  if (f.labelCount > 0) return;
  const needed = neededBounds(f, an);
  if (needed === null) return;
  blocks.compute(f, an.cfg, an.loops);
  measure(f, an.loops, needed);
  builder = builderOf(f);
  chooseLoops(f, an, needed);
  let done = 0;
  startCopies(f);
  for (let l = 0; l < an.loops.count; l++) {
    if (guardFirst[l] === guardEnd[l] || !ok(f, 'versions')) continue;
    if (makeVersions(f, an, l, done + 1)) done++;
  }
  if (done === 0) return;
  finishCopies(f, an);
}
