/**
 * Which values are in registers when a block is entered.
 *
 * One predecessor: what was in registers there and still lives, and parameters. Several, all seen: what all of them
 * have, then what some have if that is not the colder side, by next use. Loop header: what the loop uses, by next use;
 * what only lives through it gets a register if the loop's peak pressure leaves one (Braun & Hack, section 4.3).
 */
import { CLASS_FP } from '../vcode.ts';
import { FAR_EDGE, FURTHEST, NEVER, type State } from './state.ts';

// The chosen so far, by class: nearest next use first.
const chosen = [new Int32Array(32), new Int32Array(32)];
const distance = [new Int32Array(32), new Int32Array(32)];
const count = new Int32Array(2);
/** Whether a value may have come in a register that does not stay in one. */
let turnedAway = false;
const loopPeak = [new Int32Array(0), new Int32Array(0)];

/** Peak pressure of each loop, at its header; call once after the value analysis. */
export function findLoopPressure(s: State): void {
  const n = s.vcode.blockCount;
  for (let c = 0; c < 2; c++) {
    if (loopPeak[c]!.length < n) loopPeak[c] = new Int32Array(n + (n >> 2) + 64);
    const peak = loopPeak[c]!;
    peak.fill(0, 0, n);
    for (let i = n - 1; i >= 0; i--) {
      const b = s.rpo[i]!;
      const own = s.vcode.blockCold[b] === 1 ? 0 : s.pressure[c]![b]!;
      if (own > peak[b]!) peak[b] = own;
      const up = s.loopParent[b]!;
      // Within a loop, blocks come after their header; so all its inner values have arrived here.
      const at = s.loopOf[b] === b ? peak[b]! : own;
      if (up >= 0 && at > peak[up]!) peak[up] = at;
    }
  }
}

/** Chooses the entry set of b: leaves it as the state's entry list, with `next` set in the terms of b. */
export function chooseEntry(s: State, b: number): void {
  const vc = s.vcode;
  count[0] = count[1] = 0;
  turnedAway = false;
  let seen = 0;
  const first = vc.predStart[b]!;
  const last = vc.predStart[b + 1]!;
  for (let k = first; k < last; k++) if (s.rpoIndex[vc.pred[k]!]! < s.rpoIndex[b]!) seen++;
  if (seen === 1 && last - first === 1) takeOver(s, b, vc.pred[first]!);
  else if (seen > 0) {
    const total = countExits(s, b, first, last);
    if (seen < last - first) chooseForLoop(s, b);
    else chooseForJoin(s, b, seen, total);
  }
  if (seen < last - first) turnedAway = true;
  chooseParams(s, b);
  s.entryStart[b] = s.entryCount;
  for (let c = 0; c < 2; c++) {
    for (let k = 0; k < count[c]!; k++) {
      const v = chosen[c]![k]!;
      if (s.chaos !== null && s.chaos.oneIn(8)) {
        turnedAway = true;
        continue;
      }
      s.addEntry(v);
      s.next[v] = Math.min(distance[c]![k]!, FURTHEST) + vc.blockStart[b]!;
    }
  }
  s.entryEnd[b] = s.entryCount;
  s.leaves[b] = turnedAway ? 1 : 0;
}

/**
 * One predecessor: what was in a register and still lives. These are never too many, and in order only where parameters may
 * displace some.
 */
function takeOver(s: State, b: number, p: number): void {
  const { liveInVreg, liveInNext, vstamp, exitVreg, vcode } = s;
  const sorted = vcode.paramStart[b] !== vcode.paramStart[b + 1];
  for (let x = s.exitStart[p]!; x < s.exitEnd[p]!; x++) vstamp[exitVreg[x]!] = b;
  const last = s.liveInStart[b + 1]!;
  for (let k = s.liveInStart[b]!; k < last; k++) {
    const v = liveInVreg[k]!;
    if (vstamp[v] !== b) continue;
    const c = vcode.vregClass[v]!;
    const n = count[c]!;
    if (sorted || n === s.allocCount[c]!) offer(s, v, liveInNext[k]!);
    else {
      chosen[c]![n] = v;
      distance[c]![n] = liveInNext[k]!;
      count[c] = n + 1;
    }
  }
}

