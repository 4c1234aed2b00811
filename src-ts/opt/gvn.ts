/**
 * Value numbering over the dominator tree (Briggs, Cooper, Simpson 1997), with the peephole rules run again on every row, redundant-load
 * elimination, store-to-load forwarding, removal of checks that an equal check dominates, and conditions known from branches.
 *
 * One walk in preorder. `leader[v]` is the value to use for v (0: itself). The table is scoped: entries made below a block are taken back when the walk
 * leaves it. Keys are columns of rows, compared in place:
 * - pure rows and divisions by op, type, operands and immediates;
 * - loads by place and memory version (`analysis/memstate.ts`); a store enters its place at the version it makes, with the value stored;
 * - checks (bound, trapif, sigcheck) like pure rows; a bound also serves every smaller access of its operands.
 */
import { disjoint, samePlace } from '../analysis/aliases.ts';
import { isStore, MemState } from '../analysis/memstate.ts';
import { ensure32, ensure8, grow32 } from '../analysis/scratch.ts';
import { forgetParams } from '../analysis/bits.ts';
import { findParamBits } from '../analysis/parambits.ts';
import * as Op from '../gen/ir.ts';
import type { Builder } from '../ir/build.ts';
import { NONE, type Func } from '../ir/func.ts';
import type { Analyses } from './analyses.ts';
import { builderOf } from './builder.ts';
import { fold } from './fold.ts';
import { ok } from './gate.ts';

/** How many disjoint stores a load looks past. */
const WALK = 8;

/** What a branch says about a value below it. */
const UNKNOWN = 0;
const ZERO = 1;
const NONZERO = 2;

class Gvn {
  private f!: Func;
  private builder!: Builder;
  private readonly mem = new MemState();
  private leader = new Int32Array(0);
  /** Rows below have a valid leader; later ones have none yet. */
  private leaders = 0;
  private knowns = 0;
  private known = new Uint8Array(0);
  // The table: buckets, and entries that are pushed and popped like a stack.
  private buckets = new Int32Array(0);
  private mask = 0;
  private count = 0;
  private entryRow = new Int32Array(0);
  private entryNext = new Int32Array(0);
  private entryBucket = new Int32Array(0);
  private entryVersion = new Int32Array(0);
  // Per open block of the walk: entries when it was entered, and the value its entry edge says something about.
  private scope = new Int32Array(0);
  private fact = new Int32Array(0);

  run(f: Func, an: Analyses): void {
    an.needLoops(f);
    this.f = f;
    this.builder = builderOf(f);
    this.prepare();
    this.mem.start(f, an.cfg, an.dom, an.loops);
    this.walk(an);
    for (let i = 2; i < 3 * f.labelCount; i += 3) f.labels[i] = this.resolve(f.labels[i]);
  }

  private prepare(): void {
    const f = this.f;
    let size = 256;
    while (size < f.rowCount) size *= 2;
    if (this.buckets.length < size) this.buckets = new Int32Array(size);
    this.mask = size - 1;
    this.buckets.fill(NONE, 0, size);
    this.count = 0;
    this.leader = ensure32(this.leader, f.rowCount);
    this.leader.fill(0, 0, f.rowCount);
    this.leaders = f.rowCount;
    this.known = ensure8(this.known, f.rowCount);
    this.known.fill(0, 0, f.rowCount);
    this.knowns = f.rowCount;
    this.scope = ensure32(this.scope, f.blockCount);
    this.fact = ensure32(this.fact, f.blockCount);
  }

  private walk(an: Analyses): void {
    const { first, next, idom } = an.dom;
    for (let b = 0; ;) {
      this.enterBlock(an, b);
      if (first[b] !== NONE) {
        b = first[b];
        continue;
      }
      this.leaveBlock(b);
      while (b !== 0 && next[b] === NONE) {
        b = idom[b];
        this.leaveBlock(b);
      }
      if (b === 0) return;
      b = next[b];
    }
  }

  private enterBlock(an: Analyses, b: number): void {
    const f = this.f;
    this.scope[b] = this.count;
    this.fact[b] = this.learn(b);
    this.mem.enter(f, an.loops, b);
    this.builder.block = b;
    for (let r = f.first[b]; r !== NONE;) {
      const prev = f.prev[r];
      const folded = this.row(r);
      // Rows that a rule put before the row are numbered first.
      if (folded) r = prev === NONE ? f.first[b] : f.next[prev];
      else r = f.next[r];
    }
    this.mem.leave(b);
  }

  private leaveBlock(b: number): void {
    const from = this.scope[b];
    while (this.count > from) {
      const e = --this.count;
      this.buckets[this.entryBucket[e]] = this.entryNext[e];
    }
    if (this.fact[b] !== 0) this.known[this.fact[b]] = UNKNOWN;
  }

