/**
 * Upper bounds of unsigned i32 values in a block, asked for one by one: from their operands, from conditions on the way to
 * the block, and for block parameters from what each edge passes. Answers are sound, not exact: `MAX` where nothing is known.
 *
 * A parameter that is met again while its own bound is sought counts as unbounded, with one exception. If edges pass
 * p + c on the condition that this is not n, and all others pass what is below n by a multiple of c, then p is so always: by
 * induction p + c is at most n, and is not n. With c = 1 any number below n will do.
 */
import * as Op from '../gen/ir.ts';
import { NONE, type Func } from '../ir/func.ts';
import { unsignedBits } from './bits.ts';
import type { Dominators } from './dominators.ts';
import { ensure8 } from './scratch.ts';

/** The bound of a value nothing is known of. */
export const MAX = 0xffffffff;

/** Operations, and blocks upwards, that are looked through; parameters that are open at once; edges into their blocks. */
const DEPTH = 6;
const BLOCKS = 8;
const OPEN = 4;
const EDGES = 8;
/** Values looked at for one answer: the guest decides how they branch out. */
const VALUES = 64;

export class UpperBounds {
  private f: Func = null as unknown as Func;
  private dom: Dominators = null as unknown as Dominators;
  /** Bounds of parameters, and whether they were asked for. */
  private bound = new Uint32Array(0);
  private known = new Uint8Array(0);
  private left = 0;
  private readonly open = new Int32Array(OPEN);
  private openCount = 0;

  /** Starts with a function whose dominators are given; they must stay as they are. */
  begin(f: Func, dom: Dominators): void {
    this.f = f;
    this.dom = dom;
    if (this.bound.length < f.rowCount) this.bound = new Uint32Array(f.rowCount * 2);
    this.known = ensure8(this.known, f.rowCount);
    this.known.fill(0, 0, f.rowCount);
    this.openCount = 0;
  }

  /** The bound of an i32 value while control is in block b. */
  of(v: number, b: number): number {
    this.left = VALUES;
    return this.at(v, b, DEPTH);
  }

  private at(v: number, b: number, depth: number): number {
    const { f } = this;
    if (f.op[v] === Op.ICONST) return f.imm[v] >>> 0;
    if (depth === 0 || --this.left < 0) return MAX;
    return Math.min(this.defined(v, b, depth), this.conditions(v, b));
  }

  /** The bound that follows from what defines v. */
  private defined(v: number, b: number, depth: number): number {
    const { f } = this;
    const x = f.a[v];
    const y = f.b[v];
    const d = depth - 1;
    switch (f.op[v]) {
      case Op.PARAM:
        return this.parameter(v, depth);
      case Op.IADD:
        return fits(this.at(x, b, d) + this.at(y, b, d));
      case Op.IMUL:
        return fits(this.at(x, b, d) * this.at(y, b, d));
      case Op.IAND:
        return Math.min(this.at(x, b, d), this.at(y, b, d));
      case Op.UDIV:
        return this.at(x, b, d);
      case Op.UREM:
        return Math.min(this.at(x, b, d), Math.max(0, this.at(y, b, d) - 1));
      case Op.SELECT:
        return Math.max(this.at(y, b, d), this.at(f.c[v], b, d));
      case Op.ISHL:
        if (f.op[y] !== Op.ICONST) return MAX;
        return fits(this.at(x, b, d) * 2 ** (f.imm[y] & 31));
      case Op.USHR:
        if (f.op[y] !== Op.ICONST) return this.at(x, b, d);
        return Math.floor(this.at(x, b, d) / 2 ** (f.imm[y] & 31));
      default:
        return Math.min(MAX, 2 ** unsignedBits(f, v) - 1);
    }
  }

  /** The bound by the conditions that hold in b, of branches from v's block on. */
  private conditions(v: number, b: number): number {
    const { f, dom } = this;
    let bound = MAX;
    for (let k = 0; k < BLOCKS && b !== f.block[v] && b !== NONE; k++) {
      const e = f.predFirst[b];
      if (e !== NONE && f.edgeNextPred[e] === NONE) bound = Math.min(bound, edgeBound(f, v, e));
      b = b === 0 ? NONE : dom.idom[b];
    }
    return bound;
  }

