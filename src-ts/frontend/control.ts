/**
 * Structured control and branches.
 *
 * A frame's join is made by the first branch to its end; where there was none, the code after `end` goes on in the block
 * it is in. Values that branches carry become block parameters only where they differ.
 */
import { EMPTY, NONE } from '../ir/func.ts';
import { MAX_BR_TABLE } from '../wasm/limits.ts';
import { I32, typeNames } from '../wasm/types.ts';
import { irType } from './layout.ts';
import { FRAME_BLOCK, FRAME_ELSE, FRAME_IF, FRAME_LOOP, type State } from './state.ts';

export function block(t: State): void {
  t.blockType();
  t.checkTop(t.blockParams, true);
  t.pushFrame(FRAME_BLOCK);
}

export function loop(t: State): void {
  t.blockType();
  t.checkTop(t.blockParams, true);
  t.pushFrame(FRAME_LOOP);
  if (!t.live) return;
  const { ssa, b } = t;
  const n = t.blockParams.length;
  const header = t.newBlock();
  b.jump(header);
  ssa.setEdgeArgs(t.f.edgeCount - 1, t.values, t.sp - n, n);
  t.target[t.depth - 1] = header;
  ssa.unseal(header, t.start[t.depth - 1]!);
  t.fill(header, false);
  for (let i = 0; i < n; i++) {
    t.values[t.sp - n + i] = ssa.loopValue(header, i, irType(t.blockParams[i]!));
  }
}

export function ifThen(t: State): void {
  t.blockType();
  const cond = t.pop(I32);
  t.checkTop(t.blockParams, true);
  t.pushFrame(FRAME_IF);
  if (!t.live) return;
  const n = t.blockParams.length;
  const then = t.newBlock();
  const otherwise = t.newBlock();
  t.b.brif(cond, then, EMPTY, otherwise, EMPTY);
  t.ssa.setEdgeArgs(t.f.edgeCount - 1, t.values, t.sp - n, n);
  t.elseBlock[t.depth - 1] = otherwise;
  t.fill(then, true);
}

export function otherwise(t: State): void {
  const d = t.depth - 1;
  if (t.kind[d] !== FRAME_IF) t.fail('else without an if: END opcode expected');
  frameEnd(t, d);
  if (t.live) jumpTo(t, d);
  t.kind[d] = FRAME_ELSE;
  t.unreachable[d] = 0;
  t.sp = t.base[d]!;
  t.live = t.enteredLive[d] === 1;
  if (t.live) {
    t.fill(t.elseBlock[d]!, false);
    t.labels?.revert(t.start[d]!, t.pos);
  }
  const params = t.params[d]!;
  const edge = t.live ? t.f.predFirst[t.b.block]! : NONE;
  for (let i = 0; i < params.length; i++) {
    t.push(params[i]!, t.live ? t.ssa.edgeArg(edge, i) : 0);
  }
}

/** Checks that the stack of a frame holds exactly its results. */
function frameEnd(t: State, d: number): void {
  const results = t.results[d]!;
  t.checkTop(results, true);
  if (t.sp - results.length !== t.height) {
    const found = typeNames(t.types.subarray(t.height, t.sp));
    t.fail(`type mismatch: ${t.opName()} expects ${typeNames(results)}, the stack has ${found}`);
  }
}

export function end(t: State): void {
  const d = t.depth - 1;
  frameEnd(t, d);
  const kind = t.kind[d]!;
  if (kind === FRAME_LOOP) endLoop(t, d);
  else if (kind === FRAME_IF) endIf(t, d);
  else if (t.target[d] !== NONE) endAtJoin(t, d);
  t.depth = d;
  if (d === 0) {
    endFunction(t);
    return;
  }
  t.height = t.base[d - 1]!;
}

function endLoop(t: State, d: number): void {
  const header = t.target[d]!;
  if (header === NONE) return;
  t.ssa.seal(header, t.from[d]!, t.start[d]!);
  t.labels?.loop(header, t.start[d]!);
}

/** An `if` without `else`: the false edge carries the parameters to the join as its results. */
function endIf(t: State, d: number): void {
  if (!sameTypes(t.params[d]!, t.results[d]!)) {
    const types = `${typeNames(t.params[d]!)} -> ${typeNames(t.results[d]!)}`;
    t.fail(`type mismatch: an if without else can not have type ${types}`);
  }
  if (t.enteredLive[d] === 0) return;
  const otherwise = t.elseBlock[d]!;
  if (t.target[d] === NONE) t.target[d] = otherwise;
  else emptyElse(t, d, otherwise);
  endAtJoin(t, d);
}

