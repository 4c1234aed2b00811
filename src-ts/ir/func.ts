/**
 * One function in SSA form, as columns.
 *
 * Layout
 * - A row is an instruction and its own value: row number == value number. Columns op, ty, a, b, c, imm, imm2, aux, pos
 *   mean what `isa/ir/ops.ts` says. Row 0 is a reserved nop so that no real value is 0; NONE (-1) is "no operand".
 * - Blocks hold their rows in a doubly linked list (next/prev; first/last per block), parameters (op PARAM) first, the
 *   one terminator last. `block[row]` is the row's block, NONE when it is in none.
 * - Block order is a doubly linked list too (blockNext from `entry` = block 0).
 * - An edge is an entity: from, to, an argument list in the pool (one argument per parameter of the target, in order).
 *   The edges of a terminator are contiguous: imm = first edge, imm2 = how many. Edges into a block are chained
 *   (predFirst / edgeNextPred), in order of creation.
 * - The pool holds lists: pool[l] = capacity, pool[l+1] = length, elements follow. EMPTY (0) is the shared empty list.
 * - Constants are ordinary rows; iconst/fconst keep two 32-bit halves.
 *
 * A `Func` is cleared and reused for the next function; nothing is reallocated unless it must grow.
 */
import * as Op from '../gen/ir.ts';
import { InlineTree } from './inlines.ts';

export const NONE = -1;
export const EMPTY = 0;

/** Signatures of the module, one number each: types as numbers of `types` in isa/ir/ops.ts. */
export interface Signatures {
  params(sig: number): Uint8Array;
  results(sig: number): Uint8Array;
}

function grow8(old: Uint8Array<ArrayBuffer>, n: number): Uint8Array<ArrayBuffer> {
  const a = new Uint8Array(n);
  a.set(old);
  return a;
}
function grow32(old: Int32Array<ArrayBuffer>, n: number): Int32Array<ArrayBuffer> {
  const a = new Int32Array(n);
  a.set(old);
  return a;
}

export class Func {
  /** Index among the module's defined functions, signature number, and name for dumps. */
  index = 0;
  sig = 0;
  name = '';
  sigs: Signatures | null = null;

  rowCount = 1;
  op: Uint8Array<ArrayBuffer>;
  ty: Uint8Array<ArrayBuffer>;
  a: Int32Array<ArrayBuffer>;
  b: Int32Array<ArrayBuffer>;
  c: Int32Array<ArrayBuffer>;
  imm: Int32Array<ArrayBuffer>;
  imm2: Int32Array<ArrayBuffer>;
  aux: Int32Array<ArrayBuffer>;
  /** Byte offset in the module of the Wasm operator the row stems from; positions beyond the module: see `inlines`. */
  pos: Int32Array<ArrayBuffer>;
  next: Int32Array<ArrayBuffer>;
  prev: Int32Array<ArrayBuffer>;
  block: Int32Array<ArrayBuffer>;

  blockCount = 0;
  first: Int32Array<ArrayBuffer>;
  last: Int32Array<ArrayBuffer>;
  /** Number of parameters: the first rows of the block. */
  paramCount: Int32Array<ArrayBuffer>;
  predFirst: Int32Array<ArrayBuffer>;
  predLast: Int32Array<ArrayBuffer>;
  blockNext: Int32Array<ArrayBuffer>;
  blockPrev: Int32Array<ArrayBuffer>;
  /** Last block of the order; the first is always block 0, the entry. */
  lastBlock = NONE;

  /** The calls that callees' bodies stand in for. */
  readonly inlines = new InlineTree();

  edgeCount = 0;
  edgeFrom: Int32Array<ArrayBuffer>;
  edgeTo: Int32Array<ArrayBuffer>;
  edgeArgs: Int32Array<ArrayBuffer>;
  edgeNextPred: Int32Array<ArrayBuffer>;

  pool: Int32Array<ArrayBuffer>;
  poolTop = 2;

  /**
   * For debug information: triples of position, Wasm local and the value it stands for from there on (NONE: unknown), in
   * order of position. Values that a pass replaces or takes away are replaced here, too, or stay behind as
   * rows in no block. None are made unless asked for.
   */
  labels: Int32Array<ArrayBuffer> = new Int32Array(0);
  labelCount = 0;

  constructor(rows = 1024, blocks = 128) {
    this.op = new Uint8Array(rows);
    this.ty = new Uint8Array(rows);
    this.a = new Int32Array(rows);
    this.b = new Int32Array(rows);
    this.c = new Int32Array(rows);
    this.imm = new Int32Array(rows);
    this.imm2 = new Int32Array(rows);
    this.aux = new Int32Array(rows);
    this.pos = new Int32Array(rows);
    this.next = new Int32Array(rows);
    this.prev = new Int32Array(rows);
    this.block = new Int32Array(rows);
    this.block[0] = NONE;
    this.first = new Int32Array(blocks);
    this.last = new Int32Array(blocks);
    this.paramCount = new Int32Array(blocks);
    this.predFirst = new Int32Array(blocks);
    this.predLast = new Int32Array(blocks);
    this.blockNext = new Int32Array(blocks);
    this.blockPrev = new Int32Array(blocks);
    this.edgeFrom = new Int32Array(blocks * 2);
    this.edgeTo = new Int32Array(blocks * 2);
    this.edgeArgs = new Int32Array(blocks * 2);
    this.edgeNextPred = new Int32Array(blocks * 2);
    this.pool = new Int32Array(rows);
  }

