/**
 * Whether a call is inlined, and what an indirect one reaches, asked while its caller is translated: the plan (inlineplan.ts)
 * says what may be, the place of the call and what the function has grown by so far say whether it pays.
 */
import * as Ir from '../gen/ir.ts';
import type { Func } from '../ir/func.ts';
import { INLINE_NEVER, INLINE_ONCE, MAX_INLINE_DEPTH, type InlinePlan } from './inlineplan.ts';
import { CALL_WEIGHT } from '../wasm/callgraph.ts';
import type { FixedTable } from '../wasm/fixedtables.ts';
import type { State } from './state.ts';

export class Inliner {
  /** How many bodies the one being read is inlined into. */
  depth = 0;
  /** What the function may still grow by. */
  private left = 0;

  /** @param ask last word on a call in a function, for bisecting; null: yes */
  constructor(
    private readonly plan: InlinePlan,
    private readonly ask: ((f: Func, name: string) => boolean) | null,
  ) {}

  private may(t: State, name: string): boolean {
    return this.ask === null || this.ask(t.f, name);
  }

  /**
   * The function that a call through a table reaches for certain, -1 if that is not known or the call traps.
   * @param index value of the table index
   * @param sig signature that the call wants
   */
  target(t: State, table: number, index: number, sig: number): number {
    const fixed = this.plan.tables[table];
    if (!fixed || t.f.op[index] !== Ir.ICONST) return -1;
    const func = fixed.entries[t.f.imm[index]!] ?? -1;
    if (func < 0 || t.m.funcSignature(func) !== sig) return -1;
    return this.may(t, 'call-target') ? func : -1;
  }

  /** What is known of a table that never changes; null for others. */
  fixed(t: State, table: number): FixedTable | null {
    const fixed = this.plan.tables[table] ?? null;
    return fixed !== null && this.may(t, 'call-table') ? fixed : null;
  }

  /** Begins a function, by its index among the defined ones. */
  start(index: number): void {
    const { limits, weight } = this.plan;
    this.depth = 0;
    this.left = limits.growth + Math.floor((weight[index]! * limits.growthPercent) / 100);
  }

  /** Whether a call from the body of `caller` is to be inlined; its `n` arguments are above the stack pointer. */
  wants(t: State, caller: number, callee: number, n: number): boolean {
    const { plan } = this;
    const size = t.m.bodies[2 * callee + 1]! - t.m.bodies[2 * callee]!;
    if (!t.f.inlines.fits(size)) return false;
    if (caller === callee) {
      if (this.depth >= plan.recursion[callee]!) return false;
      return this.may(t, 'inline');
    }
    if (plan.kind[callee] === INLINE_NEVER || plan.order[callee]! > plan.order[caller]!) {
      return false;
    }
    if (plan.kind[callee] !== INLINE_ONCE && !this.pays(t, plan.cost[callee]!, n)) return false;
    return this.may(t, 'inline');
  }

  /**
   * Whether a small callee is small enough here. Each takes something from what the function may still grow by, also one
   * that is smaller than its call: that bounds how many there can be.
   */
  private pays(t: State, cost: number, n: number): boolean {
    const { limits } = this.plan;
    if (this.depth >= MAX_INLINE_DEPTH) return false;
    let limit = limits.small;
    if (t.ssa.inLoop) limit += limits.inLoop;
    for (let i = 0; i < n; i++) {
      const op = t.f.op[t.values[t.sp + i]!];
      if (op === Ir.ICONST || op === Ir.FCONST) limit += limits.constant;
    }
    const growth = Math.max(1, cost - CALL_WEIGHT);
    if (cost > limit || growth > this.left) return false;
    this.left -= growth;
    return true;
  }
}
