/**
 * The lowering driver: walks blocks and rows backwards and lets the target emit instructions for each row that something
 * needs, so that a value can be folded into its user. Knows no target.
 *
 * Instructions of a row are emitted forwards into a staging VCode, rows and blocks backwards; `finish` turns the groups
 * round into the final VCode. Every operand a rule uses is asked for with {@link Lowering.vregOf}, which is what makes
 * its row needed; rows nobody asked for are skipped unless they have an effect. A load folded into an instruction is
 * marked with {@link Lowering.fold} and skipped when it is met.
 */
import { ensure32, ensure8 } from '../analysis/scratch.ts';
import * as Op from '../gen/ir.ts';
import { NONE, type Func } from '../ir/func.ts';
import { bug } from '../util/bug.ts';
import { isFloat } from './abi.ts';
import { BlockOrder } from './blocks.ts';
import type { CodeSettings, Target } from './target.ts';
import { hasEffect, isLoad, Uses } from './uses.ts';
import { CLASS_FP, CLASS_GP, I_BRANCH, VCode } from './vcode.ts';

/** Instruction groups of lowering: what one row became. */
const NOT_NEEDED = -1;
const FOLDED = -2;

function grow(v: VCode): void {
  const n = v.op.length * 2;
  const op = new Uint16Array(n);
  op.set(v.op);
  v.op = op;
  v.opnd = copy32(v.opnd, n + 1);
  v.imm = copy32(v.imm, n);
  v.imm2 = copy32(v.imm2, n);
  v.aux = copy32(v.aux, n);
  v.pos = copy32(v.pos, n);
  v.flags = copy8(v.flags, n);
  v.clobber = copy8(v.clobber, n);
}

function copy32(a: Int32Array, n: number): Int32Array<ArrayBuffer> {
  const b = new Int32Array(n);
  b.set(a);
  return b;
}

function copy8(a: Uint8Array, n: number): Uint8Array<ArrayBuffer> {
  const b = new Uint8Array(n);
  b.set(a);
  return b;
}

function growOperands(v: VCode, need: number): void {
  const n = Math.max(need, v.vreg.length * 2);
  v.vreg = copy32(v.vreg, n);
  v.con = copy32(v.con, n);
}

export class Lowering {
  f: Func = null as unknown as Func;
  readonly order = new BlockOrder();
  readonly useTable = new Uses();
  /** The finished code. */
  readonly code = new VCode();
  private readonly stage = new VCode();

  /** Virtual register of each row, NOT_NEEDED or FOLDED. */
  private rowVreg = new Int32Array(0);
  private groupStart = new Int32Array(256);
  private groupCount = 0;
  private blockGroups = new Int32Array(0);
  /** Row being lowered (its colour decides what folds) and its block's place. */
  private site = 0;
  /** A row whose value the row after it computed as well. */
  private done = NONE;
  /** Rows computed on the edge that passes them; whether one is being lowered; whether any may be. */
  private sunk = new Uint8Array(0);
  private sinking = false;
  private sinks = false;
  place = 0;

  /** Jump tables: entries of all tables as block places. */
  tableEntries = new Int32Array(64);
  tableEntryCount = 0;

  /** Bytes of frame that calls need: stack arguments, result areas. */
  outgoingBytes = 0;
  resultAreaBytes = 0;
  /** Extra bytes below everything, for tail calls with more stack arguments than this function got. */
  tailExtraBytes = 0;

  private readonly target: Target;

  constructor(target: Target) {
    this.target = target;
  }

  /** Lowers a function into `code`. */
  run(f: Func, settings: CodeSettings): VCode {
    this.target.prepare(f);
    this.begin(f, settings.quick);
    // A debugger finds each value from where the source computes it on.
    this.sinks = !settings.quick && settings.debugInfo !== true;
    this.target.begin(this, settings);
    const { order } = this;
    for (let p = order.count - 1; p >= 0; p--) {
      this.place = p;
      this.blockGroups[p] = this.groupCount;
      if (order.irBlock[p] === NONE) this.lowerSplit();
      else this.lowerBlock(order.irBlock[p]);
    }
    this.finish();
    return this.code;
  }

