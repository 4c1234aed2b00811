/**
 * Assignment: which register each value has, block by block in reverse postorder (definitions come before uses).
 *
 * Spilling has seen to it that there are always enough, so this pass only chooses. A value keeps its register until an
 * instruction takes it away (fixed operand, clobber) or a value that must live through the instruction needs it more;
 * then it moves. All moves before an instruction are one parallel move: `src` is where values are before it, `home`
 * where the instruction finds them. E, L, EL as in spill.ts.
 */
import {
  ALLOC_NONE,
  ALLOC_SLOT,
  ARG_SHIFT,
  C_FIXED,
  C_MASK,
  C_REUSE,
  C_STACK,
  I_MOVE,
  K_DEF,
  K_MASK,
  K_TEMP,
  K_USE,
  P_LATE,
  REMAT_BASE,
} from '../vcode.ts';
import { bug } from '../../util/bug.ts';
import { beginEdges, enterBlock, returnsTo } from './edges.ts';
import { findTaken, takenE, takenL } from './operands.ts';
import { occupied, pick, regHolds, settle, vacate } from './pick.ts';
import { EV_EVICT, EV_RELOAD, NEVER, STORE_DEF, STORE_LAZY, enlarge, type State } from './state.ts';

/** Registers in use at E and at L, by class. */
const usedE = new Int32Array(2);
const usedL = new Int32Array(2);

/** Values whose register changes at this instruction, and those that wait for one: EL first, E after. */
let changed = new Int32Array(64);
let changedCount = 0;
const waitEL = new Int32Array(256);
let waitELCount = 0;
const waitE = new Int32Array(256);
let waitECount = 0;

const DIES = 1;
const LATE = 2;
/** Its last use is fixed: the copy there is all it needs. */
const COPIED = 4;
/** Its register becomes a tied definition's. */
const TAKEN = 8;
const DROPPED = 16;
const RELOADED = 32;
/** Mark in `alloc` until placed. */
const TAKES = -2;
let useBits = new Uint8Array(0);
let useStamp = new Int32Array(0);
/** Fixed register with a copy of the dying value, or in which the value will stay. */
let fixedIn = new Int32Array(0);

let eventAt = 0;
/** Header of the loop around the block at hand if the block runs about as often, else -1. */
let loop = -1;

/** Runs the assignment phase: fills `alloc` and adds the moves within blocks and at their heads. */
export function assign(s: State): void {
  const vc = s.vcode;
  if (useBits.length < vc.vregCount) {
    const size = vc.vregCount + (vc.vregCount >> 2) + 64;
    useBits = new Uint8Array(size);
    useStamp = new Int32Array(size);
    fixedIn = new Int32Array(size);
  }
  useStamp.fill(-1, 0, vc.vregCount);
  s.vstamp.fill(-1, 0, vc.vregCount);
  eventAt = 0;
  regHolds.fill(-1);
  occupied[0] = occupied[1] = 0;
  beginEdges(s);
  for (let k = 0; k < vc.blockCount; k++) assignBlock(s, s.rpo[k]!);
}

function assignBlock(s: State, b: number): void {
  const vc = s.vcode;
  enterBlock(s, b);
  loop = s.loopOf[b]!;
  if (loop >= 0 && s.freq[b]! > 1.5 * s.freq[loop]!) loop = -1;
  const end = vc.blockStart[b + 1]!;
  for (let i = vc.blockStart[b]!; i < end; i++) assignInst(s, i);
  for (let k = s.exitStart[b]!; k < s.exitEnd[b]!; k++) s.exitReg[k] = s.home[s.exitVreg[k]!]!;
  for (let c = 0; c < 2; c++) {
    for (let held = occupied[c]!; held !== 0; held &= held - 1) {
      const v = regHolds[(c << 5) + 31 - Math.clz32(held & -held)]!;
      vacate(s, v);
      s.src[v] = -1;
    }
  }
}

function bitsOf(v: number, i: number): number {
  return useStamp[v] === i ? useBits[v]! : 0;
}

