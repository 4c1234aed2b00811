/**
 * Sums of base and index that several accesses share, made rows of their own before lowering.
 *
 * An instruction adds an index or an offset, not both (lowermem.ts): where a second access with an offset uses the same
 * base and index, one sum serves both. Looked for in blocks and in chains of blocks with one predecessor each, up to
 * calls: a sum kept over a call takes a register that is dearer than the addition.
 *
 * An entry is one base and index: the first access with an offset, and the sum once there is a second.
 */
import * as Op from '../../gen/ir.ts';
import { NONE, type Func } from '../../ir/func.ts';
import { IntList } from '../../mach/sink.ts';
import { isLoad } from '../../mach/uses.ts';
import * as M from './memops.ts';

/** An array of at least n elements: the old one when it will do. */
function ensure32(old: Int32Array<ArrayBuffer>, n: number): Int32Array<ArrayBuffer> {
  return old.length >= n ? old : new Int32Array(Math.max(n, old.length * 2));
}

/** How far a chain of blocks, and a list of entries with one index, is followed. */
const CHAIN = 16;
const ENTRIES = 8;

const BASE = 0;
const FIRST = 1;
const SUM = 2;
const BLOCK = 3;
const STRETCH = 4;
const NEXT = 5;

function isStore(op: number): boolean {
  return op >= Op.STORE && op <= Op.STORE32;
}

function isCall(op: number): boolean {
  return op === Op.CALL || op === Op.CALLIND || op === Op.CALLBUILTIN;
}

export class SharedAddresses {
  private f: Func = null as unknown as Func;
  /** First entry of an index. */
  private head = new Int32Array(0);
  /** The one predecessor of a block, else NONE; the stretch of code at a block's end. */
  private parent = new Int32Array(0);
  private lastStretch = new Int32Array(0);
  private readonly entries = new IntList();
  /** Numbers what lies between calls: a new one begins at each, and at blocks with several predecessors. */
  private stretch = 0;
  private stretches = 0;

  /** Rewrites the accesses of a function. */
  run(f: Func): void {
    this.f = f;
    this.entries.n = 0;
    this.stretches = 0;
    this.head = ensure32(this.head, f.rowCount);
    this.head.fill(NONE, 0, f.rowCount);
    this.parent = ensure32(this.parent, f.blockCount);
    this.lastStretch = ensure32(this.lastStretch, f.blockCount);
    this.lastStretch.fill(0, 0, f.blockCount);
    for (let b = 0; b !== NONE; b = f.blockNext[b]!) this.block(b);
  }

  private block(b: number): void {
    const { f } = this;
    const edge = f.predFirst[b]!;
    const parent = edge !== NONE && f.edgeNextPred[edge] === NONE ? f.edgeFrom[edge]! : NONE;
    this.parent[b] = parent;
    this.stretch = parent === NONE ? 0 : this.lastStretch[parent]!;
    if (this.stretch === 0) this.stretch = ++this.stretches;
    for (let r = f.first[b]!; r !== NONE; r = f.next[r]!) {
      const op = f.op[r]!;
      if (isCall(op)) this.stretch = ++this.stretches;
      else if (this.indexed(r) && (isLoad(op) || isStore(op))) this.access(r, b);
    }
    this.lastStretch[b] = this.stretch;
  }

  /** Whether an access has an index that is no constant. */
  private indexed(r: number): boolean {
    const index = this.f.b[r]!;
    return index !== NONE && this.f.op[index] !== Op.ICONST;
  }

  private access(r: number, b: number): void {
    const { f } = this;
    const e = this.find(f.a[r]!, f.b[r]!, b);
    const { a } = this.entries;
    if (e !== NONE && a[e + SUM] !== NONE) this.rewrite(r, a[e + SUM]!);
    else if (!this.needsSum(r)) return;
    else if (e === NONE) this.add(r, b);
    else {
      const sum = this.makeSum(a[e + FIRST]!);
      a[e + SUM] = sum;
      this.rewrite(a[e + FIRST]!, sum);
      this.rewrite(r, sum);
    }
  }

  /** Whether the access has an offset that an instruction without index could hold. */
  private needsSum(r: number): boolean {
    const { f } = this;
    const offset = f.imm[r]!;
    if (offset <= 0 || f.imm2[r] !== 0) return false;
    const op = f.op[r]!;
    const load = isLoad(op);
    const mem = load ? M.loadOf(op, f.ty[r]!) : M.storeOf(op, f.ty[f.c[r]!]!);
    return M.reaches(mem, offset);
  }

  private find(base: number, index: number, b: number): number {
    const { a } = this.entries;
    let e = this.head[index]!;
    for (let k = 0; k < ENTRIES && e !== NONE; k++, e = a[e + NEXT]!) {
      if (
        a[e + BASE] === base &&
        a[e + STRETCH] === this.stretch &&
        this.reachedFrom(a[e + BLOCK]!, b)
      )
        return e;
    }
    return NONE;
  }

  private reachedFrom(ancestor: number, b: number): boolean {
    for (let k = 0; k < CHAIN && b !== NONE; k++, b = this.parent[b]!)
      if (b === ancestor) return true;
    return false;
  }

  private add(r: number, b: number): void {
    const { f, entries, head } = this;
    const index = f.b[r]!;
    const e = entries.push(f.a[r]!);
    entries.push(r);
    entries.push(NONE);
    entries.push(b);
    entries.push(this.stretch);
    entries.push(head[index]!);
    head[index] = e;
  }

  /** base + zext(index), before the access `at`. */
  private makeSum(at: number): number {
    const { f } = this;
    let index = f.b[at]!;
    if (f.ty[index] === Op.T_I32) {
      const wide = f.newRow(Op.ZEXT, Op.T_I64, index, NONE, NONE, f.pos[at]!);
      f.insertBefore(wide, at);
      index = wide;
    }
    const sum = f.newRow(Op.IADD, Op.T_I64, f.a[at]!, index, NONE, f.pos[at]!);
    f.insertBefore(sum, at);
    return sum;
  }

  private rewrite(r: number, sum: number): void {
    this.f.a[r] = sum;
    this.f.b[r] = NONE;
  }
}