  /** Notes what the only branch into a block says about its condition; returns the value noted, or 0. */
  private learn(b: number): number {
    const f = this.f;
    const e = f.predFirst[b];
    if (e === NONE || f.edgeNextPred[e] !== NONE) return 0;
    const t = f.last[f.edgeFrom[e]];
    if (f.op[t] !== Op.BRIF || f.edgeTo[f.imm[t]] === f.edgeTo[f.imm[t] + 1]) return 0;
    const c = f.a[t];
    if (c >= this.knowns || this.known[c] !== UNKNOWN) return 0;
    this.known[c] = e === f.imm[t] ? NONZERO : ZERO;
    return c;
  }

  private resolve(v: number): number {
    const leader = this.leader;
    while (v >= 0 && v < this.leaders && leader[v] !== 0) v = leader[v];
    return v;
  }

  private replace(r: number, v: number): void {
    if (r >= this.leaders) {
      if (r >= this.leader.length) this.leader = grow32(this.leader, r + 1);
      this.leader.fill(0, this.leaders, r + 1);
      this.leaders = r + 1;
    }
    this.leader[r] = v;
    this.f.remove(r);
  }

  private list(l: number): void {
    const f = this.f;
    const end = l + 2 + f.pool[l + 1];
    for (let i = l + 2; i < end; i++) f.pool[i] = this.resolve(f.pool[i]);
  }

  private operands(r: number): void {
    const f = this.f;
    const op = f.op[r];
    const n = Op.OP_ARGS[op];
    if (n > 0) f.a[r] = this.resolve(f.a[r]);
    if (n > 1) f.b[r] = this.resolve(f.b[r]);
    if (n > 2) f.c[r] = this.resolve(f.c[r]);
    if ((Op.OP_FACTS[op] & Op.F_LIST) !== 0) this.list(f.c[r]);
    else if (Op.OP_IMM[op] === Op.IMM_EDGES) {
      for (let e = f.imm[r]; e < f.imm[r] + f.imm2[r]; e++) this.list(f.edgeArgs[e]);
    }
  }

  /** Numbers one row; true when a rule replaced it by rows put before it. */
  private row(r: number): boolean {
    const f = this.f;
    const op = f.op[r];
    if (op === Op.PARAM || op === Op.PROJ) return false;
    this.operands(r);
    const facts = Op.OP_FACTS[op];
    if ((facts & Op.F_TERMINATOR) !== 0) {
      if (op === Op.BRIF) this.branch(r);
      return false;
    }
    if ((facts & Op.F_ALL) !== 0) {
      this.mem.write(f, r);
      return false;
    }
    const rows = f.rowCount;
    this.builder.before = r;
    this.builder.pos = f.pos[r];
    const v = fold(this.builder, r);
    if (v !== r) {
      this.replace(r, v);
      return true;
    }
    if (f.rowCount !== rows && this.freshOperands(rows, r)) return true;
    this.number(r);
    return false;
  }

  /** Whether a row that a rule changed has operands that were made just now and are still to be numbered. */
  private freshOperands(rows: number, r: number): boolean {
    const f = this.f;
    return f.a[r] >= rows || f.b[r] >= rows || f.c[r] >= rows;
  }

  private number(r: number): void {
    const op = this.f.op[r];
    if (op >= Op.STORE && op <= Op.STORE32) this.stored(r);
    else if (Op.OP_AUX[op] === Op.AUX_MEM) this.load(r);
    else if (op === Op.BOUND) this.bound(r);
    else this.pure(r);
  }

  // ---- pure rows and checks ----

  private hash(r: number): number {
    const f = this.f;
    const op = f.op[r];
    let h = Math.imul(op + 1, 0x9e3779b1) ^ Math.imul(f.ty[r] + 1, 0x85ebca6b);
    const n = Op.OP_ARGS[op];
    // Operands of a commutative operation are mixed so that their order does not matter.
    if ((Op.OP_FACTS[op] & Op.F_COMMUTES) !== 0)
      h ^=
        Math.imul(f.a[r] + f.b[r], 0xc2b2ae35 | 0) ^
        Math.imul(Math.imul(f.a[r], f.b[r]), 0x27d4eb2f);
    else {
      if (n > 0) h = Math.imul(h ^ f.a[r], 0xcc9e2d51 | 0);
      if (n > 1) h = Math.imul(h ^ f.b[r], 0x1b873593);
      if (n > 2) h = Math.imul(h ^ f.c[r], 0x27d4eb2f);
    }
    h = Math.imul(h ^ f.imm[r], 0x165667b1) ^ f.imm2[r];
    return h ^ (h >>> 15);
  }

