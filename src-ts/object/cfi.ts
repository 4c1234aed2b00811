/**
 * Neutral unwind events (records.ts) to DWARF call frame instructions (DWARF 5, 6.4.2 and 7.24), in as few bytes as say
 * what is true at every instruction.
 *
 * The state at the start of a function is the CIE's: CFA = SP + entryCfa, return address saved. The rules are followed
 * here so that the shortest operation is written. What needs no bytes:
 *
 *   - saves are told once, at the last of those that follow one another: the registers still have their values before
 *   - a register that was restored is still in its slot, too, until the frame is released, and beyond where the slot then
 *     lies in the red zone; only what the release takes away is told, with it. The frame pointer is told at once: callers'
 *     frames are found by it, and profilers copy stacks from the stack pointer up
 *   - a state is remembered where the epilogue first changes a rule; behind one that ends the function none comes back.
 *     That one ends in the state of the function's start, which is remembered there: two bytes for all its rules
 */
import { bug } from '../util/bug.ts';
import type { ByteWriter } from './bytes.ts';
import * as Unwind from './records.ts';
import type { ObjectTarget } from './target.ts';

const CFA_ADVANCE_LOC = 0x40;
const CFA_OFFSET = 0x80;
const CFA_RESTORE = 0xc0;
const CFA_ADVANCE_LOC1 = 0x02;
const CFA_ADVANCE_LOC2 = 0x03;
const CFA_ADVANCE_LOC4 = 0x04;
const CFA_OFFSET_EXTENDED = 0x05;
const CFA_RESTORE_EXTENDED = 0x06;
const CFA_REMEMBER_STATE = 0x0a;
const CFA_RESTORE_STATE = 0x0b;
const CFA_DEF_CFA = 0x0c;
const CFA_DEF_CFA_REGISTER = 0x0d;
const CFA_DEF_CFA_OFFSET = 0x0e;
const CFA_DEF_CFA_SF = 0x12;
const CFA_DEF_CFA_OFFSET_SF = 0x13;
/** DWARF for the Arm 64-bit Architecture, 5.1: signed or not is a pseudo-register, which remember_state keeps, too. */
const CFA_AARCH64_NEGATE_RA_STATE = 0x2d;

/** Writes `def_cfa reg, offset`. */
export function defCfa(w: ByteWriter, reg: number, offset: number): void {
  w.u8(CFA_DEF_CFA);
  w.uleb(reg);
  w.uleb(offset);
}

/** Writes: `reg` is saved at CFA - distance. */
export function savedAt(w: ByteWriter, t: ObjectTarget, reg: number, distance: number): void {
  const factored = distance / -t.dataAlign;
  if (!Number.isInteger(factored) || factored < 0)
    bug('cfi', `register saved at CFA - ${distance}`);
  if (reg < 64) w.u8(CFA_OFFSET | reg);
  else {
    w.u8(CFA_OFFSET_EXTENDED);
    w.uleb(reg);
  }
  w.uleb(factored);
}

function restored(w: ByteWriter, reg: number): void {
  if (reg < 64) return w.u8(CFA_RESTORE | reg);
  w.u8(CFA_RESTORE_EXTENDED);
  w.uleb(reg);
}

function advance(w: ByteWriter, t: ObjectTarget, bytes: number): void {
  const delta = bytes / t.codeAlign;
  if (!Number.isInteger(delta) || delta < 0)
    bug('cfi', `unwind event ${bytes} bytes after the last`);
  if (delta === 0) return;
  if (delta < 0x40) return w.u8(CFA_ADVANCE_LOC | delta);
  if (delta < 0x100) {
    w.u8(CFA_ADVANCE_LOC1);
    w.u8(delta);
  } else if (delta < 0x1_0000) {
    w.u8(CFA_ADVANCE_LOC2);
    w.u16(delta);
  } else {
    w.u8(CFA_ADVANCE_LOC4);
    w.u32(delta);
  }
}

/** DWARF register numbers that can be saved. */
const REGISTERS = 128;

/** Follows the rules through one function. */
class CfiState {
  cfaReg = 0;
  cfaOffset = 0;
  /** Register r is saved at CFA - slots[r]; 0: it has the caller's value. */
  slots = new Int32Array(REGISTERS);
  readonly stack: { cfaReg: number; cfaOffset: number; slots: Int32Array<ArrayBuffer> }[] = [];
  /** An epilogue has begun and changed no rule yet. */
  toRemember = false;

