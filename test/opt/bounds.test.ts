/**
 * Functions with explicit bounds checks before and after all passes, and after `bounds` alone: results, memory, calls and the place of a trap must be
 * the same, and no access may be made that is far outside the memory. Pointers move up and down in loops, near 0, near the end of the
 * memory and near 2^32; calls make the memory larger. OPT_FUZZ=n runs n times as many seeds.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as Abi from '../../src-ts/gen/abi.ts';
import * as Op from '../../src-ts/gen/ir.ts';
import { Builder } from '../../src-ts/ir/build.ts';
import { EMPTY, Func, NONE } from '../../src-ts/ir/func.ts';
import { TextSignatures } from '../../src-ts/ir/parse.ts';
import { print } from '../../src-ts/ir/print.ts';
import { verify } from '../../src-ts/ir/verify.ts';
import { fold, Gate, optimize, runPass, setGate } from '../../src-ts/opt/pipeline.ts';
import { interpret, type Outcome } from '../ir/interp.ts';
import { Rng } from '../ir/random.ts';

const SCALE = Number(process.env['OPT_FUZZ'] ?? 1);
const SLACK = Abi.MEMORY_TAIL - Abi.MEMORY_NEAR;
const STEPS = [4, 4, 4, 4, 1, 8, 16, -4, -8, 0, SLACK >> 2, SLACK >> 2, SLACK >> 2, SLACK >> 1];
const DISTANCES = [0, 0, 0, 0, 0, 0, 4, 4, 8, 12, -4, 64];
const FAR = [SLACK, SLACK + 1, SLACK + 64, 2 * SLACK - 64, SLACK - 4, 1 << 20];
const GOOD = [0, 4, 60, 100, 200];
const ODD = [232, 244, 248, 252, 256, 257, 260, 300, -1, -4, -8, 1 << 20, 1 << 22, 1 << 30];

class Maker {
  private readonly rng: Rng;
  private readonly f = new Func();
  private readonly b = new Builder(this.f);
  private readonly ctx: number;
  private readonly base: number;
  private pointers: number[] = [];
  /** Numbers that conditions limit: counters of loops, masked bytes. */
  private small: number[] = [];
  private pos = 1;
  private depth = 0;
  private budget = 40;

  constructor(seed: number, withRules: boolean) {
    const { f, b } = this;
    this.rng = new Rng(seed);
    if (withRules) b.fold = fold;
    const sigs = new TextSignatures();
    sigs.set(0, Uint8Array.of(Op.T_I32, Op.T_I32, Op.T_I32), Uint8Array.of(Op.T_I32));
    sigs.set(1, Uint8Array.of(Op.T_I32), Uint8Array.of(Op.T_I32));
    f.clear(0, 0, sigs);
    f.placeBlock(f.newBlock());
    this.ctx = f.addParam(0, Op.T_I64, 0);
    for (let i = 0; i < 3; i++) this.pointers.push(f.addParam(0, Op.T_I32, 0));
    this.base = b.load(Op.LOAD, Op.T_I64, this.ctx, NONE, 0, 0, Op.R_READONLY | Op.MEM_NOTRAP);
  }

  make(): Func {
    this.body();
    this.b.ret(this.list([this.pointer()]));
    return this.f;
  }

  private list(vs: readonly number[]): number {
    let l = EMPTY;
    for (const v of vs) l = this.f.listPush(l, v);
    return l;
  }

  private pointer(): number {
    const near = this.pointers.slice(-4);
    return this.rng.pick(near);
  }

  private start(block: number): void {
    this.f.placeBlock(block);
    this.b.block = block;
  }

  private scoped(build: () => void): void {
    const [pointers, small] = [this.pointers.length, this.small.length];
    this.depth++;
    build();
    this.depth--;
    this.pointers.length = pointers;
    this.small.length = small;
  }

  private body(): void {
    for (let n = 1 + this.rng.below(5); n > 0 && this.budget > 0; n--) this.statement();
  }

  private statement(): void {
    this.budget--;
    const k = this.rng.below(12);
    if (k < 6) this.access();
    else if (k < 7) this.derive();
    else if (k < 8) this.call();
    else if (k < 10 && this.depth < 3) this.branch();
    else if (this.depth < 3) this.loop();
  }

  private plus(v: number, k: number): number {
    return k === 0 ? v : this.b.binary(Op.IADD, Op.T_I32, v, this.b.iconst32(k));
  }

  private access(): void {
    const { rng, b } = this;
    b.pos = this.pos++;
    let at = this.pointer();
    if (this.small.length > 0 && rng.one(3)) at = this.scaled(at, rng.pick(this.small));
    at = this.plus(at, rng.pick(rng.one(16) ? FAR : DISTANCES));
    const memdef = Op.R_MEMDEF | Op.MEM_NOTRAP;
    const bytes = b.load(Op.LOAD, Op.T_I64, this.ctx, NONE, Abi.MEMORY_BYTES, 0, memdef);
    const offset = rng.one(12) ? Abi.MEMORY_NEAR - 8 : rng.pick([0, 0, 4, 8]);
    b.bound(at, bytes, 0, 0);
    if (rng.one(2)) {
      const v = b.load(Op.LOAD, Op.T_I32, this.base, at, offset, 0, Op.R_MEMORY);
      if (rng.one(8)) this.pointers.push(v);
      else if (rng.one(3)) this.pointers.push(b.binary(Op.IAND, Op.T_I32, v, b.iconst32(0xf8)));
    } else b.store(Op.STORE, this.base, at, this.pointer(), offset, 0, Op.R_MEMORY);
  }

  /** A pointer, or nothing, and an index times the size of an element. */
  private scaled(pointer: number, index: number): number {
    const { b, rng } = this;
    const size = b.iconst32(rng.pick([0, 2, 3, 10]));
    const offset = b.binary(Op.ISHL, Op.T_I32, index, size);
    return rng.one(6) ? offset : b.binary(Op.IADD, Op.T_I32, pointer, offset);
  }

  /** A pointer that is below another, or small. */
  private derive(): void {
    const { rng, b } = this;
    const v = this.pointer();
    const op = rng.pick([Op.IAND, Op.IOR, Op.USHR]);
    const k = op === Op.IOR ? rng.pick([1, 4, 7]) : op === Op.USHR ? rng.pick([1, 8]) : -8;
    this.pointers.push(b.binary(op, Op.T_I32, v, b.iconst32(k)));
  }

  private call(): void {
    const args = this.list([this.ctx, this.pointer()]);
    this.b.call(Op.CALL, Op.T_I32, NONE, args, this.rng.below(4), 1);
  }

  private branch(): void {
    const { b, rng } = this;
    const [yes, join] = [this.f.newBlock(), this.f.newBlock()];
    const c = b.icmp(rng.pick([Op.ICC_ULT, Op.ICC_EQ]), this.pointer(), b.iconst32(200));
    b.brif(c, yes, EMPTY, join, EMPTY);
    this.start(yes);
    this.scoped(() => this.body());
    b.jump(join, EMPTY);
    this.start(join);
  }

  /** A loop of a few rounds with two pointers that move; sometimes one goes on in the middle with another step. */
  private loop(): void {
    const { rng, b, f } = this;
    const [header, exit] = [f.newBlock(), f.newBlock()];
    b.jump(header, this.list([b.iconst32(0), this.pointer(), this.pointer()]));
    this.start(header);
    const [i, p, q] = [0, 1, 2].map(() => f.addParam(header, Op.T_I32, 0));
    const rounds = b.iconst32(2 + rng.below(rng.one(3) ? 12 : 4));
    const again = (): number =>
      this.list([
        b.binary(Op.IADD, Op.T_I32, i, b.iconst32(1)),
        this.plus(p, rng.pick(STEPS)),
        rng.one(6) ? p : this.plus(q, rng.pick(STEPS)),
      ]);
    this.scoped(() => {
      this.pointers.push(p, q);
      this.small.push(i);
      if (rng.one(6)) this.leave(b.icmp(Op.ICC_ULT, i, rounds), exit);
      this.body();
      if (rng.one(4)) this.latch(header, i, again());
      this.body();
      const next = again();
      // A counter that is compared after its step is limited, one that is compared before it is not known to be.
      const counter = rng.one(3) ? i : f.listGet(next, 0);
      const more = b.icmp(rng.pick([Op.ICC_ULT, Op.ICC_NE]), counter, rounds);
      b.brif(more, header, next, exit, EMPTY);
    });
    this.start(exit);
  }

  /** Leaves the loop here unless a condition holds. */
  private leave(stays: number, exit: number): void {
    const go = this.f.newBlock();
    this.b.brif(stays, go, EMPTY, exit, EMPTY);
    this.start(go);
  }

  /** Another back edge, taken in the first round. */
  private latch(header: number, i: number, args: number): void {
    const { b, f } = this;
    const go = f.newBlock();
    b.brif(i, go, EMPTY, header, args);
    this.start(go);
  }
}

