// The AArch64 encoder: form number (src-ts/gen/aarch64.ts) and operands in, a 32-bit word out.
//
// What the instructions are is in isa/aarch64/instructions.ts; here are only the operand shapes. Every
// function appends one instruction to a CodeBuffer and allocates nothing. A form of another shape, an
// immediate, offset or amount out of range is a bug and reported as one. Source: Arm ARM, C4 and C6.
//
// Form names: MNEMONIC_kinds, kinds w x (general; 31 is zero or SP as the manual says), s d q (floating
// point), then _imm, _sh (shifted register), _ext (extended register); memory: _uoff (scaled unsigned
// offset), _reg (register offset), _pre, _post, _off (pairs), _lit, and LDUR_x, STURB (unscaled). Loads
// and stores with only one register kind name none: LDRB_uoff, STRH_reg, LDRSW_uoff, LDURSW; LDRSB and
// LDRSH have both (LDRSB_x_uoff). Operands are in assembly order, destination first:
//
//   enc0       (cb, form)                            NOP, ISB, BTI_c, PACIASP, CSDB
//   encImm     (cb, form, imm)                       BRK, UDF (16 bits); DMB, DSB (BARRIER_*)
//   encR       (cb, form, rn)                        BR, BLR, RET (give X30), FCMP_d_zero
//   encRR      (cb, form, rd, rn)                    CLZ_x, REV_w, FNEG_d, FCVT_s_d, FCVTZS_x_d, CNT_8b
//   encRRR     (cb, form, rd, rn, rm)                UDIV_x, LSLV_w, FADD_d, SMULH_x, BIT_8b, ADC_x,
//                                                    and every _sh form with no shift
//   encRRRR    (cb, form, rd, rn, rm, ra)            MADD_x, MSUB_w, SMADDL_x, FMADD_d
//   encRRR_sh  (cb, form, rd, rn, rm, SHIFT_*, amount)    ADD_x_sh, SUBS_w_sh, ORR_x_sh, BICS_w_sh
//   encRRR_ext (cb, form, rd, rn, rm, EXT_*, amount)      ADD_x_ext; amount 0-4
//   encRRI     (cb, form, rd, rn, imm)               ADD_x_imm: imm as it is, see addImmediate
//   encRRMask  (cb, form, rd, rn, mask)              AND_x_imm: mask from bitmaskImmediate
//   encMovWide (cb, form, rd, imm16, hw)             MOVZ_x, MOVN_w, MOVK_x: imm16 << (16 * hw)
//   encBitfield(cb, form, rd, rn, immr, imms)        SBFM_x, UBFM_w, BFM_x; by name:
//   encLslImm, encLsrImm, encAsrImm (cb, UBFM_* UBFM_* SBFM_*, rd, rn, amount)
//   encExtract (cb, form, rd, rn, rm, lsb)           EXTR_x; rotate right by lsb when rn = rm
//   encCondSel (cb, form, rd, rn, rm, cc)            CSEL_x, CSINC_w, CSINV_x, CSNEG_x, FCSEL_d
//   encCset    (cb, form, rd, cc)                    CSINC_w: rd = cc ? 1 : 0; CSINV_x: cc ? -1 : 0
//   encCmp     (cb, form, rn, rm)                    FCMP_s; SUBS_x_sh, ANDS_w_sh without a result
//   encCcmp    (cb, form, rn, rm, nzcv, cc)          CCMP_x, CCMN_w, FCCMP_d
//   encCcmpImm (cb, form, rn, imm5, nzcv, cc)        CCMP_x_imm
//   encFmovImm (cb, form, rd, imm8)                  FMOV_d_imm: imm8 from fpImmediate
//   encMovi    (cb, form, rd, imm8)                  MOVI_d, MOVI_2d: 0, or from byteMaskImmediate
//
// Memory, loads and stores alike; offsets in bytes:
//   encLoadUoff(cb, form, rt, rn, offset)            LDR_x_uoff, STRB_uoff; see fitsUoff
//   encLoadSimm9(cb, form, rt, rn, offset)           LDUR_x, STR_d_pre, LDR_x_post; see fitsSimm9
//   encLoadReg (cb, form, rt, rn, rm, EXT_*, scaled) LDR_x_reg: EXT_LSL/UXTX, EXT_UXTW, EXT_SXTW, EXT_SXTX
//   encLoadPair(cb, form, rt, rt2, rn, offset)       LDP_x_off, STP_d_pre; see fitsPair
//   encLoadLit (cb, form, rt, disp)                  LDR_d_lit
//   encLoadBase(cb, form, rt, rn)                    LDAR_x, STLRB, LDAXR_w
//   encLoadRs  (cb, form, rs, rt, rn)                STLXR_x (rs: status), CASAL_w, LDADDAL_x, SWPALB
//
// Branches and addresses. **disp is in bytes from the start of the instruction**; patch functions
// change the displacement of a word already written:
//   encB (cb, form, disp)                  B, BL                  patchImm26  +-128 MiB
//   encBCond (cb, B_cond, cc, disp)                               patchImm19  +-1 MiB
//   encCbz (cb, form, rt, disp)            CBZ_x, CBNZ_w          patchImm19  (and _lit)
//   encTbz (cb, form, rt, bit, disp)       TBZ, TBNZ              patchImm14  +-32 KiB
//   encAdr (cb, form, rd, disp)            ADR (bytes)            patchAdr    +-1 MiB
//   patchBranch(bytes, at, disp) tells from the word at `at` which of these it is.
import {
  FORM_BITS,
  FORM_FIELD_AT,
  FORM_NAMES,
  FORM_SCALE,
  FORM_SHAPE,
  FORM_WIDTH,
} from '../../gen/aarch64.ts';
import * as A64 from '../../gen/aarch64.ts';
import { type CodeBuffer, put32 } from '../../mach/codebuffer.ts';
import { bug } from '../../util/bug.ts';
import { addImmediate } from './immediates.ts';
import { SP, ZR } from './regs.ts';

