// Cases for the AArch64 encoder test, made from the rows: every form with corner registers and boundary
// immediates, picked by a fixed sequence, and the register accesses the row promises.
import type { readForms } from '../../isa/gen/aarch64.ts';
import type { CodeBuffer } from '../../src-ts/mach/codebuffer.ts';
import * as E from '../../src-ts/target/aarch64/encode.ts';

export type Form = ReturnType<typeof readForms>[number];

/** Operand values by field name, plus those the encoder takes in one piece: imm, offset, disp, bit. */
export type Case = Record<string, number>;

const CORNERS = [0, 1, 7, 15, 16, 29, 30, 31];
const CASES = 96;

/** Values that only the encoder's argument has, by field; `1` in a range is one unit of the scale. */
const VALUES: Record<string, readonly number[]> = {
  shift: [0, 1, 2, 3],
  option: [0, 1, 2, 3, 4, 5, 6, 7],
  cond: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13],
  nzcv: [0, 1, 2, 4, 8, 15],
  imm3: [0, 1, 4],
  imm5: [0, 1, 30, 31],
  imm16: [0, 1, 0x7fff, 0x8000, 0xffff, 0x1234],
  imm4: [9, 10, 11, 13, 14, 15],
  imm8: [0, 1, 0x70, 0x7f, 0x80, 0xff, 0x55],
  abc: [0, 1, 0x70, 0x7f, 0x80, 0xff, 0xa5],
  imm9: [0, 1, 8, -1, -8, 255, -256],
  immlo: [0, 1, -1, 3, 0x12344, 0xfffff, -0x100000],
};
const ADD_IMMEDIATES = [0, 1, 16, 4095, 4096, 0x5000, 0xfff000];
const SIGNED_UNITS: Record<string, number> = { imm26: 25, imm19: 18, imm14: 13, imm7: 6 };

/** A fixed pseudo-random sequence (a 32-bit xorshift). */
class Sequence {
  private state = 0x2545f491;
  pick(list: readonly number[]): number {
    this.state ^= this.state << 13;
    this.state ^= this.state >>> 17;
    this.state ^= this.state << 5;
    return list[(this.state >>> 0) % list.length]!;
  }
}

const ones = (n: number): bigint => (1n << BigInt(n)) - 1n;

/** The value of a logical immediate (Arm ARM, DecodeBitMasks). */
export function maskValue(mask: number, bits: number): bigint {
  const immr = (mask >> 6) & 63;
  const key = ((mask >> 12) << 6) | (~mask & 63);
  const size = 2 ** (31 - Math.clz32(key));
  const run = ones((mask & (size - 1)) + 1);
  const by = BigInt(immr & (size - 1));
  const element = ((run >> by) | (run << (BigInt(size) - by))) & ones(size);
  let value = 0n;
  for (let at = 0; at < bits; at += size) value |= element << BigInt(at);
  return value;
}

function masks(bits: number): number[] {
  const list: number[] = [];
  for (let size = 2; size <= bits; size *= 2) {
    for (const count of [1, size / 2, size - 1]) {
      for (const immr of new Set([0, 1, size / 2, size - 1])) {
        const imms = (~(2 * size - 1) & 63) | (count - 1);
        list.push(((size >> 6) << 12) | (immr << 6) | imms);
      }
    }
  }
  return list;
}

/** Bits of the first register operand. */
export function widthOf(form: Form): number {
  return { W: 32, X: 64, B: 8, H: 16, S: 32, D: 64, Q: 128 }[form.registers[0]?.kind ?? ''] ?? 0;
}

function valuesOf(form: Form, name: string): readonly number[] {
  const last = widthOf(form) - 1;
  if (name.startsWith('R')) return CORNERS;
  if (name === 'shift') return VALUES.shift!.slice(0, /^(ADD|SUB)/.test(form.name) ? 3 : 4);
  if (name === 'option' && form.shape === 'REG_OFFSET') return [2, 3, 6, 7];
  if (['amount', 'immr', 'imms'].includes(name)) return [0, 1, 2, 7, 8, 15, 16, last - 1, last];
  if (name === 'bit1') return [0, 1, 31, 32, 63];
  if (name === 'hw') return last === 31 ? [0, 1] : [0, 1, 2, 3];
  if (name === 'S') return [0, 1];
  if (name === 'mask') return masks(last + 1);
  if (name === 'sh') return ADD_IMMEDIATES;
  if (name === 'imm12') {
    return form.shape === 'UOFF' ? [0, 1, 2, 31, 4095].map((n) => n * form.bytes!) : [0];
  }
  const units = SIGNED_UNITS[name];
  if (units !== undefined) {
    const scale = name === 'imm7' ? form.bytes! : 4;
    return [0, 1, 2, -1, 2 ** units - 1, -(2 ** units)].map((n) => n * scale);
  }
  return VALUES[name] ?? [0];
}

/** Combinations whose effect the manual leaves open. */
function unpredictable(form: Form, c: Case): boolean {
  const general = /^[WX]/.test(form.operands);
  const load = form.name.startsWith('LD');
  if (form.shape === 'PAIR' && load && c.Rt === c.Rt2) return true;
  if (/:rw[\],]/.test(form.operands) && general && c.Rn !== 31) {
    return c.Rt === c.Rn || c.Rt2 === c.Rn;
  }
  return form.name.startsWith('STLXR') && (c.Rs === c.Rt || (c.Rs === c.Rn && c.Rn !== 31));
}