  reset(t: ObjectTarget): void {
    this.cfaReg = t.stackPointer;
    this.cfaOffset = t.entryCfa;
    this.slots.fill(0);
    this.stack.length = 0;
    this.toRemember = false;
  }
}

const state = new CfiState();
/** Of returnToStart: 1 for registers that the last epilogue restores. */
const givenBack = new Uint8Array(REGISTERS);

/**
 * A CFA below the register, as where a callee has popped its stack arguments and the return address is in a register:
 * these forms have signed, factored offsets.
 */
function setNegativeCfa(w: ByteWriter, t: ObjectTarget, reg: number, offset: number): void {
  if (reg !== state.cfaReg) {
    w.u8(CFA_DEF_CFA_SF);
    w.uleb(reg);
  } else w.u8(CFA_DEF_CFA_OFFSET_SF);
  w.sleb(offset / t.dataAlign);
}

/** Sets the CFA rule, in the shortest form. */
function setCfa(w: ByteWriter, t: ObjectTarget, reg: number, offset: number): void {
  if (offset < 0) setNegativeCfa(w, t, reg, offset);
  else if (reg !== state.cfaReg && offset !== state.cfaOffset) defCfa(w, reg, offset);
  else if (reg !== state.cfaReg) {
    w.u8(CFA_DEF_CFA_REGISTER);
    w.uleb(reg);
  } else if (offset !== state.cfaOffset) {
    w.u8(CFA_DEF_CFA_OFFSET);
    w.uleb(offset);
  }
  state.cfaReg = reg;
  state.cfaOffset = offset;
}

function popFrame(w: ByteWriter, t: ObjectTarget, offset: number): void {
  setCfa(w, t, t.stackPointer, offset);
  // A slot further below the stack pointer holds nothing any more.
  for (let reg = 0; reg < REGISTERS; reg++) {
    const slot = state.slots[reg]!;
    const room = reg === t.framePointer ? 0 : t.redZone;
    if (slot !== 0 && slot > offset + room) restore(w, reg);
  }
}

function restore(w: ByteWriter, reg: number): void {
  state.slots[reg] = 0;
  restored(w, reg);
}

function save(w: ByteWriter, t: ObjectTarget, reg: number, distance: number): void {
  state.slots[reg] = distance;
  savedAt(w, t, reg, distance);
}

function rememberState(w: ByteWriter): void {
  const { cfaReg, cfaOffset, slots } = state;
  state.stack.push({ cfaReg, cfaOffset, slots: slots.slice() });
  state.toRemember = false;
  w.u8(CFA_REMEMBER_STATE);
}

function restoreState(w: ByteWriter): void {
  const last = state.stack.pop() ?? bug('cfi', 'state restored that was not remembered');
  state.cfaReg = last.cfaReg;
  state.cfaOffset = last.cfaOffset;
  state.slots = last.slots;
  w.u8(CFA_RESTORE_STATE);
}

function event(w: ByteWriter, t: ObjectTarget, kind: number, reg: number, value: number): void {
  switch (kind) {
    case Unwind.UNWIND_PUSH_FP:
      setCfa(w, t, t.stackPointer, value);
      return save(w, t, t.framePointer, value);
    case Unwind.UNWIND_SET_FP:
      return setCfa(w, t, t.framePointer, value);
    case Unwind.UNWIND_SAVE:
      return save(w, t, reg, value);
    case Unwind.UNWIND_ALLOC:
      if (state.cfaReg === t.stackPointer) setCfa(w, t, t.stackPointer, state.cfaOffset + value);
      return;
    case Unwind.UNWIND_RESTORE_REG:
      return restore(w, reg);
    case Unwind.UNWIND_POP_FRAME:
      return popFrame(w, t, value);
    case Unwind.UNWIND_RESTORE_STATE:
      return restoreState(w);
    case Unwind.UNWIND_DEF_CFA:
      return setCfa(w, t, reg, value);
    case Unwind.UNWIND_TOGGLE_SIGNED:
      if (!t.signsReturns) bug('cfi', `a signed return address on ${t.name}`);
      return w.u8(CFA_AARCH64_NEGATE_RA_STATE);
    default:
      bug('cfi', `unwind event ${kind}`);
  }
}

