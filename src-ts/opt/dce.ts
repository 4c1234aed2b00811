/**
 * Dead code: marks what effects and terminators need, transitively and through block parameters, and removes the rest. A cycle of
 * parameters that only feed each other is dead.
 */
import { mayTrap } from '../analysis/aliases.ts';
import { ensure32, ensure8 } from '../analysis/scratch.ts';
import * as Op from '../gen/ir.ts';
import { NONE, type Func } from '../ir/func.ts';
import { removeParams } from './rewrite.ts';

let live = new Uint8Array(0);
let stack = new Int32Array(0);
let top = 0;

function mark(v: number): void {
  if (v <= 0 || live[v] !== 0) return;
  live[v] = 1;
  stack[top++] = v;
}

function markList(f: Func, l: number): void {
  const end = l + 2 + f.pool[l + 1];
  for (let i = l + 2; i < end; i++) mark(f.pool[i]);
}

/** Whether a row must stay although nobody uses it. PROJ rows stay with their call. */
function isRoot(f: Func, r: number): boolean {
  const op = f.op[r];
  if ((Op.OP_FACTS[op] & (Op.F_TERMINATOR | Op.F_WRITES)) !== 0 || op === Op.PROJ) return true;
  return mayTrap(f, r) || (op === Op.PARAM && f.block[r] === 0);
}

function markOperands(f: Func, r: number): void {
  const op = f.op[r];
  if (op === Op.PARAM) {
    for (let e = f.predFirst[f.block[r]]; e !== NONE; e = f.edgeNextPred[e])
      mark(f.listGet(f.edgeArgs[e], f.imm[r]));
    return;
  }
  const n = Op.OP_ARGS[op];
  if (n > 0) mark(f.a[r]);
  if (n > 1) mark(f.b[r]);
  if (n > 2) mark(f.c[r]);
  if ((Op.OP_FACTS[op] & Op.F_LIST) !== 0) markList(f, f.c[r]);
}

const isDead = (r: number): boolean => live[r] === 0;

/** Removes dead rows and dead block parameters. The function must have no unreachable blocks. */
export function deadCode(f: Func): void {
  live = ensure8(live, f.rowCount);
  live.fill(0, 0, f.rowCount);
  stack = ensure32(stack, f.rowCount);
  top = 0;
  for (let b = 0; b !== NONE; b = f.blockNext[b]) {
    for (let r = f.first[b]; r !== NONE; r = f.next[r]) if (isRoot(f, r)) mark(r);
  }
  while (top > 0) markOperands(f, stack[--top]);
  for (let b = 0; b !== NONE; b = f.blockNext[b]) sweep(f, b);
}

function sweep(f: Func, b: number): void {
  let params = false;
  for (let r = f.last[b]; r !== NONE;) {
    const before = f.prev[r];
    if (live[r] === 0) {
      if (f.op[r] === Op.PARAM) params = true;
      else f.remove(r);
    }
    r = before;
  }
  if (params) removeParams(f, b, isDead);
}
