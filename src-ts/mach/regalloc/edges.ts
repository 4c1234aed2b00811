/**
 * Between blocks: registers at block entries and the moves on edges.
 *
 * A block with one predecessor takes values over as they are; its edge's moves stand at its head. With several, values
 * keep the register most of the predecessors seen have them in, or the one they have at the header of the loop around;
 * except that at a loop's header a value leaves a register it would be driven from inside the loop. Moves of the edges
 * stand at the ends of the predecessors and are made last, when both ends are known.
 */
import { ALLOC_SLOT, I_BRANCH, K_MASK, K_USE, REMAT_BASE } from '../vcode.ts';
import { bug } from '../../util/bug.ts';
import { beginPicks, loopReserved, occupied, pick, settle } from './pick.ts';
import { STORE_DEF, STORE_EDGE, STORE_LAZY, room, type State } from './state.ts';

/** Register of values at the end of the predecessor at hand; valid where `cameStamp` is the current stamp. */
let cameIn = new Int32Array(0);
let cameStamp = new Int32Array(0);
let stamp = 0;
/** The same for each predecessor while they vote. */
let exitIn = new Int32Array(0);
let exitStamp = new Int32Array(0);
let predStamp = 0;
/** Header of the innermost loop seen that has the value in a register when it starts, and that register. */
let headerOf = new Int32Array(0);
let headerReg = new Int32Array(0);

/** In `paramNext` of a parameter that is to start in a register, until it has one. */
const UNPLACED = -2;

/** Starts a function. */
export function beginEdges(s: State): void {
  prepare(s);
  s.paramNext.fill(-1, 0, s.vcode.vregCount);
  headerOf.fill(-1, 0, s.vcode.vregCount);
}

/** Chooses registers for the entry set of b and, if it has one predecessor, moves what must move. */
export function enterBlock(s: State, b: number): void {
  const vc = s.vcode;
  const loop = s.loopOf[b]!;
  const single = vc.predStart[b + 1]! - vc.predStart[b]! === 1;
  const base = basePred(s, b);
  stamp++;
  if (single && base >= 0) loadExit(s, base);
  else voteExits(s, b);
  beginPicks(s.freq[b]!);
  loopReserved[0] = loopReserved[1] = 0;
  const header = loop === b && !single;
  if (!single) keepForHeader(s, b);
  keepRegisters(s, b, header);
  if (loop >= 0) {
    loopReserved[0] = s.reserved[0]![loop]!;
    loopReserved[1] = s.reserved[1]![loop]!;
  }
  placeParams(s, b, single && base >= 0 ? edgeOf(s, base, b) : -1);
  placeRest(s, b);
  if (loop === b) noteHeader(s, b);
  if (single && base >= 0) edgeMoves(s, base, b, vc.blockStart[b]!);
  storeParams(s, b);
}

function prepare(s: State): void {
  if (cameIn.length < s.vcode.vregCount) {
    cameIn = new Int32Array(room(s.vcode.vregCount));
    cameStamp = new Int32Array(cameIn.length);
    headerOf = new Int32Array(cameIn.length);
    headerReg = new Int32Array(cameIn.length);
    exitIn = new Int32Array(cameIn.length);
    exitStamp = new Int32Array(cameIn.length);
    stamp = predStamp = 0;
  }
}

/** The predecessor already assigned that runs most, -1 if none. */
function basePred(s: State, b: number): number {
  const vc = s.vcode;
  let best = -1;
  for (let k = vc.predStart[b]!; k < vc.predStart[b + 1]!; k++) {
    const p = vc.pred[k]!;
    if (s.rpoIndex[p]! < s.rpoIndex[b]! && (best < 0 || s.freq[p]! > s.freq[best]!)) best = p;
  }
  return best;
}

function loadExit(s: State, p: number): void {
  for (let x = s.exitStart[p]!; x < s.exitEnd[p]!; x++) {
    const v = s.exitVreg[x]!;
    cameStamp[v] = stamp;
    cameIn[v] = s.exitReg[x]!;
  }
}

/**
 * Takes for each value, and each parameter by its arguments, the register in which most of the predecessors already
 * assigned leave it, by frequency (Boyer & Moore's majority vote, in one pass: exact where one has more than half). Within
 * a loop that carries the value the register it has at the header is better if any predecessor has it there: the way back
 * would move it again.
 */
