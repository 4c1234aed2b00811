/**
 * Reverse postorder, loops and block frequencies, by one depth-first walk with its own stack.
 *
 * Loops: Wei, Mao, Zou, Chen, A New Algorithm for Identifying Loops in Decompilation, SAS 2007: each block learns the
 * innermost header around it; irreducible regions get one of their entries as header. Blocks that cannot be reached follow
 * in the order after those that can.
 */
import { I_CALL } from '../vcode.ts';
import type { State } from './state.ts';

let pathPos = new Int32Array(0);
let visited = new Uint8Array(0);
let header = new Int32Array(0);
let isHeader = new Uint8Array(0);
let hasCall = new Uint8Array(0);
let stack = new Int32Array(0);
let cursor = new Int32Array(0);
let postorder = new Int32Array(0);

/** Fills rpo, rpoIndex, loopOf, loopParent, loopDepth, freq and linStart. */
export function analyseCfg(s: State): void {
  const n = s.vcode.blockCount;
  if (pathPos.length < n) {
    const size = n + (n >> 2) + 64;
    pathPos = new Int32Array(size);
    visited = new Uint8Array(size);
    header = new Int32Array(size);
    isHeader = new Uint8Array(size);
    hasCall = new Uint8Array(size);
    stack = new Int32Array(size);
    cursor = new Int32Array(size);
    postorder = new Int32Array(size);
  }
  pathPos.fill(0, 0, n);
  visited.fill(0, 0, n);
  header.fill(-1, 0, n);
  isHeader.fill(0, 0, n);
  let count = 0;
  for (let root = 0; root < n; root++) {
    if (visited[root] === 1) continue;
    const found = walk(s, root);
    for (let i = 0; i < found; i++) {
      const b = postorder[found - 1 - i]!;
      s.rpo[count] = b;
      s.rpoIndex[b] = count++;
    }
  }
  finishLoops(s, n);
  findCalls(s, n);
  estimateFrequencies(s, n);
  let lin = 0;
  for (let i = 0; i < n; i++) {
    const b = s.rpo[i]!;
    s.linStart[b] = lin;
    lin += s.vcode.blockStart[b + 1]! - s.vcode.blockStart[b]!;
  }
}

/** Walks what is reachable from `root`; returns the number of blocks put into `postorder`. */
function walk(s: State, root: number): number {
  const { succStart, succ } = s.vcode;
  let found = 0;
  let top = 0;
  stack[0] = root;
  visited[root] = 1;
  pathPos[root] = 1;
  cursor[root] = succStart[root]!;
  while (top >= 0) {
    const b = stack[top]!;
    const at = cursor[b]!;
    if (at < succStart[b + 1]!) {
      cursor[b] = at + 1;
      const t = succ[at]!;
      if (visited[t] === 0) {
        visited[t] = 1;
        stack[++top] = t;
        pathPos[t] = top + 1;
        cursor[t] = succStart[t]!;
      } else seenAgain(b, t);
      continue;
    }
    pathPos[b] = 0;
    postorder[found++] = b;
    top--;
    if (top >= 0) tag(stack[top]!, header[b]!);
  }
  return found;
}

function seenAgain(b: number, t: number): void {
  if (pathPos[t]! > 0) {
    isHeader[t] = 1;
    tag(b, t);
    return;
  }
  let h = header[t]!;
  while (h >= 0 && pathPos[h] === 0) h = header[h]!;
  if (h >= 0) tag(b, h);
}

/** Notes that block b is in the loop of h: weaves h into b's chain of headers, ordered by place on the path. */
function tag(b: number, h: number): void {
  if (h < 0 || b === h) return;
  let inner = b;
  let outer = h;
  while (header[inner]! >= 0) {
    const up = header[inner]!;
    if (up === outer) return;
    if (pathPos[up]! < pathPos[outer]!) {
      header[inner] = outer;
      inner = outer;
      outer = up;
    } else inner = up;
  }
  if (inner !== outer) header[inner] = outer;
}

function finishLoops(s: State, n: number): void {
  for (let i = 0; i < n; i++) {
    // A header is on the path, hence earlier in reverse postorder, than what is in its loop.
    const b = s.rpo[i]!;
    const up = header[b]!;
    const outerDepth = up >= 0 ? s.loopDepth[up]! : 0;
    s.loopParent[b] = up;
    s.loopOf[b] = isHeader[b] === 1 ? b : up;
    const depth = outerDepth + isHeader[b]!;
    s.loopDepth[b] = depth;
  }
}

/** What a loop's blocks run for each time it is entered; loops deeper than the limit count as the one around them. */
const TRIPS = 10;
const DEEPEST = 8;
/** Weights of a branch's ways beside 1 for an ordinary one: out of the loop, to a block with a call, to a trap. */
const WEIGHT_EXIT = 1 / TRIPS;
const WEIGHT_CALL = 1 / 4;
const WEIGHT_COLD = 1e-4;

/**
 * How often blocks run for each time the function does, by what is known of branches in general (Ball & Larus, Branch
 * Prediction for Free, PLDI 1993: loops are stayed in, calls avoided), each way in proportion to its weight.
 */
function estimateFrequencies(s: State, n: number): void {
  const { freq, rpo, vcode } = s;
  freq.fill(0, 0, n);
  freq[0] = 1;
  for (let i = 0; i < n; i++) {
    const b = rpo[i]!;
    if (freq[b] === 0) freq[b] = WEIGHT_COLD;
    if (isHeader[b] === 1 && s.loopDepth[b]! <= DEEPEST) freq[b]! *= TRIPS;
    const first = vcode.succStart[b]!;
    const last = vcode.succStart[b + 1]!;
    let all = 0;
    for (let e = first; e < last; e++) all += weightOf(s, b, vcode.succ[e]!);
    for (let e = first; e < last; e++) {
      const t = vcode.succ[e]!;
      if (s.rpoIndex[t]! > i) freq[t]! += (freq[b]! * weightOf(s, b, t)) / all;
    }
  }
}

function weightOf(s: State, from: number, to: number): number {
  if (s.vcode.blockCold[to] === 1) return WEIGHT_COLD;
  const weight = hasCall[to] === 1 ? WEIGHT_CALL : 1;
  return leavesLoop(s, from, to) ? weight * WEIGHT_EXIT : weight;
}

function findCalls(s: State, n: number): void {
  const { flags, blockStart } = s.vcode;
  let i = 0;
  for (let b = 0; b < n; b++) {
    let found = 0;
    for (const end = blockStart[b + 1]!; i < end; i++) found |= flags[i]! & I_CALL;
    hasCall[b] = found === 0 ? 0 : 1;
  }
}

/** Whether the edge a -> b leaves the innermost loop of a. */
export function leavesLoop(s: State, a: number, b: number): boolean {
  const from = s.loopOf[a]!;
  if (from < 0) return false;
  let to = s.loopOf[b]!;
  while (to >= 0 && to !== from && s.loopDepth[to]! > s.loopDepth[from]!) to = s.loopParent[to]!;
  return to !== from;
}
