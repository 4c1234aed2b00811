/**
 * Frames: prologue, epilogues, tail calls, with an unwind event right after every instruction that matters to it.
 *
 *   x29 + frameBytes ..  incoming stack arguments (popped by this function); CFA = x29 + frameBytes
 *   above saved          spill slots, then the area for results of calls
 *   x29 + 16             callee-saved registers, in pairs
 *   x29                  caller's x29, return address (the frame record of AAPCS64, 6.4.6)
 *   sp                   outgoing stack arguments
 *
 * Where return addresses are signed (protect.ts) the modifier is sp at the entry, which is the CFA, as unwinders take it.
 *
 * A leaf that needs nothing of this has no frame and no unwind events: x29 is the caller's, CFA = sp, and x30 never is in memory,
 * so that it is not signed (mach/leaf.ts).
 */
import * as A from '../../gen/aarch64.ts';
import type { CodeBuffer } from '../../mach/codebuffer.ts';
import type { FrameNeeds } from '../../mach/emit.ts';
import { needsNoFrame } from '../../mach/leaf.ts';
import type { CodeSink } from '../../mach/sink.ts';
import { ALLOC_SLOT, I_CALL, type Allocation, type VCode } from '../../mach/vcode.ts';
import * as Rec from '../../object/records.ts';
import { bug } from '../../util/bug.ts';
import { access, type FunctionState, moveConst } from './emitter.ts';
import * as E from './encode.ts';
import * as M from './memops.ts';
import {
  clobberSets,
  CTX,
  DWARF_FP,
  DWARF_LR,
  DWARF_SP,
  FP,
  LR,
  registers,
  SCRATCH,
  SCRATCH2,
  SCRATCH_FP,
  SP,
  ZR,
} from './machine.ts';
import * as P from './ops.ts';
import * as R from './regs.ts';
import { authenticate, authenticateWith, enterFunction, findTableTargets } from './protect.ts';

/** Frames that could jump over the stack guard are probed; the page is the unit. */
const PROBE_ABOVE = 32768;
const PAGE = 4096;
/** Reach of a pair with write-back. */
export const PAIR_REACH = 504;
/** Where the callee-saved registers begin. */
const SAVED_AT = 16;
/** Functions of so many instructions may have their pool out of reach of a PC-relative load (1 MiB). */
const FAR_INSTRUCTIONS = 40_000;

/** Starts a function's state, finds the registers to save and whether there is a frame at all. */
export function beginFrame(
  s: FunctionState,
  sink: CodeSink,
  code: VCode,
  alloc: Allocation,
  needs: FrameNeeds,
): void {
  s.sink = sink;
  s.code = code;
  s.alloc = alloc;
  s.lastEnd = -1;
  const used = s.alloc.usedCalleeSaved.gp & registers.calleeSaved.gp & ~(1 << CTX);
  s.saved.length = 0;
  for (let r = 0; r < 31; r++) if ((used >> r) & 1) s.saved.push(r);
  if (writesContext(s)) s.saved.push(CTX);
  s.farPool = code.instCount + alloc.moveCount > FAR_INSTRUCTIONS;
  if (s.incomingBytes % 16 !== 0)
    bug('aarch64 frame', 'stack arguments of no multiple of 16 bytes');
  s.frameless = needsNoFrame(s, needs);
}

/** Lays out the frame. */
function layout(s: FunctionState, needs: FrameNeeds): void {
  s.savedAt = SAVED_AT;
  s.slotBase = SAVED_AT + 8 * s.saved.length;
  s.resultBase = s.slotBase + 8 * s.alloc.slotCount;
  s.frameBytes = (s.resultBase + needs.resultAreaBytes + 15) & -16;
  s.outgoingBytes = (needs.outgoingBytes + 15) & -16;
}

/** Whether x28 is ever other than on entry (its DEF by the arguments does not count). */
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

/** Where the prologue saved the context, from x29; undefined if it stays in its register. */
export function savedContext(s: FunctionState): number | undefined {
  const k = s.saved.indexOf(CTX);
  return k < 0 ? undefined : s.savedAt + 8 * k;
}

