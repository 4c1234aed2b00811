// The x86-64 encoder: form number (src-ts/gen/x64.ts) and operands in, bytes out.
//
// What the instructions are is in isa/x64/instructions.ts; here are only the operand shapes. Every
// function appends one instruction to a CodeBuffer, allocates nothing, and picks the shortest
// encoding of the form it is given (REX only when needed, disp8 when it fits, two-byte VEX). Choosing
// among forms (imm8 or imm32, rel8 or rel32) is the caller's. Source: Intel SDM Vol. 2, chapter 2.
//
// Naming: enc + the fields in the manual's order of encoding: R a register in ModRM.rm or M memory
// there, preceded by the register in ModRM.reg, and by V for vvvv; then what follows, _imm or _cc.
// **`reg` is ModRM.reg and `rm` is ModRM.rm whatever the manual's operand order**: of a MR form
// (ADD_rm64_r64) rm is the destination, of a RM form (ADD_r64_rm64) reg is. FORM_SHAPE[form] tells
// the roles in operand order; the last column lists the shapes a function serves.
//
//   enc0      (cb, form)                                          RET, CDQ, UD2          ZO
//   encI      (cb, form, imm)                                     PUSH_imm8, RET_imm16   I
//   encR      (cb, form, rm)               NEG_rm64, PUSH_r64, SHL_rm32_cl, SHL_rm32_1   M O MC
//   encR_imm  (cb, form, rm, imm)          ADD_rm32_imm8, MOV_r32_imm32, PSRLQ_xmm_imm8  MI OI
//   encR_imm64(cb, form, rm, lo, hi)       MOV_r64_imm64                                 OI
//   encR_cc   (cb, form, cc, rm)           SETCC_rm8                                     M
//   encRR     (cb, form, reg, rm)          ADD_r64_rm64, MOVQ_rm64_xmm, SHLD_rm32_r32_cl RM MR MRC
//   encRR_imm (cb, form, reg, rm, imm)     IMUL_r64_rm64_imm8, ROUNDSD_xmm_xm64_imm8     RMI MRI
//   encRR_cc  (cb, form, cc, reg, rm)      CMOVCC_r64_rm64                               RM
//   encVR     (cb, form, vvvv, rm)         BLSR_r64_rm64                                 VM
//   encRVR    (cb, form, reg, vvvv, rm)    VADDSD_xmm_xmm_xm64, SHLX_r64_rm64_r64        RVM RMV
//   encRVR_imm(cb, form, reg, vvvv, rm, imm)                     VROUNDSD_xmm_xmm_xm64_imm8  RVMI
//
// and with memory as the r/m operand, ADDR standing for `base, index, scale, disp`:
//   encM (cb, form, ADDR)                  encM_imm (cb, form, ADDR, imm)
//   encM_cc (cb, form, cc, ADDR)           encRM (cb, form, reg, ADDR)
//   encRM_imm (cb, form, reg, ADDR, imm)   encRM_cc (cb, form, cc, reg, ADDR)
//   encVM (cb, form, vvvv, ADDR)           encRVM (cb, form, reg, vvvv, ADDR)
//   encRVM_imm (cb, form, reg, vvvv, ADDR, imm)
// The address is base + (index << scale) + disp: base 0-15, NO_REG or RIP; index 0-15 but not RSP, or
// NO_REG; scale 0-3; disp a signed 32-bit number. With base RIP (no index) disp is relative to the end
// of the instruction; patchRip fills it in once instruction and target are known.
//
// Branches (JMP_rel8/32, CALL_rel32; JCC_* with a cc), displacement relative to the end:
//   encRel8 (cb, form, disp)      encRel32 (cb, form, disp)
//   encRel8_cc (cb, form, cc, disp)   encRel32_cc (cb, form, cc, disp)
// The field of a rel32 is at `cb.pos - 4` afterwards, of a rel8 at `cb.pos - 1`.
//
// encNop(cb, n) appends n bytes of the recommended multi-byte NOPs.
// Registers 0-15 (regs.ts), GP or XMM as the form says; cc 0-15; immediates: their low bits count.
import { FORM_BITS } from '../../gen/x64.ts';
import { type CodeBuffer, put32 } from '../../mach/codebuffer.ts';
import { bug } from '../../util/bug.ts';
import { NO_REG, RIP, RSP } from './regs.ts';

