/**
 * SSA construction while translating: Braun, Buchwald, Hack, Leißa, Mallon, Zwinkau, "Simple and Efficient Construction
 * of Static Single Assignment Form", CC 2013, made for structured control.
 *
 * - Variables are the Wasm locals. Definitions are kept by (block, variable); a dense cache answers for the block being
 *   filled as long as control only falls through.
 * - Blocks are sealed when they are started, but for loop headers, which are sealed at the loop's end: until then a
 *   variable looked up there becomes an incomplete parameter.
 * - A join of a construct (and a loop header when it is sealed) knows the block that the construct was entered from and
 *   where its text starts: a variable not written in that text has the value it had there, no parameter needed.
 * - While translating, a parameter ("phi") is a PARAM row in no block: imm is its number here, a its replacement
 *   once it turned out to be trivial. `finish` resolves every replacement, gives the parameters that stay their place in
 *   the block and the edges their arguments.
 * - Lookups run on an explicit stack: depth is in the guest's hand.
 */
import * as Op from '../gen/ir.ts';
import { EMPTY, NONE, type Func } from '../ir/func.ts';
import { growI32 } from './columns.ts';
import { Definitions } from './definitions.ts';
import type { Labels } from './labels.ts';
import { bug } from '../util/bug.ts';
import { CompileError } from '../util/errors.ts';

/**
 * Bounds on what a hostile body can make this construction do (deep loops over many locals, wide tables into joins that
 * many locals meet at): parameters, their operands, values carried by branches, and blocks visited by lookups. Real
 * functions stay far below each.
 */
const MAX_PHIS = 1 << 20;
const MAX_OPERANDS = 1 << 25;
const MAX_STEPS = 1 << 26;
/** Rounds of trivial parameter removal after the whole function is known; more never pays. */
const FINAL_ROUNDS = 3;
/** After how many blocks a lookup leaves its result on the way. */
const MEMO_STEPS = 8;

export class Ssa {
  private f: Func;
  /** Position of the last write to each variable. */
  private lastWrite = new Int32Array(256);
  private varTypes: Uint8Array = new Uint8Array(0);

  // Cache of the block being filled.
  private cacheValue = new Int32Array(256);
  private cacheStamp = new Int32Array(256);
  private stamp = 0;

  private readonly definitions = new Definitions();

  // Blocks.
  private sealed = new Uint8Array(256);
  private joinFrom = new Int32Array(256);
  private joinPos = new Int32Array(256);
  private phiFirst = new Int32Array(256);
  private phiLast = new Int32Array(256);

  // Phis.
  private phiCount = 0;
  private phiRow = new Int32Array(256);
  private phiVar = new Int32Array(256);
  private phiBlock = new Int32Array(256);
  /** Start of the operands in `ops` (one per edge into the block, in their order); NONE while incomplete. */
  private phiOps = new Int32Array(256);
  private phiFilled = new Int32Array(256);
  private phiNext = new Int32Array(256);
  private ops = new Int32Array(1024);
  private opsTop = 0;
  private removed = 0;

  // Arguments that branches carry to their label: per edge a place in `args`.
  private edgeArgs = new Int32Array(256);
  private args = new Int32Array(1024);
  private argsTop = 0;

  // Explicit stack of phis whose operands are being looked up, with the next edge.
  private pendingPhi = new Int32Array(64);
  private pendingEdge = new Int32Array(64);
  private pending = 0;
  private steps = 0;

  // Headers of the loops that are open, and where their text starts; number 0 is the entry block.
  private openBlock = new Int32Array(64);
  private openPos = new Int32Array(64);
  private open = 0;

  /** Last row of the entry block's head: parameters, then what was put there. */
  private head = NONE;
  private zeros = new Int32Array(8);

  constructor(f: Func) {
    this.f = f;
  }

  /** Starts a function whose entry block (0) exists and is being filled; `types` are the IR types of all locals. */
  start(types: Uint8Array, count: number): void {
    this.varTypes = types;
    if (this.lastWrite.length < count) {
      this.lastWrite = new Int32Array(count * 2);
      this.cacheValue = new Int32Array(count * 2);
      this.cacheStamp = new Int32Array(count * 2);
      this.stamp = 0;
    }
    this.lastWrite.fill(-1, 0, count);
    this.newStamp();
    this.phiCount = 0;
    this.opsTop = 0;
    this.argsTop = 0;
    this.removed = 0;
    this.steps = 0;
    this.open = 0;
    this.openBlock[0] = 0;
    this.openPos[0] = 0;
    this.zeros.fill(NONE);
    this.head = NONE;
  }

