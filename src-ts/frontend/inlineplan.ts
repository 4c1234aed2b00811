/**
 * What may be inlined where: decided once per module, before any function is compiled, from the call graph (wasm/callgraph.ts)
 * and the level, so that threads agree without talking.
 *
 * The graph is walked depth first; a call may be inlined only if its callee was finished before its caller. That leaves
 * out the calls that close a cycle, so inlining ends, and a callee's cost is known with what is inlined into it. Direct
 * recursion is unrolled by a rule of its own. A function with one call that nothing else can reach goes into its caller
 * even when it is large, since its own code is then left out (compiler/reachable.ts).
 */
import {
  BODY_SELF_CALLS,
  BODY_TAIL_CALLS,
  CALL_WEIGHT,
  callGraph,
  type CallGraph,
} from '../wasm/callgraph.ts';
import { fixedTables, type FixedTable } from '../wasm/fixedtables.ts';
import type { ModuleInfo } from '../wasm/types.ts';

export interface InlineLimits {
  /** Cost up to which a callee is inlined at every call of it. */
  readonly small: number;
  /** Added to `small` for a call in a loop, and for each constant argument. */
  readonly inLoop: number;
  readonly constant: number;
  /** Cost up to which a function's only call is inlined, and how costly the caller may become by it. */
  readonly once: number;
  readonly caller: number;
  /** How much a function may grow by small callees: at least, and in percent of its own weight. */
  readonly growth: number;
  readonly growthPercent: number;
  /** How much cost direct recursion may be unrolled to. */
  readonly recursion: number;
}

/** How callees are inlined by level; a level that is not there does not inline. */
export const INLINE_LIMITS: Readonly<Record<string, InlineLimits>> = {
  '1': {
    small: 8,
    inLoop: 0,
    constant: 0,
    once: 0,
    caller: 0,
    growth: 40,
    growthPercent: 20,
    recursion: 0,
  },
  '2': {
    small: 10,
    inLoop: 6,
    constant: 1,
    // Producers have inlined what they thought hot: what is left with one call is often large and cold.
    once: 30,
    caller: 2000,
    growth: 60,
    growthPercent: 20,
    recursion: 120,
  },
  s: {
    small: 4,
    inLoop: 0,
    constant: 0,
    once: 200,
    caller: 2000,
    growth: 40,
    growthPercent: 10,
    recursion: 0,
  },
};

/** Locals of a callee: each costs the caller a definition. */
const MAX_LOCALS = 64;
/** How deep calls are inlined into what is inlined itself. */
export const MAX_INLINE_DEPTH = 8;
const MAX_RECURSION = 3;

/** Never; where it is small enough; wherever it is called. */
export const INLINE_NEVER = 0;
export const INLINE_SMALL = 1;
export const INLINE_ONCE = 2;

/** Columns by defined function; sent to the worker threads as it is. */
export interface InlinePlan {
  readonly limits: InlineLimits;
  readonly weight: Int32Array;
  /** How many calls of it the module has. */
  readonly callers: Int32Array;
  /** Weight with what is inlined into it. */
  readonly cost: Int32Array;
  readonly kind: Uint8Array;
  /** Place in the order in which the walk finished. */
  readonly order: Int32Array;
  /** How many levels calls of itself are inlined into a function. */
  readonly recursion: Uint8Array;
  /** By table: what calls through it reach (wasm/fixedtables.ts). */
  readonly tables: readonly (FixedTable | null)[];
}

class Planner {
  readonly plan: InlinePlan;
  private readonly depth: Uint8Array;
  private finished = 0;

  constructor(
    private readonly g: CallGraph,
    private readonly m: ModuleInfo,
    private readonly limits: InlineLimits,
  ) {
    const n = m.definedFuncs;
    this.depth = new Uint8Array(n);
    this.plan = {
      limits,
      weight: g.weight,
      callers: g.callers,
      cost: Int32Array.from(g.weight),
      kind: new Uint8Array(n),
      order: new Int32Array(n).fill(-1),
      recursion: new Uint8Array(n),
      tables: fixedTables(m, g.tableWritten),
    };
    this.walk(n);
  }

