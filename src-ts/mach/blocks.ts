/**
 * Block order for machine code: which blocks, in which order, joined by which edges.
 *
 * Blocks here ("places") are the reachable IR blocks plus one new block per critical edge; the Func is not changed. The
 * order is reverse postorder with loops contiguous: the items of a loop (blocks, inner loops, split edges) are listed in
 * reverse postorder, then the tree is flattened; cold blocks, from which every way ends in a trap, come last. A dominator always comes
 * before what it dominates, so walking the order backwards meets every use before its definition. For quick compilation the
 * loops are not looked for: plain reverse postorder has that property too.
 */
import { Cfg, hasEdges } from '../analysis/cfg.ts';
import { Dominators } from '../analysis/dominators.ts';
import { Loops } from '../analysis/loops.ts';
import { ensure32 } from '../analysis/scratch.ts';
import * as Op from '../gen/ir.ts';
import { NONE, type Func } from '../ir/func.ts';

export class BlockOrder {
  /** Number of places. */
  count = 0;
  /** IR block of a place, or NONE for a split edge. */
  irBlock = new Int32Array(0);
  /** IR edge that a split block stands for, else NONE. */
  splitEdge = new Int32Array(0);
  /** Loop nesting depth of a place, and whether it hardly ever runs. */
  depth = new Int32Array(0);
  cold = new Int32Array(0);
  /** Place of an IR block, NONE when unreachable. */
  placeOf = new Int32Array(0);
  /** Place an IR edge leads to first: its split block or its target. */
  edgePlace = new Int32Array(0);

  private readonly cfg = new Cfg();
  private readonly dom = new Dominators();
  private readonly loops = new Loops();
  // Items: block b is b, the split block of edge e is blockCount + e, loop l is blockCount + edgeCount + l.
  // One chain of items per loop, and one for what is in no loop (number loops.count).
  private chainFirst = new Int32Array(0);
  private chainLast = new Int32Array(0);
  private itemNext = new Int32Array(0);
  private itemLevel = new Int32Array(0);
  private stack = new Int32Array(0);
  /** By IR block: whether every way from it ends in a trap. */
  private coldBlock = new Uint8Array(0);
  /** Latest edge examined per target block: finds parallel edges of one terminator. */
  private lastEdge = new Int32Array(0);

  /** Orders the blocks of `f`; `quick`: as if it had no loops. */
  compute(f: Func, quick = false): void {
    this.cfg.compute(f);
    if (quick) this.loops.clear(f);
    else {
      this.dom.compute(f, this.cfg);
      this.loops.compute(f, this.cfg, this.dom);
    }
    this.reserve(f);
    this.findCold(f);
    this.chain(f);
    this.split(f);
    this.flatten(f);
    this.resolveEdges(f);
  }

  private reserve(f: Func): void {
    const places = f.blockCount + f.edgeCount;
    const items = places + this.loops.count;
    this.irBlock = ensure32(this.irBlock, places);
    this.splitEdge = ensure32(this.splitEdge, places);
    this.depth = ensure32(this.depth, places);
    this.cold = ensure32(this.cold, places);
    this.placeOf = ensure32(this.placeOf, f.blockCount);
    this.edgePlace = ensure32(this.edgePlace, f.edgeCount);
    this.lastEdge = ensure32(this.lastEdge, f.blockCount);
    this.chainFirst = ensure32(this.chainFirst, this.loops.count + 1);
    this.chainLast = ensure32(this.chainLast, this.loops.count + 1);
    this.itemNext = ensure32(this.itemNext, items);
    this.itemLevel = ensure32(this.itemLevel, items);
    this.stack = ensure32(this.stack, items + 1);
    if (this.coldBlock.length < f.blockCount) this.coldBlock = new Uint8Array(2 * f.blockCount);
  }

  /**
   * Finds the cold blocks, from the last in reverse postorder on; a way back, into a loop, counts as one that does not end. So
   * what a cold block leads to is cold and comes after it in reverse postorder, what it dominates included.
   */
  private findCold(f: Func): void {
    const { cfg, coldBlock } = this;
    coldBlock.fill(0, 0, f.blockCount);
    for (let i = cfg.count - 1; i > 0; i--) {
      const b = cfg.order[i];
      const t = f.last[b];
      let cold = f.op[t] === Op.TRAP ? 1 : 0;
      if (hasEdges(f, t)) {
        cold = 1;
        for (let e = f.imm[t], end = e + f.imm2[t]; e < end; e++) cold &= coldBlock[f.edgeTo[e]];
      }
      coldBlock[b] = cold;
    }
  }

  /** Number of the chain that lists a block: its innermost loop. */
  private level(b: number): number {
    const l = this.loops.of[b];
    return l === NONE ? this.loops.count : l;
  }

  private outer(level: number): number {
    const l = this.loops.parent[level];
    return l === NONE ? this.loops.count : l;
  }

  private append(item: number, level: number): void {
    this.itemNext[item] = NONE;
    this.itemLevel[item] = level;
    if (this.chainFirst[level] === NONE) this.chainFirst[level] = item;
    else this.itemNext[this.chainLast[level]] = item;
    this.chainLast[level] = item;
  }

