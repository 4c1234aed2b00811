/**
 * A small interpreter of IR functions, for tests only: values are bigints (bit patterns, unsigned), native memory is one flat array.
 *
 * Layout: the context is at CTX; linear memory 0 at MEM, MEM_SIZE bytes, accesses outside trap. The context holds MEM at
 * offset 0 and MEM_SIZE at offset 8 (read-only), globals from offset 64. Calls give values that depend on their arguments and scribble over memory and globals.
 */
import * as Op from '../../src-ts/gen/ir.ts';
import { NONE, type Func } from '../../src-ts/ir/func.ts';

export const CTX = 0x100;
export const MEM = 0x200;
export const MEM_SIZE = 512;

export interface Outcome {
  /** 'trap NAME', or the results' bits in hexadecimal. */
  result: string;
  /** All memory afterwards, and the calls made. */
  state: string;
}

class Trap extends Error {}

const dv = new DataView(new ArrayBuffer(8));
const M32 = 0xffffffffn;
const M64 = 0xffffffffffffffffn;

function toFloat(ty: number, bits: bigint): number {
  if (ty === Op.T_F32) {
    dv.setUint32(0, Number(bits));
    return dv.getFloat32(0);
  }
  dv.setBigUint64(0, bits);
  return dv.getFloat64(0);
}

function fromFloat(ty: number, x: number): bigint {
  if (ty === Op.T_F32) {
    if (x !== x) return 0x7fc00000n;
    dv.setFloat32(0, x);
    return BigInt(dv.getUint32(0));
  }
  if (x !== x) return 0x7ff8000000000000n;
  dv.setFloat64(0, x);
  return dv.getBigUint64(0);
}

const bitsOf = (ty: number): number => (ty === Op.T_I32 || ty === Op.T_F32 ? 32 : 64);

function intBinary(op: number, w: number, a: bigint, b: bigint): bigint {
  const s = (x: bigint): bigint => BigInt.asIntN(w, x);
  const n = b % BigInt(w);
  switch (op) {
    case Op.IADD: return a + b;
    case Op.ISUB: return a - b;
    case Op.IMUL: return a * b;
    case Op.UMULH: return (a * b) >> 64n;
    case Op.SMULH: return (s(a) * s(b)) >> 64n;
    case Op.IAND: return a & b;
    case Op.IOR: return a | b;
    case Op.IXOR: return a ^ b;
    case Op.ISHL: return a << n;
    case Op.USHR: return a >> n;
    case Op.SSHR: return s(a) >> n;
    case Op.ROTL: return (a << n) | (a >> (BigInt(w) - n));
    case Op.ROTR: return (a >> n) | (a << (BigInt(w) - n));
  } // prettier-ignore
  if (b === 0n) throw new Trap('integer_divide_by_zero');
  if (op === Op.SDIV && s(b) === -1n && s(a) === -(1n << BigInt(w - 1)))
    throw new Trap('integer_overflow');
  if (op === Op.SDIV) return s(a) / s(b);
  if (op === Op.SREM) return s(a) % s(b);
  return op === Op.UDIV ? a / b : a % b;
}

function intUnary(op: number, w: number, a: bigint): bigint {
  const bin = a.toString(2).padStart(w, '0');
  switch (op) {
    case Op.CLZ: return BigInt(a === 0n ? w : bin.indexOf('1'));
    case Op.CTZ: return BigInt(a === 0n ? w : w - 1 - bin.lastIndexOf('1'));
    case Op.POPCNT: return BigInt(bin.split('1').length - 1);
    case Op.BSWAP: return BigInt(`0x${a.toString(16).padStart(w / 4, '0').match(/../g)!.reverse().join('')}`);
    case Op.SEXT8: return BigInt.asIntN(8, a);
    case Op.SEXT16: return BigInt.asIntN(16, a);
    default: return BigInt.asIntN(32, a);
  } // prettier-ignore
}

