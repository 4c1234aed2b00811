/** Random IR functions from a seed: structured control flow with merges, counted loops, tables, memory, globals, calls, traps. */
import * as Op from '../../src-ts/gen/ir.ts';
import { Builder } from '../../src-ts/ir/build.ts';
import { EMPTY, Func, NONE } from '../../src-ts/ir/func.ts';
import type { Fold } from '../../src-ts/ir/build.ts';
import { TextSignatures } from '../../src-ts/ir/parse.ts';

export class Rng {
  private s: number;
  constructor(seed: number) {
    this.s = Math.imul(seed, 0x9e3779b1) ^ 0x5bd1e995;
  }
  /** A number in 0..n-1. */
  below(n: number): number {
    let x = (this.s += 0x6d2b79f5);
    x = Math.imul(x ^ (x >>> 15), x | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) % n;
  }
  pick<T>(xs: readonly T[]): T {
    return xs[this.below(xs.length)];
  }
  one(n: number): boolean {
    return this.below(n) === 0;
  }
}

const INTS = [
  0, 1, -1, 2, 3, 4, 7, 8, 10, 16, 24, 31, 32, 63, 100, 255, 256, 65535, 65536, 0x7fffffff,
  -0x80000000, -2, -7, -8, 641, 1000000007,
];
const F64S = [
  '0',
  '8000000000000000',
  '3ff0000000000000',
  'bff0000000000000',
  '4000000000000000',
  '3fe0000000000000',
  '7ff0000000000000',
  '7ff8000000000000',
  '4059000000000000',
  'c1e0000000000000',
  '41efffffffe00000',
  '3fb999999999999a',
  '0010000000000000',
  '7ff0000000000001',
];
const F32S = [
  '0',
  '80000000',
  '3f800000',
  'bf800000',
  '40000000',
  '3f000000',
  '7f800000',
  '7fc00000',
  '42c80000',
  'cf000000',
  '3dcccccd',
  '00800000',
  '4f7fffff',
];
const TYPES = [Op.T_I32, Op.T_I32, Op.T_I32, Op.T_I64, Op.T_I64, Op.T_F32, Op.T_F64];
const PARAMS = [Op.T_I32, Op.T_I32, Op.T_I64, Op.T_F32, Op.T_F64];

/** Arguments for a random function. */
export function randomArgs(rng: Rng): bigint[] {
  const i32 = (): bigint =>
    BigInt.asUintN(32, BigInt(rng.one(3) ? rng.below(0x7fffffff) * 2 : rng.pick(INTS)));
  const i64 = (): bigint =>
    rng.one(2) ? BigInt.asUintN(64, BigInt(rng.pick(INTS))) : (i32() << 32n) | i32();
  return [i32(), i32(), i64(), BigInt(`0x${rng.pick(F32S)}`), BigInt(`0x${rng.pick(F64S)}`)];
}

class Gen {
  readonly f = new Func();
  readonly b: Builder;
  private readonly rng: Rng;
  /** Values available here, by type. */
  private env: number[][] = [[], [], [], [], [], [], []];
  private ctx = NONE;
  private base = NONE;
  private depth = 0;
  /** Half of the functions mostly access a few places of memory that overlap, the others compute. */
  private readonly heavy: boolean;
  private slot = NONE;
  private budget: number;

  constructor(rng: Rng, size: number, fold: Fold | null) {
    this.rng = rng;
    this.budget = size;
    this.heavy = rng.one(2);
    this.b = new Builder(this.f);
    this.b.fold = fold;
  }

  function(): Func {
    const { f, b } = this;
    const sigs = new TextSignatures();
    sigs.set(0, Uint8Array.from(PARAMS), Uint8Array.of(Op.T_I32, Op.T_I64));
    sigs.set(1, Uint8Array.of(Op.T_I32), Uint8Array.of(Op.T_I32));
    sigs.set(2, Uint8Array.of(Op.T_I64), Uint8Array.of(Op.T_I32, Op.T_I64));
    f.clear(0, 0, sigs);
    f.placeBlock(f.newBlock());
    this.ctx = f.addParam(0, Op.T_I64, 0);
    for (const t of PARAMS) this.env[t].push(f.addParam(0, t, 0));
    this.base = b.load(Op.LOAD, Op.T_I64, this.ctx, NONE, 0, 0, Op.R_READONLY | Op.MEM_NOTRAP);
    this.slot = b.binary(Op.IAND, Op.T_I32, this.env[Op.T_I32][0], b.iconst32(127));
    this.body();
    if (this.rng.one(5)) this.again();
    this.ret();
    return f;
  }

