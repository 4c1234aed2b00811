/** What good code looks like: no moves in loops that need none, spills in the colder place. */
import { describe, expect, it } from 'vitest';
import {
  ALLOC_NONE,
  ALLOC_SLOT,
  DEF_REG,
  I_BRANCH,
  I_CALL,
  I_REMAT,
  I_RETURN,
  USE_ANY,
  USE_REG,
  defFixed,
  defReuse,
  tempFixed,
  useFixed,
  type Allocation,
  type VCode,
} from '../../src-ts/mach/vcode.ts';
import {
  TestFunction,
  X64,
  X64_CALL_CLOBBERS,
  allocateChecked,
  dump,
  type TestBlock,
} from './builder.ts';

const branch = (b: TestBlock, v: number): void => {
  b.insts.push({ name: 'branch', operands: [[v, USE_REG]], flags: I_BRANCH });
};
const jump = (b: TestBlock, to: number, args: number[] = []): void => {
  b.insts.push({ name: 'jump', operands: [], flags: I_BRANCH });
  b.succs = [to];
  b.args = [args];
};
const ret = (b: TestBlock, v: number): void => {
  b.insts.push({ name: 'ret', operands: [[v, useFixed(0)]], flags: I_BRANCH | I_RETURN });
};

/** Moves placed in block b. */
function movesIn(vc: VCode, out: Allocation, b: number): number {
  let n = 0;
  for (let m = 0; m < out.moveCount; m++) {
    const p = out.movePlace[m]!;
    if (p >= vc.blockStart[b]! && p < vc.blockStart[b + 1]!) n++;
  }
  return n;
}

/** entry -> header(params) -> body -> header / exit, with `live` loop-carried sums of an unchanged value each. */
function sumLoop(
  live: number,
  extra: (f: TestFunction, body: TestBlock) => void = () => undefined,
): TestFunction {
  const f = new TestFunction();
  f.clobberSets.push(X64_CALL_CLOBBERS);
  const [entry, header, body, exit] = [f.block(), f.block(1), f.block(1), f.block()];
  const start = Array.from({ length: live }, () => f.value());
  for (const v of start) entry.insts.push({ name: 'def', operands: [[v, DEF_REG]] });
  header.params = start.map(() => f.value());
  jump(entry, 1, start);
  branch(header, header.params[0]!);
  header.succs = [2, 3];
  header.args = [[], []];
  const next = header.params.map((p, k) => {
    const d = f.value();
    const other = header.params[(k + 1) % live]!;
    body.insts.push({
      name: 'add',
      operands: [
        [d, defReuse(1)],
        [p, USE_REG],
        [k + 1 < live ? other : p, USE_ANY],
      ],
    });
    return d;
  });
  extra(f, body);
  jump(body, 1, next);
  ret(exit, header.params[0]!);
  return f;
}

