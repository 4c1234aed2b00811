/**
 * Facts about uses, computed once before lowering. Rows of dead code get no uses.
 *
 * uses[row]  0 never read, 1 read once, 2 read many times or by something that may be emitted many times: the operand
 *            of a row that lowering may repeat beside each of its users counts as read by each of them.
 * reads[row] how many operands are this row, 0, 1 or 2 = more: for choices that are right either way.
 * colour[row]  every effect but a load's starts a new colour, and so does every block: between two rows of one colour
 *            nothing is stored, called or checked.
 * loads[row] number of loads before the row that may trap: which of two traps shows in its offset, so they keep their
 *            order.
 */
import { ensure32, ensure8 } from '../analysis/scratch.ts';
import * as Op from '../gen/ir.ts';
import { NONE, type Func } from '../ir/func.ts';
import type { BlockOrder } from './blocks.ts';

/** Facts that keep a row although nobody reads it. */
const EFFECT = Op.F_TRAPS | Op.F_WRITES | Op.F_TERMINATOR;

/** Rows that lowering may emit beside each user instead of once: compares, and what folds into addresses and operands. */
const REPEATED = /* @__PURE__ */ (() => {
  const t = new Uint8Array(Op.OP_COUNT);
  for (const op of [Op.ICMP, Op.FCMP, Op.IADD, Op.ISUB, Op.ISHL, Op.ZEXT, Op.WRAP]) t[op] = 1;
  return t;
})();

export function isLoad(op: number): boolean {
  return op >= Op.LOAD && op <= Op.LOAD32_U;
}

/** Whether the row must be executed although its value is unused. */
export function hasEffect(f: Func, r: number): boolean {
  const op = f.op[r];
  if (isLoad(op)) return (f.aux[r] & Op.MEM_NOTRAP) === 0;
  return (Op.OP_FACTS[op] & EFFECT) !== 0;
}

export class Uses {
  uses = new Uint8Array(0);
  reads = new Uint8Array(0);
  colour = new Int32Array(0);
  loads = new Int32Array(0);

  /** Fills all tables for the ordered blocks of `f`. */
  compute(f: Func, order: BlockOrder): void {
    this.uses = ensure8(this.uses, f.rowCount);
    this.colour = ensure32(this.colour, f.rowCount);
    this.loads = ensure32(this.loads, f.rowCount);
    this.uses.fill(0, 0, f.rowCount);
    this.reads = ensure8(this.reads, f.rowCount);
    this.reads.fill(0, 0, f.rowCount);
    this.colourRows(f, order);
    for (let p = order.count - 1; p >= 0; p--) {
      const b = order.irBlock[p];
      if (b === NONE) continue;
      for (let r = f.last[b]; r !== NONE; r = f.prev[r]) this.countRow(f, r);
    }
  }

  private colourRows(f: Func, order: BlockOrder): void {
    const { colour, loads } = this;
    let c = 0;
    let n = 0;
    for (let p = 0; p < order.count; p++) {
      const b = order.irBlock[p];
      if (b === NONE) continue;
      c++;
      for (let r = f.first[b]; r !== NONE; r = f.next[r]) {
        colour[r] = c;
        loads[r] = n;
        if (!hasEffect(f, r)) continue;
        if (isLoad(f.op[r])) n++;
        else c++;
      }
    }
  }

  /** Whether a load may be done where a later row is: nothing between tells the difference. */
  mayMove(f: Func, load: number, site: number): boolean {
    const { colour, loads } = this;
    if (colour[load] !== colour[site]) return false;
    return !hasEffect(f, load) || loads[site] === loads[load] + 1;
  }

  private countRow(f: Func, r: number): void {
    const { uses } = this;
    if (uses[r] === 0 && !hasEffect(f, r)) return;
    const op = f.op[r];
    const n = uses[r] === 2 && REPEATED[op] === 1 ? 2 : 1;
    const args = Op.OP_ARGS[op];
    if (args > 0) this.add(f.a[r], n);
    if (args > 1) this.add(f.b[r], n);
    if (args > 2) this.add(f.c[r], n);
    if (Op.OP_FACTS[op] & Op.F_LIST) this.addList(f, f.c[r]);
    if (Op.OP_IMM[op] === Op.IMM_EDGES) {
      for (let e = f.imm[r], end = e + f.imm2[r]; e < end; e++) this.addList(f, f.edgeArgs[e]);
    }
  }

  private addList(f: Func, list: number): void {
    const n = f.listLength(list);
    for (let i = 0; i < n; i++) this.add(f.listGet(list, i), 1);
  }

  private add(v: number, n: number): void {
    if (v === NONE) return;
    const { uses, reads } = this;
    if (reads[v] < 2) reads[v]++;
    uses[v] = Math.min(2, uses[v] + n);
  }
}
