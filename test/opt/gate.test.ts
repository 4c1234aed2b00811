/** The matcher: counting, switching off, function ranges and fuel; the pipeline's order constraints name passes that exist. */
import { afterEach, describe, expect, it } from 'vitest';
import { print } from '../../src-ts/ir/print.ts';
import {
  Gate,
  optimize,
  ORDER,
  PASSES,
  setGate,
  type GateOptions,
} from '../../src-ts/opt/pipeline.ts';
import { randomFunction } from '../ir/random.ts';

function run(options: GateOptions): { gate: Gate; text: string } {
  const gate = new Gate(options);
  setGate(gate);
  const f = randomFunction(12, 80);
  f.index = 3;
  optimize(f, '2');
  return { gate, text: print(f) };
}

afterEach(() => setGate(null));

describe('gate', () => {
  const full = run({});
  const total = [...full.gate.counts.values()].reduce((x, y) => x + y, 0);

  it('counts rewrites', () => {
    expect(total).toBeGreaterThan(10);
    expect(full.gate.counts.get('gvn')).toBeGreaterThan(0);
  });
  it('stops when the fuel is used up, and says where', () => {
    const half = run({ fuel: total >> 1 });
    expect([...half.gate.counts.values()].reduce((x, y) => x + y, 0)).toBe(total >> 1);
    expect(half.gate.last).toMatch(/ in function 3$/);
    expect(run({ fuel: total }).text).toBe(full.text);
  });
  it('leaves functions outside the range alone', () => {
    const outside = run({ functions: [4, 9] });
    expect(outside.gate.counts.size).toBe(0);
  });
  it('switches names off, and on alone', () => {
    expect(run({ off: ['gvn*'] }).gate.counts.has('gvn')).toBe(false);
    expect(
      [...run({ only: ['params-*', 'const-*'] }).gate.counts.keys()].every((n) =>
        /^(params|const)-/.test(n),
      ),
    ).toBe(true);
  });
  it('orders only passes that exist', () => {
    const names = PASSES.map((p) => p.name);
    for (const [x, y] of ORDER) expect(names).toEqual(expect.arrayContaining([x, y]));
  });
});