/** Whether an event changes a rule that has to be told where it happens. */
function tells(t: ObjectTarget, kind: number, value: number): boolean {
  switch (kind) {
    case Unwind.UNWIND_ALLOC:
      return state.cfaReg === t.stackPointer;
    case Unwind.UNWIND_RESTORE_REG:
      return value === Unwind.SLOT_LOST;
    case Unwind.UNWIND_REMEMBER:
      state.toRemember = true;
      return false;
    case Unwind.UNWIND_RESTORE_STATE:
      if (!state.toRemember) return true;
      state.toRemember = false;
      return false;
    default:
      return true;
  }
}

/** Place of the last of the saves that follow one another from `at` on. */
function endOfSaves(events: Int32Array, at: number): number {
  while (at + 4 < events.length && events[at + 5] === Unwind.UNWIND_SAVE) at += 4;
  return at;
}

/** Place of the last epilogue's start if it ends the code, else the number of events. */
function lastEpilogue(events: Int32Array, codeBytes: number): number {
  const end = events.length - 4;
  if (end < 0 || events[end] !== codeBytes || events[end + 1] !== Unwind.UNWIND_RESTORE_STATE)
    return events.length;
  let at = end;
  while (at >= 0 && events[at + 1] !== Unwind.UNWIND_REMEMBER) at -= 4;
  return at;
}

/** Whether an event of some kind is among those in [from, to). */
function has(events: Int32Array, from: number, to: number, kind: number): boolean {
  for (let at = from; at < to; at += 4) if (events[at + 1] === kind) return true;
  return false;
}

/**
 * Place of the event that releases the frame for the last time, if with it the state of the function's start is there
 * again: all that was saved has been restored. Else the number of events.
 *
 * @param last place of the epilogue that ends the code, `events.length` if there is none
 * @param end end of the events to be told
 */
function returnToStart(t: ObjectTarget, events: Int32Array, last: number, end: number): number {
  const { length } = events;
  const start = last < length ? last : 0; // of a trampoline, which has one end and no mark where it begins
  let pop = end - 4;
  while (pop > start && events[pop + 1] === Unwind.UNWIND_DEF_CFA) pop -= 4;
  if (pop <= start || events[pop + 1] !== Unwind.UNWIND_POP_FRAME) return length;
  if (events[pop + 3] !== t.entryCfa || has(events, 0, end, Unwind.UNWIND_TOGGLE_SIGNED))
    return length;
  if (last === length && has(events, 0, end, Unwind.UNWIND_REMEMBER)) return length;
  givenBack.fill(0);
  givenBack[t.framePointer] = 1;
  givenBack[t.returnAddress] = 1;
  for (let at = start; at < pop; at += 4) {
    if (events[at + 1] === Unwind.UNWIND_RESTORE_REG) givenBack[events[at + 2]!] = 1;
  }
  for (let at = 0; at < pop; at += 4) {
    if (events[at + 1] === Unwind.UNWIND_SAVE && givenBack[events[at + 2]!] === 0) return length;
  }
  return pop;
}

/** Appends the instructions for the events of one function (quadruples, ascending offsets) of so many bytes of code. */
export function callFrameInstructions(
  w: ByteWriter,
  t: ObjectTarget,
  events: Int32Array,
  codeBytes: number,
): void {
  state.reset(t);
  let offset = 0;
  const last = lastEpilogue(events, codeBytes);
  const end = last < events.length ? events.length - 4 : events.length;
  const returns = returnToStart(t, events, last, end);
  if (returns < events.length) rememberState(w);
  for (let i = 0; i < end; i += 4) {
    const kind = events[i + 1]!;
    if (i === last || !tells(t, kind, events[i + 3]!)) continue;
    const at = events[kind === Unwind.UNWIND_SAVE ? endOfSaves(events, i) : i]!;
    advance(w, t, at - offset);
    offset = at;
    if (state.toRemember) rememberState(w);
    if (i === returns) restoreState(w);
    else event(w, t, kind, events[i + 2]!, events[i + 3]!);
  }
}
