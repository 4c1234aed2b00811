/**
 * Bounds checks that earlier checks and accesses make needless (explicit-check mode).
 *
 * Behind a memory lies a tail of MEMORY_TAIL bytes that can not be accessed (isa/abi), and an access never ends more than MEMORY_NEAR bytes past
 * an index that only a `bound` of size 0 vouches for. So once an index x is known to be within the memory (x <= bytes), the
 * access at x + d, 0 <= d <= SLACK, either is in bounds or faults where it stands, and needs no check. That holds
 * although x + d wraps around at 2^32: the sum is then below d. A memory only grows, so a fact once true stays true.
 *
 * An index is a root plus a constant modulo 2^32. Facts "root + k <= bytes + slack" hold for the blocks below the one they were
 * found in. They come from checks, from accesses that did not trap (of stores at once, of loads when their block is over,
 * since lowering may exchange loads inside a block), and from branches that compare an index with the memory's size.
 * Sums are known by their parts: x + y is at most bytes + slack + u when x is at most bytes + slack, and y at most u.
 *
 * Loops: a parameter p of a header that every back edge moves up by a constant is within reach again if it was on entry and an access at p + k
 * executes in every iteration (by induction over the iterations). Where nothing vouches for the entry, the first thing the
 * header checks may be checked in the preheader.
 *
 * A removed check leans on what vouched for it, so this runs once, and no pass after it may remove or move an access that can trap.
 */
import { mayTrap } from '../analysis/aliases.ts';
import type { Loops } from '../analysis/loops.ts';
import { ensure32, ensure8, grow32 } from '../analysis/scratch.ts';
import { UpperBounds } from '../analysis/upper.ts';
import * as Abi from '../gen/abi.ts';
import * as Op from '../gen/ir.ts';
import { NONE, type Func } from '../ir/func.ts';
import type { Analyses } from './analyses.ts';
import { ok } from './gate.ts';
import { makePreheaders, preheaderEdge } from './preheaders.ts';

/** How far past an index that is within the memory another one may lie. */
export const SLACK = Abi.MEMORY_TAIL - Abi.MEMORY_NEAR;
/** How far a parameter may move in one iteration, and an access may lie from it. */
const STEP = SLACK >> 2;
/** Facts of one root that are looked at. */
const SCAN = 12;
/** Operations of an index that are looked through. */
const DEPTH = 3;
const FAR = 0x1_0000_0000;

/** Per root: its newest fact. Facts are a stack, taken back when the walk leaves a block. */
let factFirst = new Int32Array(0);
let factNext = new Int32Array(0);
let factRoot = new Int32Array(0);
let factK = new Int32Array(0);
let factSlack = new Int32Array(0);
let facts = 0;
/** Rows there were at the start: those made on the way have no entries in the tables by row, and no facts. */
let rows = 0;
/** Per block of the walk: facts when it was entered. */
let scope = new Int32Array(0);

/** Per header parameter that its loop moves up by constants, the least and the largest; NONE for other rows. */
let stepMin = new Int32Array(0);
let stepMax = new Int32Array(0);
/** Per such parameter p, the least k of checks of p + k in the loop, and of accesses there that every iteration executes; else FARTHER. */
let checkedAt = new Int32Array(0);
let accessedAt = new Int32Array(0);
const FARTHER = 0x7fffffff;
/** The limit of a check of p + k in the loop, NONE before one was found. */
let limit = new Int32Array(0);
/** While the needed checks are looked for: which they are. Nothing is changed then. */
let needed = new Uint8Array(0);
let dry = false;
/** Whether a row of a header depends on the parameter looked at. */
let tainted = new Uint8Array(0);

// ---- indices ----

/** What {@link split} found: index = root + constant modulo 2^32; root 0 for a constant. */
let root = 0;
let constant = 0;

function split(f: Func, v: number): void {
  root = v;
  constant = 0;
  for (;;) {
    if (f.op[root] === Op.ICONST) {
      constant = (constant + f.imm[root]) | 0;
      root = 0;
      return;
    }
    if (f.op[root] !== Op.IADD || f.op[f.b[root]] !== Op.ICONST) return;
    constant = (constant + f.imm[f.b[root]]) | 0;
    root = f.a[root];
  }
}

const upper = new UpperBounds();
/** The block in which {@link reach} is asked. */
let here = 0;