/** All cases of a form. */
export function* casesOf(form: Form): Iterable<Case> {
  const sequence = new Sequence();
  for (let i = 0; i < CASES; i++) {
    const c: Case = {};
    for (const { name } of form.fields) c[name] = sequence.pick(valuesOf(form, name));
    if (!unpredictable(form, c)) yield c;
  }
}

type Encode = (cb: CodeBuffer, n: number, c: Case) => void;

/** The encoder of each shape, given a case. */
const ENCODERS: Record<string, Encode> = {
  NONE: (cb, n) => E.enc0(cb, n),
  IMM16: (cb, n, c) => E.encImm(cb, n, c.imm16!),
  IMM4: (cb, n, c) => E.encImm(cb, n, c.imm4!),
  RN: (cb, n, c) => E.encR(cb, n, c.Rn!),
  RD_RN: (cb, n, c) => E.encRR(cb, n, c.Rd!, c.Rn!),
  RN_RM: (cb, n, c) => E.encCmp(cb, n, c.Rn!, c.Rm!),
  RRR: (cb, n, c) => E.encRRR(cb, n, c.Rd!, c.Rn!, c.Rm!),
  RRRR: (cb, n, c) => E.encRRRR(cb, n, c.Rd!, c.Rn!, c.Rm!, c.Ra!),
  RRR_SH: (cb, n, c) => E.encRRR_sh(cb, n, c.Rd!, c.Rn!, c.Rm!, c.shift!, c.amount!),
  RRR_EXT: (cb, n, c) => E.encRRR_ext(cb, n, c.Rd!, c.Rn!, c.Rm!, c.option!, c.imm3!),
  RRR_LSB: (cb, n, c) => E.encExtract(cb, n, c.Rd!, c.Rn!, c.Rm!, c.imms!),
  RRI: (cb, n, c) => E.encRRI(cb, n, c.Rd!, c.Rn!, c.sh!),
  LOGICAL: (cb, n, c) => E.encRRMask(cb, n, c.Rd!, c.Rn!, c.mask!),
  MOVE_WIDE: (cb, n, c) => E.encMovWide(cb, n, c.Rd!, c.imm16!, c.hw!),
  BITFIELD: (cb, n, c) => E.encBitfield(cb, n, c.Rd!, c.Rn!, c.immr!, c.imms!),
  SELECT: (cb, n, c) => E.encCondSel(cb, n, c.Rd!, c.Rn!, c.Rm!, c.cond!),
  CCMP: (cb, n, c) => E.encCcmp(cb, n, c.Rn!, c.Rm!, c.nzcv!, c.cond!),
  CCMP_IMM: (cb, n, c) => E.encCcmpImm(cb, n, c.Rn!, c.imm5!, c.nzcv!, c.cond!),
  ADR: (cb, n, c) => E.encAdr(cb, n, c.Rd!, c.immlo!),
  B: (cb, n, c) => E.encB(cb, n, c.imm26!),
  B_COND: (cb, n, c) => E.encBCond(cb, n, c.cond!, c.imm19!),
  RT_IMM19: (cb, n, c) => E.encCbz(cb, n, c.Rt!, c.imm19!),
  TBZ: (cb, n, c) => E.encTbz(cb, n, c.Rt!, c.bit1!, c.imm14!),
  UOFF: (cb, n, c) => E.encLoadUoff(cb, n, c.Rt!, c.Rn!, c.imm12!),
  SIMM9: (cb, n, c) => E.encLoadSimm9(cb, n, c.Rt!, c.Rn!, c.imm9!),
  REG_OFFSET: (cb, n, c) => E.encLoadReg(cb, n, c.Rt!, c.Rn!, c.Rm!, c.option!, c.S === 1),
  PAIR: (cb, n, c) => E.encLoadPair(cb, n, c.Rt!, c.Rt2!, c.Rn!, c.imm7!),
  BASE: (cb, n, c) => E.encLoadBase(cb, n, c.Rt!, c.Rn!),
  BASE_RS: (cb, n, c) => E.encLoadRs(cb, n, c.Rs!, c.Rt!, c.Rn!),
  FP_IMM: (cb, n, c) => E.encFmovImm(cb, n, c.Rd!, c.imm8!),
  MOVI: (cb, n, c) => E.encMovi(cb, n, c.Rd!, c.abc!),
};

/** Encodes a case with the function its shape asks for. */
export function encode(cb: CodeBuffer, form: Form, number: number, c: Case): void {
  ENCODERS[form.shape]!(cb, number, c);
}

/** Registers (x0.., sp, v0.., `nzcv`) read (1) or written (2), from the row alone; not the zero register. */
export function expectedAccess(form: Form, c: Case, access: 1 | 2): Set<string> {
  const set = new Set<string>();
  for (const r of form.registers) {
    const number = c[r.field]!;
    if ((r.access & access) === 0) continue;
    if (!/[WX]/.test(r.kind)) set.add(`v${number}`);
    else if (number < 31) set.add(`x${number}`);
    else if (r.sp) set.add('sp');
  }
  const implicit = access === 1 ? form.reads : form.writes;
  for (const name of implicit?.split(' ') ?? []) set.add(name);
  if (form.flags?.includes(access === 1 ? 'r' : 'w')) set.add('nzcv');
  return set;
}