function addBits(v: number, i: number, bits: number): void {
  if (useStamp[v] === i) useBits[v]! |= bits;
  else {
    useStamp[v] = i;
    useBits[v] = bits;
    fixedIn[v] = -1;
  }
}

/** Where the value can be copied from before the instruction. */
function sourceOf(s: State, v: number): number {
  const r = s.src[v]!;
  if (r >= 0) return r;
  return s.remat[v] === 1 ? REMAT_BASE + s.defInst[v]! : slotOf(s, v);
}

function slotOf(s: State, v: number): number {
  const slot = s.slot[v]!;
  if (slot < 0) bug('register allocation', `value ${v} has neither register nor slot`);
  return ALLOC_SLOT + slot;
}

function noteChanged(v: number): void {
  if (changedCount === changed.length) changed = enlarge(changed, changedCount);
  changed[changedCount++] = v;
}

function assignInst(s: State, i: number): void {
  const special = s.special[i] === 1;
  changedCount = waitELCount = waitECount = 0;
  if (special) findTaken(s.vcode, i);
  else takenE[0] = takenE[1] = takenL[0] = takenL[1] = 0;
  const tied = noteUses(s, i);
  if (eventAt < s.eventCount && s.eventInst[eventAt] === i) takeEvents(s, i);
  if (tied) findTakeovers(s, i);
  if (waitELCount > 0) sortReloads();
  if (special) leaveTaken(s, i);
  else if (loop >= 0) makeWay(s, i);
  usedE[0] = occupied[0]! | takenE[0]!;
  usedE[1] = occupied[1]! | takenE[1]!;
  usedL[0] = occupied[0]! | takenL[0]!;
  usedL[1] = occupied[1]! | takenL[1]!;
  freeDying(s, i);
  for (let k = 0; k < waitELCount; k++) place(s, waitEL[k]!, true);
  placeThrough(s, i);
  for (let k = 0; k < waitECount; k++) place(s, waitE[k]!, false);
  placeUses(s, i);
  if (changedCount > 0) moveChanged(s);
  s.pm.resolve(i, s.regs, s);
  placeDefs(s, i);
}

/** Notes how each value is used; true if there are tied operands. */
function noteUses(s: State, i: number): boolean {
  const vc = s.vcode;
  const last = vc.opnd[i + 1]!;
  let tied = false;
  for (let o = vc.opnd[i]!; o < last; o++) {
    const v = vc.vreg[o]!;
    if (v < 0) continue;
    const con = vc.con[o]!;
    if ((con & K_MASK) !== K_USE) continue;
    if (s.tied[o] === 1) tied = true;
    let bits = s.nxt[o] === NEVER ? DIES : 0;
    if ((con & P_LATE) !== 0) bits |= LATE;
    addBits(v, i, bits);
    if ((con & C_MASK) !== C_FIXED) continue;
    const reg = con >> ARG_SHIFT;
    if (bits & DIES) {
      useBits[v]! |= COPIED;
      fixedIn[v] = reg;
    } else if (fixedIn[v]! < 0 && ((takenL[reg >> 5]! >>> (reg & 31)) & 1) === 0) fixedIn[v] = reg;
  }
  return tied;
}

function takeEvents(s: State, i: number): void {
  for (; eventAt < s.eventCount && s.eventInst[eventAt] === i; eventAt++) {
    const v = s.eventData[eventAt]! >> 2;
    const kind = s.eventData[eventAt]! & 3;
    if (kind === EV_RELOAD) {
      noteChanged(v);
      waitEL[waitELCount++] = v;
      useBits[v]! |= RELOADED;
      continue;
    }
    if (s.storeMode[v] === STORE_LAZY && s.src[v]! >= 0) {
      s.pm.add(s.src[v]!, slotOf(s, v), s.vcode.vregType[v]!);
    }
    if (kind === EV_EVICT) {
      noteChanged(v);
      vacate(s, v);
    } else addBits(v, i, DIES | DROPPED);
  }
}

