/**
 * Spilling: decides for every point which values are in registers, so that every instruction's needs can be met.
 *
 * Walks each block forward with W, the values in registers, and evicts the furthest next use when an instruction needs
 * more than there is. At an instruction, values that only live up to it need a register of the early part (E), those
 * defined by it one of the late part (L), those that live through it, scratch registers and tied operands one in both (EL).
 * With nX values of each sort and the registers that remain after fixed operands and clobbers, three inequalities say
 * that an assignment exists:  EL <= freeEL,  E + EL <= freeE,  L + EL <= freeL.
 * Outcome: entry and exit sets per block, a list of events in block order, `needSlot`, costs for the choice of the
 * place of the store, and the registers each value should avoid (taken away somewhere while it lives in one).
 */
import {
  ARG_SHIFT,
  C_ANY,
  C_FIXED,
  C_MASK,
  C_REG,
  C_REUSE,
  C_STACK,
  I_BRANCH,
  I_CALL,
  I_COMMUTES,
  K_DEF,
  K_MASK,
  K_TEMP,
  K_USE,
  P_LATE,
} from '../vcode.ts';
import { bug } from '../../util/bug.ts';
import { chooseEntry } from './entry.ts';
import { findTaken, takenE, takenL } from './operands.ts';
import {
  EV_DROP,
  EV_EVICT,
  EV_RELOAD,
  NEVER,
  STORE_DEF,
  STORE_EDGE,
  STORE_LAZY,
  STORE_NONE,
  popcount,
  type State,
} from './state.ts';

/** A memory operand's value gets a register after all if it is used again within so many instructions. */
const NEAR = 24;

// W by class, and per-instruction counts by class.
const held = [new Int32Array(64), new Int32Array(64)];
const heldCount = new Int32Array(2);
const nE = new Int32Array(2);
const nEL = new Int32Array(2);
const nL = new Int32Array(2);

/** How the instruction at hand uses a value: bits, valid where `stampOf` says so. */
const NEEDS_REG = 1;
const DIES = 2;
const LATE = 4;
/** Lives on in the fixed register it is used in. */
const STAYS = 8;
/** Its last use is fixed: the copy there is all it needs. */
const COPIED = 16;
/** Its register becomes that of a tied definition. */
const TAKEN = 32;
/** Its operand has been counted; another of the same value adds nothing. */
const COUNTED = 64;
let useBits = new Uint8Array(0);
let useStamp = new Int32Array(0);
/** Place in the entry list by which a value came, -1 once used or if it came otherwise. */
let enteredAs = new Int32Array(0);

let removable = false;
/** A value used by the instruction at hand that lost its register there, -1. */
let evictedUse = -1;
// The block at hand.
let block = 0;
let blockFreq = 0;
let blockCold = false;
let atCall = false;

/** Runs the spilling phase. */
export function spill(s: State): void {
  const vc = s.vcode;
  if (useBits.length < vc.vregCount) {
    const size = vc.vregCount + (vc.vregCount >> 2) + 64;
    useBits = new Uint8Array(size);
    useStamp = new Int32Array(size);
    enteredAs = new Int32Array(size);
  }
  useStamp.fill(-1, 0, vc.vregCount);
  s.vstamp.fill(-1, 0, vc.vregCount);
  for (let k = 0; k < vc.blockCount; k++) spillBlock(s, s.rpo[k]!);
  s.vstamp.fill(-1, 0, vc.vregCount);
  for (let b = 0; b < vc.blockCount; b++) countEdgeStores(s, b);
  for (let v = 0; v < vc.vregCount; v++) chooseStore(s, v);
}

function spillBlock(s: State, b: number): void {
  const vc = s.vcode;
  chooseEntry(s, b);
  heldCount[0] = heldCount[1] = 0;
  for (let k = s.entryStart[b]!; k < s.entryEnd[b]!; k++) {
    const v = s.entryVreg[k]!;
    enter(s, v);
    enteredAs[v] = k;
  }
  for (let p = vc.paramStart[b]!; p < vc.paramStart[b + 1]!; p++) {
    const v = vc.param[p]!;
    if (s.inW[v] === 0 && (s.paramNext[v] !== NEVER || s.needSlot[v] === 1)) startInMemory(s, v);
  }
  removable = vc.predStart[b + 1]! - vc.predStart[b]! > 1;
  block = b;
  blockFreq = s.freq[b]!;
  blockCold = vc.blockCold[b] === 1;
  const end = vc.blockStart[b + 1]!;
  for (let i = vc.blockStart[b]!; i < end; i++) spillInst(s, i);
  s.exitStart[b] = s.exitCount;
  for (let c = 0; c < 2; c++) {
    for (let k = 0; k < heldCount[c]!; k++) {
      const v = held[c]![k]!;
      s.inW[v] = 0;
      if (s.next[v]! >= end && s.next[v] !== NEVER) s.addExit(v);
    }
  }
  s.exitEnd[b] = s.exitCount;
}

