import { describe, expect, it } from 'vitest';
import { ALLOC_SLOT, REMAT_BASE } from '../../src-ts/mach/vcode.ts';
import { ParallelMove } from '../../src-ts/mach/parallelmove.ts';
import { Chaos } from '../../src-ts/mach/regalloc/chaos.ts';
import { T_F64, T_I32, T_I64, T_V128 } from '../../src-ts/gen/ir.ts';
import { X64 } from './builder.ts';

interface Move {
  from: number;
  to: number;
  type: number;
}

/** Runs moves one after the other; a v128 in memory is two values ("lo", "hi" of it). */
function run(moves: Move[], start: Map<number, string>): Map<number, string> {
  const state = new Map(start);
  for (const { from, to, type } of moves) {
    if (from >= ALLOC_SLOT && from < REMAT_BASE && to >= ALLOC_SLOT)
      throw new Error('memory to memory');
    const fp = type === T_F64 || type === T_V128;
    for (const x of [from, to]) if (x < ALLOC_SLOT && x >= 32 !== fp) throw new Error('class');
    if (type === T_V128) {
      const value =
        from >= ALLOC_SLOT && from < REMAT_BASE
          ? join(state.get(from)!, state.get(from + 1)!)
          : state.get(from)!;
      if (to >= ALLOC_SLOT) {
        state.set(to, `${value}.lo`);
        state.set(to + 1, `${value}.hi`);
      } else state.set(to, value);
    } else state.set(to, from >= REMAT_BASE ? `remat${from}` : state.get(from)!);
  }
  return state;
}

function join(lo: string, hi: string): string {
  if (!lo.endsWith('.lo') || hi !== lo.replace(/lo$/, 'hi')) throw new Error(`halves ${lo} ${hi}`);
  return lo.slice(0, -3);
}

function randomMoves(r: Chaos): Move[] {
  const places = [
    0,
    1,
    2,
    3,
    32,
    33,
    34,
    ...[0, 1, 2, 3, 4, 5, 6, 8, 10].map((k) => ALLOC_SLOT + k),
  ];
  const moves: Move[] = [];
  const written = new Set<number>();
  const kindOf = (x: number): number[] => {
    if (x < 32) return [0];
    if (x < ALLOC_SLOT) return [1, 2];
    return x >= ALLOC_SLOT + 6 ? [2] : [0, 1];
  };
  // A location has one type as source.
  const sourceKind = new Map(places.map((x) => [x, kindOf(x)[r.below(kindOf(x).length)]!]));
  for (let k = r.below(14); k > 0; k--) {
    const to = places[r.below(places.length)]!;
    const from = places[r.below(places.length)]!;
    const kind = sourceKind.get(from)!;
    if (written.has(to) || !kindOf(to).includes(kind)) continue;
    written.add(to);
    const type = [r.oneIn(2) ? T_I32 : T_I64, T_F64, T_V128][kind]!;
    moves.push(kind === 0 && r.oneIn(6) ? { from: REMAT_BASE + k, to, type } : { from, to, type });
  }
  return moves;
}

function startState(moves: Move[]): Map<number, string> {
  const state = new Map<number, string>();
  for (const { from, type } of moves) {
    if (type === T_V128 && from >= ALLOC_SLOT) {
      state.set(from, `v${from}.lo`);
      state.set(from + 1, `v${from}.hi`);
    } else state.set(from, `v${from}`);
  }
  return state;
}

describe('parallel moves', () => {
  it('have the effect of doing all at once, for random sets', () => {
    const pm = new ParallelMove();
    const r = new Chaos(1);
    let done = 0;
    for (let round = 0; round < 20000; round++) {
      const moves = randomMoves(r);
      const start = startState(moves);
      for (const m of moves) pm.add(m.from, m.to, m.type);
      const sequence: Move[] = [];
      pm.resolve(0, X64, { move: (_place, from, to, type) => sequence.push({ from, to, type }) });
      const end = run(sequence, start);
      for (const m of moves) {
        const value =
          m.from >= REMAT_BASE
            ? `remat${m.from}`
            : m.type === T_V128
              ? `v${m.from}`
              : start.get(m.from)!;
        const found =
          m.type === T_V128 && m.to >= ALLOC_SLOT
            ? join(end.get(m.to)!, end.get(m.to + 1)!)
            : end.get(m.to);
        if (found !== value) throw new Error(`round ${round}: ${found} instead of ${value}`);
      }
      done++;
    }
    expect(done).toBe(20000);
  });
});
