/**
 * The limits of what is done about bounds checks (`bounds`, `versions`), each met exactly and passed by one: a check is removed as
 * far as the tail behind the memory reaches, and no further. The functions are executed on the edge of the memory, where an
 * access behind the tail is an error of the interpreter.
 */
import { describe, expect, it } from 'vitest';
import * as Abi from '../../src-ts/gen/abi.ts';
import { parse } from '../../src-ts/ir/parse.ts';
import { print } from '../../src-ts/ir/print.ts';
import { verify } from '../../src-ts/ir/verify.ts';
import { runPass } from '../../src-ts/opt/pipeline.ts';
import { interpret } from '../ir/interp.ts';

const SLACK = Abi.MEMORY_TAIL - Abi.MEMORY_NEAR;
const STEP = SLACK / 4;
/** The last offset of an access of 4 bytes that a check of the index alone vouches for. */
const LAST = Abi.MEMORY_NEAR - 4;

/** A function of two indices v2 and v3; v4 is the memory's size, v5 its base, v6 0. */
const text = (body: string): string => `function 0 $f sig0 (i32 i32 -> i32) {
block0(v1: i64, v2: i32, v3: i32):
  v4: i64 = load memdef0 [v1 + 8] notrap
  v5: i64 = load memdef0 [v1] notrap
  v6: i32 = iconst 0
${body}
}
`;

/** What is done to an index that was checked and accessed, and to the same a distance further. */
const further = (distance: number): string => `
  bound v2, v4, 0
  store8 memory0 [v5 + v2], v3
  v7: i32 = iconst ${distance}
  v8: i32 = iadd v2, v7
  bound v8, v4, 0
  store memory0 [v5 + v8 + ${LAST}], v3
  ret v3`;

/** A pointer that moves in a loop: checked at a distance from where it is accessed. */
const moving = (step: number, checked: number): string => `
  v7: i32 = iconst ${step}
  v8: i32 = iconst ${checked}
  v10: i32 = iconst 3
  v11: i32 = iconst 1
  bound v2, v4, 0
  store8 memory0 [v5 + v2], v3
  jump block1(v2, v6)
block1(v20: i32, v21: i32):
  v22: i32 = iadd v20, v8
  bound v22, v4, 0
  v23: i32 = load8_u memory0 [v5 + v22 + ${LAST}]
  store8 memory0 [v5 + v20], v3
  v25: i32 = iadd v20, v7
  v26: i32 = iadd v21, v11
  v27: i32 = icmp.ult v26, v10
  brif v27, block1(v25, v26), block2
block2:
  ret v23`;

/** An index that is at most `mask`. */
const masked = (mask: number): string => `
  v7: i32 = iconst ${mask}
  v8: i32 = iand v2, v7
  bound v8, v4, 0
  store memory0 [v5 + v8 + ${LAST}], v3
  ret v3`;

/** A loop that counts by `step` to `end`, and accesses v2 plus the counter plus a constant. */
const counting = (end: number, step: number, plus = 0): string => `
  v7: i32 = iconst ${end}
  v8: i32 = iconst ${step}
  v9: i32 = iconst ${plus}
  jump block1(v6)
block1(v20: i32):
  v22: i32 = iadd v2, v20
  v23: i32 = iadd v22, v9
  bound v23, v4, 0
  v24: i32 = load memory0 [v5 + v23 + ${LAST}]
  v25: i32 = iadd v20, v8
  v26: i32 = icmp.ne v25, v7
  brif v26, block1(v25), block2
block2:
  ret v24`;

/** A counter as `counting` has it, behind one check and access of v2. */
const vouched = (end: number, step: number, plus = 0): string =>
  `  bound v2, v4, 0\n  store8 memory0 [v5 + v2], v3${counting(end, step, plus)}`;

/** A check with an offset, as `addresses` makes them: of what v2 is plus the offset, without a wrap. */
const offset = (by: number): string => `
  v7: i32 = iconst 0xff
  v8: i32 = iand v2, v7
  bound v8, v4, ${by}
  store memory0 [v5 + v8 + ${by}], v3
  ret v3`;

