/**
 * Reverse postorder of the blocks reachable from the entry.
 *
 * `order[0..count)` lists blocks; `index[block]` is a block's place in it, NONE when the block is unreachable. Also keeps
 * the depth-first spanning tree that the dominators need: `parent[block]` and `pre[i]` (blocks in preorder, `preIndex`).
 * Iterative: the guest controls the depth. Arrays are reused and only grow.
 */
import * as Op from '../gen/ir.ts';
import { NONE, type Func } from '../ir/func.ts';
import { ensure32 } from './scratch.ts';

/** Whether the row is a terminator with edges. */
export function hasEdges(f: Func, r: number): boolean {
  return r !== NONE && Op.OP_IMM[f.op[r]] === Op.IMM_EDGES;
}

export class Cfg {
  count = 0;
  order = new Int32Array(0);
  index = new Int32Array(0);
  pre = new Int32Array(0);
  preIndex = new Int32Array(0);
  parent = new Int32Array(0);
  private cursor = new Int32Array(0);
  private stack = new Int32Array(0);

  compute(f: Func): void {
    const n = f.blockCount;
    this.order = ensure32(this.order, n);
    this.index = ensure32(this.index, n);
    this.pre = ensure32(this.pre, n);
    this.preIndex = ensure32(this.preIndex, n);
    this.parent = ensure32(this.parent, n);
    this.cursor = ensure32(this.cursor, n);
    this.stack = ensure32(this.stack, n);
    this.index.fill(NONE, 0, n);
    this.preIndex.fill(NONE, 0, n);
    const post = this.search(f);
    this.count = post;
    this.order.subarray(0, post).reverse();
    for (let i = 0; i < post; i++) this.index[this.order[i]] = i;
  }

  /** Depth-first search; fills `order` in postorder and returns how many blocks were met. */
  private search(f: Func): number {
    const { order, pre, preIndex, parent, cursor, stack } = this;
    let top = 0;
    let met = 0;
    let post = 0;
    stack[top++] = 0;
    pre[met] = 0;
    preIndex[0] = met++;
    parent[0] = NONE;
    cursor[0] = 0;
    while (top > 0) {
      const b = stack[top - 1];
      const t = f.last[b];
      const n = hasEdges(f, t) ? f.imm2[t] : 0;
      // Edges are followed from the last one back, so that the first successor comes first in reverse postorder.
      if (cursor[b] < n) {
        const to = f.edgeTo[f.imm[t] + n - 1 - cursor[b]++];
        if (preIndex[to] !== NONE) continue;
        pre[met] = to;
        preIndex[to] = met++;
        parent[to] = b;
        cursor[to] = 0;
        stack[top++] = to;
      } else {
        order[post++] = b;
        top--;
      }
    }
    return post;
  }
}