function compare(cc: number, w: number, a: bigint, b: bigint): boolean {
  const x = BigInt.asIntN(w, a);
  const y = BigInt.asIntN(w, b);
  return [a === b, a !== b, x < y, x >= y, x > y, x <= y, a < b, a >= b, a > b, a <= b][cc];
}

function floatCompare(cc: number, x: number, y: number): boolean {
  return [x === y, x !== y, x < y, x > y, x <= y, x >= y][cc];
}

function floatOp(op: number, x: number, y: number): number {
  switch (op) {
    case Op.FADD: return x + y;
    case Op.FSUB: return x - y;
    case Op.FMUL: return x * y;
    case Op.FDIV: return x / y;
    case Op.FMIN: return Math.min(x, y);
    case Op.FMAX: return Math.max(x, y);
    case Op.FSQRT: return Math.sqrt(x);
    case Op.FCEIL: return Math.ceil(x);
    case Op.FFLOOR: return Math.floor(x);
    case Op.FTRUNC: return Math.trunc(x);
    default: {
      const t = Math.round(x);
      const even = Math.abs(x % 1) === 0.5 && t % 2 !== 0 ? t - 1 : t;
      return even === 0 ? (x < 0 || Object.is(x, -0) ? -0 : 0) : even;
    }
  } // prettier-ignore
}

function toInt(op: number, from: number, to: number, bits: bigint): bigint {
  const sat = op === Op.FTOI_SAT_S || op === Op.FTOI_SAT_U;
  const signed = op === Op.FTOI_S || op === Op.FTOI_SAT_S;
  const w = bitsOf(to);
  const x = Math.trunc(toFloat(from, bits));
  const max = signed ? 2 ** (w - 1) : 2 ** w;
  const min = signed ? -max : 0;
  if (x >= min && x < max) return BigInt(x);
  if (!sat) throw new Trap(x !== x ? 'invalid_conversion' : 'integer_overflow');
  return x !== x ? 0n : x < min ? BigInt(min) : BigInt(max) - 1n;
}

/** What a u64 is when rounded to f32 once. */
function intToFloat(ty: number, v: bigint): bigint {
  if (ty === Op.T_F64) return fromFloat(ty, Number(v));
  const sign = v < 0n;
  let m = sign ? -v : v;
  let shift = 0n;
  let sticky = false;
  while (m >= 1n << 26n) {
    sticky ||= (m & 1n) === 1n;
    m >>= 1n;
    shift++;
  }
  if (sticky) m |= 1n;
  const x = Number(m) * 2 ** Number(shift);
  return fromFloat(ty, sign ? -x : x);
}

export class Interp {
  readonly mem = new Uint8Array(0x400);
  private readonly view = new DataView(this.mem.buffer);
  private readonly f: Func;
  private readonly vals: bigint[];
  private log = '';
  private readonly results = new Map<number, bigint[]>();

  constructor(f: Func, seed: number) {
    this.f = f;
    this.vals = new Array<bigint>(f.rowCount).fill(0n);
    let x = seed | 1;
    for (let i = 0; i < this.mem.length; i++) {
      x = (Math.imul(x, 1664525) + 1013904223) | 0;
      this.mem[i] = x >>> 24;
    }
    this.view.setBigUint64(CTX, BigInt(MEM), true);
    this.view.setBigUint64(CTX + 8, BigInt(MEM_SIZE), true);
  }

  run(args: readonly bigint[], steps = 20000): Outcome {
    let result: string;
    try {
      result = this.execute(args, steps);
    } catch (e) {
      if (!(e instanceof Trap)) throw e;
      result = `trap ${e.message}`;
    }
    return { result, state: `${this.log}${Buffer.from(this.mem).toString('base64')}` };
  }

  private enter(b: number, args: bigint[]): number {
    let r = this.f.first[b];
    for (const a of args) {
      this.vals[r] = a;
      r = this.f.next[r];
    }
    return r;
  }