/** A checked index, and the check of an access at a large offset from less than that. */
const end = (past: number): string => `
  bound v2, v4, 0
  store8 memory0 [v5 + v2], v3
  v7: i32 = iconst -64
  v8: i32 = iadd v2, v7
  bound v8, v4, ${past}
  store8 memory0 [v5 + v8 + ${past - 1}], v3
  ret v3`;

/** Checks that are left, offsets included. */
function left(body: string, passes: readonly string[]): string[] {
  const f = parse(text(body))[0]!;
  for (const pass of passes) runPass(f, pass);
  expect(verify(f)).toEqual([]);
  const before = parse(text(body))[0]!;
  for (const v2 of [0, 4, 200, 252, 253, 255, 256, 257, -1, -4, -SLACK, -STEP])
    for (const v3 of [0, 7]) {
      const args = [BigInt(v2 >>> 0), BigInt(v3)];
      const outcome = interpret(f, args, 1, true).result;
      expect(outcome.startsWith('trap'), `${v2}\n${print(f)}`).toBe(
        interpret(before, args, 1, true).result.startsWith('trap'),
      );
    }
  return [...print(f).matchAll(/bound .*, (.*)/g)].map((m) => m[1]!);
}

const bounds = (body: string): number => left(body, ['bounds']).length;

/** How many versions of its only access a function gets; one of them has no check. */
function versions(body: string): number {
  const f = parse(text(body))[0]!;
  runPass(f, 'versions');
  const accesses = print(f).match(/= load memory0/g)!.length;
  expect(left(body, ['versions', 'bounds'])).toHaveLength(1);
  return accesses;
}

describe('limits of removed checks', () => {
  it('a distance from a checked index', () => {
    expect(bounds(further(SLACK))).toBe(1);
    expect(bounds(further(SLACK + 1))).toBe(2);
    expect(bounds(further(-1))).toBe(2);
  });

  it('a moving pointer: its step, and where it is checked', () => {
    expect(bounds(moving(STEP, 0))).toBe(1);
    expect(bounds(moving(STEP + 1, 0))).toBe(2);
    expect(bounds(moving(STEP, STEP))).toBe(1);
    expect(bounds(moving(STEP, STEP + 1))).toBe(2);
    expect(bounds(moving(-4, 0))).toBe(2);
  });

  it('an index that is a number below a limit', () => {
    expect(bounds(masked(SLACK))).toBe(0);
    expect(bounds(masked(SLACK + 1))).toBe(1);
  });

  it('a checked index and a number below a limit', () => {
    expect(bounds(vouched(SLACK + 4, 4))).toBe(1);
    expect(bounds(vouched(SLACK + 8, 4))).toBe(2);
    // Passes by its end.
    expect(bounds(vouched(42, 4))).toBe(2);
    expect(bounds(vouched(STEP + 4, 4, SLACK - STEP))).toBe(1);
    expect(bounds(vouched(STEP + 4, 4, SLACK - STEP + 1))).toBe(2);
  });

  it('a constant that was moved into the check', () => {
    expect(left(offset(SLACK - 0xff), ['bounds'])).toEqual([]);
    expect(left(offset(SLACK - 0xfe), ['bounds'])).toEqual(['0']);
    expect(left(offset(SLACK), ['bounds'])).toEqual(['0']);
    // An end, not a constant of the index.
    expect(left(offset(Abi.MEMORY_NEAR + 1), ['bounds'])).toEqual(['2097153']);
    expect(left(end(Abi.MEMORY_NEAR + 1), ['bounds'])).toEqual(['0', '2097153']);
  });

  it('what is asked before a loop', () => {
    expect(versions(counting(SLACK + 4, 4))).toBe(2);
    expect(versions(counting(SLACK + 8, 4))).toBe(1);
    expect(versions(counting(STEP + 4, 4, SLACK - STEP))).toBe(2);
    expect(versions(counting(STEP + 4, 4, SLACK - STEP + 1))).toBe(1);
    expect(versions(counting(STEP + 4, 4, -SLACK))).toBe(2);
    expect(versions(counting(STEP + 4, 4, -SLACK - 1))).toBe(1);
  });
});