// The fields of FORM_BITS; layout in isa/gen/x64.ts.
const MAP_SHIFT = 8;
const PP_SHIFT = 10;
const W = 1 << 12;
const DIGIT_SHIFT = 13;
const REG8 = 1 << 16;
const RM8 = 1 << 17;
const VEX = 1 << 18;
const IMM_SHIFT = 20;
const LOCK = 1 << 24;
const PLUS_REG = 1 << 25;
const FIXED_MODRM = 1 << 26;

/** The longest legal instruction is 15 bytes. */
const MAX_LENGTH = 16;

/** Mandatory prefix by VEX.pp: none, 66, F3, F2, one byte each, packed. */
const PP_BYTES = 0xf2f36600;
/** Second opcode byte after 0F by map: 38 for map 2, 3A for map 3. */
const MAP_BYTES = 0x3a380000;

/**
 * Everything before ModRM: prefixes, REX or VEX, opcode. `r`, `x`, `b` are the registers that extend
 * ModRM.reg, SIB.index and ModRM.rm; `force` asks for a REX without bits. Returns the next position.
 */
function head(
  cb: CodeBuffer,
  bits: number,
  r: number,
  v: number,
  x: number,
  b: number,
  force: boolean,
): number {
  const bytes = cb.reserve(MAX_LENGTH);
  let p = cb.pos;
  if (bits & VEX) return vexHead(bytes, p, bits, r, v, x, b);
  if (bits & LOCK) bytes[p++] = 0xf0;
  const pp = (bits >> PP_SHIFT) & 3;
  if (pp !== 0) bytes[p++] = PP_BYTES >> (pp << 3);
  const rex = ((bits & W) >> 9) | ((r >> 1) & 4) | ((x >> 2) & 2) | ((b >> 3) & 1);
  if (rex !== 0 || force) bytes[p++] = 0x40 | rex;
  const map = (bits >> MAP_SHIFT) & 3;
  if (map !== 0) {
    bytes[p++] = 0x0f;
    if (map > 1) bytes[p++] = MAP_BYTES >> (map << 3);
  }
  bytes[p++] = bits;
  return p;
}

/** The two- or three-byte VEX prefix and the opcode (SDM Vol. 2, 2.3.5). */
function vexHead(
  bytes: Uint8Array,
  at: number,
  bits: number,
  r: number,
  v: number,
  x: number,
  b: number,
): number {
  let p = at;
  const map = (bits >> MAP_SHIFT) & 3;
  const tail = ((~v & 15) << 3) | ((bits >> 17) & 4) | ((bits >> PP_SHIFT) & 3);
  const notR = ~(r << 4) & 0x80;
  if (map === 1 && ((x | b) & 8) === 0 && (bits & W) === 0) {
    bytes[p++] = 0xc5;
    bytes[p++] = notR | tail;
  } else {
    bytes[p++] = 0xc4;
    bytes[p++] = notR | (~(x << 3) & 0x40) | (~(b << 2) & 0x20) | map;
    bytes[p++] = ((bits & W) >> 5) | tail;
  }
  bytes[p++] = bits;
  return p;
}

/** An instruction whose r/m operand is a register. Leaves `pos` where an immediate would go. */
function regForm(cb: CodeBuffer, bits: number, reg: number, v: number, rm: number): void {
  // spl, bpl, sil, dil are reached only with a REX; without one 4-7 are ah, ch, dh, bh.
  const force =
    ((bits & RM8) !== 0 && (rm & 12) === 4) || ((bits & REG8) !== 0 && (reg & 12) === 4);
  const p = head(cb, bits, reg, v, 0, rm, force);
  cb.bytes[p] = 0xc0 | ((reg & 7) << 3) | (rm & 7);
  cb.pos = p + 1;
}