  private same(r: number, s: number): boolean {
    const f = this.f;
    const op = f.op[r];
    if (f.op[s] !== op || f.ty[s] !== f.ty[r] || f.imm[s] !== f.imm[r] || f.imm2[s] !== f.imm2[r])
      return false;
    const n = Op.OP_ARGS[op];
    if (n === 0) return true;
    const straight =
      f.a[s] === f.a[r] && (n < 2 || f.b[s] === f.b[r]) && (n < 3 || f.c[s] === f.c[r]);
    if (straight || (Op.OP_FACTS[op] & Op.F_COMMUTES) === 0) return straight;
    return f.a[s] === f.b[r] && f.b[s] === f.a[r];
  }

  private push(bucket: number, row: number, version: number): void {
    const e = this.count++;
    if (e >= this.entryRow.length) {
      this.entryRow = grow32(this.entryRow, e + 1);
      this.entryNext = grow32(this.entryNext, e + 1);
      this.entryBucket = grow32(this.entryBucket, e + 1);
      this.entryVersion = grow32(this.entryVersion, e + 1);
    }
    this.entryRow[e] = row;
    this.entryVersion[e] = version;
    this.entryBucket[e] = bucket;
    this.entryNext[e] = this.buckets[bucket];
    this.buckets[bucket] = e;
  }

  private pure(r: number): void {
    const f = this.f;
    const bucket = this.hash(r) & this.mask;
    for (let e = this.buckets[bucket]; e !== NONE; e = this.entryNext[e]) {
      const s = this.entryRow[e];
      if (this.same(r, s) && ok(f, 'gvn')) return this.replace(r, s);
    }
    this.push(bucket, r, NONE);
  }

  /** A bound that an at least as strict one dominates is dropped. */
  private bound(r: number): void {
    const f = this.f;
    const bucket =
      (Math.imul(f.a[r], 0x9e3779b1) ^ Math.imul(f.b[r], 0x85ebca6b) ^ 0x5bd1) & this.mask;
    for (let e = this.buckets[bucket]; e !== NONE; e = this.entryNext[e]) {
      const s = this.entryRow[e];
      if (f.op[s] !== Op.BOUND || f.a[s] !== f.a[r] || f.b[s] !== f.b[r]) continue;
      const his = f.imm2[s] >>> 0;
      const hir = f.imm2[r] >>> 0;
      const stricter = his > hir || (his === hir && f.imm[s] >>> 0 >= f.imm[r] >>> 0);
      if (stricter && ok(f, 'gvn-bound')) return f.remove(r);
      // The newest check of these operands is the strictest.
      break;
    }
    this.push(bucket, r, NONE);
  }

  // ---- memory ----

  private place(r: number, version: number): number {
    const f = this.f;
    let h =
      Math.imul(f.a[r], 0x9e3779b1) ^
      Math.imul(f.b[r], 0x85ebca6b) ^
      Math.imul(f.imm[r], 0xc2b2ae35 | 0);
    h = Math.imul(h ^ version, 0x27d4eb2f) ^ (f.aux[r] & Op.REGION_MASK);
    return (h ^ (h >>> 15)) & this.mask;
  }

  private load(r: number): void {
    const f = this.f;
    const own = this.mem.version(f, r);
    let version = own;
    for (let i = 0; i <= WALK; i++) {
      if (this.lookup(r, version)) return;
      const s = this.mem.storeOf(version);
      if (s === NONE || !disjoint(f, r, s)) break;
      version = this.mem.beforeStore(version);
    }
    this.push(this.place(r, own), r, own);
  }

  /** Replaces a load by what an equal load or a store of its place at one version gives; false when there is nothing. */
  private lookup(r: number, version: number): boolean {
    const f = this.f;
    for (let e = this.buckets[this.place(r, version)]; e !== NONE; e = this.entryNext[e]) {
      const s = this.entryRow[e];
      if (
        this.entryVersion[e] !== version ||
        Op.OP_AUX[f.op[s]] !== Op.AUX_MEM ||
        !samePlace(f, r, s)
      )
        continue;
      if (isStore(f, s)) {
        if (this.forward(r, s)) return true;
      } else if (f.op[s] === f.op[r] && f.ty[s] === f.ty[r] && ok(f, 'gvn-load')) {
        this.replace(r, s);
        return true;
      }
    }
    return false;
  }

  /** Replaces a load by the value a store left in the same place, when one instruction at most makes it. */
  private forward(r: number, s: number): boolean {
    const f = this.f;
    const v = f.c[s];
    const from = f.ty[v];
    const to = f.ty[r];
    const op = f.op[r];
    if (op === Op.LOAD && f.op[s] === Op.STORE) {
      if (from === to) {
        if (!ok(f, 'gvn-forward')) return false;
        this.replace(r, v);
        return true;
      }
      return this.recast(r, v);
    }
    const extend = this.extension(op, f.op[s]);
    if (extend === 0 || from !== to || !ok(f, 'gvn-forward-narrow')) return false;
    this.narrow(r, v, extend);
    return true;
  }

