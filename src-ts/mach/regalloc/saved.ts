/**
 * How many callee-saved registers the function may use: each is saved and restored whenever the function runs, so it has to
 * spare more than that. Spilling and assignment then see a machine without the others.
 *
 * A register that calls preserve spares a value that lives across calls its store and the reloads of uses that follow a
 * call; the costs of all such values, at the frequencies of their blocks, are dealt out to as many registers as there
 * are values across one call at most. Where more values live than there are other registers, each further one spares
 * about a store and a reload in so many instructions. (The idea: Lueh & Gross, Call-Cost Directed Register Allocation,
 * PLDI 1997.) Registers that hold an argument or that a call overwrites cost nothing more.
 *
 * Collected while liveness scans each block backward; `scan*` and `note*` are called from there.
 */
import {
  ARG_SHIFT,
  CLASS_GP,
  C_FIXED,
  C_MASK,
  C_REG,
  C_REUSE,
  C_STACK,
  K_DEF,
  K_MASK,
  K_TEMP,
  K_USE,
  P_LATE,
} from '../vcode.ts';
import { findTaken, takenE, takenL } from './operands.ts';
import { NEVER, popcount, room, type State } from './state.ts';

/** Instructions that save and restore registers that are saved together. */
const SAVE_COST = 2;
/** Instructions over which one value more than there are registers costs a store or a reload. */
const PER_SPILL = 6;

/** By vreg: reloads that follow a call within a block, and the most that a call it lives through costs. */
let reloads = new Float64Array(0);
let through = new Float64Array(0);
/** By number of values beyond the registers that calls do not preserve: instructions, by frequency. */
const excess = new Float64Array(32);
/** Costs spared by the first, second … callee-saved register. */
const spared = new Float64Array(32);
let costs = new Float64Array(64);

/** Allocatable registers that calls do not preserve. */
let others = 0;
let otherCount = 0;
/** Most values that live through one call, and callee-saved registers that some instruction can not do without. */
let mostThrough = 0;
let fewest = 0;

// The block at hand: its frequency, its end, and the nearest call behind the place of the scan.
let freq = 0;
let end = 0;
let call = NEVER;

/** Starts a function. */
export function beginSaved(s: State): void {
  const n = s.vcode.vregCount;
  if (reloads.length < n) {
    reloads = new Float64Array(room(n));
    through = new Float64Array(reloads.length);
  }
  reloads.fill(0, 0, n);
  through.fill(0, 0, n);
  excess.fill(0);
  others = s.allocMask[CLASS_GP]! & ~s.regs.calleeSaved.gp;
  otherCount = popcount(others);
  mostThrough = fewest = 0;
}

/** Starts a block. */
export function scanSaved(s: State, b: number): void {
  freq = s.freq[b]!;
  end = s.vcode.blockStart[b + 1]!;
  call = NEVER;
}

/** Notes that v, used or defined here or live at the block's start, is used next at `next`. */
export function noteNext(v: number, next: number): void {
  if (next <= call || next === NEVER) return;
  if (next < end) reloads[v]! += freq;
  else if (through[v]! < freq) through[v] = freq;
}

/** Notes that the scan has come to call i; its own uses are noted after it. */
export function noteCall(i: number): void {
  call = i;
}

/** Notes how many values live at an instruction. */
export function notePressure(values: number): void {
  if (values > otherCount) excess[Math.min(values - otherCount, 31)]! += freq;
}

/**
 * Notes an instruction that takes registers away, with so many values living through it: what its operands need in any
 * case (the inequalities of spill.ts).
 */
