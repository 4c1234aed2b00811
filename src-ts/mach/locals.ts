/**
 * For debug information: where the Wasm locals of an allocated function are, while it is emitted.
 *
 * A label of the function (Func.labels) says which value a local stands for from a position on; the position of the
 * instruction being emitted says which labels hold. Where that value is comes from running the allocated code over "what
 * each location holds", forward, meeting by agreement, as checker.ts does. A value is found until something else is
 * written over it, so also after its last use; nothing is kept alive for a debugger.
 *
 * A location holds up to two values: one, and an older name of it (the argument that a block parameter stands for, the
 * source of a copy). Values are SSA and state meets at block entries, so a location never holds a value of an earlier
 * turn of a loop.
 */
import { ensure32 } from '../analysis/scratch.ts';
import * as Op from '../gen/ir.ts';
import * as Rec from '../object/records.ts';
import type { Lowering } from './lower.ts';
import type { CodeSink } from './sink.ts';
import type { Target } from './target.ts';
import {
  ALLOC_SLOT,
  I_CALL,
  I_MOVE,
  K_DEF,
  K_MASK,
  K_USE,
  REMAT_BASE,
  type Allocation,
  type VCode,
} from './vcode.ts';

const NONE = -1;
/** Values of labels below NONE are constants: CONSTANT - row. */
const CONSTANT = -2;

/** Bounds beyond which a function gets no locations: state of all blocks, turns until states agree, work while emitting. */
const MAX_STATE = 1 << 24;
const MAX_TURNS = 24;
const MAX_STEPS = 1 << 26;

export class LocalTracker {
  private lower!: Lowering;
  private code!: VCode;
  private alloc!: Allocation;
  private sink!: CodeSink;
  private readonly target: Target;
  private on = false;
  private steps = 0;

  // What each location holds now, and an older name of it; the same at block entries, one block after the other.
  private places = 0;
  private holds = new Int32Array(0);
  private older = new Int32Array(0);
  private holdsAt = new Int32Array(0);
  private olderAt = new Int32Array(0);
  private known = new Int32Array(0);
  private moveAt = new Int32Array(0);
  /** Parameter and argument of the edge being crossed, by vreg, valid where the stamp is the edge's. */
  private paramOf = new Int32Array(0);
  private argStamp = new Int32Array(0);
  private paramStamp = new Int32Array(0);
  private stamp = 0;

  // Labels: value of each, the label of the same local before it, and how many hold at the position.
  private labelValue = new Int32Array(0);
  private labelBefore = new Int32Array(0);
  private labelsHeld = 0;

  // Locals: value, place, what the record says now; and lists of the locals of each vreg.
  private localCount = 0;
  private value = new Int32Array(0);
  private place = new Int32Array(0);
  private shown = new Int32Array(0);
  private firstOf = new Int32Array(0);
  private nextOf = new Int32Array(0);
  private prevOf = new Int32Array(0);
  private dirty = new Int32Array(0);
  private isDirty = new Int32Array(0);
  private dirtyCount = 0;

  constructor(target: Target) {
    this.target = target;
  }

  /** Starts a function whose prologue has been emitted. */
  start(lower: Lowering, alloc: Allocation, sink: CodeSink): void {
    this.lower = lower;
    this.code = lower.code;
    this.alloc = alloc;
    this.sink = sink;
    this.steps = 0;
    this.on = false;
    this.context();
    this.readLabels();
    this.on = this.localCount > 0 && this.flow();
  }

  /** Where the context is, from the end of the prologue on. */
  private context(): void {
    const { sink, target } = this;
    const at = target.contextSlot();
    if (at === undefined) {
      sink.localAt(
        Rec.LOCAL_CONTEXT,
        Rec.AT_REGISTER,
        target.dwarfRegister(target.contextRegister),
        0,
      );
    } else sink.localAt(Rec.LOCAL_CONTEXT, Rec.AT_FRAME, at, 0);
  }

