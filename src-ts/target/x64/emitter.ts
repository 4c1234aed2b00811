/**
 * State of emitting one function, and the encoding of ordinary instructions from their operands' allocations. Frame
 * layout, downwards from rbp: callee-saved registers, spill slots, result area; outgoing arguments from rsp upwards.
 */
import * as X from '../../gen/x64.ts';
import type { Lowering } from '../../mach/lower.ts';
import type { CodeSink } from '../../mach/sink.ts';
import { ALLOC_SLOT, type Allocation, PREG_FP, type VCode } from '../../mach/vcode.ts';
import { TRAP_MEMORY_OOB, T_F32, T_V128 } from '../../gen/ir.ts';
import { bug } from '../../util/bug.ts';
import * as E from './encode.ts';
import type { NativeAbi } from './nativeabi.ts';
import * as P from './ops.ts';
import * as R from './regs.ts';

export class FunctionState {
  sink: CodeSink = null as unknown as CodeSink;
  code: VCode = null as unknown as VCode;
  alloc: Allocation = null as unknown as Allocation;
  /** Callee-saved registers saved, in order of their places; frame offsets relative to rbp. */
  saved: number[] = [];
  slotBase = 0;
  resultBase = 0;
  frameBytes = 0;
  incomingBytes = 0;
  /** There is no frame: rbp is the caller's. */
  frameless = false;
  /** Setting: there always is one. */
  leafFrames = false;
  /** Flags: the register and form of the arithmetic instruction that ended at `flagsEnd`. */
  flagsEnd = -1;
  flagsReg = 0;
  flagsWide = false;
  lower: Lowering = null as unknown as Lowering;

  constructor(readonly abi: NativeAbi) {}

  /** Block places of all jump tables. */
  get lowerTable(): Int32Array {
    return this.lower.tableEntries;
  }

  /** Displacement from rbp of a spill slot. */
  slotDisp(alloc: number): number {
    return this.slotBase + 8 * (alloc - ALLOC_SLOT);
  }

  /** Allocation of operand k of instruction i. */
  at(i: number, k: number): number {
    return this.alloc.alloc[this.code.opnd[i] + k];
  }

  /** Hardware number of the register operand k is in. */
  reg(i: number, k: number): number {
    const a = this.at(i, k);
    if (a < 0 || a >= ALLOC_SLOT)
      bug('x64 emit', `operand ${k} of instruction ${i} is in no register`);
    return a & 15;
  }
}

/** Hardware number of an address register, NO_REG when absent. */
function addressReg(alloc: number): number {
  if (alloc >= ALLOC_SLOT) bug('x64 emit', 'an address register in a slot');
  return alloc < 0 ? R.NO_REG : alloc & 15;
}

// The memory operand of the instruction being emitted.
let base = 0;
let index = 0;
let scale = 0;
let disp = 0;

/** Works out the memory operand of instruction i, whose address registers are operands k and k + 1. */
function memory(s: FunctionState, i: number, k: number): void {
  const aux = s.code.aux[i];
  index = R.NO_REG;
  scale = 0;
  disp = s.code.imm2[i];
  if (aux & P.AUX_MEM) {
    base = addressReg(s.at(i, k));
    index = addressReg(s.at(i, k + 1));
    scale = (aux >> P.AUX_SCALE_SHIFT) & 3;
    if (index === R.RSP) bug('x64 emit', 'rsp as an index');
  } else if (aux & P.AUX_POOL) {
    base = R.RIP;
    disp = 0;
  } else if (aux & P.AUX_IN) {
    base = R.RBP;
    disp += 16;
  } else if (aux & P.AUX_RESULT) {
    base = R.RBP;
    disp += s.resultBase;
  } else base = R.RSP;
}

/** A spill slot as memory operand. */
function slot(s: FunctionState, alloc: number): void {
  base = R.RBP;
  index = R.NO_REG;
  scale = 0;
  disp = s.slotDisp(alloc);
}

/** Whether the r/m operand at k is memory; sets the address when it is. */
function rmIsMemory(s: FunctionState, i: number, k: number): boolean {
  if (s.code.aux[i] & P.AUX_ANY_MEMORY) {
    memory(s, i, k);
    return true;
  }
  const a = s.at(i, k);
  if (a < ALLOC_SLOT) return false;
  slot(s, a);
  return true;
}

