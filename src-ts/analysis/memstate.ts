/**
 * Versions of memory: per alias class a number that is equal at two points only if nothing between them can have written
 * the class. A version that one store made remembers the store and the version before it, so that a load can look past stores
 * that are disjoint from it.
 *
 * Used during a walk over blocks in an order where every forward predecessor comes first: {@link enter} a block, then {@link write} for each row
 * that writes, then {@link leave}. Loop headers get new versions of exactly the classes their loop writes.
 */
import * as Op from '../gen/ir.ts';
import { NONE, type Func } from '../ir/func.ts';
import { ALL_CLASSES, aliasClass, CLASS_READONLY, CLASSES, writtenClasses } from './aliases.ts';
import type { Cfg } from './cfg.ts';
import type { Dominators } from './dominators.ts';
import type { Loops } from './loops.ts';
import { ensure32 } from './scratch.ts';

export class MemState {
  /** Current version per class. */
  readonly now = new Int32Array(CLASSES);
  /** Snapshots of `now`, one after the other; blocks that write nothing share one. */
  private snapshots = new Int32Array(0);
  private end = 0;
  /** By block left: its snapshot. */
  private leftWith = new Int32Array(0);
  /** The snapshot that equals `now`, NONE if it has none yet. */
  private current: number = NONE;
  private loopWrites = new Int32Array(0);
  private store = new Int32Array(0);
  private before = new Int32Array(0);
  private count = 1;
  private dom!: Dominators;

  /** Starts on a function: finds what each loop writes. */
  start(f: Func, cfg: Cfg, dom: Dominators, loops: Loops): void {
    this.dom = dom;
    this.snapshots = ensure32(this.snapshots, f.blockCount * CLASSES);
    this.end = 0;
    this.current = NONE;
    this.leftWith = ensure32(this.leftWith, f.blockCount);
    this.leftWith.fill(NONE, 0, f.blockCount);
    this.loopWrites = ensure32(this.loopWrites, loops.count);
    this.loopWrites.fill(0, 0, loops.count);
    for (let i = 0; i < cfg.count; i++) {
      const b = cfg.order[i];
      const l = loops.of[b];
      if (l === NONE) continue;
      let set = this.loopWrites[l];
      for (let r = f.first[b]; r !== NONE && set !== ALL_CLASSES; r = f.next[r])
        set |= writtenClasses(f, r);
      this.loopWrites[l] = set;
    }
    for (let l = 0; l < loops.count; l++) {
      if (loops.parent[l] !== NONE) this.loopWrites[loops.parent[l]] |= this.loopWrites[l];
    }
    this.count = 1;
  }

  /** Bit set of the classes a loop writes. */
  writtenIn(loop: number): number {
    return this.loopWrites[loop];
  }

  private fresh(store: number, before: number): number {
    const v = this.count++;
    if (v >= this.store.length) {
      const store2 = ensure32(this.store, v + 1);
      store2.set(this.store);
      this.store = store2;
      const before2 = ensure32(this.before, v + 1);
      before2.set(this.before);
      this.before = before2;
    }
    this.store[v] = store;
    this.before[v] = before;
    return v;
  }

  /** Sets `now` to the state at the start of a block. */
  enter(f: Func, loops: Loops, b: number): void {
    const now = this.now;
    let known = false;
    let renew = 0;
    for (let e = f.predFirst[b]; e !== NONE; e = f.edgeNextPred[e]) {
      const from = f.edgeFrom[e];
      const at = this.leftWith[from];
      if (at === NONE) {
        // A predecessor not met yet: a back edge, or an edge of an unreachable block or an irreducible cycle.
        const l = loops.of[b];
        renew |=
          l !== NONE && loops.header[l] === b && this.dom.dominates(b, from)
            ? this.loopWrites[l]
            : ALL_CLASSES;
        continue;
      }
      if (!known) this.restore(at);
      else if (at !== this.current) renew |= this.differences(at);
      known = true;
    }
    if (!known) renew = ALL_CLASSES;
    if (renew === 0) return;
    this.current = NONE;
    const v = this.fresh(NONE, NONE);
    for (let c = 0; c < CLASSES; c++) if (((renew >> c) & 1) !== 0) now[c] = v;
  }

  private restore(at: number): void {
    if (at === this.current) return;
    const { now, snapshots } = this;
    for (let c = 0; c < CLASSES; c++) now[c] = snapshots[at + c];
    this.current = at;
  }

  /** Bit set of the classes whose version in a snapshot is not the current one. */
  private differences(at: number): number {
    const { now, snapshots } = this;
    let set = 0;
    for (let c = 0; c < CLASSES; c++) if (snapshots[at + c] !== now[c]) set |= 1 << c;
    return set;
  }

  leave(b: number): void {
    if (this.current === NONE) {
      const { now, snapshots, end } = this;
      for (let c = 0; c < CLASSES; c++) snapshots[end + c] = now[c];
      this.current = end;
      this.end += CLASSES;
    }
    this.leftWith[b] = this.current;
  }

  /** Takes note of a row that writes. */
  write(f: Func, r: number): void {
    const now = this.now;
    this.current = NONE;
    const set = writtenClasses(f, r);
    if (set === ALL_CLASSES) {
      now.fill(this.fresh(NONE, NONE));
      return;
    }
    const c = aliasClass(f.aux[r]);
    now[c] = this.fresh(r, now[c]);
    now[CLASSES - 1] = this.fresh(NONE, NONE);
  }

  /** Version a load sees; 0 for what never changes. */
  version(f: Func, r: number): number {
    const c = aliasClass(f.aux[r]);
    return c === CLASS_READONLY ? 0 : this.now[c];
  }

  /** The store that made a version, NONE when it was not one single store. */
  storeOf(version: number): number {
    return version === 0 ? NONE : this.store[version];
  }

  /** The version before that store. */
  beforeStore(version: number): number {
    return this.before[version];
  }
}

/** Whether a row is a plain store. */
export function isStore(f: Func, r: number): boolean {
  return f.op[r] >= Op.STORE && f.op[r] <= Op.STORE32;
}