  /** Forgets everything; keeps the memory. */
  clear(index: number, sig: number, sigs: Signatures): void {
    this.index = index;
    this.sig = sig;
    this.sigs = sigs;
    this.name = '';
    this.rowCount = 1;
    this.blockCount = 0;
    this.edgeCount = 0;
    this.poolTop = 2;
    this.lastBlock = NONE;
    this.labelCount = 0;
    this.inlines.clear(0);
  }

  // ---- rows ----

  private growRows(): void {
    const n = this.op.length * 2;
    this.op = grow8(this.op, n);
    this.ty = grow8(this.ty, n);
    this.a = grow32(this.a, n);
    this.b = grow32(this.b, n);
    this.c = grow32(this.c, n);
    this.imm = grow32(this.imm, n);
    this.imm2 = grow32(this.imm2, n);
    this.aux = grow32(this.aux, n);
    this.pos = grow32(this.pos, n);
    this.next = grow32(this.next, n);
    this.prev = grow32(this.prev, n);
    this.block = grow32(this.block, n);
  }

  /** Number of rows that stand in blocks. */
  linkedRows(): number {
    let n = 0;
    for (let b = 0; b !== NONE; b = this.blockNext[b])
      for (let r = this.first[b]; r !== NONE; r = this.next[r]) n++;
    return n;
  }

  /** A new row that is in no block yet. Unused operands are NONE, immediates and aux 0. */
  newRow(op: number, ty: number, a: number, b: number, c: number, pos: number): number {
    const r = this.rowCount++;
    if (r >= this.op.length) this.growRows();
    this.op[r] = op;
    this.ty[r] = ty;
    this.a[r] = a;
    this.b[r] = b;
    this.c[r] = c;
    this.imm[r] = 0;
    this.imm2[r] = 0;
    this.aux[r] = 0;
    this.pos[r] = pos;
    this.next[r] = NONE;
    this.prev[r] = NONE;
    this.block[r] = NONE;
    return r;
  }

  /** Puts a row that is in no block at the end of a block. */
  append(r: number, block: number): void {
    const last = this.last[block]!;
    this.prev[r] = last;
    this.next[r] = NONE;
    if (last === NONE) this.first[block] = r;
    else this.next[last] = r;
    this.last[block] = r;
    this.block[r] = block;
  }

  /** Puts a row that is in no block before another. */
  insertBefore(r: number, at: number): void {
    const block = this.block[at]!;
    const p = this.prev[at]!;
    this.prev[r] = p;
    this.next[r] = at;
    this.prev[at] = r;
    if (p === NONE) this.first[block] = r;
    else this.next[p] = r;
    this.block[r] = block;
  }

  /** Puts a row that is in no block after another. */
  insertAfter(r: number, at: number): void {
    const block = this.block[at]!;
    const n = this.next[at]!;
    this.next[r] = n;
    this.prev[r] = at;
    this.next[at] = r;
    if (n === NONE) this.last[block] = r;
    else this.prev[n] = r;
    this.block[r] = block;
  }

  /** Takes a row out of its block; the row keeps its contents. */
  unlink(r: number): void {
    const block = this.block[r]!;
    const p = this.prev[r]!;
    const n = this.next[r]!;
    if (p === NONE) this.first[block] = n;
    else this.next[p] = n;
    if (n === NONE) this.last[block] = p;
    else this.prev[n] = p;
    this.block[r] = NONE;
  }

  /** Takes a row out of its block and makes it a nop. */
  remove(r: number): void {
    this.unlink(r);
    this.op[r] = Op.NOP;
  }

  // ---- blocks ----

  private growBlocks(): void {
    const n = this.first.length * 2;
    this.first = grow32(this.first, n);
    this.last = grow32(this.last, n);
    this.paramCount = grow32(this.paramCount, n);
    this.predFirst = grow32(this.predFirst, n);
    this.predLast = grow32(this.predLast, n);
    this.blockNext = grow32(this.blockNext, n);
    this.blockPrev = grow32(this.blockPrev, n);
  }

  /** A new empty block that is not in the block order yet (see {@link placeBlock}). */
  newBlock(): number {
    const b = this.blockCount++;
    if (b >= this.first.length) this.growBlocks();
    this.first[b] = NONE;
    this.last[b] = NONE;
    this.paramCount[b] = 0;
    this.predFirst[b] = NONE;
    this.predLast[b] = NONE;
    this.blockNext[b] = NONE;
    this.blockPrev[b] = NONE;
    return b;
  }

  /** Appends a block to the block order. The first block placed must be block 0. */
  placeBlock(b: number): void {
    this.blockPrev[b] = this.lastBlock;
    this.blockNext[b] = NONE;
    if (this.lastBlock !== NONE) this.blockNext[this.lastBlock] = b;
    this.lastBlock = b;
  }