function startInMemory(s: State, v: number): void {
  s.needSlot[v] = 1;
  s.storeMode[v] = STORE_EDGE;
}

function enter(s: State, v: number): void {
  const c = s.vcode.vregClass[v]!;
  s.inW[v] = 1;
  enteredAs[v] = -1;
  held[c]![heldCount[c]!++] = v;
}

function removeHeld(s: State, c: number, k: number): void {
  const list = held[c]!;
  s.inW[list[k]!] = 0;
  list[k] = list[--heldCount[c]!]!;
}

function bitsOf(v: number, i: number): number {
  return useStamp[v] === i ? useBits[v]! : 0;
}

function addBits(v: number, i: number, bits: number): void {
  if (useStamp[v] === i) useBits[v]! |= bits;
  else {
    useStamp[v] = i;
    useBits[v] = bits;
  }
}

function spillInst(s: State, i: number): void {
  const vc = s.vcode;
  const special = s.special[i] === 1;
  if (special) findTaken(vc, i);
  const usesMemory = noteUses(s, i);
  countHeld(s, i);
  countDefs(s, i);
  fit(s, i, 0, special);
  fit(s, i, 1, special);
  if (evictedUse >= 0) {
    if ((vc.flags[i]! & I_COMMUTES) !== 0) tieEvicted(s, i, evictedUse);
    evictedUse = -1;
  }
  if (usesMemory && (vc.flags[i]! & I_CALL) === 0) reloadNear(s, i, special);
  if (special && !blockCold) avoidTaken(s, i);
  finish(s, i);
}

/** Reloads what must be in a register, notes how each value is used; true if some operand may stay in memory. */
function noteUses(s: State, i: number): boolean {
  const vc = s.vcode;
  const first = vc.opnd[i]!;
  const last = vc.opnd[i + 1]!;
  let memory = false;
  for (let o = first; o < last; o++) {
    const v = vc.vreg[o]!;
    if (v < 0) continue;
    const con = vc.con[o]!;
    if ((con & K_MASK) !== K_USE) continue;
    let bits = s.nxt[o] === NEVER ? DIES : 0;
    s.next[v] = s.nxt[o]!;
    enteredAs[v] = -1;
    if ((con & P_LATE) !== 0) bits |= LATE;
    const where = con & C_MASK;
    if (where === C_FIXED) {
      const reg = con >> ARG_SHIFT;
      if (bits & DIES) bits |= COPIED;
      else if (((takenL[reg >> 5]! >>> (reg & 31)) & 1) === 0) {
        // Another register of another use of v may have been noted already: it stays in the first.
        if ((bitsOf(v, i) & STAYS) === 0) bits |= STAYS;
      }
    } else if (where === C_STACK) {
      s.needSlot[v] = 1;
      if (s.storeMode[v] === STORE_NONE) s.storeMode[v] = STORE_DEF;
    } else if (s.tied[o] === 0) {
      if (where === C_REG || s.remat[v] === 1) {
        bits |= NEEDS_REG;
        if (s.inW[v] === 0) reload(s, i, v);
      } else if (s.inW[v] === 0) memory = true;
    }
    addBits(v, i, bits);
    if (s.inW[v] === 0 && s.remat[v] === 0) s.needSlot[v] = 1;
  }
  return memory;
}

function reload(s: State, i: number, v: number): void {
  s.needSlot[v] = 1;
  s.addEvent(i, v, EV_RELOAD);
  enter(s, v);
}

/** Whether a fixed operand's register is all the value needs. */
function needsNone(bits: number): boolean {
  return (bits & STAYS) !== 0 || (bits & (COPIED | LATE)) === COPIED;
}