  private begin(f: Func, quick: boolean): void {
    this.f = f;
    this.order.compute(f, quick);
    this.useTable.compute(f, this.order);
    this.rowVreg = ensure32(this.rowVreg, f.rowCount);
    this.rowVreg.fill(NOT_NEEDED, 0, f.rowCount);
    this.blockGroups = ensure32(this.blockGroups, this.order.count + 1);
    this.groupCount = 0;
    this.stage.instCount = 0;
    this.stage.opndCount = 0;
    this.code.vregCount = 0;
    this.tableEntryCount = 0;
    this.outgoingBytes = 0;
    this.resultAreaBytes = 0;
    this.tailExtraBytes = 0;
    this.done = NONE;
    this.sunk = ensure8(this.sunk, f.rowCount);
    this.sunk.fill(0, 0, f.rowCount);
    this.code.clobberSets = this.target.clobberSets as VCode['clobberSets'];
  }

  private openGroup(): void {
    if (this.groupCount === this.groupStart.length) {
      this.groupStart = copy32(this.groupStart, this.groupCount * 2);
    }
    this.groupStart[this.groupCount++] = this.stage.instCount;
  }

  private lowerSplit(): void {
    this.openGroup();
    this.target.lowerJump(this);
    const { f } = this;
    const e = this.order.splitEdge[this.place];
    const list = f.edgeArgs[e];
    const n = f.listLength(list);
    for (let i = 0; i < n; i++) this.vregOf(f.listGet(list, i));
    if (this.sinks) for (let i = 0; i < n; i++) this.sink(f.listGet(list, i), e);
  }

  /**
   * Computes an argument of a split edge there, if nothing else reads it and it replaces a parameter of the edge's target
   * that is still needed on another way: where both lived at once they could not share a register. Blocks further on are
   * lowered, so who else needs the parameter is known.
   */
  private sink(row: number, e: number): void {
    const { f } = this;
    const op = f.op[row];
    if (op < Op.IADD || op > Op.SEXT32 || (Op.OP_FACTS[op] & Op.F_PURE) === 0) return;
    if (this.useTable.reads[row] !== 1 || f.block[row] !== f.edgeFrom[e]) return;
    if (!this.replacesNeeded(f.a[row], e) && !this.replacesNeeded(f.b[row], e)) return;
    this.sunk[row] = 1;
    this.site = row;
    this.sinking = true;
    this.openGroup();
    this.target.lowerRow(this, row);
    this.sinking = false;
  }

  /** Whether v is a parameter of the target of edge e that the edge does not pass on, and some block further on reads it. */
  private replacesNeeded(v: number, e: number): boolean {
    const { f } = this;
    if (v === NONE || f.op[v] !== Op.PARAM || f.block[v] !== f.edgeTo[e]) return false;
    if (this.rowVreg[v] < 0) return false;
    const list = f.edgeArgs[e];
    for (let i = 0, n = f.listLength(list); i < n; i++) if (f.listGet(list, i) === v) return false;
    return true;
  }

  private lowerBlock(b: number): void {
    const { f, rowVreg } = this;
    const last = f.last[b];
    if (Op.OP_IMM[f.op[last]] === Op.IMM_EDGES) this.requestArgs(last);
    for (let r = last; r !== NONE; r = f.prev[r]) {
      const op = f.op[r];
      if (op === Op.PARAM || op === Op.NOP || op === Op.PROJ) continue;
      const v = rowVreg[r];
      if (r === this.done || this.sunk[r] === 1) continue;
      if (v === FOLDED || (v === NOT_NEEDED && !hasEffect(f, r))) continue;
      this.site = r;
      this.openGroup();
      this.target.lowerRow(this, r);
    }
    if (b === 0) {
      this.openGroup();
      this.target.lowerEntry(this);
    }
  }

