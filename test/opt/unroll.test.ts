/**
 * Loops that count in every way, from and to numbers near 0, the extremes and each other: what they compute, store and trap at is the
 * same after unrolling. Some end only when their pointer leaves the memory; pointers of others wrap around where nothing is accessed.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parse } from '../../src-ts/ir/parse.ts';
import { print } from '../../src-ts/ir/print.ts';
import { verify } from '../../src-ts/ir/verify.ts';
import { Gate, optimize, runPass, setGate } from '../../src-ts/opt/pipeline.ts';
import { interpret } from '../ir/interp.ts';

const CONDITIONS = ['ne', 'ult', 'ule', 'slt', 'sle', 'ugt', 'uge', 'sgt', 'sge', 'eq'];
const STEPS = [1, 3, -4];
const STARTS = [0, -6, 0x7ffffffb, -0x7ffffffe];
const DISTANCES = [0, 1, 5, 9, 17, -1];
const MOST = 60;

const gate = new Gate();
beforeAll(() => setGate(gate));
afterAll(() => setGate(null));

/** How often the loop goes round, at most MOST + 1. */
function rounds(cc: string, step: number, offset: number, start: number, limit: number): number {
  let x = start;
  for (let i = 0; i <= MOST; i++, x = (x + step) | 0) {
    const [signed, unsigned] = [(x + offset) | 0, (x + offset) >>> 0];
    const on: Record<string, boolean> = {
      eq: signed === limit,
      ne: signed !== limit,
      ult: unsigned < limit >>> 0,
      ule: unsigned <= limit >>> 0,
      slt: signed < limit,
      sle: signed <= limit,
      ugt: unsigned > limit >>> 0,
      uge: unsigned >= limit >>> 0,
      sgt: signed > limit,
      sge: signed >= limit,
    };
    if (!on[cc]) return i;
  }
  return MOST + 1;
}

interface Shape {
  cc: string;
  step: number;
  /** Whether what is tested is the counter after the step. */
  after: boolean;
  /** Limit of constant n; else the second parameter. */
  constant: number | undefined;
  /** Whether accesses are made only where the pointer is in the memory. */
  guarded: boolean;
  /** Whether the loop has another exit. */
  exits: boolean;
}

/** An outer loop of two rounds round a loop with counter v10, pointer v11 and sum v12. */
function text(s: Shape): string {
  const limit = s.constant === undefined ? 'v3' : 'v21';
  const body = s.guarded
    ? `  v30: i32 = iconst 480
  v31: i32 = icmp.ult v11, v30
  brif v31, block4, block5(v12)
block4:
  v32: i32 = load memory0 [v5 + v11 + 4]
  v33: i32 = iadd v12, v32
  jump block5(v33)`
    : `  v32: i32 = load memory0 [v5 + v11 + 4]
  store8 memory0 [v5 + v11], v10
  v33: i32 = iadd v12, v32
  jump block5(v33)`;
  const leave = s.exits
    ? `  v40: i32 = iconst 77
  v41: i32 = icmp.eq v13, v40
  brif v41, block7(v14), block6`
    : '  jump block6';
  return `function 0 $count sig0 (i32 i32 i32 -> i32) {
block0(v1: i64, v2: i32, v3: i32, v4: i32):
  v5: i64 = load readonly0 [v1] notrap
  v6: i32 = iconst 0
  jump block1(v6, v6)
block1(v7: i32, v8: i32):
  v9: i32 = iconst 1
  v20: i32 = iconst 4
  jump block2(v2, v4, v8)
block2(v10: i32, v11: i32, v12: i32):
${body}
block5(v13: i32):
  v21: i32 = iconst ${s.constant ?? 0}
  v22: i32 = iconst ${s.step}
  v14: i32 = iadd v10, v22
  v15: i32 = iadd v11, v20
${leave}
block6:
  v16: i32 = icmp.${s.cc} ${s.after ? 'v14' : 'v10'}, ${limit}
  brif v16, block2(v14, v15, v13), block7(v15)
block7(v17: i32):
  v18: i32 = iadd v13, v17
  v19: i32 = iadd v7, v9
  v23: i32 = icmp.ult v19, v20
  brif v23, block1(v19, v18), block8
block8:
  ret v18
}
`;
}

function check(shape: Shape, runs: readonly bigint[][]): void {
  const source = text(shape);
  const before = runs.map((args) => interpret(parse(source)[0]!, args, 0));
  const once = parse(source)[0]!;
  runPass(once, 'unroll');
  const whole = parse(source)[0]!;
  optimize(whole, '2');
  for (const f of [once, whole]) {
    expect(verify(f)).toEqual([]);
    const wrong = runs.findIndex(
      (args, i) => JSON.stringify(interpret(f, args, 0)) !== JSON.stringify(before[i]),
    );
    if (wrong >= 0) throw new Error(`${runs[wrong]!}\n${source}\nbecame\n${print(f)}`);
  }
}

const u32 = (n: number): bigint => BigInt(n >>> 0);

it.each(CONDITIONS)('loops that go on while %s', { timeout: 120_000 }, async (cc) => {
  for (const step of STEPS) {
    await new Promise((resolve) => setImmediate(resolve)); // vitest takes a process that blocks for dead
    for (const after of [false, true]) {
      for (const [guarded, exits] of [
        [false, false],
        [true, false],
        [false, true],
      ] as const) {
        const limits = new Map<number | undefined, bigint[][]>();
        for (const start of STARTS) {
          for (const distance of DISTANCES) {
            const limit = (start + Math.sign(step) * distance) | 0;
            if (guarded && rounds(cc, step, after ? step : 0, start, limit) > MOST) continue;
            const pointer = guarded ? [-16, 300] : [400];
            const runs = pointer.map((p) => [u32(start), u32(limit), u32(p)]);
            limits.set(undefined, [...(limits.get(undefined) ?? []), ...runs]);
            if (distance === 9) limits.set(limit, [...(limits.get(limit) ?? []), ...runs]);
            if (limit === 0) limits.set(0, [...(limits.get(0) ?? []), ...runs]);
          }
        }
        for (const [constant, runs] of limits)
          check({ cc, step, after, constant, guarded, exits }, runs);
      }
    }
  }
});

it('loops whose iterations are known', () => {
  for (const step of [1, -1, 5]) {
    for (let n = 0; n < 12; n++) {
      const shape = {
        cc: 'ne',
        step,
        after: true,
        constant: n * step,
        guarded: false,
        exits: false,
      };
      const source = text(shape).replace('jump block2(v2,', 'jump block2(v6,');
      const before = interpret(parse(source)[0]!, [0n, 0n, 16n], 0);
      const f = parse(source)[0]!;
      runPass(f, 'unroll');
      expect(verify(f), print(f)).toEqual([]);
      expect(interpret(f, [0n, 0n, 16n], 0)).toEqual(before);
    }
  }
});

it('are unrolled in every way', () => {
  for (const name of ['unroll', 'unroll-known', 'unroll-address'])
    expect(gate.counts.get(name) ?? 0).toBeGreaterThan(0);
});