  private list(vs: readonly number[]): number {
    let l = EMPTY;
    for (const v of vs) l = this.f.listPush(l, v);
    return l;
  }

  /** A tail call of the function itself, while its first argument is not zero; it gets smaller each time. */
  private again(): void {
    const { b, rng } = this;
    const call = this.block();
    const otherwise = this.block();
    const left = this.env[Op.T_I32][0];
    b.brif(left, call, EMPTY, otherwise, EMPTY);
    this.start(call);
    const less = b.binary(Op.USHR, Op.T_I32, left, b.iconst32(rng.one(2) ? 8 : 20));
    const others = PARAMS.slice(1).map((t) => this.value(t));
    b.retcall(Op.RETCALL, NONE, this.list([this.ctx, less, ...others]), 0, 0);
    this.start(otherwise);
  }

  private ret(): void {
    this.b.ret(this.list([this.value(Op.T_I32), this.value(Op.T_I64)]));
  }

  private value(ty: number): number {
    const { rng, b } = this;
    const have = this.env[ty];
    if (have.length > 0 && !rng.one(4)) return have[Math.max(0, have.length - 1 - rng.below(8))];
    if (ty === Op.T_I32) return b.iconst32(rng.pick(INTS));
    if (ty === Op.T_I64) {
      const k = rng.pick(INTS);
      return rng.one(4) ? b.iconst64(rng.pick(INTS), rng.pick(INTS)) : b.iconst64(k, k >> 31);
    }
    const bits = BigInt(`0x${rng.pick(ty === Op.T_F32 ? F32S : F64S)}`);
    return b.fconst(ty, Number(BigInt.asIntN(32, bits)), Number(BigInt.asIntN(32, bits >> 32n)));
  }

  private add(v: number): void {
    this.env[this.f.ty[v]].push(v);
  }

  private body(): void {
    const n = 2 + this.rng.below(8);
    for (let i = 0; i < n && this.budget > 0; i++) this.statement();
  }

  private statement(): void {
    this.budget--;
    const k = this.rng.below(20);
    if (this.heavy && k < 13) this.access();
    else if (k < 9) this.integer();
    else if (k < 10) this.float();
    else if (k < 11) this.convert();
    else if (k < 14) this.memory();
    else if (k < 15) this.effect();
    else if (k < 18 && this.depth < 4) this.branch();
    else if (k < 19 && this.depth < 3) this.cycle();
    else if (this.depth < 4) this.table();
  }

  private integer(): void {
    const { rng, b } = this;
    const ty = rng.one(2) ? Op.T_I32 : Op.T_I64;
    const k = rng.below(10);
    if (k < 5) {
      let op = Op.IADD + rng.below(Op.ROTR - Op.IADD + 1);
      if (ty === Op.T_I32 && (op === Op.UMULH || op === Op.SMULH)) op = Op.IMUL;
      if (op >= Op.SDIV && op <= Op.UREM && !rng.one(2)) op = Op.IADD;
      this.add(b.binary(op, ty, this.value(ty), this.value(ty)));
    } else if (k < 6)
      this.add(b.unary(Op.CLZ + rng.below(ty === Op.T_I32 ? 6 : 7), ty, this.value(ty)));
    else if (k < 8) this.add(b.icmp(rng.below(10), this.value(ty), this.value(ty)));
    else if (k < 9) {
      const t = rng.pick(TYPES);
      this.add(b.select(t, this.value(Op.T_I32), this.value(t), this.value(t)));
    } else if (ty === Op.T_I32) this.add(b.unary(Op.WRAP, ty, this.value(Op.T_I64)));
    else this.add(b.unary(rng.one(2) ? Op.SEXT : Op.ZEXT, ty, this.value(Op.T_I32)));
  }

  private float(): void {
    const { rng, b } = this;
    const ty = rng.one(2) ? Op.T_F32 : Op.T_F64;
    const k = rng.below(3);
    if (k === 0) this.add(b.binary(Op.FADD + rng.below(7), ty, this.value(ty), this.value(ty)));
    else if (k === 1) this.add(b.unary(Op.FABS + rng.below(7), ty, this.value(ty)));
    else this.add(b.fcmp(rng.below(6), this.value(ty), this.value(ty)));
  }

