/**
 * Loop-invariant code motion: a row whose operands are defined outside a loop moves to the loop's preheader, as far out as it can.
 *
 * Moved are pure rows, divisions that can not trap, and loads of classes the loop does not write that can not trap. A load that may trap moves only
 * from the start of the header, where it is sure to execute before any other effect. Constants are not moved on their own (they are free to make
 * again) but follow a row that needs them; compares stay, so that they fuse with their branch.
 */
import { aliasClass, CLASS_READONLY, mayTrap } from '../analysis/aliases.ts';
import type { Loops } from '../analysis/loops.ts';
import { MemState } from '../analysis/memstate.ts';
import { ensure32 } from '../analysis/scratch.ts';
import * as Op from '../gen/ir.ts';
import { NONE, type Func } from '../ir/func.ts';
import type { Analyses } from './analyses.ts';
import { ok } from './gate.ts';
import { makePreheaders, preheaderEdge } from './preheaders.ts';

/** Rows other than loads moved out of one loop: each needs a register through the loop. */
const LIMIT = 24;
/** Loops that one row leaves at once, at most: the guest may nest thousands. */
const LEVELS = 16;

const mem = new MemState();
let preheader = new Int32Array(0);
let moved = new Int32Array(0);

/** Whether a value is available before a loop. */
function outside(f: Func, loops: Loops, l: number, v: number): boolean {
  if (v === NONE || f.op[v] === Op.ICONST || f.op[v] === Op.FCONST) return true;
  return !loops.contains(l, f.block[v]);
}

function movable(f: Func, r: number): boolean {
  const op = f.op[r];
  if (op <= Op.FCONST || op === Op.ICMP || op === Op.FCMP) return false;
  if (op === Op.BOUND) return true;
  const facts = Op.OP_FACTS[op];
  return (facts & (Op.F_WRITES | Op.F_TERMINATOR | Op.F_LIST)) === 0 && f.ty[r] !== Op.T_VOID;
}

function isLoad(f: Func, r: number): boolean {
  return Op.OP_AUX[f.op[r]] === Op.AUX_MEM;
}

function invariant(f: Func, loops: Loops, l: number, r: number): boolean {
  const n = Op.OP_ARGS[f.op[r]];
  if (n > 0 && !outside(f, loops, l, f.a[r])) return false;
  if (n > 1 && !outside(f, loops, l, f.b[r])) return false;
  if (n > 2 && !outside(f, loops, l, f.c[r])) return false;
  if (!isLoad(f, r)) return true;
  const c = aliasClass(f.aux[r]);
  return c === CLASS_READONLY || ((mem.writtenIn(l) >> c) & 1) === 0;
}

/**
 * Whether a row must not execute where it would not have. A load of memory or of a table may be marked NOTRAP because a check comes
 * before it, so only loads of the instance's own state, which is always there, are free to move.
 */
function guarded(f: Func, r: number): boolean {
  if (mayTrap(f, r)) return true;
  if (!isLoad(f, r)) return false;
  const region = f.aux[r] & 0xff;
  return region === Op.R_MEMORY || region === Op.R_TABLE || region === Op.R_ANY;
}

/** The outermost loop that a row of block b may leave, NONE when it stays. */
function destination(f: Func, loops: Loops, b: number, r: number, clean: boolean): number {
  const trap = guarded(f, r);
  let to = NONE;
  let levels = LEVELS;
  for (let l = loops.of[b]; l !== NONE && levels-- > 0; l = loops.parent[l]) {
    if (trap && (!clean || loops.header[l] !== b)) break;
    if (preheader[l] === NONE || !invariant(f, loops, l, r)) break;
    to = l;
  }
  return to;
}

function moveTo(f: Func, r: number, block: number): void {
  f.unlink(r);
  f.insertBefore(r, f.last[block]);
}

/** Moves a constant operand along when it lies in the loop. */
function carry(f: Func, loops: Loops, l: number, v: number, block: number): void {
  if (
    v !== NONE &&
    (f.op[v] === Op.ICONST || f.op[v] === Op.FCONST) &&
    loops.contains(l, f.block[v])
  )
    moveTo(f, v, block);
}

function hoist(f: Func, loops: Loops, l: number, r: number): boolean {
  const load = isLoad(f, r);
  if (!load && moved[l] >= LIMIT) return false;
  if (!ok(f, load ? 'licm-load' : 'licm')) return false;
  if (!load) moved[l]++;
  const block = preheader[l];
  const n = Op.OP_ARGS[f.op[r]];
  if (n > 0) carry(f, loops, l, f.a[r], block);
  if (n > 1) carry(f, loops, l, f.b[r], block);
  if (n > 2) carry(f, loops, l, f.c[r], block);
  moveTo(f, r, block);
  return true;
}

function visitBlock(f: Func, loops: Loops, b: number): void {
  // Nothing that has an effect or may trap came before in this block.
  let clean = true;
  for (let r = f.first[b]; r !== NONE;) {
    const after = f.next[r];
    const l = movable(f, r) ? destination(f, loops, b, r, clean) : NONE;
    const gone = l !== NONE && hoist(f, loops, l, r);
    if (!gone && ((Op.OP_FACTS[f.op[r]] & Op.F_WRITES) !== 0 || mayTrap(f, r))) clean = false;
    r = after;
  }
}

/** Moves invariants out of loops; makes preheaders where they are missing. The function must have no unreachable blocks. */
export function hoistInvariants(f: Func, an: Analyses): void {
  an.needLoops(f);
  if (an.loops.count === 0) return;
  makePreheaders(f, an);
  const { cfg, dom, loops } = an;
  mem.start(f, cfg, dom, loops);
  preheader = ensure32(preheader, loops.count);
  moved = ensure32(moved, loops.count);
  for (let l = 0; l < loops.count; l++) {
    const e = preheaderEdge(f, dom, loops.header[l]);
    preheader[l] = e === NONE ? NONE : f.edgeFrom[e];
    moved[l] = 0;
  }
  for (let i = 0; i < cfg.count; i++)
    if (loops.of[cfg.order[i]] !== NONE) visitBlock(f, loops, cfg.order[i]);
}