/** Forms that keep the upper part of a scalar destination: clear it, or they wait for its last writer. */
function breaksDependency(form: number): boolean {
  return (
    X.FORM_KEEPS_REST[form] === 1 && form >= X.SQRTSS_xmm_xm32 && form <= X.ROUNDSD_xmm_xm64_imm8
  );
}

// Of the fifteen forms of each of ADD, OR, ADC, SBB, AND, SUB, XOR: those that write a register, as two bit sets.
const ALU_FORMS = 15;
const ALU_END = X.CMP_rm8_r8 - X.ADD_rm8_r8;
const bit = (form: number): number => 1 << (form - X.ADD_rm8_r8);
const ALU_32 = bit(X.ADD_r32_rm32) | bit(X.ADD_rm32_imm32) | bit(X.ADD_rm32_imm8);
const ALU_64 = bit(X.ADD_r64_rm64) | bit(X.ADD_rm64_imm32) | bit(X.ADD_rm64_imm8);

/** Remembers what the flags say after an arithmetic instruction just emitted. */
function noteFlags(s: FunctionState, i: number, form: number): void {
  const k = form - X.ADD_rm8_r8;
  if (k >= ALU_END) return;
  const place = 1 << (k % ALU_FORMS);
  if ((place & (ALU_32 | ALU_64)) === 0) return;
  // An immediate form on memory writes no register.
  if (X.FORM_SHAPE[form] === X.SHAPE_MI && s.code.aux[i] & P.AUX_ANY_MEMORY) return;
  noteFlagsOf(s, s.reg(i, 0), (place & ALU_64) !== 0);
}

function noteFlagsOf(s: FunctionState, reg: number, wide: boolean): void {
  s.flagsEnd = s.sink.buf.pos;
  s.flagsReg = reg;
  s.flagsWide = wide;
}

/** Whether a test of a register with itself finds ZF right already, and only ZF is asked. */
function testIsDone(s: FunctionState, i: number, form: number): boolean {
  const { code, sink } = s;
  if (form !== X.TEST_rm32_r32 && form !== X.TEST_rm64_r64) return false;
  if (sink.buf.pos !== s.flagsEnd || sink.boundAt === s.flagsEnd) return false;
  const a = s.at(i, 0);
  if (a !== s.flagsReg || s.at(i, 1) !== a || s.flagsWide !== (form === X.TEST_rm64_r64))
    return false;
  const cond = code.aux[i + 1] & (P.AUX_CC | (3 << P.AUX_COND_SHIFT));
  return (cond & ~1) === R.CC_E && readsOnlyCondition(code.op[i + 1]);
}

function readsOnlyCondition(op: number): boolean {
  switch (op) {
    case P.P_JCC:
    case P.P_TRAPIF:
    case P.P_SETCC:
    case P.P_FSELECT:
    case X.CMOVCC_r32_rm32:
    case X.CMOVCC_r64_rm64:
      return true;
    default:
      return false;
  }
}

/** Whether an operation reads flags that an instruction before it set. */
export function readsFlags(op: number): boolean {
  return op === P.P_SIGCHECK || readsOnlyCondition(op);
}

/** lea into one of its own summands as an addition, which sets flags and runs on more ports. No flags are live here. */
function addInstead(s: FunctionState, i: number, form: number): boolean {
  const wide = form === X.LEA_r64_m;
  if ((!wide && form !== X.LEA_r32_m) || (s.code.aux[i] & P.AUX_ANY_MEMORY) !== P.AUX_MEM) {
    return false;
  }
  const to = s.reg(i, 0);
  memory(s, i, 1);
  const { buf } = s.sink;
  let add: number;
  if (index === R.NO_REG && base === to) {
    const small = (disp << 24) >> 24 === disp;
    if (wide) add = small ? X.ADD_rm64_imm8 : X.ADD_rm64_imm32;
    else add = small ? X.ADD_rm32_imm8 : X.ADD_rm32_imm32;
    E.encR_imm(buf, add, to, disp);
  } else {
    const both = index !== R.NO_REG && base !== R.NO_REG && scale === 0 && disp === 0;
    if (!both || (base !== to && index !== to)) return false;
    add = wide ? X.ADD_r64_rm64 : X.ADD_r32_rm32;
    E.encRR(buf, add, to, base === to ? index : base);
  }
  noteFlagsOf(s, to, wide);
  return true;
}

