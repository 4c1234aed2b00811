/**
 * Loops in two versions (explicit-check mode). Where checks of an innermost loop have an index x + y that consists of an invariant x and a y
 * that is known to be small, whether x is within the memory is asked once, before the loop. When all such x are, the loop as it is
 * runs, and `bounds.ts` finds its checks needless; when not, a copy of the loop does, with all checks, so that what happens
 * before a trap happens. A memory only grows: what was asked before the loop stays true in it.
 *
 * (The versioning is that of Gupta, Optimizing Array Bound Checks Using Flow Analysis, LOPLAS 1993, section 4, with the tail behind the
 * memory in place of the range's end.)
 */
import type { Loops } from '../analysis/loops.ts';
import { ensure32 } from '../analysis/scratch.ts';
import { UpperBounds } from '../analysis/upper.ts';
import * as Abi from '../gen/abi.ts';
import * as Op from '../gen/ir.ts';
import { Builder } from '../ir/build.ts';
import { EMPTY, NONE, type Func } from '../ir/func.ts';
import type { Analyses } from './analyses.ts';
import { isMemorySize, isNear, neededBounds } from './bounds.ts';
import { copyRows, copyTerminator, joinRegion, mendCopies, startCopies } from './copy.ts';
import { ok } from './gate.ts';
import { redundantParams } from './params.ts';
import { preheaderEdge } from './preheaders.ts';
import { relinkPreds } from './rewrite.ts';

/** How far y and constants may move an index past its invariant part: what `bounds.ts` lets the tail catch. */
const SLACK = Abi.MEMORY_TAIL - Abi.MEMORY_NEAR;
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

/** Per loop: its blocks if it is an innermost one, chained in reverse postorder; how many rows and needed checks they have. */
let firstBlock = new Int32Array(0);
let lastBlock = new Int32Array(0);
let nextBlock = new Int32Array(0);
let size = new Int32Array(0);
let checks = new Int32Array(0);

/** What is asked before the loop looked at: that root + k is within the memory, for `uses` of its checks. */
let guards = 0;
const guardRoot = new Int32Array(GUARDS);
const guardK = new Int32Array(GUARDS);
const guardUses = new Int32Array(GUARDS);
/** A check that asks the same, for its limit and position. */
const guardRow = new Int32Array(GUARDS);

function collect(f: Func, an: Analyses, needed: Uint8Array): void {
  const { cfg, loops } = an;
  firstBlock = ensure32(firstBlock, loops.count);
  lastBlock = ensure32(lastBlock, loops.count);
  size = ensure32(size, loops.count);
  checks = ensure32(checks, loops.count);
  nextBlock = ensure32(nextBlock, f.blockCount);
  firstBlock.fill(NONE, 0, loops.count);
  size.fill(0, 0, loops.count);
  checks.fill(0, 0, loops.count);
  for (let i = 0; i < cfg.count; i++) {
    const b = cfg.order[i];
    const l = loops.of[b];
    if (l === NONE) continue;
    if (firstBlock[l] === NONE) firstBlock[l] = b;
    else nextBlock[lastBlock[l]] = b;
    nextBlock[b] = NONE;
    lastBlock[l] = b;
    for (let r = f.first[b]; r !== NONE; r = f.next[r]) {
      size[l]++;
      checks[l] += needed[r];
    }
  }
  // A loop around another one is not looked at.
  for (let l = 0; l < loops.count; l++) if (loops.parent[l] !== NONE) checks[loops.parent[l]] = 0;
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
  addGuard(v, Math.min(k, 0), r);
}

function addGuard(root: number, k: number, r: number): void {
  let g = 0;
  while (g < guards && guardRoot[g] !== root) g++;
  if (g === GUARDS) return;
  if (g === guards) {
    guards++;
    guardRoot[g] = root;
    guardK[g] = k;
    guardUses[g] = 0;
    guardRow[g] = r;
  }
  if (k < guardK[g]) guardK[g] = k;
  guardUses[g]++;
}

/** Whether every iteration of a loop executes block b. */
function inEveryIteration(f: Func, an: Analyses, h: number, b: number): boolean {
  for (let e = f.predFirst[h]; e !== NONE; e = f.edgeNextPred[e]) {
    const from = f.edgeFrom[e];
    if (an.dom.dominates(h, from) && !an.dom.dominates(b, from)) return false;
  }
  return true;
}