/** An instruction whose r/m operand is memory. Leaves `pos` where an immediate would go. */
function memForm(
  cb: CodeBuffer,
  bits: number,
  reg: number,
  v: number,
  base: number,
  index: number,
  scale: number,
  disp: number,
): void {
  const force = (bits & REG8) !== 0 && (reg & 12) === 4;
  if (base === RIP) {
    ripForm(cb, bits, reg, v, disp, force);
    return;
  }
  // NO_REG has all bits set: mask it so that it asks for no REX or VEX bit.
  const x = index === NO_REG ? 0 : index;
  const b = base === NO_REG ? 0 : base;
  let p = head(cb, bits, reg, v, x, b, force);
  const bytes = cb.bytes;
  const modReg = (reg & 7) << 3;
  if (base === NO_REG || index !== NO_REG || (base & 7) === RSP) {
    if (index === RSP) bug('x64 encode', 'rsp as an index');
    const sibIndex = index === NO_REG ? RSP : index & 7;
    const sib = (scale << 6) | (sibIndex << 3) | (base === NO_REG ? 5 : base & 7);
    if (base === NO_REG) {
      bytes[p++] = modReg | 4;
      bytes[p++] = sib;
      put32(bytes, p, disp);
      cb.pos = p + 4;
      return;
    }
    bytes[p++] = modOf(disp, base) | modReg | 4;
    bytes[p++] = sib;
  } else {
    bytes[p++] = modOf(disp, base) | modReg | (base & 7);
  }
  cb.pos = putDisp(bytes, p, disp, base);
}

/** ModRM.mod for a displacement: none (not with rbp, r13), 8 bits, 32 bits. */
function modOf(disp: number, base: number): number {
  if (disp === 0 && (base & 7) !== 5) return 0;
  return (disp << 24) >> 24 === disp ? 0x40 : 0x80;
}

function putDisp(bytes: Uint8Array, p: number, disp: number, base: number): number {
  if (disp === 0 && (base & 7) !== 5) return p;
  bytes[p] = disp;
  if ((disp << 24) >> 24 === disp) return p + 1;
  put32(bytes, p, disp);
  return p + 4;
}

function ripForm(
  cb: CodeBuffer,
  bits: number,
  reg: number,
  v: number,
  disp: number,
  force: boolean,
): void {
  const p = head(cb, bits, reg, v, 0, 0, force);
  cb.bytes[p] = ((reg & 7) << 3) | 5;
  put32(cb.bytes, p + 1, disp);
  cb.pos = p + 5;
}

/** The immediate of the form's width; room for it was reserved by `head`. */
function putImm(cb: CodeBuffer, bits: number, imm: number): void {
  const bytes = cb.bytes;
  const p = cb.pos;
  const size = (bits >> IMM_SHIFT) & 15;
  bytes[p] = imm;
  if (size === 4) put32(bytes, p, imm);
  else if (size === 2) bytes[p + 1] = imm >> 8;
  cb.pos = p + size;
}

/** No explicit operand. */
export function enc0(cb: CodeBuffer, form: number): void {
  const bits = FORM_BITS[form]!;
  let p = head(cb, bits, 0, 0, 0, 0, false);
  if (bits & FIXED_MODRM) cb.bytes[p++] = 0xc0 | (((bits >> DIGIT_SHIFT) & 7) << 3);
  cb.pos = p;
}

/** An immediate alone. */
export function encI(cb: CodeBuffer, form: number, imm: number): void {
  const bits = FORM_BITS[form]!;
  cb.pos = head(cb, bits, 0, 0, 0, 0, false);
  putImm(cb, bits, imm);
}

/** One register: in ModRM.rm under an opcode extension, or in the opcode byte itself. */
export function encR(cb: CodeBuffer, form: number, rm: number): void {
  oneReg(cb, FORM_BITS[form]!, rm);
}

function oneReg(cb: CodeBuffer, bits: number, rm: number): void {
  if (bits & PLUS_REG) cb.pos = head(cb, bits | (rm & 7), 0, 0, 0, rm, false);
  else regForm(cb, bits, (bits >> DIGIT_SHIFT) & 7, 0, rm);
}

/** One register and an immediate of up to 32 bits. */
export function encR_imm(cb: CodeBuffer, form: number, rm: number, imm: number): void {
  const bits = FORM_BITS[form]!;
  oneReg(cb, bits, rm);
  putImm(cb, bits, imm);
}

