/**
 * Tail calls of a function to itself become jumps: the rest of the entry block moves to a header whose parameters are the
 * function's, and each such call jumps there with its arguments. The frame is the same one before and after, so neither
 * traces nor the depth of the stack tell the difference; the other passes see a loop.
 */
import { ensure32 } from '../analysis/scratch.ts';
import * as Op from '../gen/ir.ts';
import { EMPTY, NONE, type Func } from '../ir/func.ts';
import type { Analyses } from './analyses.ts';
import { ok } from './gate.ts';
import { rewriteUses } from './rewrite.ts';

let leader = new Int32Array(0);

/** Whether a terminator is a tail call of the function itself, with its own context. */
function callsItself(f: Func, t: number): boolean {
  return f.op[t] === Op.RETCALL && f.imm[t] === f.index && f.listGet(f.c[t], 0) === f.first[0];
}

function selfCalls(f: Func): boolean {
  for (let b = 0; b !== NONE; b = f.blockNext[b]) if (callsItself(f, f.last[b])) return true;
  return false;
}

/** Makes the header and moves everything but the parameters of the entry block there. */
function splitEntry(f: Func): number {
  const h = f.newBlock();
  f.placeBlockAfter(h, 0);
  let r = f.first[0];
  for (let i = 0; i < f.paramCount[0]; i++) r = f.next[r];
  while (r !== NONE) {
    const after = f.next[r];
    f.unlink(r);
    f.append(r, h);
    r = after;
  }
  const t = f.last[h];
  if (Op.OP_IMM[f.op[t]] === Op.IMM_EDGES)
    for (let e = f.imm[t]; e < f.imm[t] + f.imm2[t]; e++) f.edgeFrom[e] = h;
  return h;
}

/** Ends a block with a jump to the header that carries the elements of `list` but the first, the context. */
function jumpTo(f: Func, block: number, header: number, list: number, pos: number): void {
  let args = EMPTY;
  for (let i = 1; i < f.listLength(list); i++) args = f.listPush(args, f.listGet(list, i));
  const t = f.newRow(Op.JUMP, Op.T_VOID, NONE, NONE, EMPTY, pos);
  f.imm[t] = f.newEdge(block, header, args);
  f.imm2[t] = 1;
  f.append(t, block);
}

/** A parameter of the header for each of the function's but the context, which takes its place. Returns the list of the latter. */
function moveParams(f: Func, header: number): number {
  let own = EMPTY;
  for (let r = f.first[0]; r !== NONE; r = f.next[r]) own = f.listPush(own, r);
  leader = ensure32(leader, f.rowCount + f.listLength(own));
  leader.fill(0, 0, f.rowCount + f.listLength(own));
  for (let i = 1; i < f.listLength(own); i++) {
    const p = f.listGet(own, i);
    leader[p] = f.addParam(header, f.ty[p], f.pos[p]);
  }
  rewriteUses(f, leader);
  return own;
}

/** Turns tail calls of a function to itself into a loop. */
export function loopTailCalls(f: Func, an: Analyses): void {
  if (!selfCalls(f) || !ok(f, 'tail-loop')) return;
  const header = splitEntry(f);
  const own = moveParams(f, header);
  jumpTo(f, 0, header, own, f.pos[f.first[0]]);
  for (let b = header; b !== NONE; b = f.blockNext[b]) {
    const t = f.last[b];
    if (!callsItself(f, t)) continue;
    f.unlink(t);
    jumpTo(f, b, header, f.c[t], f.pos[t]);
  }
  an.invalidate();
}
