/**
 * Counted loops: those that leave by comparing a parameter of the header, which each iteration moves by one constant, with something that
 * stays the same.
 *
 * In iteration j after the header was entered with p, the value p + offset + j * step is compared (all modulo 2^32), and the
 * loop goes on while it stands in the relation `cc` to `limit`. Only i32 is looked at.
 */
import * as Op from '../gen/ir.ts';
import { NONE, type Func } from '../ir/func.ts';
import type { Dominators } from './dominators.ts';
import type { Loops } from './loops.ts';

/** Sums that are looked through. */
const DEPTH = 4;

/** What {@link linear} found: the value is `root` + `added` modulo 2^32. */
export let root = NONE;
export let added = 0;

/** Takes the constants off an i32 value. */
export function linear(f: Func, v: number): void {
  root = v;
  added = 0;
  for (let depth = 0; depth < DEPTH; depth++) {
    if (f.op[root] !== Op.IADD || f.ty[root] !== Op.T_I32 || f.op[f.b[root]] !== Op.ICONST) return;
    added = (added + f.imm[f.b[root]]) | 0;
    root = f.a[root];
  }
}

/** The constant by which the back edge `back` of a header moves its parameter p; 0 when it is none, or no i32. */
export function stepOf(f: Func, p: number, back: number): number {
  if (f.ty[p] !== Op.T_I32) return 0;
  linear(f, f.listGet(f.edgeArgs[back], f.imm[p]));
  return root === p ? added : 0;
}

/** The test that ends a loop; valid after {@link find} answered true. */
export class CountedLoop {
  /** The parameter that counts, and what it is moved by (not 0). */
  param = 0;
  step = 0;
  offset = 0;
  /** Condition (ICC) for going on. */
  cc = 0;
  /** What stays the same; NONE: 0. */
  limit = 0;
  /** The block that tests, and its edges by their place (0 or 1). */
  block = 0;
  stays = 0;

  /** Looks for the test of loop l, whose only back edge is `back`; `next` chains its blocks (LoopBlocks). */
  find(f: Func, loops: Loops, dom: Dominators, l: number, back: number, next: Int32Array): boolean {
    const latch = f.edgeFrom[back];
    for (let b = loops.header[l]; b !== NONE; b = next[b])
      if (dom.dominates(b, latch) && this.tests(f, loops, l, b, back)) return true;
    return false;
  }

  private tests(f: Func, loops: Loops, l: number, b: number, back: number): boolean {
    const t = f.last[b];
    if (f.op[t] !== Op.BRIF) return false;
    const yes = loops.contains(l, f.edgeTo[f.imm[t]]);
    if (yes === loops.contains(l, f.edgeTo[f.imm[t] + 1])) return false;
    const c = f.a[t];
    this.block = b;
    this.stays = yes ? 0 : 1;
    if (f.op[c] !== Op.ICMP) return yes && this.compares(f, loops, l, back, c, NONE, Op.ICC_NE);
    const cc = yes ? f.imm[c] : f.imm[c] ^ 1;
    return (
      this.compares(f, loops, l, back, f.a[c], f.b[c], cc) ||
      this.compares(f, loops, l, back, f.b[c], f.a[c], Op.ICC_SWAP[cc])
    );
  }

  /** Whether x is what counts, and y what it is compared with (NONE: 0). */
  private compares(
    f: Func,
    loops: Loops,
    l: number,
    back: number,
    x: number,
    y: number,
    cc: number,
  ): boolean {
    if (f.ty[x] !== Op.T_I32) return false;
    if (y !== NONE && f.op[y] !== Op.ICONST && loops.contains(l, f.block[y])) return false;
    linear(f, x);
    const p = root;
    const offset = added;
    if (f.op[p] !== Op.PARAM || f.block[p] !== loops.header[l]) return false;
    const step = stepOf(f, p, back);
    if (step === 0) return false;
    this.param = p;
    this.step = step;
    this.offset = offset;
    this.limit = y;
    this.cc = cc;
    return true;
  }
}
