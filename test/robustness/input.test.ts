/** Damaged modules and objects of fixed seeds; `npm run fuzz:bad` gives more. */
import { expect, test } from 'vitest';
import { watch, type Kind } from './watch.ts';

const SEEDS: [Kind, number, number][] = [
  ['modules', 1, 400],
  ['flips', 1, 300],
  ['objects', 1, 600],
];

for (const [kind, first, count] of SEEDS) {
  test(`${count} damaged: ${kind}`, { timeout: 120_000 }, async () => {
    const { findings, tally, endless } = await watch(kind, first, count);
    expect(findings).toEqual([]);
    expect(tally['cases']).toBe(count - endless.length);
    expect(tally['refused']).toBeGreaterThan(count / 4);
  });
}