  /** There are `count` variables from now on, of these types; those that are new are written before they are read. */
  extend(types: Uint8Array, count: number): void {
    this.varTypes = types;
    const known = this.lastWrite.length;
    if (known >= count) return;
    this.lastWrite = growI32(this.lastWrite, count);
    this.cacheValue = growI32(this.cacheValue, count);
    this.cacheStamp = growI32(this.cacheStamp, count);
  }

  /** Whether the code being filled is inside a loop. */
  get inLoop(): boolean {
    return this.open > 0;
  }

  /** Parameters of the entry block must be defined, in order, before anything else is put there. */
  defineParam(variable: number, row: number): void {
    this.definitions.set(0, variable, row);
    this.head = row;
  }

  /** Tells which row starts the entry block when there is no Wasm parameter. */
  setHead(row: number): void {
    this.head = row;
  }

  private tooComplex(): never {
    const f = this.f;
    const at = f.pos[f.rowCount - 1]!;
    throw new CompileError('function too complex: too many ways for its locals to meet', at);
  }

  // ---- blocks ----

  /** Makes room for a block just made. */
  addBlock(block: number): void {
    if (block >= this.sealed.length) {
      const sealed = new Uint8Array(block * 2);
      sealed.set(this.sealed);
      this.sealed = sealed;
      this.joinFrom = growI32(this.joinFrom, block);
      this.joinPos = growI32(this.joinPos, block);
      this.phiFirst = growI32(this.phiFirst, block);
      this.phiLast = growI32(this.phiLast, block);
    }
    this.sealed[block] = 1;
    this.joinPos[block] = -1;
    this.phiFirst[block] = NONE;
    this.phiLast[block] = NONE;
  }

  /**
   * Filling goes on in another block whose only way in is not the end of the one filled last: nothing cached holds.
   */
  switchBlock(): void {
    this.newStamp();
  }

  private newStamp(): void {
    if (this.stamp === 0x7fffffff) {
      this.cacheStamp.fill(0);
      this.stamp = 0;
    }
    this.stamp++;
  }

  /** Declares a block the join of a construct that was entered from `from`, its text starting at `pos`. */
  join(block: number, from: number, pos: number): void {
    this.joinFrom[block] = from;
    this.joinPos[block] = pos;
  }

  /** Declares a block the header of a loop whose text starts at `pos`: more edges will come. */
  unseal(block: number, pos: number): void {
    this.sealed[block] = 0;
    const n = ++this.open;
    if (n >= this.openBlock.length) {
      this.openBlock = growI32(this.openBlock, n);
      this.openPos = growI32(this.openPos, n);
    }
    this.openBlock[n] = block;
    this.openPos[n] = pos;
  }

  /** Completes the parameters of a loop header; no more edges will come. */
  seal(block: number, from: number, pos: number): void {
    this.sealed[block] = 1;
    this.open--;
    this.join(block, from, pos);
    for (let p = this.phiFirst[block]!; p !== NONE; p = this.phiNext[p]!) {
      if (this.phiOps[p] !== NONE) continue;
      this.complete(p, block, from, pos);
    }
    this.newStamp();
  }

  private complete(p: number, block: number, from: number, pos: number): void {
    const v = this.phiVar[p]!;
    if (v >= 0 && this.lastWrite[v]! < pos) {
      this.phiOps[p] = 0;
      this.replace(p, this.lookup(v, from));
      return;
    }
    if (v >= 0) {
      this.push(p);
      this.drain();
      return;
    }
    this.gather(p, block, -1 - v);
    this.removeTrivial(p);
  }

  // ---- arguments of branches ----

  /** Notes the values an edge carries to its label: `n` values of `stack` from `at`. */
  setEdgeArgs(edge: number, stack: Int32Array, at: number, n: number): void {
    if (edge >= this.edgeArgs.length) this.edgeArgs = growI32(this.edgeArgs, edge);
    this.edgeArgs[edge] = this.argsTop;
    if (this.argsTop + n > this.args.length) {
      if (this.argsTop + n > MAX_OPERANDS) this.tooComplex();
      this.args = growI32(this.args, this.argsTop + n);
    }
    for (let i = 0; i < n; i++) this.args[this.argsTop + i] = stack[at + i]!;
    this.argsTop += n;
  }

