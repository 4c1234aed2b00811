// What the rows do not say: immediates, ranges, displacements, the checks of the table, and the text
// normaliser the row test relies on.
import { describe, expect, it } from 'vitest';
import { checkDistinct, parseEncoding } from '../../isa/gen/aarch64.ts';
import * as A64 from '../../src-ts/gen/aarch64.ts';
import { CodeBuffer } from '../../src-ts/mach/codebuffer.ts';
import * as E from '../../src-ts/target/aarch64/encode.ts';
import * as R from '../../src-ts/target/aarch64/regs.ts';
import { maskValue } from './aarch64cases.ts';
import { canonical } from './aarch64text.ts';

const low = (v: bigint): number => Number(BigInt.asIntN(32, v));
const high = (v: bigint): number => Number(BigInt.asIntN(32, v >> 32n));

/** Every value that is a logical immediate of a width, made from its definition. */
function bitmasks(width: number): Set<bigint> {
  const values = new Set<bigint>();
  for (let size = 2; size <= width; size *= 2) {
    const all = (1n << BigInt(size)) - 1n;
    for (let ones = 1; ones < size; ones++) {
      const run = (1n << BigInt(ones)) - 1n;
      for (let by = 0n; by < size; by++) {
        const element = ((run >> by) | (run << (BigInt(size) - by))) & all;
        let value = 0n;
        for (let at = 0; at < width; at += size) value |= element << BigInt(at);
        values.add(value);
      }
    }
  }
  return values;
}

function word(emit: (cb: CodeBuffer) => void): string {
  const cb = new CodeBuffer(1);
  emit(cb);
  expect(cb.pos).toBe(4);
  return (cb.read32(0) >>> 0).toString(16).padStart(8, '0');
}

describe('logical immediates', () => {
  const wide = bitmasks(64);
  const narrow = bitmasks(32);

  it('encodes every one, and back', () => {
    expect(wide.size).toBe(5334);
    expect(narrow.size).toBe(1302);
    for (const v of wide) {
      const mask = E.bitmaskImmediate(low(v), high(v), true);
      if (mask < 0 || maskValue(mask, 64) !== v) expect.fail(`0x${v.toString(16)}: ${mask}`);
    }
    for (const v of narrow) {
      const mask = E.bitmaskImmediate(low(v), 0x1234, false);
      if (mask < 0 || maskValue(mask, 32) !== v) expect.fail(`0x${v.toString(16)}: ${mask}`);
    }
  });

  it('encodes nothing else near them', () => {
    for (const v of wide) {
      for (let bit = 0n; bit < 64n; bit += 3n) {
        const near = v ^ (1n << bit);
        const encoded = E.bitmaskImmediate(low(near), high(near), true) >= 0;
        if (encoded !== wide.has(near)) expect.fail(`0x${near.toString(16)}`);
      }
    }
    expect(E.bitmaskImmediate(0, 0, true)).toBe(-1);
    expect(E.bitmaskImmediate(-1, -1, true)).toBe(-1);
    expect(E.bitmaskImmediate(0, -1, false)).toBe(-1);
    expect(E.bitmaskImmediate(-1, 0, false)).toBe(-1);
    expect(E.bitmaskImmediate(-1, 0, true)).toBeGreaterThanOrEqual(0);
  });
});

