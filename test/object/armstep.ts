/** Executes the instructions that AArch64 prologues and epilogues are made of (Arm ARM, C4 and C6.2). */
import type { Context, Value } from './armunwind.ts';

const signed = (value: number, bits: number) => (value << (32 - bits)) >> (32 - bits);

export const isReturn = (w: number) => w >>> 0 === 0xd65f03c0;
export const isBranchReg = (w: number) => (w & 0xfffffc1f) >>> 0 === 0xd61f0000;
export const isJump = (w: number) => w >>> 26 === 5;
/** bl, blr */
export const isCall = (w: number) => w >>> 26 === 37 || (w & 0xfffffc1f) >>> 0 === 0xd63f0000;
/** add sp, x29, #0 */
export const isSpFromFp = (w: number) => w >>> 0 === 0x910003bf;
/** add x29, sp, #0 */
export const isFpFromSp = (w: number) => w >>> 0 === 0x910003fd;

export interface Pair {
  load: boolean;
  float: boolean;
  regs: [number, number];
  base: number;
}

/** A load or store of two 64-bit registers. */
export function pairOf(w: number): Pair | undefined {
  const kind = (w >>> 27) & 7;
  const size = w >>> 30;
  const float = ((w >>> 26) & 1) === 1;
  const mode = (w >>> 23) & 7;
  if (kind !== 5 || size !== (float ? 1 : 2) || mode < 1 || mode > 3) return undefined;
  return {
    load: ((w >>> 22) & 1) === 1,
    float,
    regs: [w & 31, (w >>> 10) & 31],
    base: (w >>> 5) & 31,
  };
}

const base = (c: Context, r: number) => (r === 31 ? c.sp : (c.x[r] as number));

/** Whether it loads registers by x29 from where the prologue stored them. */
export function restoresFrom(c: Context, w: number): boolean {
  const pair = pairOf(w);
  if (((w >>> 5) & 31) !== 29) return false;
  if (pair !== undefined) {
    const at = base(c, 29) + 8 * signed((w >>> 15) & 127, 7);
    const name = `entry ${pair.float ? 'd' : 'x'}${pair.regs[0]}`;
    return pair.load && c.memory.get(at) === name;
  }
  const at = base(c, 29) + 8 * ((w >>> 10) & 0xfff);
  return (w & 0xffc00000) >>> 0 === 0xf9400000 && c.memory.get(at) === `entry x${w & 31}`;
}

/** Bytes that a jump goes. */
export const jumpDistance = (w: number) => 4 * signed(w & 0x3ffffff, 26);

function setBase(c: Context, r: number, value: number): void {
  if (r === 31) c.sp = value;
  else c.x[r] = value;
}

function move(c: Context, load: boolean, float: boolean, r: number, at: number): void {
  const file = float ? c.d : c.x;
  const k = float ? r - 8 : r;
  if (load) file[k] = c.memory.get(at) ?? 'unknown';
  else c.memory.set(at, r === 31 && !float ? 0 : file[k]!);
}

function stepPair(c: Context, w: number, { load, float, regs, base: rn }: Pair): void {
  const mode = (w >>> 23) & 7;
  const offset = 8 * signed((w >>> 15) & 127, 7);
  const start = base(c, rn);
  const at = mode === 1 ? start : start + offset;
  regs.forEach((r, k) => move(c, load, float, r, at + 8 * k));
  if (mode !== 2) setBase(c, rn, start + offset);
}

/** Values of the vector register that copies arguments. */
let copied: Value[] = [0, 0];

/** Executes one instruction at `pc`; returns the place of the next. Throws Error for one that it does not know. */
export function step(c: Context, w: number, pc: number): number {
  const pair = pairOf(w);
  const [rd, rn] = [w & 31, (w >>> 5) & 31];
  const imm12 = (w >>> 10) & 0xfff;
  const op22 = (w & 0xffc00000) >>> 0;
  const op23 = (w & 0xff800000) >>> 0;
  const indexed = (w & 0xffe00400) >>> 0;
  if (pair !== undefined) stepPair(c, w, pair);
  else if (op23 === 0x91000000 || op23 === 0xd1000000) {
    const amount = (w >>> 22) & 1 ? imm12 * 4096 : imm12;
    setBase(c, rd, base(c, rn) + (op23 === 0x91000000 ? amount : -amount));
  } else if (op22 === 0xf9000000 || op22 === 0xf9400000) {
    move(c, op22 === 0xf9400000, false, rd, base(c, rn) + 8 * imm12);
  } else if (indexed === 0xf8000400 || indexed === 0xf8400400) {
    const offset = signed((w >>> 12) & 511, 9);
    const pre = ((w >>> 11) & 1) === 1;
    const start = base(c, rn);
    move(c, indexed === 0xf8400400, false, rd, pre ? start + offset : start);
    setBase(c, rn, start + offset);
  } else if (op22 === 0x3dc00000) {
    copied = [0, 8].map((k) => c.memory.get(base(c, rn) + 16 * imm12 + k) ?? 'argument');
  } else if (op22 === 0x3d800000) {
    copied.forEach((value, k) => c.memory.set(base(c, rn) + 16 * imm12 + 8 * k, value));
  } else if ((w & 0x7f800000) === 0x52800000) {
    c.x[rd] = ((w >>> 5) & 0xffff) * 2 ** (16 * ((w >>> 21) & 3));
  } else if ((w & 0xff000000) >>> 0 === 0xb5000000) {
    if (c.x[rd] !== 0) return pc + 4 * signed((w >>> 5) & 0x7ffff, 19);
  } else throw new Error(`instruction 0x${(w >>> 0).toString(16)} at ${pc}`);
  return pc + 4;
}