/** Sorts W into E and EL: what the instruction does not use lives through it. */
function countHeld(s: State, i: number): void {
  const vc = s.vcode;
  nE[0] = nE[1] = nL[0] = nL[1] = 0;
  nEL[0] = heldCount[0]!;
  nEL[1] = heldCount[1]!;
  const last = vc.opnd[i + 1]!;
  for (let o = vc.opnd[i]!; o < last; o++) {
    const v = vc.vreg[o]!;
    if (v < 0 || (vc.con[o]! & K_MASK) !== K_USE || s.inW[v] === 0) continue;
    const bits = useBits[v]!;
    if ((bits & COUNTED) !== 0) continue;
    useBits[v] = bits | COUNTED;
    const c = vc.vregClass[v]!;
    if (needsNone(bits)) {
      nEL[c]!--;
      // The fixed register is only taken for the early part, and the value still there in the late one.
      if ((bits & STAYS) !== 0) nL[c]!++;
    } else if ((bits & (DIES | LATE)) === DIES) {
      nEL[c]!--;
      nE[c]!++;
    }
  }
}

function countDefs(s: State, i: number): void {
  const vc = s.vcode;
  const first = vc.opnd[i]!;
  const last = vc.opnd[i + 1]!;
  for (let o = first; o < last; o++) {
    const v = vc.vreg[o]!;
    if (v < 0) continue;
    const con = vc.con[o]!;
    const kind = con & K_MASK;
    if (kind === K_USE) continue;
    const where = con & C_MASK;
    const c = vc.vregClass[v]!;
    if (where === C_FIXED || where === C_STACK) continue;
    if (kind === K_TEMP || (con & P_LATE) === 0) nEL[c]!++;
    else if (where === C_REUSE) countTied(s, vc.vreg[first + (con >> ARG_SHIFT)]!, c);
    else if (s.remat[v] === 0) nL[c]!++;
  }
}

/** A tied definition takes over the register of an operand that dies, else needs one for the copy. */
function countTied(s: State, u: number, c: number): void {
  const bits = useBits[u]!;
  if (takesOver(s, u, bits)) {
    useBits[u] = bits | TAKEN;
    nE[c]!--;
  }
  nEL[c]!++;
}

function takesOver(s: State, u: number, bits: number): boolean {
  return s.inW[u] === 1 && (bits & (DIES | LATE | COPIED | TAKEN)) === DIES;
}

/** Evicts until the three inequalities hold. */
function fit(s: State, i: number, c: number, special: boolean): void {
  const all = s.allocMask[c]!;
  const k = s.allocCount[c]!;
  let freeE = k;
  let freeL = k;
  let freeEL = k;
  if (special) {
    const e = takenE[c]! & all;
    const l = takenL[c]! & all;
    freeE = k - popcount(e);
    freeL = k - popcount(l);
    freeEL = k - popcount(e | l);
  }
  if (s.chaos !== null && s.chaos.oneIn(16)) {
    const v = victim(s, i, c, false);
    if (v >= 0) evict(s, i, c, v);
  }
  while (nEL[c]! > freeEL || nL[c]! + nEL[c]! > freeL) {
    const v = victim(s, i, c, true);
    if (v < 0) bug('register allocation', `instruction ${i} needs more registers than there are`);
    if ((bitsOf(held[c]![v]!, i) & NEEDS_REG) !== 0) drop(s, i, c, v);
    else evict(s, i, c, v);
  }
  while (nE[c]! + nEL[c]! > freeE) {
    const v = victim(s, i, c, false);
    if (v < 0) bug('register allocation', `instruction ${i} needs more registers than there are`);
    evict(s, i, c, v);
  }
}

/**
 * Index in W of the value to spill, -1 if none: for the late part any that lives on and is not needed there, for the
 * early part any not needed in a register by this instruction.
 */
function victim(s: State, i: number, c: number, late: boolean): number {
  const list = held[c]!;
  const next = s.next;
  let best = -1;
  let bestNext = -1;
  for (let k = heldCount[c]! - 1; k >= 0; k--) {
    const v = list[k]!;
    let n = next[v]!;
    if (useStamp[v] === i) {
      const bits = useBits[v]!;
      if ((bits & (COPIED | STAYS | TAKEN)) !== 0) continue;
      if (late ? (bits & (DIES | LATE)) !== 0 : (bits & NEEDS_REG) !== 0) continue;
      if (n === NEVER) n = i;
    }
    // A value that is made again is never stored and read by none that wait for memory: it counts as further away.
    if (s.remat[v] === 1) n += 3 * (n - i) + 1;
    if (n > bestNext) {
      bestNext = n;
      best = k;
    }
  }
  return best;
}