  private readLabels(): void {
    const { f } = this.lower;
    const n = f.labelCount;
    let locals = 0;
    for (let i = 0; i < n; i++) locals = Math.max(locals, f.labels[3 * i + 1] + 1);
    this.labelValue = ensure32(this.labelValue, n);
    this.labelBefore = ensure32(this.labelBefore, n);
    this.value = ensure32(this.value, locals);
    this.place = ensure32(this.place, locals);
    this.shown = ensure32(this.shown, locals);
    this.nextOf = ensure32(this.nextOf, locals);
    this.prevOf = ensure32(this.prevOf, locals);
    this.dirty = ensure32(this.dirty, locals);
    this.isDirty = ensure32(this.isDirty, locals);
    for (const column of [this.value, this.place, this.shown, this.nextOf, this.prevOf]) {
      column.fill(NONE, 0, locals);
    }
    this.isDirty.fill(0, 0, locals);
    this.dirtyCount = this.labelsHeld = 0;
    this.localCount = locals;
    const last = this.prevOf;
    for (let i = 0; i < n; i++) {
      const local = f.labels[3 * i + 1];
      this.labelBefore[i] = last[local];
      last[local] = i;
      this.labelValue[i] = this.valueOf(f.labels[3 * i + 2]);
    }
    last.fill(NONE, 0, locals);
    this.firstOf = ensure32(this.firstOf, this.code.vregCount);
    this.firstOf.fill(NONE, 0, this.code.vregCount);
  }

  /** What a row's value is here: a vreg, CONSTANT - row, or NONE. */
  private valueOf(row: number): number {
    if (row === NONE) return NONE;
    const op = this.lower.f.op[row];
    if (op === Op.ICONST || op === Op.FCONST) return CONSTANT - row;
    return this.lower.heldIn(row);
  }

  // ---- what locations hold ----

  /** Finds what is held at the start of each block; false if that would take too long. */
  private flow(): boolean {
    const { code, alloc } = this;
    const blocks = code.blockCount;
    const places = (this.places = ALLOC_SLOT + alloc.slotCount);
    if (places * blocks > MAX_STATE) return false;
    this.holds = ensure32(this.holds, places);
    this.older = ensure32(this.older, places);
    this.holdsAt = ensure32(this.holdsAt, places * blocks);
    this.olderAt = ensure32(this.olderAt, places * blocks);
    this.known = ensure32(this.known, blocks);
    this.known.fill(0, 0, blocks);
    this.paramOf = ensure32(this.paramOf, code.vregCount);
    this.argStamp = ensure32(this.argStamp, code.vregCount);
    this.paramStamp = ensure32(this.paramStamp, code.vregCount);
    this.argStamp.fill(0, 0, code.vregCount);
    this.paramStamp.fill(0, 0, code.vregCount);
    this.stamp = 0;
    this.indexMoves();
    this.holdsAt.fill(NONE, 0, places);
    this.olderAt.fill(NONE, 0, places);
    this.known[0] = 1;
    for (let turn = 0; turn < MAX_TURNS; turn++) if (!this.turn()) return true;
    return false;
  }

  /** Number of the first move of each instruction. */
  private indexMoves(): void {
    const { code, alloc } = this;
    this.moveAt = ensure32(this.moveAt, code.instCount + 1);
    let m = 0;
    for (let i = 0; i <= code.instCount; i++) {
      this.moveAt[i] = m;
      while (m < alloc.moveCount && alloc.movePlace[m] <= i) m++;
    }
  }

  /** Runs all blocks once; true if the state at a block that was run already has changed. */
  private turn(): boolean {
    const { code } = this;
    let again = false;
    for (let b = 0; b < code.blockCount; b++) {
      if (this.known[b] === 0) continue;
      this.load(b);
      for (let i = code.blockStart[b]; i < code.blockStart[b + 1]; i++) {
        for (let m = this.moveAt[i]; m < this.moveAt[i + 1]; m++) this.runMove(m);
        this.dropScratch();
        this.clobber(i);
        this.define(i);
      }
      for (let e = code.succStart[b]; e < code.succStart[b + 1]; e++) {
        if (this.cross(e) && code.succ[e] <= b) again = true;
      }
    }
    return again;
  }

  private load(b: number): void {
    const at = b * this.places;
    for (let x = 0; x < this.places; x++) {
      this.holds[x] = this.holdsAt[at + x];
      this.older[x] = this.olderAt[at + x];
    }
  }