/** MOV_r64_imm64: the immediate as two 32-bit halves. */
export function encR_imm64(cb: CodeBuffer, form: number, rm: number, lo: number, hi: number): void {
  oneReg(cb, FORM_BITS[form]!, rm);
  cb.u64(lo, hi);
}

/** SETCC_rm8 on a register. */
export function encR_cc(cb: CodeBuffer, form: number, cc: number, rm: number): void {
  regForm(cb, FORM_BITS[form]! | cc, 0, 0, rm);
}

/** Two registers; also two-operand VEX forms. */
export function encRR(cb: CodeBuffer, form: number, reg: number, rm: number): void {
  regForm(cb, FORM_BITS[form]!, reg, 0, rm);
}

/** Two registers and an immediate. */
export function encRR_imm(
  cb: CodeBuffer,
  form: number,
  reg: number,
  rm: number,
  imm: number,
): void {
  const bits = FORM_BITS[form]!;
  regForm(cb, bits, reg, 0, rm);
  putImm(cb, bits, imm);
}

/** CMOVCC on registers. */
export function encRR_cc(cb: CodeBuffer, form: number, cc: number, reg: number, rm: number): void {
  regForm(cb, FORM_BITS[form]! | cc, reg, 0, rm);
}

/** VEX with the destination in vvvv and an opcode extension (BLSR and kin). */
export function encVR(cb: CodeBuffer, form: number, vvvv: number, rm: number): void {
  const bits = FORM_BITS[form]!;
  regForm(cb, bits, (bits >> DIGIT_SHIFT) & 7, vvvv, rm);
}

/** VEX with three registers. */
export function encRVR(cb: CodeBuffer, form: number, reg: number, vvvv: number, rm: number): void {
  regForm(cb, FORM_BITS[form]!, reg, vvvv, rm);
}

/** VEX with three registers and an immediate. */
export function encRVR_imm(
  cb: CodeBuffer,
  form: number,
  reg: number,
  vvvv: number,
  rm: number,
  imm: number,
): void {
  const bits = FORM_BITS[form]!;
  regForm(cb, bits, reg, vvvv, rm);
  putImm(cb, bits, imm);
}

/** One memory operand under an opcode extension. */
export function encM(
  cb: CodeBuffer,
  form: number,
  base: number,
  index: number,
  scale: number,
  disp: number,
): void {
  const bits = FORM_BITS[form]!;
  memForm(cb, bits, (bits >> DIGIT_SHIFT) & 7, 0, base, index, scale, disp);
}

/** One memory operand and an immediate. */
export function encM_imm(
  cb: CodeBuffer,
  form: number,
  base: number,
  index: number,
  scale: number,
  disp: number,
  imm: number,
): void {
  const bits = FORM_BITS[form]!;
  memForm(cb, bits, (bits >> DIGIT_SHIFT) & 7, 0, base, index, scale, disp);
  putImm(cb, bits, imm);
}

/** SETCC_rm8 on memory. */
export function encM_cc(
  cb: CodeBuffer,
  form: number,
  cc: number,
  base: number,
  index: number,
  scale: number,
  disp: number,
): void {
  memForm(cb, FORM_BITS[form]! | cc, 0, 0, base, index, scale, disp);
}

/** A register and memory, either direction. */
export function encRM(
  cb: CodeBuffer,
  form: number,
  reg: number,
  base: number,
  index: number,
  scale: number,
  disp: number,
): void {
  memForm(cb, FORM_BITS[form]!, reg, 0, base, index, scale, disp);
}

/** A register, memory and an immediate. */
export function encRM_imm(
  cb: CodeBuffer,
  form: number,
  reg: number,
  base: number,
  index: number,
  scale: number,
  disp: number,
  imm: number,
): void {
  const bits = FORM_BITS[form]!;
  memForm(cb, bits, reg, 0, base, index, scale, disp);
  putImm(cb, bits, imm);
}

/** CMOVCC from memory. */
export function encRM_cc(
  cb: CodeBuffer,
  form: number,
  cc: number,
  reg: number,
  base: number,
  index: number,
  scale: number,
  disp: number,
): void {
  memForm(cb, FORM_BITS[form]! | cc, reg, 0, base, index, scale, disp);
}

