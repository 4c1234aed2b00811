/**
 * Unrolling of small innermost loops that count (analysis/counted.ts). Iterations keep their order, and each its effects and
 * traps, so whatever ends one early ends it as before; only the test that counts is left out where it is known.
 *
 * A loop that is known to run a few times is replaced by that many copies of its body. Others get a loop of several copies
 * beside them, which is entered, and goes round, while so many iterations are sure to pass the test. The loop itself does what is
 * left. That condition is one compare of the counting parameter with a limit made before (opt/unrollguard.ts); mostly it
 * also says that sums of this parameter do not wrap around, so that constants move into the offsets of loads and
 * stores. For other parameters that move along, a check before the copies says so.
 *
 * The copies come before the loop where it only ends by its count. Where it has other exits, which mostly means a search that is soon over, they
 * are reached from its back edge: one iteration costs what it did.
 */
import { CountedLoop, added, linear, root, stepOf } from '../analysis/counted.ts';
import { LoopBlocks } from '../analysis/loopblocks.ts';
import * as Op from '../gen/ir.ts';
import type { Builder } from '../ir/build.ts';
import { EMPTY, NONE, type Func } from '../ir/func.ts';
import type { Analyses } from './analyses.ts';
import { builderOf } from './builder.ts';
import {
  copyRows,
  copyTerminator,
  joinRegion,
  mapped,
  finishCopies,
  newestCopy,
  startCopies,
} from './copy.ts';
import { ok } from './gate.ts';
import { makePreheaders, preheaderEdge } from './preheaders.ts';
import { holds } from './rules/constants.ts';
import { guardOf, makeGuard, testGuard, walksWithin } from './unrollguard.ts';

/** Rows of the copies of a loop that is replaced by them. */
const ROWS = 32;
/** Rows of a loop whose copies number 4, and 2. */
const ROWS_FOUR = 6;
const ROWS_TWO = 10;
/** Blocks and header parameters of a loop, and iterations of one that is replaced. */
const BLOCKS = 6;
const PARAMS = 12;
const ITERATIONS = 8;
/** How deep a loop lies at least whose iterations are not known: others, and libraries are full of them, run too rarely. */
const DEPTH = 2;
/** Rows added to one function: so many and a share of its own. */
const GROWTH = 96;
const GROWTH_SHARE = 8;

const counted = new CountedLoop();
let builder: Builder | null = null;
const blocks = new LoopBlocks();
/** Per header parameter of the loop at hand: how much it moves where its sums are known not to wrap around, else 0. */
const moves = new Int32Array(PARAMS);
/** The header's parameters in the first copy. */
const heads = new Int32Array(PARAMS);
let budget = 0;
let regions = 0;
/** The edge that leaves the newest copy for the next iteration. */
let backEdge = NONE;

// ---- which loops ----

/** Rows of a loop without parameters, constants and jumps; more than the limit when it is not to be copied. */
function sizeOf(f: Func, h: number): number {
  let n = 0;
  let count = 0;
  for (let b = h; b !== NONE; b = blocks.next[b]) {
    if (++count > BLOCKS) return ROWS + 1;
    for (let r = f.first[b]; r !== NONE && n <= ROWS; r = f.next[r]) {
      const op = f.op[r];
      if ((Op.OP_FACTS[op] & (Op.F_ALL | Op.F_LIST)) !== 0 || op === Op.BRTABLE) return ROWS + 1;
      if (op !== Op.PARAM && op !== Op.ICONST && op !== Op.FCONST && op !== Op.JUMP) n++;
    }
  }
  return n;
}

/** The only edge back to the header of loop l; NONE when there are several. */
function onlyBackEdge(f: Func, an: Analyses, l: number): number {
  const h = an.loops.header[l];
  let back = NONE;
  for (let e = f.predFirst[h]; e !== NONE; e = f.edgeNextPred[e]) {
    if (!an.loops.contains(l, f.edgeFrom[e])) continue;
    if (back !== NONE) return NONE;
    back = e;
  }
  return back;
}

