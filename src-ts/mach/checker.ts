/**
 * Symbolic check of a register allocation: runs the allocated code over "which values does each location hold".
 *
 * State: per location (register, slot) a set of vregs that are there for certain. Forward dataflow, meet by
 * intersection, start empty: a path that never wrote a value does not pass. A definition removes the vreg everywhere else
 * (a loop defines it anew); on an edge a location that holds an argument comes to hold the parameter, so it does not
 * matter on which side of the edge the moves stand. Checked: every use and its constraint, tied, early and scratch
 * operands, late uses against what the instruction writes, moves' classes, slots' bounds, callee-saved registers.
 * The second half of a v128 in memory is a value of its own (vreg + vregCount). Scratch registers hold nothing across
 * an instruction.
 */
import {
  ALLOC_NONE,
  ALLOC_SLOT,
  ARG_SHIFT,
  CLASS_FP,
  C_FIXED,
  C_MASK,
  C_REG,
  C_REUSE,
  C_STACK,
  I_REMAT,
  K_DEF,
  K_MASK,
  K_TEMP,
  K_USE,
  P_LATE,
  REMAT_BASE,
  type Allocation,
  type RegisterFile,
  type VCode,
} from './vcode.ts';
import { T_F32, T_F64, T_V128 } from '../gen/ir.ts';

type Locations = Map<number, Set<number>>;

/** Told of each instruction, its moves done: `holds` says whether a value is in a location for certain. */
export type Visit = (inst: number, holds: (location: number, vreg: number) => boolean) => void;

/**
 * Checks the allocation of a function.
 * @returns what is wrong, one line each; empty if all is well
 */
export function checkAllocation(
  vcode: VCode,
  allocation: Allocation,
  regs: RegisterFile,
  visit?: Visit,
): string[] {
  return new Checker(vcode, allocation, regs, visit).run();
}

class Checker {
  private readonly errors = new Set<string>();
  private reporting = false;
  private readonly moveStart: Int32Array;
  private readonly allocatable: Set<number>;
  private written = [0, 0];

  constructor(
    private readonly vc: VCode,
    private readonly out: Allocation,
    private readonly regs: RegisterFile,
    private readonly visit?: Visit,
  ) {
    this.allocatable = new Set([...regs.allocatableGp, ...regs.allocatableFp]);
    this.moveStart = this.indexMoves();
  }

  run(): string[] {
    const { vc } = this;
    const blockIn = new Array<Locations | null>(vc.blockCount).fill(null);
    const blockOut = new Array<Locations | null>(vc.blockCount).fill(null);
    const queued = new Uint8Array(vc.blockCount).fill(1);
    const queue = Array.from({ length: vc.blockCount }, (_, b) => b);
    for (let at = 0; at < queue.length; at++) {
      const b = queue[at]!;
      queued[b] = 0;
      const state = this.meet(b, blockOut);
      if (state === null || (blockOut[b] !== null && same(state, blockIn[b]!))) continue;
      blockIn[b] = state;
      blockOut[b] = this.runBlock(b, copy(state));
      for (let e = vc.succStart[b]!; e < vc.succStart[b + 1]!; e++) {
        const t = vc.succ[e]!;
        if (queued[t] === 1) continue;
        queued[t] = 1;
        queue.push(t);
      }
    }
    this.reporting = true;
    for (let b = 0; b < vc.blockCount; b++)
      this.runBlock(b, copy(blockIn[b] ?? new Map<number, Set<number>>()));
    this.checkCalleeSaved();
    return [...this.errors];
  }

  private error(inst: number, text: string): void {
    if (this.reporting) this.errors.add(`${inst}: ${text}`);
  }

  private indexMoves(): Int32Array {
    const { vc, out } = this;
    const start = new Int32Array(vc.instCount + 2);
    let m = 0;
    for (let i = 0; i <= vc.instCount; i++) {
      start[i] = m;
      while (m < out.moveCount && out.movePlace[m] === i) m++;
    }
    start[vc.instCount + 1] = m;
    if (m < out.moveCount) this.errors.add(`move ${m} is out of order or past the end`);
    if (start[vc.instCount] !== m) this.errors.add('moves after the last instruction');
    return start;
  }

