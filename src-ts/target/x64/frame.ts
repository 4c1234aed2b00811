/**
 * Frames: prologue, epilogues, tail calls, with an unwind event right after every instruction that matters to it.
 *
 *   rbp + 16 ..  incoming stack arguments (popped by this function)
 *   rbp + 8      return address
 *   rbp          caller's rbp; CFA = rbp + 16
 *   below        callee-saved registers, spill slots, result area, ... outgoing arguments at rsp
 *
 * A leaf that needs nothing of this has no frame and no unwind events: rbp is the caller's, CFA = rsp + 8 (mach/leaf.ts).
 */
import * as X from '../../gen/x64.ts';
import type { CodeBuffer } from '../../mach/codebuffer.ts';
import type { FrameNeeds } from '../../mach/emit.ts';
import { needsNoFrame } from '../../mach/leaf.ts';
import type { CodeSink } from '../../mach/sink.ts';
import { I_CALL, type Allocation, type VCode } from '../../mach/vcode.ts';
import { bug } from '../../util/bug.ts';
import * as Rec from '../../object/records.ts';
import { type FunctionState, loadGp, storeGp } from './emitter.ts';
import * as E from './encode.ts';
import { clobberSets, CTX, registers, SCRATCH, SCRATCH_FP } from './machine.ts';
import type { NativeAbi } from './nativeabi.ts';
import * as P from './ops.ts';
import * as R from './regs.ts';

const DWARF_RBP = R.DWARF_GP[R.RBP];
const DWARF_RSP = R.DWARF_GP[R.RSP];
/** The unit of probing. */
const PAGE = 4096;

/** Lays out the frame. */
function layout(s: FunctionState, needs: FrameNeeds): void {
  const used = s.alloc.usedCalleeSaved.gp & registers.calleeSaved.gp & ~(1 << CTX);
  s.saved.length = 0;
  for (let r = 0; r < 16; r++) if ((used >> r) & 1) s.saved.push(r);
  if (writesContext(s)) s.saved.push(CTX);
  s.slotBase = -8 * (s.saved.length + s.alloc.slotCount);
  s.resultBase = s.slotBase - needs.resultAreaBytes;
  const bytes = -s.resultBase + needs.outgoingBytes + needs.tailExtraBytes;
  s.frameBytes = (bytes + 15) & -16;
  // 1,000 parameters are the most a signature may have.
  if (s.incomingBytes > 0xffff) bug('x64 frame', 'more stack arguments than ret can pop');
  s.frameless = needsNoFrame(s, needs);
}

/** Whether r15 is ever other than on entry (its DEF by the arguments does not count). */
function writesContext(s: FunctionState): boolean {
  const { code, alloc } = s;
  for (let m = 0; m < alloc.moveCount; m++) if (alloc.moveTo[m] === CTX) return true;
  for (let i = 0; i < code.instCount; i++) {
    if (code.flags[i] & I_CALL && (clobberSets[code.clobber[i]].gp >> CTX) & 1) return true;
    if (code.op[i] === P.P_ARGS) continue;
    for (let o = code.opnd[i]; o < code.opnd[i + 1]; o++) {
      if (alloc.alloc[o] === CTX && (code.con[o] & 3) !== 0) return true;
    }
  }
  return false;
}

/** Where the prologue saved the context, from rbp; undefined if it stays in its register. */
export function savedContext(s: FunctionState): number | undefined {
  const k = s.saved.indexOf(CTX);
  return k < 0 ? undefined : -8 * (k + 1);
}

/** Emits the prologue and starts the function's state. */
export function emitPrologue(
  s: FunctionState,
  sink: CodeSink,
  code: VCode,
  alloc: Allocation,
  needs: FrameNeeds,
): void {
  s.sink = sink;
  s.code = code;
  s.alloc = alloc;
  s.flagsEnd = -1;
  layout(s, needs);
  if (s.frameless) return;
  const { buf } = sink;
  E.encR(buf, X.PUSH_r64, R.RBP);
  sink.unwindEvent(Rec.UNWIND_PUSH_FP, DWARF_RBP, 16);
  E.encRR(buf, X.MOV_r64_rm64, R.RBP, R.RSP);
  sink.unwindEvent(Rec.UNWIND_SET_FP, DWARF_RBP, 16);
  // A large frame's registers are saved first: the loop that makes the rest is no part of the prologue for unwinders.
  const large = s.frameBytes > s.abi.probeAbove;
  const first = large ? (8 * s.saved.length + 15) & -16 : s.frameBytes;
  if (first > 0) {
    lowerStack(sink.buf, first);
    sink.unwindEvent(Rec.UNWIND_ALLOC, 0, first);
  }
  for (let k = 0; k < s.saved.length; k++) {
    storeGp(s, s.saved[k], R.RBP, -8 * (k + 1));
    sink.unwindEvent(Rec.UNWIND_SAVE, R.DWARF_GP[s.saved[k]], 16 + 8 * (k + 1));
  }
  if (large) probe(sink.buf, s.frameBytes - first);
}

