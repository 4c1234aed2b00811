/** Small straight-line random functions in which every row uses the last ones and constants repeat: what peephole rules match. */
import * as Abi from '../../src-ts/gen/abi.ts';
import * as Op from '../../src-ts/gen/ir.ts';
import { Builder, type Fold } from '../../src-ts/ir/build.ts';
import { EMPTY, Func, NONE } from '../../src-ts/ir/func.ts';
import { TextSignatures } from '../../src-ts/ir/parse.ts';
import { Rng } from './random.ts';

const SMALL = [0, 1, -1, 2, 8, 24, 31, 63, 255, 16, 65535, -256];

/** Shapes that chance rarely makes. */
function pattern(b: Builder, rng: Rng, t: number, value: (t: number) => number): number {
  const x = value(t);
  const y = value(t);
  const k = (n: number): number => (t === Op.T_I32 ? b.iconst32(n) : b.iconst64(n, n >> 31));
  switch (rng.below(13)) {
    case 0: {
      const n = 1 + rng.below(31);
      const left = b.binary(Op.ISHL, t, x, k(n));
      const right = b.binary(Op.USHR, t, x, k((t === Op.T_I32 ? 32 : 64) - n));
      return b.binary(rng.pick([Op.IOR, Op.IXOR, Op.IADD]), t, left, right);
    }
    case 1:
      return b.select(t, b.icmp(Op.ICC_SLT, x, y), k(1), k(0));
    case 2:
      return b.binary(Op.ISUB, t, x, b.binary(Op.ISUB, t, x, y));
    case 3:
      return b.unary(
        Op.WRAP,
        Op.T_I32,
        b.binary(Op.IAND, Op.T_I64, value(Op.T_I64), b.iconst64(-1, 255)),
      );
    case 4: {
      const minus = b.binary(Op.ISUB, t, k(0), x);
      return rng.one(2) ? b.binary(Op.IADD, t, minus, y) : b.binary(Op.IADD, t, y, minus);
    }
    case 5:
      return b.unary(Op.FNEG, Op.T_F64, b.unary(Op.FNEG, Op.T_F64, value(Op.T_F64)));
    case 6: {
      const bit = b.binary(Op.IAND, t, x, k(1));
      return b.icmp(rng.below(2), bit, k(rng.below(3)));
    }
    case 7: {
      const op = rng.one(2) ? Op.SEXT : Op.ZEXT;
      const left = b.unary(op, Op.T_I64, value(Op.T_I32));
      return b.icmp(rng.below(10), left, b.unary(op, Op.T_I64, value(Op.T_I32)));
    }
    case 8: {
      const n = rng.pick(t === Op.T_I32 ? [16, 24] : [32, 48, 56]);
      return b.binary(Op.SSHR, t, b.binary(Op.ISHL, t, x, k(n)), k(n));
    }
    case 9:
      return product(b, rng, value(Op.T_I64), value(Op.T_I64));
    case 10:
      return swapped(b, rng, t, x);
    default:
      return b.binary(Op.IADD, t, b.binary(Op.ISUB, t, x, y), y);
  }
}

/** The bytes of x turned round, one of them perhaps a wrong one. */
function swapped(b: Builder, rng: Rng, t: number, x: number): number {
  const n = t === Op.T_I32 ? 4 : 8;
  const k = (v: number): number => (t === Op.T_I32 ? b.iconst32(v) : b.iconst64(v, 0));
  const wrong = rng.one(3) ? rng.below(n) : -1;
  let sum = NONE;
  for (let i = 0; i < n; i++) {
    const from = i === wrong ? rng.below(n) : n - 1 - i;
    const low = b.binary(Op.IAND, t, b.binary(Op.USHR, t, x, k(8 * from)), k(255));
    const part = b.binary(Op.ISHL, t, low, k(8 * i));
    sum = sum === NONE ? part : b.binary(Op.IOR, t, sum, part);
  }
  return sum;
}