/** Emits the prologue and starts the function's state. */
export function emitPrologue(
  s: FunctionState,
  sink: CodeSink,
  code: VCode,
  alloc: Allocation,
  needs: FrameNeeds,
): void {
  beginFrame(s, sink, code, alloc, needs);
  if (s.marks) findTableTargets(s);
  enterFunction(sink, s.signs && !s.frameless, s.marks);
  if (s.frameless) return;
  layout(s, needs);
  const { buf } = sink;
  const bytes = s.frameBytes + s.outgoingBytes;
  if (bytes > PROBE_ABOVE) largeFrame(s, bytes);
  else {
    openFrame(sink, s.frameBytes);
    adjust(buf, A.SUB_x_imm, s.outgoingBytes);
  }
  for (let k = 0; k < s.saved.length; k += 2) {
    const at = SAVED_AT + 8 * k;
    const pair = k + 1 < s.saved.length;
    if (pair) E.encLoadPair(buf, A.STP_x_off, s.saved[k], s.saved[k + 1], FP, at);
    else E.encLoadUoff(buf, A.STR_x_uoff, s.saved[k], FP, at);
    sink.unwindEvent(Rec.UNWIND_SAVE, s.saved[k], s.frameBytes - at);
    if (pair) sink.unwindEvent(Rec.UNWIND_SAVE, s.saved[k + 1], s.frameBytes - at - 8);
  }
}

/** Pushes the frame record at the bottom of `bytes` and points x29 to it. */
export function openFrame(sink: CodeSink, bytes: number): void {
  const { buf } = sink;
  if (bytes <= PAIR_REACH) {
    E.encLoadPair(buf, A.STP_x_pre, FP, LR, SP, -bytes);
    sink.unwindEvent(Rec.UNWIND_PUSH_FP, DWARF_FP, bytes);
    sink.unwindEvent(Rec.UNWIND_SAVE, DWARF_LR, bytes - 8);
  } else {
    const low = bytes & 0xfff;
    for (const part of [bytes - low, low]) {
      if (part === 0) continue;
      adjust(buf, A.SUB_x_imm, part);
      sink.unwindEvent(Rec.UNWIND_ALLOC, 0, part);
    }
    E.encLoadPair(buf, A.STP_x_off, FP, LR, SP, 0);
    sink.unwindEvent(Rec.UNWIND_SAVE, DWARF_FP, bytes);
    sink.unwindEvent(Rec.UNWIND_SAVE, DWARF_LR, bytes - 8);
  }
  E.encRRI(buf, A.ADD_x_imm, FP, SP, 0);
  sink.unwindEvent(Rec.UNWIND_SET_FP, DWARF_FP, bytes);
}

/**
 * A frame that could reach beyond the guard: sp moves down page by page, each touched. A frame record is pushed first,
 * so that an overflow finds the stack in order, and is made anew at the bottom of the frame.
 */
function largeFrame(s: FunctionState, bytes: number): void {
  const { sink } = s;
  const { buf } = sink;
  openFrame(sink, 16);
  const rest = bytes - 16;
  moveConst(buf, SCRATCH, Math.floor(rest / PAGE), 0);
  const loop = buf.pos;
  E.encRRI(buf, A.SUB_x_imm, SP, SP, PAGE);
  E.encLoadUoff(buf, A.STR_x_uoff, ZR, SP, 0);
  E.encRRI(buf, A.SUB_x_imm, SCRATCH, SCRATCH, 1);
  E.encCbz(buf, A.CBNZ_x, SCRATCH, loop - buf.pos);
  adjust(buf, A.SUB_x_imm, rest % PAGE);
  E.encLoadUoff(buf, A.LDR_x_uoff, SCRATCH, FP, 0);
  E.encRRI(buf, A.ADD_x_imm, SCRATCH2, SP, s.outgoingBytes & 0xfff);
  const high = s.outgoingBytes - (s.outgoingBytes & 0xfff);
  if (high > 0) E.encRRI(buf, A.ADD_x_imm, SCRATCH2, SCRATCH2, high);
  E.encLoadPair(buf, A.STP_x_off, SCRATCH, LR, SCRATCH2, 0);
  E.encRRR(buf, A.ORR_x_sh, FP, ZR, SCRATCH2);
  sink.unwindEvent(Rec.UNWIND_SET_FP, DWARF_FP, s.frameBytes);
  sink.unwindEvent(Rec.UNWIND_SAVE, DWARF_FP, s.frameBytes);
  sink.unwindEvent(Rec.UNWIND_SAVE, DWARF_LR, s.frameBytes - 8);
}