  /** Arguments of edges that are not split are read here; those of split ones in their own block. */
  private requestArgs(terminator: number): void {
    const { f, order } = this;
    for (let e = f.imm[terminator], end = e + f.imm2[terminator]; e < end; e++) {
      if (order.irBlock[order.edgePlace[e]] === NONE) continue;
      const list = f.edgeArgs[e];
      for (let i = 0, n = f.listLength(list); i < n; i++) this.vregOf(f.listGet(list, i));
    }
  }

  // ---- values ----

  /** A new virtual register for a value of an IR type. */
  newVreg(ty: number): number {
    const v = this.code;
    const r = v.vregCount++;
    if (r === v.vregClass.length) {
      v.vregClass = copy8(v.vregClass, r * 2);
      v.vregType = copy8(v.vregType, r * 2);
    }
    v.vregClass[r] = isFloat(ty) ? CLASS_FP : CLASS_GP;
    v.vregType[r] = ty;
    return r;
  }

  /** The virtual register of a row's value, which is thereby needed. zext is free: it shares its operand's. */
  vregOf(row: number): number {
    const { f } = this;
    while (f.op[row] === Op.ZEXT) row = f.a[row];
    const v = this.rowVreg[row];
    if (v >= 0) return v;
    if (v === FOLDED) bug('lowering', `row ${row} was folded into one user and read by another`);
    return (this.rowVreg[row] = this.newVreg(f.ty[row]));
  }

  /** The virtual register that has a row's value, in its low bits if not alone, NONE if none has. Needs nothing. */
  heldIn(row: number): number {
    const { f } = this;
    for (;;) {
      const v = this.rowVreg[row];
      if (v >= 0) return v;
      if (f.op[row] !== Op.ZEXT && f.op[row] !== Op.WRAP) return NONE;
      row = f.a[row];
    }
  }

  /** As {@link vregOf} for a user that reads the low 32 bits only: looks through wrap. */
  low32Of(row: number): number {
    const { f } = this;
    while (f.op[row] === Op.WRAP || f.op[row] === Op.ZEXT) row = f.a[row];
    return this.vregOf(row);
  }

  /** Whether something has asked for a row's value. */
  isNeeded(row: number): boolean {
    return this.rowVreg[row] >= 0;
  }

  /** Whether the row being lowered is the only reader of `row`, which is emitted once. */
  usedOnce(row: number): boolean {
    return this.useTable.uses[row] === 1;
  }

  /** Whether only one operand is `row`: good for choices, not for what may be done once only. */
  readOnce(row: number): boolean {
    return this.useTable.reads[row] === 1;
  }

  /** Whether the row being lowered is probably the last reader of `row`: its register may be overwritten. */
  diesHere(row: number): boolean {
    const { f } = this;
    while (f.op[row] === Op.ZEXT || f.op[row] === Op.WRAP) {
      if (this.rowVreg[row] >= 0) return false;
      row = f.a[row];
    }
    return this.rowVreg[row] === NOT_NEEDED && f.block[row] === f.block[this.site];
  }

  /** Whether something further on reads `row`: its register had better be kept. */
  livesOn(row: number): boolean {
    return this.heldIn(row) !== NONE;
  }

  /** Whether a load may be done by the instruction of the row being lowered, its only user. */
  canFold(row: number): boolean {
    const { f, useTable, site } = this;
    if (!isLoad(f.op[row]) || useTable.uses[row] !== 1 || this.rowVreg[row] !== NOT_NEEDED) {
      return false;
    }
    // A load that may trap does so on every way, so it stays behind when its user is sunk.
    if (!this.sinking && useTable.mayMove(f, row, site)) return true;
    const fixed = (f.aux[row] & 0xff) === Op.R_READONLY && (f.aux[row] & Op.MEM_NOTRAP) !== 0;
    return fixed && f.block[row] === f.block[site];
  }

  /** Marks a load as done by its user. */
  fold(row: number): void {
    this.rowVreg[row] = FOLDED;
  }

