/**
 * Which values are live at block entries and how far from there their next use is.
 *
 * Liveness: per value, from each block that uses it before (re)defining it backward to its definition (Boissinot et al.,
 * Computing Liveness Sets for SSA-Form Programs, 2011, by use). Costs exactly the size of the answer; any CFG.
 * A block's list has what it uses itself first (`liveInStart`), then what only lives through it (`throughStart`): nine
 * entries of ten in large functions. Distances of the first are exact; the others take the least of the successors',
 * swept backward until loops have been passed twice (more would refine heuristics only).
 */
import { CLASS_FP, CLASS_GP, K_MASK, K_USE } from '../vcode.ts';
import { leavesLoop } from './cfg.ts';
import { FAR_EDGE, FURTHEST, NEVER, STORE_DEF, enlarge, room, type State } from './state.ts';

// Pairs (vreg, block) of uses that reach back to the block's entry, as lists by vreg.
let pairBlock = new Int32Array(1024);
let pairUse = new Int32Array(1024);
let pairLink = new Int32Array(1024);
let pairCount = 0;
let pairHead = new Int32Array(0);
let seenIn = new Int32Array(0);
// Live-in entries in the order found; a use of LIVES_THROUGH is none of the block itself.
let foundBlock = new Int32Array(1024);
let foundVreg = new Int32Array(1024);
let foundUse = new Int32Array(1024);
let foundCount = 0;
const LIVES_THROUGH = -1;
let marked = new Int32Array(0);
let stack = new Int32Array(1024);
/** Distance from the end of the block at hand, by vreg; valid for what lives through it. */
let distance = new Int32Array(0);

/** Fills the live-in lists; needs control flow and definitions. */
export function findLiveIns(s: State): void {
  prepare(s.vcode.vregCount, s.vcode.blockCount);
  collectUses(s);
  walkAllBack(s);
  sortLiveIns(s);
  // Outside of loops the first pass is exact, unless a loop follows: near enough.
  for (let i = s.vcode.blockCount - 1; i >= 0; i--) sweepBlock(s, s.rpo[i]!);
  for (let i = s.vcode.blockCount - 1; i >= 0; i--) {
    const b = s.rpo[i]!;
    if (s.loopOf[b]! >= 0) sweepBlock(s, b);
  }
  for (let b = 0; b < s.vcode.blockCount; b++) addClobber(s, b);
}

function prepare(vregs: number, blocks: number): void {
  if (pairHead.length < vregs) {
    pairHead = new Int32Array(room(vregs));
    seenIn = new Int32Array(pairHead.length);
    distance = new Int32Array(pairHead.length);
  }
  pairHead.fill(-1, 0, vregs);
  seenIn.fill(-1, 0, vregs);
  pairCount = 0;
  if (marked.length < blocks) {
    marked = new Int32Array(room(blocks));
    stack = new Int32Array(marked.length);
  }
  marked.fill(-1, 0, blocks);
}

function collectUses(s: State): void {
  const { blockCount, blockStart, opnd, vreg, con, succStart, argStart, arg } = s.vcode;
  for (let b = 0; b < blockCount; b++) {
    const start = blockStart[b]!;
    const end = blockStart[b + 1]!;
    for (let i = start; i < end; i++) {
      const last = opnd[i + 1]!;
      for (let o = opnd[i]!; o < last; o++) {
        const v = vreg[o]!;
        if (v >= 0 && (con[o]! & K_MASK) === K_USE) addPair(s, v, b, i - start);
      }
    }
    const lastArg = argStart[succStart[b + 1]!]!;
    for (let a = argStart[succStart[b]!]!; a < lastArg; a++) {
      if (!madeOnEdge(s, arg[a]!)) addPair(s, arg[a]!, b, end - start);
    }
  }
}

/** Whether v as the argument of an edge needs no register: making it there again takes no longer than moving it. */
export function madeOnEdge(s: State, v: number): boolean {
  return s.remat[v] === 1 && s.vcode.vregClass[v] === CLASS_GP;
}

function addPair(s: State, v: number, b: number, use: number): void {
  if (s.defBlock[v] === b || seenIn[v] === b) return;
  seenIn[v] = b;
  if (pairCount === pairBlock.length) {
    pairBlock = enlarge(pairBlock, pairCount);
    pairUse = enlarge(pairUse, pairCount);
    pairLink = enlarge(pairLink, pairCount);
  }
  pairBlock[pairCount] = b;
  pairUse[pairCount] = use;
  pairLink[pairCount] = pairHead[v]!;
  pairHead[v] = pairCount++;
}

/** Live-in entries after which values that live through many blocks are kept in memory between blocks instead. */
const ENTRY_BUDGET = 1 << 23;

function walkAllBack(s: State): void {
  foundCount = 0;
  s.keptInMemory = false;
  for (let v = 0; v < s.vcode.vregCount; v++) {
    if (pairHead[v]! < 0) continue;
    const first = foundCount;
    if (s.chaos !== null && s.chaos.oneIn(16)) {
      keepInMemory(s, v);
      continue;
    }
    const limit = first < ENTRY_BUDGET ? 0x7fffffff : first + 64;
    if (!walkBack(s, v, limit)) {
      foundCount = first;
      keepInMemory(s, v);
    }
  }
}

