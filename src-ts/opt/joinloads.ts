/**
 * Loads at joins: a load that reads, on every way it is reached, what an earlier load or store of its place has left is replaced by a block
 * parameter. Where one way has nothing, the load is made on that way alone, when it is no mistake to make it there. (Partial redundancy
 * elimination of loads, one load at a time; value numbering finds what is available from dominating blocks.)
 *
 * From a load the walk goes up to the join its block follows, then back along all edges into that. A block is scanned from its end for a row that
 * provides the value, or one that may change it. Where the address is a parameter of the join, each edge is followed with the argument it carries.
 *
 * Legality. A load that goes reads a place that was accessed on every way with the same size: memory never shrinks, so it would not have trapped. A
 * load made on an edge executes earlier than it would have: either it can not trap, or it is certain to execute after the join with
 * nothing before it that has an effect or may trap.
 */
import { disjoint, isWiring, mayTrap, samePlace } from '../analysis/aliases.ts';
import { isStore } from '../analysis/memstate.ts';
import { ensure32, grow32 } from '../analysis/scratch.ts';
import * as Op from '../gen/ir.ts';
import { Builder } from '../ir/build.ts';
import { NONE, type Func } from '../ir/func.ts';
import type { Analyses } from './analyses.ts';
import { forwarded, forwards } from './forward.ts';
import { ok } from './gate.ts';
import { resolve, rewriteUses } from './rewrite.ts';

/** Most blocks asked and memory rows scanned for one load, joins that get a parameter, and edges into one. */
const BLOCKS = 24;
const SCANNED = 96;
const JOINS = 3;
const EDGES = 8;

// What a scan of a block ends with, if not a row that provides the value.
const OPEN = 0;
const LOST = -1;

class LoadJoiner {
  private f!: Func;
  private builder!: Builder;
  private leader = new Int32Array(0);
  /** Rows there were at the start: later ones have no leader. */
  private old = 0;
  private replaced = 0;
  /** Rows that read or write changing state, block by block in order; of block b: [start[b], start[b + 1]). */
  private rows = new Int32Array(0);
  private start = new Int32Array(0);
  // Of the load being looked at:
  private budget = 0;
  /** Blocks asked for what stands at their end, and what they answered: a row, or OPEN. */
  private asked = new Int32Array(BLOCKS);
  private answer = new Int32Array(BLOCKS);
  private askedCount = 0;
  /** The block asked that has nothing, NONE: none so far. */
  private without = NONE;
  /** Per edge into the join: row that provides the value. */
  private provider = new Int32Array(EDGES);
  /** Row that stands for the load with another address. */
  private probe = NONE;

  run(f: Func, an: Analyses): void {
    an.needCfg(f);
    this.f = f;
    if (this.builder === undefined || this.builder.f !== f) this.builder = new Builder(f);
    const { order, count } = an.cfg;
    if (count < 3) return;
    this.collect();
    this.leader = ensure32(this.leader, f.rowCount);
    this.leader.fill(0, 0, f.rowCount);
    this.old = f.rowCount;
    this.replaced = 0;
    this.probe = NONE;
    for (let i = 1; i < count; i++) this.visit(order[i]);
    if (this.probe !== NONE) f.op[this.probe] = Op.NOP;
    if (this.replaced > 0) this.finish();
  }

  /** Gathers the rows of all blocks. Blocks are numbered by creation, so that a block's rows are found by its number. */
  private collect(): void {
    const f = this.f;
    this.start = ensure32(this.start, f.blockCount + 1);
    let n = 0;
    for (let b = 0; b < f.blockCount; b++) {
      this.start[b] = n;
      for (let r = f.first[b]; r !== NONE; r = f.next[r]) {
        if (!touchesState(f, r)) continue;
        if (n === this.rows.length) this.rows = grow32(this.rows, n + 1);
        this.rows[n++] = r;
      }
    }
    this.start[f.blockCount] = n;
  }

  private visit(b: number): void {
    const f = this.f;
    for (let i = this.start[b]; i < this.start[b + 1]; i++) {
      const r = this.rows[i];
      if (Op.OP_AUX[f.op[r]] !== Op.AUX_MEM) continue;
      f.a[r] = this.value(f.a[r]);
      f.b[r] = this.value(f.b[r]);
      if (isStore(f, r)) continue;
      this.budget = SCANNED;
      this.askedCount = 0;
      this.without = NONE;
      const join = this.climb(b, r, i);
      if (join !== NONE) this.atJoin(join, b, r);
    }
  }

