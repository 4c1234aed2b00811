/**
 * Random IR functions through lowering, allocation and emission, for every target, the baseline and all CPU features: the symbolic
 * checker agrees with the allocation, Capstone reads every byte of code, and the side tables are in order and point at
 * instructions.
 */
import { describe, expect, it } from 'vitest';
import { checkAllocation } from '../../src-ts/mach/checker.ts';
import type { CodeRecord } from '../../src-ts/object/records.ts';
import { fold, optimize } from '../../src-ts/opt/pipeline.ts';
import type { Allocation, RegisterFile } from '../../src-ts/mach/vcode.ts';
import type { Lowering } from '../../src-ts/mach/lower.ts';
import type { CodeSettings } from '../../src-ts/mach/target.ts';
import type { Func } from '../../src-ts/ir/func.ts';
import * as A64 from '../../src-ts/target/aarch64/index.ts';
import { registers as a64Registers } from '../../src-ts/target/aarch64/machine.ts';
import * as X64 from '../../src-ts/target/x64/index.ts';
import { registers as x64Registers } from '../../src-ts/target/x64/machine.ts';
import { randomFunction } from '../ir/random.ts';
import { instructions, type Target } from '../target/disassemble.ts';

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

interface Compiler {
  readonly codeBytes: number;
  readonly lowering: Lowering;
  readonly allocation: Allocation;
  compileFunction(f: Func, settings: CodeSettings): CodeRecord;
}

/** A target, its way of reading code, and the sets of features to try. */
interface Subject {
  name: string;
  target: Target;
  make: () => Compiler;
  registers: RegisterFile;
  features: readonly number[];
}

const SUBJECTS: readonly Subject[] = [
  {
    name: 'x86-64',
    target: 'x64',
    make: () => new X64.FunctionCompiler(),
    registers: x64Registers,
    features: [0, ALL_FEATURES],
  },
  {
    name: 'AArch64',
    target: 'aarch64',
    make: () => new A64.FunctionCompiler(),
    registers: a64Registers,
    features: [0],
  },
];

function check(subject: Subject, compiler: Compiler, seed: number, features: number): void {
  const f = randomFunction(seed, 40 + (seed % 5) * 60, seed % 2 === 0 ? fold : null);
  if (seed % 3 === 0) optimize(f, '2', {});
  const record = compiler.compileFunction(f, {
    features,
    preservesContext: seed % 7 !== 0,
    quick: seed % 4 === 1,
    alignsLoops: seed % 5 < 2,
  });
  const { lowering, allocation } = compiler;
  expect(checkAllocation(lowering.code, allocation, subject.registers)).toEqual([]);
  const end = compiler.codeBytes;
  const starts = new Set<number>();
  let next = 0;
  for (const x of instructions(subject.target, record.code, end)) {
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

describe.each(SUBJECTS)('random functions for $name', (subject) => {
  const compiler = subject.make();
  it.each(subject.features)('features %i', (features) => {
    for (let seed = 1; seed <= 150; seed++) check(subject, compiler, seed, features);
  });

  it('gives the same bytes whatever was compiled before', () => {
    const settings = { features: subject.features.at(-1)!, preservesContext: true, quick: false };
    const fresh = subject.make().compileFunction(randomFunction(77, 200), settings);
    const used = compiler.compileFunction(randomFunction(77, 200), settings);
    expect(used).toEqual(fresh);
  });
});