  private parameter(p: number, depth: number): number {
    const { f, known, open } = this;
    if (known[p] === 1) return this.bound[p];
    const b = f.block[p];
    if (b === 0 || this.openCount === OPEN) return MAX;
    for (let i = 0; i < this.openCount; i++) if (open[i] === p) return MAX;
    open[this.openCount++] = p;
    const bound = this.passed(p, b, depth - 1);
    this.openCount--;
    // What was found while another parameter was open may be looser than it had to be.
    if (this.openCount === 0) {
      known[p] = 1;
      this.bound[p] = bound;
    }
    return bound;
  }

  /** The greatest bound of what the edges into b pass for p. */
  private passed(p: number, b: number, depth: number): number {
    const { f } = this;
    let i = 0;
    let edges = 0;
    for (let r = f.first[b]; r !== p; r = f.next[r]) i++;
    let bound = 0;
    /** What counting steps end before, 0: there are none; and their size. */
    let end = 0;
    let step = 0;
    for (let e = f.predFirst[b]; e !== NONE; e = f.edgeNextPred[e]) {
      if (++edges > EDGES) return MAX;
      const arg = f.listGet(f.edgeArgs[e], i);
      if (arg === p) continue;
      const c = stepOf(f, arg, p);
      const n = c > 0 ? unequalTo(f, arg, e) : 0;
      if (n > 0 && (end === 0 || (end === n && step === c))) {
        end = n;
        step = c;
      } else bound = Math.max(bound, this.onEdge(arg, e, depth));
    }
    if (end === 0) return bound;
    if (step === 1) return bound < end ? end - 1 : MAX;
    return bound < end && this.meets(p, b, i, end, step) ? end - step : MAX;
  }

  /** Whether what edges into b pass for p, its parameter i, other than p itself and p + step, is a constant that lies multiples of `step` before `end`. */
  private meets(p: number, b: number, i: number, end: number, step: number): boolean {
    const { f } = this;
    for (let e = f.predFirst[b]; e !== NONE; e = f.edgeNextPred[e]) {
      const v = f.listGet(f.edgeArgs[e], i);
      if (v === p || stepOf(f, v, p) === step) continue;
      if (f.op[v] !== Op.ICONST || (end - (f.imm[v] >>> 0)) % step !== 0) return false;
    }
    return true;
  }

  private onEdge(v: number, e: number, depth: number): number {
    return Math.min(edgeBound(this.f, v, e), this.at(v, this.f.edgeFrom[e], depth));
  }
}

function fits(bound: number): number {
  return bound <= MAX ? bound : MAX;
}

/** By how much a value is more than p, a positive constant modulo 2^32; 0 when it is no such sum. */
function stepOf(f: Func, v: number, p: number): number {
  if (f.op[v] !== Op.IADD || f.a[v] !== p || f.op[f.b[v]] !== Op.ICONST) return 0;
  return Math.max(0, f.imm[f.b[v]]);
}

/** The compare that decides about an edge: its row, or NONE; `holds` says whether it is true there. */
let holds = false;
function compareOn(f: Func, e: number): number {
  const t = f.last[f.edgeFrom[e]];
  if (f.op[t] !== Op.BRIF) return NONE;
  holds = e === f.imm[t];
  const c = f.a[t];
  return f.op[c] === Op.ICMP && f.op[f.b[c]] === Op.ICONST ? c : NONE;
}

/** The constant n > 0 that v is not on an edge, 0 when there is none. */
function unequalTo(f: Func, v: number, e: number): number {
  const c = compareOn(f, e);
  if (c === NONE || f.a[c] !== v) return 0;
  const differs = (f.imm[c] === Op.ICC_NE) === holds && f.imm[c] <= Op.ICC_NE;
  return differs ? f.imm[f.b[c]] >>> 0 : 0;
}

/** The bound of v by the condition of an edge. */
function edgeBound(f: Func, v: number, e: number): number {
  const c = compareOn(f, e);
  if (c === NONE || f.a[c] !== v || f.ty[v] !== Op.T_I32) return MAX;
  const n = f.imm[f.b[c]] >>> 0;
  switch (holds ? f.imm[c] : f.imm[c] ^ 1) {
    case Op.ICC_EQ:
    case Op.ICC_ULE:
      return n;
    case Op.ICC_ULT:
      return n > 0 ? n - 1 : MAX;
    default:
      return MAX;
  }
}