/** Moves sp by a multiple of 16 below 2^24. The processor faults on the use of an sp that is none; qemu does not. */
export function adjust(buf: CodeBuffer, form: number, bytes: number): void {
  if ((bytes & 15) !== 0 || bytes >= 0x1000000) bug('aarch64 frame', `sp moved by ${bytes} bytes`);
  const low = bytes & 0xfff;
  if (bytes > low) E.encRRI(buf, form, SP, SP, bytes - low);
  if (low > 0) E.encRRI(buf, form, SP, SP, low);
}

/** The callee has popped its stack arguments: the outgoing area is lowered again. */
export function afterCall(s: FunctionState, popped: number): void {
  adjust(s.sink.buf, A.SUB_x_imm, popped);
}

/**
 * Restores callee-saved registers, the last `but` of them (the context is last) apart; `slots`: what becomes of the places
 * they were saved in.
 */
function restore(s: FunctionState, but: number, slots: number): void {
  const { sink } = s;
  const { buf } = sink;
  const n = s.saved.length - but;
  for (let k = 0; k < n; k += 2) {
    const at = SAVED_AT + 8 * k;
    if (k + 1 < n) E.encLoadPair(buf, A.LDP_x_off, s.saved[k], s.saved[k + 1], FP, at);
    else E.encLoadUoff(buf, A.LDR_x_uoff, s.saved[k], FP, at);
    sink.unwindEvent(Rec.UNWIND_RESTORE_REG, s.saved[k], slots);
    if (k + 1 < n) sink.unwindEvent(Rec.UNWIND_RESTORE_REG, s.saved[k + 1], slots);
  }
}

/**
 * Restores x29 and x30 from the record at sp and releases the frame and `extra` bytes above it. The CFA stays where it is:
 * below sp when stack arguments are released, too.
 */
export function closeFrame(sink: CodeSink, frame: number, extra: number, signs: boolean): void {
  const bytes = signs ? frame : frame + extra;
  if (bytes <= PAIR_REACH) {
    E.encLoadPair(sink.buf, A.LDP_x_post, FP, LR, SP, bytes);
    sink.unwindEvent(Rec.UNWIND_POP_FRAME, DWARF_SP, frame - bytes);
  } else {
    restoreRecord(sink, SP, frame, Rec.SLOT_KEPT);
    release(sink, frame, bytes);
  }
  if (!signs) return;
  authenticate(sink);
  if (extra > 0) release(sink, 0, extra);
}

/** Moves sp up by `bytes`, from where the CFA is sp + cfa. */
export function release(sink: CodeSink, cfa: number, bytes: number): void {
  const low = bytes & 0xfff;
  adjust(sink.buf, A.ADD_x_imm, bytes - low);
  if (low > 0 && low < bytes) sink.unwindEvent(Rec.UNWIND_DEF_CFA, DWARF_SP, cfa - (bytes - low));
  adjust(sink.buf, A.ADD_x_imm, low);
  sink.unwindEvent(Rec.UNWIND_POP_FRAME, DWARF_SP, cfa - bytes);
}

/** Restores x29 and x30 from the record at a register; the CFA is sp + cfa from then on. */
function restoreRecord(sink: CodeSink, at: number, cfa: number, slots: number): void {
  E.encLoadPair(sink.buf, A.LDP_x_off, FP, LR, at, 0);
  sink.unwindEvent(Rec.UNWIND_DEF_CFA, DWARF_SP, cfa);
  sink.unwindEvent(Rec.UNWIND_RESTORE_REG, DWARF_FP, slots);
  sink.unwindEvent(Rec.UNWIND_RESTORE_REG, DWARF_LR, slots);
}

/** Releases the frame and `extra` bytes above it. */
function leave(s: FunctionState, extra: number): void {
  const { sink } = s;
  if (s.outgoingBytes > 0) E.encRRI(sink.buf, A.ADD_x_imm, SP, FP, 0);
  closeFrame(sink, s.frameBytes, extra, s.signs);
}

