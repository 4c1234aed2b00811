/**
 * The matcher every optional pass and named rule asks before it changes anything: counts uses, switches names off, and bisects by
 * function range and by fuel. Unset (the normal case) it costs one comparison.
 */
import type { Func } from '../ir/func.ts';

export interface GateOptions {
  /** Names of passes and rules that are off; a trailing `*` matches any rest. */
  off?: readonly string[];
  /** When given, only these names are on. */
  only?: readonly string[];
  /** Functions (index among the defined ones) that are optimised: from, to (inclusive). */
  functions?: readonly [number, number];
  /** How many rewrites are allowed in all. */
  fuel?: number;
}

function matcher(names: readonly string[]): (name: string) => boolean {
  return (name) =>
    names.some((n) => (n.endsWith('*') ? name.startsWith(n.slice(0, -1)) : n === name));
}

export class Gate {
  /** Rewrites done, by name. */
  readonly counts = new Map<string, number>();
  /** Name and function of the rewrite that used the last fuel. */
  last = '';
  private fuel: number;
  private readonly off: (name: string) => boolean;
  private readonly only: ((name: string) => boolean) | null;
  private readonly from: number;
  private readonly to: number;

  constructor(options: GateOptions = {}) {
    this.fuel = options.fuel ?? Infinity;
    this.off = matcher(options.off ?? []);
    this.only = options.only === undefined ? null : matcher(options.only);
    this.from = options.functions?.[0] ?? 0;
    this.to = options.functions?.[1] ?? Infinity;
  }

  /** Whether a pass may run at all on a function; takes no fuel. */
  enters(f: Func, name: string): boolean {
    if (f.index < this.from || f.index > this.to) return false;
    return !this.off(name);
  }

  /** Whether a rewrite that has matched may be done; counts it and takes fuel. */
  ask(f: Func, name: string): boolean {
    if (!this.enters(f, name)) return false;
    if (this.only !== null && !this.only(name)) return false;
    if (this.fuel <= 0) return false;
    this.fuel--;
    this.last = `${name} in function ${f.index}`;
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
    return true;
  }
}

let gate: Gate | null = null;

/** Installs (or with null removes) the matcher of this thread. */
export function setGate(g: Gate | null): void {
  gate = g;
}

/** The matcher in use. */
export function currentGate(): Gate | null {
  return gate;
}

/** Asks the matcher: may the rewrite `name`, which has matched, be done? */
export function ok(f: Func, name: string): boolean {
  return gate === null || gate.ask(f, name);
}