function voteExits(s: State, b: number): void {
  const vc = s.vcode;
  const loop = s.loopOf[b]!;
  const firstParam = vc.paramStart[b]!;
  const params = vc.paramStart[b + 1]! - firstParam;
  for (let k = vc.predStart[b]!; k < vc.predStart[b + 1]!; k++) {
    const p = vc.pred[k]!;
    if (s.rpoIndex[p]! >= s.rpoIndex[b]!) continue;
    const freq = s.freq[p]!;
    predStamp++;
    for (let x = s.exitStart[p]!; x < s.exitEnd[p]!; x++) {
      const v = s.exitVreg[x]!;
      const r = s.exitReg[x]!;
      exitIn[v] = r;
      exitStamp[v] = predStamp;
      vote(s, v, r, loop >= 0 && headerOf[v] === loop && r === headerReg[v] ? Infinity : freq);
    }
    if (params === 0) continue;
    const a = vc.argStart[edgeOf(s, p, b)]!;
    for (let q = 0; q < params; q++) {
      const arg = vc.arg[a + q]!;
      if (exitStamp[arg] !== predStamp) continue;
      const v = vc.param[firstParam + q]!;
      const r = exitIn[arg]!;
      vote(s, v, r, loop >= 0 && r === returnsTo(s, v, loop) ? Infinity : freq);
    }
  }
}

function vote(s: State, v: number, r: number, weight: number): void {
  if (cameStamp[v] !== stamp || weight === Infinity) {
    cameStamp[v] = stamp;
    cameIn[v] = r;
    s.vfreq[v] = weight;
  } else if (cameIn[v] === r) s.vfreq[v]! += weight;
  else if (s.vfreq[v]! >= weight) s.vfreq[v]! -= weight;
  else {
    cameIn[v] = r;
    s.vfreq[v] = weight - s.vfreq[v]!;
  }
}

/** The register of the parameter of the loop's header that v flows to, -1 if it flows to none. */
export function returnsTo(s: State, v: number, loop: number): number {
  for (let hops = 0; hops < 4; hops++) {
    v = s.phiHint[v]!;
    if (v < 0) return -1;
    if (s.defBlock[v] === loop && s.defInst[v]! < 0) return s.paramNext[v]!;
  }
  return -1;
}

/** Remembers what registers the loop of header b starts with. */
function noteHeader(s: State, b: number): void {
  s.reserved[0]![b] = occupied[0]!;
  s.reserved[1]![b] = occupied[1]!;
  for (let k = s.entryStart[b]!; k < s.entryEnd[b]!; k++) {
    const v = s.entryVreg[k]!;
    if (v < 0) continue;
    headerOf[v] = b;
    headerReg[v] = s.entryReg[k]!;
  }
}

function isParam(s: State, v: number, b: number): boolean {
  return s.defBlock[v] === b && s.defInst[v]! < 0;
}

/** What has the register it has at the header of the loop keeps it, parameters too, before others take it. */
function keepForHeader(s: State, b: number): void {
  for (let k = s.entryStart[b]!; k < s.entryEnd[b]!; k++) {
    const v = s.entryVreg[k]!;
    if (v < 0 || cameStamp[v] !== stamp || s.vfreq[v] !== Infinity) continue;
    if (!isOccupied(cameIn[v]!)) settle(s, v, cameIn[v]!);
  }
}

function isOccupied(r: number): boolean {
  return ((occupied[r >> 5]! >>> (r & 31)) & 1) !== 0;
}

function keepRegisters(s: State, b: number, header: boolean): void {
  for (let k = s.entryStart[b]!; k < s.entryEnd[b]!; k++) {
    const v = s.entryVreg[k]!;
    if (v < 0 || s.home[v]! >= 0 || isParam(s, v, b) || cameStamp[v] !== stamp) continue;
    const r = cameIn[v]!;
    if (header && ((s.avoid[v]! >>> (r & 31)) & 1) !== 0) continue;
    // Each predecessor holds it in a register of its own: two values may have been voted into one.
    if (isOccupied(r)) continue;
    settle(s, v, r);
  }
}

/** Parameters next: the register of an argument that is not needed any more is theirs without a move. */
function placeParams(s: State, b: number, edge: number): void {
  const vc = s.vcode;
  const first = vc.paramStart[b]!;
  const last = vc.paramStart[b + 1]!;
  if (first === last) return;
  for (let p = first; p < last; p++) s.paramNext[vc.param[p]!] = -1;
  for (let k = s.entryStart[b]!; k < s.entryEnd[b]!; k++) {
    const v = s.entryVreg[k]!;
    if (v >= 0 && isParam(s, v, b)) s.paramNext[v] = UNPLACED;
  }
  for (let p = first; p < last; p++) {
    const v = vc.param[p]!;
    if (s.paramNext[v] !== UNPLACED) continue;
    if (s.home[v]! >= 0) {
      s.paramNext[v] = s.home[v]!;
      continue;
    }
    let near = -1;
    if (edge < 0) near = cameStamp[v] === stamp ? cameIn[v]! : returnsTo(s, v, s.loopOf[b]!);
    else {
      const a = vc.arg[vc.argStart[edge]! + p - first]!;
      if (cameStamp[a] === stamp) near = cameIn[a]!;
    }
    choose(s, v, near);
    s.paramNext[v] = s.home[v]!;
  }
}

/** Place of the edge p -> b in `succ`. */
function edgeOf(s: State, p: number, b: number): number {
  const vc = s.vcode;
  let e = vc.succStart[p]!;
  while (vc.succ[e] !== b) e++;
  return e;
}

