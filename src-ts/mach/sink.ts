/**
 * Where machine code of one function goes: bytes, labels, branches, pool, and the side tables of a CodeRecord.
 *
 * While code is emitted every branch has its long form, every loop to be aligned is preceded by the most padding there can
 * be, and all offsets are those of this draft. `finish` finds the branches that can be short (all start long; marking one
 * short only brings others nearer, so a mark never has to be taken back) and then the padding that loops need (`align.ts`),
 * which may cost a few of the marks. It closes the gaps in place and moves every recorded offset along. Then jump tables
 * and constants follow the code, largest alignment first, and the PC-relative fields that refer to them are filled in.
 *
 * Labels 0..blockCount-1 are block places, further ones come from `newLabel`. Lists of offsets are ascending because
 * emission is.
 */
import type { CodeRecord } from '../object/records.ts';
import { bug } from '../util/bug.ts';
import { LINE, padding } from './align.ts';
import { CodeBuffer } from './codebuffer.ts';
import type { Target } from './target.ts';

const NONE = -1;
/** Stands for a branch's kind where there is padding before a loop; its label is where the loop ends. */
const PADDING = -1;
/** How many of the latest constants are compared before a new one is added. */
const POOL_WINDOW = 64;
/** Bytes of an entry of a jump table where half of them are too few for the distance; and how far these reach back. */
const WIDE_ENTRY = 4;
const MOST_NARROW = 0x8000;
const NO_INTEGERS = new Int32Array(0);

/** Kinds of accesses to spill slots. */
export const SPILL_STORE = 0;
export const SPILL_LOAD = 1;

/** A growable list of integers. */
export class IntList {
  a = new Int32Array(64);
  n = 0;

  push(v: number): number {
    if (this.n === this.a.length) {
      const b = new Int32Array(this.n * 2);
      b.set(this.a);
      this.a = b;
    }
    this.a[this.n] = v;
    return this.n++;
  }

  copy(): Int32Array {
    return this.n === 0 ? NO_INTEGERS : this.a.slice(0, this.n);
  }
}

export class CodeSink {
  readonly buf = new CodeBuffer(16384);
  /** After `finish`: where the instructions end and the pool begins. */
  codeBytes = 0;
  /** Where the latest label was bound: what stands there may be reached by a jump. */
  boundAt = 0;
  private readonly target: Target;
  /** Final place of each block label after jump threading. */
  private alias = new Int32Array(0);
  private blockCount = 0;

  private readonly labelAt = new IntList();
  /** How many branches precede the label. */
  private readonly labelBranch = new IntList();

  private readonly branchAt = new IntList();
  private readonly branchKind = new IntList();
  private readonly branchLabel = new IntList();
  /** Bytes of the draft that a branch or padding does without: 0 where a branch is long. */
  private saved = new Uint8Array(256);
  /** Bytes saved by all branches and padding before one. */
  private shrink = new Int32Array(256);
  /** What `shrink` becomes while loops are padded. */
  private shrinkNext = new Int32Array(256);
  private loops = 0;
  /** Label of the end of the last block. */
  private bodyEnd = 0;

  readonly relocs = new IntList();
  readonly traps = new IntList();
  readonly addrmap = new IntList();
  readonly unwind = new IntList();
  readonly locals = new IntList();
  /** Offset of the latest return address. */
  callEnd = 0;
  readonly returns = new IntList();
  private lastPos = NONE;
  /** Whether accesses to spill slots are noted: for tools that count them. */
  notesSpills = false;
  /** Offset and kind (SPILL_*) of every access to a spill slot, if they are noted. */
  readonly spills = new IntList();

  // Explicit traps out of line.
  private readonly stubLabel = new IntList();
  private readonly stubCode = new IntList();
  private readonly stubPos = new IntList();

  // Code put off to the end of the function: label, instruction, label to come back to.
  private readonly deferred = new IntList();

  // Pool: constants as size, lo, hi; tables as first entry, count; fields as position, end, item.
  private readonly consts = new IntList();
  private readonly tables = new IntList();
  private readonly constFields = new IntList();
  private readonly tableFields = new IntList();

