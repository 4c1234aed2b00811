/**
 * Which values are live at block entries, how far their next use is, and what registers they would like.
 *
 * Liveness: per value, from each block that uses it before (re)defining it backward to its definition (Boissinot et al.,
 * Computing Liveness Sets for SSA-Form Programs, 2011, by use). Costs exactly the size of the answer; any CFG.
 * Distances: local first uses are exact; what only lives through a block takes the least of its successors' values,
 * swept backward until loops have been passed twice (more would refine heuristics only).
 * Then one backward scan over all instructions fills `nxt` (next use after each operand), pressures, ends of live
 * ranges and hints; hints travel from definitions to the tied or copied operand that dies there.
 */
import {
  ARG_SHIFT,
  CLASS_FP,
  CLASS_GP,
  C_ANY,
  C_FIXED,
  C_MASK,
  C_REG,
  C_REUSE,
  C_STACK,
  I_CALL,
  I_COMMUTES,
  I_MOVE,
  I_REMAT,
  K_DEF,
  K_MASK,
  K_TEMP,
  K_USE,
  P_LATE,
} from '../vcode.ts';
import { leavesLoop } from './cfg.ts';
import { beginSaved, noteCall, noteNext, notePressure, noteSpecial, scanSaved } from './saved.ts';
import {
  FAR_EDGE,
  FURTHEST,
  NEVER,
  STORE_DEF,
  enlarge,
  popcount,
  room,
  type State,
} from './state.ts';

// Pairs (vreg, block) of uses that reach back to the block's entry, as lists by vreg.
let pairBlock = new Int32Array(1024);
let pairUse = new Int32Array(1024);
let pairLink = new Int32Array(1024);
let pairCount = 0;
let pairHead = new Int32Array(0);
let seenIn = new Int32Array(0);
// Live-in entries in the order found.
let foundBlock = new Int32Array(1024);
let foundVreg = new Int32Array(1024);
let foundUse = new Int32Array(1024);
let foundCount = 0;
let marked = new Int32Array(0);
let stack = new Int32Array(1024);

/** In `remat` while definitions are being found: must not be made again, whatever defines it. */
const NOT_AGAIN = 2;

/** Fills everything `State` knows about values before spilling. */
export function analyseValues(s: State): void {
  findDefs(s);
  collectUses(s);
  findLiveIns(s);
  sortLiveIns(s);
  sweepDistances(s);
  beginSaved(s);
  for (let i = s.vcode.blockCount - 1; i >= 0; i--) scanBlock(s, s.rpo[i]!);
}

/** Definitions, webs of block parameters and copies, marks of special instructions. */
function findDefs(s: State): void {
  const vc = s.vcode;
  const allFp = s.allocMask[CLASS_FP]!;
  for (let b = 0; b < vc.blockCount; b++) {
    for (let p = vc.paramStart[b]!; p < vc.paramStart[b + 1]!; p++) {
      s.defBlock[vc.param[p]!] = b;
      s.defInst[vc.param[p]!] = -1;
    }
    let fpClobber = NEVER;
    const end = vc.blockStart[b + 1]!;
    for (let i = vc.blockStart[b]!; i < end; i++) {
      const cl = vc.clobber[i]!;
      if (cl !== 0) {
        s.special[i] = 1;
        s.written[0]! |= vc.clobberSets[cl]!.gp;
        s.written[1]! |= vc.clobberSets[cl]!.fp;
        if (fpClobber === NEVER && (allFp & ~vc.clobberSets[cl]!.fp) === 0) fpClobber = i;
      }
      findDefsOf(s, i, b);
    }
    s.firstFpClobber[b] = fpClobber;
    joinParams(s, b);
  }
  const { remat } = s;
  for (let v = 0; v < vc.vregCount; v++) if (remat[v] === NOT_AGAIN) remat[v] = 0;
}