/** How far the index v + add may lie past the end of the memory; FAR or more when nothing is known. */
function reach(f: Func, v: number, add: number, depth: number): number {
  split(f, v);
  const r = root;
  const k = (constant + add) | 0;
  const past = k >>> 0;
  if (r === 0) return past;
  let best = FAR;
  let n = 0;
  for (let e = r < rows ? factFirst[r] : NONE; e !== NONE && n < SCAN; e = factNext[e], n++)
    best = Math.min(best, ((k - factK[e]) >>> 0) + factSlack[e]);
  if (best <= SLACK || depth === 0) return best;
  const op = f.op[r];
  if (op === Op.IADD) best = Math.min(best, reachSum(f, r, k, depth - 1));
  if (best <= SLACK || past > SLACK) return best;
  best = Math.min(best, upper.of(r, here) + past);
  if (best <= SLACK) return best;
  // x & m <= x, x >>> n <= x, x | m <= x + m
  if (op === Op.IAND || op === Op.USHR)
    return Math.min(best, reach(f, f.a[r], 0, depth - 1) + past);
  if (op !== Op.IOR || f.op[f.b[r]] !== Op.ICONST) return best;
  return Math.min(best, reach(f, f.a[r], 0, depth - 1) + (f.imm[f.b[r]] >>> 0) + past);
}

/** As {@link reach}, for the sum r of two values and a constant. A sum that wraps around is below u + k. */
function reachSum(f: Func, r: number, k: number, depth: number): number {
  const [x, y] = [f.a[r], f.b[r]];
  let best = FAR;
  const byY = upper.of(y, here);
  if (byY <= SLACK) best = reach(f, x, k, depth) + byY;
  if (best <= SLACK) return best;
  const byX = upper.of(x, here);
  if (byX <= SLACK) best = Math.min(best, reach(f, y, k, depth) + byX);
  return best;
}

function addFact(r: number, k: number, slack: number): void {
  if (r >= rows) return;
  const e = facts++;
  if (e >= factNext.length) {
    factNext = grow32(factNext, e + 1);
    factRoot = grow32(factRoot, e + 1);
    factK = grow32(factK, e + 1);
    factSlack = grow32(factSlack, e + 1);
  }
  factRoot[e] = r;
  factK[e] = k;
  factSlack[e] = slack;
  factNext[e] = factFirst[r];
  factFirst[r] = e;
}

/** An index that is within the memory from here on. */
function learn(f: Func, v: number): void {
  split(f, v);
  if (root !== 0) addFact(root, constant, 0);
}

/** Takes note of an access that has not trapped, unless its index is known well enough. */
function accessed(f: Func, r: number): void {
  if (reach(f, f.b[r], 0, 0) > STEP) learn(f, f.b[r]);
}

function isAccess(f: Func, r: number): boolean {
  return (
    Op.OP_AUX[f.op[r]] === Op.AUX_MEM &&
    (f.aux[r] & 0xff) === Op.R_MEMORY &&
    mayTrap(f, r) &&
    f.b[r] !== NONE &&
    f.ty[f.b[r]] === Op.T_I32
  );
}

// ---- loops ----

/** Finds the parameters of a header that all back edges move up by constants. */
function findSteps(f: Func, an: Analyses, l: number): void {
  const h = an.loops.header[l];
  let p = f.first[h];
  for (let i = 0; i < f.paramCount[h]; i++, p = f.next[p]) {
    if (f.ty[p] !== Op.T_I32) continue;
    let min = FARTHER;
    let max = 0;
    for (let e = f.predFirst[h]; e !== NONE; e = f.edgeNextPred[e]) {
      if (!an.dom.dominates(h, f.edgeFrom[e])) continue;
      split(f, f.listGet(f.edgeArgs[e], i));
      if (root !== p || constant < 0 || constant > STEP) max = FARTHER;
      else if (constant !== 0) {
        min = Math.min(min, constant);
        max = Math.max(max, constant);
      }
    }
    if (max === 0 || max === FARTHER) continue;
    stepMin[p] = min;
    stepMax[p] = max;
  }
}

/** Whether every iteration of a loop executes block b. */
export function inEveryIteration(f: Func, an: Analyses, h: number, b: number): boolean {
  for (let e = f.predFirst[h]; e !== NONE; e = f.edgeNextPred[e]) {
    const from = f.edgeFrom[e];
    if (an.dom.dominates(h, from) && !an.dom.dominates(b, from)) return false;
  }
  return true;
}