  /** Puts a block into the order after another. */
  placeBlockAfter(b: number, at: number): void {
    const n = this.blockNext[at]!;
    this.blockNext[b] = n;
    this.blockPrev[b] = at;
    this.blockNext[at] = b;
    if (n === NONE) this.lastBlock = b;
    else this.blockPrev[n] = b;
  }

  /** Takes a block out of the block order (it must have no edges into it; its own edges are to be unlinked before). */
  unplaceBlock(b: number): void {
    const p = this.blockPrev[b]!;
    const n = this.blockNext[b]!;
    this.blockNext[p] = n;
    if (n === NONE) this.lastBlock = p;
    else this.blockPrev[n] = p;
  }

  /** Appends a parameter to a block (before its other rows) and returns its value. Edges into it must be given an argument each. */
  addParam(b: number, ty: number, pos: number): number {
    const r = this.newRow(Op.PARAM, ty, NONE, NONE, NONE, pos);
    const k = this.paramCount[b]!++;
    this.imm[r] = k;
    let at = this.first[b]!;
    for (let i = 0; i < k; i++) at = this.next[at]!;
    if (at === NONE) this.append(r, b);
    else this.insertBefore(r, at);
    return r;
  }

  // ---- edges ----

  private growEdges(): void {
    const n = this.edgeFrom.length * 2;
    this.edgeFrom = grow32(this.edgeFrom, n);
    this.edgeTo = grow32(this.edgeTo, n);
    this.edgeArgs = grow32(this.edgeArgs, n);
    this.edgeNextPred = grow32(this.edgeNextPred, n);
  }

  /** A new edge, linked into the target's predecessors. Edges of one terminator are to be created one after the other. */
  newEdge(from: number, to: number, args: number): number {
    const e = this.edgeCount++;
    if (e >= this.edgeFrom.length) this.growEdges();
    this.edgeFrom[e] = from;
    this.edgeArgs[e] = args;
    this.linkPred(e, to);
    return e;
  }

  /** Links an edge (in no predecessor chain) at the end of a block's predecessors. */
  linkPred(e: number, to: number): void {
    this.edgeTo[e] = to;
    this.edgeNextPred[e] = NONE;
    const last = this.predLast[to]!;
    if (last === NONE) this.predFirst[to] = e;
    else this.edgeNextPred[last] = e;
    this.predLast[to] = e;
  }

  /** Takes an edge out of its target's predecessors. */
  unlinkPred(e: number): void {
    const to = this.edgeTo[e]!;
    let p = NONE;
    for (let q = this.predFirst[to]!; q !== e; q = this.edgeNextPred[q]!) p = q;
    const n = this.edgeNextPred[e]!;
    if (p === NONE) this.predFirst[to] = n;
    else this.edgeNextPred[p] = n;
    if (n === NONE) this.predLast[to] = p;
  }

  // ---- labels ----

  addLabel(pos: number, local: number, value: number): void {
    const at = 3 * this.labelCount++;
    if (at + 3 > this.labels.length) this.labels = grow32(this.labels, Math.max(96, at * 2));
    this.labels[at] = pos;
    this.labels[at + 1] = local;
    this.labels[at + 2] = value;
  }

  // ---- lists ----

  /** A new empty list with room for `capacity` elements. */
  newList(capacity: number): number {
    if (capacity === 0) return EMPTY;
    const l = this.poolTop;
    this.poolTop += capacity + 2;
    if (this.poolTop > this.pool.length) {
      this.pool = grow32(this.pool, Math.max(this.poolTop, this.pool.length * 2));
    }
    this.pool[l] = capacity;
    this.pool[l + 1] = 0;
    return l;
  }

  listLength(l: number): number {
    return this.pool[l + 1]!;
  }

  listGet(l: number, i: number): number {
    return this.pool[l + 2 + i]!;
  }

  listSet(l: number, i: number, v: number): void {
    this.pool[l + 2 + i] = v;
  }

  /** Appends to a list; returns the list's (perhaps new) number, which the caller stores back. */
  listPush(l: number, v: number): number {
    let n = this.pool[l + 1]!;
    if (l === EMPTY || n === this.pool[l]!) {
      const bigger = this.newList(Math.max(2, n * 2));
      for (let i = 0; i < n; i++) this.pool[bigger + 2 + i] = this.pool[l + 2 + i]!;
      this.pool[bigger + 1] = n;
      l = bigger;
    }
    n = this.pool[l + 1]!++;
    this.pool[l + 2 + n] = v;
    return l;
  }

  /** A list of its own with the same elements. */
  listCopy(l: number): number {
    const n = this.listLength(l);
    const copy = this.newList(n);
    if (n === 0) return copy;
    this.pool.copyWithin(copy + 2, l + 2, l + 2 + n);
    this.pool[copy + 1] = n;
    return copy;
  }

  /** Removes element i, keeping the order. */
  listRemove(l: number, i: number): void {
    const start = l + 2;
    const n = this.pool[l + 1]!;
    this.pool.copyWithin(start + i, start + i + 1, start + n);
    this.pool[l + 1] = n - 1;
  }
}
