/**
 * Neutral unwind events (records.ts) to Windows' description of ARM64 frames (Microsoft, "ARM64 exception handling").
 *
 * Unwind codes undo a prologue or do what is left of an epilogue, one code per instruction. Codes lie in .xdata, those
 * executed last first; an epilogue scope says where in them its own begin. Code that no prologue leads to (after a split,
 * while arguments of a tail call are moved, while a trampoline is suspended) is a region of its own, which begins with
 * `end_c`: a prologue of no instructions. A frame of the canonical shape needs no .xdata (packed form): one entry up to the
 * end of its only epilogue, one for the rest.
 */
import { bug } from '../util/bug.ts';
import * as Unwind from './records.ts';

const SET_FP = 0xe1;
const NOP = 0xe3;
const END = 0xe4;
const END_C = 0xe5;

const DWARF_FP = 29;
const DWARF_LR = 30;
const DWARF_SP = 31;
const COLUMNS = 96;
const FIRST_SAVED = 19;
/** DWARF column of v8. */
const FIRST_SAVED_FP = 72;

/** Limits of .xdata's fields: words of a function, bytes of codes, epilogues. */
const MOST_WORDS = 0x3_ffff;
const MOST_CODES = 4 * 255;
const MOST_EPILOGUES = 0xffff;
/** Limits of the packed form: words of a function, 16-byte units of its frame. */
const PACKED_WORDS = 0x7ff;
const PACKED_UNITS = 0x1ff;
/** The packed form's frames link x29 and x30 (CR = 3). */
const PACKED_CHAINED = 3 << 21;
const PACKED_FUNCTION = 1;
const PACKED_FRAGMENT = 2;

/** Part of a record's code with one entry: packed in the entry itself when `packed` is not 0, else described by `info`. */
export interface ArmEntry {
  start: number;
  packed: number;
  info: Uint8Array;
}

type Code = readonly number[];

function field(what: string, value: number, bits: number): number {
  if (value < 0 || value >= 1 << bits || !Number.isInteger(value)) {
    bug('arm64 unwind codes', `${what}: ${value}`);
  }
  return value;
}

function allocation(bytes: number): Code {
  const units = field('allocation', bytes / 16, 24);
  if (units < 1 << 5) return [units];
  if (units < 1 << 11) return [0xc0 | (units >> 8), units & 255];
  return [0xe0, units >> 16, (units >> 8) & 255, units & 255];
}

/** Two bytes: an operation, a register and a distance in 8 bytes. */
function double(operation: number, register: number, distance: number, bits: number): Code {
  const value = operation | (register << bits) | field('distance', distance, bits);
  return [value >> 8, value & 255];
}

/** Operations: a pair, a pair with write-back, one register, one with write-back. */
const INTEGER = [0xc800, 0xcc00, 0xd000, 0xd400] as const;
const FLOAT = [0xd800, 0xda00, 0xdc00, 0xde00] as const;

/** One store or load of registers at sp + at, which also moves sp by `moved` bytes when it has write-back. */
function transfer(regs: readonly number[], at: number, moved: number): Code {
  const [first, second] = regs as [number, number?];
  if (regs.length > 2 || (second !== undefined && second !== first + 1) || (moved > 0 && at !== 0))
    bug('arm64 unwind codes', `registers ${regs.join()} at ${at}, sp moved by ${moved}`);
  const distance = moved > 0 ? moved / 8 - 1 : at / 8;
  if (first === DWARF_FP) return [(moved > 0 ? 0x80 : 0x40) | field('record', distance, 6)];
  const float = first >= FIRST_SAVED_FP;
  const register = first - (float ? FIRST_SAVED_FP : FIRST_SAVED);
  const last = (float ? 7 : 9) - (regs.length - 1);
  if (register < 0 || register > last) bug('arm64 unwind codes', `register ${first} saved`);
  const operation = (float ? FLOAT : INTEGER)[2 * (2 - regs.length) + (moved > 0 ? 1 : 0)]!;
  return double(operation, register, distance, regs.length === 1 && moved > 0 ? 5 : 6);
}

