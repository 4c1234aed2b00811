// A few hundred random modules against Node's own engine, seeds fixed; `npm run fuzz` runs more.
import { expect, test } from 'vitest';
import { Engine } from '../../src-ts/index.ts';
import { fuzz } from './run.ts';
import type { WasmEngine } from './differential.ts';

const SETTINGS = [
  { optLevel: 2 },
  { optLevel: 0 },
  { optLevel: 2, explicitChecks: true },
  { optLevel: 1, cpu: 'baseline' },
] as const;

test('random modules behave as on V8', { timeout: 600_000 }, async () => {
  const engines = SETTINGS.map((s) => new Engine(s).WebAssembly as unknown as WasmEngine);
  let compared = 0;
  for (let seed = 1; seed <= 120; seed += 20) {
    const tally = fuzz(engines, seed, 20);
    expect(tally.differences).toEqual([]);
    compared += tally.compared;
    await new Promise((resolve) => setImmediate(resolve)); // vitest takes a process that blocks for dead
  }
  expect(compared).toBeGreaterThan(100);
});