export { addImmediate, bitmaskImmediate, byteMaskImmediate, fpImmediate } from './immediates.ts';

// Shifts of a shifted register (SHIFT_ROR: logical operations only).
export const SHIFT_LSL = 0;
export const SHIFT_LSR = 1;
export const SHIFT_ASR = 2;
export const SHIFT_ROR = 3;

// Extensions of an extended register or a register offset (offsets: UXTW, LSL, SXTW, SXTX only).
export const EXT_UXTB = 0;
export const EXT_UXTH = 1;
export const EXT_UXTW = 2;
export const EXT_UXTX = 3;
export const EXT_LSL = 3;
export const EXT_SXTB = 4;
export const EXT_SXTH = 5;
export const EXT_SXTW = 6;
export const EXT_SXTX = 7;

// Barrier domains and types of DMB and DSB.
export const BARRIER_ISHLD = 9;
export const BARRIER_ISHST = 10;
export const BARRIER_ISH = 11;
export const BARRIER_SY = 15;

function refuse(form: number, what: string, value: number): never {
  return bug('aarch64 encoder', `${FORM_NAMES[form]}: ${what} ${value}`);
}

/** The fixed bits of a form, which must be of the given shape. */
function head(form: number, shape: number): number {
  if (FORM_SHAPE[form] !== shape) refuse(form, 'wrong encoder for shape', FORM_SHAPE[form]!);
  return FORM_BITS[form]!;
}

/** Returns an unsigned field's value, checked to have so many bits. */
function unsigned(form: number, what: string, value: number, bits: number): number {
  if (value >>> bits !== 0) refuse(form, what, value);
  return value;
}

/** Returns the low bits of a signed field's value, checked to fit. */
function signed(form: number, what: string, value: number, bits: number): number {
  const shift = 32 - bits;
  if ((value << shift) >> shift !== value) refuse(form, what, value);
  return value & (2 ** bits - 1);
}

/** A shift amount or bit number, below the width of the form's operands. */
function amountOf(form: number, amount: number): number {
  if (amount < 0 || amount >= FORM_WIDTH[form]!) refuse(form, 'amount', amount);
  return amount;
}

// ---- registers and immediates ----

/** No operands. */
export function enc0(cb: CodeBuffer, form: number): void {
  cb.u32(head(form, A64.SHAPE_NONE));
}

/** BRK, UDF: 16 bits; DMB, DSB: BARRIER_*. */
export function encImm(cb: CodeBuffer, form: number, imm: number): void {
  const barrier = FORM_SHAPE[form] === A64.SHAPE_IMM4;
  const bits = head(form, barrier ? A64.SHAPE_IMM4 : A64.SHAPE_IMM16);
  cb.u32(bits | (unsigned(form, 'immediate', imm, barrier ? 4 : 16) << FORM_FIELD_AT[form]!));
}