/** Finds what is to be asked before loop l; returns for how many checks. */
function findGuards(f: Func, an: Analyses, l: number, needed: Uint8Array): number {
  guards = 0;
  const h = an.loops.header[l];
  for (let b = firstBlock[l]; b !== NONE; b = nextBlock[b]) {
    if (!inEveryIteration(f, an, h, b)) continue;
    for (let r = f.first[b]; r !== NONE; r = f.next[r])
      if (f.op[r] === Op.BOUND && needed[r] === 1 && isNear(f, r)) noteGuard(f, an.loops, l, r);
  }
  let uses = 0;
  for (let g = 0; g < guards; g++) uses += guardUses[g];
  return uses;
}

/** A memory's size as it is before loop l, from one of its checks; NONE when it can not be had there. */
function sizeBefore(f: Func, loops: Loops, l: number, b: Builder): number {
  for (let g = 0; g < guards; g++)
    if (outside(f, loops, l, f.b[guardRow[g]])) return f.b[guardRow[g]];
  for (let g = 0; g < guards; g++) {
    const v = f.b[guardRow[g]];
    if (isMemorySize(f, v) && outside(f, loops, l, f.a[v]))
      return b.load(Op.LOAD, Op.T_I64, f.a[v], NONE, f.imm[v], 0, f.aux[v]);
  }
  return NONE;
}

function copyList(f: Func, l: number): number {
  const n = f.listLength(l);
  const copy = f.newList(n);
  for (let i = 0; i < n; i++) f.pool[copy + 2 + i] = f.listGet(l, i);
  if (n > 0) f.pool[copy + 1] = n;
  return copy;
}

/** Copies the blocks of loop l as region `number`; returns the copy's header. */
function copyLoop(f: Func, l: number, b: Builder, number: number): number {
  for (let k = firstBlock[l]; k !== NONE; k = nextBlock[k]) joinRegion(f, k, number);
  const header = f.blockCount;
  for (let k = firstBlock[l]; k !== NONE; k = nextBlock[k]) copyRows(f, b, k, f.lastBlock, NONE);
  for (let k = firstBlock[l]; k !== NONE; k = nextBlock[k]) copyTerminator(f, k, NONE);
  return header;
}

/** Ends the preheader, whose jump is gone, with the questions: one block each, to `fast` when all are answered with yes. */
function ask(f: Func, b: Builder, bytes: number, fast: number, slow: number, args: number): void {
  for (let g = 0; g < guards; g++) {
    b.pos = f.pos[guardRow[g]];
    let v = guardRoot[g];
    if (guardK[g] !== 0) v = b.binary(Op.IADD, Op.T_I32, v, b.iconst32(guardK[g]));
    const inside = b.icmp(Op.ICC_ULE, b.unary(Op.ZEXT, Op.T_I64, v), bytes);
    if (g === guards - 1) return void b.brif(inside, fast, args, slow, copyList(f, args));
    const next = f.newBlock();
    f.placeBlockAfter(next, b.block);
    b.brif(inside, next, EMPTY, slow, copyList(f, args));
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
  const slow = copyLoop(f, l, b, number);
  b.block = before;
  b.before = NONE;
  ask(f, b, bytes, header, slow, f.edgeArgs[e]);
  return true;
}

/** Makes two versions of loops where that saves bounds checks. The function must have no unreachable blocks. */
export function versionLoops(f: Func, an: Analyses): void {
  // In copies a Wasm position would stand for other values than its labels say.
  if (f.labelCount > 0) return;
  const needed = neededBounds(f, an);
  if (needed === null) return;
  collect(f, an, needed);
  if (builder === null || builder.f !== f) builder = new Builder(f);
  let budget = GROWTH + Math.trunc(f.rowCount / GROWTH_SHARE);
  let done = 0;
  upper.begin(f, an.dom);
  startCopies(f);
  for (let l = 0; l < an.loops.count; l++) {
    if (checks[l] === 0 || size[l] > Math.min(ROWS, budget)) continue;
    const uses = findGuards(f, an, l, needed);
    if (uses === 0 || preheaderEdge(f, an.dom, an.loops.header[l]) === NONE) continue;
    if (!ok(f, 'versions') || !makeVersions(f, an, l, done + 1)) continue;
    budget -= size[l];
    done++;
  }
  if (done === 0) return;
  relinkPreds(f);
  mendCopies(f);
  an.invalidate();
  redundantParams(f, an);
}
