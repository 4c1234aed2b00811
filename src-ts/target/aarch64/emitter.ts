/** State of emitting one function, and the encoding of ordinary instructions and moves from their operands' allocations. */
import * as A from '../../gen/aarch64.ts';
import { TRAP_MEMORY_OOB, T_F32, T_F64, T_I32, T_V128 } from '../../gen/ir.ts';
import type { CodeBuffer } from '../../mach/codebuffer.ts';
import type { Lowering } from '../../mach/lower.ts';
import type { CodeSink } from '../../mach/sink.ts';
import { ALLOC_SLOT, type Allocation, PREG_FP, type VCode } from '../../mach/vcode.ts';
import { bug } from '../../util/bug.ts';
import * as E from './encode.ts';
import { FP, SCRATCH2, SP, ZR } from './machine.ts';
import * as M from './memops.ts';
import * as P from './ops.ts';

export class FunctionState {
  sink: CodeSink = null as unknown as CodeSink;
  code: VCode = null as unknown as VCode;
  alloc: Allocation = null as unknown as Allocation;
  lower: Lowering = null as unknown as Lowering;
  /** Callee-saved registers saved, in order of their places. */
  saved: number[] = [];
  /** Places from x29 upwards: spill slots, result area, incoming arguments (the end of the frame). */
  slotBase = 0;
  /** Where the saved registers are. */
  savedAt = 0;
  resultBase = 0;
  frameBytes = 0;
  outgoingBytes = 0;
  incomingBytes = 0;
  /** There is no frame: x29 is the caller's, x30 the return address. */
  frameless = false;
  /** Setting: there always is one. */
  leafFrames = false;
  /** The latest access at an immediate offset that can not trap, which the next may join as a pair: where it ended, what it was. */
  lastEnd = -1;
  lastMem = 0;
  lastRt = 0;
  lastBase = 0;
  lastDisp = 0;
  /** Frames are such as Windows' unwinder knows. */
  windows = false;
  /** Settings: return addresses are signed, places that indirect branches go to are marked. */
  signs = false;
  marks = false;
  /** Blocks that a jump table leads to, when those are marked. */
  tableTargets = new Uint8Array(0);
  /** The pool may be too far for a PC-relative load. */
  farPool = false;

  /** Block places of all jump tables. */
  get lowerTable(): Int32Array {
    return this.lower.tableEntries;
  }

  /** Displacement from x29 of a spill slot. */
  slotDisp(alloc: number): number {
    return this.slotBase + 8 * (alloc - ALLOC_SLOT);
  }

  /** Allocation of operand k of instruction i. */
  at(i: number, k: number): number {
    return this.alloc.alloc[this.code.opnd[i] + k];
  }

  /** Hardware number of the register operand k is in; of an absent one, the zero register. */
  reg(i: number, k: number): number {
    const o = this.code.opnd[i] + k;
    if (this.code.vreg[o] < 0) return ZR;
    const a = this.alloc.alloc[o];
    if (a < 0 || a >= ALLOC_SLOT)
      bug('aarch64 emit', `operand ${k} of instruction ${i} is in no register`);
    return a & 31;
  }
}

/** Emits an ordinary instruction. */
export function emitForm(s: FunctionState, i: number): void {
  const { code, sink } = s;
  const { buf } = sink;
  const form = code.op[i];
  const imm = code.imm[i];
  const kind = (code.aux[i] >> P.AUX_KIND_SHIFT) & P.AUX_KIND;
  const cc = code.aux[i] & P.AUX_COND;
  const r0 = s.reg(i, 0);
  switch (A.FORM_SHAPE[form]) {
    case A.SHAPE_RD_RN:
      return E.encRR(buf, form, r0, s.reg(i, 1));
    case A.SHAPE_RRR:
      return encodeThree(s, i, form);
    case A.SHAPE_RRRR:
      return E.encRRRR(buf, form, r0, s.reg(i, 1), s.reg(i, 2), s.reg(i, 3));
    case A.SHAPE_RRR_SH:
      return E.encRRR_sh(buf, form, r0, s.reg(i, 1), s.reg(i, 2), kind, imm);
    case A.SHAPE_RRR_EXT:
      return E.encRRR_ext(buf, form, r0, s.reg(i, 1), s.reg(i, 2), kind, imm);
    case A.SHAPE_RRR_LSB:
      return E.encExtract(buf, form, r0, s.reg(i, 1), s.reg(i, 2), imm);
    case A.SHAPE_RRI:
      return E.encRRI(buf, form, r0, s.reg(i, 1), imm);
    case A.SHAPE_LOGICAL:
      return E.encRRMask(buf, form, r0, s.reg(i, 1), maskOf(code, i, form));
    case A.SHAPE_BITFIELD:
      return E.encBitfield(buf, form, r0, s.reg(i, 1 + A.FORM_TIED[form]!), imm, code.imm2[i]);
    case A.SHAPE_SELECT:
      return E.encCondSel(buf, form, r0, s.reg(i, 1), s.reg(i, 2), cc);
    case A.SHAPE_RN_RM:
      return E.encCmp(buf, form, r0, s.reg(i, 1));
    case A.SHAPE_RN:
      return E.encR(buf, form, r0);
    case A.SHAPE_CCMP:
      return E.encCcmp(buf, form, r0, s.reg(i, 1), code.imm2[i], cc);
    case A.SHAPE_CCMP_IMM:
      return E.encCcmpImm(buf, form, r0, imm, code.imm2[i], cc);
    default:
      return bug('aarch64 emit', `shape of ${A.FORM_NAMES[form]}`);
  }
}