  /** Whether the row being lowered is computed where it stands, not on an edge. */
  inPlace(): boolean {
    return !this.sinking;
  }

  /** Tells that the instructions of the row being lowered (in place) compute the row before it, too; all its readers are lowered. */
  lowered(row: number): void {
    this.done = row;
  }

  // ---- instructions ----

  /** Starts an instruction; its operands and columns are given by the calls below. */
  inst(op: number): void {
    const s = this.stage;
    const i = s.instCount++;
    if (s.instCount >= s.op.length) grow(s);
    s.op[i] = op;
    s.opnd[i] = s.opndCount;
    s.imm[i] = 0;
    s.imm2[i] = 0;
    s.aux[i] = 0;
    s.pos[i] = this.f.pos[this.site];
    s.flags[i] = this.target.opFlags[op];
    s.clobber[i] = 0;
  }

  /** Appends an operand to the current instruction. */
  operand(vreg: number, constraint: number): void {
    const s = this.stage;
    const o = s.opndCount++;
    if (o >= s.vreg.length) growOperands(s, o + 1);
    s.vreg[o] = vreg;
    s.con[o] = constraint;
  }

  imm(v: number): void {
    this.stage.imm[this.stage.instCount - 1] = v;
  }

  imm2(v: number): void {
    this.stage.imm2[this.stage.instCount - 1] = v;
  }

  aux(v: number): void {
    this.stage.aux[this.stage.instCount - 1] |= v;
  }

  flags(v: number): void {
    this.stage.flags[this.stage.instCount - 1] |= v;
  }

  clobbers(set: number): void {
    this.stage.clobber[this.stage.instCount - 1] = set;
  }

  /** Position of the current instruction when it is another row's. */
  position(pos: number): void {
    this.stage.pos[this.stage.instCount - 1] = pos;
  }

  /** Opens a jump table and returns its number: the place of its first entry. */
  tableEntry(place: number): void {
    if (this.tableEntryCount === this.tableEntries.length) {
      this.tableEntries = copy32(this.tableEntries, this.tableEntryCount * 2);
    }
    this.tableEntries[this.tableEntryCount++] = place;
  }

  // ---- finishing ----

  private finish(): void {
    const { order, code, stage } = this;
    stage.opnd[stage.instCount] = stage.opndCount;
    while (code.op.length <= stage.instCount) grow(code);
    if (code.vreg.length < stage.opndCount) growOperands(code, stage.opndCount);
    code.instCount = 0;
    code.opndCount = 0;
    code.blockCount = order.count;
    this.reserveBlocks();
    let groupEnd = this.groupCount;
    let instEnd = stage.instCount;
    for (let p = 0; p < order.count; p++) {
      code.blockStart[p] = code.instCount;
      code.blockDepth[p] = Math.min(255, order.depth[p]);
      code.blockCold[p] = order.cold[p];
      for (let g = groupEnd - 1; g >= this.blockGroups[p]; g--) {
        const start = this.groupStart[g];
        this.copyGroup(start, instEnd);
        instEnd = start;
      }
      groupEnd = this.blockGroups[p];
    }
    code.blockStart[order.count] = code.instCount;
    code.opnd[code.instCount] = code.opndCount;
    this.edges();
    this.params();
  }

  /** Copies the instructions [from, to) of the stage to the end of the code. */
  private copyGroup(from: number, to: number): void {
    const { code, stage } = this;
    for (let i = from; i < to; i++) {
      const k = code.instCount++;
      code.op[k] = stage.op[i];
      code.imm[k] = stage.imm[i];
      code.imm2[k] = stage.imm2[i];
      code.aux[k] = stage.aux[i];
      code.pos[k] = stage.pos[i];
      code.flags[k] = stage.flags[i];
      code.clobber[k] = stage.clobber[i];
      code.opnd[k] = code.opndCount;
      for (let o = stage.opnd[i], end = stage.opnd[i + 1]; o < end; o++) {
        const n = code.opndCount++;
        code.vreg[n] = stage.vreg[o];
        code.con[n] = stage.con[o];
      }
    }
  }