  /** Takes the state over edge e to its target; true if that changed what is known there. */
  private cross(e: number): boolean {
    const { code, paramOf, argStamp, paramStamp, places } = this;
    const to = code.succ[e];
    const stamp = ++this.stamp;
    const first = code.paramStart[to];
    for (let k = 0, n = code.paramStart[to + 1] - first; k < n; k++) {
      const a = code.arg[code.argStart[e] + k];
      paramOf[a] = code.param[first + k];
      argStamp[a] = stamp;
      paramStamp[code.param[first + k]] = stamp;
    }
    const at = to * places;
    const fresh = this.known[to] === 0;
    this.known[to] = 1;
    let changed = fresh;
    for (let x = 0; x < places; x++) {
      let v = this.holds[x];
      let w = this.older[x];
      if (v !== NONE && argStamp[v] === stamp) {
        w = v;
        v = paramOf[v];
      } else if (w !== NONE && argStamp[w] === stamp) {
        const name = v;
        v = paramOf[w];
        w = name;
      } else if (v !== NONE && paramStamp[v] === stamp) v = NONE;
      if (w !== NONE && paramStamp[w] === stamp) w = NONE;
      if (!fresh) {
        const p = this.holdsAt[at + x];
        const q = this.olderAt[at + x];
        if (v !== p && v !== q) v = NONE;
        if (w !== p && w !== q) w = NONE;
        const same = (v === p && w === q) || (v === q && w === p);
        if (same) continue;
        changed = true;
      }
      this.holdsAt[at + x] = v;
      this.olderAt[at + x] = w;
    }
    return changed;
  }

  /** A location comes to hold something else. */
  private put(x: number, v: number, w: number): void {
    if (this.on) {
      this.touch(this.holds[x]);
      this.touch(this.older[x]);
      this.touch(v);
      this.touch(w);
    }
    this.holds[x] = v;
    this.older[x] = w;
  }

  private runMove(m: number): void {
    const { alloc, code } = this;
    const from = alloc.moveFrom[m];
    const to = alloc.moveTo[m];
    if (from >= REMAT_BASE) this.put(to, code.vreg[code.opnd[from - REMAT_BASE]], NONE);
    else this.put(to, this.holds[from], this.older[from]);
    if (to >= ALLOC_SLOT && alloc.moveType[m] === Op.T_V128) this.put(to + 1, NONE, NONE);
  }

  /** The scratch registers are the emitter's within an instruction. */
  private dropScratch(): void {
    const { scratchGp, scratchFp } = this.target.registers;
    if (this.holds[scratchGp] !== NONE) this.put(scratchGp, NONE, NONE);
    if (this.holds[scratchFp] !== NONE) this.put(scratchFp, NONE, NONE);
  }

  private clobber(i: number): void {
    const { code } = this;
    if (code.clobber[i] === 0) return;
    const set = code.clobberSets[code.clobber[i]];
    for (let r = 0; r < ALLOC_SLOT; r++) {
      if (((r < 32 ? set.gp : set.fp) >>> (r & 31)) & 1) this.put(r, NONE, NONE);
    }
  }

  private define(i: number): void {
    const { code } = this;
    const { alloc } = this.alloc;
    const first = code.opnd[i];
    for (let o = first; o < code.opnd[i + 1]; o++) {
      const v = code.vreg[o];
      const kind = code.con[o] & K_MASK;
      const x = alloc[o];
      if (v < 0 || kind === K_USE || x < 0) continue;
      const copied = (code.flags[i] & I_MOVE) !== 0 && o === first ? code.vreg[first + 1] : NONE;
      this.put(x, kind === K_DEF ? v : NONE, kind === K_DEF ? copied : NONE);
      if (x >= ALLOC_SLOT && code.vregType[v] === Op.T_V128) this.put(x + 1, NONE, NONE);
    }
  }

  // ---- while emitting ----

  /** A block begins. */
  enterBlock(b: number): void {
    if (!this.on) return;
    const at = b * this.places;
    for (let x = 0; x < this.places; x++) {
      const known = this.known[b] === 1;
      const v = known ? this.holdsAt[at + x] : NONE;
      const w = known ? this.olderAt[at + x] : NONE;
      if (v !== this.holds[x] || w !== this.older[x]) this.put(x, v, w);
    }
  }

  /** Move m has been emitted. */
  afterMove(m: number): void {
    if (this.on) this.runMove(m);
  }

  /** An instruction that stems from this position is about to be emitted, its moves have been: notes what has changed. */
  before(pos: number): void {
    if (!this.on) return;
    this.dropScratch();
    this.seek(pos);
    if (this.dirtyCount > 0) this.show(this.sink.buf.pos);
  }

