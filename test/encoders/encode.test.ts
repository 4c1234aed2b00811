// What the rows do not say: lengths, fixed-up fields, padding, and the buffer itself.
import { describe, expect, it } from 'vitest';
import * as X64 from '../../src-ts/gen/x64.ts';
import { CodeBuffer } from '../../src-ts/mach/codebuffer.ts';
import * as E from '../../src-ts/target/x64/encode.ts';
import * as R from '../../src-ts/target/x64/regs.ts';

function bytes(emit: (cb: CodeBuffer) => void): string {
  const cb = new CodeBuffer(1);
  emit(cb);
  return Buffer.from(cb.view()).toString('hex');
}

const load = (base: number, disp: number, index = R.NO_REG): string =>
  bytes((cb) => E.encRM(cb, X64.MOV_r32_rm32, R.RAX, base, index, 0, disp));

describe('encodings are the shortest', () => {
  it('of addresses', () => {
    expect(load(R.RBX, 0)).toBe('8b03');
    expect(load(R.RBX, 127)).toBe('8b437f');
    expect(load(R.RBX, 128)).toBe('8b8380000000');
    expect(load(R.RBX, -128)).toBe('8b4380');
    expect(load(R.RBP, 0)).toBe('8b4500');
    expect(load(R.RSP, 0)).toBe('8b0424');
    expect(load(R.R12, 0)).toBe('418b0424');
    expect(load(R.R13, 0)).toBe('418b4500');
    expect(load(R.RBX, 0, R.RCX)).toBe('8b040b');
    expect(load(R.RIP, 0)).toBe('8b0500000000');
    expect(load(R.NO_REG, 0)).toBe('8b042500000000');
  });

  it('of prefixes', () => {
    expect(bytes((cb) => E.encRR(cb, X64.ADD_rm8_r8, R.RCX, R.RAX))).toBe('00c8');
    expect(bytes((cb) => E.encRR(cb, X64.ADD_rm8_r8, R.RCX, R.RSP))).toBe('4000cc');
    expect(bytes((cb) => E.encRM(cb, X64.MOVZX_r32_rm8, R.RSP, R.RSI, -1, 0, 0))).toBe('0fb626');
    expect(bytes((cb) => E.encR(cb, X64.PUSH_r64, R.RAX))).toBe('50');
    expect(bytes((cb) => E.encR(cb, X64.PUSH_r64, R.R8))).toBe('4150');
    expect(bytes((cb) => E.encRVR(cb, X64.VADDSD_xmm_xmm_xm64, 8, 9, 1))).toBe('c53358c1');
    expect(bytes((cb) => E.encRVR(cb, X64.VADDSD_xmm_xmm_xm64, 1, 9, 8))).toBe('c4c13358c8');
  });
});

describe('fixed-up fields', () => {
  it('patches a rip-relative operand before an immediate', () => {
    const cb = new CodeBuffer();
    E.encM_imm(cb, X64.CMP_rm32_imm8, R.RIP, R.NO_REG, 0, 0, 5);
    const end = cb.pos;
    E.patchRip(cb, X64.CMP_rm32_imm8, end, end + 0x100);
    expect(Buffer.from(cb.view()).toString('hex')).toBe('833d0001000005');
    expect(cb.read32(2)).toBe(0x100);
  });

  it('refuses a patch outside and rsp as an index', () => {
    const cb = new CodeBuffer();
    cb.u32(0);
    expect(() => cb.patch32(1, 0)).toThrow('internal error');
    expect(() => cb.patch8(-1, 0)).toThrow('internal error');
    expect(() => load(R.RAX, 0, R.RSP)).toThrow('rsp as an index');
  });
});

describe('padding', () => {
  it('fills any length', () => {
    for (let n = 0; n <= 40; n++) expect(bytes((cb) => E.encNop(cb, n)).length).toBe(2 * n);
    expect(bytes((cb) => E.encNop(cb, 12))).toBe('660f1f8400000000000f1f00');
  });
});

describe('the code buffer', () => {
  it('grows, keeps its contents and its storage', () => {
    const cb = new CodeBuffer(2);
    for (let i = 0; i < 1000; i++) cb.u32(i);
    cb.u64(-1, 1);
    cb.append(new Uint8Array([1, 2, 3]));
    cb.align(16, 0xcc);
    expect(cb.pos).toBe(4016);
    expect(cb.read32(4 * 999)).toBe(999);
    expect(cb.view().slice(4000)).toEqual(
      new Uint8Array([255, 255, 255, 255, 1, 0, 0, 0, 1, 2, 3, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc]),
    );
    const storage = cb.bytes;
    cb.reset();
    expect(cb.pos).toBe(0);
    expect(cb.bytes).toBe(storage);
  });
});

describe('condition codes', () => {
  it('negate and swap', () => {
    for (let cc = 0; cc < 16; cc++) expect(R.negateCc(R.negateCc(cc))).toBe(cc);
    expect(R.negateCc(R.CC_B)).toBe(R.CC_AE);
    expect(R.negateCc(R.CC_G)).toBe(R.CC_LE);
    for (let cc = 0; cc < 16; cc++) expect(R.swapCc(R.swapCc(cc))).toBe(cc);
    expect(R.swapCc(R.CC_GE)).toBe(R.CC_LE);
  });
});