  private value(v: number): number {
    return v < this.old ? resolve(this.leader, v) : v;
  }

  // ---- looking ----

  /** Scans rows [from, to) of a block backwards for load r. */
  private scan(r: number, from: number, to: number): number {
    const f = this.f;
    for (let i = to - 1; i >= from; i--) {
      const s = this.rows[i];
      if (--this.budget < 0 || Op.OP_AUX[f.op[s]] !== Op.AUX_MEM) return LOST;
      if (isStore(f, s)) {
        if (samePlace(f, r, s) && forwards(f, r, s)) return s;
        if (!disjoint(f, r, s)) return LOST;
      } else if (f.op[s] === f.op[r] && f.ty[s] === f.ty[r] && samePlace(f, r, s)) return s;
    }
    return OPEN;
  }

  private scanBlock(r: number, b: number): number {
    return this.scan(r, this.start[b], this.start[b + 1]);
  }

  /** Whether the address of a load is not known above block b. */
  private addressMadeIn(r: number, b: number): boolean {
    const f = this.f;
    if (f.block[f.a[r]] === b && !isWiring(f, f.a[r])) return true;
    return f.b[r] !== NONE && f.block[f.b[r]] === b;
  }

  /** From load r, the row number i of its block, up to a join with nothing between that matters to it; NONE when there is none. */
  private climb(b: number, r: number, i: number): number {
    const f = this.f;
    let found = this.scan(r, this.start[b], i);
    for (let steps = BLOCKS; found === OPEN && steps > 0; steps--) {
      const e = f.predFirst[b];
      if (e === NONE) return NONE;
      if (f.edgeNextPred[e] !== NONE) return b;
      if (this.addressMadeIn(r, b)) return NONE;
      b = f.edgeFrom[e];
      found = this.scanBlock(r, b);
    }
    if (found > 0) this.replaceBy(r, found);
    return NONE;
  }

  private atJoin(join: number, b: number, r: number): void {
    const f = this.f;
    let edges = 0;
    for (let e = f.predFirst[join]; e !== NONE; e = f.edgeNextPred[e]) edges++;
    if (edges > EDGES) return;
    const moved = this.addressMadeIn(r, join);
    const known = moved ? this.alongArguments(join, r) : this.backwards(join, r);
    if (!known || !this.pays(r)) return;
    if (this.without !== NONE && !this.canLoadBefore(join, b, r)) return;
    if (!ok(f, this.without === NONE ? 'join-load' : 'join-load-part')) return;
    if (moved) this.joinArguments(join, r);
    else this.joinWays(join, r);
    this.replaced++;
  }

  /** Whether some way provides the value by another row than the load itself. */
  private pays(r: number): boolean {
    for (let i = 0; i < this.askedCount; i++)
      if (this.answer[i] !== OPEN && this.answer[i] !== r && this.asked[i] !== this.without)
        return true;
    return false;
  }

  /** Takes note that a way ends without the value, in block b; false when it is not the first. */
  private lost(b: number): boolean {
    if (this.without !== NONE) return false;
    this.without = b;
    return true;
  }

  private indexOf(b: number): number {
    for (let i = 0; i < this.askedCount; i++) if (this.asked[i] === b) return i;
    return NONE;
  }

  /** Asks a block, and those before it that are open; false when it is too much. */
  private ask(b: number, r: number): boolean {
    if (this.indexOf(b) !== NONE) return true;
    if (this.askedCount === BLOCKS) return false;
    let found = this.scanBlock(r, b);
    if (found === OPEN && (this.f.predFirst[b] === NONE || this.addressMadeIn(r, b))) found = LOST;
    if (found === LOST && !this.lost(b)) return false;
    this.asked[this.askedCount] = b;
    this.answer[this.askedCount++] = found === LOST ? r : found;
    return true;
  }

  /** All ways back from a join with the same address. */
  private backwards(join: number, r: number): boolean {
    const f = this.f;
    for (let e = f.predFirst[join]; e !== NONE; e = f.edgeNextPred[e])
      if (!this.ask(f.edgeFrom[e], r)) return false;
    let joins = JOINS;
    for (let i = 0; i < this.askedCount; i++) {
      if (this.answer[i] !== OPEN) continue;
      const first = f.predFirst[this.asked[i]];
      if (f.edgeNextPred[first] !== NONE && --joins < 0) return false;
      for (let e = first; e !== NONE; e = f.edgeNextPred[e])
        if (!this.ask(f.edgeFrom[e], r)) return false;
    }
    return true;
  }