/** Codes as they lie in .xdata. */
function sequence(codes: readonly Code[]): number[] {
  return [...codes.flat(), END];
}

/** Place of a sequence in another, or -1. Wherever its bytes are, they are these codes. */
function find(all: readonly number[], part: readonly number[]): number {
  for (let at = 0; at + part.length <= all.length; at++) {
    if (part.every((byte, k) => all[at + k] === byte)) return at;
  }
  return -1;
}

/** What the packed form stands for: registers from x19 on at the top of the frame, the frame record at its bottom. */
function canonical(count: number, frame: number): number[] {
  const area = (8 * count + 15) & -16;
  const local = frame - area;
  const codes: Code[] = [];
  for (let k = 0; k < count; k += 2) {
    const first = FIRST_SAVED + k;
    const regs = k + 1 < count ? [first, first + 1] : [first];
    codes.push(transfer(regs, 8 * k, k === 0 ? area : 0));
  }
  if (local <= 512) codes.push(transfer([DWARF_FP, DWARF_LR], 0, local));
  else codes.push(allocation(local), transfer([DWARF_FP, DWARF_LR], 0, 0));
  codes.push([SET_FP]);
  return sequence(codes.reverse());
}

interface Scope {
  start: number;
  end: number;
  index: number;
}

/** Makes the entries of one record. */
class Entries {
  private readonly entries: ArmEntry[] = [];
  /** Codes of the prologue, in the order in which its instructions are executed. */
  private readonly prologue: Code[] = [];
  private readonly slots = new Int32Array(COLUMNS);
  private savedCount = 0;
  private frame = 0;
  // The region.
  private start = 0;
  private codes: number[] = [];
  private scopes: Scope[] = [];

  constructor(private readonly record: Unwind.CodeRecord) {}

  run(): ArmEntry[] {
    const { unwind, code } = this.record;
    let i = this.readPrologue();
    this.codes = this.body();
    while (i < unwind.length) {
      if (unwind[i + 1] === Unwind.UNWIND_REMEMBER) i = this.leave(i);
      else if (unwind[i + 1] === Unwind.UNWIND_DEF_CFA) i = this.suspend(i);
      else bug('arm64 unwind codes', `unwind event ${unwind[i + 1]} in the body`);
    }
    this.close(code.length);
    return this.entries;
  }

  /** Place of the first event that has another offset than event i. */
  private groupEnd(i: number): number {
    const { unwind } = this.record;
    let end = i;
    while (end < unwind.length && unwind[end] === unwind[i]) end += 4;
    return end;
  }

  private readPrologue(): number {
    const { unwind } = this.record;
    let depth = 0;
    let at = 0;
    let i = 0;
    while (i < unwind.length && unwind[i + 1]! <= Unwind.UNWIND_ALLOC) {
      const end = this.groupEnd(i);
      for (; at < unwind[i]! - 4; at += 4) this.prologue.push([NOP]);
      at = unwind[i]!;
      if (unwind[i + 1] === Unwind.UNWIND_SET_FP) {
        this.frame = depth;
        this.prologue.push([SET_FP]);
      } else depth = this.prologueStep(i, end, depth);
      i = end;
    }
    return i;
  }

  /** Takes the events of one instruction; returns how far sp is below the CFA after it. */
  private prologueStep(from: number, to: number, before: number): number {
    const { unwind } = this.record;
    const regs: number[] = [];
    let depth = before;
    for (let i = from; i < to; i += 4) {
      const [kind, reg, value] = [unwind[i + 1]!, unwind[i + 2]!, unwind[i + 3]!];
      if (kind === Unwind.UNWIND_ALLOC) depth += value;
      else {
        if (kind === Unwind.UNWIND_PUSH_FP) depth = value;
        regs.push(reg);
        this.slots[reg] = value;
        if (reg < DWARF_FP) this.savedCount++;
      }
    }
    const moved = depth - before;
    if (regs.length === 0) this.prologue.push(allocation(moved));
    else this.prologue.push(transfer(regs, depth - this.slots[regs[0]!]!, moved));
    return depth;
  }