function lowerStack(buf: CodeBuffer, bytes: number): void {
  E.encR_imm(buf, bytes <= 127 ? X.SUB_rm64_imm8 : X.SUB_rm64_imm32, R.RSP, bytes);
}

/** Moves rsp down page by page, touching each, so that the guard can not be jumped over. Through r11. */
export function probe(buf: CodeBuffer, bytes: number): void {
  const pages = Math.floor(bytes / PAGE);
  if (pages === 0) return lowerStack(buf, bytes);
  E.encR_imm(buf, X.MOV_r32_imm32, SCRATCH, pages);
  const loop = buf.pos;
  E.encR_imm(buf, X.SUB_rm64_imm32, R.RSP, PAGE);
  E.encRM(buf, X.TEST_rm64_r64, R.RSP, R.RSP, R.NO_REG, 0, 0);
  E.encR_imm(buf, X.SUB_rm32_imm8, SCRATCH, 1);
  E.encRel8_cc(buf, X.JCC_rel8, R.CC_NE, 0);
  buf.patch8(buf.pos - 1, loop - buf.pos);
  const rest = bytes % PAGE;
  if (rest > 0) lowerStack(buf, rest);
}

/** The callee has popped its stack arguments: the outgoing area is lowered again. */
export function afterCall(s: FunctionState, popped: number): void {
  if (popped > 0) lowerStack(s.sink.buf, popped);
}

/** Restores callee-saved registers, but for one; `slots`: what becomes of the places they were saved in. */
function restore(s: FunctionState, except: number, slots: number): void {
  for (let k = 0; k < s.saved.length; k++) {
    if (s.saved[k] === except) continue;
    loadGp(s, s.saved[k], R.RBP, -8 * (k + 1));
    s.sink.unwindEvent(Rec.UNWIND_RESTORE_REG, R.DWARF_GP[s.saved[k]], slots);
  }
}

/** An epilogue in the middle of the code: the unwind state comes back after it. */
export function emitReturn(s: FunctionState): void {
  const { sink } = s;
  if (s.frameless) return E.enc0(sink.buf, X.RET);
  sink.unwindEvent(Rec.UNWIND_REMEMBER, 0, 0);
  restore(s, R.NO_REG, Rec.SLOT_KEPT);
  leave(s);
  if (s.incomingBytes === 0) E.enc0(sink.buf, X.RET);
  else E.encI(sink.buf, X.RET_imm16, s.incomingBytes);
  sink.unwindEvent(Rec.UNWIND_RESTORE_STATE, 0, 0);
}

function leave(s: FunctionState): void {
  closeFrame(s.sink, s.abi, s.frameBytes === 0);
}

/** Releases the frame; `empty`: rsp is rbp. */
export function closeFrame(sink: CodeSink, abi: NativeAbi, empty: boolean): void {
  const { buf } = sink;
  if (!abi.windowsEpilogues) E.enc0(buf, X.LEAVE);
  else {
    if (!empty) {
      E.encRM(buf, X.LEA_r64_m, R.RSP, R.RBP, R.NO_REG, 0, 0);
      sink.unwindEvent(Rec.UNWIND_DEF_CFA, DWARF_RSP, 16);
    }
    E.encR(buf, X.POP_r64, R.RBP);
  }
  sink.unwindEvent(Rec.UNWIND_POP_FRAME, DWARF_RSP, 8);
}

/** Tail call of a defined function (imm) or of the address in operand 0. */
export function emitTailCall(s: FunctionState, i: number): void {
  const { sink, code } = s;
  const bytes = code.imm2[i];
  const delta = s.incomingBytes - bytes;
  if (code.op[i] === P.P_TAIL_CALL_IND) loadTarget(s, i);
  if (s.frameless) return jumpToCallee(s, i);
  sink.unwindEvent(Rec.UNWIND_REMEMBER, 0, 0);
  restore(s, CTX, delta === 0 ? Rec.SLOT_KEPT : Rec.SLOT_LOST);
  if (delta === 0) leave(s);
  else if (s.abi.windowsEpilogues) moveRecord(s, delta, delta < 0 ? bytes : 0);
  else moveFrame(s, delta, delta < 0 ? bytes : 0);
  jumpToCallee(s, i);
  sink.unwindEvent(Rec.UNWIND_RESTORE_STATE, 0, 0);
}