function encodeThree(s: FunctionState, i: number, form: number): void {
  E.encRRR(s.sink.buf, form, s.reg(i, 0), s.reg(i, 1), s.reg(i, 2));
}

function maskOf(code: VCode, i: number, form: number): number {
  return E.bitmaskImmediate(code.imm[i], code.imm2[i], A.FORM_WIDTH[form] === 64);
}

// ---- memory ----

/** Emits a memory operation of the VCode. */
export function emitMemory(s: FunctionState, i: number): void {
  const { code, sink } = s;
  const { buf } = sink;
  const aux = code.aux[i];
  const mem = code.op[i] - P.P_MEM;
  const rt = s.reg(i, 0);
  const disp = code.imm2[i];
  if ((aux & P.AUX_BASE) === 0) {
    if (aux & P.AUX_IN) paired(s, mem, rt, FP, s.frameBytes + disp);
    else if (aux & P.AUX_RESULT) paired(s, mem, rt, FP, s.resultBase + disp);
    else paired(s, mem, rt, SP, disp);
    return;
  }
  // The registers first: the instruction must be the next one.
  const base = s.reg(i, 1);
  const indexed = code.vreg[code.opnd[i] + 2] >= 0;
  if (aux & P.AUX_TRAPS) sink.trap(TRAP_MEMORY_OOB, code.pos[i]);
  if (indexed) {
    const extend = (aux >> P.AUX_KIND_SHIFT) & P.AUX_KIND;
    const scaled = (aux & P.AUX_SCALED) !== 0;
    E.encLoadReg(buf, M.REG[mem], rt, base, s.reg(i, 2), extend, scaled);
  } else if (aux & P.AUX_TRAPS) immediateOffset(buf, mem, rt, base, disp);
  else paired(s, mem, rt, base, disp);
}

/** A memory operation at base + disp that can not trap: as a pair with the one just emitted, if it can be. */
function paired(s: FunctionState, mem: number, rt: number, base: number, disp: number): void {
  const { sink } = s;
  const { buf } = sink;
  const form = M.PAIR[mem];
  if (
    form !== 0 &&
    buf.pos === s.lastEnd &&
    sink.boundAt !== buf.pos &&
    joins(s, mem, rt, base, disp)
  ) {
    const first = disp > s.lastDisp;
    sink.joinPosition();
    buf.pos -= 4;
    if (first) E.encLoadPair(buf, form, s.lastRt, rt, base, s.lastDisp);
    else E.encLoadPair(buf, form, rt, s.lastRt, base, disp);
    s.lastEnd = -1;
    return;
  }
  access(buf, mem, rt, base, disp);
  s.lastEnd = M.reaches(mem, disp) ? buf.pos : -1;
  s.lastMem = mem;
  s.lastRt = rt;
  s.lastBase = base;
  s.lastDisp = disp;
}

/** Whether an access can be done at once with the latest, which is next to it. A load may not change the base between. */
function joins(s: FunctionState, mem: number, rt: number, base: number, disp: number): boolean {
  if (mem !== s.lastMem || base !== s.lastBase) return false;
  if (Math.abs(disp - s.lastDisp) !== 1 << M.LOG2[mem]) return false;
  if (!M.isStore(mem) && (s.lastRt === base || s.lastRt === rt)) return false;
  return E.fitsPair(M.PAIR[mem], Math.min(disp, s.lastDisp));
}

/** A memory operation with an offset in its reach. */
function immediateOffset(
  buf: CodeBuffer,
  mem: number,
  rt: number,
  base: number,
  disp: number,
): void {
  if (E.fitsUoff(M.UOFF[mem], disp)) E.encLoadUoff(buf, M.UOFF[mem], rt, base, disp);
  else E.encLoadSimm9(buf, M.UNSCALED[mem], rt, base, disp);
}

/** A memory operation (MEM_*) at base + disp, through x17 when that is out of reach. */
export function access(buf: CodeBuffer, mem: number, rt: number, base: number, disp: number): void {
  if (M.reaches(mem, disp)) return immediateOffset(buf, mem, rt, base, disp);
  moveConst(buf, SCRATCH2, disp, disp >> 31);
  E.encLoadReg(buf, M.REG[mem], rt, base, SCRATCH2, E.EXT_LSL, false);
}

// ---- constants ----