/** Notes a check or an access whose index is a moving parameter and a constant. */
function noteUse(f: Func, an: Analyses, r: number): void {
  const check = f.op[r] === Op.BOUND;
  if (check ? f.imm[r] !== 0 || f.imm2[r] !== 0 : !isAccess(f, r)) return;
  split(f, check ? f.a[r] : f.b[r]);
  const p = root;
  if (stepMin[p] === NONE || Math.abs(constant) > STEP) return;
  const h = f.block[p];
  if (!an.loops.contains(an.loops.of[h], f.block[r])) return;
  if (check) {
    checkedAt[p] = Math.min(checkedAt[p], constant);
    limit[p] = f.b[r];
  } else if (constant < accessedAt[p] && inEveryIteration(f, an, h, f.block[r]))
    accessedAt[p] = constant;
}

function findLoops(f: Func, an: Analyses): void {
  const { loops } = an;
  stepMin.fill(NONE, 0, f.rowCount);
  checkedAt.fill(FARTHER, 0, f.rowCount);
  accessedAt.fill(FARTHER, 0, f.rowCount);
  limit.fill(NONE, 0, f.rowCount);
  for (let l = 0; l < loops.count; l++) if (loops.header[l] !== 0) findSteps(f, an, l);
  for (let b = 0; b !== NONE; b = f.blockNext[b]) {
    if (loops.of[b] === NONE) continue;
    for (let r = f.first[b]; r !== NONE; r = f.next[r]) {
      if (f.op[r] === Op.BOUND || Op.OP_AUX[f.op[r]] === Op.AUX_MEM) noteUse(f, an, r);
    }
  }
}

/** What of a moving parameter is known at the start of every iteration, given that on entry p + k is at most `entry` past the end. */
function induct(p: number, entry: number): boolean {
  const k = checkedAt[p];
  const past = stepMax[p] + k - accessedAt[p];
  if (entry > SLACK || past > SLACK) return false;
  addFact(p, k, Math.max(entry, past));
  return true;
}

/** Looks for what the moving parameters of a header are known to be, on entry and so always. */
function enterLoop(f: Func, an: Analyses, l: number): void {
  const h = an.loops.header[l];
  let p = f.first[h];
  for (let i = 0; i < f.paramCount[h]; i++, p = f.next[p]) {
    const k = checkedAt[p];
    if (stepMin[p] === NONE || k === FARTHER || accessedAt[p] === FARTHER) continue;
    if (accessedAt[p] > stepMin[p] + k) continue;
    let entry = 0;
    for (let e = f.predFirst[h]; e !== NONE; e = f.edgeNextPred[e]) {
      if (an.dom.dominates(h, f.edgeFrom[e])) continue;
      here = f.edgeFrom[e];
      entry = Math.max(entry, reach(f, f.listGet(f.edgeArgs[e], i), k, DEPTH));
    }
    if (!induct(p, entry) && secureEntry(f, an, l, p)) induct(p, 0);
  }
  here = h;
}

/** The check of p + k that comes first of all effects in a header; NONE when another one does. */
function firstCheck(f: Func, h: number, p: number, k: number): number {
  for (let r = f.first[h]; r !== NONE; r = f.next[r]) {
    if (f.op[r] === Op.BOUND) {
      split(f, f.a[r]);
      if (root === p && constant === k && f.imm[r] === 0 && f.imm2[r] === 0) return r;
    }
    if (mayTrap(f, r) || (Op.OP_FACTS[f.op[r]] & (Op.F_WRITES | Op.F_TERMINATOR)) !== 0)
      return NONE;
  }
  return NONE;
}

function constantRow(f: Func, value: number, before: number): number {
  const k = f.newRow(Op.ICONST, Op.T_I32, NONE, NONE, NONE, f.pos[before]);
  f.imm[k] = value;
  f.insertBefore(k, before);
  return k;
}

function rowBefore(f: Func, op: number, ty: number, a: number, b: number, before: number): number {
  const r = f.newRow(op, ty, a, b, NONE, f.pos[before]);
  f.insertBefore(r, before);
  return r;
}

/** Whether a value is the size of the memory. */
export function isMemorySize(f: Func, v: number): boolean {
  const { op, aux, imm, b } = f;
  return (
    op[v] === Op.LOAD &&
    (aux[v] & 0xff) === Op.R_MEMDEF &&
    f.ty[v] === Op.T_I64 &&
    b[v] === NONE &&
    imm[v] === Abi.MEMORY_BYTES
  );
}