function outcomes(f: Func, seed: number): Outcome[] {
  const rng = new Rng(seed);
  return Array.from({ length: 10 }, (_, i) => {
    const args = [0, 1, 2].map(() => BigInt(rng.pick(rng.one(5) ? ODD : GOOD) >>> 0));
    return interpret(f, args, seed + i, true);
  });
}

function check(f: Func, what: string, seed: number, before: Outcome[], text: string): void {
  const errors = verify(f);
  if (errors.length === 0) {
    let after: Outcome[] | string;
    try {
      after = outcomes(f, seed);
    } catch (e) {
      after = String(e);
    }
    if (JSON.stringify(after) === JSON.stringify(before)) return;
    const results = typeof after === 'string' ? after : after.map((o) => o.result).join();
    errors.push(`${before.map((o) => o.result).join()} became ${results}`);
  }
  throw new Error(`seed ${seed}, ${what}: ${errors.join('\n')}\n${text}\nbecame\n${print(f)}`);
}

const gate = new Gate();
beforeAll(() => setGate(gate));
afterAll(() => setGate(null));

describe('explicit bounds checks', () => {
  it.each([true, false])('mean the same after bounds alone, rules: %s', (withRules) => {
    for (let seed = 1; seed <= 600 * SCALE; seed++) {
      const f = new Maker(seed, withRules).make();
      const text = print(f);
      expect(verify(f)).toEqual([]);
      const before = outcomes(f, seed);
      runPass(f, 'bounds');
      check(f, 'bounds', seed, before, text);
    }
  });

  it('mean the same at level 2', () => {
    for (let seed = 1; seed <= 600 * SCALE; seed++) {
      const f = new Maker(seed + 10_000, true).make();
      const text = print(f);
      const before = outcomes(f, seed);
      optimize(f, '2', { after: (pass) => check(f, pass, seed, before, text) });
    }
  });

  it('are removed in each way', () => {
    for (const name of ['bounds-known', 'bounds-near', 'bounds-entry', 'bounds-clamp', 'versions'])
      expect(gate.counts.get(name) ?? 0, name).toBeGreaterThan(20);
  });
});
