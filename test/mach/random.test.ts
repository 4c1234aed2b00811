/**
 * Random IR functions through lowering, allocation and emission, for the baseline and for all CPU features: the symbolic
 * checker agrees with the allocation, Capstone reads every byte of code, and the side tables are in order and point at
 * instructions.
 */
import { describe, expect, it } from 'vitest';
import { checkAllocation } from '../../src-ts/mach/checker.ts';
import type { CodeRecord } from '../../src-ts/object/records.ts';
import { fold, optimize } from '../../src-ts/opt/pipeline.ts';
import { FunctionCompiler } from '../../src-ts/target/x64/index.ts';
import { registers } from '../../src-ts/target/x64/machine.ts';
import { randomFunction } from '../ir/random.ts';
import { instructions } from '../target/x64/disassemble.ts';

const ALL_FEATURES = 0xfff;

/** Offsets of a table's rows: ascending, and each the start of an instruction (or the end of one). */
function checkOffsets(
  record: CodeRecord,
  table: Int32Array,
  stride: number,
  at: Set<number>,
): void {
  let last = 0;
  for (let i = 0; i < table.length; i += stride) {
    expect(table[i]).toBeGreaterThanOrEqual(last);
    expect(at.has(table[i])).toBe(true);
    last = table[i];
  }
  expect(last).toBeLessThanOrEqual(record.code.length);
}

function check(compiler: FunctionCompiler, seed: number, features: number): void {
  const f = randomFunction(seed, 40 + (seed % 5) * 60, seed % 2 === 0 ? fold : null);
  if (seed % 3 === 0) optimize(f, '2', {});
  const record = compiler.compileFunction(f, { features, preservesContext: seed % 7 !== 0 });
  expect(checkAllocation(compiler.lowering.code, compiler.allocation, registers)).toEqual([]);
  const end = compiler.codeBytes;
  const starts = new Set<number>();
  let next = 0;
  for (const x of instructions(record.code, end)) {
    expect(x.address).toBe(next);
    starts.add(next);
    next += x.size;
  }
  expect(next).toBe(end);
  starts.add(end);
  checkOffsets(record, record.traps, 3, starts);
  checkOffsets(record, record.addrmap, 2, starts);
  checkOffsets(record, record.unwind, 4, starts);
}

describe('random functions', () => {
  const compiler = new FunctionCompiler();
  for (const [name, features] of [
    ['baseline', 0],
    ['all features', ALL_FEATURES],
  ] as const) {
    it(name, () => {
      for (let seed = 1; seed <= 150; seed++) check(compiler, seed, features);
    });
  }

  it('gives the same bytes whatever was compiled before', () => {
    const settings = { features: ALL_FEATURES, preservesContext: true };
    const fresh = new FunctionCompiler().compileFunction(randomFunction(77, 200), settings);
    const used = compiler.compileFunction(randomFunction(77, 200), settings);
    expect(used).toEqual(fresh);
  });
});
