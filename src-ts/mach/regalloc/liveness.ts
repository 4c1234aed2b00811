/**
 * What is known of values before spilling: definitions, live-in lists (livein.ts), and by one backward scan over all
 * instructions `nxt` (next use after each operand), pressures, ends of live ranges and the registers values would like;
 * such hints travel from definitions to the tied or copied operand that dies there.
 */
import {
  ARG_SHIFT,
  CLASS_FP,
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
import { edgeDistance, findLiveIns, madeOnEdge } from './livein.ts';
import { beginSaved, noteCall, noteNext, notePressure, noteSpecial, scanSaved } from './saved.ts';
import { FURTHEST, NEVER, popcount, type State } from './state.ts';

/** In `remat` while definitions are being found: must not be made again, whatever defines it. */
const NOT_AGAIN = 2;

/** Fills everything `State` knows about values before spilling. */
export function analyseValues(s: State): void {
  findDefs(s);
  findLiveIns(s);
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

const live = new Int32Array(2);
const peak = new Int32Array(2);

/** Backward over one block: `nxt`, pressure, ends of ranges, hints. Leaves parameters' first uses in `paramNext`. */
function scanBlock(s: State, b: number): void {
  const vc = s.vcode;
  const end = vc.blockStart[b + 1]!;
  const start = vc.blockStart[b]!;
  const toLin = s.linStart[b]! - start;
  live[0] = live[1] = 0;
  for (let e = vc.succStart[b]!; e < vc.succStart[b + 1]!; e++) {
    loadLiveOut(s, b, e, end);
    loadArguments(s, b, e, end);
  }
  peak[0] = live[0]!;
  peak[1] = live[1]!;
  scanSaved(s, b);
  const cold = vc.blockCold[b] === 1;
  for (let i = end - 1; i >= start; i--) {
    scanInst(s, i, i + toLin, cold);
    if (s.special[i] === 1) peakAtSpecial(s, i);
    if (live[0]! > peak[0]!) peak[0] = live[0]!;
    if (live[1]! > peak[1]!) peak[1] = live[1]!;
    notePressure(live[0]!);
  }
  s.pressure[0]![b] = peak[0]!;
  s.pressure[1]![b] = peak[1]!;
  forgetLiveIn(s, b);
  if (s.keptInMemory) forgetUses(s, b);
}

/** Puts end + distance of what is live into the target of edge e of b into `next`. */
function loadLiveOut(s: State, b: number, e: number, end: number): void {
  const { next, liveEnd, liveInVreg, liveInNext } = s;
  const { vregClass } = s.vcode;
  const linEnd = s.linStart[b]! + end - s.vcode.blockStart[b]!;
  const t = s.vcode.succ[e]!;
  const edge = edgeDistance(s, b, t);
  const last = s.liveInStart[t + 1]!;
  for (let k = s.liveInStart[t]!; k < last; k++) {
    const v = liveInVreg[k]!;
    const d = Math.min(liveInNext[k]! + edge, FURTHEST) + end;
    const n = next[v]!;
    if (n === NEVER) live[vregClass[v]!]!++;
    if (d < n) next[v] = d;
    if (liveEnd[v]! < linEnd) liveEnd[v] = linEnd;
  }
}

/** The arguments of edge e of b count as used at its end. */
function loadArguments(s: State, b: number, e: number, end: number): void {
  const vc = s.vcode;
  const linLast = s.linStart[b]! + end - vc.blockStart[b]! - 1;
  const toParam = vc.paramStart[vc.succ[e]!]! - vc.argStart[e]!;
  for (let a = vc.argStart[e]!; a < vc.argStart[e + 1]!; a++) {
    const v = vc.arg[a]!;
    if (madeOnEdge(s, v)) continue;
    if (s.next[v] === NEVER) live[vc.vregClass[v]!]!++;
    s.next[v] = end;
    // An argument is read together with all that is written on the edge: its slot may be among that.
    if (s.liveEnd[v]! < linLast) s.liveEnd[v] = linLast;
    // Of several edges it is passed on, the most frequent counts.
    if (s.vfreq[v]! >= s.freq[b]!) continue;
    s.vfreq[v] = s.freq[b]!;
    s.phiHint[v] = vc.param[toParam + a]!;
  }
}

/** Takes what is live at the start of b out of `next`: with that, all that was live at its end is out. */
function forgetLiveIn(s: State, b: number): void {
  const { next, liveInVreg } = s;
  const vc = s.vcode;
  for (let p = vc.paramStart[b]!; p < vc.paramStart[b + 1]!; p++) {
    const v = vc.param[p]!;
    s.paramNext[v] = next[v]!;
    noteNext(v, next[v]!);
    next[v] = NEVER;
  }
  const last = s.liveInStart[b + 1]!;
  for (let k = s.liveInStart[b]!; k < last; k++) {
    const v = liveInVreg[k]!;
    noteNext(v, next[v]!);
    next[v] = NEVER;
  }
}

/** The same for values kept in memory between blocks, which no list has. */
function forgetUses(s: State, b: number): void {
  const vc = s.vcode;
  const last = vc.opnd[vc.blockStart[b + 1]!]!;
  for (let o = vc.opnd[vc.blockStart[b]!]!; o < last; o++)
    if (vc.vreg[o]! >= 0) s.next[vc.vreg[o]!] = NEVER;
  const lastArg = vc.argStart[vc.succStart[b + 1]!]!;
  for (let a = vc.argStart[vc.succStart[b]!]!; a < lastArg; a++) s.next[vc.arg[a]!] = NEVER;
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