/** Learns from a branch on zext(index) <= size that is the only way to block b. */
function learnOnEdge(f: Func, b: number): void {
  const e = f.predFirst[b];
  if (e === NONE || f.edgeNextPred[e] !== NONE) return;
  const t = f.last[f.edgeFrom[e]];
  if (f.op[t] !== Op.BRIF || e !== f.imm[t]) return;
  const c = f.a[t];
  if (f.op[c] !== Op.ICMP || f.imm[c] !== Op.ICC_ULE || f.op[f.a[c]] !== Op.ZEXT) return;
  if (isMemorySize(f, f.b[c])) learn(f, f.a[f.a[c]]);
}

/** Whether a row reads a value that depends on the parameter looked at. */
function reads(f: Func, r: number): boolean {
  const op = f.op[r];
  const n = Op.OP_ARGS[op];
  return (
    (n > 0 && tainted[f.a[r]] === 1) ||
    (n > 1 && f.b[r] !== NONE && tainted[f.b[r]] === 1) ||
    (n > 2 && tainted[f.c[r]] === 1)
  );
}

/**
 * Whether a header accesses p + k before anything that could tell another value of p: what writes or traps earlier does not
 * depend on p, and no call may make the memory larger.
 */
function accessedFirst(f: Func, h: number, p: number, k: number): boolean {
  tainted = ensure8(tainted, f.rowCount);
  tainted.fill(0, 0, f.rowCount);
  tainted[p] = 1;
  for (let r = f.first[h]; r !== NONE; r = f.next[r]) {
    const op = f.op[r];
    const facts = Op.OP_FACTS[op];
    if ((facts & (Op.F_ALL | Op.F_TERMINATOR)) !== 0) return false;
    if (op === Op.PARAM || !reads(f, r)) continue;
    if (op === Op.BOUND || isAccess(f, r)) {
      split(f, op === Op.BOUND ? f.a[r] : f.b[r]);
      if (root !== p || constant !== k) return false;
      if (op === Op.BOUND ? f.imm[r] !== 0 || f.imm2[r] !== 0 : tainted[f.a[r]] === 1) return false;
      if (op !== Op.BOUND) return true;
    } else if (mayTrap(f, r) || (facts & Op.F_WRITES) !== 0) return false;
    tainted[r] = 1;
  }
  return false;
}

/** Any limit that checks of p + k in a loop compare with; NONE when it is not known before the loop. */
function limitOf(f: Func, loops: Loops, l: number, p: number): number {
  const v = limit[p];
  return v === NONE || loops.contains(l, f.block[v]) ? NONE : v;
}

/** Puts min(v + k, bytes) - k before a row: what makes an access at v + k fault in the tail when v + k is not in the memory. */
function clamp(f: Func, v: number, k: number, bytes: number, t: number): number {
  const index = k === 0 ? v : rowBefore(f, Op.IADD, Op.T_I32, v, constantRow(f, k, t), t);
  const wide = rowBefore(f, Op.ZEXT, Op.T_I64, index, NONE, t);
  const inside = rowBefore(f, Op.ICMP, Op.T_I32, wide, bytes, t);
  f.imm[inside] = Op.ICC_ULE;
  let end = rowBefore(f, Op.WRAP, Op.T_I32, bytes, NONE, t);
  if (k !== 0) end = rowBefore(f, Op.IADD, Op.T_I32, end, constantRow(f, -k, t), t);
  const r = rowBefore(f, Op.SELECT, Op.T_I32, inside, v, t);
  f.c[r] = end;
  return r;
}

/**
 * Makes p + checkedAt[p] known on entry: by a check in the preheader when that is what the header does first, else by another first value of
 * p, for which the header's first access of p + checkedAt[p] traps as the check would have. False when neither can be done.
 */
function secureEntry(f: Func, an: Analyses, l: number, p: number): boolean {
  const h = an.loops.header[l];
  const k = checkedAt[p];
  const e = preheaderEdge(f, an.dom, h);
  const bytes = limitOf(f, an.loops, l, p);
  if (e === NONE || bytes === NONE) return false;
  const t = f.last[f.edgeFrom[e]];
  let v = f.listGet(f.edgeArgs[e], f.imm[p]);
  const r = firstCheck(f, h, p, k);
  if (dry) return r !== NONE || accessedFirst(f, h, p, k);
  if (r !== NONE && ok(f, 'bounds-entry')) {
    if (k !== 0) v = rowBefore(f, Op.IADD, Op.T_I32, v, constantRow(f, k, t), t);
    f.pos[rowBefore(f, Op.BOUND, Op.T_VOID, v, bytes, t)] = f.pos[r];
    return true;
  }
  if (!accessedFirst(f, h, p, k) || !ok(f, 'bounds-clamp')) return false;
  f.listSet(f.edgeArgs[e], f.imm[p], clamp(f, v, k, bytes, t));
  return true;
}