/** An integer constant into a register in the fewest instructions; a 32-bit one has hi 0. Flags untouched. */
export function moveConst(buf: CodeBuffer, to: number, lo: number, hi: number): void {
  if (hi === 0) moveConst32(buf, to, lo);
  else {
    const mask = E.bitmaskImmediate(lo, hi, true);
    const zeros = halves(lo, hi, 0);
    const ones = halves(lo, hi, 0xffff);
    if (mask >= 0 && zeros < 3 && ones < 3) E.encRRMask(buf, A.ORR_x_imm, to, ZR, mask);
    else if (ones > zeros) wide(buf, A.MOVN_x, to, lo, hi, 0xffff);
    else wide(buf, A.MOVZ_x, to, lo, hi, 0);
  }
}

function moveConst32(buf: CodeBuffer, to: number, lo: number): void {
  const low = lo & 0xffff;
  const high = lo >>> 16;
  if (high === 0) E.encMovWide(buf, A.MOVZ_w, to, low, 0);
  else if (low === 0) E.encMovWide(buf, A.MOVZ_w, to, high, 1);
  else if (high === 0xffff) E.encMovWide(buf, A.MOVN_w, to, low ^ 0xffff, 0);
  else if (low === 0xffff) E.encMovWide(buf, A.MOVN_w, to, high ^ 0xffff, 1);
  else {
    const mask = E.bitmaskImmediate(lo, 0, false);
    if (mask >= 0) E.encRRMask(buf, A.ORR_w_imm, to, ZR, mask);
    else {
      E.encMovWide(buf, A.MOVZ_w, to, low, 0);
      E.encMovWide(buf, A.MOVK_w, to, high, 1);
    }
  }
}

/** Half k of hi:lo. */
function half(lo: number, hi: number, k: number): number {
  const word = k < 2 ? lo : hi;
  return k & 1 ? word >>> 16 : word & 0xffff;
}

/** How many of the four halves are `value`. */
function halves(lo: number, hi: number, value: number): number {
  let n = 0;
  for (let k = 0; k < 4; k++) if (half(lo, hi, k) === value) n++;
  return n;
}

/** movz or movn, then movk for every other half that is not `rest`. */
function wide(
  buf: CodeBuffer,
  first: number,
  to: number,
  lo: number,
  hi: number,
  rest: number,
): void {
  let form = first;
  for (let k = 0; k < 4; k++) {
    const h = half(lo, hi, k);
    if (h === rest) continue;
    E.encMovWide(buf, form, to, form === A.MOVN_x ? h ^ 0xffff : h, k);
    form = A.MOVK_x;
  }
  if (form === first) E.encMovWide(buf, first, to, 0, 0);
}

/** A float constant into a register. */
export function moveFloatConst(
  s: FunctionState,
  to: number,
  double: boolean,
  lo: number,
  hi: number,
): void {
  const { buf } = s.sink;
  if (!double) hi = 0;
  const imm8 = E.fpImmediate(lo, hi, double);
  if (lo === 0 && hi === 0) E.encMovi(buf, A.MOVI_d, to, 0);
  else if (imm8 >= 0) E.encFmovImm(buf, double ? A.FMOV_d_imm : A.FMOV_s_imm, to, imm8);
  else if (s.farPool) {
    moveConst(buf, SCRATCH2, lo, hi);
    E.encRR(buf, double ? A.FMOV_d_x : A.FMOV_s_w, to, SCRATCH2);
  } else {
    E.encLoadLit(buf, double ? A.LDR_d_lit : A.LDR_s_lit, to, 0);
    s.sink.constantField(buf.pos - 4, double ? 8 : 4, lo, hi);
  }
}

// ---- moves ----

/** Moves a value between registers and slots; slots are written whole for integers. Flags are untouched. */
export function emitMoveOf(s: FunctionState, from: number, to: number, ty: number): void {
  if (from === to) return;
  const { buf } = s.sink;
  const fp = (from < ALLOC_SLOT ? from : to) >= PREG_FP;
  if (from < ALLOC_SLOT && to < ALLOC_SLOT) {
    if (!fp) E.encRRR(buf, ty === T_I32 ? A.ORR_w_sh : A.ORR_x_sh, to, ZR, from);
    else if (ty === T_V128) E.encRRR(buf, A.ORR_16b, to & 31, from & 31, from & 31);
    else E.encRR(buf, ty === T_F32 ? A.FMOV_s : A.FMOV_d, to & 31, from & 31);
  } else if (from < ALLOC_SLOT) paired(s, spillOf(ty, fp), from & 31, FP, s.slotDisp(to));
  else if (to < ALLOC_SLOT) paired(s, reloadOf(ty, fp), to & 31, FP, s.slotDisp(from));
  else bug('aarch64 emit', 'a move from slot to slot');
}

function spillOf(ty: number, fp: boolean): number {
  if (!fp) return M.STR_X;
  return M.fullStore(ty === T_V128 || ty === T_F32 ? ty : T_F64);
}

function reloadOf(ty: number, fp: boolean): number {
  if (!fp) return M.LDR_X;
  return M.fullLoad(ty === T_V128 || ty === T_F32 ? ty : T_F64);
}