/**
 * A commutative operation's second operand is leaving its register: if the first lives on there, or waits in memory and
 * may be read from it, the second is tied instead and changed where it was.
 */
function tieEvicted(s: State, i: number, v: number): void {
  const vc = s.vcode;
  const first = vc.opnd[i]!;
  if (vc.opnd[i + 1]! - first !== 3 || s.tied[first + 1] === 0) return;
  const u = vc.vreg[first + 1]!;
  if (vc.vreg[first + 2] !== v || u < 0 || u === v) return;
  if (s.inW[u] === 0) {
    if (s.remat[u] === 1 || (vc.con[first + 2]! & C_MASK) !== C_ANY) return;
  } else if ((useBits[u]! & (DIES | TAKEN)) !== 0) return;
  vc.vreg[first + 1] = v;
  vc.vreg[first + 2] = u;
  const n = s.nxt[first + 1]!;
  s.nxt[first + 1] = s.nxt[first + 2]!;
  s.nxt[first + 2] = n;
}

/** Takes the value at place k of W out of its register before the instruction. */
function evict(s: State, i: number, c: number, k: number): void {
  const v = held[c]![k]!;
  const bits = bitsOf(v, i);
  if ((bits & (DIES | LATE)) === DIES) nE[c]!--;
  else nEL[c]!--;
  removeHeld(s, c, k);
  if (useStamp[v] === i) evictedUse = v;
  s.needSlot[v] = 1;
  const entry = enteredAs[v]!;
  if (entry >= 0 && removable) {
    // Not used since the block was entered: it need not have come in a register.
    s.entryVreg[entry] = -1;
    s.leaves[block] = 1;
    if (s.defInst[v] === -1 && s.defBlock[v] !== -1 && isParamHere(s, v, i)) startInMemory(s, v);
    return;
  }
  s.addEvent(i, v, EV_EVICT);
  s.lazyCost[v]! += blockFreq;
}

/** Whether v is a parameter of the block of instruction i. */
function isParamHere(s: State, v: number, i: number): boolean {
  const b = s.defBlock[v]!;
  return i >= s.vcode.blockStart[b]! && i < s.vcode.blockStart[b + 1]!;
}

/** Keeps the register for the early part only. */
function drop(s: State, i: number, c: number, k: number): void {
  const v = held[c]![k]!;
  nEL[c]!--;
  nE[c]!++;
  addBits(v, i, DIES);
  removeHeld(s, c, k);
  s.needSlot[v] = 1;
  s.addEvent(i, v, EV_DROP);
  s.lazyCost[v]! += blockFreq;
}

/** Gives values a register that could stay in memory, if they are used again soon and there is room. */
function reloadNear(s: State, i: number, special: boolean): void {
  const vc = s.vcode;
  const last = vc.opnd[i + 1]!;
  for (let o = vc.opnd[i]!; o < last; o++) {
    const v = vc.vreg[o]!;
    if (v < 0 || (vc.con[o]! & (K_MASK | C_MASK)) !== (K_USE | C_ANY)) continue;
    if (s.inW[v] === 1 || s.tied[o] === 1 || s.nxt[o]! > i + NEAR || (useBits[v]! & LATE) !== 0)
      continue;
    const c = vc.vregClass[v]!;
    let lost = 0;
    if (special) lost = popcount((takenE[c]! | takenL[c]!) & s.allocMask[c]!);
    const room = s.allocCount[c]! - lost;
    if (nE[c]! + nEL[c]! >= room || nL[c]! + nEL[c]! >= room) continue;
    if ((useBits[v]! & (STAYS | COPIED)) !== 0 || droppedHere(s, i, v)) continue;
    nEL[c]!++;
    reload(s, i, v);
  }
}

/** Whether this instruction's events already concern v (it left its register here). */
function droppedHere(s: State, i: number, v: number): boolean {
  for (let e = s.eventCount - 1; e >= 0 && s.eventInst[e] === i; e--) {
    if (s.eventData[e]! >> 2 === v) return true;
  }
  return false;
}

