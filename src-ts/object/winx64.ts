/**
 * Neutral unwind events (records.ts) to x64 UNWIND_INFO (Microsoft, "x64 exception handling").
 *
 * A function's prologue becomes unwind codes. Saved registers are found through the frame register, which the codes put
 * 16 × n bytes above the part of the frame that holds them (n at most 15); whatever else the frame holds below does not
 * show, so functions of different frame sizes share an UNWIND_INFO. An epilogue of the form that the unwinder knows by
 * itself needs nothing. Everything else (tail calls, trampolines while they switch stacks) is a region of its own: an entry
 * of .pdata like a function's, whose codes describe one state and count as executed from its first byte on.
 */
import { bug } from '../util/bug.ts';
import * as Unwind from './records.ts';

const PUSH_NONVOL = 0;
const ALLOC_LARGE = 1;
const ALLOC_SMALL = 2;
const SET_FPREG = 3;
const SAVE_NONVOL = 4;
const SAVE_NONVOL_FAR = 5;
const SAVE_XMM128 = 8;
const SAVE_XMM128_FAR = 9;

/** DWARF columns of general registers to numbers of unwind codes, which are the instruction set's. */
const NUMBERS = [0, 2, 1, 3, 6, 7, 5, 4, 8, 9, 10, 11, 12, 13, 14, 15];
const COLUMNS = 33;
const FIRST_XMM = 17;
const DWARF_RBP = 6;
const DWARF_RSP = 7;
const RBP = 5;

/** Part of a record's code with one UNWIND_INFO. */
export interface Region {
  start: number;
  end: number;
  info: Uint8Array;
}

/** The unwind codes of one region, in the order in which their instructions are executed. */
class Codes {
  private readonly list: number[][] = [];
  private last = 0;

  constructor(
    /** Distance of the frame register above the frame's base, in 16 bytes; -1: none is set. */
    private readonly frameOffset: number,
  ) {
    if (frameOffset > 15) bug('unwind info', `registers saved ${16 * frameOffset} bytes down`);
  }

  private add(offset: number, operation: number, info: number, ...slots: number[]): void {
    if (offset > 255) bug('unwind info', `a prologue of ${offset} bytes`);
    this.list.push([offset | (operation << 8) | (info << 12), ...slots]);
    this.last = offset;
  }

  pushed(offset: number): void {
    this.add(offset, PUSH_NONVOL, RBP);
  }

  allocated(offset: number, bytes: number): void {
    if (bytes < 0 || bytes % 8 !== 0) bug('unwind info', `${bytes} bytes allocated`);
    if (bytes === 0) return;
    if (bytes <= 128) this.add(offset, ALLOC_SMALL, bytes / 8 - 1);
    else if (bytes < 0x8_0000) this.add(offset, ALLOC_LARGE, 0, bytes / 8);
    else this.add(offset, ALLOC_LARGE, 1, bytes & 0xffff, bytes >>> 16);
  }

  frameSet(offset: number): void {
    this.add(offset, SET_FPREG, 0);
  }

  /** A register saved so many bytes above the frame's base. */
  saved(offset: number, column: number, at: number): void {
    const xmm = column >= FIRST_XMM;
    const unit = xmm ? 16 : 8;
    const number = xmm ? column - FIRST_XMM : NUMBERS[column]!;
    if (at < 0 || at % unit !== 0) bug('unwind info', `register ${column} saved at ${at}`);
    if (at / unit <= 0xffff) {
      this.add(offset, xmm ? SAVE_XMM128 : SAVE_NONVOL, number, at / unit);
    } else {
      this.add(offset, xmm ? SAVE_XMM128_FAR : SAVE_NONVOL_FAR, number, at & 0xffff, at >>> 16);
    }
  }

  /** The UNWIND_INFO: codes last executed first, their number padded to an even one. */
  info(): Uint8Array {
    const slots = this.list.reverse().flat();
    if (slots.length > 255) bug('unwind info', `${slots.length} unwind codes`);
    const bytes = new Uint8Array(4 + 4 * Math.ceil(slots.length / 2));
    bytes.set([
      1,
      this.last,
      slots.length,
      this.frameOffset < 0 ? 0 : RBP | (this.frameOffset << 4),
    ]);
    slots.forEach((slot, k) => bytes.set([slot, slot >> 8], 4 + 2 * k));
    return bytes;
  }
}

/** What holds at a place: CFA = cfaReg + cfaOffset; register r is saved at CFA - slots[r], 0: not. */
interface State {
  cfaReg: number;
  cfaOffset: number;
  slots: Int32Array;
}

/** Distances from the CFA of registers saved other than by the push of rbp. */
function* savedIn(s: State): Generator<[column: number, distance: number]> {
  for (let r = 0; r < COLUMNS; r++) if (s.slots[r]! > 0 && r !== DWARF_RBP) yield [r, s.slots[r]!];
}

/** Codes of a state that holds at every byte of its region. */
function stateInfo(s: State): Uint8Array {
  const pushed = s.slots[DWARF_RBP] === 16;
  if (!pushed && s.slots[DWARF_RBP] !== 0) bug('unwind info', 'rbp is not where push leaves it');
  const byFrame = s.cfaReg === DWARF_RBP;
  if (!byFrame && s.cfaReg !== DWARF_RSP) bug('unwind info', `CFA by register ${s.cfaReg}`);
  let offset = byFrame ? Math.max(0, Math.ceil(-(s.cfaOffset - 16) / 16)) : -1;
  if (byFrame) {
    for (const [, distance] of savedIn(s)) {
      offset = Math.max(offset, Math.ceil((distance - s.cfaOffset) / 16));
    }
  }
  /** The CFA above what saved registers count from. */
  const cfa = s.cfaOffset + 16 * Math.max(0, offset);
  const codes = new Codes(offset);
  if (pushed) codes.pushed(0);
  codes.allocated(0, cfa - (pushed ? 16 : 8));
  if (byFrame) codes.frameSet(0);
  for (const [column, distance] of savedIn(s)) codes.saved(0, column, cfa - distance);
  return codes.info();
}