/** Reloads of values that die here need a register of the early part only; copied ones none. */
function sortReloads(): void {
  const n = waitELCount;
  waitELCount = 0;
  for (let k = 0; k < n; k++) {
    const v = waitEL[k]!;
    const bits = useBits[v]!;
    if (isCopied(bits)) continue;
    if ((bits & (DIES | LATE | TAKEN)) === DIES) waitE[waitECount++] = v;
    else waitEL[waitELCount++] = v;
  }
}

function isCopied(bits: number): boolean {
  return (bits & (COPIED | LATE)) === COPIED;
}

/** Tied definitions whose operand dies take its register over; marked in `alloc`. */
function findTakeovers(s: State, i: number): void {
  const vc = s.vcode;
  const first = vc.opnd[i]!;
  for (let o = first; o < vc.opnd[i + 1]!; o++) {
    if (vc.vreg[o]! < 0 || (vc.con[o]! & (K_MASK | C_MASK)) !== (K_DEF | C_REUSE)) continue;
    const u = vc.vreg[first + (vc.con[o]! >> ARG_SHIFT)]!;
    const takes =
      (s.home[u]! >= 0 || (useBits[u]! & RELOADED) !== 0) &&
      (useBits[u]! & (DIES | LATE | COPIED | TAKEN | DROPPED)) === DIES;
    s.out.alloc[o] = takes ? TAKES : ALLOC_NONE;
    if (takes) useBits[u]! |= TAKEN;
  }
}

/** Values in registers the instruction takes away move out; those that stay in a fixed register move there. */
function leaveTaken(s: State, i: number): void {
  for (let c = 0; c < 2; c++) {
    let conflict = occupied[c]! & (takenE[c]! | takenL[c]!);
    while (conflict !== 0) {
      const bit = conflict & -conflict;
      conflict ^= bit;
      const r = (c << 5) + 31 - Math.clz32(bit);
      const v = regHolds[r]!;
      const bits = bitsOf(v, i);
      if (useStamp[v] === i) {
        if (isCopied(bits)) {
          // Needs no register but the copy's; whatever stays in this one may come now.
          vacate(s, v);
          continue;
        }
        if (fixedIn[v] === r) continue;
        if ((bits & (DIES | LATE | TAKEN)) === DIES) {
          if ((takenE[c]! & bit) !== 0) waitE[waitECount++] = v;
          else continue;
        } else waitEL[waitELCount++] = v;
      } else waitEL[waitELCount++] = v;
      noteChanged(v);
      vacate(s, v);
    }
  }
  stayInFixed(s, i);
}

function stayInFixed(s: State, i: number): void {
  const vc = s.vcode;
  for (let o = vc.opnd[i]!; o < vc.opnd[i + 1]!; o++) {
    const v = vc.vreg[o]!;
    if (v < 0 || (vc.con[o]! & (K_MASK | C_MASK)) !== (K_USE | C_FIXED)) continue;
    const r = fixedIn[v]!;
    const bits = useBits[v]!;
    if (r < 0 || (bits & COPIED) !== 0 || s.home[v] === r) continue;
    if (s.home[v]! >= 0) vacate(s, v);
    else if (!isWaiting(v) && (bits & RELOADED) === 0) continue;
    noteChanged(v);
    settle(s, v, r);
  }
}

/**
 * Variables that are handed on around a loop (previous = current, current = next): where the register in which a definition
 * is to start the next iteration holds a value that is to start it in another, which is free by now, that one moves there at
 * once. On the way back it would have to move anyway, and the definition with it.
 */
function makeWay(s: State, i: number): void {
  const vc = s.vcode;
  const o = vc.opnd[i]!;
  if (o === vc.opnd[i + 1] || (vc.con[o]! & K_MASK) !== K_DEF) return;
  const v = vc.vreg[o]!;
  if (v < 0 || s.phiHint[v]! < 0 || s.want[v]! >= 0 || s.nxt[o] === NEVER) return;
  const r = returnsTo(s, v, loop);
  const u = r < 0 ? -1 : regHolds[r]!;
  if (u < 0 || s.src[u] !== r || (bitsOf(u, i) & DIES) !== 0 || s.want[u] === r) return;
  const to = returnsTo(s, u, loop);
  if (to < 0 || to === r || regHolds[to]! >= 0) return;
  if (((s.allocMask[to >> 5]! & ~s.avoid[u]!) >>> (to & 31)) & 1) {
    noteChanged(u);
    vacate(s, u);
    settle(s, u, to);
  }
}