function avoidTaken(s: State, i: number): void {
  const vc = s.vcode;
  atCall = (vc.flags[i]! & I_CALL) !== 0;
  for (let c = 0; c < 2; c++) {
    const taken = takenE[c]! | takenL[c]!;
    if (taken === 0) continue;
    const list = held[c]!;
    for (let k = heldCount[c]! - 1; k >= 0; k--) {
      const v = list[k]!;
      const bits = bitsOf(v, i);
      if (needsNone(bits)) continue;
      avoid(s, v, (bits & (DIES | LATE)) === DIES ? takenE[c]! : taken);
    }
  }
  const last = vc.opnd[i + 1]!;
  for (let o = vc.opnd[i]!; o < last; o++) {
    const v = vc.vreg[o]!;
    if (v < 0 || (bitsOf(v, i) & STAYS) === 0 || (vc.con[o]! & C_MASK) !== C_FIXED) continue;
    const reg = vc.con[o]! >> ARG_SHIFT;
    avoid(s, v, (takenE[reg >> 5]! | takenL[reg >> 5]!) & ~(1 << (reg & 31)));
  }
}

function avoid(s: State, v: number, mask: number): void {
  s.avoid[v]! |= mask;
  if (!atCall) return;
  const web = s.findWeb(v);
  s.webAvoid[web]! |= mask;
  if (s.webLoses[web]! < blockFreq) s.webLoses[web] = blockFreq;
}

/** After the instruction: the dead leave W, definitions enter. */
function finish(s: State, i: number): void {
  const vc = s.vcode;
  const first = vc.opnd[i]!;
  const last = vc.opnd[i + 1]!;
  for (let o = first; o < last; o++) {
    const v = vc.vreg[o]!;
    if (v < 0 || (vc.con[o]! & K_MASK) !== K_USE) continue;
    if (s.nxt[o] === NEVER && s.inW[v] === 1) {
      const c = vc.vregClass[v]!;
      let k = heldCount[c]! - 1;
      while (held[c]![k] !== v) k--;
      removeHeld(s, c, k);
    }
  }
  for (let o = first; o < last; o++) {
    const v = vc.vreg[o]!;
    const con = vc.con[o]!;
    if (v >= 0 && (con & K_MASK) === K_DEF) define(s, i, o, v, con);
  }
}

function define(s: State, i: number, o: number, v: number, con: number): void {
  s.next[v] = s.nxt[o]!;
  if ((con & C_MASK) === C_STACK) {
    startInMemory(s, v);
    return;
  }
  // A rematerialisable value is computed where it is used instead.
  if (s.remat[v] === 1) return;
  if ((s.vcode.flags[i]! & I_BRANCH) !== 0) {
    if (s.storeMode[v] === STORE_DEF)
      bug('register allocation', `value ${v} of a branch must be stored`);
    s.storeMode[v] = STORE_LAZY;
  }
  if (s.nxt[o] !== NEVER) enter(s, v);
}

/** Adds the stores on edges to values that leave their register there; what these values would cost lazily. */
function countEdgeStores(s: State, b: number): void {
  const vc = s.vcode;
  const first = vc.predStart[b]!;
  if (s.leaves[b] === 0) return;
  for (let k = s.liveInStart[b]!; k < s.liveInStart[b + 1]!; k++) s.vstamp[s.liveInVreg[k]!] = b;
  for (let k = s.entryStart[b]!; k < s.entryEnd[b]!; k++) {
    const v = s.entryVreg[k]!;
    if (v >= 0) s.vstamp[v] = -1;
  }
  for (let k = first; k < vc.predStart[b + 1]!; k++) {
    const p = vc.pred[k]!;
    const freq = Math.min(s.freq[p]!, s.freq[b]!);
    for (let x = s.exitStart[p]!; x < s.exitEnd[p]!; x++) {
      const v = s.exitVreg[x]!;
      if (s.vstamp[v] !== b) continue;
      s.lazyCost[v]! += freq;
      s.needSlot[v] = 1;
    }
  }
}

function chooseStore(s: State, v: number): void {
  if (s.remat[v] === 1) {
    s.needSlot[v] = 0;
    s.storeMode[v] = STORE_NONE;
  } else if (s.needSlot[v] === 0) {
    s.storeMode[v] = STORE_NONE;
  } else if (s.storeMode[v] === STORE_NONE) {
    const b = s.defBlock[v]!;
    const early = b >= 0 && s.lazyCost[v]! > 0.6 * s.freq[b]!;
    const odd = s.chaos !== null && s.chaos.oneIn(2);
    s.storeMode[v] = early !== odd ? STORE_DEF : STORE_LAZY;
  }
  if (s.storeMode[v] === STORE_LAZY) s.anyLazy = true;
}