describe('other immediates', () => {
  it('of ADD and SUB', () => {
    expect(E.addImmediate(0)).toBe(0);
    expect(E.addImmediate(4095)).toBe(4095);
    expect(E.addImmediate(4096)).toBe(0x1001);
    expect(E.addImmediate(0xfff000)).toBe(0x1fff);
    for (const v of [-1, 4097, 0x1000000, 0xfff001, 2 ** 40, -4096]) {
      expect(E.addImmediate(v)).toBe(-1);
    }
  });

  it('of FMOV: all 256 of both widths, and no neighbours', () => {
    const view = new DataView(new ArrayBuffer(8));
    const seen = new Set<number>();
    for (let sixteenths = 16; sixteenths < 32; sixteenths++) {
      for (let exponent = -3; exponent <= 4; exponent++) {
        for (const sign of [1, -1]) {
          const value = sign * (sixteenths / 16) * 2 ** exponent;
          view.setFloat64(0, value);
          const imm8 = E.fpImmediate(view.getInt32(4), view.getInt32(0), true);
          expect(E.fpImmediate(1, view.getInt32(0), true)).toBe(-1);
          expect(E.fpImmediate(0, view.getInt32(0) ^ 1, true)).toBe(-1);
          view.setFloat32(0, value);
          expect(E.fpImmediate(view.getInt32(0), 0, false)).toBe(imm8);
          expect(E.fpImmediate(view.getInt32(0) ^ 1, 0, false)).toBe(-1);
          seen.add(imm8);
        }
      }
    }
    expect([...seen].sort((a, b) => a - b)).toEqual(Array.from({ length: 256 }, (_, i) => i));
    for (const value of [0, -0, 32, 0.0625, 0.1, Infinity, NaN, 5e-324]) {
      view.setFloat64(0, value);
      expect(E.fpImmediate(view.getInt32(4), view.getInt32(0), true)).toBe(-1);
      view.setFloat32(0, value);
      expect(E.fpImmediate(view.getInt32(0), 0, false)).toBe(-1);
    }
  });

  it('of MOVI', () => {
    expect(E.byteMaskImmediate(0, 0)).toBe(0);
    expect(E.byteMaskImmediate(-1, -1)).toBe(255);
    expect(E.byteMaskImmediate(0xff, 0xff00ff00)).toBe(0xa1);
    expect(E.byteMaskImmediate(0x7f, 0)).toBe(-1);
    expect(E.byteMaskImmediate(0, 0x80000000)).toBe(-1);
  });
});

describe('short ways to write an instruction', () => {
  it('shifts by bitfield moves', () => {
    const shift = (f: typeof E.encLslImm, form: number, amount: number): string =>
      word((cb) => f(cb, form, 1, 2, amount));
    expect(shift(E.encLslImm, A64.UBFM_x, 3)).toBe('d37df041'); // lsl x1, x2, #3
    expect(shift(E.encLslImm, A64.UBFM_w, 0)).toBe('53007c41'); // lsr w1, w2, #0
    expect(shift(E.encLsrImm, A64.UBFM_w, 31)).toBe('531f7c41');
    expect(shift(E.encAsrImm, A64.SBFM_x, 63)).toBe('937ffc41');
    expect(() => shift(E.encLslImm, A64.UBFM_w, 32)).toThrow('internal error');
  });

  it('sets a register from a condition, compares, moves', () => {
    expect(word((cb) => E.encCset(cb, A64.CSINC_w, 0, R.CC_LT))).toBe('1a9fa7e0');
    expect(() => E.encCset(new CodeBuffer(), A64.CSINC_w, 0, R.CC_AL)).toThrow('condition');
    expect(word((cb) => E.encCmp(cb, A64.SUBS_x_sh, 1, 2))).toBe('eb02003f');
    expect(word((cb) => E.encCmp(cb, A64.FCMP_d, 1, 2))).toBe('1e622020');
    expect(word((cb) => E.encRRR(cb, A64.ORR_x_sh, 1, R.ZR, 2))).toBe('aa0203e1');
  });
});