function isWaiting(v: number): boolean {
  for (let k = 0; k < waitELCount; k++) if (waitEL[k] === v) return true;
  return false;
}

/** Values used for the last time free their register for the late part, copied ones at once. */
function freeDying(s: State, i: number): void {
  const vc = s.vcode;
  for (let o = vc.opnd[i]!; o < vc.opnd[i + 1]!; o++) {
    const v = vc.vreg[o]!;
    if (v < 0 || (vc.con[o]! & K_MASK) !== K_USE) continue;
    const r = s.home[v]!;
    const bits = useBits[v]!;
    if (r < 0 || (bits & (DIES | LATE | TAKEN)) !== DIES) continue;
    const bit = 1 << (r & 31);
    const c = r >> 5;
    if ((takenL[c]! & bit) === 0) usedL[c]! &= ~bit;
    if ((bits & COPIED) === 0) continue;
    vacate(s, v);
    if ((takenE[c]! & bit) === 0) usedE[c]! &= ~bit;
  }
}

/** Gives a waiting value its register. */
function place(s: State, v: number, through: boolean): void {
  if (s.home[v]! >= 0) return;
  const c = s.vcode.vregClass[v]!;
  const r = through ? pickThrough(s, v, c, -1) : pickEarly(s, v, c);
  settle(s, v, r);
}

/** A register for the early part. */
function pickEarly(s: State, v: number, c: number): number {
  const free = s.allocMask[c]! & ~usedE[c]!;
  if (free === 0) bug('register allocation', `no register for value ${v}`);
  const r = pick(s, v, c, free, -1);
  usedE[c]! |= 1 << (r & 31);
  return r;
}

/** A register for both parts; a value that is needed for the early part only makes way if need be. */
function pickThrough(s: State, v: number, c: number, near: number): number {
  let free = s.allocMask[c]! & ~(usedE[c]! | usedL[c]!);
  if (free === 0) {
    free = s.allocMask[c]! & ~(takenE[c]! | takenL[c]! | usedL[c]!) & occupied[c]!;
    if (free === 0) bug('register allocation', `no register for value ${v}`);
    const r = pick(s, v, c, free, -1);
    const early = regHolds[r]!;
    noteChanged(early);
    waitE[waitECount++] = early;
    vacate(s, early);
    usedL[c]! |= 1 << (r & 31);
    return r;
  }
  const r = pick(s, v, c, free, near);
  usedE[c]! |= 1 << (r & 31);
  usedL[c]! |= 1 << (r & 31);
  return r;
}

/** Registers of tied and early definitions and of scratch operands. */
function placeThrough(s: State, i: number): void {
  const vc = s.vcode;
  const alloc = s.out.alloc;
  const first = vc.opnd[i]!;
  const last = vc.opnd[i + 1]!;
  for (let o = first; o < last; o++) {
    const v = vc.vreg[o]!;
    if (v < 0) {
      alloc[o] = ALLOC_NONE;
      continue;
    }
    const con = vc.con[o]!;
    const kind = con & K_MASK;
    if (kind === K_USE) continue;
    const where = con & C_MASK;
    let r: number;
    if (where === C_REUSE) {
      const k = first + (con >> ARG_SHIFT);
      const u = vc.vreg[k]!;
      if (alloc[o] === TAKES) r = s.home[u]!;
      else {
        // If the operand leaves its register here, that is the best one.
        r = pickThrough(s, v, vc.vregClass[v]!, s.src[u]!);
        s.pm.add(sourceOf(s, u), r, vc.vregType[u]!);
      }
      alloc[k] = r;
    } else if (kind === K_TEMP || (con & P_LATE) === 0) {
      if (where === C_STACK) r = slotOf(s, v);
      else r = where === C_FIXED ? con >> ARG_SHIFT : pickThrough(s, v, vc.vregClass[v]!, -1);
    } else continue;
    alloc[o] = r;
  }
}