  /** Intersection over the predecessors known so far, parameters renamed; null if none is known. */
  private meet(b: number, blockOut: readonly (Locations | null)[]): Locations | null {
    const { vc } = this;
    if (vc.predStart[b] === vc.predStart[b + 1]) return new Map<number, Set<number>>();
    let result: Locations | null = null;
    for (let k = vc.predStart[b]!; k < vc.predStart[b + 1]!; k++) {
      const p = vc.pred[k]!;
      const from = blockOut[p];
      if (!from) continue;
      const renamed = this.cross(p, b, from);
      result = result === null ? renamed : intersect(result, renamed);
    }
    return result;
  }

  /** The state at the end of p as b sees it. */
  private cross(p: number, b: number, from: Locations): Locations {
    const { vc } = this;
    let e = vc.succStart[p]!;
    while (vc.succ[e] !== b) e++;
    const first = vc.paramStart[b]!;
    const n = vc.paramStart[b + 1]! - first;
    const result: Locations = new Map<number, Set<number>>();
    const halves = vc.vregCount;
    for (const [location, values] of from) {
      const now = new Set(values);
      for (let k = 0; k < n; k++) {
        now.delete(vc.param[first + k]!);
        now.delete(vc.param[first + k]! + halves);
      }
      for (let k = 0; k < n; k++) {
        const a = vc.arg[vc.argStart[e]! + k]!;
        if (values.has(a)) now.add(vc.param[first + k]!);
        if (values.has(a + halves)) now.add(vc.param[first + k]! + halves);
      }
      result.set(location, now);
    }
    return result;
  }

  private runBlock(b: number, state: Locations): Locations {
    for (let i = this.vc.blockStart[b]!; i < this.vc.blockStart[b + 1]!; i++) {
      for (let m = this.moveStart[i]!; m < this.moveStart[i + 1]!; m++) this.runMove(m, b, state);
      state.delete(this.regs.scratchGp);
      state.delete(this.regs.scratchFp);
      if (this.reporting && this.visit !== undefined) {
        this.visit(i, (location, vreg) => state.get(location)?.has(vreg) === true);
      }
      this.checkUses(i, state);
      this.checkWrites(i);
      this.applyWrites(i, state);
    }
    return state;
  }

  private runMove(m: number, b: number, state: Locations): void {
    const { out } = this;
    const place = out.movePlace[m]!;
    const from = out.moveFrom[m]!;
    const to = out.moveTo[m]!;
    const wide = out.moveType[m] === T_V128;
    this.checkMove(m);
    const halves = this.vc.vregCount;
    let values: Set<number>;
    if (from >= REMAT_BASE) values = this.rematValues(from - REMAT_BASE, b, place);
    else {
      values = new Set(state.get(from));
      const second = wide && from >= ALLOC_SLOT ? state.get(from + 1) : undefined;
      if (wide && from >= ALLOC_SLOT)
        for (const v of values) if (!second?.has(v + halves)) values.delete(v);
    }
    state.set(to, values);
    if (to < ALLOC_SLOT) this.noteWritten(to);
    else if (wide) state.set(to + 1, new Set([...values].map((v) => v + halves)));
  }

  private checkMove(m: number): void {
    const { out } = this;
    const place = out.movePlace[m]!;
    const from = out.moveFrom[m]!;
    const to = out.moveTo[m]!;
    const type = out.moveType[m]!;
    const fp = type === T_F32 || type === T_F64 || type === T_V128;
    for (const location of [from, to]) {
      if (location >= REMAT_BASE) continue;
      if (location < ALLOC_SLOT) {
        const scratch = location === this.regs.scratchGp || location === this.regs.scratchFp;
        if (!scratch && !this.allocatable.has(location))
          this.error(place, `move uses register ${location}`);
        if (location >= 32 !== fp)
          this.error(place, `move of type ${type} uses register ${location}`);
      } else this.checkSlot(place, location, type === T_V128);
    }
    if (from >= ALLOC_SLOT && to >= ALLOC_SLOT) this.error(place, 'move from memory to memory');
  }

