/**
 * Dominator tree: Lengauer and Tarjan's algorithm with simple path compression (TOPLAS 1979), O(edges * log blocks) for
 * every control flow graph the guest may choose.
 *
 * `idom[block]` (NONE for the entry and unreachable blocks); children of a block are chained (first/next) in reverse
 * postorder, so that a preorder walk of the tree meets every forward predecessor of a block before the block.
 */
import { NONE, type Func } from '../ir/func.ts';
import type { Cfg } from './cfg.ts';
import { ensure32 } from './scratch.ts';

export class Dominators {
  idom = new Int32Array(0);
  first = new Int32Array(0);
  next = new Int32Array(0);
  /** Preorder number of a block in the tree and the largest one below it; NONE when unreachable. */
  enter = new Int32Array(0);
  leave = new Int32Array(0);
  // By preorder number of the depth-first search:
  private semi = new Int32Array(0);
  private label = new Int32Array(0);
  private ancestor = new Int32Array(0);
  private dom = new Int32Array(0);
  private bucket = new Int32Array(0);
  private bucketNext = new Int32Array(0);
  private stack = new Int32Array(0);

  compute(f: Func, cfg: Cfg): void {
    const n = f.blockCount;
    this.idom = ensure32(this.idom, n);
    this.first = ensure32(this.first, n);
    this.next = ensure32(this.next, n);
    this.enter = ensure32(this.enter, n);
    this.leave = ensure32(this.leave, n);
    this.semi = ensure32(this.semi, n);
    this.label = ensure32(this.label, n);
    this.ancestor = ensure32(this.ancestor, n);
    this.dom = ensure32(this.dom, n);
    this.bucket = ensure32(this.bucket, n);
    this.bucketNext = ensure32(this.bucketNext, n);
    this.stack = ensure32(this.stack, n + 1);
    this.semidominators(f, cfg);
    this.finish(n, cfg);
    this.number(n);
  }

  private semidominators(f: Func, cfg: Cfg): void {
    const { semi, label, ancestor, dom, bucket, bucketNext } = this;
    const { pre, preIndex, parent } = cfg;
    for (let i = 0; i < cfg.count; i++) {
      semi[i] = label[i] = i;
      ancestor[i] = bucket[i] = NONE;
    }
    dom[0] = 0;
    for (let w = cfg.count - 1; w > 0; w--) {
      for (let e = f.predFirst[pre[w]]; e !== NONE; e = f.edgeNextPred[e]) {
        const v = preIndex[f.edgeFrom[e]];
        if (v === NONE) continue;
        const s = semi[this.eval(v)];
        if (s < semi[w]) semi[w] = s;
      }
      bucketNext[w] = bucket[semi[w]];
      bucket[semi[w]] = w;
      const p = preIndex[parent[pre[w]]];
      ancestor[w] = p;
      for (let v = bucket[p]; v !== NONE; v = bucketNext[v]) {
        const u = this.eval(v);
        dom[v] = semi[u] < semi[v] ? u : p;
      }
      bucket[p] = NONE;
    }
  }

  /** The vertex of least semidominator on the forest path above v (v itself when it is a root); compresses the path. */
  private eval(v: number): number {
    const { ancestor, label, semi, stack } = this;
    if (ancestor[v] === NONE) return label[v];
    let top = 0;
    for (let u = v; ancestor[ancestor[u]] !== NONE; u = ancestor[u]) stack[top++] = u;
    while (top > 0) {
      const u = stack[--top];
      const a = ancestor[u];
      if (semi[label[a]] < semi[label[u]]) label[u] = label[a];
      ancestor[u] = ancestor[a];
    }
    return label[v];
  }

  private finish(n: number, cfg: Cfg): void {
    const { semi, dom, idom, first, next } = this;
    idom.fill(NONE, 0, n);
    first.fill(NONE, 0, n);
    next.fill(NONE, 0, n);
    for (let w = 1; w < cfg.count; w++) {
      if (dom[w] !== semi[w]) dom[w] = dom[dom[w]];
      idom[cfg.pre[w]] = cfg.pre[dom[w]];
    }
    for (let i = cfg.count - 1; i > 0; i--) {
      const b = cfg.order[i];
      next[b] = first[idom[b]];
      first[idom[b]] = b;
    }
  }

  private number(n: number): void {
    const { idom, first, next, enter, leave } = this;
    enter.fill(NONE, 0, n);
    leave.fill(NONE, 0, n);
    let count = 0;
    enter[0] = count++;
    for (let b = 0; ;) {
      if (first[b] !== NONE) {
        b = first[b];
        enter[b] = count++;
        continue;
      }
      leave[b] = count - 1;
      while (b !== 0 && next[b] === NONE) {
        b = idom[b];
        leave[b] = count - 1;
      }
      if (b === 0) return;
      b = next[b];
      enter[b] = count++;
    }
  }

  /** Whether block x dominates block y (both reachable; a block dominates itself). */
  dominates(x: number, y: number): boolean {
    return this.enter[x] <= this.enter[y] && this.leave[y] <= this.leave[x];
  }
}
