/**
 * Frames for Windows, whose unwind codes (object/winarm64.ts) undo a prologue instruction by instruction: registers are
 * saved before x29 is set, consecutive ones in pairs, and an epilogue is the prologue backwards. From Microsoft, "ARM64
 * exception handling"; where the frame has no outgoing arguments, prologue and epilogue are those of the packed form.
 *
 *   x29 + frameBytes ..  incoming stack arguments (popped by this function); CFA = x29 + frameBytes
 *   x29 + savedAt        callee-saved registers
 *   x29 + 16             spill slots, then the area for results of calls
 *   x29                  caller's x29, return address
 *   sp                   outgoing stack arguments, allocated in the body: x29 is what counts there
 */
import * as A from '../../gen/aarch64.ts';
import type { CodeBuffer } from '../../mach/codebuffer.ts';
import type { FrameNeeds } from '../../mach/emit.ts';
import type { CodeSink } from '../../mach/sink.ts';
import type { Allocation, VCode } from '../../mach/vcode.ts';
import * as Rec from '../../object/records.ts';
import { access, type FunctionState, moveConst } from './emitter.ts';
import * as E from './encode.ts';
import {
  adjust,
  beginFrame,
  jumpToCallee,
  loadTarget,
  moveStaged,
  PAIR_REACH,
  release,
  savesContext,
} from './frame.ts';
import { DWARF_FP, DWARF_LR, DWARF_SP, FP, LR, SCRATCH, SCRATCH2, SP, ZR } from './machine.ts';
import * as M from './memops.ts';
import * as P from './ops.ts';

/**
 * The guard is one page of 4 KiB and every frame touches its record, so the stack pointer may be half a page below the
 * last word touched: the frame of a callee that does not probe takes at most the other half.
 */
const PROBE_STEP = 2048;
const RECORD = 16;

/** Emits the prologue and starts the function's state. */
export function emitWindowsPrologue(
  s: FunctionState,
  sink: CodeSink,
  code: VCode,
  alloc: Allocation,
  needs: FrameNeeds,
): void {
  beginFrame(s, sink, code, alloc, needs);
  if (s.frameless) return;
  s.slotBase = RECORD;
  s.resultBase = s.slotBase + 8 * alloc.slotCount;
  s.savedAt = (s.resultBase + needs.resultAreaBytes + 15) & -16;
  s.frameBytes = s.savedAt + ((8 * s.saved.length + 15) & -16);
  s.outgoingBytes = (needs.outgoingBytes + 15) & -16;
  pushRegisters(s);
  pushRecord(sink, s.savedAt, s.frameBytes, s.outgoingBytes);
  setFrame(sink, s.frameBytes);
  adjust(sink.buf, A.SUB_x_imm, s.outgoingBytes);
}

/** How many of the first n saved registers, from the k-th on, one instruction moves. */
function together(saved: readonly number[], k: number, n: number): 1 | 2 {
  return k + 1 < n && saved[k + 1] === saved[k] + 1 ? 2 : 1;
}

/** Saves registers at the top of the frame; the first store allocates their area. */
function pushRegisters(s: FunctionState): void {
  const { sink, saved } = s;
  const { buf } = sink;
  const bytes = s.frameBytes - s.savedAt;
  for (let k = 0, width = 0; k < saved.length; k += width) {
    width = together(saved, k, saved.length);
    const first = k === 0;
    const at = first ? -bytes : 8 * k;
    if (width === 2) {
      E.encLoadPair(buf, first ? A.STP_x_pre : A.STP_x_off, saved[k], saved[k + 1], SP, at);
    } else if (first) E.encLoadSimm9(buf, A.STR_x_pre, saved[k], SP, at);
    else E.encLoadUoff(buf, A.STR_x_uoff, saved[k], SP, at);
    if (first) sink.unwindEvent(Rec.UNWIND_ALLOC, 0, bytes);
    for (let j = k; j < k + width; j++) {
      sink.unwindEvent(Rec.UNWIND_SAVE, saved[j], bytes - 8 * j);
    }
  }
}