// ---- the walk ----

/**
 * Whether the tail catches what lies behind the index of a check. The offset of such a check is 0, or a constant that was part of the
 * index before `addresses.ts` found that their sum does not wrap around; other checks have an offset above MEMORY_NEAR.
 */
export function isNear(f: Func, r: number): boolean {
  return f.imm2[r] === 0 && f.imm[r] >= 0 && f.imm[r] <= Abi.MEMORY_NEAR;
}

function bound(f: Func, r: number): void {
  if (f.ty[f.a[r]] !== Op.T_I32) return;
  const near = isNear(f, r);
  const needless = near && reach(f, f.a[r], f.imm[r], DEPTH) <= SLACK;
  if (dry) {
    needed[r] = needless ? 0 : 1;
    if (needless) return;
  } else {
    if (needless && ok(f, 'bounds-known')) return f.remove(r);
    if (near && f.imm[r] <= SLACK && f.imm[r] > 0 && ok(f, 'bounds-near')) f.imm[r] = 0;
  }
  learn(f, f.a[r]);
}

function enterBlock(f: Func, an: Analyses, b: number): void {
  scope[b] = facts;
  here = b;
  learnOnEdge(f, b);
  const l = an.loops.of[b];
  if (l !== NONE && an.loops.header[l] === b) enterLoop(f, an, l);
  let loads = false;
  for (let r = f.first[b]; r !== NONE;) {
    const after = f.next[r];
    if (f.op[r] === Op.BOUND) bound(f, r);
    else if (isAccess(f, r)) {
      if (f.op[r] >= Op.STORE) accessed(f, r);
      else loads = true;
    }
    r = after;
  }
  if (!loads) return;
  for (let r = f.first[b]; r !== NONE; r = f.next[r])
    if (isAccess(f, r) && f.op[r] < Op.STORE) accessed(f, r);
}

function leaveBlock(b: number): void {
  while (facts > scope[b]) {
    facts--;
    factFirst[factRoot[facts]] = factNext[facts];
  }
}

function walk(f: Func, an: Analyses): void {
  const { first, next, idom } = an.dom;
  for (let b = 0; ;) {
    enterBlock(f, an, b);
    if (first[b] !== NONE) {
      b = first[b];
      continue;
    }
    leaveBlock(b);
    while (b !== 0 && next[b] === NONE) {
      b = idom[b];
      leaveBlock(b);
    }
    if (b === 0) return;
    b = next[b];
  }
}

function hasChecks(f: Func): boolean {
  // Only the function's own rows: the column is as long as the longest function was.
  return f.op.subarray(0, f.rowCount).includes(Op.BOUND, 1);
}

function start(f: Func, an: Analyses): void {
  an.needLoops(f);
  if (an.loops.count > 0) makePreheaders(f, an);
  rows = f.rowCount;
  factFirst = ensure32(factFirst, f.rowCount);
  factFirst.fill(NONE, 0, f.rowCount);
  stepMin = ensure32(stepMin, f.rowCount);
  stepMax = ensure32(stepMax, f.rowCount);
  checkedAt = ensure32(checkedAt, f.rowCount);
  accessedAt = ensure32(accessedAt, f.rowCount);
  limit = ensure32(limit, f.rowCount);
  scope = ensure32(scope, f.blockCount);
  facts = 0;
  upper.begin(f, an.dom);
  findLoops(f, an);
}

/**
 * Which rows are checks that {@link removeBounds} would leave, one byte per row (valid until the next call); null when there are no
 * checks in loops. Makes preheaders, and changes nothing else. The function must have no unreachable blocks.
 */
export function neededBounds(f: Func, an: Analyses): Uint8Array | null {
  if (!hasChecks(f)) return null;
  an.needLoops(f);
  if (an.loops.count === 0) return null;
  start(f, an);
  needed = ensure8(needed, f.rowCount);
  needed.fill(0, 0, f.rowCount);
  dry = true;
  walk(f, an);
  dry = false;
  return needed;
}

/** Removes needless bounds checks. The function must have no unreachable blocks. */
export function removeBounds(f: Func, an: Analyses): void {
  if (!hasChecks(f)) return;
  start(f, an);
  walk(f, an);
}
