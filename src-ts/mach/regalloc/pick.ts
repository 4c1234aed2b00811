/**
 * The choice of a register for a value among those free, and the registers' contents.
 *
 * Order of wishes: what a fixed use ahead asks for; the register of the block parameter the value flows to; that of its
 * web; the one it had before; never one that will be taken away from it while others are free, nor one that calls take
 * from others of its web about as often as it is chosen. Without a wish: the first in the target's order that no value of
 * the surrounding loop returns to.
 */
import type { State } from './state.ts';

/** Vreg in each register, -1 = none. */
export const regHolds = new Int32Array(64).fill(-1);
/** Registers that hold a value, by class. */
export const occupied = new Int32Array(2);
/** Registers held at the entry of the loop around the block at hand, by class. */
export const loopReserved = new Int32Array(2);

/** How often the block at hand runs. */
let blockFreq = 0;

/** Starts a block that runs so often. */
export function beginPicks(freq: number): void {
  blockFreq = freq;
}

/** Puts v into register r. */
export function settle(s: State, v: number, r: number): void {
  s.home[v] = r;
  s.lastHome[v] = r;
  s.webReg[s.findWeb(v)] = r;
  regHolds[r] = v;
  occupied[r >> 5]! |= 1 << (r & 31);
}

/** Takes v out of its register. */
export function vacate(s: State, v: number): void {
  const r = s.home[v]!;
  s.home[v] = -1;
  regHolds[r] = -1;
  occupied[r >> 5]! &= ~(1 << (r & 31));
}

/** A register for v of the mask `free` (not empty), as a physical register; `near` is one more wish, or -1. */
export function pick(s: State, v: number, cls: number, free: number, near: number): number {
  const order = cls === 0 ? s.regs.allocatableGp : s.regs.allocatableFp;
  if (s.chaos !== null && s.chaos.oneIn(2)) return pickAny(s, order, free);
  let good = free & ~s.avoid[v]!;
  const web = s.findWeb(v);
  if (2 * s.webLoses[web]! >= blockFreq && (good & ~s.webAvoid[web]!) !== 0)
    good &= ~s.webAvoid[web]!;
  const wished = wish(s, v, good !== 0 ? good : free, near);
  if (wished >= 0) return wished;
  const unreserved = good & ~loopReserved[cls]!;
  if (unreserved !== 0) return first(order, unreserved);
  return first(order, good !== 0 ? good : free);
}

function wish(s: State, v: number, good: number, near: number): number {
  let r = s.want[v]!;
  if (r >= 0 && ((good >>> (r & 31)) & 1) !== 0) return r;
  if (near >= 0 && ((good >>> (near & 31)) & 1) !== 0) return near;
  let phi = s.phiHint[v]!;
  for (let hops = 0; phi >= 0 && hops < 4; hops++) {
    // Where the parameter starts is where the value has to be, wherever that one has gone since.
    r = s.paramNext[phi]! >= 0 ? s.paramNext[phi]! : s.lastHome[phi]!;
    if (r >= 0 && ((good >>> (r & 31)) & 1) !== 0) return r;
    if (r >= 0) break;
    phi = s.phiHint[phi]!;
  }
  r = s.webReg[s.findWeb(v)]!;
  if (r >= 0 && ((good >>> (r & 31)) & 1) !== 0) return r;
  r = s.lastHome[v]!;
  if (r >= 0 && ((good >>> (r & 31)) & 1) !== 0) return r;
  return -1;
}

function first(order: readonly number[], mask: number): number {
  for (let k = 0; k < order.length; k++) {
    const r = order[k]!;
    if (((mask >>> (r & 31)) & 1) !== 0) return r;
  }
  return -1;
}

function pickAny(s: State, order: readonly number[], mask: number): number {
  const n = order.length;
  const from = s.chaos!.below(n);
  for (let k = 0; k < n; k++) {
    const r = order[(from + k) % n]!;
    if (((mask >>> (r & 31)) & 1) !== 0) return r;
  }
  return -1;
}