/** Restores the first n of them, backwards; the last load releases their area. */
function popRegisters(s: FunctionState, n: number): void {
  const { sink, saved } = s;
  const { buf } = sink;
  const bytes = s.frameBytes - s.savedAt;
  if (n === 0) {
    if (bytes > 0) release(sink, bytes, bytes);
    return;
  }
  let starts = 0;
  for (let k = 0; k < n; k += together(saved, k, n)) starts |= 1 << k;
  for (let k = n - 1; k >= 0; k--) {
    if (((starts >> k) & 1) === 0) continue;
    const width = together(saved, k, n);
    if (width === 2) {
      const form = k === 0 ? A.LDP_x_post : A.LDP_x_off;
      E.encLoadPair(buf, form, saved[k], saved[k + 1], SP, k === 0 ? bytes : 8 * k);
    } else if (k === 0) E.encLoadSimm9(buf, A.LDR_x_post, saved[k], SP, bytes);
    else E.encLoadUoff(buf, A.LDR_x_uoff, saved[k], SP, 8 * k);
    for (let j = k; j < k + width; j++) {
      sink.unwindEvent(Rec.UNWIND_RESTORE_REG, saved[j], Rec.SLOT_KEPT);
    }
    if (k === 0) sink.unwindEvent(Rec.UNWIND_DEF_CFA, DWARF_SP, 0);
  }
}

/** Touches the stack at every step of what is about to be allocated; sp stays, as unwind codes want it. */
function probe(buf: CodeBuffer, bytes: number): void {
  moveConst(buf, SCRATCH, Math.floor(bytes / PROBE_STEP), 0);
  E.encRRI(buf, A.ADD_x_imm, SCRATCH2, SP, 0);
  const loop = buf.pos;
  E.encRRI(buf, A.SUB_x_imm, SCRATCH2, SCRATCH2, PROBE_STEP);
  E.encLoadUoff(buf, A.STR_x_uoff, ZR, SCRATCH2, 0);
  E.encRRI(buf, A.SUB_x_imm, SCRATCH, SCRATCH, 1);
  E.encCbz(buf, A.CBNZ_x, SCRATCH, loop - buf.pos);
}

/**
 * Pushes the frame record at the bottom of `bytes`.
 * @param frame bytes from the bottom to the CFA
 * @param below bytes that the body allocates under it
 */
export function pushRecord(sink: CodeSink, bytes: number, frame: number, below: number): void {
  const { buf } = sink;
  if (frame + below > PROBE_STEP) probe(buf, bytes + below);
  if (bytes <= PAIR_REACH) {
    E.encLoadPair(buf, A.STP_x_pre, FP, LR, SP, -bytes);
    sink.unwindEvent(Rec.UNWIND_PUSH_FP, DWARF_FP, frame);
  } else {
    const low = bytes & 0xfff;
    for (const part of [low, bytes - low]) {
      if (part === 0) continue;
      adjust(buf, A.SUB_x_imm, part);
      sink.unwindEvent(Rec.UNWIND_ALLOC, 0, part);
    }
    E.encLoadPair(buf, A.STP_x_off, FP, LR, SP, 0);
    sink.unwindEvent(Rec.UNWIND_SAVE, DWARF_FP, frame);
  }
  sink.unwindEvent(Rec.UNWIND_SAVE, DWARF_LR, frame - 8);
}

/** Points x29 to the record at sp: the prologue's end. */
export function setFrame(sink: CodeSink, frame: number): void {
  E.encRRI(sink.buf, A.ADD_x_imm, FP, SP, 0);
  sink.unwindEvent(Rec.UNWIND_SET_FP, DWARF_FP, frame);
}

