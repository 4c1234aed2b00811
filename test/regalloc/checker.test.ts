/** The checker must object to allocations that are wrong: random damage to good ones. */
import { describe, expect, it } from 'vitest';
import {
  ALLOC_SLOT,
  DEF_REG,
  I_BRANCH,
  K_MASK,
  K_USE,
  USE_REG,
  type Allocation,
} from '../../src-ts/mach/vcode.ts';
import { checkAllocation } from '../../src-ts/mach/checker.ts';
import { Chaos } from '../../src-ts/mach/regalloc/chaos.ts';
import { TestFunction, X64, allocateChecked } from './builder.ts';
import { generate } from './generate.ts';

/** Removes move m. */
function removeMove(out: Allocation, m: number): void {
  for (const column of [out.movePlace, out.moveFrom, out.moveTo, out.moveType])
    column.copyWithin(m, m + 1, out.moveCount);
  out.moveCount--;
}

describe('checker', () => {
  it('objects when a move is missing', () => {
    const r = new Chaos(3);
    let damaged = 0;
    let noticed = 0;
    for (let seed = 0; seed < 60; seed++) {
      const f = generate(seed, X64, { blocks: 8, instsPerBlock: 12, window: 14, callEvery: 10 });
      const { vcode, out } = allocateChecked(f, X64);
      if (out.moveCount === 0) continue;
      removeMove(out, r.below(out.moveCount));
      damaged++;
      if (checkAllocation(vcode, out, X64).length > 0) noticed++;
    }
    // Stores of values that this path does not need again are superfluous, so not every move is missed.
    expect(noticed / damaged).toBeGreaterThan(0.8);
  });

  it('objects when an operand is elsewhere', () => {
    const r = new Chaos(4);
    let damaged = 0;
    let noticed = 0;
    for (let seed = 0; seed < 60; seed++) {
      const f = generate(seed, X64, { blocks: 6, instsPerBlock: 12, window: 14, callEvery: 10 });
      const { vcode, out } = allocateChecked(f, X64);
      const o = r.below(vcode.opndCount);
      const at = out.alloc[o]!;
      if (at < 0 || at >= ALLOC_SLOT || (vcode.con[o]! & K_MASK) !== K_USE) continue;
      out.alloc[o] = (at & 32) | ((at + 1) & 31);
      damaged++;
      if (checkAllocation(vcode, out, X64).length > 0) noticed++;
    }
    // Another register may hold a copy of the value; rarely.
    expect(noticed / damaged).toBeGreaterThan(0.9);
  });

  it('lets no path pass that never wrote the value', () => {
    const f = new TestFunction();
    const [entry, left, right, join] = [f.block(), f.block(), f.block(), f.block()];
    const [c, p, a, b] = [f.value(), f.value(), f.value(), f.value()];
    entry.insts.push({ name: 'def', operands: [[c, DEF_REG]] });
    entry.insts.push({ name: 'branch', operands: [[c, USE_REG]], flags: I_BRANCH });
    entry.succs = [1, 2];
    entry.args = [[], []];
    for (const [block, v] of [
      [left, a],
      [right, b],
    ] as const) {
      block.insts.push(
        { name: 'def', operands: [[v, DEF_REG]] },
        { name: 'jump', operands: [], flags: I_BRANCH },
      );
      block.succs = [3];
      block.args = [[v]];
    }
    join.params = [p];
    join.insts.push({ name: 'use', operands: [[p, USE_REG]] });
    const { vcode, out } = allocateChecked(f, X64);
    expect(out.moveCount).toBe(0);
    // The right side leaves its value in another register.
    out.alloc[vcode.opnd[vcode.blockStart[2]!]!] = 9;
    expect(checkAllocation(vcode, out, X64)).not.toEqual([]);
  });
});