/** How often the test lets the loop go on from entry edge `e`, if that is known and at most ITERATIONS; else NONE. */
function iterations(f: Func, e: number): number {
  const p = f.listGet(f.edgeArgs[e], f.imm[counted.param]);
  const n = counted.limit;
  if (f.op[p] !== Op.ICONST || (n !== NONE && f.op[n] !== Op.ICONST)) return NONE;
  const y = n === NONE ? 0 : f.imm[n];
  let x = (f.imm[p] + counted.offset) | 0;
  for (let i = 0; i <= ITERATIONS; i++) {
    if (!holds(counted.cc, x - y, (x >>> 0) - (y >>> 0))) return i;
    x = (x + counted.step) | 0;
  }
  return NONE;
}

/** How many edges leave loop l. */
function exits(f: Func, an: Analyses, l: number): number {
  let n = 0;
  for (let b = an.loops.header[l]; b !== NONE; b = blocks.next[b]) {
    const t = f.last[b];
    for (let e = f.imm[t]; e < f.imm[t] + f.imm2[t]; e++)
      if (!an.loops.contains(l, f.edgeTo[e])) n++;
  }
  return n;
}

// ---- copies ----

/** The place of an edge among those of its terminator. */
function edgePlace(f: Func, e: number): number {
  return e - f.imm[f.last[f.edgeFrom[e]]];
}

/** Makes the test of the newest copy a jump along the edge of its place. */
function settle(f: Func, place: number): void {
  const t = f.last[newestCopy(counted.block)];
  f.op[t] = Op.JUMP;
  f.a[t] = NONE;
  f.imm[t] += place;
  f.imm2[t] = 1;
}

/**
 * Makes a copy of the loop with header h after block `at`, whose test takes the edge of place `way`. `args`: arguments of the only edge that
 * will lead there, else NONE. Returns the block to go on after.
 */
function copyLoop(f: Func, h: number, back: number, at: number, args: number, way: number): number {
  for (let b = h; b !== NONE; b = blocks.next[b])
    at = copyRows(f, builder!, b, at, b === h ? args : NONE);
  for (let b = h; b !== NONE; b = blocks.next[b]) copyTerminator(f, b, h);
  backEdge = f.imm[f.last[newestCopy(f.edgeFrom[back])]] + edgePlace(f, back);
  settle(f, way);
  return at;
}

function join(f: Func, h: number): void {
  regions++;
  for (let b = h; b !== NONE; b = blocks.next[b]) joinRegion(f, b, regions);
}

/** Replaces a loop that is entered by edge `e` and goes on `times` times. */
function replaceLoop(f: Func, h: number, e: number, back: number, times: number): void {
  join(f, h);
  let at = f.edgeFrom[e];
  let to = e;
  for (let i = 0; i <= times; i++) {
    const way = i < times ? counted.stays : 1 - counted.stays;
    at = copyLoop(f, h, back, at, f.edgeArgs[to], way);
    f.edgeTo[to] = newestCopy(h);
    to = backEdge;
  }
}

// ---- addresses ----

function isAccess(f: Func, r: number): boolean {
  const op = f.op[r];
  return op >= Op.LOAD && op <= Op.STORE32 && f.b[r] !== NONE && f.ty[f.b[r]] === Op.T_I32;
}

/** The parameter of h whose sums index the access r, set off by `added`; NONE when there is none. */
function walker(f: Func, h: number, r: number): number {
  if (!isAccess(f, r) || f.imm2[r] !== 0 || f.imm[r] < 0) return NONE;
  linear(f, f.b[r]);
  const p = root;
  return added >= 0 && f.op[p] === Op.PARAM && f.block[p] === h ? p : NONE;
}

