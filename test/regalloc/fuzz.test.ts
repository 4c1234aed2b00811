import { describe, expect, it } from 'vitest';
import { SMALL, X64, allocateChecked, allocateQuicklyChecked, dump } from './builder.ts';
import { generate, type Shape } from './generate.ts';
import { Allocation } from '../../src-ts/mach/vcode.ts';
import { allocate } from '../../src-ts/mach/regalloc/index.ts';

const shapes: Shape[] = [
  { blocks: 1, instsPerBlock: 40, window: 12, callEvery: 12 },
  { blocks: 8, instsPerBlock: 10, window: 8, callEvery: 15 },
  { blocks: 8, instsPerBlock: 16, window: 30, callEvery: 10 },
  { blocks: 20, instsPerBlock: 6, window: 20, callEvery: 30 },
  { blocks: 40, instsPerBlock: 4, window: 40, callEvery: 8 },
];

describe('random functions pass the checker', () => {
  for (const [name, regs] of [
    ['x64', X64],
    ['few registers', SMALL],
  ] as const) {
    shapes.forEach((shape, k) => {
      it(`${name}, shape ${k}`, () => {
        for (let seed = 0; seed < 60; seed++) {
          const chaos = seed % 3 === 2 ? seed : 0;
          try {
            allocateChecked(generate(seed * 31 + k, regs, shape), regs, chaos);
          } catch (e) {
            throw new Error(`seed ${seed}: ${(e as Error).stack}`, { cause: e });
          }
        }
      });
    });
  }

  it('by the quick method, which declines few', () => {
    let declined = 0;
    for (let seed = 0; seed < 300; seed++) {
      const shape = shapes[seed % shapes.length]!;
      const regs = seed % 4 === 3 ? SMALL : X64;
      try {
        if (!allocateQuicklyChecked(generate(seed * 17 + 5, regs, shape), regs)) declined++;
      } catch (e) {
        throw new Error(`seed ${seed}: ${(e as Error).stack}`, { cause: e });
      }
    }
    expect(declined).toBeLessThan(100);
  });

  it('gives the same answer again', () => {
    const f = generate(7, X64, shapes[3]!);
    const first = allocateChecked(f, X64);
    allocateChecked(generate(8, X64, shapes[4]!), X64);
    const out = new Allocation();
    allocate(first.vcode, X64, out);
    expect(dump(f, first.vcode, out)).toBe(dump(f, first.vcode, first.out));
  });
});