/** Restores x29 and x30 from the record at sp, at the bottom of `bytes`, and releases those. */
export function popRecord(sink: CodeSink, bytes: number, frame: number): void {
  const short = bytes <= PAIR_REACH;
  if (short) E.encLoadPair(sink.buf, A.LDP_x_post, FP, LR, SP, bytes);
  else E.encLoadPair(sink.buf, A.LDP_x_off, FP, LR, SP, 0);
  sink.unwindEvent(Rec.UNWIND_RESTORE_REG, DWARF_FP, Rec.SLOT_KEPT);
  sink.unwindEvent(Rec.UNWIND_RESTORE_REG, DWARF_LR, Rec.SLOT_KEPT);
  if (short) sink.unwindEvent(Rec.UNWIND_DEF_CFA, DWARF_SP, frame - bytes);
  else release(sink, frame, bytes);
}

/** An epilogue up to its branch: releases the frame and `extra` bytes above it; the first n saved registers are restored. */
function leave(s: FunctionState, n: number, extra: number): void {
  const { sink } = s;
  sink.unwindEvent(Rec.UNWIND_REMEMBER, 0, 0);
  if (s.outgoingBytes > 0) {
    E.encRRI(sink.buf, A.ADD_x_imm, SP, FP, 0);
    sink.unwindEvent(Rec.UNWIND_DEF_CFA, DWARF_SP, s.frameBytes);
  }
  popRecord(sink, s.savedAt, s.frameBytes);
  popRegisters(s, n);
  if (extra > 0) release(sink, 0, extra);
}

/** An epilogue in the middle of the code: the unwind state comes back after it. */
export function emitWindowsReturn(s: FunctionState): void {
  const { sink } = s;
  if (s.frameless) return E.encR(sink.buf, A.RET, LR);
  leave(s, s.saved.length, s.incomingBytes);
  E.encR(sink.buf, A.RET, LR);
  sink.unwindEvent(Rec.UNWIND_RESTORE_STATE, 0, 0);
}

/** Tail call of a defined function (imm) or of the address in operand 0. */
export function emitWindowsTailCall(s: FunctionState, i: number): void {
  const { sink, code } = s;
  const bytes = code.imm2[i];
  const delta = s.incomingBytes - bytes;
  // x28, saved last, is the callee's context already.
  const n = s.saved.length - (savesContext(s) ? 1 : 0);
  if (code.op[i] === P.P_TAIL_CALL_IND) loadTarget(s, i);
  if (s.frameless) return jumpToCallee(s, i);
  if (delta >= 0) leave(s, n, delta);
  else moveArguments(s, n, bytes);
  jumpToCallee(s, i);
  sink.unwindEvent(Rec.UNWIND_RESTORE_STATE, 0, 0);
}

/**
 * More stack arguments than came in: they are moved over the frame, so no epilogue is like that. All registers have the
 * caller's values first; from there on only the distance of the CFA from sp counts.
 */
function moveArguments(s: FunctionState, n: number, bytes: number): void {
  const { sink } = s;
  const { buf } = sink;
  for (let k = 0; k < n; k++) access(buf, M.LDR_X, s.saved[k], FP, s.savedAt + 8 * k);
  sink.unwindEvent(Rec.UNWIND_REMEMBER, 0, 0);
  E.encLoadPair(buf, A.LDP_x_off, FP, LR, FP, 0);
  sink.unwindEvent(Rec.UNWIND_DEF_CFA, DWARF_SP, s.outgoingBytes + s.frameBytes);
  for (const reg of s.saved) sink.unwindEvent(Rec.UNWIND_RESTORE_REG, reg, Rec.SLOT_LOST);
  sink.unwindEvent(Rec.UNWIND_RESTORE_REG, DWARF_FP, Rec.SLOT_LOST);
  sink.unwindEvent(Rec.UNWIND_RESTORE_REG, DWARF_LR, Rec.SLOT_LOST);
  moveStaged(s, bytes);
}