  private checkSlot(inst: number, location: number, wide: boolean): void {
    const slot = location - ALLOC_SLOT;
    if (slot < 0 || slot + (wide ? 1 : 0) >= this.out.slotCount)
      this.error(inst, `no slot ${slot}`);
  }

  /** What emitting instruction `inst` again before `place` produces: its definition, and parameters that it is passed to. */
  private rematValues(inst: number, b: number, place: number): Set<number> {
    const { vc } = this;
    const values = new Set<number>();
    if ((vc.flags[inst]! & I_REMAT) === 0)
      this.error(place, `instruction ${inst} may not be emitted again`);
    for (let o = vc.opnd[inst]!; o < vc.opnd[inst + 1]!; o++) {
      if ((vc.con[o]! & K_MASK) === K_DEF) values.add(vc.vreg[o]!);
    }
    if (place === vc.blockStart[b] && vc.predStart[b + 1]! - vc.predStart[b]! === 1) {
      const p = vc.pred[vc.predStart[b]!]!;
      let e = vc.succStart[p]!;
      while (vc.succ[e] !== b) e++;
      for (let k = 0; k < vc.paramStart[b + 1]! - vc.paramStart[b]!; k++) {
        if (values.has(vc.arg[vc.argStart[e]! + k]!)) values.add(vc.param[vc.paramStart[b]! + k]!);
      }
    }
    return values;
  }

  private checkUses(i: number, state: Locations): void {
    const { vc, out } = this;
    for (let o = vc.opnd[i]!; o < vc.opnd[i + 1]!; o++) {
      const v = vc.vreg[o]!;
      if (v < 0) continue;
      const con = vc.con[o]!;
      const at = out.alloc[o]!;
      this.checkConstraint(i, o);
      if ((con & K_MASK) !== K_USE) continue;
      const wide = at >= ALLOC_SLOT && vc.vregType[v] === T_V128;
      if (!state.get(at)?.has(v) || (wide && !state.get(at + 1)?.has(v + vc.vregCount))) {
        this.error(i, `value ${v} is not in ${locationName(at)} (operand ${o - vc.opnd[i]!})`);
      }
    }
  }

  private checkConstraint(i: number, o: number): void {
    const { vc, out } = this;
    const v = vc.vreg[o]!;
    const con = vc.con[o]!;
    const at = out.alloc[o]!;
    const name = `operand ${o - vc.opnd[i]!} (value ${v})`;
    if (at === ALLOC_NONE) {
      const dropped = (con & K_MASK) === K_DEF && (vc.flags[i]! & I_REMAT) !== 0;
      if (!dropped) this.error(i, `${name} has no location`);
      return;
    }
    if (at >= ALLOC_SLOT) {
      this.checkSlot(i, at, vc.vregType[v] === T_V128);
      const where = con & C_MASK;
      if (where === C_REG || where === C_FIXED || where === C_REUSE)
        this.error(i, `${name} is in memory`);
      return;
    }
    if (at >= 32 !== (vc.vregClass[v] === CLASS_FP))
      this.error(i, `${name} is in a register of the wrong class`);
    switch (con & C_MASK) {
      case C_FIXED:
        if (at !== con >> ARG_SHIFT) this.error(i, `${name} is not in its fixed register`);
        break;
      case C_STACK:
        this.error(i, `${name} is not in memory`);
        break;
      case C_REUSE:
        if (at !== out.alloc[vc.opnd[i]! + (con >> ARG_SHIFT)])
          this.error(i, `${name} does not share its operand's register`);
        break;
      default:
        if (!this.allocatable.has(at))
          this.error(i, `${name} is in a register that is not allocatable`);
    }
  }

