/**
 * For debug information: which SSA value is in which Wasm local, by position in the text.
 *
 * Control is structured, so at each position of a body a local stands for exactly one value: the one written last before
 * it, or what the block parameters of a join or a loop header say. A list of changes in order of position is therefore
 * the whole truth, and stays true wherever the optimiser puts the code of that position, as long as it does not put it
 * into two places: inlining and opt/thread.ts leave functions with labels alone. (Value labels as in Cranelift and
 * dbg.value as in LLVM hang on instructions instead, and move with them.)
 *
 * Nothing here asks for a value: a join that nobody read a local at has no parameter for it, and the local is unknown
 * after it. So code is the same with labels and without, but for what those two would have done.
 *
 * Compilers that optimise keep variables on Wasm's operand stack, too: its slots, counted from the bottom, are labelled
 * as if they were further locals. Whoever looks up the slot of a value finds the operator before in the text that pushed
 * it, whatever way control took, so that list needs no care at joins.
 */
import { NONE, type Func } from '../ir/func.ts';
import { growI32 } from './columns.ts';
import type { Ssa } from './ssa.ts';

/** Changes and steps of a function after which labels are given up: no body that a compiler made comes near. */
const MAX_LABELS = 1 << 20;
const MAX_STEPS = 1 << 24;
/** Slots of the operand stack that are followed. */
const MAX_OPERANDS = 32;

export class Labels {
  // Changes in order of notice: position, local, what it stands for from there on, and the change that held before.
  private pos = new Int32Array(256);
  private local = new Int32Array(256);
  /** A row, NONE, or -2 - j: what joinLocal[j] is at the start of joinBlock[j]. */
  private value = new Int32Array(256);
  /** The change whose value this one brings back, NONE if it has its own. */
  private same = new Int32Array(256);
  private before = new Int32Array(256);
  private count = 0;
  private steps = 0;
  private failed = false;

  /** The change that holds for each local, NONE before the first. */
  private current = new Int32Array(256);
  private joinBlock = new Int32Array(64);
  private joinLocal = new Int32Array(64);
  private joins = 0;

  /** Changes found by {@link collect}, and the place there of each local's. */
  private found = new Int32Array(64);
  private foundCount = 0;
  private foundAt = new Int32Array(256);
  private seen = new Int32Array(256);
  private stamp = 0;

  // Operands in order of position: slot and value; and what each slot was given last.
  private operandPos = new Int32Array(256);
  private operandSlot = new Int32Array(256);
  private operandValue = new Int32Array(256);
  private operandCount = 0;
  private readonly operandNow = new Int32Array(MAX_OPERANDS);
  /** Number of the function's locals, and of the first operand. */
  private locals = 0;

  /** Starts a function of so many locals, the first `params` of them defined by rows from `firstParam` on. */
  start(locals: number, params: number, firstParam: number, pos: number): void {
    if (this.current.length < locals) {
      this.current = growI32(this.current, locals);
      this.seen = growI32(this.seen, locals);
      this.foundAt = growI32(this.foundAt, locals);
    }
    this.current.fill(NONE, 0, locals);
    this.locals = locals;
    this.count = this.joins = this.steps = this.operandCount = 0;
    this.operandNow.fill(NONE);
    this.failed = false;
    for (let i = 0; i < params; i++) this.write(i, firstParam + i, pos);
  }

  /** A local is given a value. */
  write(local: number, value: number, pos: number): void {
    this.current[local] = this.change(pos, local, value, NONE);
  }

  /** The operator at `pos` leaves a stack of so many values. */
  operands(values: Int32Array, count: number, pos: number): void {
    const { operandNow } = this;
    for (let k = Math.min(count, MAX_OPERANDS) - 1; k >= 0; k--) {
      if (operandNow[k] === values[k]) continue;
      operandNow[k] = values[k]!;
      const i = this.operandCount++;
      if (i >= MAX_LABELS) this.failed = true;
      if (this.failed) return;
      if (i >= this.operandPos.length) this.growOperands(i);
      this.operandPos[i] = pos;
      this.operandSlot[i] = k;
      this.operandValue[i] = values[k]!;
    }
  }

  private growOperands(n: number): void {
    this.operandPos = growI32(this.operandPos, n);
    this.operandSlot = growI32(this.operandSlot, n);
    this.operandValue = growI32(this.operandValue, n);
  }

  /** An `else` at `pos` of an `if` at `from`: locals are what they were there. */
  revert(from: number, pos: number): void {
    this.collect(from);
    for (let n = 0; n < this.foundCount; n++) {
      const k = this.found[n]!;
      const outside = this.before[k]!;
      const local = this.local[k]!;
      if (outside === NONE) this.write(local, NONE, pos);
      else {
        const own = this.same[outside] === NONE;
        this.current[local] = this.change(pos, local, NONE, own ? outside : this.same[outside]!);
      }
    }
  }