/** One register that is read. */
export function encR(cb: CodeBuffer, form: number, rn: number): void {
  cb.u32(head(form, A64.SHAPE_RN) | (rn << 5));
}

/** rd from rn. */
export function encRR(cb: CodeBuffer, form: number, rd: number, rn: number): void {
  cb.u32(head(form, A64.SHAPE_RD_RN) | (rn << 5) | rd);
}

/** rd from rn and rm; also shifted-register forms, unshifted. */
export function encRRR(cb: CodeBuffer, form: number, rd: number, rn: number, rm: number): void {
  const shifted = FORM_SHAPE[form] === A64.SHAPE_RRR_SH;
  const bits = head(form, shifted ? A64.SHAPE_RRR_SH : A64.SHAPE_RRR);
  cb.u32(bits | (rm << 16) | (rn << 5) | rd);
}

/** rd from rn, rm and ra. */
export function encRRRR(
  cb: CodeBuffer,
  form: number,
  rd: number,
  rn: number,
  rm: number,
  ra: number,
): void {
  cb.u32(head(form, A64.SHAPE_RRRR) | (rm << 16) | (ra << 10) | (rn << 5) | rd);
}

/** rd from rn and rm shifted: SHIFT_*, amount below the width. No register is SP. */
export function encRRR_sh(
  cb: CodeBuffer,
  form: number,
  rd: number,
  rn: number,
  rm: number,
  shift: number,
  amount: number,
): void {
  const bits = head(form, A64.SHAPE_RRR_SH);
  // Only the logical group (bits 28-24 01010) rotates; 11 is reserved in the arithmetic one.
  if (shift === SHIFT_ROR && (bits & 0x01000000) !== 0) refuse(form, 'shift', shift);
  cb.u32(
    bits |
      (unsigned(form, 'shift', shift, 2) << 22) |
      (rm << 16) |
      (amountOf(form, amount) << 10) |
      (rn << 5) |
      rd,
  );
}

/** rd from rn and rm extended (EXT_*) and shifted left by 0-4. Register 31 is SP as rn (and rd of ADD, SUB). */
export function encRRR_ext(
  cb: CodeBuffer,
  form: number,
  rd: number,
  rn: number,
  rm: number,
  extend: number,
  amount: number,
): void {
  if (amount > 4) refuse(form, 'amount', amount);
  cb.u32(
    head(form, A64.SHAPE_RRR_EXT) |
      (rm << 16) |
      (unsigned(form, 'extend', extend, 3) << 13) |
      (unsigned(form, 'amount', amount, 3) << 10) |
      (rn << 5) |
      rd,
  );
}

/** Add or subtract an immediate: 0-4095, or a multiple of 4096 below 2^24. Register 31 is SP as rn (and rd of ADD, SUB). */
export function encRRI(cb: CodeBuffer, form: number, rd: number, rn: number, imm: number): void {
  const field = addImmediate(imm);
  if (field < 0) refuse(form, 'immediate', imm);
  cb.u32(head(form, A64.SHAPE_RRI) | (field << 10) | (rn << 5) | rd);
}

/** A logical operation with a mask as bitmaskImmediate encodes it. Register 31 is SP as rd, but of ANDS. */
export function encRRMask(
  cb: CodeBuffer,
  form: number,
  rd: number,
  rn: number,
  mask: number,
): void {
  const bits = head(form, A64.SHAPE_LOGICAL);
  unsigned(form, 'mask', mask, FORM_WIDTH[form] === 64 ? 13 : 12);
  cb.u32(bits | (mask << 10) | (rn << 5) | rd);
}

/** MOVZ, MOVN, MOVK with imm16 << (16 * hw). */
export function encMovWide(
  cb: CodeBuffer,
  form: number,
  rd: number,
  imm16: number,
  hw: number,
): void {
  const bits = head(form, A64.SHAPE_MOVE_WIDE);
  amountOf(form, hw << 4);
  cb.u32(bits | (hw << 21) | (unsigned(form, 'immediate', imm16, 16) << 5) | rd);
}

/** SBFM, BFM, UBFM; immr and imms below the width. */
export function encBitfield(
  cb: CodeBuffer,
  form: number,
  rd: number,
  rn: number,
  immr: number,
  imms: number,
): void {
  const bits = head(form, A64.SHAPE_BITFIELD);
  cb.u32(bits | (amountOf(form, immr) << 16) | (amountOf(form, imms) << 10) | (rn << 5) | rd);
}