  private list(l: number): bigint[] {
    return Array.from({ length: this.f.listLength(l) }, (_, i) => this.vals[this.f.listGet(l, i)]);
  }

  private execute(args: readonly bigint[], steps: number): string {
    const f = this.f;
    let r = this.enter(0, [BigInt(CTX), ...args]);
    for (;;) {
      if (--steps < 0) throw new Error('too many steps');
      const op = f.op[r];
      let edge = NONE;
      const a = f.a[r] === NONE ? 0n : this.vals[f.a[r]];
      if (op === Op.RET)
        return this.list(f.c[r])
          .map((v) => v.toString(16))
          .join(' ');
      if (op === Op.TRAP) throw new Trap(Op.TRAP_NAMES[f.imm[r]]);
      if (op === Op.RETCALL && f.imm[r] === f.index) {
        r = this.enter(0, this.list(f.c[r]));
        continue;
      }
      if (op === Op.RETCALL || op === Op.RETCALLIND) {
        this.call(r);
        return this.results.get(r)!.join(' ');
      }
      if (op === Op.JUMP) edge = 0;
      else if (op === Op.BRIF) edge = a !== 0n ? 0 : 1;
      else if (op === Op.BRTABLE) edge = Number(a < BigInt(f.imm2[r]) ? a : BigInt(f.imm2[r] - 1));
      if (edge !== NONE) {
        const e = f.imm[r] + edge;
        r = this.enter(f.edgeTo[e], this.list(f.edgeArgs[e]));
        continue;
      }
      const w = bitsOf(f.ty[r]);
      this.vals[r] = this.step(r) & (w === 32 ? M32 : M64);
      r = f.next[r];
    }
  }

  private step(r: number): bigint {
    const f = this.f;
    const op = f.op[r];
    const ty = f.ty[r];
    const a = f.a[r] === NONE ? 0n : this.vals[f.a[r]];
    const b = f.b[r] === NONE ? 0n : this.vals[f.b[r]];
    const at = f.a[r] === NONE ? 0 : f.ty[f.a[r]];
    if (op >= Op.IADD && op <= Op.ROTR) return intBinary(op, bitsOf(ty), a, b);
    if (op >= Op.CLZ && op <= Op.SEXT32) return intUnary(op, bitsOf(ty), a);
    if (op >= Op.LOAD && op <= Op.STORE32) return this.memory(r);
    const sign = 1n << BigInt(bitsOf(ty) - 1);
    if (op === Op.FCOPYSIGN) return (a & (sign - 1n)) | (b & sign);
    if (op === Op.FABS) return a & (sign - 1n);
    if (op === Op.FNEG) return a ^ sign;
    if (op >= Op.FADD && op <= Op.FMAX)
      return fromFloat(ty, floatOp(op, toFloat(ty, a), toFloat(ty, b)));
    if (op >= Op.FSQRT && op <= Op.FNEAREST) return fromFloat(ty, floatOp(op, toFloat(ty, a), 0));
    switch (op) {
      case Op.ICONST: case Op.FCONST: return (BigInt(f.imm2[r] >>> 0) << 32n) | BigInt(f.imm[r] >>> 0);
      case Op.ICMP: return compare(f.imm[r], bitsOf(at), a, b) ? 1n : 0n;
      case Op.FCMP: return floatCompare(f.imm[r], toFloat(at, a), toFloat(at, b)) ? 1n : 0n;
      case Op.SELECT: return a !== 0n ? b : this.vals[f.c[r]];
      case Op.WRAP: case Op.ZEXT: case Op.BITCAST: return a;
      case Op.SEXT: return BigInt.asIntN(32, a);
      case Op.FDEMOTE: case Op.FPROMOTE: return fromFloat(ty, toFloat(at, a));
      case Op.FTOI_S: case Op.FTOI_U: case Op.FTOI_SAT_S: case Op.FTOI_SAT_U: return toInt(op, at, ty, a);
      case Op.ITOF_S: return intToFloat(ty, BigInt.asIntN(bitsOf(at), a));
      case Op.ITOF_U: return intToFloat(ty, a);
      case Op.PROJ: return this.results.get(f.a[r])![f.imm[r]];
      default: return this.effect(r, a, b);
    } // prettier-ignore
  }