function choose(s: State, v: number, near: number): void {
  const c = s.vcode.vregClass[v]!;
  const free = s.allocMask[c]! & ~occupied[c]!;
  if (free === 0) bug('register allocation', `no register for value ${v} at a block entry`);
  settle(s, v, pick(s, v, c, free, near));
}

function placeRest(s: State, b: number): void {
  for (let k = s.entryStart[b]!; k < s.entryEnd[b]!; k++) {
    const v = s.entryVreg[k]!;
    if (v < 0) continue;
    if (s.home[v]! < 0) choose(s, v, cameStamp[v] === stamp ? cameIn[v]! : -1);
    s.entryReg[k] = s.home[v]!;
    s.src[v] = s.home[v]!;
  }
}

/** Parameters that came in registers and are to have a slot from the start. */
function storeParams(s: State, b: number): void {
  const vc = s.vcode;
  for (let p = vc.paramStart[b]!; p < vc.paramStart[b + 1]!; p++) {
    const v = vc.param[p]!;
    if (s.storeMode[v] === STORE_DEF && s.home[v]! >= 0) {
      s.move(vc.blockStart[b]!, s.home[v]!, ALLOC_SLOT + s.slot[v]!, vc.vregType[v]!);
    }
  }
}

/** Adds the moves of all edges into blocks with several predecessors. */
export function joinEdges(s: State): void {
  const vc = s.vcode;
  for (let b = 0; b < vc.blockCount; b++) {
    const first = vc.predStart[b]!;
    const last = vc.predStart[b + 1]!;
    if (last - first < 2) continue;
    for (let k = first; k < last; k++) {
      const p = vc.pred[k]!;
      stamp++;
      loadExit(s, p);
      edgeMoves(s, p, b, edgePlace(s, p));
    }
  }
}

/** Before the first branch at the end of p. */
function edgePlace(s: State, p: number): number {
  const vc = s.vcode;
  let i = vc.blockStart[p + 1]!;
  while (i > vc.blockStart[p]! && (vc.flags[i - 1]! & I_BRANCH) !== 0) i--;
  if (i === vc.blockStart[p + 1]!)
    bug('register allocation', `block ${p} does not end in a branch`);
  for (let o = vc.opnd[i]!; o < vc.opnd[vc.blockStart[p + 1]!]!; o++) {
    if (vc.vreg[o]! >= 0 && (vc.con[o]! & K_MASK) === K_USE) {
      bug('register allocation', `the branch of block ${p} to a join uses values`);
    }
  }
  return i;
}

/** The moves of edge p -> b; p's registers are loaded. */
function edgeMoves(s: State, p: number, b: number, place: number): void {
  const vc = s.vcode;
  const pm = s.pm;
  for (let k = s.entryStart[b]!; k < s.entryEnd[b]!; k++) {
    const v = s.entryVreg[k]!;
    if (v < 0 || isParam(s, v, b)) continue;
    pm.add(exitPlace(s, v), s.entryReg[k]!, vc.vregType[v]!);
  }
  const e = edgeOf(s, p, b);
  const first = vc.paramStart[b]!;
  for (let k = first; k < vc.paramStart[b + 1]!; k++) {
    const v = vc.param[k]!;
    const a = vc.arg[vc.argStart[e]! + k - first]!;
    const r = s.paramNext[v]!;
    if (r >= 0) pm.add(exitPlace(s, a), r, vc.vregType[v]!);
    else if (s.storeMode[v] === STORE_EDGE)
      pm.add(exitPlace(s, a), ALLOC_SLOT + s.slot[v]!, vc.vregType[v]!);
  }
  if (s.anyLazy && s.leaves[b] === 1) storeLeaving(s, b);
  pm.resolve(place, s.regs, s);
}

function exitPlace(s: State, v: number): number {
  if (cameStamp[v] === stamp) return cameIn[v]!;
  if (s.remat[v] === 1) return REMAT_BASE + s.defInst[v]!;
  const slot = s.slot[v]!;
  if (slot < 0) bug('register allocation', `value ${v} is nowhere at the end of a block`);
  return ALLOC_SLOT + slot;
}

/** Values in registers at the end of the predecessor, in memory at the entry of b, that no one has stored. */
function storeLeaving(s: State, b: number): void {
  const vc = s.vcode;
  for (let k = s.entryStart[b]!; k < s.entryEnd[b]!; k++)
    if (s.entryVreg[k]! >= 0) s.vstamp[s.entryVreg[k]!] = stamp;
  for (let k = s.liveInStart[b]!; k < s.liveInStart[b + 1]!; k++) {
    const v = s.liveInVreg[k]!;
    if (s.storeMode[v] !== STORE_LAZY || cameStamp[v] !== stamp || s.vstamp[v] === stamp) continue;
    s.pm.add(cameIn[v]!, ALLOC_SLOT + s.slot[v]!, vc.vregType[v]!);
  }
}