/** The last instruction of tail call i. */
function jumpToCallee(s: FunctionState, i: number): void {
  const { sink, code } = s;
  if (code.op[i] === P.P_TAIL_CALL_IND) return E.encR(sink.buf, X.JMP_rm64, SCRATCH);
  E.encRel32(sink.buf, X.JMP_rel32, 0);
  sink.reloc(Rec.RELOC_CALL, code.imm[i]);
}

function loadTarget(s: FunctionState, i: number): void {
  const a = s.at(i, 0);
  if (a < 64) E.encRR(s.sink.buf, X.MOV_r64_rm64, SCRATCH, a);
  else loadGp(s, SCRATCH, R.RBP, s.slotDisp(a));
}

/**
 * Releases the frame with the return address `delta` bytes further up: return address and rbp are written to their new
 * places (an unwinder finds them there from then on), then `staged` bytes of arguments are moved over.
 */
function moveFrame(s: FunctionState, delta: number, staged: number): void {
  const { sink } = s;
  const { buf } = sink;
  // r15 is the callee's context already: the caller's value as well, but for a tail call into another instance, which
  // does not give it back (tailcalls.ts).
  if (s.saved[s.saved.length - 1] === CTX)
    sink.unwindEvent(Rec.UNWIND_RESTORE_REG, R.DWARF_GP[CTX], Rec.SLOT_LOST);
  // Downwards the saved rbp goes first, upwards the return address: neither overwrites what is still needed.
  for (const at of delta < 0 ? [0, 8] : [8, 0]) copy8(s, R.RBP, at, R.RBP, at + delta);
  sink.unwindEvent(Rec.UNWIND_DEF_CFA, DWARF_RBP, 16 + delta);
  for (let at = 0; at < staged; at += 8) copy8(s, R.RSP, at, R.RBP, 16 + delta + at);
  E.encRM(buf, X.LEA_r64_m, R.RSP, R.RBP, R.NO_REG, 0, delta);
  E.encR(buf, X.POP_r64, R.RBP);
  sink.unwindEvent(Rec.UNWIND_POP_FRAME, DWARF_RSP, 8);
}

/**
 * The same for Windows, whose unwinder finds the frame record only at a small distance from rbp: the record is copied at
 * once and rbp set to the copy.
 */
function moveRecord(s: FunctionState, delta: number, staged: number): void {
  const { sink } = s;
  const { buf } = sink;
  E.encRM(buf, X.MOVUPS_xmm_xm128, SCRATCH_FP, R.RBP, R.NO_REG, 0, 0);
  E.encRM(buf, X.MOVUPS_xm128_xmm, SCRATCH_FP, R.RBP, R.NO_REG, 0, delta);
  if (s.saved[s.saved.length - 1] === CTX) {
    sink.unwindEvent(Rec.UNWIND_RESTORE_REG, R.DWARF_GP[CTX], Rec.SLOT_LOST);
  }
  // The copy may lie over saved registers, and eight bytes further over half of the record.
  const apart = Math.abs(delta) >= 16;
  if (delta < 16) sink.unwindEvent(Rec.UNWIND_DEF_CFA, DWARF_RBP, apart ? 16 : 16 + delta);
  E.encRM(buf, X.LEA_r64_m, R.RBP, R.RBP, R.NO_REG, 0, delta);
  sink.unwindEvent(Rec.UNWIND_DEF_CFA, DWARF_RBP, 16);
  for (let at = 0; at < staged; at += 8) copy8(s, R.RSP, at, R.RBP, 16 + at);
  closeFrame(sink, s.abi, false);
}

/** Copies 8 bytes through the float scratch: r11 may hold the target. */
function copy8(s: FunctionState, from: number, at: number, to: number, toAt: number): void {
  const { buf } = s.sink;
  E.encRM(buf, X.MOVSD_xmm_m64, SCRATCH_FP, from, R.NO_REG, 0, at);
  E.encRM(buf, X.MOVSD_m64_xmm, SCRATCH_FP, to, R.NO_REG, 0, toAt);
}