  /** Makes `probe` the load as edge e into a join has it; false when its address has another operand made there. */
  private translate(join: number, r: number, e: number): boolean {
    const f = this.f;
    if (this.probe === NONE) this.probe = f.newRow(f.op[r], f.ty[r], NONE, NONE, NONE, 0);
    const p = this.probe;
    const a = this.argument(join, e, f.a[r]);
    const b = f.b[r] === NONE ? NONE : this.argument(join, e, f.b[r]);
    f.op[p] = f.op[r];
    f.ty[p] = f.ty[r];
    f.a[p] = a;
    f.b[p] = b;
    f.imm[p] = f.imm[r];
    f.imm2[p] = f.imm2[r];
    f.aux[p] = f.aux[r];
    return a !== 0 && b !== 0;
  }

  /** What a value of the join's address is on an edge; 0 when it is made there. */
  private argument(join: number, e: number, v: number): number {
    const f = this.f;
    if (f.block[v] !== join || isWiring(f, v)) return v;
    return f.op[v] === Op.PARAM ? this.value(f.listGet(f.edgeArgs[e], f.imm[v])) : 0;
  }

  /** Each edge back with the address that it carries, as long as there is one way. */
  private alongArguments(join: number, r: number): boolean {
    const f = this.f;
    let k = 0;
    for (let e = f.predFirst[join]; e !== NONE; e = f.edgeNextPred[e], k++) {
      if (!this.translate(join, r, e)) return false;
      const from = f.edgeFrom[e];
      const found = this.chain(from);
      this.provider[k] = found;
      if (found === LOST && !this.lost(from)) return false;
      if (this.askedCount === BLOCKS) return false;
      this.asked[this.askedCount] = from;
      this.answer[this.askedCount++] = found === LOST ? r : found;
    }
    return true;
  }

  /** The row that provides the value of `probe` at the end of a block, LOST if none is found up to the next join. */
  private chain(b: number): number {
    const f = this.f;
    for (let steps = BLOCKS; steps > 0; steps--) {
      const found = this.scanBlock(this.probe, b);
      if (found !== OPEN) return found;
      const e = f.predFirst[b];
      if (e === NONE || f.edgeNextPred[e] !== NONE || this.addressMadeIn(this.probe, b))
        return LOST;
      b = f.edgeFrom[e];
    }
    return LOST;
  }

  // ---- making a load on an edge ----

  /** Whether load r of block b may be made at the end of the block without, which leads to the join only. */
  private canLoadBefore(join: number, b: number, r: number): boolean {
    const f = this.f;
    const from = this.without;
    if (f.op[f.last[from]] !== Op.JUMP || f.edgeTo[f.imm[f.last[from]]] !== join) return false;
    const region = f.aux[r] & 0xff;
    const free = region === Op.R_GLOBAL || region === Op.R_MEMDEF || region === Op.R_TABLEDEF;
    return (free && !mayTrap(f, r)) || this.isNext(join, b, r);
  }

  /** Whether load r of block b is sure to execute after the join is entered, before any effect. */
  private isNext(join: number, b: number, r: number): boolean {
    const f = this.f;
    for (let block = join; ;) {
      let s = f.first[block];
      for (; s !== r && s !== NONE; s = f.next[s])
        if ((Op.OP_FACTS[f.op[s]] & Op.F_WRITES) !== 0 || mayTrap(f, s)) return false;
      if (s === r) return true;
      const t = f.last[block];
      if (block === b || f.op[t] !== Op.JUMP) return false;
      block = f.edgeTo[f.imm[t]];
      if (block === join) return false;
    }
  }

  /** Makes the load at the end of a block with the address of row `like`. */
  private loadAt(block: number, r: number, like: number): number {
    const f = this.f;
    let base = f.a[like];
    const at = f.last[block];
    if (isWiring(f, base)) base = this.copy(base, f.a[base], NONE, at);
    return this.copy(r, base, f.b[like], at);
  }