  constructor(target: Target) {
    this.target = target;
  }

  /** Starts a function with so many block labels; `alias[b]` is the block that a jump to b ends up at. */
  reset(blockCount: number, alias: Int32Array<ArrayBuffer>): void {
    this.buf.reset();
    this.blockCount = blockCount;
    this.alias = alias;
    for (const list of [
      ...[this.labelAt, this.labelBranch, this.branchAt, this.branchKind, this.branchLabel],
      ...[this.relocs, this.traps, this.addrmap, this.unwind, this.locals],
      ...[this.returns, this.spills],
      ...[this.stubLabel, this.stubCode, this.stubPos, this.deferred],
      ...[this.consts, this.tables, this.constFields, this.tableFields],
    ]) {
      list.n = 0;
    }
    this.lastPos = NONE;
    this.loops = 0;
    for (let i = 0; i < blockCount; i++) this.newLabel();
    this.bodyEnd = this.newLabel();
  }

  // ---- labels and branches ----

  newLabel(): number {
    this.labelBranch.push(0);
    return this.labelAt.push(NONE);
  }

  /** Binds a label here. */
  bind(label: number): void {
    this.boundAt = this.buf.pos;
    this.labelAt.a[label] = this.buf.pos;
    this.labelBranch.a[label] = this.branchAt.n;
  }

  /** The block a jump to block place p really goes to. */
  destination(p: number): number {
    return this.alias[p];
  }

  /** Emits a branch of a target's kind to a label. */
  branch(kind: number, label: number): void {
    const size = this.target.branchSize(kind, false);
    this.branchAt.push(this.buf.pos);
    this.branchKind.push(kind);
    this.branchLabel.push(label < this.blockCount ? this.alias[label] : label);
    this.buf.reserve(size);
    this.buf.pos += size;
  }

  /** Leaves room to align the loop that begins here and ends before a block, or with the last block (-1). */
  alignLoop(next: number): void {
    this.loops++;
    this.branchAt.push(this.buf.pos);
    this.branchKind.push(PADDING);
    this.branchLabel.push(next === NONE ? this.bodyEnd : next);
    this.buf.reserve(this.target.mostPadding);
    this.buf.pos += this.target.mostPadding;
  }

  /** Label of an out-of-line trap. */
  trapLabel(code: number, pos: number): number {
    const n = this.stubLabel.n;
    if (n > 0 && this.stubCode.a[n - 1] === code && this.stubPos.a[n - 1] === pos) {
      return this.stubLabel.a[n - 1];
    }
    const label = this.newLabel();
    this.stubLabel.push(label);
    this.stubCode.push(code);
    this.stubPos.push(pos);
    return label;
  }

  /**
   * Puts the rare part of an instruction off to the end of the function. Returns its label; the target is asked for it
   * by emitDeferred, with the label it is to come back to.
   */
  defer(inst: number, back: number): number {
    const label = this.newLabel();
    this.deferred.push(label);
    this.deferred.push(inst);
    this.deferred.push(back);
    return label;
  }

  // ---- side tables ----

  /** Notes that the instruction about to be emitted stems from a Wasm position. */
  position(pos: number): void {
    if (pos === this.lastPos) return;
    this.lastPos = pos;
    const m = this.addrmap;
    // What stands here already had no bytes.
    if (m.n > 0 && m.a[m.n - 2] === this.buf.pos) {
      m.a[m.n - 1] = pos;
      return;
    }
    m.push(this.buf.pos);
    m.push(pos);
  }

  /** The instruction about to be emitted becomes part of the one before: forgets that it has a position of its own. */
  joinPosition(): void {
    const m = this.addrmap;
    if (m.n === 0 || m.a[m.n - 2] !== this.buf.pos) return;
    m.n -= 2;
    this.lastPos = NONE;
  }

  /** Notes a return address: the end of a call. */
  returnAddress(): void {
    this.callEnd = this.buf.pos;
    this.returns.push(this.buf.pos);
  }