describe('quality', () => {
  it('keeps a loop with as many values as registers free of moves and spills', () => {
    for (const live of [1, 4, 8, 13]) {
      const f = sumLoop(live);
      const { vcode, out } = allocateChecked(f, X64);
      expect(movesIn(vcode, out, 1) + movesIn(vcode, out, 2), dump(f, vcode, out)).toBe(0);
      expect(out.slotCount).toBe(0);
    }
  });

  it('spills the excess of a bigger loop without memory to memory moves', () => {
    const f = sumLoop(25);
    const { vcode, out } = allocateChecked(f, X64);
    // 12 values too many: each loaded and stored once a round at most.
    expect(
      movesIn(vcode, out, 1) + movesIn(vcode, out, 2),
      dump(f, vcode, out),
    ).toBeLessThanOrEqual(26);
  });

  it('does not pay in the hot loop for a call in a cold block', () => {
    const f = new TestFunction();
    f.clobberSets.push(X64_CALL_CLOBBERS);
    const [entry, header, body, cold, latch, exit] = [
      f.block(),
      f.block(1),
      f.block(1),
      f.block(1, true),
      f.block(1),
      f.block(),
    ];
    const start = Array.from({ length: 10 }, () => f.value());
    entry.insts.push({ name: 'args', operands: start.map((v) => [v, DEF_REG]) });
    jump(entry, 1, [start[0]!]);
    const i = f.value();
    header.params = [i];
    branch(header, i);
    header.succs = [2, 5];
    header.args = [[], []];
    for (const v of start) body.insts.push({ name: 'use', operands: [[v, USE_REG]] });
    branch(body, i);
    body.succs = [3, 4];
    const joined = f.block(1);
    body.succs = [3, 6];
    body.args = [[], []];
    cold.insts.push({ name: 'call', operands: [[i, useFixed(0)]], flags: I_CALL, clobber: 1 });
    jump(cold, 4);
    jump(joined, 4);
    const j = f.value();
    latch.insts.push({
      name: 'inc',
      operands: [
        [j, defReuse(1)],
        [i, USE_REG],
      ],
    });
    jump(latch, 1, [j]);
    ret(exit, start[0]!);
    const { vcode, out } = allocateChecked(f, X64);
    for (const b of [1, 2, 4, 6]) expect(movesIn(vcode, out, b), dump(f, vcode, out)).toBe(0);
  });

  it('keeps a value that crosses calls in one callee-saved register', () => {
    const f = new TestFunction();
    f.clobberSets.push(X64_CALL_CLOBBERS);
    const b = f.block();
    const [ctx, x] = [f.value(), f.value()];
    b.insts.push({
      name: 'args',
      operands: [
        [ctx, defFixed(15)],
        [x, defFixed(0)],
      ],
    });
    for (let k = 0; k < 3; k++) {
      b.insts.push({
        name: 'call',
        operands: [
          [ctx, useFixed(15)],
          [x, useFixed(0)],
        ],
        flags: I_CALL,
        clobber: 1,
      });
    }
    ret(b, x);
    const { vcode, out } = allocateChecked(f, X64);
    expect(out.slotCount, dump(f, vcode, out)).toBe(0);
    // One move to a saved register, and one to the argument register per call but the first, and to the result.
    expect(out.moveCount, dump(f, vcode, out)).toBe(4);
    expect(out.usedCalleeSaved.gp & (1 << 15)).toBe(0);
  });

  it('materialises a constant outside the loop that uses it, once', () => {
    const f = sumLoop(3, () => undefined);
    const c = f.value();
    f.blocks[0]!.insts.unshift({ name: 'const', operands: [[c, DEF_REG]], flags: I_REMAT });
    f.blocks[2]!.insts.unshift({ name: 'use', operands: [[c, USE_REG]] });
    const { vcode, out } = allocateChecked(f, X64);
    expect(out.alloc[vcode.opnd[0]!]).toBe(ALLOC_NONE);
    expect(movesIn(vcode, out, 0), dump(f, vcode, out)).toBe(1);
    expect(out.moveCount).toBe(1);
  });

  it('uses a value it has no register for from memory', () => {
    const f = new TestFunction();
    const b = f.block();
    const values = Array.from({ length: 20 }, () => f.value());
    for (const v of values) b.insts.push({ name: 'def', operands: [[v, DEF_REG]] });
    let sum = values[19]!;
    for (const v of values.slice(0, 19)) {
      const d = f.value();
      b.insts.push({
        name: 'add',
        operands: [
          [d, defReuse(1)],
          [sum, USE_REG],
          [v, USE_ANY],
        ],
      });
      sum = d;
    }
    ret(b, sum);
    const { vcode, out } = allocateChecked(f, X64);
    let loads = 0;
    for (let m = 0; m < out.moveCount; m++) if (out.moveFrom[m]! >= ALLOC_SLOT) loads++;
    expect(loads, dump(f, vcode, out)).toBe(0);
  });

  it('saves no register for a value that only the longer way keeps across a call', () => {
    const f = new TestFunction();
    f.clobberSets.push(X64_CALL_CLOBBERS);
    const [entry, early, slow] = [f.block(), f.block(), f.block()];
    const x = f.value();
    entry.insts.push({ name: 'args', operands: [[x, defFixed(0)]] });
    branch(entry, x);
    entry.succs = [1, 2];
    entry.args = [[], []];
    ret(early, x);
    slow.insts.push({ name: 'call', operands: [[x, useFixed(0)]], flags: I_CALL, clobber: 1 });
    ret(slow, x);
    const { vcode, out } = allocateChecked(f, X64);
    expect(out.usedCalleeSaved.gp, dump(f, vcode, out)).toBe(0);
    expect(movesIn(vcode, out, 0) + movesIn(vcode, out, 1), dump(f, vcode, out)).toBe(0);
    expect(movesIn(vcode, out, 2), dump(f, vcode, out)).toBe(2);
  });

  it('saves a register for a value that a loop keeps across its call', () => {
    const f = sumLoop(1, (_, body) => {
      body.insts.push({ name: 'call', operands: [], flags: I_CALL, clobber: 1 });
    });
    const { vcode, out } = allocateChecked(f, X64);
    expect(out.slotCount, dump(f, vcode, out)).toBe(0);
    expect(out.usedCalleeSaved.gp).not.toBe(0);
    expect(movesIn(vcode, out, 1) + movesIn(vcode, out, 2), dump(f, vcode, out)).toBe(0);
  });

  it('makes a constant that starts a parameter on the edge, not in a register before', () => {
    const f = new TestFunction();
    const [entry, left, right, join] = [f.block(), f.block(), f.block(), f.block()];
    const [x, c, p] = [f.value(), f.value(), f.value()];
    entry.insts.push({ name: 'const', operands: [[c, DEF_REG]], flags: I_REMAT });
    entry.insts.push({ name: 'def', operands: [[x, DEF_REG]] });
    branch(entry, x);
    entry.succs = [1, 2];
    entry.args = [[], []];
    jump(left, 3, [c]);
    jump(right, 3, [x]);
    join.params = [p];
    ret(join, p);
    const { vcode, out } = allocateChecked(f, X64);
    expect(movesIn(vcode, out, 0), dump(f, vcode, out)).toBe(0);
    expect(movesIn(vcode, out, 1), dump(f, vcode, out)).toBe(1);
    expect(out.moveCount, dump(f, vcode, out)).toBe(1);
  });

  it('gives a join within a loop the registers of the header, whichever way is taken more', () => {
    const f = new TestFunction();
    const [entry, header, plain, calls, latch, exit] = [
      f.block(),
      f.block(1),
      f.block(1),
      f.block(1),
      f.block(1),
      f.block(),
    ];
    const kept = f.value();
    const moved = f.value();
    entry.insts.push({ name: 'def', operands: [[kept, defFixed(1)]] });
    entry.insts.push({ name: 'def', operands: [[moved, defFixed(2)]] });
    jump(entry, 1);
    branch(header, kept);
    header.succs = [2, 5];
    header.args = [[], []];
    branch(plain, moved);
    const straight = f.block(1);
    plain.succs = [3, 6];
    plain.args = [[], []];
    // This way drives `kept` from its register.
    calls.insts.push({
      name: 'fixed',
      operands: [[f.value(), tempFixed(1)]],
    });
    jump(calls, 4);
    jump(straight, 4);
    latch.insts.push({ name: 'use', operands: [[kept, USE_REG]] });
    jump(latch, 1);
    ret(exit, moved);
    const { vcode, out } = allocateChecked(f, X64);
    const hot = movesIn(vcode, out, 1) + movesIn(vcode, out, 4) + movesIn(vcode, out, 6);
    expect(hot, dump(f, vcode, out)).toBe(0);
  });

  it('hands a variable of a loop on with one move', () => {
    for (const tied of [false, true]) {
      const f = new TestFunction();
      const [entry, header, body, exit] = [f.block(), f.block(1), f.block(1), f.block()];
      const start = [f.value(), f.value()];
      for (const v of start) entry.insts.push({ name: 'def', operands: [[v, DEF_REG]] });
      header.params = [f.value(), f.value()];
      jump(entry, 1, start);
      const [previous, current] = header.params as [number, number];
      branch(header, previous);
      header.succs = [2, 3];
      header.args = [[], []];
      // previous = current, current = next: both live when `next` is made, and used again before the way back.
      const next = f.value();
      body.insts.push({
        name: 'next',
        operands: [
          [next, tied ? defReuse(1) : DEF_REG],
          [current, USE_REG],
        ],
      });
      for (const v of [current, next]) body.insts.push({ name: 'use', operands: [[v, USE_REG]] });
      jump(body, 1, [current, next]);
      ret(exit, current);
      const { vcode, out } = allocateChecked(f, X64);
      expect(movesIn(vcode, out, 2), dump(f, vcode, out)).toBe(1);
    }
  });
});