  private copy(r: number, a: number, b: number, at: number): number {
    const f = this.f;
    const row = f.newRow(f.op[r], f.ty[r], a, b, NONE, f.pos[r]);
    f.imm[row] = f.imm[r];
    f.imm2[row] = f.imm2[r];
    f.aux[row] = f.aux[r];
    f.insertBefore(row, at);
    return row;
  }

  // ---- putting values together ----

  /** The value that a row provides for load r. */
  private provided(r: number, s: number): number {
    const f = this.f;
    if (!isStore(f, s)) return this.value(s);
    this.builder.before = f.next[s];
    this.builder.pos = f.pos[r];
    return this.value(forwarded(this.builder, r, s));
  }

  private replaceBy(r: number, s: number): void {
    const f = this.f;
    if (isStore(f, s) || !ok(f, 'join-load')) return;
    this.leader[r] = this.value(s);
    this.replaced++;
  }

  private joinArguments(join: number, r: number): void {
    const f = this.f;
    const p = f.addParam(join, f.ty[r], f.pos[r]);
    let k = 0;
    for (let e = f.predFirst[join]; e !== NONE; e = f.edgeNextPred[e], k++) {
      let v: number;
      if (this.provider[k] === LOST) {
        this.translate(join, r, e);
        v = this.loadAt(f.edgeFrom[e], r, this.probe);
      } else v = this.provided(r, this.provider[k]);
      f.edgeArgs[e] = f.listPush(f.edgeArgs[e], v);
    }
    this.leader[r] = p;
  }

  /** Gives the join, and every open block with several edges into it, a parameter. */
  private joinWays(join: number, r: number): void {
    const f = this.f;
    const asked = this.askedCount;
    const p = f.addParam(join, f.ty[r], f.pos[r]);
    this.leader[r] = p;
    // What stands at the end of each block asked: rows become values, open blocks with several edges get parameters.
    for (let i = 0; i < asked; i++) {
      const b = this.asked[i];
      const s = this.answer[i];
      if (b === this.without) this.answer[i] = this.loadAt(b, r, r);
      else if (s !== OPEN) this.answer[i] = this.provided(r, s);
      else if (b === join) this.answer[i] = p;
      else if (f.edgeNextPred[f.predFirst[b]] !== NONE)
        this.answer[i] = f.addParam(b, f.ty[r], f.pos[r]);
    }
    for (let i = 0; i < asked; i++) {
      const b = this.asked[i];
      if (b !== join && f.op[this.answer[i]] === Op.PARAM && f.block[this.answer[i]] === b)
        this.fillParam(b, this.answer[i]);
    }
    this.fillParam(join, p);
  }

  /** Gives each edge into a block its argument for the parameter made last, unless it has it. */
  private fillParam(b: number, p: number): void {
    const f = this.f;
    for (let e = f.predFirst[b]; e !== NONE; e = f.edgeNextPred[e]) {
      if (f.listLength(f.edgeArgs[e]) > f.imm[p]) continue;
      f.edgeArgs[e] = f.listPush(f.edgeArgs[e], this.standing(f.edgeFrom[e]));
    }
  }

  /** What stands at the end of a block asked: an open one with one edge into it has what stands before it. */
  private standing(b: number): number {
    const f = this.f;
    for (let steps = 0; ; steps++) {
      const v = this.answer[this.indexOf(b)];
      if (v !== OPEN) return v;
      b = f.edgeFrom[f.predFirst[b]];
    }
  }

  /** Takes the loads out that something stands for. */
  private finish(): void {
    const f = this.f;
    this.leader = grow32(this.leader, f.rowCount);
    this.leader.fill(0, this.old, f.rowCount);
    rewriteUses(f, this.leader);
    for (let i = 0; i < this.start[f.blockCount]; i++)
      if (this.leader[this.rows[i]] !== 0) f.remove(this.rows[i]);
  }
}

/** Whether a row reads or writes state that changes. */
function touchesState(f: Func, r: number): boolean {
  const facts = Op.OP_FACTS[f.op[r]];
  if (Op.OP_AUX[f.op[r]] === Op.AUX_MEM) return (f.aux[r] & 0xff) !== Op.R_READONLY;
  return (facts & Op.F_WRITES) !== 0;
}

const joiner = new LoadJoiner();

/** Replaces loads whose value is known on all ways to them, or all but one. The function must have no unreachable blocks. */
export function joinLoads(f: Func, an: Analyses): void {
  joiner.run(f, an);
}