  /** Ways meet in `block` at `pos`, at the end of a construct that begins at `from`. */
  join(block: number, from: number, pos: number): void {
    this.collect(from);
    for (let n = 0; n < this.foundCount; n++) {
      const local = this.local[this.found[n]!]!;
      this.write(local, this.atStart(block, local), pos);
    }
  }

  /** The loop that begins at `from` with this header ends: what it wrote was its header's from the beginning. */
  loop(header: number, from: number): void {
    const end = this.count;
    const first = this.collect(from);
    for (let n = 0; n < this.foundCount; n++) {
      const k = this.found[n]!;
      const local = this.local[k]!;
      const outside = this.before[k]!;
      const inside = this.change(from, local, this.atStart(header, local), NONE);
      this.before[inside] = outside;
      if (this.current[local] === outside) this.current[local] = inside;
      this.step(end - first);
      if (this.failed) return;
      for (let i = first; i < end; i++) {
        if (this.local[i] !== local) continue;
        if (this.before[i] === outside) this.before[i] = inside;
        if (outside !== NONE && this.same[i] === outside) this.same[i] = inside;
      }
    }
  }

  /** Gives the function its labels; all blocks have their parameters, replaced ones can still be followed. */
  finish(ssa: Ssa, f: Func): void {
    f.labelCount = 0;
    if (this.failed) return;
    const order = Uint32Array.from({ length: this.count }, (_, i) => i);
    const { pos, same } = this;
    order.sort((a, b) => pos[a]! - pos[b]! || a - b);
    let k = 0;
    for (const i of order) {
      k = this.addOperands(ssa, f, k, pos[i]!);
      const own = same[i] === NONE ? i : same[i]!;
      f.addLabel(pos[i]!, this.local[i]!, this.rowOf(this.value[own]!, ssa));
    }
    this.addOperands(ssa, f, k, Infinity);
  }

  /** Labels of the operands from number k on that come before a position; returns the first that does not. */
  private addOperands(ssa: Ssa, f: Func, k: number, before: number): number {
    while (k < this.operandCount && this.operandPos[k]! < before) {
      const row = ssa.resolve(this.operandValue[k]!);
      f.addLabel(this.operandPos[k]!, this.locals + this.operandSlot[k]!, row);
      k++;
    }
    return k;
  }

  private rowOf(value: number, ssa: Ssa): number {
    if (value >= 0) return ssa.resolve(value);
    if (value === NONE) return NONE;
    return ssa.valueAtStart(this.joinBlock[-2 - value]!, this.joinLocal[-2 - value]!);
  }

  /** Notes a change, which is not `current` yet; returns its number. */
  private change(pos: number, local: number, value: number, same: number): number {
    const i = this.count;
    if (i >= MAX_LABELS) this.failed = true;
    if (this.failed) return 0;
    if (i >= this.pos.length) this.grow(i);
    this.pos[i] = pos;
    this.local[i] = local;
    this.value[i] = value;
    this.same[i] = same;
    this.before[i] = this.current[local]!;
    return this.count++;
  }

  private grow(n: number): void {
    this.pos = growI32(this.pos, n);
    this.local = growI32(this.local, n);
    this.value = growI32(this.value, n);
    this.same = growI32(this.same, n);
    this.before = growI32(this.before, n);
  }

  private atStart(block: number, local: number): number {
    const j = this.joins++;
    if (j >= this.joinBlock.length) {
      this.joinBlock = growI32(this.joinBlock, j);
      this.joinLocal = growI32(this.joinLocal, j);
    }
    this.joinBlock[j] = block;
    this.joinLocal[j] = local;
    return -2 - j;
  }

  private step(n: number): void {
    this.steps += n;
    if (this.steps > MAX_STEPS) this.failed = true;
  }

  /**
   * Finds the change of least position of each local in the text from `from` on, into `found`; returns the first noted
   * there. (A loop notes changes at its start late, but only when it is over: never before `from`.)
   */
  private collect(from: number): number {
    this.foundCount = 0;
    if (this.failed) return this.count;
    const { pos } = this;
    let first = this.count;
    while (first > 0 && pos[first - 1]! > from) first--;
    this.step(this.count - first);
    this.stamp++;
    for (let i = first; i < this.count; i++) {
      const local = this.local[i]!;
      if (this.seen[local] !== this.stamp) {
        this.seen[local] = this.stamp;
        this.foundAt[local] = this.foundCount;
        if (this.foundCount === this.found.length)
          this.found = growI32(this.found, this.foundCount);
        this.found[this.foundCount++] = i;
      } else {
        const at = this.foundAt[local]!;
        if (pos[i]! < pos[this.found[at]!]!) this.found[at] = i;
      }
    }
    return first;
  }
}
