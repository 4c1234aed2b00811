/** Preheaders: the block before a loop that only jumps to its header, where what the loop needs once can be put. */
import type { Dominators } from '../analysis/dominators.ts';
import * as Op from '../gen/ir.ts';
import { EMPTY, NONE, type Func } from '../ir/func.ts';
import type { Analyses } from './analyses.ts';

/** The edge that enters a loop, when it is the only one; NONE otherwise. */
function entryEdge(f: Func, dom: Dominators, h: number): number {
  let entry = NONE;
  for (let e = f.predFirst[h]; e !== NONE; e = f.edgeNextPred[e]) {
    if (dom.dominates(h, f.edgeFrom[e])) continue;
    if (entry !== NONE) return NONE;
    entry = e;
  }
  return entry;
}

/** The edge from the preheader of the loop with header h; NONE when there is no preheader. */
export function preheaderEdge(f: Func, dom: Dominators, h: number): number {
  const e = h === 0 ? NONE : entryEdge(f, dom, h);
  return e === NONE || f.op[f.last[f.edgeFrom[e]]] !== Op.JUMP ? NONE : e;
}

/** Sends the edges into a loop from outside to block p, which stands before it. */
function redirect(f: Func, dom: Dominators, h: number, p: number): void {
  let last = NONE;
  for (let e = f.predFirst[h]; e !== NONE;) {
    const after = f.edgeNextPred[e];
    if (!dom.dominates(h, f.edgeFrom[e])) {
      if (last === NONE) f.predFirst[h] = after;
      else f.edgeNextPred[last] = after;
      if (after === NONE) f.predLast[h] = last;
      f.linkPred(e, p);
    } else last = e;
    e = after;
  }
}

/** Puts a new block before a header. When several edges lead to it, it has the header's parameters. */
function makePreheader(f: Func, dom: Dominators, h: number): void {
  const p = f.newBlock();
  f.placeBlockAfter(p, f.blockPrev[h]);
  const pos = f.pos[f.first[h]];
  const only = entryEdge(f, dom, h);
  let args = EMPTY;
  if (only === NONE) {
    let q = f.first[h];
    for (let i = 0; i < f.paramCount[h]; i++, q = f.next[q])
      args = f.listPush(args, f.addParam(p, f.ty[q], pos));
  } else {
    args = f.edgeArgs[only];
    f.edgeArgs[only] = EMPTY;
  }
  redirect(f, dom, h, p);
  const t = f.newRow(Op.JUMP, Op.T_VOID, NONE, NONE, EMPTY, pos);
  f.imm[t] = f.newEdge(p, h, args);
  f.imm2[t] = 1;
  f.append(t, p);
}

/** Gives every loop a preheader; computes the analyses anew when blocks were made. The loops must be known. */
export function makePreheaders(f: Func, an: Analyses): void {
  const { dom, loops } = an;
  const blocks = f.blockCount;
  for (let l = 0; l < loops.count; l++) {
    const h = loops.header[l];
    if (h !== 0 && preheaderEdge(f, dom, h) === NONE) makePreheader(f, dom, h);
  }
  if (f.blockCount === blocks) return;
  an.invalidate();
  an.needLoops(f);
}