  /** Notes that the instruction about to be emitted can trap. */
  trap(code: number, pos: number): void {
    this.traps.push(this.buf.pos);
    this.traps.push(code);
    this.traps.push(pos);
  }

  /** Notes an unwind event caused by the instruction just emitted. */
  unwindEvent(event: number, register: number, value: number): void {
    this.unwind.push(this.buf.pos);
    this.unwind.push(event);
    this.unwind.push(register);
    this.unwind.push(value);
  }

  /** Notes that the instruction at an offset reads or writes a spill slot. */
  spill(at: number, kind: number): void {
    this.spills.push(at);
    this.spills.push(kind);
  }

  /** Notes where a Wasm local is from `offset` on, as CodeRecord.locals says it. */
  localAt(local: number, kind: number, low: number, high: number, offset = this.buf.pos): void {
    for (const field of [offset, local, kind, low, high]) this.locals.push(field);
  }

  /** Notes a relocation of the 32-bit field that ends here. */
  reloc(kind: number, target: number): void {
    this.relocs.push(this.buf.pos - 4);
    this.relocs.push(kind);
    this.relocs.push(target);
  }

  // ---- pool ----

  /** Number of a constant of 4, 8 or 16 bytes (16: the 8 bytes twice). */
  private constant(size: number, lo: number, hi: number): number {
    const { a, n } = this.consts;
    if (size === 4) hi = 0;
    for (let i = n - 3, end = Math.max(0, n - 3 * POOL_WINDOW); i >= end; i -= 3) {
      if (a[i] === size && a[i + 1] === lo && a[i + 2] === hi) return i;
    }
    this.consts.push(size);
    this.consts.push(lo);
    this.consts.push(hi);
    return n;
  }

  /** Refers the PC-relative field at `at` of the instruction that ends here to a constant. */
  constantField(at: number, size: number, lo: number, hi: number): void {
    const item = this.constant(size, lo, hi);
    this.constFields.push(at);
    this.constFields.push(this.buf.pos);
    this.constFields.push(item);
  }

  /**
   * Refers the PC-relative field at `at` of the instruction that ends here to a new jump table. The load of an entry follows, as
   * one of 16 bits, sign-extended: Target.widenTableLoad is asked to make it one of 32 where that is too few.
   */
  tableField(at: number, first: number, count: number): void {
    const item = this.tables.push(first);
    this.tables.push(count);
    this.tableFields.push(at);
    this.tableFields.push(this.buf.pos);
    this.tableFields.push(item);
  }

  // ---- finishing ----

  /** Ends the function: out-of-line traps, short branches, pool. `entries` holds the jump tables' block places. */
  finish(entries: Int32Array, align: number): CodeRecord {
    this.bind(this.bodyEnd);
    const d = this.deferred;
    for (let i = 0; i < d.n; i += 3) {
      this.bind(d.a[i]);
      this.target.emitDeferred(this, d.a[i + 1], d.a[i + 2]);
    }
    this.emitStubs();
    this.chooseShort();
    if (this.loops > 0) this.choosePadding();
    this.compact();
    this.moveLists();
    this.codeBytes = this.buf.pos;
    this.emitPool(entries);
    return {
      code: this.buf.bytes.slice(0, this.buf.pos),
      align: this.loops > 0 ? LINE : align,
      relocs: this.relocs.copy(),
      traps: this.traps.copy(),
      addrmap: this.addrmap.copy(),
      unwind: this.unwind.copy(),
      locals: this.locals.copy(),
      inlines: NO_INTEGERS,
    };
  }

  private emitStubs(): void {
    for (let i = 0; i < this.stubLabel.n; i++) {
      this.bind(this.stubLabel.a[i]);
      this.position(this.stubPos.a[i]);
      this.trap(this.stubCode.a[i], this.stubPos.a[i]);
      this.target.emitTrap(this);
    }
  }