/** Lets the accesses of the newest copy, which is iteration j of the first, index by the first copy's parameters. */
function foldAddresses(f: Func, h: number, j: number): void {
  for (let b = h; b !== NONE; b = blocks.next[b]) {
    for (let r = f.first[b]; r !== NONE; r = f.next[r]) {
      const p = walker(f, h, r);
      if (p === NONE || moves[f.imm[p]] === 0) continue;
      const copy = mapped(f, regions, r);
      const offset = f.imm[r] + added + j * moves[f.imm[p]];
      if (copy <= 0 || f.op[copy] !== f.op[r] || f.a[copy] !== mapped(f, regions, f.a[r])) continue;
      if (offset > 0x7fffffff || !ok(f, 'unroll-address')) continue;
      f.b[copy] = heads[f.imm[p]];
      f.imm[copy] = offset;
    }
  }
}

/** How far accesses that parameter p indexes lie from it at most; NONE when none does. */
function farthest(f: Func, h: number, p: number): number {
  let far = NONE;
  for (let b = h; b !== NONE; b = blocks.next[b])
    for (let r = f.first[b]; r !== NONE; r = f.next[r])
      if (walker(f, h, r) === p) far = Math.max(far, added);
  return far;
}

function checked(f: Func, h: number): boolean {
  for (let b = h; b !== NONE; b = blocks.next[b])
    for (let r = f.first[b]; r !== NONE; r = f.next[r]) if (f.op[r] === Op.BOUND) return true;
  return false;
}

// ---- unrolling ----

/** A block that has the header's parameters and goes round the first copy, or into the loop that is left. Returns it. */
function closeLoop(f: Func, h: number, first: number, at: number, limit: number): number {
  const b = builder!;
  const block = f.newBlock();
  f.placeBlockAfter(block, at);
  b.block = block;
  b.before = NONE;
  b.pos = f.pos[f.last[counted.block]];
  let args = EMPTY;
  let p = f.first[h];
  let own = NONE;
  for (let i = 0; i < f.paramCount[h]; i++, p = f.next[p]) {
    const q = f.addParam(block, f.ty[p], f.pos[p]);
    if (p === counted.param) own = q;
    args = f.listPush(args, q);
  }
  b.brif(testGuard(b, own, limit), first, args, h, f.listCopy(args));
  return block;
}

/** Notes which parameters' sums are known, given that the guard holds; those that need a check of their own are checked. */
function findMoves(f: Func, h: number, e: number, back: number): number {
  let cond = NONE;
  let p = f.first[h];
  for (let i = 0; i < f.paramCount[h]; i++, p = f.next[p]) {
    const step = stepOf(f, p, back);
    if (step <= 0) continue;
    const far = farthest(f, h, p);
    if (far === NONE) continue;
    if (p === counted.param && guardOf.covers) moves[i] = step;
    else {
      const start = f.listGet(f.edgeArgs[e], i);
      const within = walksWithin(
        builder!,
        counted,
        f.listGet(f.edgeArgs[e], f.imm[counted.param]),
        start,
        step,
        far,
      );
      if (within === NONE) continue;
      moves[i] = step;
      cond = cond === NONE ? within : builder!.binary(Op.IAND, Op.T_I32, cond, within);
    }
  }
  return cond;
}

/**
 * Puts `factor` copies of the loop with header h in front of edge e to it, which a jump takes, guarded. False when that can not be
 * done, or never be of use.
 */
function multiply(f: Func, h: number, e: number, back: number, factor: number): boolean {
  const b = builder!;
  const before = f.edgeFrom[e];
  const args = f.edgeArgs[e];
  const t = f.last[before];
  b.block = before;
  b.before = t;
  b.pos = f.pos[t];
  const limit = makeGuard(b, counted, factor, farthest(f, h, counted.param));
  if (limit === NONE) return false;
  const cond = testGuard(b, f.listGet(args, f.imm[counted.param]), limit);
  if (f.op[cond] === Op.ICONST && f.imm[cond] === 0) return false;
  // Checks of other parameters have a block of their own, for loops that end before they pay.
  const check = f.newBlock();
  f.placeBlockAfter(check, before);
  b.block = check;
  b.before = NONE;
  moves.fill(0);
  const within = checked(f, h) ? NONE : findMoves(f, h, e, back);
  const first = copyBodies(f, h, back, check, factor, limit);
  b.block = check;
  b.before = NONE;
  b.pos = f.pos[t];
  if (within === NONE) b.jump(first, args);
  else b.brif(within, first, args, h, f.listCopy(args));
  f.unlink(t);
  b.block = before;
  b.brif(cond, check, EMPTY, h, f.listCopy(args));
  return true;
}