function findDefsOf(s: State, i: number, b: number): void {
  const vc = s.vcode;
  const first = vc.opnd[i]!;
  const last = vc.opnd[i + 1]!;
  for (let o = first; o < last; o++) {
    const v = vc.vreg[o]!;
    if (v < 0) continue;
    const con = vc.con[o]!;
    const kind = con & K_MASK;
    if (kind === K_DEF) {
      s.defBlock[v] = b;
      s.defInst[v] = i;
      if ((con & C_MASK) === C_REUSE) s.tied[first + (con >> ARG_SHIFT)] = 1;
      else if ((con & P_LATE) === 0) s.special[i] = 1;
      if ((vc.flags[i]! & I_REMAT) !== 0 && (con & C_MASK) === C_REG) {
        if (s.remat[v] === 0) s.remat[v] = s.chaos !== null && s.chaos.oneIn(3) ? NOT_AGAIN : 1;
      }
    } else if (kind === K_USE) {
      // A call may have any number of stack arguments; they must all be able to stay in memory.
      const where = con & C_MASK;
      if (where === C_STACK || (where === C_ANY && (vc.flags[i]! & I_CALL) !== 0)) {
        s.remat[v] = NOT_AGAIN;
      }
    }
    if (kind === K_TEMP || (con & C_MASK) === C_FIXED) s.special[i] = 1;
    else if (kind === K_USE && (con & P_LATE) !== 0) s.special[i] = 1;
  }
  if ((vc.flags[i]! & I_MOVE) !== 0) s.joinWebs(vc.vreg[first]!, vc.vreg[first + 1]!);
}

