/**
 * Natural loops and their nesting. Loops are numbered so that an inner loop has a smaller number than the one around it.
 *
 * `of[block]` is the innermost loop of a block (NONE outside), `header`, `parent`, `depth` (1 = outermost) are per loop. A cycle
 * entered in several places (irreducible) is no loop here: its blocks belong to the loops around it.
 */
import { NONE, type Func } from '../ir/func.ts';
import type { Cfg } from './cfg.ts';
import type { Dominators } from './dominators.ts';
import { ensure32 } from './scratch.ts';

export class Loops {
  count = 0;
  of = new Int32Array(0);
  header = new Int32Array(0);
  parent = new Int32Array(0);
  depth = new Int32Array(0);
  private work = new Int32Array(0);
  private outer = new Int32Array(0);

  compute(f: Func, cfg: Cfg, dom: Dominators): void {
    const n = f.blockCount;
    this.of = ensure32(this.of, n);
    this.header = ensure32(this.header, n);
    this.parent = ensure32(this.parent, n);
    this.depth = ensure32(this.depth, n);
    this.outer = ensure32(this.outer, n);
    this.work = ensure32(this.work, f.edgeCount + 1);
    this.of.fill(NONE, 0, n);
    this.count = 0;
    // Inner headers come later in reverse postorder than the headers of the loops around them.
    for (let i = cfg.count - 1; i >= 0; i--) this.discover(f, cfg, dom, cfg.order[i]);
    for (let l = this.count - 1; l >= 0; l--) {
      this.depth[l] = this.parent[l] === NONE ? 1 : this.depth[this.parent[l]] + 1;
    }
  }

  /** Takes it that there are no loops. */
  clear(f: Func): void {
    this.of = ensure32(this.of, f.blockCount);
    this.of.fill(NONE, 0, f.blockCount);
    this.count = 0;
  }

  /** Outermost loop found so far around a loop, with path compression. */
  private outermost(l: number): number {
    const outer = this.outer;
    let root = l;
    while (outer[root] !== NONE) root = outer[root];
    while (l !== root) {
      const up = outer[l];
      outer[l] = root;
      l = up;
    }
    return root;
  }

  /** Makes the loop of a header, when it has back edges, and claims its blocks: backwards from the latches. */
  private discover(f: Func, cfg: Cfg, dom: Dominators, h: number): void {
    const { work } = this;
    let top = 0;
    for (let e = f.predFirst[h]; e !== NONE; e = f.edgeNextPred[e]) {
      const from = f.edgeFrom[e];
      if (cfg.index[from] !== NONE && dom.dominates(h, from)) work[top++] = from;
    }
    if (top === 0) return;
    const l = this.count++;
    this.header[l] = h;
    this.parent[l] = NONE;
    this.outer[l] = NONE;
    while (top > 0) {
      let b = work[--top];
      const inner = this.of[b];
      if (inner === NONE) {
        this.of[b] = l;
        if (b === h) continue;
      } else {
        const o = this.outermost(inner);
        if (o === l) continue;
        this.parent[o] = l;
        this.outer[o] = l;
        b = this.header[o];
      }
      for (let e = f.predFirst[b]; e !== NONE; e = f.edgeNextPred[e]) {
        const from = f.edgeFrom[e];
        // Back edges of the loop just claimed lead into itself and are dropped above.
        if (cfg.index[from] !== NONE && this.of[from] !== l) work[top++] = from;
      }
    }
  }

  /** Whether block b lies in loop l. */
  contains(l: number, b: number): boolean {
    let k = this.of[b];
    // Loops around have larger numbers.
    while (k !== NONE && k < l) k = this.parent[k];
    return k === l;
  }
}