/** VEX with the destination in vvvv and a memory source (BLSR and kin). */
export function encVM(
  cb: CodeBuffer,
  form: number,
  vvvv: number,
  base: number,
  index: number,
  scale: number,
  disp: number,
): void {
  const bits = FORM_BITS[form]!;
  memForm(cb, bits, (bits >> DIGIT_SHIFT) & 7, vvvv, base, index, scale, disp);
}

/** VEX with two registers and memory. */
export function encRVM(
  cb: CodeBuffer,
  form: number,
  reg: number,
  vvvv: number,
  base: number,
  index: number,
  scale: number,
  disp: number,
): void {
  memForm(cb, FORM_BITS[form]!, reg, vvvv, base, index, scale, disp);
}

/** VEX with two registers, memory and an immediate. */
export function encRVM_imm(
  cb: CodeBuffer,
  form: number,
  reg: number,
  vvvv: number,
  base: number,
  index: number,
  scale: number,
  disp: number,
  imm: number,
): void {
  const bits = FORM_BITS[form]!;
  memForm(cb, bits, reg, vvvv, base, index, scale, disp);
  putImm(cb, bits, imm);
}

/** A branch with an 8-bit displacement from its end. */
export function encRel8(cb: CodeBuffer, form: number, disp: number): void {
  encI(cb, form, disp);
}

/** A branch or call with a 32-bit displacement from its end. */
export function encRel32(cb: CodeBuffer, form: number, disp: number): void {
  encI(cb, form, disp);
}

/** JCC_rel8. */
export function encRel8_cc(cb: CodeBuffer, form: number, cc: number, disp: number): void {
  relCc(cb, FORM_BITS[form]! | cc, disp);
}

/** JCC_rel32. */
export function encRel32_cc(cb: CodeBuffer, form: number, cc: number, disp: number): void {
  relCc(cb, FORM_BITS[form]! | cc, disp);
}

function relCc(cb: CodeBuffer, bits: number, disp: number): void {
  cb.pos = head(cb, bits, 0, 0, 0, 0, false);
  putImm(cb, bits, disp);
}

/** Bytes of immediate that end an instruction of this form. */
export function immBytes(form: number): number {
  return (FORM_BITS[form]! >> IMM_SHIFT) & 15;
}

/**
 * Points the rip-relative operand of an instruction of `form` that ended at `end` to `target` (both
 * offsets in the buffer; also right when the target lies after the code in the same section).
 */
export function patchRip(cb: CodeBuffer, form: number, end: number, target: number): void {
  cb.patch32(end - immBytes(form) - 4, target - end);
}

/** Recommended NOPs of 1 to 9 bytes (SDM Vol. 2, NOP, table 4-12), row after row. */
const NOPS = new Uint8Array([
  // 1
  0x90, 0, 0, 0, 0, 0, 0, 0, 0,
  // 2
  0x66, 0x90, 0, 0, 0, 0, 0, 0, 0,
  // 3
  0x0f, 0x1f, 0x00, 0, 0, 0, 0, 0, 0,
  // 4
  0x0f, 0x1f, 0x40, 0x00, 0, 0, 0, 0, 0,
  // 5
  0x0f, 0x1f, 0x44, 0x00, 0x00, 0, 0, 0, 0,
  // 6
  0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00, 0, 0, 0,
  // 7
  0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00, 0, 0,
  // 8
  0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00, 0,
  // 9
  0x66, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00,
]);

/** `count` bytes of NOPs, as few instructions as possible. */
export function encNop(cb: CodeBuffer, count: number): void {
  const bytes = cb.reserve(count);
  writeNops(bytes, cb.pos, cb.pos + count);
  cb.pos += count;
}

/** Fills bytes[from, to) with NOPs, as few instructions as possible. */
export function writeNops(bytes: Uint8Array, from: number, to: number): void {
  for (let at = from; at < to;) {
    const n = Math.min(to - at, 9);
    for (let i = 0; i < n; i++) bytes[at++] = NOPS[(n - 1) * 9 + i]!;
  }
}