  private sumShrink(): void {
    const { shrink, saved } = this;
    let sum = 0;
    const n = this.branchAt.n;
    for (let i = 0; i < n; i++) {
      shrink[i] = sum;
      sum += saved[i];
    }
    shrink[n] = sum;
  }

  /** Marks branches short, as if no loop needed padding. */
  private chooseShort(): void {
    const n = this.branchAt.n;
    const kinds = this.branchKind.a;
    if (this.saved.length < n + 1) {
      this.saved = new Uint8Array(n * 2);
      this.shrink = new Int32Array(n * 2);
      this.shrinkNext = new Int32Array(n * 2);
    }
    for (let i = 0; i < n; i++) this.saved[i] = kinds[i] === PADDING ? this.target.mostPadding : 0;
    this.sumShrink();
    // Each round only adds marks; a few find nearly all of them.
    for (let round = 0; round < 6; round++) {
      let changed = false;
      for (let i = 0; i < n; i++) {
        if (this.saved[i] !== 0) continue;
        if (!this.target.fitsShort(kinds[i], this.displacement(i, true))) continue;
        this.saved[i] = this.gain(kinds[i]);
        changed = true;
      }
      if (!changed) return;
      this.sumShrink();
    }
  }

  /** Bytes saved by the short form of a branch. */
  private gain(kind: number): number {
    return this.target.branchSize(kind, false) - this.target.branchSize(kind, true);
  }

  /** Pads loops; a branch that no longer reaches becomes long, and all are padded again. Ends, as no branch becomes short. */
  private choosePadding(): void {
    const n = this.branchAt.n;
    const kinds = this.branchKind.a;
    for (let changed = true; changed;) {
      this.padLoops();
      changed = false;
      for (let i = 0; i < n; i++) {
        if (kinds[i] === PADDING || this.saved[i] === 0) continue;
        if (this.target.fitsShort(kinds[i], this.displacement(i, true))) continue;
        this.saved[i] = 0;
        changed = true;
      }
    }
  }

  /** Chooses the padding of every loop by where it stands and by its size before this. Brings `shrink` up to date. */
  private padLoops(): void {
    const { shrink, shrinkNext, saved } = this;
    const { mostPadding } = this.target;
    const n = this.branchAt.n;
    let sum = 0;
    for (let i = 0; i < n; i++) {
      if (this.branchKind.a[i] === PADDING) {
        const at = this.branchAt.a[i];
        const start = at + mostPadding - shrink[i + 1];
        const size = this.labelOffset(this.branchLabel.a[i]) - start;
        saved[i] = mostPadding - padding(at - sum, size, mostPadding);
      }
      // What follows is still measured by the sums before: sizes are differences of those.
      shrinkNext[i] = sum;
      sum += saved[i];
    }
    shrinkNext[n] = sum;
    this.shrink = shrinkNext;
    this.shrinkNext = shrink;
  }

  /** Final offset of a label. */
  private labelOffset(label: number): number {
    const at = this.labelAt.a[label];
    if (at === NONE) bug('code sink', `label ${label} is not bound`);
    return at - this.shrink[this.labelBranch.a[label]];
  }

  /** Displacement of branch i from its end, in its short or long form. */
  private displacement(i: number, short: boolean): number {
    const kind = this.branchKind.a[i];
    const size = this.target.branchSize(kind, short);
    const start = this.branchAt.a[i] - this.shrink[i];
    let to = this.labelOffset(this.branchLabel.a[i]);
    // The branch is counted long while it is being tried: what follows it comes nearer, too.
    if (short && this.saved[i] === 0 && to > start) to -= this.gain(kind);
    return to - (start + size);
  }

  /** Moves the code between the branches down and writes branches and padding. */
  private compact(): void {
    const { bytes } = this.buf;
    const n = this.branchAt.n;
    let to = n === 0 ? this.buf.pos : this.branchAt.a[0];
    for (let i = 0; i < n; i++) {
      const kind = this.branchKind.a[i];
      const from = this.branchAt.a[i] + this.draftSize(kind);
      const size = this.draftSize(kind) - this.saved[i];
      if (kind === PADDING) this.target.padLoop(bytes, to, to + size);
      else {
        const short = this.saved[i] !== 0;
        this.target.writeBranch(bytes, to, kind, short, this.displacement(i, short));
      }
      to += size;
      const end = i + 1 < n ? this.branchAt.a[i + 1] : this.buf.pos;
      bytes.copyWithin(to, from, end);
      to += end - from;
    }
    this.buf.pos = to;
  }