/** A product of 128 bits from those of 32-bit halves, its partial sums split by chance, and perhaps wrongly. */
function product(b: Builder, rng: Rng, x: number, y: number): number {
  const i64 = Op.T_I64;
  const k = b.iconst64(32, 0);
  const bin = (op: number, p: number, q: number): number => b.binary(op, i64, p, q);
  const low = (v: number): number => b.unary(Op.ZEXT, i64, b.unary(Op.WRAP, Op.T_I32, v));
  const high = (v: number): number => bin(Op.USHR, v, k);
  const p = bin(Op.IMUL, low(x), low(y));
  const cross = [bin(Op.IMUL, high(x), low(y)), bin(Op.IMUL, low(x), high(y))];
  if (rng.one(2)) cross.reverse();
  let top = bin(Op.IMUL, high(x), high(y));
  let last = high(p);
  for (const c of cross) {
    if (rng.one(2)) last = bin(Op.IADD, last, c);
    else {
      top = bin(Op.IADD, top, high(c));
      last = bin(Op.IADD, last, rng.one(8) ? c : low(c));
    }
    if (!rng.one(2)) continue;
    top = bin(Op.IADD, top, high(last));
    last = low(last);
  }
  top = bin(Op.IADD, rng.one(4) ? bin(Op.IADD, top, y) : top, high(last));
  if (rng.one(3)) {
    const sign = b.iconst64(63, 0);
    const fix = bin(Op.IMUL, bin(Op.SSHR, x, sign), y);
    top = bin(Op.IADD, bin(Op.IADD, top, fix), bin(Op.IMUL, bin(Op.SSHR, y, sign), x));
  }
  return bin(Op.IXOR, top, bin(Op.IOR, bin(Op.ISHL, last, k), low(p)));
}