  private convert(): void {
    const { rng, b } = this;
    const i = rng.one(2) ? Op.T_I32 : Op.T_I64;
    const x = rng.one(2) ? Op.T_F32 : Op.T_F64;
    const k = rng.below(6);
    if (k === 0) this.add(b.unary(rng.one(2) ? Op.ITOF_S : Op.ITOF_U, x, this.value(i)));
    else if (k === 1)
      this.add(b.unary(rng.one(2) ? Op.FTOI_SAT_S : Op.FTOI_SAT_U, i, this.value(x)));
    else if (k === 2) this.add(b.unary(rng.one(2) ? Op.FTOI_S : Op.FTOI_U, i, this.value(x)));
    else if (k === 3) this.add(b.unary(Op.FPROMOTE, Op.T_F64, this.value(Op.T_F32)));
    else if (k === 4) this.add(b.unary(Op.FDEMOTE, Op.T_F32, this.value(Op.T_F64)));
    else {
      const [from, to] = rng.pick([
        [Op.T_I32, Op.T_F32],
        [Op.T_F32, Op.T_I32],
        [Op.T_I64, Op.T_F64],
        [Op.T_F64, Op.T_I64],
      ]);
      this.add(b.unary(Op.BITCAST, to, this.value(from)));
    }
  }

  /** A load or store of one of a few places: two globals, and bytes near one slot of memory. */
  private access(): void {
    const { rng, b } = this;
    let at = this.ctx;
    let index = NONE;
    let aux = Op.R_GLOBAL | (rng.below(2) << Op.REGION_SHIFT) | Op.MEM_NOTRAP;
    let offset = 64 + 16 * ((aux >>> Op.REGION_SHIFT) & 0xff);
    if (!rng.one(3)) {
      at = this.base;
      aux = Op.R_MEMORY;
      offset = rng.below(12);
      index = this.slot;
      if (rng.one(3)) index = b.binary(Op.IADD, Op.T_I32, index, b.iconst32(rng.below(6)));
      if (rng.one(6)) index = NONE;
    }
    const op = rng.below(4);
    const ty = op > 0 && aux !== Op.R_MEMORY ? Op.T_I64 : rng.one(2) ? Op.T_I32 : Op.T_I64;
    if (rng.one(2)) {
      const load = [Op.LOAD, Op.LOAD8_U, Op.LOAD16_S, Op.LOAD][op];
      const v = b.load(aux === Op.R_MEMORY ? load : Op.LOAD, ty, at, index, offset, 0, aux);
      // Mixed into a value that lives on, so that what was loaded shows in the results.
      const have = this.env[ty];
      this.add(have.length > 0 ? b.binary(Op.IXOR, ty, have[have.length - 1], v) : v);
      return;
    }
    const store = [Op.STORE, Op.STORE8, Op.STORE16, Op.STORE][op];
    b.store(aux === Op.R_MEMORY ? store : Op.STORE, at, index, this.value(ty), offset, 0, aux);
  }

  private memory(): void {
    const { rng, b } = this;
    const global = rng.one(4);
    const aux = global
      ? Op.R_GLOBAL | (rng.below(3) << Op.REGION_SHIFT) | Op.MEM_NOTRAP
      : Op.R_MEMORY;
    const at = global ? this.ctx : this.base;
    const offset = global ? 64 + 16 * ((aux >>> Op.REGION_SHIFT) & 0xff) : rng.below(3) * 4;
    let index = NONE;
    if (!global && !rng.one(4)) {
      index = this.value(Op.T_I32);
      if (!rng.one(8))
        index = b.binary(Op.IAND, Op.T_I32, index, b.iconst32(rng.pick([0, 3, 7, 255])));
      if (rng.one(2))
        index = b.binary(Op.IADD, Op.T_I32, index, b.iconst32(rng.pick([0, 1, 4, 8, 12, -4])));
    }
    const k = rng.below(8);
    const ty = global ? Op.T_I64 : rng.pick(TYPES);
    const int = ty === Op.T_I32 || ty === Op.T_I64;
    if (k < 4) {
      const narrow = int && !global && rng.one(2);
      const op = narrow ? Op.LOAD8_S + rng.below(ty === Op.T_I64 ? 6 : 4) : Op.LOAD;
      this.add(b.load(op, ty, at, index, offset, 0, aux));
      return;
    }
    const narrow = int && !global && rng.one(2);
    const op = narrow ? Op.STORE8 + rng.below(ty === Op.T_I64 ? 3 : 2) : Op.STORE;
    b.store(op, at, index, this.value(ty), offset, 0, aux);
  }