  /** Depth first from every function, on an explicit stack: the guest controls how deep calls go. */
  private walk(n: number): void {
    const { g } = this;
    const next = g.first.slice(0, n);
    const entered = new Uint8Array(n);
    const stack = new Int32Array(n);
    for (let root = 0; root < n; root++) {
      if (entered[root] === 1) continue;
      let top = 0;
      stack[top] = root;
      entered[root] = 1;
      while (top >= 0) {
        const f = stack[top]!;
        if (next[f] === g.first[f + 1]) {
          this.finish(f);
          top--;
          continue;
        }
        const callee = g.callee[next[f]!++]!;
        if (entered[callee] === 1) continue;
        entered[callee] = 1;
        stack[++top] = callee;
      }
    }
  }

  /** All callees that can be are finished: adds up what becomes of `f`, and judges it as a callee. */
  private finish(f: number): void {
    const { g, plan } = this;
    const { first, callee } = g;
    let cost = g.weight[f]!;
    let depth = 0;
    let selfCalls = 0;
    for (let i = first[f]!; i < first[f + 1]!; i++) {
      const c = callee[i]!;
      if (c === f) selfCalls++;
      if (plan.order[c] === -1 || plan.kind[c] === INLINE_NEVER) continue;
      if (plan.kind[c] === INLINE_ONCE && !this.takes(cost, c)) {
        plan.kind[c] = INLINE_NEVER;
        continue;
      }
      depth = Math.max(depth, this.depth[c]! + 1);
      const always = plan.kind[c] === INLINE_ONCE || plan.cost[c]! <= this.limits.small;
      if (always) cost += plan.cost[c]! - CALL_WEIGHT;
    }
    plan.cost[f] = Math.max(cost, g.least[f]!);
    this.depth[f] = depth;
    plan.order[f] = this.finished++;
    plan.kind[f] = this.judge(f);
    plan.recursion[f] = this.levels(f, selfCalls);
  }

  /** Whether the only caller of `c`, of a cost so far, is to take it. */
  private takes(cost: number, c: number): boolean {
    const small = this.plan.cost[c]! <= this.limits.small;
    return small || cost + this.plan.cost[c]! <= this.limits.caller;
  }

  private judge(f: number): number {
    const { g, m, plan, limits } = this;
    const index = m.importedFuncs + f;
    if ((g.flags[f]! & (BODY_TAIL_CALLS | BODY_SELF_CALLS)) !== 0) return INLINE_NEVER;
    if (g.locals[f]! + m.funcType(index).params.length > MAX_LOCALS) return INLINE_NEVER;
    if (this.depth[f]! >= MAX_INLINE_DEPTH) return INLINE_NEVER;
    const reachable = m.declared[index] === 1 || index === m.start;
    // A caller that is finished is the function's own callee, too.
    const once = g.callers[f] === 1 && !reachable && plan.order[g.caller[f]!] === -1;
    if (once && plan.cost[f]! <= limits.once) return INLINE_ONCE;
    const most = limits.small + limits.inLoop + limits.constant * m.funcType(index).params.length;
    return plan.cost[f]! <= most ? INLINE_SMALL : INLINE_NEVER;
  }

  /** Most levels of `f` calling itself `selfCalls` times that stay within the limit. */
  private levels(f: number, selfCalls: number): number {
    const cost = this.plan.cost[f]!;
    if (selfCalls === 0 || (this.g.flags[f]! & BODY_TAIL_CALLS) !== 0) return 0;
    if (this.g.locals[f]! > MAX_LOCALS) return 0;
    let bodies = 1;
    let grown = 0;
    for (let level = 0; level < MAX_RECURSION; level++) {
      bodies *= selfCalls;
      grown += bodies * cost;
      if (grown > this.limits.recursion) return level;
    }
    return MAX_RECURSION;
  }
}

/** Makes the plan for a module; null where the level does not inline. */
export function planInlining(bytes: Uint8Array, m: ModuleInfo, level: string): InlinePlan | null {
  const limits = INLINE_LIMITS[level];
  if (limits === undefined) return null;
  return new Planner(callGraph(bytes, m), m, limits).plan;
}