  /** An edge that carries the same values as another. */
  shareEdgeArgs(edge: number, other: number): void {
    if (edge >= this.edgeArgs.length) this.edgeArgs = growI32(this.edgeArgs, edge);
    this.edgeArgs[edge] = this.edgeArgs[other]!;
  }

  /** Value number `i` that an edge carries. */
  edgeArg(edge: number, i: number): number {
    return this.resolve(this.args[this.edgeArgs[edge]! + i]!);
  }

  /** The label value number `i` in a block all of whose edges are known. */
  labelValue(block: number, i: number, type: number): number {
    const first = this.f.predFirst[block]!;
    if (this.f.edgeNextPred[first] === NONE) return this.edgeArg(first, i);
    const p = this.newPhi(block, -1 - i, type);
    this.gather(p, block, i);
    return this.removeTrivial(p);
  }

  /** A parameter for label value `i` of a loop header, to be completed by {@link seal}. */
  loopValue(block: number, i: number, type: number): number {
    return this.phiRow[this.newPhi(block, -1 - i, type)]!;
  }

  /** Operands of a label value: what each edge carries. */
  private gather(p: number, block: number, i: number): void {
    const at = this.newOps(p, block);
    const f = this.f;
    let k = at;
    for (let e = f.predFirst[block]!; e !== NONE; e = f.edgeNextPred[e]!) {
      this.ops[k++] = this.args[this.edgeArgs[e]! + i]!;
    }
    this.phiFilled[p] = k - at;
  }

  // ---- variables ----

  write(variable: number, block: number, value: number, pos: number): void {
    this.cacheValue[variable] = value;
    this.cacheStamp[variable] = this.stamp;
    this.lastWrite[variable] = pos;
    this.definitions.set(block, variable, value);
  }

  read(variable: number, block: number): number {
    if (this.cacheStamp[variable] === this.stamp) return this.cacheValue[variable]!;
    const value = this.lookup(variable, block);
    this.cacheValue[variable] = value;
    this.cacheStamp[variable] = this.stamp;
    return value;
  }

  /**
   * The value of a variable at the end of a block inside the innermost open loop. One that is not written in the loop so
   * far has its value at the header: no need to walk there.
   */
  private lookup(variable: number, block: number): number {
    const inLoop = this.lastWrite[variable]! < this.openPos[this.open]!;
    const value = this.walk(inLoop ? this.openBlock[this.open]! : block, variable);
    if (this.pending > 0) this.drain();
    return this.resolve(value);
  }

  /**
   * Looks up towards the entry; where ways meet, makes a phi and leaves its operands for {@link drain}. The result is
   * left at the start and at one block on the way, so that repeated long walks stay short.
   */
  private walk(block: number, v: number): number {
    const f = this.f;
    let b = block;
    let memo = block;
    for (let steps = 0; ; steps++) {
      let value = this.definitions.get(b, v);
      if (value === NONE) value = this.walkEnd(b, v);
      if (value !== NONE) {
        value = this.resolve(value);
        if (b !== block) this.definitions.set(block, v, value);
        if (b !== memo && memo !== block) this.definitions.set(memo, v, value);
        return value;
      }
      if (steps === MEMO_STEPS) memo = b;
      if (++this.steps > MAX_STEPS) this.tooComplex();
      const e = f.predFirst[b]!;
      b = f.edgeNextPred[e] === NONE ? f.edgeFrom[e]! : this.joinFrom[b]!;
    }
  }

  /** The value where a walk ends: the entry, an unsealed header, a join in whose text the variable is written; else NONE. */
  private walkEnd(b: number, v: number): number {
    if (b === 0) return this.zero(this.varTypes[v]!);
    if (this.sealed[b] === 1) {
      if (this.f.edgeNextPred[this.f.predFirst[b]!] === NONE) return NONE;
      if (this.lastWrite[v]! < this.joinPos[b]!) return NONE;
    }
    const p = this.newPhi(b, v, this.varTypes[v]!);
    this.definitions.set(b, v, this.phiRow[p]!);
    if (this.sealed[b] === 1) this.push(p);
    return this.phiRow[p]!;
  }