  private effect(): void {
    const { rng, b, f } = this;
    const k = rng.below(6);
    if (k === 0)
      b.trapif(b.icmp(Op.ICC_EQ, this.value(Op.T_I32), this.value(Op.T_I32)), rng.below(8));
    else if (k === 1)
      this.add(
        b.call(
          Op.CALL,
          Op.T_I32,
          NONE,
          this.list([this.ctx, this.value(Op.T_I32)]),
          rng.below(4),
          1,
        ),
      );
    else if (k === 2) {
      const c = b.call(
        Op.CALL,
        Op.T_VOID,
        NONE,
        this.list([this.ctx, this.value(Op.T_I64)]),
        rng.below(4),
        2,
      );
      this.add(b.proj(c, 0, Op.T_I32));
      this.add(b.proj(c, 1, Op.T_I64));
    } else if (k === 3)
      this.add(b.call(Op.CALLBUILTIN, Op.T_I64, NONE, this.list([this.ctx]), rng.below(4), 0));
    else if (k === 4) {
      const size = b.load(Op.LOAD, Op.T_I64, this.ctx, NONE, 8, 0, Op.R_MEMDEF | Op.MEM_NOTRAP);
      const index = b.binary(Op.IAND, Op.T_I32, this.value(Op.T_I32), b.iconst32(1023));
      b.bound(index, size, 0, 0);
      this.add(b.load(Op.LOAD8_U, Op.T_I32, this.base, index, 0, 0, Op.R_MEMORY));
    } else {
      const x = this.value(Op.T_I32);
      b.f.newRow(Op.NOP, 0, NONE, NONE, NONE, 0);
      if (rng.one(4))
        b.emit(f.newRow(Op.SIGCHECK, Op.T_VOID, x, rng.one(2) ? x : this.value(Op.T_I32), NONE, 0));
    }
  }

  private block(): number {
    return this.f.newBlock();
  }

  private start(b: number): void {
    this.f.placeBlock(b);
    this.b.block = b;
  }

  private scoped(build: () => void): void {
    const saved = this.env.map((l) => l.length);
    this.depth++;
    build();
    this.depth--;
    this.env.forEach((l, t) => (l.length = saved[t]));
  }

  private condition(): number {
    const { rng, b } = this;
    const have = this.env[Op.T_I32];
    if (rng.one(3)) return b.icmp(rng.below(10), this.value(Op.T_I32), this.value(Op.T_I32));
    return rng.one(12)
      ? b.iconst32(rng.below(2))
      : rng.one(2)
        ? b.icmp(Op.ICC_EQ, have[have.length - 1], b.iconst32(0))
        : have[have.length - 1 - rng.below(Math.min(4, have.length))];
  }

  /** if/else with values merged at the join; arms may be empty or end in a return. */
  private branch(): void {
    const { rng, b, f } = this;
    const join = this.block();
    const types = Array.from({ length: rng.below(3) }, () => rng.pick(TYPES));
    const twins = rng.one(4);
    if (twins && types.length === 2) types[1] = types[0];
    const args = (): number => {
      const vs = types.map((t) => this.value(t));
      if (twins && vs.length === 2) vs[1] = vs[0];
      return this.list(vs);
    };
    const arms = [rng.one(3) ? join : this.block(), rng.one(2) ? join : this.block()];
    const c = this.condition();
    const first = arms[0] === join ? args() : EMPTY;
    const second = arms[1] === join ? args() : EMPTY;
    b.brif(c, arms[0], first, arms[1], second);
    for (const arm of arms) {
      if (arm === join) continue;
      this.start(arm);
      this.scoped(() => {
        if (!rng.one(3)) this.body();
        if (rng.one(8)) this.ret();
        else if (rng.one(10)) b.trap(0);
        else b.jump(join, args());
      });
    }
    this.start(join);
    for (const t of types) this.add(f.addParam(join, t, 0));
  }

  private cycle(): void {
    if (this.rng.one(3)) this.machine();
    else this.loop();
  }

