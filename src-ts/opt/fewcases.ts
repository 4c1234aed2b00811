/**
 * Jump tables of few cases become tests: entries that agree with the default are no cases, neighbours that agree are one,
 * and up to three tests run faster than the check, the load and the indirect jump of a table, and take fewer bytes
 * (LLVM makes no table of fewer than four cases; WebAssembly producers make one of every dense switch).
 */
import * as Op from '../gen/ir.ts';
import { EMPTY, NONE, type Func } from '../ir/func.ts';
import type { Analyses } from './analyses.ts';
import { sameEdge } from './branches.ts';
import { ok } from './gate.ts';
import { relinkPreds } from './rewrite.ts';

const MOST_TESTS = 3;

/** Runs of entries with one edge that is not the default's: first entry and the one after the last. */
const starts = new Int32Array(MOST_TESTS);
const ends = new Int32Array(MOST_TESTS);

/** Tests for entries start..end-1: a run in the middle is moved to 0 first. */
function testsOf(start: number, end: number): number {
  return start === 0 || end === start + 1 ? 1 : 2;
}

/** Finds the runs of a table; returns how many, 0 when they take too many tests. */
function findRuns(f: Func, t: number): number {
  const first = f.imm[t];
  const cases = f.imm2[t] - 1;
  let runs = 0;
  let tests = 0;
  for (let i = 0; i < cases;) {
    const start = i++;
    if (sameEdge(f, first + start, first + cases)) continue;
    while (i < cases && sameEdge(f, first + start, first + i)) i++;
    tests += testsOf(start, i);
    if (tests > MOST_TESTS) return 0;
    starts[runs] = start;
    ends[runs++] = i;
  }
  return runs;
}

function constant(f: Func, block: number, value: number, pos: number): number {
  const r = f.newRow(Op.ICONST, Op.T_I32, NONE, NONE, NONE, pos);
  f.imm[r] = value;
  f.append(r, block);
  return r;
}

/** Appends a condition that holds for indices start..end-1. */
function test(f: Func, block: number, index: number, start: number, end: number, pos: number) {
  const one = end === start + 1;
  let from = index;
  if (start > 0 && !one) {
    from = f.newRow(Op.ISUB, Op.T_I32, index, constant(f, block, start, pos), NONE, pos);
    f.append(from, block);
  }
  const k = constant(f, block, one ? start : end - start, pos);
  const c = f.newRow(Op.ICMP, Op.T_I32, from, k, NONE, pos);
  f.imm[c] = one ? Op.ICC_EQ : Op.ICC_ULT;
  f.append(c, block);
  return c;
}

/** Puts a chain of tests in place of the table that ends a block. */
function expand(f: Func, t: number, runs: number): void {
  const table = f.imm[t];
  const other = table + f.imm2[t] - 1;
  const pos = f.pos[t];
  let block = f.block[t];
  f.unlink(t);
  for (let k = 0; k < runs; k++) {
    const cond = test(f, block, f.a[t], starts[k], ends[k], pos);
    const yes = table + starts[k];
    const last = k === runs - 1;
    const next = last ? f.edgeTo[other] : f.newBlock();
    const e = f.newEdge(block, f.edgeTo[yes], f.edgeArgs[yes]);
    f.newEdge(block, next, last ? f.edgeArgs[other] : EMPTY);
    const brif = f.newRow(Op.BRIF, Op.T_VOID, cond, NONE, EMPTY, pos);
    f.imm[brif] = e;
    f.imm2[brif] = 2;
    f.append(brif, block);
    if (!last) f.placeBlockAfter(next, block);
    block = next;
  }
}

/** Turns small jump tables into branches. */
export function testFewCases(f: Func, an: Analyses): void {
  let changed = false;
  for (let b = 0; b !== NONE; b = f.blockNext[b]) {
    const t = f.last[b];
    if (f.op[t] !== Op.BRTABLE) continue;
    const runs = findRuns(f, t);
    if (runs === 0 || !ok(f, 'few-cases')) continue;
    expand(f, t, runs);
    changed = true;
  }
  if (!changed) return;
  relinkPreds(f);
  an.invalidate();
}