  private push(p: number): void {
    this.newOps(p, this.phiBlock[p]!);
    const n = this.pending++;
    if (n >= this.pendingPhi.length) {
      this.pendingPhi = growI32(this.pendingPhi, n);
      this.pendingEdge = growI32(this.pendingEdge, n);
    }
    this.pendingPhi[n] = p;
    this.pendingEdge[n] = this.f.predFirst[this.phiBlock[p]!]!;
  }

  /** Looks up the operands of pending phis, depth first; each is checked for triviality when it is complete. */
  private drain(): void {
    const f = this.f;
    while (this.pending > 0) {
      const top = this.pending - 1;
      const p = this.pendingPhi[top]!;
      const e = this.pendingEdge[top]!;
      if (e === NONE) {
        this.pending--;
        this.removeTrivial(p);
        continue;
      }
      this.pendingEdge[top] = f.edgeNextPred[e]!;
      const at = this.phiOps[p]! + this.phiFilled[p]!++;
      const value = this.walk(f.edgeFrom[e]!, this.phiVar[p]!);
      this.ops[at] = value;
    }
  }

  // ---- rows of the entry block ----

  /** The shared zero of a type: locals start with it. */
  zero(type: number): number {
    const known = this.zeros[type]!;
    if (known !== NONE) return known;
    const float = type === Op.T_F32 || type === Op.T_F64;
    const f = this.f;
    const r = f.newRow(float ? Op.FCONST : Op.ICONST, type, NONE, NONE, NONE, f.pos[this.head]!);
    f.insertAfter(r, this.head);
    this.head = r;
    this.zeros[type] = r;
    return r;
  }

  // ---- phis ----

  private newPhi(block: number, v: number, type: number): number {
    const p = this.phiCount++;
    if (p >= this.phiRow.length) {
      if (p >= MAX_PHIS) this.tooComplex();
      this.growPhis(p);
    }
    const f = this.f;
    const row = f.newRow(Op.PARAM, type, NONE, NONE, NONE, f.pos[f.rowCount - 1]!);
    f.imm[row] = p;
    f.block[row] = block;
    this.phiRow[p] = row;
    this.phiVar[p] = v;
    this.phiBlock[p] = block;
    this.phiOps[p] = NONE;
    this.phiFilled[p] = 0;
    this.phiNext[p] = NONE;
    if (this.phiLast[block] === NONE) this.phiFirst[block] = p;
    else this.phiNext[this.phiLast[block]!] = p;
    this.phiLast[block] = p;
    return p;
  }

  private growPhis(n: number): void {
    this.phiRow = growI32(this.phiRow, n);
    this.phiVar = growI32(this.phiVar, n);
    this.phiBlock = growI32(this.phiBlock, n);
    this.phiOps = growI32(this.phiOps, n);
    this.phiFilled = growI32(this.phiFilled, n);
    this.phiNext = growI32(this.phiNext, n);
  }

  /** Room for one operand per edge into the block. */
  private newOps(p: number, block: number): number {
    const f = this.f;
    let n = 0;
    for (let e = f.predFirst[block]!; e !== NONE; e = f.edgeNextPred[e]!) n++;
    const at = this.opsTop;
    this.opsTop += n;
    if (this.opsTop > this.ops.length) {
      if (this.opsTop > MAX_OPERANDS) this.tooComplex();
      this.ops = growI32(this.ops, this.opsTop);
    }
    this.phiOps[p] = at;
    return at;
  }

  /** The value that stands for one now. */
  resolve(value: number): number {
    const { op, a } = this.f;
    while (op[value] === Op.PARAM && a[value] !== NONE) value = a[value]!;
    return value;
  }

  /** Replaces a phi whose operands are all itself or one other value; returns what stands for it. */
  private removeTrivial(p: number): number {
    const row = this.phiRow[p]!;
    const at = this.phiOps[p]!;
    let same = NONE;
    for (let i = this.phiFilled[p]! - 1; i >= 0; i--) {
      const x = this.resolve(this.ops[at + i]!);
      if (x === row || x === same) continue;
      if (same !== NONE) return row;
      same = x;
    }
    if (same === NONE) bug('frontend', `parameter ${row} has no operand but itself`);
    this.replace(p, same);
    return same;
  }