  /** A loop of a few rounds: the counter and other values are parameters of its header. */
  private loop(): void {
    const { rng, b, f } = this;
    const header = this.block();
    const exit = this.block();
    const types = Array.from({ length: rng.below(3) }, () => rng.pick(TYPES));
    b.jump(header, this.list([b.iconst32(0), ...types.map((t) => this.value(t))]));
    this.start(header);
    const i = f.addParam(header, Op.T_I32, 0);
    const params = types.map((t) => f.addParam(header, t, 0));
    this.scoped(() => {
      this.add(i);
      for (const p of params) this.add(p);
      this.body();
      const next = b.binary(Op.IADD, Op.T_I32, i, b.iconst32(1));
      const args = this.list([
        next,
        ...types.map((t, k) => (rng.one(4) ? params[k] : this.value(t))),
      ]);
      b.brif(
        b.icmp(Op.ICC_ULT, next, b.iconst32(1 + rng.below(4))),
        header,
        args,
        exit,
        this.list([this.value(Op.T_I32)]),
      );
    });
    this.start(exit);
    this.add(f.addParam(exit, Op.T_I32, 0));
  }

  /** A loop that switches on a state, which its arms mostly set to constants and hand to one block that counts the rounds. */
  private machine(): void {
    const { rng, b, f } = this;
    const [header, latch, exit] = [this.block(), this.block(), this.block()];
    const arms = Array.from({ length: 2 + rng.below(3) }, () => this.block());
    const ty = rng.pick(TYPES);
    const state = (): number =>
      rng.one(5) ? this.value(Op.T_I32) : b.iconst32(rng.below(arms.length + 1));
    b.jump(header, this.list([state(), b.iconst32(0), this.value(ty)]));
    this.start(header);
    const [s, i] = [f.addParam(header, Op.T_I32, 0), f.addParam(header, Op.T_I32, 0)];
    this.add(f.addParam(header, ty, 0));
    this.scoped(() => {
      this.add(s);
      if (rng.one(2)) this.integer();
      if (rng.one(2)) this.access();
      const e = f.edgeCount;
      for (const arm of arms) f.newEdge(b.block, arm, EMPTY);
      b.brtable(s, e, arms.length);
      for (const arm of arms) {
        this.start(arm);
        this.scoped(() => {
          if (!rng.one(3)) this.body();
          const to = rng.one(2) ? state() : NONE;
          if (to === NONE)
            b.brif(this.condition(), latch, this.latchArgs(ty), latch, this.latchArgs(ty));
          else b.jump(latch, this.list([to, this.value(ty)]));
        });
      }
      this.start(latch);
      const to = f.addParam(latch, Op.T_I32, 0);
      this.add(f.addParam(latch, ty, 0));
      if (rng.one(2)) this.access();
      const next = b.binary(Op.IADD, Op.T_I32, i, b.iconst32(1));
      const again = b.icmp(Op.ICC_ULT, next, b.iconst32(2 + rng.below(6)));
      const args = this.list([to, next, this.value(ty)]);
      b.brif(again, header, args, exit, this.list([this.value(Op.T_I32)]));
    });
    this.start(exit);
    this.add(f.addParam(exit, Op.T_I32, 0));
  }

  private latchArgs(ty: number): number {
    return this.list([this.b.iconst32(this.rng.below(4)), this.value(ty)]);
  }

  private table(): void {
    const { rng, b, f } = this;
    const join = this.block();
    const arms = Array.from({ length: 1 + rng.below(3) }, () => this.block());
    const targets = Array.from({ length: 1 + rng.below(5) }, () =>
      rng.one(3) ? join : rng.pick(arms),
    );
    const index = this.value(Op.T_I32);
    const args = targets.map((t) => (t === join ? this.list([this.value(Op.T_I64)]) : EMPTY));
    const e = f.edgeCount;
    targets.forEach((t, i) => f.newEdge(b.block, t, args[i]));
    b.brtable(index, e, targets.length);
    for (const arm of arms) {
      this.start(arm);
      this.scoped(() => {
        if (rng.one(2)) this.body();
        b.jump(join, this.list([this.value(Op.T_I64)]));
      });
    }
    this.start(join);
    this.add(f.addParam(join, Op.T_I64, 0));
  }
}

/** A random function of about `size` statements. */
export function randomFunction(seed: number, size: number, fold: Fold | null = null): Func {
  return new Gen(new Rng(seed), size, fold).function();
}
