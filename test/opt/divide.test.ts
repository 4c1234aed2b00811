/** Divisions of i64 by constants of every size, on dividends near their multiples and at the ends of the range. */
import { describe, expect, it } from 'vitest';
import { parse } from '../../src-ts/ir/parse.ts';
import { print } from '../../src-ts/ir/print.ts';
import { runPass } from '../../src-ts/opt/pipeline.ts';
import { interpret } from '../ir/interp.ts';

const M64 = (1n << 64n) - 1n;
const divisors = [
  3n,
  5n,
  6n,
  7n,
  10n,
  641n,
  1000n,
  1000000007n,
  (1n << 32n) + 1n,
  0xcafebabedeadbeefn,
];
for (const k of [31n, 32n, 33n, 62n, 63n]) divisors.push((1n << k) - 1n, (1n << k) + 1n);
divisors.push(M64 - 1n, M64 - 2n, M64 - 9n, M64 ^ (1n << 40n));

function dividends(d: bigint): bigint[] {
  const out = [0n, 1n, 2n, M64, M64 - 1n, 1n << 63n, (1n << 63n) - 1n, (1n << 63n) + 1n];
  for (const q of [1n, 2n, 3n, M64 / d, M64 / d / 2n, (M64 / d) >> 7n])
    for (const e of [-1n, 0n, 1n]) out.push((q * d + e) & M64, (-(q * d) + e) & M64);
  return out;
}

describe('i64 divisions by constants', () => {
  for (const op of ['udiv', 'sdiv', 'urem', 'srem']) {
    it(op, () => {
      for (const d of divisors) {
        const k = BigInt.asIntN(64, d);
        const text = `function 0 sig0 (i64 -> i64) {\nblock0(v1: i64, v2: i64):\n  v3: i64 = iconst ${k}\n  v4: i64 = ${op} v2, v3\n  ret v4\n}\n`;
        const f = parse(text)[0]!;
        runPass(f, 'divide');
        expect(print(f)).not.toMatch(/= (udiv|sdiv|urem|srem)/);
        const before = parse(text)[0]!;
        for (const x of dividends(d))
          expect(`${x} by ${k}: ${interpret(f, [x], 1).result}`).toBe(
            `${x} by ${k}: ${interpret(before, [x], 1).result}`,
          );
      }
    });
  }
});