/** Finds the blocks v is live into; false if that takes the number of entries past the limit. */
function walkBack(s: State, v: number, limit: number): boolean {
  const { predStart, pred } = s.vcode;
  const def = s.defBlock[v]!;
  let top = 0;
  for (let p = pairHead[v]!; p >= 0; p = pairLink[p]!) {
    const b = pairBlock[p]!;
    marked[b] = v;
    addFound(b, v, pairUse[p]!);
    stack[top++] = b;
  }
  while (top > 0) {
    if (foundCount > limit) return false;
    const b = stack[--top]!;
    const last = predStart[b + 1]!;
    for (let k = predStart[b]!; k < last; k++) {
      const p = pred[k]!;
      if (p === def || marked[p] === v) continue;
      marked[p] = v;
      addFound(p, v, LIVES_THROUGH);
      stack[top++] = p;
    }
  }
  return true;
}

function addFound(b: number, v: number, use: number): void {
  if (foundCount === foundBlock.length) {
    foundBlock = enlarge(foundBlock, foundCount);
    foundVreg = enlarge(foundVreg, foundCount);
    foundUse = enlarge(foundUse, foundCount);
  }
  foundBlock[foundCount] = b;
  foundVreg[foundCount] = v;
  foundUse[foundCount++] = use;
}

/**
 * Keeps memory in bounds for hostile functions: v is stored where it is defined and no block carries it in a register, so
 * it needs no live-in entries; its slot is its own.
 */
function keepInMemory(s: State, v: number): void {
  s.needSlot[v] = 1;
  s.storeMode[v] = STORE_DEF;
  s.liveEnd[v] = s.vcode.instCount;
  s.keptInMemory = true;
}

/** Counting sort of the entries by block, uses of its own first; by vreg otherwise. */
function sortLiveIns(s: State): void {
  const n = s.vcode.blockCount;
  const start = s.liveInStart;
  const mid = s.throughStart;
  start.fill(0, 0, n + 1);
  mid.fill(0, 0, n);
  for (let k = 0; k < foundCount; k++) {
    const b = foundBlock[k]!;
    start[b + 1]!++;
    if (foundUse[k] !== LIVES_THROUGH) mid[b]!++;
  }
  for (let b = 0; b < n; b++) {
    start[b + 1]! += start[b]!;
    mid[b]! += start[b]!;
  }
  if (s.liveInVreg.length < foundCount) {
    s.liveInVreg = new Int32Array(room(foundCount));
    s.liveInNext = new Int32Array(s.liveInVreg.length);
  }
  const { liveInVreg, liveInNext } = s;
  for (let k = 0; k < foundCount; k++) {
    const b = foundBlock[k]!;
    const use = foundUse[k]!;
    const at = use === LIVES_THROUGH ? mid[b]!++ : start[b]!++;
    liveInVreg[at] = foundVreg[k]!;
    liveInNext[at] = use === LIVES_THROUGH ? FURTHEST : use;
  }
  // Each has run to where the next part starts.
  for (let b = n - 1; b >= 0; b--) {
    start[b + 1] = mid[b]!;
    mid[b] = start[b]!;
  }
  start[0] = 0;
}

/** What crossing the edge adds to a distance. */
export function edgeDistance(s: State, from: number, to: number): number {
  const colder = s.vcode.blockCold[to]! > s.vcode.blockCold[from]!;
  return colder || leavesLoop(s, from, to) ? FAR_EDGE : 0;
}

/** Distances of what lives through b by those at its successors. */
function sweepBlock(s: State, b: number): void {
  const { succStart, succ, blockStart, vregClass } = s.vcode;
  const { liveInVreg, liveInNext, liveInStart } = s;
  const from = s.throughStart[b]!;
  const to = liveInStart[b + 1]!;
  if (from === to) return;
  const first = succStart[b]!;
  const last = succStart[b + 1]!;
  // All that lives through is live into some successor; with one, there is nothing to compare.
  const single = last - first === 1;
  if (!single) for (let k = from; k < to; k++) distance[liveInVreg[k]!] = FURTHEST;
  for (let e = first; e < last; e++) {
    const t = succ[e]!;
    const edge = edgeDistance(s, b, t);
    const end = liveInStart[t + 1]!;
    for (let k = liveInStart[t]!; k < end; k++) {
      const d = liveInNext[k]! + edge;
      const v = liveInVreg[k]!;
      if (single || d < distance[v]!) distance[v] = d;
    }
  }
  const length = blockStart[b + 1]! - blockStart[b]!;
  const clobbersFp = s.firstFpClobber[b] !== NEVER;
  for (let k = from; k < to; k++) {
    const v = liveInVreg[k]!;
    let d = distance[v]! + length;
    if (clobbersFp && vregClass[v] === CLASS_FP) d += FAR_EDGE;
    liveInNext[k] = d < FURTHEST ? d : FURTHEST;
  }
}

/** A use behind a call that takes all FP registers is no reason to carry the value in one. */
function addClobber(s: State, b: number): void {
  if (s.firstFpClobber[b] === NEVER) return;
  const clobber = s.firstFpClobber[b]! - s.vcode.blockStart[b]!;
  for (let k = s.liveInStart[b]!; k < s.throughStart[b]!; k++) {
    if (s.liveInNext[k]! > clobber && s.vcode.vregClass[s.liveInVreg[k]!] === CLASS_FP)
      s.liveInNext[k]! += FAR_EDGE;
  }
}