/** Emits an ordinary instruction. */
export function emitForm(s: FunctionState, i: number): void {
  const { code, sink } = s;
  const form = code.op[i];
  if (testIsDone(s, i, form) || addInstead(s, i, form)) return;
  if (breaksDependency(form)) clearDestination(s, i);
  if (code.aux[i] & P.AUX_TRAPS) sink.trap(TRAP_MEMORY_OOB, code.pos[i]);
  encode(s, i, form);
  noteFlags(s, i, form);
  if (code.aux[i] & P.AUX_POOL) {
    sink.constantField(
      sink.buf.pos - E.immBytes(form) - 4,
      X.FORM_MEMORY_BYTES[form],
      code.imm[i],
      code.imm2[i],
    );
  }
}

function clearDestination(s: FunctionState, i: number): void {
  const to = s.reg(i, 0);
  if ((s.code.aux[i] & P.AUX_ANY_MEMORY) === 0) {
    const from = s.at(i, 1);
    // The source in the destination itself: nothing to break, and nothing to destroy.
    if (from === to + PREG_FP) return;
  }
  E.encRR(s.sink.buf, X.XORPS_xmm_xm128, to, to);
}

function encode(s: FunctionState, i: number, form: number): void {
  const { buf } = s.sink;
  switch (X.FORM_SHAPE[form]) {
    case X.SHAPE_RM:
      encodeRM(s, i, form);
      return;
    case X.SHAPE_RMI:
      encodeRMI(s, i, form);
      return;
    case X.SHAPE_MR:
      encodeMR(s, i, form);
      return;
    case X.SHAPE_M:
    case X.SHAPE_MC:
      if (rmIsMemory(s, i, X.FORM_TIED[form])) E.encM(buf, form, base, index, scale, disp);
      else E.encR(buf, form, s.at(i, X.FORM_TIED[form]) & 15);
      return;
    case X.SHAPE_MI:
      encodeMI(s, i, form);
      return;
    case X.SHAPE_O:
      E.encR(buf, form, s.reg(i, 0));
      return;
    case X.SHAPE_RVM:
    case X.SHAPE_RMV:
      if (rmIsMemory(s, i, 2))
        E.encRVM(buf, form, s.reg(i, 0), s.reg(i, 1), base, index, scale, disp);
      else E.encRVR(buf, form, s.reg(i, 0), s.reg(i, 1), s.at(i, 2) & 15);
      return;
    case X.SHAPE_VM:
      if (rmIsMemory(s, i, 1)) E.encVM(buf, form, s.reg(i, 0), base, index, scale, disp);
      else E.encVR(buf, form, s.reg(i, 0), s.at(i, 1) & 15);
      return;
    default:
      bug('x64 emit', `shape of ${X.FORM_NAMES[form]}`);
  }
}

function encodeRM(s: FunctionState, i: number, form: number): void {
  const { buf } = s.sink;
  const reg = s.reg(i, 0);
  const k = 1 + X.FORM_TIED[form];
  const inMemory = rmIsMemory(s, i, k);
  if (form === X.CMOVCC_r32_rm32 || form === X.CMOVCC_r64_rm64) {
    const cc = s.code.aux[i] & P.AUX_CC;
    if (inMemory) E.encRM_cc(buf, form, cc, reg, base, index, scale, disp);
    else E.encRR_cc(buf, form, cc, reg, s.at(i, k) & 15);
  } else if (inMemory) E.encRM(buf, form, reg, base, index, scale, disp);
  else E.encRR(buf, form, reg, s.at(i, k) & 15);
}

function encodeRMI(s: FunctionState, i: number, form: number): void {
  const { buf } = s.sink;
  const k = 1 + X.FORM_TIED[form];
  const imm = s.code.imm[i];
  if (rmIsMemory(s, i, k)) E.encRM_imm(buf, form, s.reg(i, 0), base, index, scale, disp, imm);
  else E.encRR_imm(buf, form, s.reg(i, 0), s.at(i, k) & 15, imm);
}