function joinParams(s: State, b: number): void {
  const vc = s.vcode;
  for (let e = vc.succStart[b]!; e < vc.succStart[b + 1]!; e++) {
    const p = vc.paramStart[vc.succ[e]!]!;
    const a = vc.argStart[e]!;
    for (let k = vc.argStart[e + 1]! - a - 1; k >= 0; k--) {
      // A constant starts many parameters, which have nothing else in common.
      if (s.remat[vc.arg[a + k]!] !== 1) s.joinWebs(vc.arg[a + k]!, vc.param[p + k]!);
    }
  }
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

function collectUses(s: State): void {
  const vc = s.vcode;
  const n = vc.vregCount;
  if (pairHead.length < n) {
    pairHead = new Int32Array(room(n));
    seenIn = new Int32Array(room(n));
  }
  pairHead.fill(-1, 0, n);
  seenIn.fill(-1, 0, n);
  pairCount = 0;
  for (let b = 0; b < vc.blockCount; b++) {
    const start = vc.blockStart[b]!;
    const end = vc.blockStart[b + 1]!;
    for (let i = start; i < end; i++) {
      const last = vc.opnd[i + 1]!;
      for (let o = vc.opnd[i]!; o < last; o++) {
        const v = vc.vreg[o]!;
        if (v < 0 || (vc.con[o]! & K_MASK) !== K_USE) continue;
        addPair(s, v, b, i - start);
      }
    }
    const e = vc.succStart[b]!;
    const lastArg = vc.argStart[vc.succStart[b + 1]!]!;
    for (let a = vc.argStart[e]!; a < lastArg; a++) {
      if (!madeOnEdge(s, vc.arg[a]!)) addPair(s, vc.arg[a]!, b, end - start);
    }
  }
}

/** Whether v as the argument of an edge needs no register: making it there again takes no longer than moving it. */
function madeOnEdge(s: State, v: number): boolean {
  return s.remat[v] === 1 && s.vcode.vregClass[v] === CLASS_GP;
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

/** Live-in entries after which values that live through many blocks are kept in memory between blocks instead. */
const ENTRY_BUDGET = 1 << 23;

function findLiveIns(s: State): void {
  const vc = s.vcode;
  if (marked.length < vc.blockCount) marked = new Int32Array(room(vc.blockCount));
  marked.fill(-1, 0, vc.blockCount);
  if (stack.length < vc.blockCount) stack = new Int32Array(room(vc.blockCount));
  foundCount = 0;
  for (let v = 0; v < vc.vregCount; v++) {
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
  const vc = s.vcode;
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
    for (let k = vc.predStart[b]!; k < vc.predStart[b + 1]!; k++) {
      const p = vc.pred[k]!;
      if (p === def || marked[p] === v) continue;
      marked[p] = v;
      addFound(p, v, -1);
      stack[top++] = p;
    }
  }
  return true;
}

/**
 * Keeps memory in bounds for hostile functions: v is stored where it is defined and no block carries it in a register, so
 * it needs no live-in entries; its slot is its own.
 */
function keepInMemory(s: State, v: number): void {
  s.needSlot[v] = 1;
  s.storeMode[v] = STORE_DEF;
  s.liveEnd[v] = s.vcode.instCount;
}

/** Counting sort of the live-in entries by block; the order within a block is by vreg. */
function sortLiveIns(s: State): void {
  const n = s.vcode.blockCount;
  const start = s.liveInStart;
  start.fill(0, 0, n + 1);
  for (let k = 0; k < foundCount; k++) start[foundBlock[k]! + 1]!++;
  for (let b = 0; b < n; b++) start[b + 1]! += start[b]!;
  if (s.liveInVreg.length < foundCount) {
    s.liveInVreg = new Int32Array(room(foundCount));
    s.liveInNext = new Int32Array(room(foundCount));
  }
  for (let k = 0; k < foundCount; k++) {
    const at = start[foundBlock[k]!]!++;
    s.liveInVreg[at] = foundVreg[k]!;
    s.liveInNext[at] = foundUse[k]!;
  }
  for (let b = n; b > 0; b--) start[b] = start[b - 1]!;
  start[0] = 0;
}

/** What crossing the edge adds to a distance. */
function edgeDistance(s: State, from: number, to: number): number {
  const colder = s.vcode.blockCold[to]! > s.vcode.blockCold[from]!;
  return colder || leavesLoop(s, from, to) ? FAR_EDGE : 0;
}

function sweepDistances(s: State): void {
  const vc = s.vcode;
  // -1 = lives through; distances of such are kept as -2 - d until all are known, so that local uses (>= 0) stay apart.
  for (let pass = 0; pass < 2; pass++) {
    for (let i = vc.blockCount - 1; i >= 0; i--) {
      const b = s.rpo[i]!;
      // Outside of loops the first pass is exact, unless a loop follows: near enough.
      if (pass === 1 && s.loopOf[b]! < 0) continue;
      if (s.liveInStart[b] === s.liveInStart[b + 1]) continue;
      loadLiveOut(s, b, 0);
      const length = vc.blockStart[b + 1]! - vc.blockStart[b]!;
      const clobbersFp = s.firstFpClobber[b] !== NEVER;
      for (let k = s.liveInStart[b]!; k < s.liveInStart[b + 1]!; k++) {
        if (s.liveInNext[k]! >= 0) continue;
        const v = s.liveInVreg[k]!;
        let d = s.next[v]!;
        if (d === NEVER) d = FURTHEST;
        d += length;
        if (clobbersFp && vc.vregClass[v] === CLASS_FP) d += FAR_EDGE;
        s.liveInNext[k] = -2 - Math.min(d, FURTHEST);
      }
      unloadLiveOut(s, b);
    }
  }
  // A use behind a call that takes all FP registers is no reason to carry the value in one.
  for (let b = 0; b < vc.blockCount; b++) {
    const clobber = s.firstFpClobber[b]! - vc.blockStart[b]!;
    for (let k = s.liveInStart[b]!; k < s.liveInStart[b + 1]!; k++) {
      const d = s.liveInNext[k]!;
      if (d < 0) s.liveInNext[k] = d === -1 ? FURTHEST : -2 - d;
      else if (d > clobber && vc.vregClass[s.liveInVreg[k]!] === CLASS_FP)
        s.liveInNext[k] = d + FAR_EDGE;
    }
  }
}

/** Puts base + distance of everything live out of b into `next`; edge arguments count as used at the end. */
function loadLiveOut(s: State, b: number, base: number): void {
  const vc = s.vcode;
  const next = s.next;
  for (let e = vc.succStart[b]!; e < vc.succStart[b + 1]!; e++) {
    const t = vc.succ[e]!;
    const edge = edgeDistance(s, b, t);
    for (let k = s.liveInStart[t]!; k < s.liveInStart[t + 1]!; k++) {
      let d = s.liveInNext[k]!;
      if (d < 0) d = d === -1 ? FURTHEST : -2 - d;
      d = Math.min(d + edge, FURTHEST) + base;
      const v = s.liveInVreg[k]!;
      if (d < next[v]!) next[v] = d;
    }
    for (let a = vc.argStart[e]!; a < vc.argStart[e + 1]!; a++) {
      if (!madeOnEdge(s, vc.arg[a]!)) next[vc.arg[a]!] = base;
    }
  }
}

function unloadLiveOut(s: State, b: number): void {
  const vc = s.vcode;
  const next = s.next;
  for (let e = vc.succStart[b]!; e < vc.succStart[b + 1]!; e++) {
    const t = vc.succ[e]!;
    for (let k = s.liveInStart[t]!; k < s.liveInStart[t + 1]!; k++) next[s.liveInVreg[k]!] = NEVER;
    for (let a = vc.argStart[e]!; a < vc.argStart[e + 1]!; a++) next[vc.arg[a]!] = NEVER;
  }
}

const live = new Int32Array(2);
const peak = new Int32Array(2);

/** Backward over one block: `nxt`, pressure, ends of ranges, hints. Leaves parameters' first uses in `paramNext`. */
function scanBlock(s: State, b: number): void {
  const vc = s.vcode;
  const end = vc.blockStart[b + 1]!;
  const start = vc.blockStart[b]!;
  const toLin = s.linStart[b]! - start;
  loadLiveOut(s, b, end);
  startPressure(s, b, end + toLin);
  scanSaved(s, b);
  const cold = vc.blockCold[b] === 1;
  for (let i = end - 1; i >= start; i--) {
    scanInst(s, i, i + toLin, cold);
    if (s.special[i] === 1) peakAtSpecial(s, i);
    if (live[0]! > peak[0]!) peak[0] = live[0]!;
    if (live[1]! > peak[1]!) peak[1] = live[1]!;
    notePressure(live[0]!);
  }
  for (let p = vc.paramStart[b]!; p < vc.paramStart[b + 1]!; p++) {
    const v = vc.param[p]!;
    s.paramNext[v] = s.next[v]!;
    noteNext(v, s.next[v]!);
    s.next[v] = NEVER;
  }
  for (let k = s.liveInStart[b]!; k < s.liveInStart[b + 1]!; k++) {
    const v = s.liveInVreg[k]!;
    noteNext(v, s.next[v]!);
    s.next[v] = NEVER;
  }
  unloadLiveOut(s, b);
  s.pressure[0]![b] = peak[0]!;
  s.pressure[1]![b] = peak[1]!;
}

function startPressure(s: State, b: number, linEnd: number): void {
  const vc = s.vcode;
  live[0] = live[1] = 0;
  for (let e = vc.succStart[b]!; e < vc.succStart[b + 1]!; e++) {
    const t = vc.succ[e]!;
    for (let k = s.liveInStart[t]!; k < s.liveInStart[t + 1]!; k++)
      countLiveOut(s, s.liveInVreg[k]!, b, linEnd);
    const p = vc.paramStart[t]! - vc.argStart[e]!;
    for (let a = vc.argStart[e]!; a < vc.argStart[e + 1]!; a++) {
      const v = vc.arg[a]!;
      if (madeOnEdge(s, v)) continue;
      // An argument is read together with all that is written on the edge: its slot may be among that.
      countLiveOut(s, v, b, linEnd - 1);
      // Of several edges it is passed on, the most frequent counts.
      if (s.vfreq[v]! >= s.freq[b]!) continue;
      s.vfreq[v] = s.freq[b]!;
      s.phiHint[v] = vc.param[p + a]!;
    }
  }
  peak[0] = live[0]!;
  peak[1] = live[1]!;
}

function countLiveOut(s: State, v: number, b: number, liveEnd: number): void {
  if (s.liveEnd[v]! < liveEnd) s.liveEnd[v] = liveEnd;
  if (s.vstamp[v] === -2 - b) return;
  s.vstamp[v] = -2 - b;
  live[s.vcode.vregClass[v]!]!++;
}

/** Whether instruction i overwrites the register of a fixed operand. */
function isClobbered(s: State, i: number, con: number): boolean {
  const set = s.vcode.clobberSets[s.vcode.clobber[i]!]!;
  const r = con >> ARG_SHIFT;
  return (((r < 32 ? set.gp : set.fp) >>> (r & 31)) & 1) !== 0;
}

/** At an instruction that takes registers away, pressure is what must live elsewhere plus what it takes. */
function peakAtSpecial(s: State, i: number): void {
  const vc = s.vcode;
  let gp = vc.clobberSets[vc.clobber[i]!]!.gp;
  let fp = vc.clobberSets[vc.clobber[i]!]!.fp;
  let temps = 0;
  for (let o = vc.opnd[i]!; o < vc.opnd[i + 1]!; o++) {
    const con = vc.con[o]!;
    if ((con & C_MASK) === C_FIXED) {
      const r = con >> ARG_SHIFT;
      if (r < 32) gp |= 1 << r;
      else fp |= 1 << (r & 31);
    } else if ((con & K_MASK) === K_TEMP) temps++;
  }
  let through0 = live[0]!;
  let through1 = live[1]!;
  for (let o = vc.opnd[i]!; o < vc.opnd[i + 1]!; o++) {
    const v = vc.vreg[o]!;
    const con = vc.con[o]!;
    if (v < 0 || (con & K_MASK) !== K_USE) continue;
    // What dies here lives through nothing; what stays in a fixed register is counted with that.
    if (s.nxt[o] !== NEVER && ((con & C_MASK) !== C_FIXED || isClobbered(s, i, con))) continue;
    if (vc.vregClass[v] === 0) through0--;
    else through1--;
  }
  const p0 = through0 + temps + popcount(gp & s.allocMask[0]!);
  const p1 = through1 + popcount(fp & s.allocMask[1]!);
  noteSpecial(s, i, through0);
  if (p0 > peak[0]!) peak[0] = p0;
  if (p1 > peak[1]!) peak[1] = p1;
}

function scanInst(s: State, i: number, lin: number, cold: boolean): void {
  const vc = s.vcode;
  const first = vc.opnd[i]!;
  const last = vc.opnd[i + 1]!;
  const { next, nxt } = s;
  if ((vc.flags[i]! & I_COMMUTES) !== 0 && last - first === 3) exchange(s, first);
  for (let o = first; o < last; o++) {
    const v = vc.vreg[o]!;
    if (v < 0) continue;
    const kind = vc.con[o]! & K_MASK;
    if (kind === K_TEMP) continue;
    const n = next[v]!;
    nxt[o] = n;
    if (kind === K_DEF) {
      noteNext(v, n);
      if (n !== NEVER) live[vc.vregClass[v]!]!--;
      else if (s.liveEnd[v]! < lin) s.liveEnd[v] = lin;
    }
  }
  if ((vc.flags[i]! & I_CALL) !== 0) noteCall(i);
  for (let o = first; o < last; o++) {
    const v = vc.vreg[o]!;
    if (v < 0) continue;
    const con = vc.con[o]!;
    const kind = con & K_MASK;
    if (kind === K_USE) {
      noteNext(v, nxt[o]!);
      if (next[v] === NEVER) {
        live[vc.vregClass[v]!]!++;
        if (s.liveEnd[v]! < lin) s.liveEnd[v] = lin;
      }
      next[v] = i;
      if ((con & C_MASK) === C_FIXED && (s.want[v]! < 0 || !cold)) s.want[v] = con >> ARG_SHIFT;
    } else if (kind === K_DEF) {
      next[v] = NEVER;
      if ((con & C_MASK) === C_REUSE) passHint(s, v, first + (con >> ARG_SHIFT));
      else if (s.phiHint[v]! >= 0 && last - first <= 4) passToDying(s, v, first, last);
    }
  }
  if ((vc.flags[i]! & I_MOVE) !== 0) passHint(s, vc.vreg[first]!, first + 1);
}

/** Exchanges the sources of a commutative operation if that ties the one that dies, or the one that flows on as it does. */
function exchange(s: State, first: number): void {
  const vc = s.vcode;
  const a = vc.vreg[first + 1]!;
  const b = vc.vreg[first + 2]!;
  if (a < 0 || b < 0 || s.tied[first + 1] === 0) return;
  const aDies = s.next[a] === NEVER;
  if (s.next[b] !== NEVER || (aDies && !prefersSecond(s, vc.vreg[first]!, a, b))) return;
  vc.vreg[first + 1] = b;
  vc.vreg[first + 2] = a;
}

/** Both die: whether the result ends up where b, but not a, comes from (a block parameter changed in place). */
function prefersSecond(s: State, result: number, a: number, b: number): boolean {
  const phi = s.phiHint[result]!;
  return phi >= 0 && phi !== a && phi === b;
}

/** An operand of v's class that dies where v is made and flows nowhere else may as well have v's register. */
function passToDying(s: State, v: number, first: number, last: number): void {
  const vc = s.vcode;
  for (let o = first; o < last; o++) {
    const u = vc.vreg[o]!;
    if (u < 0 || (vc.con[o]! & K_MASK) !== K_USE || s.nxt[o] !== NEVER) continue;
    if (vc.vregClass[u] !== vc.vregClass[v] || s.phiHint[u]! >= 0) continue;
    s.phiHint[u] = s.phiHint[v]!;
    return;
  }
}

/** The operand that becomes v wants what v wants, if it dies here. */
function passHint(s: State, v: number, operand: number): void {
  if (s.nxt[operand] !== NEVER) return;
  const u = s.vcode.vreg[operand]!;
  if (s.want[v]! >= 0 && s.want[u]! < 0) s.want[u] = s.want[v]!;
  if (s.phiHint[v]! >= 0 && s.phiHint[u]! < 0) s.phiHint[u] = s.phiHint[v]!;
}