  /** Lists every block in the chain of its loop, and every loop where its header is met. */
  private chain(f: Func): void {
    const { cfg, loops } = this;
    const loopItem = f.blockCount + f.edgeCount;
    this.chainFirst.fill(NONE, 0, loops.count + 1);
    for (let i = 0; i < cfg.count; i++) {
      const b = cfg.order[i];
      const l = loops.of[b];
      if (l !== NONE && loops.header[l] === b) this.append(loopItem + l, this.outer(l));
      this.append(b, this.level(b));
    }
  }

  /** Finds the critical edges; edgePlace[e] becomes the edge whose split block e uses, or NONE. */
  private split(f: Func): void {
    this.lastEdge.fill(NONE, 0, f.blockCount);
    for (let i = 0; i < this.cfg.count; i++) {
      const t = f.last[this.cfg.order[i]];
      if (!hasEdges(f, t)) continue;
      const first = f.imm[t];
      const end = first + f.imm2[t];
      for (let e = first; e < end; e++) this.splitEdgeIfCritical(f, e, first, end);
    }
  }

  private splitEdgeIfCritical(f: Func, e: number, first: number, end: number): void {
    const to = f.edgeTo[e];
    this.edgePlace[e] = NONE;
    if (end - first < 2 || (f.predFirst[to] === e && f.edgeNextPred[e] === NONE)) return;
    if (f.paramCount[to] === 0) {
      // Edges of one terminator to one block without parameters are one edge.
      const same = this.lastEdge[to];
      this.lastEdge[to] = e;
      if (same >= first && same < e) {
        this.edgePlace[e] = this.edgePlace[same];
        return;
      }
      if (this.comesOnlyFrom(f, to, f.edgeFrom[e])) return;
    }
    this.edgePlace[e] = e;
    this.insertSplit(f, e);
  }

  private comesOnlyFrom(f: Func, to: number, from: number): boolean {
    for (let e = f.predFirst[to]; e !== NONE; e = f.edgeNextPred[e]) {
      const p = f.edgeFrom[e];
      if (p !== from && this.cfg.index[p] !== NONE) return false;
    }
    return true;
  }

  /** Puts the split block of an edge into the innermost loop around both ends, after the item that holds its source. */
  private insertSplit(f: Func, e: number): void {
    const { loops, itemNext } = this;
    const from = f.edgeFrom[e];
    let item = from;
    let level = this.level(from);
    while (level !== loops.count && !loops.contains(level, f.edgeTo[e])) {
      item = f.blockCount + f.edgeCount + level;
      level = this.outer(level);
    }
    const split = f.blockCount + e;
    this.itemLevel[split] = level;
    itemNext[split] = itemNext[item];
    itemNext[item] = split;
    if (this.chainLast[level] === item) this.chainLast[level] = split;
  }

  /** Walks the chains, loops in place; cold blocks, and the split edges to them, are set aside and placed at the end. */
  private flatten(f: Func): void {
    const { stack, loops, coldBlock } = this;
    const edges = f.blockCount;
    const loopItem = edges + f.edgeCount;
    this.placeOf.fill(NONE, 0, f.blockCount);
    this.count = 0;
    let top = 0;
    stack[top++] = this.chainFirst[loops.count];
    while (top > 0) {
      const item = stack[--top];
      if (item === NONE) continue;
      stack[top++] = this.itemNext[item];
      if (item >= loopItem) stack[top++] = this.chainFirst[item - loopItem];
      else if (coldBlock[item < edges ? item : f.edgeTo[item - edges]] === 0)
        this.place(f, item, 0);
    }
    for (let i = 0; i < this.cfg.count; i++) {
      const b = this.cfg.order[i];
      if (coldBlock[b] !== 0) this.placeCold(f, b);
    }
  }

  /** Places a cold block, before it the split edges to it. */
  private placeCold(f: Func, b: number): void {
    for (let e = f.predFirst[b]; e !== NONE; e = f.edgeNextPred[e]) {
      const reached = this.cfg.index[f.edgeFrom[e]] !== NONE;
      if (reached && this.edgePlace[e] === e) this.place(f, f.blockCount + e, 1);
    }
    this.place(f, b, 1);
  }

  private place(f: Func, item: number, cold: number): void {
    const p = this.count++;
    const level = this.itemLevel[item];
    this.depth[p] = level === this.loops.count ? 0 : this.loops.depth[level];
    this.cold[p] = cold;
    if (item < f.blockCount) {
      this.irBlock[p] = item;
      this.splitEdge[p] = NONE;
      this.placeOf[item] = p;
    } else {
      this.irBlock[p] = NONE;
      this.splitEdge[p] = item - f.blockCount;
    }
  }

  private resolveEdges(f: Func): void {
    const splitPlace = this.itemNext;
    for (let p = 0; p < this.count; p++) {
      if (this.splitEdge[p] !== NONE) splitPlace[this.splitEdge[p]] = p;
    }
    for (let i = 0; i < this.cfg.count; i++) {
      const t = f.last[this.cfg.order[i]];
      if (!hasEdges(f, t)) continue;
      for (let e = f.imm[t], end = e + f.imm2[t]; e < end; e++) {
        const s = this.edgePlace[e];
        this.edgePlace[e] = s === NONE ? this.placeOf[f.edgeTo[e]] : splitPlace[s];
      }
    }
  }
}