function placeUses(s: State, i: number): void {
  const vc = s.vcode;
  const alloc = s.out.alloc;
  const last = vc.opnd[i + 1]!;
  for (let o = vc.opnd[i]!; o < last; o++) {
    const v = vc.vreg[o]!;
    if (v < 0 || s.tied[o] === 1) continue;
    const con = vc.con[o]!;
    if ((con & K_MASK) !== K_USE) continue;
    const where = con & C_MASK;
    const home = s.home[v]!;
    if (where === C_FIXED) {
      alloc[o] = con >> ARG_SHIFT;
      if (alloc[o] !== home && !copiedBefore(s, i, o))
        s.pm.add(sourceOf(s, v), alloc[o]!, vc.vregType[v]!);
    } else if (where === C_STACK) alloc[o] = slotOf(s, v);
    else if (home >= 0) alloc[o] = home;
    else if (isCopied(useBits[v]!)) alloc[o] = fixedIn[v]!;
    else alloc[o] = slotOf(s, v);
  }
}

/** Whether an earlier operand asks for the same value in the same register. */
function copiedBefore(s: State, i: number, o: number): boolean {
  const vc = s.vcode;
  for (let k = vc.opnd[i]!; k < o; k++) {
    if (vc.vreg[k] === vc.vreg[o] && (vc.con[k]! & ~P_LATE) === (vc.con[o]! & ~P_LATE)) return true;
  }
  return false;
}

function moveChanged(s: State): void {
  for (let k = 0; k < changedCount; k++) {
    const v = changed[k]!;
    const home = s.home[v]!;
    if (home >= 0) s.pm.add(sourceOf(s, v), home, s.vcode.vregType[v]!);
    s.src[v] = home;
  }
}

/** After the instruction: the dead leave their registers, definitions get theirs. */
function placeDefs(s: State, i: number): void {
  const vc = s.vcode;
  const alloc = s.out.alloc;
  const first = vc.opnd[i]!;
  const last = vc.opnd[i + 1]!;
  for (let o = first; o < last; o++) {
    const v = vc.vreg[o]!;
    if (v < 0 || (vc.con[o]! & K_MASK) !== K_USE || (useBits[v]! & DIES) === 0) continue;
    if (s.home[v]! >= 0) vacate(s, v);
    s.src[v] = -1;
  }
  for (let o = first; o < last; o++) {
    const v = vc.vreg[o]!;
    if (v < 0) continue;
    const con = vc.con[o]!;
    const kind = con & K_MASK;
    if (kind === K_USE) continue;
    const where = con & C_MASK;
    let r = alloc[o]!;
    if (kind === K_DEF && (con & P_LATE) !== 0 && where !== C_REUSE)
      r = alloc[o] = lateDef(s, i, v, con);
    if (r < 0) continue;
    // The first instruction only names what the caller put there.
    if (r < ALLOC_SLOT && (i > 0 || where !== C_FIXED)) s.written[r >> 5]! |= 1 << (r & 31);
    if (kind === K_TEMP || r >= ALLOC_SLOT) continue;
    if (s.storeMode[v] === STORE_DEF) s.move(i + 1, r, slotOf(s, v), vc.vregType[v]!);
    if (s.nxt[o] === NEVER) continue;
    settle(s, v, r);
    s.src[v] = r;
  }
}

function lateDef(s: State, i: number, v: number, con: number): number {
  const vc = s.vcode;
  const where = con & C_MASK;
  if (where === C_FIXED) return con >> ARG_SHIFT;
  if (where === C_STACK) return slotOf(s, v);
  if (s.remat[v] === 1) return ALLOC_NONE;
  const c = vc.vregClass[v]!;
  const free = s.allocMask[c]! & ~usedL[c]!;
  if (free === 0) bug('register allocation', `no register for definition ${v}`);
  let near = -1;
  if ((vc.flags[i]! & I_MOVE) !== 0) near = s.out.alloc[vc.opnd[i]! + 1]!;
  const r = pick(s, v, c, free, near < ALLOC_SLOT ? near : -1);
  usedL[c]! |= 1 << (r & 31);
  return r;
}