describe('ranges', () => {
  const refused = (emit: (cb: CodeBuffer) => void): void => {
    expect(() => emit(new CodeBuffer())).toThrow('internal error');
  };

  it('refuses the wrong shape and immediates that do not fit', () => {
    refused((cb) => E.encRR(cb, A64.ADD_x_sh, 0, 1));
    refused((cb) => E.encRRI(cb, A64.ADD_x_imm, 0, 1, 4097));
    refused((cb) => E.encRRMask(cb, A64.AND_w_imm, 0, 1, 0x1000));
    refused((cb) => E.encRRMask(cb, A64.AND_x_imm, 0, 1, -1));
    refused((cb) => E.encMovWide(cb, A64.MOVZ_w, 0, 1, 2));
    refused((cb) => E.encMovWide(cb, A64.MOVZ_x, 0, 0x10000, 0));
    refused((cb) => E.encRRR_sh(cb, A64.ADD_w_sh, 0, 1, 2, E.SHIFT_LSL, 32));
    refused((cb) => E.encRRR_sh(cb, A64.ADD_x_sh, 0, 1, 2, E.SHIFT_ROR, 1));
    refused((cb) => E.encRRR_ext(cb, A64.ADD_x_ext, 0, 1, 2, E.EXT_UXTW, 5));
    refused((cb) => E.encCcmpImm(cb, A64.CCMP_x_imm, 0, 32, 0, R.CC_EQ));
    refused((cb) => E.encTbz(cb, A64.TBZ, 0, 64, 0));
    refused((cb) => E.encB(cb, A64.B, 2));
    refused((cb) => E.encB(cb, A64.B, 2 ** 27));
  });

  it('refuses addresses out of reach and unpredictable ones', () => {
    refused((cb) => E.encLoadUoff(cb, A64.LDR_x_uoff, 0, 1, 4));
    refused((cb) => E.encLoadUoff(cb, A64.LDR_x_uoff, 0, 1, 32768));
    refused((cb) => E.encLoadUoff(cb, A64.LDRB_uoff, 0, 1, -1));
    refused((cb) => E.encLoadSimm9(cb, A64.LDUR_x, 0, 1, 256));
    refused((cb) => E.encLoadSimm9(cb, A64.LDR_x_post, 1, 1, 8));
    refused((cb) => E.encLoadReg(cb, A64.LDR_x_reg, 0, 1, 2, E.EXT_UXTB, true));
    refused((cb) => E.encLoadPair(cb, A64.LDP_x_off, 0, 1, 2, 512));
    refused((cb) => E.encLoadPair(cb, A64.LDP_x_off, 1, 1, 2, 0));
    refused((cb) => E.encLoadPair(cb, A64.STP_x_pre, 0, 2, 2, 0));
    expect(word((cb) => E.encLoadSimm9(cb, A64.LDUR_x, 1, 1, 8))).toBe('f8408021');
    expect(word((cb) => E.encLoadPair(cb, A64.STP_x_off, 1, 1, 1, 0))).toBe('a9000421');
  });

  it('tells what fits', () => {
    const uoff = [0, 8, 32760].map((n) => E.fitsUoff(A64.LDR_x_uoff, n));
    expect(uoff).toEqual([true, true, true]);
    for (const n of [4, -8, 32768, 2 ** 32, 2 ** 33]) {
      expect(E.fitsUoff(A64.LDR_x_uoff, n)).toBe(false);
    }
    expect(E.fitsUoff(A64.LDR_q_uoff, 65520)).toBe(true);
    expect([-256, 255, -257, 256].map(E.fitsSimm9)).toEqual([true, true, false, false]);
    const pairs = [-512, 504, -520, 512, 4].map((n) => E.fitsPair(A64.LDP_x_off, n));
    expect(pairs).toEqual([true, true, false, false, false]);
    expect(E.fitsWords(2 ** 15 - 4, 14)).toBe(true);
    expect(E.fitsWords(2 ** 15, 14)).toBe(false);
    expect(E.fitsWords(-(2 ** 15), 14)).toBe(true);
  });
});

describe('displacements', () => {
  const kinds: [string, (cb: CodeBuffer, disp: number) => void, number][] = [
    ['b', (cb, disp) => E.encB(cb, A64.B, disp), 2 ** 27],
    ['bl', (cb, disp) => E.encB(cb, A64.BL, disp), 2 ** 27],
    ['b.lt', (cb, disp) => E.encBCond(cb, A64.B_cond, R.CC_LT, disp), 2 ** 20],
    ['cbz', (cb, disp) => E.encCbz(cb, A64.CBZ_x, 30, disp), 2 ** 20],
    ['cbnz', (cb, disp) => E.encCbz(cb, A64.CBNZ_w, 7, disp), 2 ** 20],
    ['tbz', (cb, disp) => E.encTbz(cb, A64.TBZ, 30, 63, disp), 2 ** 15],
    ['tbnz', (cb, disp) => E.encTbz(cb, A64.TBNZ, 1, 31, disp), 2 ** 15],
    ['adr', (cb, disp) => E.encAdr(cb, A64.ADR, 30, disp), 2 ** 20],
    ['ldr x', (cb, disp) => E.encLoadLit(cb, A64.LDR_x_lit, 30, disp), 2 ** 20],
    ['ldr q', (cb, disp) => E.encLoadLit(cb, A64.LDR_q_lit, 31, disp), 2 ** 20],
  ];

  it.each(kinds)('patches %s to what encoding it gives', (name, encode, limit) => {
    for (const disp of [0, 4, -4, limit - 4, -limit]) {
      for (const old of [0, -4, limit - 4]) {
        const cb = new CodeBuffer();
        cb.u32(0);
        encode(cb, old);
        E.patchBranch(cb.bytes, 4, disp);
        expect((cb.read32(4) >>> 0).toString(16).padStart(8, '0')).toBe(
          word((other) => encode(other, disp)),
        );
      }
    }
    const cb = new CodeBuffer();
    encode(cb, 0);
    expect(() => E.patchBranch(cb.bytes, 0, limit), name).toThrow('displacement');
    expect(() => E.patchBranch(cb.bytes, 0, -limit - 4), name).toThrow('displacement');
  });

  it('patches nothing else', () => {
    const cb = new CodeBuffer();
    E.enc0(cb, A64.NOP);
    E.encR(cb, A64.RET, 30);
    E.encLoadUoff(cb, A64.LDR_x_uoff, 0, 1, 8);
    E.encAdr(cb, A64.ADRP, 0, 1);
    for (let at = 0; at < cb.pos; at += 4) {
      expect(() => E.patchBranch(cb.bytes, at, 0)).toThrow('no displacement');
    }
  });
});