  private reserveBlocks(): void {
    const { code, order } = this;
    const n = order.count + 1;
    code.blockStart = ensure32(code.blockStart, n);
    code.succStart = ensure32(code.succStart, n);
    code.predStart = ensure32(code.predStart, n);
    code.paramStart = ensure32(code.paramStart, n);
    if (code.blockDepth.length < n) {
      code.blockDepth = new Uint8Array(n * 2);
      code.blockCold = new Uint8Array(n * 2);
    }
  }

  /** Successors (parallel edges of one terminator once), their arguments, and predecessors. */
  private edges(): void {
    const { code, order, f } = this;
    code.succ = ensure32(code.succ, f.edgeCount * 2 + order.count);
    code.pred = ensure32(code.pred, f.edgeCount * 2 + order.count);
    code.argStart = ensure32(code.argStart, f.edgeCount * 2 + order.count + 1);
    const seen = this.blockGroups;
    seen.fill(NONE, 0, order.count);
    let s = 0;
    let a = 0;
    for (let p = 0; p < order.count; p++) {
      code.succStart[p] = s;
      const b = order.irBlock[p];
      const split = order.splitEdge[p];
      const t = b === NONE ? NONE : f.last[b];
      const withEdges = t !== NONE && Op.OP_IMM[f.op[t]] === Op.IMM_EDGES;
      const first = b === NONE ? split : withEdges ? f.imm[t] : 0;
      const end = b === NONE ? split + 1 : withEdges ? first + f.imm2[t] : 0;
      for (let e = first; e < end; e++) {
        const to = b === NONE ? order.placeOf[f.edgeTo[e]] : order.edgePlace[e];
        if (seen[to] === p) continue;
        seen[to] = p;
        code.succ[s] = to;
        code.argStart[s++] = a;
        if (b === NONE || order.irBlock[to] !== NONE) a = this.edgeArgs(e, a);
      }
    }
    code.succStart[order.count] = s;
    code.argStart[s] = a;
    this.predecessors(s);
  }

  private edgeArgs(e: number, at: number): number {
    const { code, f } = this;
    const list = f.edgeArgs[e];
    const n = f.listLength(list);
    if (at + n > code.arg.length)
      code.arg = copy32(code.arg, Math.max(at + n, code.arg.length * 2));
    for (let i = 0; i < n; i++) code.arg[at + i] = this.vregOf(f.listGet(list, i));
    return at + n;
  }

  private predecessors(succCount: number): void {
    const { code } = this;
    const n = code.blockCount;
    const { predStart, pred, succ, succStart } = code;
    predStart.fill(0, 0, n + 1);
    for (let s = 0; s < succCount; s++) predStart[succ[s] + 1]++;
    for (let p = 0; p < n; p++) predStart[p + 1] += predStart[p];
    const fill = this.blockGroups;
    for (let p = 0; p < n; p++) fill[p] = predStart[p];
    for (let p = 0; p < n; p++) {
      for (let s = succStart[p]; s < succStart[p + 1]; s++) pred[fill[succ[s]]++] = p;
    }
  }

  private params(): void {
    const { code, order, f } = this;
    let n = 0;
    for (let p = 0; p < order.count; p++) {
      code.paramStart[p] = n;
      const b = order.irBlock[p];
      if (b === NONE || b === 0) continue;
      const count = f.paramCount[b];
      if (n + count > code.param.length) {
        code.param = copy32(code.param, Math.max(n + count, code.param.length * 2));
      }
      let r = f.first[b];
      for (let i = 0; i < count; i++, r = f.next[r]) code.param[n++] = this.vregOf(r);
    }
    code.paramStart[order.count] = n;
  }

  /** Places of the successors of the row being lowered (a terminator). */
  edgePlace(edge: number): number {
    return this.order.edgePlace[edge];
  }

  /** Marks the current instruction as ending its block. */
  branch(): void {
    this.flags(I_BRANCH);
  }
}