/** rd = rn << amount, by UBFM_w or UBFM_x; amount below the width. */
export function encLslImm(
  cb: CodeBuffer,
  form: number,
  rd: number,
  rn: number,
  amount: number,
): void {
  const last = FORM_WIDTH[form]! - 1;
  encBitfield(cb, form, rd, rn, -amountOf(form, amount) & last, last - amount);
}

/** rd = rn >>> amount, by UBFM_w or UBFM_x; amount below the width. */
export function encLsrImm(
  cb: CodeBuffer,
  form: number,
  rd: number,
  rn: number,
  amount: number,
): void {
  encBitfield(cb, form, rd, rn, amount, FORM_WIDTH[form]! - 1);
}

/** rd = rn >> amount, by SBFM_w or SBFM_x; amount below the width. */
export function encAsrImm(
  cb: CodeBuffer,
  form: number,
  rd: number,
  rn: number,
  amount: number,
): void {
  encBitfield(cb, form, rd, rn, amount, FORM_WIDTH[form]! - 1);
}

/** EXTR: the width's bits of rn:rm from bit lsb up. */
export function encExtract(
  cb: CodeBuffer,
  form: number,
  rd: number,
  rn: number,
  rm: number,
  lsb: number,
): void {
  const bits = head(form, A64.SHAPE_RRR_LSB);
  cb.u32(bits | (rm << 16) | (amountOf(form, lsb) << 10) | (rn << 5) | rd);
}

// ---- conditions ----

/** rd = cc ? rn : f(rm). */
export function encCondSel(
  cb: CodeBuffer,
  form: number,
  rd: number,
  rn: number,
  rm: number,
  cc: number,
): void {
  const bits = head(form, A64.SHAPE_SELECT);
  cb.u32(bits | (rm << 16) | (unsigned(form, 'condition', cc, 4) << 12) | (rn << 5) | rd);
}

/** rd = cc ? 1 : 0 by CSINC, or cc ? -1 : 0 by CSINV; cc is not AL or NV. */
export function encCset(cb: CodeBuffer, form: number, rd: number, cc: number): void {
  if (cc >= 14) refuse(form, 'condition', cc);
  encCondSel(cb, form, rd, ZR, ZR, cc ^ 1);
}

/** Compares rn with rm: FCMP, or a flag-setting shifted-register form whose result is dropped. */
export function encCmp(cb: CodeBuffer, form: number, rn: number, rm: number): void {
  if (FORM_SHAPE[form] === A64.SHAPE_RRR_SH) encRRR(cb, form, ZR, rn, rm);
  else cb.u32(head(form, A64.SHAPE_RN_RM) | (rm << 16) | (rn << 5));
}

/** Flags of comparing rn with rm if cc holds, else nzcv (N is bit 3). */
export function encCcmp(
  cb: CodeBuffer,
  form: number,
  rn: number,
  rm: number,
  nzcv: number,
  cc: number,
): void {
  conditional(cb, form, head(form, A64.SHAPE_CCMP), rn, rm, nzcv, cc);
}

/** Flags of comparing rn with 0-31 if cc holds, else nzcv (N is bit 3). */
export function encCcmpImm(
  cb: CodeBuffer,
  form: number,
  rn: number,
  imm5: number,
  nzcv: number,
  cc: number,
): void {
  const bits = head(form, A64.SHAPE_CCMP_IMM);
  conditional(cb, form, bits, rn, unsigned(form, 'immediate', imm5, 5), nzcv, cc);
}

function conditional(
  cb: CodeBuffer,
  form: number,
  bits: number,
  rn: number,
  second: number,
  nzcv: number,
  cc: number,
): void {
  const condition = unsigned(form, 'condition', cc, 4) << 12;
  cb.u32(bits | (second << 16) | condition | (rn << 5) | unsigned(form, 'nzcv', nzcv, 4));
}

// ---- floating-point and vector immediates ----

/** FMOV of a constant as fpImmediate encodes it. */
export function encFmovImm(cb: CodeBuffer, form: number, rd: number, imm8: number): void {
  const bits = head(form, A64.SHAPE_FP_IMM);
  cb.u32(bits | (unsigned(form, 'immediate', imm8, 8) << 13) | rd);
}

/** MOVI_d, MOVI_2d: each bit of imm8 fills a byte; MOVI_2s_lsl24: imm8 << 24 in both words. */
export function encMovi(cb: CodeBuffer, form: number, rd: number, imm8: number): void {
  const bits = head(form, A64.SHAPE_MOVI);
  unsigned(form, 'immediate', imm8, 8);
  cb.u32(bits | ((imm8 >> 5) << 16) | ((imm8 & 31) << 5) | rd);
}