/** Whether pops and a return begin here: the unwinder follows these by itself. */
function isEpilogue(code: Uint8Array, at: number): boolean {
  for (; ; at++) {
    if ((code[at]! & 0xfe) === 0x40) at++; // REX, or REX.B
    if (code[at]! < 0x58 || code[at]! > 0x5f) break;
  }
  return code[at] === 0xc3 || code[at] === 0xc2;
}

/** Makes the regions of one record. */
class Regions {
  private readonly regions: Region[] = [];
  private start = 0;
  private info: Uint8Array;
  private readonly state: State;
  private readonly remembered: State[] = [];
  /** Inside an epilogue that needs no description. */
  private skipping = false;
  /** The state is other than the current region's. */
  private cut = false;

  constructor(private readonly record: Unwind.CodeRecord) {
    this.state = { cfaReg: DWARF_RSP, cfaOffset: 8, slots: new Int32Array(COLUMNS) };
    this.info = new Uint8Array(0);
  }

  run(): Region[] {
    const { unwind, code } = this.record;
    let i = this.prologue();
    for (; i < unwind.length; i += 4) {
      this.event(unwind[i]!, unwind[i + 1]!, unwind[i + 2]!, unwind[i + 3]!);
    }
    this.close(code.length);
    return this.regions;
  }

  /** Ends the current region. */
  private close(at: number): void {
    if (at > this.start) this.regions.push({ start: this.start, end: at, info: this.info });
    this.start = at;
  }

  /** Has the state hold from `at` on. */
  private describe(at: number): void {
    this.close(at);
    this.info = stateInfo(this.state);
  }

  /** Takes the events of the prologue; returns the place of the next. */
  private prologue(): number {
    const { unwind } = this.record;
    let end = 0;
    let savedBytes = 0;
    for (; end < unwind.length && unwind[end + 1]! <= Unwind.UNWIND_ALLOC; end += 4) {
      if (unwind[end + 1] === Unwind.UNWIND_SAVE) {
        savedBytes = Math.max(savedBytes, unwind[end + 3]! - 16);
      }
    }
    const offset = Math.ceil(savedBytes / 16);
    const codes = new Codes(offset);
    for (let i = 0; i < end; i += 4) {
      this.prologueEvent(codes, offset, unwind[i]!, unwind[i + 1]!, unwind[i + 2]!, unwind[i + 3]!);
    }
    this.info = codes.info();
    return end;
  }

  private prologueEvent(
    codes: Codes,
    offset: number,
    at: number,
    kind: number,
    reg: number,
    value: number,
  ): void {
    const { state } = this;
    if (kind === Unwind.UNWIND_PUSH_FP) {
      state.slots[DWARF_RBP] = value;
      codes.pushed(at);
    } else if (kind === Unwind.UNWIND_SET_FP) {
      state.cfaReg = DWARF_RBP;
      state.cfaOffset = value;
      if (offset === 0) codes.frameSet(at);
    } else if (kind === Unwind.UNWIND_SAVE) {
      state.slots[reg] = value;
      codes.saved(at, reg, 16 * offset + 16 - value);
    } else if (offset > 0) {
      // One instruction may allocate more than the codes say: until it is done only the push counts, then rbp does.
      if (value < 16 * offset) bug('unwind info', 'registers saved below the frame');
      codes.allocated(at, 16 * offset);
      codes.frameSet(at);
    }
  }

  private event(at: number, kind: number, reg: number, value: number): void {
    const { state } = this;
    switch (kind) {
      case Unwind.UNWIND_REMEMBER:
        this.remembered.push({ ...state, slots: state.slots.slice() });
        return;
      case Unwind.UNWIND_RESTORE_REG:
        // Its place still holds the value, as long as the frame is there.
        state.slots[reg] = 0;
        return;
      case Unwind.UNWIND_RESTORE_STATE:
        Object.assign(state, this.remembered.pop() ?? bug('unwind info', 'no state to restore'));
        this.skipping = false;
        if (this.cut && at < this.record.code.length) this.describe(at);
        this.cut = false;
        return;
      case Unwind.UNWIND_DEF_CFA:
        return this.cfa(at, reg, value);
      case Unwind.UNWIND_POP_FRAME:
        return this.cfa(at, DWARF_RSP, value);
      default:
        bug('unwind info', `unwind event ${kind} after the prologue`);
    }
  }

  private cfa(at: number, reg: number, offset: number): void {
    const { state } = this;
    state.cfaReg = reg;
    state.cfaOffset = offset;
    // What lies below the stack pointer is lost.
    for (let r = 0; reg === DWARF_RSP && r < COLUMNS; r++) {
      if (state.slots[r]! > offset) state.slots[r] = 0;
    }
    this.skipping ||= reg === DWARF_RSP && isEpilogue(this.record.code, at);
    if (this.skipping) return;
    this.describe(at);
    this.cut = true;
  }
}

/** The regions of a record, ascending, all of its code. */
export function x64Regions(record: Unwind.CodeRecord): Region[] {
  return new Regions(record).run();
}