  /** No two operands that need their own register share one. */
  private checkWrites(i: number): void {
    if (!this.reporting) return;
    const { vc, out } = this;
    const first = vc.opnd[i]!;
    for (let o = first; o < vc.opnd[i + 1]!; o++) {
      if (vc.vreg[o]! < 0 || out.alloc[o]! < 0) continue;
      const con = vc.con[o]!;
      const late = (con & P_LATE) !== 0;
      if ((con & K_MASK) === K_USE) {
        if (late && out.alloc[o]! < ALLOC_SLOT && this.clobbers(i, out.alloc[o]!))
          this.error(i, `late operand ${o - first} is clobbered`);
        continue;
      }
      for (let p = first; p < vc.opnd[i + 1]!; p++) {
        if (p === o || vc.vreg[p]! < 0 || out.alloc[p] !== out.alloc[o]) continue;
        const other = vc.con[p]!;
        const used = (other & K_MASK) === K_USE;
        const early = (con & K_MASK) === K_TEMP || !late;
        if (!used || early || (other & P_LATE) !== 0) {
          this.error(
            i,
            `operands ${o - first} and ${p - first} share ${locationName(out.alloc[o]!)}`,
          );
        }
      }
    }
  }

  private clobbers(i: number, reg: number): boolean {
    const set = this.vc.clobberSets[this.vc.clobber[i]!]!;
    return (((reg < 32 ? set.gp : set.fp) >>> (reg & 31)) & 1) !== 0;
  }

  private applyWrites(i: number, state: Locations): void {
    const { vc, out } = this;
    const set = vc.clobberSets[vc.clobber[i]!]!;
    for (let r = 0; r < 64; r++) {
      if ((((r < 32 ? set.gp : set.fp) >>> (r & 31)) & 1) === 0) continue;
      state.delete(r);
      this.noteWritten(r);
    }
    const halves = vc.vregCount;
    for (let o = vc.opnd[i]!; o < vc.opnd[i + 1]!; o++) {
      const v = vc.vreg[o]!;
      const kind = vc.con[o]! & K_MASK;
      if (v < 0 || kind === K_USE) continue;
      const at = out.alloc[o]!;
      // The first instruction's fixed definitions are what the caller put there.
      const fixed = (vc.con[o]! & C_MASK) === C_FIXED;
      if (kind === K_DEF) {
        for (const values of state.values()) {
          values.delete(v);
          values.delete(v + halves);
        }
      }
      if (at < 0) continue;
      if (at < ALLOC_SLOT && !(i === 0 && fixed)) this.noteWritten(at);
      state.set(at, kind === K_DEF ? new Set([v]) : new Set<number>());
      if (at >= ALLOC_SLOT && vc.vregType[v] === T_V128) state.set(at + 1, new Set([v + halves]));
    }
  }

  private noteWritten(reg: number): void {
    this.written[reg >> 5]! |= 1 << (reg & 31);
  }

  private checkCalleeSaved(): void {
    const gp = this.written[0]! & this.regs.calleeSaved.gp & ~this.out.usedCalleeSaved.gp;
    const fp = this.written[1]! & this.regs.calleeSaved.fp & ~this.out.usedCalleeSaved.fp;
    if (gp !== 0 || fp !== 0)
      this.errors.add(`callee-saved registers written but not declared: gp ${gp}, fp ${fp}`);
  }
}

function locationName(at: number): string {
  return at >= ALLOC_SLOT ? `slot ${at - ALLOC_SLOT}` : `register ${at}`;
}

function copy(state: Locations): Locations {
  const result: Locations = new Map<number, Set<number>>();
  for (const [location, values] of state)
    if (values.size > 0) result.set(location, new Set(values));
  return result;
}

function intersect(a: Locations, b: Locations): Locations {
  const result: Locations = new Map<number, Set<number>>();
  for (const [location, values] of a) {
    const others = b.get(location);
    if (!others) continue;
    const both = new Set<number>();
    for (const v of values) if (others.has(v)) both.add(v);
    if (both.size > 0) result.set(location, both);
  }
  return result;
}

function same(a: Locations, b: Locations): boolean {
  return covers(a, b) && covers(b, a);
}

function covers(a: Locations, b: Locations): boolean {
  for (const [location, values] of b) {
    const mine = a.get(location);
    for (const v of values) if (!mine?.has(v)) return false;
  }
  return true;
}
