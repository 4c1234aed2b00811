/**
 * The order in which machine code of blocks is laid out: that of their places (`blocks.ts`), with loops rotated (as in
 * Pettis and Hansen, Profile Guided Code Positioning, PLDI 1990, section 4: the jump that an iteration executes is the one to save).
 *
 * A loop whose last block jumps back to the first executes that jump in every iteration. Another block of the loop can stand last
 * when nothing is lost by its successor not following it: one that leaves the loop or goes on, or one that jumps anyway. The
 * loop then begins with the block that followed, the old last one runs into the header, and only entering the loop
 * takes a jump. Blocks only change their places here: lowering and allocation have seen the order in which dominators come first.
 */
import { ensure32 } from '../analysis/scratch.ts';
import type { VCode } from './vcode.ts';

const NONE = -1;

/** How good it is to have a block last in its loop. */
const BAD = 0;
const EXITS = 1;
const JUMPS = 2;
const EXITS_TO_NEXT = 3;

export class Layout {
  /** The block laid out after a block, NONE after the last; the first is block 0. */
  next = new Int32Array(0);
  private prev = new Int32Array(0);
  /** Per loop header the last block with an edge back to it, NONE for other blocks. */
  private latch = new Int32Array(0);
  /** Per block the last one in the layout that jumps back to it, NONE where none does. After `findLoops`. */
  loopEnd = new Int32Array(0);
  private rank = new Int32Array(0);

  /** Orders the blocks of `code` that stand for themselves in `alias`; an edge to another one leads where `alias` says. */
  compute(code: VCode, alias: Int32Array): void {
    const n = code.blockCount;
    this.next = ensure32(this.next, n);
    this.prev = ensure32(this.prev, n);
    this.latch = ensure32(this.latch, n);
    const { next, prev, latch } = this;
    latch.fill(NONE, 0, n);
    let last = NONE;
    let loops = false;
    for (let p = 0; p < n; p++) {
      if (alias[p] !== p) continue;
      prev[p] = last;
      if (last !== NONE) next[last] = p;
      last = p;
      for (let s = code.succStart[p]; s < code.succStart[p + 1]; s++) {
        const to = alias[code.succ[s]];
        if (to <= p) {
          latch[to] = p;
          loops = true;
        }
      }
    }
    next[last] = NONE;
    if (!loops) return;
    // Inner loops have later headers.
    for (let h = n - 1; h > 0; h--) if (latch[h] !== NONE) this.rotate(code, alias, h);
  }

  /** What a block would be worth as the last one of the loop with header h. */
  private worth(code: VCode, alias: Int32Array, h: number, b: number, after: number): number {
    const s = code.succStart[b];
    const count = code.succStart[b + 1] - s;
    if (count === 0 || count > 2 || code.blockDepth[b] !== code.blockDepth[h]) return BAD;
    const follows = this.next[b];
    const yes = alias[code.succ[s]];
    const no = count === 1 ? yes : alias[code.succ[s + 1]];
    if (yes !== follows && no !== follows) return JUMPS;
    if (yes === no) return BAD;
    const other = yes === follows ? no : yes;
    if (other >= h && other <= this.latch[h]) return BAD;
    return other === after ? EXITS_TO_NEXT : EXITS;
  }

  /** Rotates the loop with header h, if it is laid out in one piece and its last block does nothing but jump back in the end. */
  private rotate(code: VCode, alias: Int32Array, h: number): void {
    const { next, prev } = this;
    const last = this.latch[h];
    const s = code.succStart[last];
    if (last === h || code.succStart[last + 1] - s !== 1 || alias[code.succ[s]] !== h) return;
    const after = next[last];
    let best = NONE;
    let worth = BAD;
    for (let b = h; b !== last; b = next[b]) {
      if (b === NONE) return;
      const w = this.worth(code, alias, h, b, after);
      if (w < worth || w === BAD) continue;
      best = b;
      worth = w;
    }
    if (best === NONE) return;
    const before = prev[h];
    const top = next[best];
    this.link(before, top);
    this.link(last, h);
    next[best] = after;
    if (after !== NONE) prev[after] = best;
  }

  /** Fills `loopEnd` for the order computed last. */
  findLoops(code: VCode, alias: Int32Array): void {
    const n = code.blockCount;
    this.loopEnd = ensure32(this.loopEnd, n);
    this.rank = ensure32(this.rank, n);
    const { loopEnd, rank, next } = this;
    loopEnd.fill(NONE, 0, n);
    for (let p = 0, k = 0; p !== NONE; p = next[p]) rank[p] = k++;
    for (let p = 0; p !== NONE; p = next[p]) {
      for (let s = code.succStart[p]; s < code.succStart[p + 1]; s++) {
        const to = alias[code.succ[s]];
        if (rank[to] <= rank[p]) loopEnd[to] = p;
      }
    }
  }

  private link(x: number, y: number): void {
    this.next[x] = y;
    this.prev[y] = x;
  }
}