  private body(): number[] {
    return sequence(this.prologue.slice().reverse());
  }

  /** Begins a region at `at` whose code is reached in a state that these codes undo. */
  private open(at: number, codes: readonly number[]): void {
    this.close(at);
    this.codes = [END_C, ...codes];
  }

  /** An epilogue, or the moving of a tail call's arguments; returns the place of the events after it. */
  private leave(i: number): number {
    const { unwind } = this.record;
    let end = i;
    let moves = false;
    while (unwind[end + 1] !== Unwind.UNWIND_RESTORE_STATE) {
      if (unwind[end + 1] === Unwind.UNWIND_RESTORE_REG && unwind[end + 3] === Unwind.SLOT_LOST)
        moves = true;
      end += 4;
    }
    if (moves) this.moving(i + 4, end);
    else this.epilogue(unwind[i]!, i + 4, end);
    return end + 4;
  }

  /** Every register has its caller's value: all there is to undo is the distance from the CFA, which changes. */
  private moving(from: number, to: number): void {
    const { unwind, code } = this.record;
    let restored = 0;
    for (let i = from; i < to; i += 4) {
      const kind = unwind[i + 1]!;
      if (kind === Unwind.UNWIND_RESTORE_REG) restored++;
      else if (kind === Unwind.UNWIND_DEF_CFA || kind === Unwind.UNWIND_POP_FRAME) {
        this.open(unwind[i]!, sequence([allocation(unwind[i + 3]!)]));
      } else bug('arm64 unwind codes', `unwind event ${kind} in a tail call`);
    }
    if (restored !== this.savedCount + 2)
      bug('arm64 unwind codes', 'a tail call leaves a register saved');
    const after = unwind[to]!;
    if (after < code.length) this.open(after, this.body());
    else this.close(after);
  }

  private epilogue(start: number, from: number, to: number): void {
    const { unwind } = this.record;
    const codes: Code[] = [];
    let depth = this.frame;
    let at = start;
    for (let i = from; i < to;) {
      const end = Math.min(to, this.groupEnd(i));
      for (; at < unwind[i]! - 4; at += 4) codes.push([NOP]);
      at = unwind[i]!;
      const regs: number[] = [];
      const before = depth;
      for (; i < end; i += 4) {
        if (unwind[i + 1] === Unwind.UNWIND_RESTORE_REG) regs.push(unwind[i + 2]!);
        else depth = unwind[i + 3]!;
      }
      const moved = before - depth;
      if (regs.length > 0) codes.push(transfer(regs, before - this.slots[regs[0]!]!, moved));
      else codes.push(moved === 0 ? [SET_FP] : allocation(moved));
    }
    for (; at < unwind[to]! - 4; at += 4) codes.push([NOP]);
    this.addScope(start, unwind[to]!, sequence(codes));
  }

  /** Adds an epilogue to the region, or begins another that has place for it. */
  private addScope(start: number, end: number, codes: readonly number[]): void {
    this.cutLong(start);
    let index = find(this.codes, codes);
    const room = this.codes.length + codes.length <= MOST_CODES;
    const fits =
      (index >= 0 || room) &&
      this.scopes.length < MOST_EPILOGUES &&
      end - this.start <= 4 * MOST_WORDS;
    if (!fits) {
      this.open(start, this.body());
      index = find(this.codes, codes);
    }
    if (index < 0) {
      index = this.codes.length;
      this.codes.push(...codes);
    }
    this.scopes.push({ start, end, index });
  }