// ---- memory ----

/** Refuses a write-back base that is also the transferred register: unpredictable. */
function checkWriteback(form: number, bits: number, rt: number, rn: number): void {
  const vector = (bits & 0x04000000) !== 0;
  if (rt === rn && rn !== SP && !vector) refuse(form, 'written-back base is transferred', rn);
}

/** Whether a load or store _uoff form reaches the byte offset. */
export function fitsUoff(form: number, offset: number): boolean {
  const scale = FORM_SCALE[form]!;
  return offset >= 0 && offset >>> scale < 4096 && offset % (1 << scale) === 0 && offset < 0x10000;
}

/** Whether an unscaled, pre- or post-indexed form reaches the byte offset. */
export function fitsSimm9(offset: number): boolean {
  return offset >= -256 && offset < 256;
}

/** Whether a pair form reaches the byte offset. */
export function fitsPair(form: number, offset: number): boolean {
  const scale = FORM_SCALE[form]!;
  return offset % (1 << scale) === 0 && offset >= -64 << scale && offset < 64 << scale;
}

/** Offset from rn (31: SP) scaled by the access size. */
export function encLoadUoff(
  cb: CodeBuffer,
  form: number,
  rt: number,
  rn: number,
  offset: number,
): void {
  const bits = head(form, A64.SHAPE_UOFF);
  if (!fitsUoff(form, offset)) refuse(form, 'offset', offset);
  cb.u32(bits | ((offset >> FORM_SCALE[form]!) << 10) | (rn << 5) | rt);
}

/** Signed 9-bit offset: unscaled, pre- and post-indexed forms (rn written back, and not rt). */
export function encLoadSimm9(
  cb: CodeBuffer,
  form: number,
  rt: number,
  rn: number,
  offset: number,
): void {
  const bits = head(form, A64.SHAPE_SIMM9);
  if ((bits & 0x400) !== 0) checkWriteback(form, bits, rt, rn);
  cb.u32(bits | (signed(form, 'offset', offset, 9) << 12) | (rn << 5) | rt);
}

/** Register offset: rm extended (UXTW, LSL, SXTW, SXTX), times the access size if `scaled`. */
export function encLoadReg(
  cb: CodeBuffer,
  form: number,
  rt: number,
  rn: number,
  rm: number,
  extend: number,
  scaled: boolean,
): void {
  const bits = head(form, A64.SHAPE_REG_OFFSET);
  if ((extend & 2) === 0) refuse(form, 'extend', extend);
  const option = unsigned(form, 'extend', extend, 3) << 13;
  cb.u32(bits | (rm << 16) | option | (scaled ? 1 << 12 : 0) | (rn << 5) | rt);
}

/** A pair at a signed offset scaled by the register size; a load's registers differ. */
export function encLoadPair(
  cb: CodeBuffer,
  form: number,
  rt: number,
  rt2: number,
  rn: number,
  offset: number,
): void {
  const bits = head(form, A64.SHAPE_PAIR);
  if (!fitsPair(form, offset)) refuse(form, 'offset', offset);
  if (rt === rt2 && (bits & 0x400000) !== 0) refuse(form, 'both registers are', rt);
  if ((bits & 0x00800000) !== 0) {
    checkWriteback(form, bits, rt, rn);
    checkWriteback(form, bits, rt2, rn);
  }
  const imm7 = (offset >> FORM_SCALE[form]!) & 127;
  cb.u32(bits | (imm7 << 15) | (rt2 << 10) | (rn << 5) | rt);
}

/** A load from `disp` bytes after the instruction. */
export function encLoadLit(cb: CodeBuffer, form: number, rt: number, disp: number): void {
  encCbz(cb, form, rt, disp);
}

/** Acquire, release and exclusive loads: the address is rn alone. */
export function encLoadBase(cb: CodeBuffer, form: number, rt: number, rn: number): void {
  cb.u32(head(form, A64.SHAPE_BASE) | (rn << 5) | rt);
}

/** Store-exclusive (rs: status) and LSE operations (rs: source or compared value; rt: old or new). */
export function encLoadRs(cb: CodeBuffer, form: number, rs: number, rt: number, rn: number): void {
  cb.u32(head(form, A64.SHAPE_BASE_RS) | (rs << 16) | (rn << 5) | rt);
}

