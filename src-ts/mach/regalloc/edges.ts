/**
 * Between blocks: registers at block entries and the moves on edges.
 *
 * A block with one predecessor takes values over as they are; its edge's moves stand at its head. With several, values
 * keep the register they have in the hottest predecessor seen, except that at a loop's header a value leaves a
 * register it would be driven from inside the loop. Moves of the edges stand at the ends of the predecessors and are
 * made last, when both ends are known.
 */
import { ALLOC_SLOT, I_BRANCH, K_MASK, K_USE, REMAT_BASE } from '../vcode.ts';
import { bug } from '../../util/bug.ts';
import { loopReserved, occupied, pick, settle } from './pick.ts';
import { STORE_DEF, STORE_EDGE, STORE_LAZY, room, type State } from './state.ts';

/** Register of values at the end of the predecessor at hand; valid where `cameStamp` is the current stamp. */
let cameIn = new Int32Array(0);
let cameStamp = new Int32Array(0);
let stamp = 0;

/** Chooses registers for the entry set of b and, if it has one predecessor, moves what must move. */
export function enterBlock(s: State, b: number): void {
  const vc = s.vcode;
  prepare(s);
  const loop = s.loopOf[b]!;
  const single = vc.predStart[b + 1]! - vc.predStart[b]! === 1;
  const base = basePred(s, b);
  stamp++;
  if (base >= 0) loadExit(s, base);
  loopReserved[0] = loopReserved[1] = 0;
  const header = loop === b && !single;
  keepRegisters(s, b, header);
  if (loop >= 0) {
    loopReserved[0] = s.reserved[0]![loop]!;
    loopReserved[1] = s.reserved[1]![loop]!;
  }
  placeParams(s, b, base);
  placeRest(s, b);
  if (loop === b) {
    s.reserved[0]![b] = occupied[0]!;
    s.reserved[1]![b] = occupied[1]!;
  }
  if (single && base >= 0) edgeMoves(s, base, b, vc.blockStart[b]!);
  storeParams(s, b);
}

function prepare(s: State): void {
  if (cameIn.length < s.vcode.vregCount) {
    cameIn = new Int32Array(room(s.vcode.vregCount));
    cameStamp = new Int32Array(cameIn.length);
    stamp = 0;
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

function isParam(s: State, v: number, b: number): boolean {
  return s.defBlock[v] === b && s.defInst[v]! < 0;
}

function keepRegisters(s: State, b: number, header: boolean): void {
  for (let k = s.entryStart[b]!; k < s.entryEnd[b]!; k++) {
    const v = s.entryVreg[k]!;
    if (v < 0 || isParam(s, v, b) || cameStamp[v] !== stamp) continue;
    const r = cameIn[v]!;
    if (header && ((s.avoid[v]! >>> (r & 31)) & 1) !== 0) continue;
    settle(s, v, r);
  }
}

/** Parameters next: the register of an argument that is not needed any more is theirs without a move. */
function placeParams(s: State, b: number, base: number): void {
  const vc = s.vcode;
  const first = vc.paramStart[b]!;
  const last = vc.paramStart[b + 1]!;
  if (first === last) return;
  for (let p = first; p < last; p++) s.paramNext[vc.param[p]!] = -1;
  for (let k = s.entryStart[b]!; k < s.entryEnd[b]!; k++) {
    const v = s.entryVreg[k]!;
    if (v >= 0 && isParam(s, v, b)) s.paramNext[v] = k;
  }
  const edge = base < 0 ? -1 : edgeOf(s, base, b);
  for (let p = first; p < last; p++) {
    const v = vc.param[p]!;
    const k = s.paramNext[v]!;
    if (k < 0) continue;
    const a = edge < 0 ? -1 : vc.arg[vc.argStart[edge]! + p - first]!;
    const near = a >= 0 && cameStamp[a] === stamp ? cameIn[a]! : -1;
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
  prepare(s);
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
  if (s.anyLazy) storeLeaving(s, b);
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