export function noteSpecial(s: State, i: number, live: number): void {
  const vc = s.vcode;
  if (call === i && live > mostThrough) mostThrough = live;
  findTaken(vc, i);
  let e = 0;
  let l = 0;
  let el = 0;
  for (let o = vc.opnd[i]!; o < vc.opnd[i + 1]!; o++) {
    const v = vc.vreg[o]!;
    const con = vc.con[o]!;
    const where = con & C_MASK;
    if (v < 0 || vc.vregClass[v] !== CLASS_GP || where === C_FIXED || where === C_STACK) continue;
    const kind = con & K_MASK;
    const late = (con & P_LATE) !== 0;
    if (kind === K_TEMP || where === C_REUSE || late !== (kind === K_DEF)) el++;
    else if (kind === K_DEF) l++;
    else if (kind === K_USE && where === C_REG) e++;
  }
  const needE = e + el + popcount(takenE[0]! & others);
  const needL = l + el + popcount(takenL[0]! & others);
  const needEL = el === 0 ? 0 : el + popcount((takenE[0]! | takenL[0]!) & others);
  fewest = Math.max(fewest, Math.max(needE, needL, needEL) - otherCount);
}

/** Narrows the machine to the callee-saved registers that pay. */
export function chooseSaved(s: State): void {
  const order = s.regs.allocatableGp;
  const saved = s.regs.calleeSaved.gp;
  const free = saved & (s.written[0]! | argumentsHeld(s));
  const count = popcount(saved & ~free & s.allocMask[0]!);
  let n = worth(s, count, popcount(saved & s.written[0]!));
  if (s.chaos !== null) n = s.chaos.below(count + 1);
  n = Math.max(n, fewest);
  let mask = s.allocMask[0]! & (others | free);
  for (let k = 0; k < order.length && n > 0; k++) {
    const bit = 1 << order[k]!;
    if ((bit & saved & ~free) === 0) continue;
    mask |= bit;
    n--;
  }
  s.allocMask[0] = mask;
  s.allocCount[0] = popcount(mask);
}

/** Callee-saved registers in which an argument comes that is used. */
function argumentsHeld(s: State): number {
  const vc = s.vcode;
  let mask = 0;
  for (let o = vc.opnd[0]!; o < vc.opnd[1]!; o++) {
    const con = vc.con[o]!;
    if ((con & K_MASK) !== K_DEF || (con & C_MASK) !== C_FIXED || s.nxt[o] === NEVER) continue;
    const reg = con >> ARG_SHIFT;
    if (reg >= 32 || ((s.regs.calleeSaved.gp >>> reg) & 1) === 0) continue;
    mask |= 1 << reg;
    // It stays there for nothing, unless a call overwrites the register.
    if (((s.written[0]! >>> reg) & 1) === 0) reloads[vc.vreg[o]!] = through[vc.vreg[o]!] = 0;
  }
  return mask;
}

/** How many of `count` callee-saved registers spare more than they cost, when so many are saved already. */
function worth(s: State, count: number, already: number): number {
  spared.fill(0);
  const found = collectCosts(s);
  const ways = Math.max(1, Math.min(mostThrough, spared.length));
  // The dearest values are dealt out first; sorted ascending.
  for (let k = 0; k < found; k++) spared[k % ways]! += costs[found - 1 - k]!;
  let beyond = 0;
  for (let e = 1; e < excess.length; e++) beyond += excess[e]!;
  const together = s.regs.savedTogether;
  for (let n = 0; n < count;) {
    // The rest of a group that is saved anyway, or a whole one.
    const rest = already % together;
    const group = together - rest;
    let gain = 0;
    for (let k = n; k < n + group; k++) {
      gain += spared[k]! + beyond / PER_SPILL;
      beyond -= excess[k + 1]!;
    }
    if (rest === 0 && gain <= SAVE_COST) return n;
    n += group;
    already += group;
  }
  return count;
}

/** Puts the costs of values that live across calls into `costs`, sorted; returns how many there are. */
function collectCosts(s: State): number {
  const vc = s.vcode;
  let n = 0;
  for (let v = 0; v < vc.vregCount; v++) {
    let cost = reloads[v]! + through[v]!;
    if (cost === 0 || vc.vregClass[v] !== CLASS_GP || s.remat[v] === 1) continue;
    cost += Math.min(cost, s.freq[s.defBlock[v]!]!);
    if (n === costs.length) {
      const more = new Float64Array(2 * n);
      more.set(costs);
      costs = more;
    }
    costs[n++] = cost;
  }
  costs.subarray(0, n).sort();
  return n;
}