  private draftSize(kind: number): number {
    return kind === PADDING ? this.target.mostPadding : this.target.branchSize(kind, false);
  }

  private moveLists(): void {
    this.moveOffsets(this.relocs, 3, 1);
    this.moveOffsets(this.traps, 3, 1);
    this.moveOffsets(this.addrmap, 2, 1);
    this.moveOffsets(this.unwind, 4, 1);
    this.moveOffsets(this.locals, 5, 1);
    this.moveOffsets(this.returns, 1, 1);
    this.moveOffsets(this.spills, 2, 1);
    this.moveOffsets(this.constFields, 3, 2);
    this.moveOffsets(this.tableFields, 3, 2);
  }

  /** Moves the first `fields` columns of a list of rows; rows are ascending. */
  private moveOffsets(list: IntList, stride: number, fields: number): void {
    const { a, n } = list;
    const branches = this.branchAt.n;
    let k = 0;
    for (let i = 0; i < n; i += stride) {
      while (k < branches && this.branchAt.a[k] < a[i]) k++;
      for (let j = 0; j < fields; j++) a[i + j] -= this.shrink[k];
    }
  }

  private emitPool(entries: Int32Array): void {
    const { buf, consts, constFields } = this;
    for (let size = 16; size >= 4; size >>= 1) {
      for (let i = 0; i < consts.n; i += 3) {
        if (consts.a[i] === size)
          consts.a[i] = this.placeConstant(size, consts.a[i + 1], consts.a[i + 2]);
      }
    }
    for (let i = 0; i < constFields.n; i += 3) {
      const { a } = constFields;
      this.target.patchPool(buf.bytes, a[i], a[i + 1], -consts.a[a[i + 2]]);
    }
    const { a, n } = this.tableFields;
    for (let i = 0; i < n; i += 3) {
      const item = a[i + 2];
      const start = this.emitTable(entries, this.tables.a[item], this.tables.a[item + 1], a[i + 1]);
      this.target.patchPool(buf.bytes, a[i], a[i + 1], start);
    }
    // Windows' unwind tables on ARM64 count a function's size in words.
    if (n > 0) this.alignPool(WIDE_ENTRY);
  }

  private alignPool(align: number): void {
    const from = this.buf.pos;
    this.buf.align(align, 0);
    this.target.pad(this.buf.bytes, from, this.buf.pos);
  }

  /** Appends a constant; returns its offset negated (so that it is no size). */
  private placeConstant(size: number, lo: number, hi: number): number {
    this.alignPool(size);
    const at = this.buf.pos;
    if (size === 4) this.buf.u32(lo);
    else this.buf.u64(lo, hi);
    if (size === 16) this.buf.u64(lo, hi);
    return -at;
  }

  /** Appends a jump table, of distances from its start; `load` is where an entry is loaded. */
  private emitTable(entries: Int32Array, first: number, count: number, load: number): number {
    const { buf, alias } = this;
    let least = buf.pos;
    for (let i = 0; i < count; i++) {
      least = Math.min(least, this.labelOffset(alias[entries[first + i]]));
    }
    const wide = buf.pos + WIDE_ENTRY - least > MOST_NARROW;
    if (wide) this.target.widenTableLoad(buf.bytes, load);
    this.alignPool(wide ? WIDE_ENTRY : WIDE_ENTRY / 2);
    const start = buf.pos;
    for (let i = 0; i < count; i++) {
      const distance = this.labelOffset(alias[entries[first + i]]) - start;
      if (wide) buf.u32(distance);
      else buf.u16(distance);
    }
    return start;
  }
}