  private effect(r: number, a: bigint, b: bigint): bigint {
    const f = this.f;
    switch (f.op[r]) {
      case Op.TRAPIF:
        if (a !== 0n) throw new Trap(Op.TRAP_NAMES[f.imm[r]]);
        return 0n;
      case Op.SIGCHECK:
        if (a !== b) throw new Trap(a === M32 ? 'uninitialized_element' : 'indirect_call_mismatch');
        return 0n;
      case Op.BOUND:
        if (a + ((BigInt(f.imm2[r] >>> 0) << 32n) | BigInt(f.imm[r] >>> 0)) > b)
          throw new Trap('memory_oob');
        return 0n;
      default:
        return this.call(r);
    }
  }

  private call(r: number): bigint {
    const f = this.f;
    const args = this.list(f.c[r]);
    this.log += `${Op.OP_NAMES[f.op[r]]} ${f.imm[r]} (${args.join()}) `;
    let h = BigInt(f.imm[r] + 1);
    for (const v of args) h = (h * 0x9e3779b97f4a7c15n + v) & M64;
    const at = Number(h % BigInt(MEM_SIZE - 8));
    this.view.setBigUint64(MEM + at, h, true);
    this.view.setBigUint64(CTX + 64 + 16 * Number(h % 4n), h >> 7n, true);
    const types = f.sigs === null ? [] : f.sigs.results(f.aux[r]);
    this.results.set(
      r,
      Array.from(types, (t, i) => (h >> BigInt(i)) & (bitsOf(t) === 32 ? M32 : M64)),
    );
    return h >> 3n;
  }

  private memory(r: number): bigint {
    const f = this.f;
    const index = f.b[r] === NONE ? 0n : this.vals[f.b[r]];
    const offset = (BigInt(f.imm2[r] >>> 0) << 32n) | BigInt(f.imm[r] >>> 0);
    const at = Number((this.vals[f.a[r]] + index + offset) & M64);
    const op = f.op[r];
    const size = this.size(r);
    if ((f.aux[r] & Op.MEM_NOTRAP) === 0) {
      if (at < MEM || at + size > MEM + MEM_SIZE) throw new Trap('memory_oob');
    } else if (at < CTX || at + size > this.mem.length) {
      throw new Error(`notrap access of ${at.toString(16)}`);
    }
    const v = this.view;
    if (op >= Op.STORE) {
      const c = this.vals[f.c[r]];
      for (let i = 0; i < size; i++) this.mem[at + i] = Number((c >> BigInt(8 * i)) & 0xffn);
      return 0n;
    }
    let x = 0n;
    for (let i = 0; i < size; i++) x |= BigInt(v.getUint8(at + i)) << BigInt(8 * i);
    const signed = op === Op.LOAD8_S || op === Op.LOAD16_S || op === Op.LOAD32_S;
    return signed ? BigInt.asIntN(8 * size, x) : x;
  }

  private size(r: number): number {
    const f = this.f;
    switch (f.op[r]) {
      case Op.LOAD: return bitsOf(f.ty[r]) / 8;
      case Op.STORE: return bitsOf(f.ty[f.c[r]]) / 8;
      case Op.LOAD8_S: case Op.LOAD8_U: case Op.STORE8: return 1;
      case Op.LOAD16_S: case Op.LOAD16_U: case Op.STORE16: return 2;
      default: return 4;
    } // prettier-ignore
  }
}

/** Runs a function on arguments (bit patterns, without the context) and memory made from a seed. */
export function interpret(f: Func, args: readonly bigint[], seed: number): Outcome {
  return new Interp(f, seed).run(args);
}