  /** A place where the CFA counts from sp while the frame stands; its end is where it counts from x29 again. */
  private suspend(i: number): number {
    const { unwind } = this.record;
    const [at, reg, value] = [unwind[i]!, unwind[i + 2]!, unwind[i + 3]!];
    if (reg === DWARF_SP) {
      const codes = this.prologue.slice(0, -1).reverse();
      this.open(at, sequence([allocation(value - this.frame), ...codes]));
    } else if (reg === DWARF_FP && value === this.frame) this.open(at, this.body());
    else bug('arm64 unwind codes', `CFA by register ${reg}`);
    return i + 4;
  }

  /** Has the region begin where `to` is in reach. */
  private cutLong(to: number): void {
    while (to - this.start > 4 * MOST_WORDS) {
      this.flush(this.start + 4 * MOST_WORDS);
      this.codes = this.codes[0] === END_C ? this.codes : [END_C, ...this.codes];
    }
  }

  /** Ends the region. */
  private close(end: number): void {
    this.cutLong(end);
    this.flush(end);
  }

  private flush(end: number): void {
    if (end > this.start && !this.pack(end)) this.describe(this.start, end);
    this.start = end;
    this.scopes = [];
  }

  /** Writes the region as packed entries if it is such. */
  private pack(end: number): boolean {
    const { codes, scopes } = this;
    const count = this.savedCount;
    const whole = codes[0] !== END_C;
    const units = this.frame / 16;
    if (units > PACKED_UNITS || count > 10 || scopes.length !== (whole ? 1 : 0)) return false;
    const expected = canonical(count, this.frame);
    if (!whole) expected.unshift(END_C);
    if (codes.length !== expected.length || find(codes, expected) !== 0) return false;
    const frame = (units << 23) | PACKED_CHAINED | (count << 16);
    if (!whole) return this.packed(this.start, end, frame | PACKED_FRAGMENT);
    // The epilogue does not take sp from x29: code 0 is the only one that it lacks.
    const [scope] = scopes as [Scope];
    if (scope.index !== 1) return false;
    const { start } = this;
    if (end - scope.end > 4 * PACKED_WORDS) return false;
    if (!this.packed(start, scope.end, frame | PACKED_FUNCTION)) return false;
    return end === scope.end || this.packed(scope.end, end, frame | PACKED_FRAGMENT);
  }

  private packed(start: number, end: number, data: number): boolean {
    const words = (end - start) / 4;
    if (words > PACKED_WORDS) return false;
    this.entries.push({ start, packed: (data | (words << 2)) >>> 0, info: new Uint8Array(0) });
    return true;
  }

  /** Writes the region's .xdata. */
  private describe(start: number, end: number): void {
    const { codes, scopes } = this;
    const words = Math.ceil(codes.length / 4);
    // A single epilogue at the end needs no scope, only the place of its codes.
    const [only] = scopes;
    const inHeader =
      scopes.length === 1 && only!.end === end && only!.index < 32 && words < 32 && words > 0;
    const count = inHeader ? only!.index : scopes.length;
    const extended = count > 31 || words > 31;
    const info = new DataView(
      new ArrayBuffer(4 * (1 + (extended ? 1 : 0) + (inHeader ? 0 : scopes.length) + words)),
    );
    const head = field('function', (end - start) / 4, 18) | (inHeader ? 1 << 21 : 0);
    let at = 4;
    info.setUint32(0, (extended ? head : head | (count << 22) | (words << 27)) >>> 0, true);
    if (extended) {
      info.setUint32(4, count | (words << 16), true);
      at = 8;
    }
    for (const scope of inHeader ? [] : scopes) {
      info.setUint32(at, ((scope.start - start) / 4) | (scope.index << 22), true);
      at += 4;
    }
    const bytes = new Uint8Array(info.buffer);
    bytes.set(codes, at);
    bytes.fill(NOP, at + codes.length);
    this.entries.push({ start, packed: 0, info: bytes });
  }
}

/** The entries of a record, ascending, all of its code. */
export function arm64Entries(record: Unwind.CodeRecord): ArmEntry[] {
  return new Entries(record).run();
}