/** An epilogue in the middle of the code: the unwind state comes back after it. */
export function emitReturn(s: FunctionState): void {
  const { sink } = s;
  if (s.frameless) return E.encR(sink.buf, A.RET, LR);
  sink.unwindEvent(Rec.UNWIND_REMEMBER, 0, 0);
  restore(s, 0, Rec.SLOT_KEPT);
  leave(s, s.incomingBytes);
  E.encR(sink.buf, A.RET, LR);
  sink.unwindEvent(Rec.UNWIND_RESTORE_STATE, 0, 0);
}

/** Whether the context is among the saved registers, the last then. */
export function savesContext(s: FunctionState): boolean {
  return s.saved[s.saved.length - 1] === CTX;
}

/** Tail call of a defined function (imm) or of the address in operand 0. */
export function emitTailCall(s: FunctionState, i: number): void {
  const { sink, code } = s;
  const bytes = code.imm2[i];
  const delta = s.incomingBytes - bytes;
  if (code.op[i] === P.P_TAIL_CALL_IND) loadTarget(s, i);
  if (s.frameless) return jumpToCallee(s, i);
  sink.unwindEvent(Rec.UNWIND_REMEMBER, 0, 0);
  restore(s, savesContext(s) ? 1 : 0, delta >= 0 ? Rec.SLOT_KEPT : Rec.SLOT_LOST);
  if (delta >= 0) leave(s, delta);
  else moveArguments(s, bytes);
  jumpToCallee(s, i);
  sink.unwindEvent(Rec.UNWIND_RESTORE_STATE, 0, 0);
}

/** The last instruction of tail call i. */
export function jumpToCallee(s: FunctionState, i: number): void {
  const { sink, code } = s;
  if (code.op[i] === P.P_TAIL_CALL_IND) return E.encR(sink.buf, A.BR, SCRATCH);
  E.encB(sink.buf, A.B, 0);
  sink.reloc(Rec.RELOC_CALL, code.imm[i]);
}

/** Brings the address that an indirect tail call goes to into x16. */
export function loadTarget(s: FunctionState, i: number): void {
  const a = s.at(i, 0);
  if (a < ALLOC_SLOT) E.encRRR(s.sink.buf, A.ORR_x_sh, SCRATCH, ZR, a);
  else access(s.sink.buf, M.LDR_X, SCRATCH, FP, s.slotDisp(a));
}

/**
 * Checks x30 where sp is `frame` below what signed it. Every register but the arguments' (x0-x7) and x16, which may hold
 * the target, is dead.
 */
function authenticateBelow(s: FunctionState, frame: number): void {
  const { buf } = s.sink;
  E.encRRR(buf, A.ORR_x_sh, R.X9, ZR, SCRATCH);
  if (E.addImmediate(frame) >= 0) E.encRRI(buf, A.ADD_x_imm, SCRATCH, SP, frame);
  else {
    moveConst(buf, SCRATCH2, frame, 0);
    E.encRRR_ext(buf, A.ADD_x_ext, SCRATCH, SP, SCRATCH2, E.EXT_UXTX, 0);
  }
  authenticateWith(s.sink);
  E.encRRR(buf, A.ORR_x_sh, SCRATCH, ZR, R.X9);
}

/** Restores x29 and x30, moves the staged arguments and releases the frame. */
function moveArguments(s: FunctionState, bytes: number): void {
  const { sink } = s;
  const frame = s.outgoingBytes + s.frameBytes;
  restoreRecord(sink, FP, frame, Rec.SLOT_LOST);
  // x28 is the callee's context already: the caller's value as well, but for a tail call into another instance, which
  // does not give it back.
  if (savesContext(s)) sink.unwindEvent(Rec.UNWIND_RESTORE_REG, CTX, Rec.SLOT_LOST);
  if (s.signs) authenticateBelow(s, frame);
  moveStaged(s, bytes);
}

/**
 * Releases the frame and moves `bytes` of staged arguments from its bottom over the incoming ones and what is below.
 * Downwards from the last: the places may overlap. x16 may hold the target.
 */
export function moveStaged(s: FunctionState, bytes: number): void {
  const { sink } = s;
  const { buf } = sink;
  const frame = s.outgoingBytes + s.frameBytes;
  const up = frame + s.incomingBytes - bytes;
  for (let at = bytes - 16; at >= 0; at -= 16) {
    access(buf, M.LDR_Q, SCRATCH_FP, SP, at);
    access(buf, M.STR_Q, SCRATCH_FP, SP, up + at);
  }
  release(sink, frame, up);
}