/** The loop of copies; returns its header. */
function copyBodies(
  f: Func,
  h: number,
  back: number,
  after: number,
  factor: number,
  limit: number,
): number {
  join(f, h);
  let at = copyLoop(f, h, back, after, NONE, counted.stays);
  const first = newestCopy(h);
  let p = f.first[h];
  for (let i = 0; i < f.paramCount[h]; i++, p = f.next[p]) heads[i] = mapped(f, regions, p);
  foldAddresses(f, h, 0);
  for (let j = 1; j < factor; j++) {
    const e = backEdge;
    at = copyLoop(f, h, back, at, f.edgeArgs[e], counted.stays);
    f.edgeTo[e] = newestCopy(h);
    foldAddresses(f, h, j);
  }
  const e = backEdge;
  f.edgeTo[e] = closeLoop(f, h, first, at, limit);
  return first;
}

/** As {@link multiply}, but the copies are reached from the back edge: a loop that ends in its first iteration is as it was. */
function multiplyBehind(f: Func, h: number, back: number, factor: number): boolean {
  const latch = f.edgeFrom[back];
  const block = f.newBlock();
  f.placeBlockAfter(block, latch);
  builder!.block = block;
  builder!.before = NONE;
  builder!.pos = f.pos[f.last[latch]];
  builder!.jump(h, f.listCopy(f.edgeArgs[back]));
  const e = f.imm[f.last[block]];
  if (!multiply(f, h, e, back, factor)) {
    f.unlinkPred(e);
    f.unplaceBlock(block);
    return false;
  }
  f.edgeTo[back] = block;
  f.edgeArgs[back] = EMPTY;
  return true;
}

/** Unrolls loop l if it may and should be; true when it was. */
function unroll(f: Func, an: Analyses, l: number): boolean {
  const h = an.loops.header[l];
  const e = preheaderEdge(f, an.dom, h);
  const back = onlyBackEdge(f, an, l);
  if (e === NONE || back === NONE || f.paramCount[h] > PARAMS) return false;
  const size = sizeOf(f, h);
  if (size > ROWS || !counted.find(f, an.loops, an.dom, l, back, blocks.next)) return false;
  const times = iterations(f, e);
  if (times !== NONE) {
    if ((times + 1) * size > Math.min(ROWS, budget) || !ok(f, 'unroll-known')) return false;
    budget -= times * size;
    replaceLoop(f, h, e, back, times);
    return true;
  }
  if (an.loops.depth[l] < DEPTH) return false;
  const factor = size <= ROWS_FOUR ? 4 : 2;
  if (size > ROWS_TWO || factor * size > budget || !ok(f, 'unroll')) return false;
  const done =
    exits(f, an, l) === 1 ? multiply(f, h, e, back, factor) : multiplyBehind(f, h, back, factor);
  if (!done) return false;
  budget -= factor * size;
  return true;
}

/** Unrolls loops. The function must have no unreachable blocks. */
export function unrollLoops(f: Func, an: Analyses): void {
  if (f.labelCount > 0) return;
  an.needLoops(f);
  if (an.loops.count === 0) return;
  makePreheaders(f, an);
  builder = builderOf(f);
  budget = GROWTH + Math.trunc(f.rowCount / GROWTH_SHARE);
  regions = 0;
  const { loops } = an;
  blocks.compute(f, an.cfg, loops);
  let done = false;
  startCopies(f);
  for (let l = 0; l < loops.count; l++) {
    if (loops.header[l] === 0 || !blocks.isInnermost(l)) continue;
    if (unroll(f, an, l)) done = true;
  }
  if (!done) return;
  finishCopies(f, an);
}