/** Fills an else block with nothing but the jump to the join that a branch has already made. */
function emptyElse(t: State, d: number, otherwise: number): void {
  const { b, f, ssa } = t;
  if (t.live) jumpTo(t, d);
  t.fill(otherwise, false);
  const n = t.params[d]!.length;
  const edge = f.predFirst[otherwise]!;
  for (let i = 0; i < n; i++) t.values[t.sp - n + i] = ssa.edgeArg(edge, i);
  b.jump(t.target[d]!);
  ssa.setEdgeArgs(f.edgeCount - 1, t.values, t.sp - n, n);
  t.live = false;
}

/** Ends a frame some branch goes to the end of: the join becomes current, its label values the results. */
function endAtJoin(t: State, d: number): void {
  if (t.live) jumpTo(t, d);
  const join = t.target[d]!;
  t.ssa.join(join, t.from[d]!, t.start[d]!);
  t.fill(join, false);
  t.labels?.join(join, t.start[d]!, t.pos);
  const results = t.results[d]!;
  const at = t.sp - results.length;
  for (let i = 0; i < results.length; i++) {
    t.values[at + i] = t.ssa.labelValue(join, i, irType(results[i]!));
  }
  t.live = true;
}

/** Jumps to the target of a frame with its results, which are on top of the stack. */
function jumpTo(t: State, d: number): void {
  const n = t.results[d]!.length;
  if (t.target[d] === NONE) t.target[d] = t.newBlock();
  t.b.jump(t.target[d]!);
  if (n > 0) t.ssa.setEdgeArgs(t.f.edgeCount - 1, t.values, t.sp - n, n);
}

function endFunction(t: State): void {
  if (t.live) t.ret(t.results[0]!.length);
}

export function br(t: State): void {
  branch(t, t.label());
}

function branch(t: State, d: number): void {
  const types = t.labelTypes(d);
  t.checkTop(types, false);
  if (t.live) {
    const n = types.length;
    t.b.jump(t.labelBlock(d));
    if (n > 0) t.ssa.setEdgeArgs(t.f.edgeCount - 1, t.values, t.sp - n, n);
  }
  t.setUnreachable();
}

export function brIf(t: State): void {
  const d = t.label();
  const cond = t.pop(I32);
  const types = t.labelTypes(d);
  t.checkTop(types, true);
  if (!t.live) return;
  const n = types.length;
  const next = t.newBlock();
  t.b.brif(cond, t.labelBlock(d), EMPTY, next, EMPTY);
  if (n > 0) t.ssa.setEdgeArgs(t.f.edgeCount - 2, t.values, t.sp - n, n);
  t.fill(next, true);
}

export function brTable(t: State): void {
  const { r, f } = t;
  const count = r.length();
  if (count > MAX_BR_TABLE) t.fail(`br_table has ${count} targets, the limit is ${MAX_BR_TABLE}`);
  const index = t.pop(I32);
  const first = f.edgeCount;
  let known: Int32Array | null = null;
  for (let i = 0; i <= count; i++) {
    const d = t.label();
    const types = t.labelTypes(d);
    if (known !== null && known.length !== types.length) {
      t.fail('type mismatch: br_table labels of different arity');
    }
    if (types !== known) t.checkTop(types, false);
    known = types;
    if (t.live) tableEdge(t, t.labelBlock(d), types.length, first);
  }
  if (t.live) t.b.brtable(index, first, count + 1);
  t.setUnreachable();
}

/** One edge of a br_table; all of them carry the same values. */
function tableEdge(t: State, to: number, arity: number, first: number): void {
  const e = t.f.newEdge(t.b.block, to, EMPTY);
  if (arity === 0) return;
  if (e === first) t.ssa.setEdgeArgs(e, t.values, t.sp - arity, arity);
  else t.ssa.shareEdgeArgs(e, first);
}

/** In an inlined body, `return` goes to the end of that body. */
export function returnResults(t: State): void {
  if (t.floor > 0) return branch(t, t.floor);
  const types = t.results[0]!;
  t.checkTop(types, false);
  if (t.live) t.ret(types.length);
  t.setUnreachable();
}

function sameTypes(a: Int32Array, b: Int32Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
