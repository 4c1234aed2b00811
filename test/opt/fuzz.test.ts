/**
 * Random functions are run before and after each pass, after all passes, and as built with and without the peephole rules: the results, the traps, the
 * memory and the calls must be the same, and the verifier must be content after every pass. OPT_FUZZ=n runs n times as many seeds.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Func } from '../../src-ts/ir/func.ts';
import { parse } from '../../src-ts/ir/parse.ts';
import { print } from '../../src-ts/ir/print.ts';
import { verify } from '../../src-ts/ir/verify.ts';
import {
  fold,
  Gate,
  optimize,
  PASSES,
  runPass,
  setGate,
  type Level,
} from '../../src-ts/opt/pipeline.ts';
import { randomExpression } from '../ir/expressions.ts';
import { interpret, type Outcome } from '../ir/interp.ts';
import { randomArgs, randomFunction, Rng } from '../ir/random.ts';

const SCALE = Number(process.env.OPT_FUZZ ?? 1);

function outcomes(f: Func, seed: number): Outcome[] {
  const rng = new Rng(seed);
  return [0, 1, 2].map((i) => interpret(f, randomArgs(rng), seed + i));
}

function check(f: Func, what: string, seed: number, before: Outcome[], text: string): void {
  const errors = verify(f);
  const after = errors.length > 0 ? [] : outcomes(f, seed);
  if (errors.length === 0 && JSON.stringify(after) === JSON.stringify(before)) return;
  const why =
    errors.length > 0
      ? errors.join('\n')
      : `${before.map((o) => o.result)} became ${after.map((o) => o.result)}`;
  throw new Error(`seed ${seed}, ${what}: ${why}\n${text}\nbecame\n${print(f)}`);
}

const gate = new Gate();
beforeAll(() => setGate(gate));
afterAll(() => setGate(null));

/** Every name that a rule or pass asks the gate about, from the sources. */
function ruleNames(): string[] {
  const dir = join(import.meta.dirname, '../../src-ts/opt');
  // These have tests of their own.
  const apart = ['bounds.ts', 'unroll.ts', 'versions.ts'];
  const files = readdirSync(dir, { recursive: true, encoding: 'utf8' }).filter(
    (n) => n.endsWith('.ts') && !apart.includes(n),
  );
  const text = files.map((n) => readFileSync(join(dir, n), 'utf8')).join('\n');
  const names = [...text.matchAll(/(?:ok\(f|reassociate\(b, r), ('[^)]*')\)/g)].flatMap((m) => [
    ...m[1].matchAll(/'([a-z0-9-]+)'/g),
  ]);
  return [...new Set(names.map((m) => m[1]))].sort();
}

describe('random functions', () => {
  it('are sound, and print and parse', () => {
    for (let seed = 1; seed <= 200 * SCALE; seed++) {
      const f = randomFunction(seed, 60);
      expect(verify(f)).toEqual([]);
      const text = print(f);
      expect(print(parse(text)[0])).toBe(text);
    }
  });

  it('mean the same when built with the peephole rules', () => {
    for (let seed = 1; seed <= 600 * SCALE; seed++) {
      const plain = randomFunction(seed, 50);
      const folded = randomFunction(seed, 50, fold);
      check(folded, 'fold', seed, outcomes(plain, seed), print(plain));
    }
  });

  it.each(PASSES.map((p) => p.name))('mean the same after %s', (name) => {
    for (let seed = 1; seed <= 300 * SCALE; seed++) {
      const f = randomFunction(seed + 5000, 60, seed % 2 === 0 ? fold : null);
      const text = print(f);
      const before = outcomes(f, seed);
      runPass(f, name);
      check(f, name, seed, before, text);
    }
  });

  it.each(['0', '1', '2', 's'] as Level[])('mean the same at level %s', (level) => {
    for (let seed = 1; seed <= 300 * SCALE; seed++) {
      const f = randomFunction(seed + 9000, 90, seed % 4 === 0 ? null : fold);
      const text = print(f);
      const before = outcomes(f, seed);
      optimize(f, level, { after: (p) => check(f, p, seed, before, text) });
      check(f, `level ${level}`, seed, before, text);
    }
  });

  it('mean the same as expressions, built with rules and numbered', () => {
    for (let seed = 1; seed <= 4000 * SCALE; seed++) {
      const plain = randomExpression(seed, null);
      const text = print(plain);
      const before = outcomes(plain, seed);
      check(randomExpression(seed, fold), 'fold', seed, before, text);
      optimize(plain, '2');
      check(plain, 'level 2', seed, before, text);
    }
  });

  it('meet every named rule', () => {
    expect(ruleNames().filter((n) => !gate.counts.has(n))).toEqual([]);
  });
});