  private replace(p: number, value: number): void {
    this.f.a[this.phiRow[p]!] = value;
    this.removed++;
  }

  // ---- the end ----

  /** Gives parameters and edges their final form; no replaced value is left anywhere, and `labels` follow. */
  finish(labels: Labels | null = null): void {
    this.finalRounds();
    for (let p = 0; p < this.phiCount; p++) {
      if (this.phiFirst[this.phiBlock[p]!] === p) this.placeParams(this.phiBlock[p]!);
    }
    if (this.removed > 0) this.resolveOperands();
    labels?.finish(this, this.f);
    this.dropReplaced();
    this.reset();
  }

  /**
   * What a variable is at the start of a block that ways may meet in, once the whole function is known: NONE where
   * nothing needed to know. Makes nothing.
   */
  valueAtStart(block: number, variable: number): number {
    for (let p = this.phiFirst[block]!; p !== NONE; p = this.phiNext[p]!) {
      if (this.phiVar[p] === variable) return this.resolve(this.phiRow[p]!);
    }
    const e = this.f.predFirst[block]!;
    if (e === NONE || this.f.edgeNextPred[e] !== NONE) return NONE;
    const value = this.definitions.get(this.f.edgeFrom[e]!, variable);
    return value === NONE ? NONE : this.resolve(value);
  }

  /** Forgets the function. */
  reset(): void {
    this.definitions.clear(this.f.blockCount);
    this.pending = 0;
  }

  private finalRounds(): void {
    let before = NONE;
    for (let round = 0; round < FINAL_ROUNDS && this.removed !== before; round++) {
      before = this.removed;
      for (let p = 0; p < this.phiCount; p++) {
        if (this.f.a[this.phiRow[p]!] === NONE) this.removeTrivial(p);
      }
    }
  }

  /** Puts the remaining parameters of a block at its head and gives every edge into it its arguments. */
  private placeParams(block: number): void {
    const f = this.f;
    const at = f.first[block]!;
    let n = 0;
    for (let p = this.phiFirst[block]!; p !== NONE; p = this.phiNext[p]!) {
      const row = this.phiRow[p]!;
      if (f.a[row] !== NONE) continue;
      f.imm[row] = n++;
      if (at === NONE) f.append(row, block);
      else f.insertBefore(row, at);
    }
    f.paramCount[block] = n;
    if (n === 0) return;
    let j = 0;
    for (let e = f.predFirst[block]!; e !== NONE; e = f.edgeNextPred[e]!)
      f.edgeArgs[e] = this.edgeList(block, j++, n);
  }

  /** Arguments of edge number `j` into a block. */
  private edgeList(block: number, j: number, n: number): number {
    const f = this.f;
    const list = n === 0 ? EMPTY : f.newList(n);
    let at = list + 2;
    f.pool[list + 1] = n;
    for (let p = this.phiFirst[block]!; p !== NONE; p = this.phiNext[p]!) {
      if (f.a[this.phiRow[p]!] === NONE)
        f.pool[at++] = this.resolve(this.ops[this.phiOps[p]! + j]!);
    }
    return list;
  }

  private resolveOperands(): void {
    const f = this.f;
    const { op, a, b, c, pool } = f;
    for (let r = 1; r < f.rowCount; r++) {
      const o = op[r]!;
      if (o === Op.PARAM) continue;
      const n = Op.OP_ARGS[o]!;
      if (n > 0) a[r] = this.resolveOrNone(a[r]!);
      if (n > 1) b[r] = this.resolveOrNone(b[r]!);
      if (n > 2) c[r] = this.resolveOrNone(c[r]!);
      if ((Op.OP_FACTS[o]! & Op.F_LIST) !== 0) {
        const l = c[r]!;
        for (let i = l + 2, end = i + pool[l + 1]!; i < end; i++) pool[i] = this.resolve(pool[i]!);
      }
    }
  }

  private resolveOrNone(value: number): number {
    return value === NONE ? NONE : this.resolve(value);
  }

  private dropReplaced(): void {
    const f = this.f;
    for (let p = 0; p < this.phiCount; p++) {
      const row = this.phiRow[p]!;
      if (f.a[row] === NONE) continue;
      f.op[row] = Op.NOP;
      f.a[row] = NONE;
      f.imm[row] = 0;
      f.block[row] = NONE;
    }
  }
}