  /** Bits a narrow store followed by a narrow load of the same size keeps: negative when sign-extended, 0 when sizes differ. */
  private extension(load: number, store: number): number {
    if (store === Op.STORE8) return load === Op.LOAD8_S ? -8 : load === Op.LOAD8_U ? 8 : 0;
    if (store === Op.STORE16) return load === Op.LOAD16_S ? -16 : load === Op.LOAD16_U ? 16 : 0;
    if (store === Op.STORE32) return load === Op.LOAD32_S ? -32 : load === Op.LOAD32_U ? 32 : 0;
    return 0;
  }

  private narrow(r: number, v: number, bits: number): void {
    const f = this.f;
    const b = this.builder;
    const ty = f.ty[r];
    let w: number;
    if (bits < 0) w = b.unary(bits === -8 ? Op.SEXT8 : bits === -16 ? Op.SEXT16 : Op.SEXT32, ty, v);
    else if (bits === 32) w = b.unary(Op.ZEXT, ty, b.unary(Op.WRAP, Op.T_I32, v));
    else if (ty === Op.T_I32) w = b.binary(Op.IAND, ty, v, b.iconst32((1 << bits) - 1));
    else w = b.binary(Op.IAND, ty, v, b.iconst64((1 << bits) - 1, 0));
    this.replace(r, w);
  }

  /** A float stored and loaded as an integer of the same size, or the other way round. */
  private recast(r: number, v: number): boolean {
    const f = this.f;
    const from = f.ty[v];
    const to = f.ty[r];
    const pair = (1 << from) | (1 << to);
    const four = pair === ((1 << Op.T_I32) | (1 << Op.T_F32));
    const eight = pair === ((1 << Op.T_I64) | (1 << Op.T_F64));
    if ((!four && !eight) || !ok(f, 'gvn-forward-bitcast')) return false;
    this.replace(r, this.builder.unary(Op.BITCAST, to, v));
    return true;
  }

  private stored(r: number): void {
    const f = this.f;
    if (this.storesSame(r)) return f.remove(r);
    this.mem.write(f, r);
    const version = this.mem.version(f, r);
    this.push(this.place(r, version), r, version);
  }

  /** Whether a store writes what its place is known to hold. */
  private storesSame(r: number): boolean {
    const f = this.f;
    let version = this.mem.version(f, r);
    for (let i = 0; i <= WALK; i++) {
      for (let e = this.buckets[this.place(r, version)]; e !== NONE; e = this.entryNext[e]) {
        const s = this.entryRow[e];
        if (
          this.entryVersion[e] !== version ||
          Op.OP_AUX[f.op[s]] !== Op.AUX_MEM ||
          !samePlace(f, r, s)
        )
          continue;
        const held = isStore(f, s)
          ? f.op[s] === f.op[r] && f.c[s] === f.c[r]
          : f.op[r] === Op.STORE && f.op[s] === Op.LOAD && s === f.c[r];
        if (held && ok(f, 'gvn-store-same')) return true;
      }
      const s = this.mem.storeOf(version);
      if (s === NONE || !disjoint(f, r, s)) return false;
      version = this.mem.beforeStore(version);
    }
    return false;
  }

  // ---- branches ----

  /** Gives a branch a constant condition when a dominating branch decided it. */
  private branch(r: number): void {
    const f = this.f;
    const c = f.a[r];
    if (f.op[c] === Op.ICONST || c >= this.knowns) return;
    let is = this.known[c];
    if (is === UNKNOWN && f.op[c] === Op.ICMP) is = this.opposite(c);
    if (is === UNKNOWN || !ok(f, 'gvn-branch')) return;
    this.builder.before = r;
    this.builder.pos = f.pos[r];
    f.a[r] = this.builder.iconst32(is === ZERO ? 0 : 1);
  }

  /** What is known about a compare from its negation. */
  private opposite(c: number): number {
    const f = this.f;
    f.imm[c] ^= 1;
    const bucket = this.hash(c) & this.mask;
    let is = UNKNOWN;
    for (let e = this.buckets[bucket]; e !== NONE; e = this.entryNext[e]) {
      const s = this.entryRow[e];
      if (s === c || s >= this.knowns || this.known[s] === UNKNOWN || !this.same(c, s)) continue;
      is = this.known[s] === ZERO ? NONZERO : ZERO;
      break;
    }
    f.imm[c] ^= 1;
    return is;
  }
}

const gvn = new Gvn();

/** Numbers the values of a function. Leaves dead rows behind (see dce.ts), and branches on constants (see branches.ts). */
export function valueNumbering(f: Func, an: Analyses): void {
  findParamBits(f);
  try {
    gvn.run(f, an);
  } finally {
    forgetParams();
  }
}