/** Builds one function of a few rows over integer arguments and one f64; returns it. */
export function randomExpression(seed: number, fold: Fold | null): Func {
  const rng = new Rng(seed);
  const f = new Func();
  const b = new Builder(f);
  b.fold = fold;
  const sigs = new TextSignatures();
  const params = [Op.T_I32, Op.T_I32, Op.T_I64, Op.T_F32, Op.T_F64];
  sigs.set(0, Uint8Array.from(params), Uint8Array.of(Op.T_I32, Op.T_I64, Op.T_F64));
  f.clear(0, 0, sigs);
  f.placeBlock(f.newBlock());
  const ctx = f.addParam(0, Op.T_I64, 0);
  const env: number[][] = [[], [], [], [], [], [], []];
  for (const t of params) env[t].push(f.addParam(0, t, 0));
  env[Op.T_F32].splice(0, 1, b.unary(Op.BITCAST, Op.T_F32, env[Op.T_I32][1]));
  const pool = [rng.pick(SMALL), rng.pick(SMALL), rng.pick(SMALL)];
  const wide = rng.one(2) ? Op.T_I64 : Op.T_I32;
  const konst = (t: number): number => {
    const k = rng.pick(pool);
    if (t === Op.T_F64)
      return b.fconst(t, 0, rng.pick([0x40000000, 0x3fe00000, 0x3ff00000, -0x40200000]));
    if (t === Op.T_F32) return b.fconst(t, rng.pick([0x40000000, 0x3f000000]), 0);
    return t === Op.T_I32 ? b.iconst32(k) : rng.one(8) ? b.iconst64(-1, 0) : b.iconst64(k, k >> 31);
  };
  const value = (t: number, last = false): number => {
    const have = env[t];
    return last ? have[have.length - 1] : have[Math.max(0, have.length - 1 - rng.below(3))];
  };
  const add = (v: number): void => void env[f.ty[v]].push(v);
  const base = b.load(Op.LOAD, Op.T_I64, ctx, NONE, 0, 0, Op.R_READONLY | Op.MEM_NOTRAP);
  const n = 2 + rng.below(6);
  for (let i = 0; i < n; i++) {
    const t = rng.one(6) ? (wide === Op.T_I32 ? Op.T_I64 : Op.T_I32) : wide;
    const other = (): number => (rng.one(3) ? value(t) : konst(t));
    const k = rng.below(17);
    if (k === 16) add(pattern(b, rng, t, value));
    else if (k < 6) {
      let op = Op.IADD + rng.below(Op.ROTR - Op.IADD + 1);
      if (t === Op.T_I32 && (op === Op.UMULH || op === Op.SMULH)) op = Op.IMUL;
      add(
        rng.one(4)
          ? b.binary(op, t, other(), value(t, true))
          : b.binary(op, t, value(t, true), other()),
      );
    } else if (k < 8) {
      const op = rng.pick([Op.ISHL, Op.USHR, Op.SSHR, Op.IAND, Op.IADD, Op.ISUB, Op.IXOR, Op.IOR]);
      add(b.binary(op, t, value(t), other()));
    } else if (k < 9) add(b.unary(Op.SEXT8 + rng.below(t === Op.T_I64 ? 3 : 2), t, value(t, true)));
    else if (k < 11) add(b.icmp(rng.below(10), value(t, true), other()));
    else if (k < 12)
      add(b.select(t, value(Op.T_I32, true), rng.one(2) ? konst(t) : value(t), konst(t)));
    else if (k < 13) {
      if (t === Op.T_I32) add(b.unary(Op.WRAP, t, value(Op.T_I64, true)));
      else add(b.unary(rng.one(2) ? Op.SEXT : Op.ZEXT, t, value(Op.T_I32, true)));
    } else if (k < 14) {
      const x = rng.one(2) ? Op.T_F32 : Op.T_F64;
      const j = rng.below(4);
      if (j === 0) add(b.unary(rng.one(2) ? Op.FNEG : Op.FABS, x, value(x, true)));
      else if (j === 1)
        add(b.binary(rng.pick([Op.FCOPYSIGN, Op.FDIV, Op.FMUL]), x, value(x, true), konst(x)));
      else if (j === 2) add(b.binary(Op.FCOPYSIGN, x, value(x, true), value(x)));
      else {
        add(b.unary(Op.BITCAST, Op.T_F64, value(Op.T_I64, true)));
        add(b.unary(Op.BITCAST, Op.T_I64, value(Op.T_F64, true)));
      }
    } else if (k < 15) {
      const at = rng.one(3) ? b.binary(Op.IADD, Op.T_I64, base, b.iconst64(4, 0)) : base;
      const low = b.binary(Op.IAND, Op.T_I32, value(Op.T_I32, true), b.iconst32(127));
      const v = value(t, true);
      if (rng.one(2)) {
        const w = rng.below(t === Op.T_I64 ? 4 : 3);
        b.store(Op.STORE + w, at, low, v, 4, 0, Op.R_MEMORY);
        const op = [
          Op.LOAD,
          Op.LOAD8_S + rng.below(2),
          Op.LOAD16_S + rng.below(2),
          Op.LOAD32_S + rng.below(2),
        ][w];
        add(b.load(op, t, at, low, 4, 0, Op.R_MEMORY));
        const float = t === Op.T_I64 ? Op.T_F64 : Op.T_F32;
        if (w === 0 && rng.one(4)) add(b.load(op, float, at, low, 4, 0, Op.R_MEMORY));
      } else
        add(
          b.load(
            Op.LOAD,
            t,
            at,
            b.binary(Op.IADD, Op.T_I32, low, b.iconst32(8)),
            4,
            0,
            Op.R_MEMORY,
          ),
        );
    } else if (rng.one(2)) b.trapif(b.icmp(Op.ICC_NE, value(Op.T_I32, true), b.iconst32(0)), 3);
    else {
      // Ends that a check is exact about, although no access follows.
      const end = Abi.MEMORY_NEAR + 1;
      const limit = b.iconst64(end + 600, 0);
      const low = b.binary(Op.IAND, Op.T_I32, value(Op.T_I32), b.iconst32(511));
      b.bound(low, limit, end + 40 + rng.below(200), 0);
      b.bound(low, limit, end + rng.below(200), 0);
    }
  }
  let results = EMPTY;
  for (const t of [Op.T_I32, Op.T_I64, Op.T_F64]) results = f.listPush(results, value(t, true));
  b.ret(results);
  return f;
}