function encodeMR(s: FunctionState, i: number, form: number): void {
  const { buf } = s.sink;
  if (s.code.aux[i] & P.AUX_ANY_MEMORY) {
    memory(s, i, 1);
    E.encRM(buf, form, s.reg(i, 0), base, index, scale, disp);
  } else if (s.at(i, 0) >= ALLOC_SLOT) {
    slot(s, s.at(i, 0));
    E.encRM(buf, form, s.reg(i, 1), base, index, scale, disp);
  } else E.encRR(buf, form, s.reg(i, 1 + X.FORM_TIED[form]), s.reg(i, 0));
}

function encodeMI(s: FunctionState, i: number, form: number): void {
  const { buf } = s.sink;
  const imm = s.code.imm[i];
  const k = (s.code.aux[i] & P.AUX_ANY_MEMORY) === 0 ? X.FORM_TIED[form] : 0;
  if (rmIsMemory(s, i, k)) E.encM_imm(buf, form, base, index, scale, disp, imm);
  else E.encR_imm(buf, form, s.at(i, k) & 15, imm);
}

/** Loads a register from memory at rbp or rsp. */
export function loadGp(s: FunctionState, to: number, from: number, at: number): void {
  E.encRM(s.sink.buf, X.MOV_r64_rm64, to, from, R.NO_REG, 0, at);
}

/** Stores a register to memory at rbp or rsp. */
export function storeGp(s: FunctionState, from: number, to: number, at: number): void {
  E.encRM(s.sink.buf, X.MOV_rm64_r64, from, to, R.NO_REG, 0, at);
}

/** An integer constant into a register, flags untouched. */
export function moveConst(s: FunctionState, to: number, lo: number, hi: number): void {
  const { buf } = s.sink;
  if (hi === 0) E.encR_imm(buf, X.MOV_r32_imm32, to, lo);
  else if (hi === -1 && lo < 0) E.encR_imm(buf, X.MOV_rm64_imm32, to, lo);
  else E.encR_imm64(buf, X.MOV_r64_imm64, to, lo, hi);
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
  if (lo === 0 && (!double || hi === 0)) {
    E.encRR(buf, X.XORPS_xmm_xm128, to, to);
    return;
  }
  const form = double ? X.MOVSD_xmm_m64 : X.MOVSS_xmm_m32;
  E.encRM(buf, form, to, R.RIP, R.NO_REG, 0, 0);
  s.sink.constantField(buf.pos - 4, double ? 8 : 4, lo, hi);
}

/** Moves a value between registers and slots; slots are written whole for integers. Flags are untouched. */
export function emitMoveOf(s: FunctionState, from: number, to: number, ty: number): void {
  if (from === to) return;
  const { buf } = s.sink;
  const fp = (from < ALLOC_SLOT ? from : to) >= PREG_FP;
  if (from < ALLOC_SLOT && to < ALLOC_SLOT) {
    if (fp) E.encRR(buf, X.MOVAPS_xmm_xm128, to & 15, from & 15);
    else if (ty === 1) E.encRR(buf, X.MOV_r32_rm32, to, from);
    else E.encRR(buf, X.MOV_r64_rm64, to, from);
  } else if (from < ALLOC_SLOT) spill(s, from, s.slotDisp(to), ty, fp);
  else if (to < ALLOC_SLOT) reload(s, to, s.slotDisp(from), ty, fp);
  else bug('x64 emit', 'a move from slot to slot');
}

function spill(s: FunctionState, from: number, at: number, ty: number, fp: boolean): void {
  const form = !fp
    ? X.MOV_rm64_r64
    : ty === T_V128
      ? X.MOVUPS_xm128_xmm
      : ty === T_F32
        ? X.MOVSS_m32_xmm
        : X.MOVSD_m64_xmm;
  E.encRM(s.sink.buf, form, from & 15, R.RBP, R.NO_REG, 0, at);
}

function reload(s: FunctionState, to: number, at: number, ty: number, fp: boolean): void {
  const form = !fp
    ? X.MOV_r64_rm64
    : ty === T_V128
      ? X.MOVUPS_xmm_xm128
      : ty === T_F32
        ? X.MOVSS_xmm_m32
        : X.MOVSD_xmm_m64;
  E.encRM(s.sink.buf, form, to & 15, R.RBP, R.NO_REG, 0, at);
}