// ---- branches and addresses ----

/** The field of a displacement in words. */
function words(form: number, disp: number, bits: number): number {
  if ((disp & 3) !== 0) refuse(form, 'displacement', disp);
  return signed(form, 'displacement', disp >> 2, bits);
}

/** B, BL. */
export function encB(cb: CodeBuffer, form: number, disp: number): void {
  cb.u32(head(form, A64.SHAPE_B) | words(form, disp, 26));
}

/** B_cond. */
export function encBCond(cb: CodeBuffer, form: number, cc: number, disp: number): void {
  const bits = head(form, A64.SHAPE_B_COND);
  cb.u32(bits | (words(form, disp, 19) << 5) | unsigned(form, 'condition', cc, 4));
}

/** CBZ, CBNZ. */
export function encCbz(cb: CodeBuffer, form: number, rt: number, disp: number): void {
  cb.u32(head(form, A64.SHAPE_RT_IMM19) | (words(form, disp, 19) << 5) | rt);
}

/** TBZ, TBNZ: tests bit 0-63 of rt. */
export function encTbz(cb: CodeBuffer, form: number, rt: number, bit: number, disp: number): void {
  const bits = head(form, A64.SHAPE_TBZ);
  const tested = ((amountOf(form, bit) >> 5) << 31) | ((bit & 31) << 19);
  cb.u32(bits | tested | (words(form, disp, 14) << 5) | rt);
}

/** ADR: rd = address of this instruction + disp. ADRP: disp counts 4096-byte pages. */
export function encAdr(cb: CodeBuffer, form: number, rd: number, disp: number): void {
  const bits = head(form, A64.SHAPE_ADR);
  const imm = signed(form, 'displacement', disp, 21);
  cb.u32(bits | ((imm & 3) << 29) | ((imm >> 2) << 5) | rd);
}

/** Whether a displacement fits a field of so many bits (26, 19 or 14) in words. */
export function fitsWords(disp: number, bits: number): boolean {
  const limit = 2 ** (bits + 1);
  return disp >= -limit && disp < limit && (disp & 3) === 0;
}

function get32(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

function patchWords(bytes: Uint8Array, at: number, disp: number, bits: number, low: number): void {
  if (!fitsWords(disp, bits)) bug('aarch64 encoder', `displacement ${disp} in ${bits} bits`);
  const mask = (2 ** bits - 1) << low;
  put32(bytes, at, (get32(bytes, at) & ~mask) | (((disp >> 2) << low) & mask));
}

/** Sets the displacement of the B or BL at `at`. */
export function patchImm26(bytes: Uint8Array, at: number, disp: number): void {
  patchWords(bytes, at, disp, 26, 0);
}

/** Sets the displacement of the B_cond, CBZ, CBNZ or literal load at `at`. */
export function patchImm19(bytes: Uint8Array, at: number, disp: number): void {
  patchWords(bytes, at, disp, 19, 5);
}

/** Sets the displacement of the TBZ or TBNZ at `at`. */
export function patchImm14(bytes: Uint8Array, at: number, disp: number): void {
  patchWords(bytes, at, disp, 14, 5);
}

/** Sets the displacement of the ADR at `at`. */
export function patchAdr(bytes: Uint8Array, at: number, disp: number): void {
  if ((disp << 11) >> 11 !== disp) bug('aarch64 encoder', `displacement ${disp} of adr`);
  const kept = get32(bytes, at) & 0x9f00001f;
  put32(bytes, at, kept | ((disp & 3) << 29) | (((disp >> 2) & 0x7ffff) << 5));
}

/** Sets the displacement of whatever PC-relative instruction is at `at`. */
export function patchBranch(bytes: Uint8Array, at: number, disp: number): void {
  const word = get32(bytes, at);
  if ((word & 0x7c000000) === 0x14000000) patchImm26(bytes, at, disp);
  else if ((word & 0x7e000000) === 0x36000000) patchImm14(bytes, at, disp);
  else if ((word & 0x9f000000) === 0x10000000) patchAdr(bytes, at, disp);
  else if (
    (word & 0xff000000) >>> 0 === 0x54000000 ||
    (word & 0x7e000000) === 0x34000000 ||
    (word & 0x3b000000) === 0x18000000
  ) {
    patchImm19(bytes, at, disp);
  } else bug('aarch64 encoder', `no displacement in ${(word >>> 0).toString(16)}`);
}