  /** Instruction i has been emitted. What a call destroys is gone for who looks from the callee, too. */
  after(i: number): void {
    if (!this.on) return;
    this.clobber(i);
    if (this.code.flags[i] & I_CALL && this.dirtyCount > 0) this.show(this.sink.callEnd - 1);
    this.define(i);
  }

  /** The function's body has been emitted: nothing is known of what follows. */
  finish(): void {
    if (!this.on) return;
    for (let k = 0; k < this.localCount; k++) this.link(k, NONE);
    this.show(this.sink.buf.pos);
    this.on = false;
  }

  /** Where a local is said to be: the vreg it stands for, and a location that holds it; undefined if not known. */
  claim(local: number): { vreg: number; location: number } | undefined {
    const vreg = this.value[local];
    const location = this.shown[local];
    return vreg >= 0 && location >= 0 ? { vreg, location } : undefined;
  }

  /** Makes exactly the labels up to a position hold. */
  private seek(pos: number): void {
    const { labels, labelCount } = this.lower.f;
    while (this.labelsHeld < labelCount && labels[3 * this.labelsHeld] <= pos) {
      const i = this.labelsHeld++;
      this.link(labels[3 * i + 1], this.labelValue[i]);
    }
    while (this.labelsHeld > 0 && labels[3 * (this.labelsHeld - 1)] > pos) {
      const i = --this.labelsHeld;
      const before = this.labelBefore[i];
      this.link(labels[3 * i + 1], before === NONE ? NONE : this.labelValue[before]);
    }
  }

  /** Local k stands for a value from now on. */
  private link(k: number, value: number): void {
    const { firstOf, nextOf, prevOf } = this;
    this.markDirty(k);
    const old = this.value[k];
    if (old === value) return;
    if (old >= 0) {
      if (prevOf[k] === NONE) firstOf[old] = nextOf[k];
      else nextOf[prevOf[k]] = nextOf[k];
      if (nextOf[k] !== NONE) prevOf[nextOf[k]] = prevOf[k];
    }
    this.value[k] = value;
    this.place[k] = NONE;
    if (value < 0) return;
    prevOf[k] = NONE;
    nextOf[k] = firstOf[value];
    if (firstOf[value] !== NONE) prevOf[firstOf[value]] = k;
    firstOf[value] = k;
  }

  /** Something happened to a place of this value. */
  private touch(v: number): void {
    if (v === NONE) return;
    for (let k = this.firstOf[v]; k !== NONE; k = this.nextOf[k]) this.markDirty(k);
  }

  private markDirty(k: number): void {
    if (++this.steps > MAX_STEPS) this.on = false;
    if (this.isDirty[k] === 1) return;
    this.isDirty[k] = 1;
    this.dirty[this.dirtyCount++] = k;
  }

  /** Notes where the locals are that may have moved, from a code offset on. */
  private show(offset: number): void {
    for (let n = 0; n < this.dirtyCount; n++) {
      const k = this.dirty[n];
      this.isDirty[k] = 0;
      const value = this.value[k];
      const place = value < 0 ? value : this.find(k, value);
      if (place === this.shown[k]) continue;
      this.shown[k] = place;
      this.record(offset, k, place);
    }
    this.dirtyCount = 0;
  }

  /** A location that holds the value, where it was if it is still there; NONE. */
  private find(k: number, v: number): number {
    const { holds, older } = this;
    const x = this.place[k];
    if (x !== NONE && (holds[x] === v || older[x] === v)) return x;
    this.steps += this.places;
    for (let y = 0; y < this.places; y++) {
      if (holds[y] === v || older[y] === v) return (this.place[k] = y);
    }
    return (this.place[k] = NONE);
  }

  private record(offset: number, k: number, place: number): void {
    const { sink, target } = this;
    if (place === NONE) sink.localAt(k, Rec.AT_NOWHERE, 0, 0, offset);
    else if (place <= CONSTANT) {
      const { f } = this.lower;
      const row = CONSTANT - place;
      sink.localAt(k, Rec.AT_CONSTANT, f.imm[row], f.imm2[row], offset);
    } else if (place >= ALLOC_SLOT) {
      sink.localAt(k, Rec.AT_FRAME, target.slotOffset(place), 0, offset);
    } else sink.localAt(k, Rec.AT_REGISTER, target.dwarfRegister(place), 0, offset);
  }
}
