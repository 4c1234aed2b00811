/** Graphs that a hostile module may choose, large enough that anything quadratic would not finish: the pipeline must get through them. */
import { describe, expect, it } from 'vitest';
import * as Op from '../../src-ts/gen/ir.ts';
import { Builder } from '../../src-ts/ir/build.ts';
import { EMPTY, Func } from '../../src-ts/ir/func.ts';
import { TextSignatures } from '../../src-ts/ir/parse.ts';
import { fold, optimize } from '../../src-ts/opt/pipeline.ts';

const N = 20000;

function start(): { f: Func; b: Builder; ctx: number; x: number } {
  const f = new Func();
  const sigs = new TextSignatures();
  sigs.set(0, Uint8Array.of(Op.T_I32), Uint8Array.of(Op.T_I32));
  f.clear(0, 0, sigs);
  f.placeBlock(f.newBlock());
  const b = new Builder(f);
  b.fold = fold;
  return { f, b, ctx: f.addParam(0, Op.T_I64, 0), x: f.addParam(0, Op.T_I32, 0) };
}

const one = (f: Func, v: number): number => f.listPush(EMPTY, v);

describe('large functions', () => {
  it('many exits to one block', () => {
    const { f, b, ctx, x } = start();
    const exit = f.newBlock();
    let v = x;
    for (let i = 0; i < N; i++) {
      v = b.binary(Op.IADD, Op.T_I32, v, b.load(Op.LOAD, Op.T_I32, ctx, v, 8, 0, Op.R_MEMORY));
      const next = f.newBlock();
      b.brif(b.icmp(Op.ICC_SLT, v, x), exit, one(f, v), next, EMPTY);
      f.placeBlock(next);
      b.block = next;
    }
    b.jump(exit, one(f, v));
    f.placeBlock(exit);
    b.block = exit;
    b.ret(one(f, f.addParam(exit, Op.T_I32, 0)));
    optimize(f, '2');
    expect(f.paramCount[exit]).toBe(1);
  });

  it('a table of empty blocks', () => {
    const { f, b, x } = start();
    const exit = f.newBlock();
    const arms = Array.from({ length: N }, () => f.newBlock());
    const e = f.edgeCount;
    for (const a of arms) f.newEdge(0, a, EMPTY);
    b.brtable(x, e, N);
    arms.forEach((a, i) => {
      f.placeBlock(a);
      b.block = a;
      b.jump(exit, one(f, b.iconst32(i)));
    });
    f.placeBlock(exit);
    b.block = exit;
    b.ret(one(f, f.addParam(exit, Op.T_I32, 0)));
    optimize(f, '2');
    expect(f.imm2[f.last[0]]).toBe(N);
  });

  it('deeply nested loops', () => {
    const { f, b, x } = start();
    const depth = 2000;
    const headers: number[] = [];
    for (let i = 0; i < depth; i++) {
      const h = f.newBlock();
      b.jump(h);
      f.placeBlock(h);
      b.block = h;
      headers.push(h);
    }
    const square = b.binary(Op.IMUL, Op.T_I32, x, x);
    const sum = b.binary(Op.IADD, Op.T_I32, square, x);
    for (let i = depth - 1; i >= 0; i--) {
      const out = f.newBlock();
      b.brif(b.icmp(Op.ICC_SLT, sum, b.iconst32(i + 5)), headers[i], EMPTY, out, EMPTY);
      f.placeBlock(out);
      b.block = out;
    }
    b.ret(one(f, sum));
    optimize(f, '2');
    expect(f.block[square]).not.toBe(headers[depth - 1]);
  });

  it('a long straight line', () => {
    const { f, b, ctx, x } = start();
    let v = x;
    for (let i = 0; i < N * 5; i++) {
      v = b.binary(i % 3 === 0 ? Op.IXOR : Op.IMUL, Op.T_I32, v, i % 7 === 0 ? x : v);
      if (i % 5 === 0) b.store(Op.STORE, ctx, v, v, i & 0xff, 0, Op.R_MEMORY);
      if (i % 11 === 0) {
        const next = f.newBlock();
        b.jump(next);
        f.placeBlock(next);
        b.block = next;
      }
    }
    b.ret(one(f, v));
    optimize(f, '2');
    expect(f.blockNext[0]).toBe(-1);
  });
});