/** Counts, per value, the seen predecessors that leave it in a register, and their frequency; returns all frequency. */
function countExits(s: State, b: number, first: number, last: number): number {
  let total = 0;
  for (let k = first; k < last; k++) {
    const p = s.vcode.pred[k]!;
    if (s.rpoIndex[p]! >= s.rpoIndex[b]!) continue;
    const freq = s.freq[p]!;
    total += freq;
    for (let x = s.exitStart[p]!; x < s.exitEnd[p]!; x++) {
      const v = s.exitVreg[x]!;
      if (s.vstamp[v] !== b) {
        s.vstamp[v] = b;
        s.vcount[v] = 0;
        s.vfreq[v] = 0;
      }
      s.vcount[v]!++;
      s.vfreq[v]! += freq;
    }
  }
  return total;
}

/** Offers v for a register; the furthest goes when there are too many. */
function offer(s: State, v: number, d: number): void {
  const c = s.vcode.vregClass[v]!;
  const list = chosen[c]!;
  const dist = distance[c]!;
  let n = count[c]!;
  if (n === s.allocCount[c]!) {
    turnedAway = true;
    if (dist[n - 1]! <= d) return;
    n--;
  }
  let at = n;
  while (at > 0 && dist[at - 1]! > d) {
    list[at] = list[at - 1]!;
    dist[at] = dist[at - 1]!;
    at--;
  }
  list[at] = v;
  dist[at] = d;
  count[c] = n + 1;
}

function chooseForJoin(s: State, b: number, seen: number, total: number): void {
  for (let k = s.liveInStart[b]!; k < s.liveInStart[b + 1]!; k++) {
    const v = s.liveInVreg[k]!;
    if (s.vstamp[v] !== b) continue;
    const d = s.liveInNext[k]!;
    if (s.vcount[v] === seen || s.vfreq[v]! * 2 >= total || (d < 32 && s.vfreq[v]! * 4 >= total))
      offer(s, v, d);
    else turnedAway = true;
  }
}

function chooseForLoop(s: State, b: number): void {
  const spare = [0, 0];
  const through = [0, 0];
  for (let k = s.liveInStart[b]!; k < s.liveInStart[b + 1]!; k++) {
    const v = s.liveInVreg[k]!;
    const d = s.liveInNext[k]!;
    if (d < FAR_EDGE) offer(s, v, d);
    else through[s.vcode.vregClass[v]!]!++;
  }
  for (let c = 0; c <= CLASS_FP; c++) {
    const need = s.loopOf[b] === b ? loopPeak[c]![b]! : s.pressure[c]![b]!;
    const free = s.allocCount[c]! - (need - through[c]!);
    // Parameters will want some; they are offered later and by distance displace what only lives through.
    spare[c] = Math.min(free, s.allocCount[c]! - count[c]!);
  }
  for (let k = s.liveInStart[b]!; k < s.liveInStart[b + 1]!; k++) {
    const v = s.liveInVreg[k]!;
    const d = s.liveInNext[k]!;
    if (d < FAR_EDGE || s.vstamp[v] !== b) continue;
    const c = s.vcode.vregClass[v]!;
    if (spare[c]! > 0) {
      spare[c]!--;
      offer(s, v, d);
    }
  }
}

function chooseParams(s: State, b: number): void {
  const vc = s.vcode;
  for (let p = vc.paramStart[b]!; p < vc.paramStart[b + 1]!; p++) {
    const v = vc.param[p]!;
    const next = s.paramNext[v]!;
    if (next === NEVER) continue;
    const d = Math.min(next - vc.blockStart[b]!, FURTHEST);
    const clobber = vc.vregClass[v] === CLASS_FP && next < FAR_EDGE && next > s.firstFpClobber[b]!;
    offer(s, v, clobber ? d + FAR_EDGE : d);
  }
}