describe('condition codes', () => {
  it('negate and swap', () => {
    for (let cc = 0; cc < 14; cc++) expect(R.negateCc(R.negateCc(cc))).toBe(cc);
    expect(R.negateCc(R.CC_LO)).toBe(R.CC_HS);
    expect(R.negateCc(R.CC_GT)).toBe(R.CC_LE);
    for (let cc = 0; cc < 14; cc++) expect(R.swapCc(R.swapCc(cc))).toBe(cc);
    expect(R.swapCc(R.CC_GE)).toBe(R.CC_LE);
    expect(R.swapCc(R.CC_HI)).toBe(R.CC_LO);
  });
});

describe('the checks of the table', () => {
  it('refuse rows that are not 32 bits, unknown fields, and ambiguous rows', () => {
    expect(() => parseEncoding('row', '0|imm26')).toThrow('27 bits');
    expect(() => parseEncoding('row', '0000000|imm26')).toThrow('more than 32 bits');
    expect(() => parseEncoding('row', '000000|Rx')).toThrow('field Rx');
    expect(() => parseEncoding('row', 'Rn|Rn|0000000000000000000000')).toThrow('two fields');
    const a = { name: 'a', ...parseEncoding('a', '00000000000|Rd|0000000000000000') };
    const b = { name: 'b', ...parseEncoding('b', '0000000000000000|imm16') };
    const c = { name: 'c', ...parseEncoding('c', '0000000000000001|imm16') };
    expect(() => checkDistinct([a, b])).toThrow('overlaps');
    expect(() => checkDistinct([b, c])).not.toThrow();
    expect(() => checkDistinct([a, c])).toThrow('overlaps');
  });
});

describe('the text normaliser', () => {
  it('brings numbers to one spelling', () => {
    expect(canonical('add', 'x0, x1, #0x10')).toBe('add x0,x1,#16');
    expect(canonical('mov', 'w0, #-1')).toBe('mov w0,#4294967295');
    expect(canonical('mov', 'x0, #-1')).toBe('mov x0,#18446744073709551615');
    expect(canonical('fmov', 'd0, #1.50000000')).toBe('fmov d0,#f1.5');
    expect(canonical('movi', 'd0, #0000000000000000')).toBe('movi d0,#0');
    expect(canonical('ldr', 'x0, [x1, #-0x8]!')).toBe('ldr x0,[x1,#18446744073709551608]!');
    expect(canonical('nop', '')).toBe('nop');
    expect(() => canonical('add', 'x0, x1, #0xf.1')).toThrow('number');
  });

  it('keeps what matters apart', () => {
    expect(canonical('mov', 'x0, #-1')).not.toBe(canonical('mov', 'x0, #0xffffffff'));
    expect(canonical('ldr', 'x0, [x1], #8')).not.toBe(canonical('ldr', 'x0, [x1, #8]'));
    expect(canonical('ldr', 'x0, [x1, #8]!')).not.toBe(canonical('ldr', 'x0, [x1, #8]'));
    expect(canonical('add', 'x0, x1, #1, lsl #12')).not.toBe(canonical('add', 'x0, x1, #1'));
  });
});
