/**
 * Whether a call is inlined, asked while its caller is translated: the plan (inlineplan.ts) says what may be, the place of
 * the call and what the function has grown by so far say whether it pays.
 */
import * as Ir from '../gen/ir.ts';
import type { Func } from '../ir/func.ts';
import { INLINE_NEVER, INLINE_ONCE, MAX_INLINE_DEPTH, type InlinePlan } from './inlineplan.ts';
import type { State } from './state.ts';

export class Inliner {
  /** How many bodies the one being read is inlined into. */
  depth = 0;
  private left = 0;

  /** @param ask last word on a call in a function, for bisecting; null: yes */
  constructor(
    private readonly plan: InlinePlan,
    private readonly ask: ((f: Func) => boolean) | null,
  ) {}

  /** Begins a function, by its index among the defined ones. */
  start(index: number): void {
    const { limits, weight } = this.plan;
    this.depth = 0;
    this.left = limits.growth + Math.floor((weight[index]! * limits.growthPercent) / 100);
  }

  /** Whether a call from the body of `caller` is to be inlined; its `n` arguments are above the stack pointer. */
  wants(t: State, caller: number, callee: number, n: number): boolean {
    const { plan, ask } = this;
    const size = t.m.bodies[2 * callee + 1]! - t.m.bodies[2 * callee]!;
    if (!t.f.inlines.fits(size)) return false;
    if (caller === callee) {
      if (this.depth >= plan.recursion[callee]!) return false;
      return ask === null || ask(t.f);
    }
    if (plan.kind[callee] === INLINE_NEVER || plan.order[callee]! > plan.order[caller]!) {
      return false;
    }
    if (plan.kind[callee] !== INLINE_ONCE && !this.pays(t, plan.cost[callee]!, n)) return false;
    return ask === null || ask(t.f);
  }

  /** Whether a small callee is small enough here; takes its cost from what the function may still grow by. */
  private pays(t: State, cost: number, n: number): boolean {
    const { limits } = this.plan;
    if (this.depth >= MAX_INLINE_DEPTH) return false;
    let limit = limits.small;
    if (t.ssa.inLoop) limit += limits.inLoop;
    for (let i = 0; i < n; i++) {
      const op = t.f.op[t.values[t.sp + i]!];
      if (op === Ir.ICONST || op === Ir.FCONST) limit += limits.constant;
    }
    if (cost > limit || cost > this.left) return false;
    this.left -= cost;
    return true;
  }
}
