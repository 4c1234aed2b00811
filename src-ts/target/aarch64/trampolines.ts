/**
 * Trampolines, one per signature.
 *
 * Entry: an AAPCS64 function entry(slots, ctx, code) that loads arguments from 8-byte slots, calls code by the Wasm
 * convention and stores the results to the slots. x19 holds the slots during the call. The low halves of v8-v15, which C
 * expects back and Wasm code does not keep, are saved.
 *
 * Exit: the code of an imported host function, called by the Wasm convention with x28 = VMHostFunc. It stores arguments
 * to the slots of the transfer area and suspends the fiber: it pushes the pair {resume address, x29} and goes to
 * elfin_suspend (x0 = Thread), which keeps sp only, so everything callee-saved is stored first. It is resumed with
 * x0 = Thread, sp at the pair, and the results in the slots.
 */
import * as A from '../../gen/aarch64.ts';
import * as Abi from '../../gen/abi.ts';
import * as Op from '../../gen/ir.ts';
import { Locations, STACK } from '../../mach/abi.ts';
import { CodeSink } from '../../mach/sink.ts';
import type { CodeSettings } from '../../mach/target.ts';
import { PREG_FP } from '../../mach/vcode.ts';
import * as Rec from '../../object/records.ts';
import { access } from './emitter.ts';
import * as E from './encode.ts';
import { adjust, closeFrame, openFrame, release } from './frame.ts';
import { CTX, DWARF_FP, DWARF_SP, FP, LR, SCRATCH, SP, wasmConvention, ZR } from './machine.ts';
import * as M from './memops.ts';
import { enterFunction } from './protect.ts';
import * as R from './regs.ts';
import { AArch64Target } from './target.ts';
import { popRecord, pushRecord, setFrame } from './winframe.ts';

const NO_BLOCKS = new Int32Array(0);
const SLOTS = R.X19;
/** For copying between places in memory. */
const COPY = R.X9;

/** Saved by every exit trampoline, in pairs above the frame record. */
const EXIT_SAVED = [R.X19, R.X20, R.X21, R.X22, R.X23, R.X24, R.X25, R.X26, R.X27, R.X28];
const EXIT_AREA = 16 + 8 * EXIT_SAVED.length;
const EXIT_FRAME = EXIT_AREA + 16;
/** Saved by entry trampolines: x19 and x28, then d8-d15. */
const ENTRY_SAVED = [SLOTS, CTX];
const ENTRY_SAVED_FP = [8, 9, 10, 11, 12, 13, 14, 15];
const ENTRY_FP = 32;
const ENTRY_AREA = ENTRY_FP + 8 * ENTRY_SAVED_FP.length;

class Trampolines {
  private readonly sink = new CodeSink(new AArch64Target());
  private readonly params = new Locations();
  private readonly results = new Locations();
  private stackBytes = 0;
  private signs = false;
  private marks = false;

  /** @param windows whether frames are such as Windows' unwinder knows */
  constructor(private readonly windows: boolean) {}

  /** The entry trampoline of a signature, its types as numbers of isa/ir/ops.ts. */
  entry(params: Uint8Array, results: Uint8Array, settings: CodeSettings): Rec.CodeRecord {
    const area = this.begin(params, results, settings);
    const { buf } = this.sink;
    const frame = (ENTRY_AREA + this.results.stackBytes + 15) & -16;
    this.open(frame, this.stackBytes);
    this.savePairs(A.STP_x_off, ENTRY_SAVED, 16, frame, 0);
    this.savePairs(A.STP_d_off, ENTRY_SAVED_FP, ENTRY_FP, frame, R.dwarfFp(0));
    if (this.windows) setFrame(this.sink, frame);
    adjust(buf, A.SUB_x_imm, this.stackBytes);
    this.moveReg(SLOTS, R.X0);
    this.moveReg(CTX, R.X1);
    this.moveReg(SCRATCH, R.X2);
    this.entryArguments(params, area);
    E.encR(buf, A.BLR, SCRATCH);
    this.entryResults(results);
    this.beginEpilogue();
    this.restorePairs(A.LDP_d_off, ENTRY_SAVED_FP, ENTRY_FP, R.dwarfFp(0));
    this.restorePairs(A.LDP_x_off, ENTRY_SAVED, 16, 0);
    this.close(frame, 0);
    E.encR(buf, A.RET, LR);
    this.endEpilogue();
    return this.sink.finish(NO_BLOCKS, 16);
  }

  /** The exit trampoline of a signature. */
  exit(params: Uint8Array, results: Uint8Array, settings: CodeSettings): Rec.CodeRecord {
    const area = this.begin(params, results, settings);
    const { buf } = this.sink;
    this.open(EXIT_FRAME, 0);
    this.savePairs(A.STP_x_off, EXIT_SAVED, 16, EXIT_FRAME, 0);
    if (this.windows) setFrame(this.sink, EXIT_FRAME);
    if (area) this.keepAreaAddress();
    access(buf, M.LDR_X, R.X19, CTX, Abi.HOST_FUNC_THREAD);
    access(buf, M.LDR_X, R.X20, R.X19, Abi.THREAD_TRANSFER);
    this.exitArguments(params);
    access(buf, M.LDR_W, R.X21, CTX, Abi.HOST_FUNC_HOST_ID);
    access(buf, M.STR_W, R.X21, R.X20, Abi.TRANSFER_HOST_ID);
    this.suspend();
    access(buf, M.LDR_X, R.X20, R.X0, Abi.THREAD_TRANSFER);
    this.exitResults(results);
    this.beginEpilogue();
    this.restorePairs(A.LDP_x_off, EXIT_SAVED, 16, 0);
    this.close(EXIT_FRAME, this.stackBytes);
    // Rather no ret: elfin_suspend used up the return predictor's entry of this call for its own. But a call's end is no
    // marked target.
    E.encR(buf, this.marks ? A.RET : A.BR, LR);
    this.endEpilogue();
    return this.sink.finish(NO_BLOCKS, 16);
  }

  private begin(params: Uint8Array, results: Uint8Array, settings: CodeSettings): boolean {
    this.signs = settings.signsReturns === true;
    this.marks = settings.marksTargets === true;
    this.sink.reset(0, NO_BLOCKS);
    enterFunction(this.sink, this.signs, this.marks);
    this.results.results(wasmConvention, results);
    const area = this.results.stackBytes > 0;
    this.params.params(wasmConvention, params, area);
    this.stackBytes = (this.params.stackBytes + 15) & -16;
    return area;
  }

  // ---- pieces ----

  /** Pushes the frame record; on Windows x29 is set only when everything is saved. */
  private open(frame: number, below: number): void {
    if (this.windows) pushRecord(this.sink, frame, frame, below);
    else openFrame(this.sink, frame);
  }

  private close(frame: number, extra: number): void {
    if (!this.windows) return closeFrame(this.sink, frame, extra, this.signs);
    popRecord(this.sink, frame, frame);
    if (extra > 0) release(this.sink, 0, extra);
  }

  /** Windows' unwinder has to know where; it takes sp for what it is here, x29. */
  private beginEpilogue(): void {
    if (this.windows) this.sink.unwindEvent(Rec.UNWIND_REMEMBER, 0, 0);
  }

  private endEpilogue(): void {
    if (this.windows) this.sink.unwindEvent(Rec.UNWIND_RESTORE_STATE, 0, 0);
  }

  private moveReg(to: number, from: number): void {
    E.encRRR(this.sink.buf, A.ORR_x_sh, to, ZR, from);
  }

  /** Whether general registers k and k + 1 are no pair to Windows' unwind codes. */
  private apart(regs: readonly number[], k: number): boolean {
    return this.windows && regs[k + 1] !== regs[k]! + 1;
  }

  /** Stores an even number of registers above the frame record; `dwarf` is the first one's column. */
  private savePairs(
    form: number,
    regs: readonly number[],
    at: number,
    frame: number,
    dwarf: number,
  ): void {
    const { sink } = this;
    const base = this.windows ? SP : FP;
    for (let k = 0; k < regs.length; k += 2) {
      const place = at + 8 * k;
      if (this.apart(regs, k)) {
        E.encLoadUoff(sink.buf, A.STR_x_uoff, regs[k]!, base, place);
        sink.unwindEvent(Rec.UNWIND_SAVE, dwarf + regs[k]!, frame - place);
        E.encLoadUoff(sink.buf, A.STR_x_uoff, regs[k + 1]!, base, place + 8);
        sink.unwindEvent(Rec.UNWIND_SAVE, dwarf + regs[k + 1]!, frame - place - 8);
        continue;
      }
      E.encLoadPair(sink.buf, form, regs[k]!, regs[k + 1]!, base, place);
      sink.unwindEvent(Rec.UNWIND_SAVE, dwarf + regs[k]!, frame - place);
      sink.unwindEvent(Rec.UNWIND_SAVE, dwarf + regs[k + 1]!, frame - place - 8);
    }
  }

  private restorePairs(form: number, regs: readonly number[], at: number, dwarf: number): void {
    const { sink } = this;
    for (let k = 0; k < regs.length; k += 2) {
      const place = at + 8 * k;
      if (this.apart(regs, k)) {
        E.encLoadUoff(sink.buf, A.LDR_x_uoff, regs[k]!, FP, place);
        sink.unwindEvent(Rec.UNWIND_RESTORE_REG, dwarf + regs[k]!, Rec.SLOT_KEPT);
        E.encLoadUoff(sink.buf, A.LDR_x_uoff, regs[k + 1]!, FP, place + 8);
        sink.unwindEvent(Rec.UNWIND_RESTORE_REG, dwarf + regs[k + 1]!, Rec.SLOT_KEPT);
        continue;
      }
      E.encLoadPair(sink.buf, form, regs[k]!, regs[k + 1]!, FP, place);
      sink.unwindEvent(Rec.UNWIND_RESTORE_REG, dwarf + regs[k]!, Rec.SLOT_KEPT);
      sink.unwindEvent(Rec.UNWIND_RESTORE_REG, dwarf + regs[k + 1]!, Rec.SLOT_KEPT);
    }
  }

  /** Offset of the n-th value's slot: v128 takes two. */
  private slotOf(types: Uint8Array, n: number): number {
    let at = 0;
    for (let i = 0; i < n; i++) at += types[i] === Op.T_V128 ? 16 : 8;
    return at;
  }

  /** Copies a value between two places in memory; an i32 fills its slot, zero-extended. */
  private copy(ty: number, from: number, at: number, to: number, toAt: number): void {
    const { buf } = this.sink;
    access(buf, ty === Op.T_I32 ? M.LDR_W : M.LDR_X, COPY, from, at);
    access(buf, M.STR_X, COPY, to, toAt);
    if (ty !== Op.T_V128) return;
    access(buf, M.LDR_X, COPY, from, at + 8);
    access(buf, M.STR_X, COPY, to, toAt + 8);
  }

  /** Loads a register from a slot. */
  private loadValue(ty: number, reg: number, base: number, at: number): void {
    access(this.sink.buf, M.fullLoad(ty), reg & 31, base, at);
  }

  /** Stores a register to a slot; integers fill it. */
  private storeValue(ty: number, reg: number, base: number, at: number): void {
    access(this.sink.buf, reg >= PREG_FP ? M.fullStore(ty) : M.STR_X, reg & 31, base, at);
  }

  // ---- entry ----

  private entryArguments(types: Uint8Array, area: boolean): void {
    for (let i = 0; i < types.length; i++) {
      const at = this.params.at[i]!;
      if (at >= STACK) this.copy(types[i]!, SLOTS, this.slotOf(types, i), SP, at - STACK);
    }
    if (area) this.passArea();
    for (let i = 0; i < types.length; i++) {
      const at = this.params.at[i]!;
      if (at < STACK) this.loadValue(types[i]!, at, SLOTS, this.slotOf(types, i));
    }
  }

  private passArea(): void {
    const { buf } = this.sink;
    const at = this.params.at[this.params.count - 1]!;
    const reg = at < STACK ? at : COPY;
    E.encRRI(buf, A.ADD_x_imm, reg, FP, ENTRY_AREA);
    if (at >= STACK) access(buf, M.STR_X, reg, SP, at - STACK);
  }

  private entryResults(types: Uint8Array): void {
    for (let i = 0; i < types.length; i++) {
      const at = this.results.at[i]!;
      if (at < STACK) this.storeValue(types[i]!, at, SLOTS, this.slotOf(types, i));
    }
    for (let i = 0; i < types.length; i++) {
      const at = this.results.at[i]!;
      if (at < STACK) continue;
      this.copy(types[i]!, FP, ENTRY_AREA + at - STACK, SLOTS, this.slotOf(types, i));
    }
  }

  // ---- exit ----

  private keepAreaAddress(): void {
    const { buf } = this.sink;
    const at = this.params.at[this.params.count - 1]!;
    const reg = at < STACK ? at : COPY;
    if (at >= STACK) access(buf, M.LDR_X, reg, FP, EXIT_FRAME + at - STACK);
    access(buf, M.STR_X, reg, FP, EXIT_AREA);
  }

  private exitArguments(types: Uint8Array): void {
    const slots = Abi.TRANSFER_SIZE;
    for (let i = 0; i < types.length; i++) {
      const at = this.params.at[i]!;
      if (at < STACK) this.storeValue(types[i]!, at, R.X20, slots + this.slotOf(types, i));
      else this.copy(types[i]!, FP, EXIT_FRAME + at - STACK, R.X20, slots + this.slotOf(types, i));
    }
  }

  /** Leaves for the host; the unwind rules use sp while x29 is not ours. */
  private suspend(): void {
    const { sink } = this;
    const { buf } = sink;
    this.moveReg(R.X0, R.X19);
    const adr = buf.pos;
    E.encAdr(buf, A.ADR, R.X1, 0);
    E.encLoadPair(buf, A.STP_x_pre, R.X1, FP, SP, -16);
    sink.unwindEvent(Rec.UNWIND_DEF_CFA, DWARF_SP, EXIT_FRAME + 16);
    access(buf, M.LDR_X, SCRATCH, R.X0, Abi.THREAD_SUSPEND);
    E.encR(buf, A.BR, SCRATCH);
    E.patchAdr(buf.bytes, adr, buf.pos - adr);
    if (this.marks) E.enc0(buf, A.BTI_j);
    access(buf, M.LDR_X, FP, SP, 8);
    adjust(buf, A.ADD_x_imm, 16);
    sink.unwindEvent(Rec.UNWIND_DEF_CFA, DWARF_FP, EXIT_FRAME);
  }

  private exitResults(types: Uint8Array): void {
    const slots = Abi.TRANSFER_SIZE;
    if (this.results.stackBytes > 0) access(this.sink.buf, M.LDR_X, R.X21, FP, EXIT_AREA);
    for (let i = 0; i < types.length; i++) {
      const at = this.results.at[i]!;
      if (at < STACK) continue;
      this.copy(types[i]!, R.X20, slots + this.slotOf(types, i), R.X21, at - STACK);
    }
    for (let i = 0; i < types.length; i++) {
      const at = this.results.at[i]!;
      if (at < STACK) this.loadValue(types[i]!, at, R.X20, slots + this.slotOf(types, i));
    }
  }
}

const trampolines = new Trampolines(false);
const windowsTrampolines = new Trampolines(true);

/** The trampoline by which the host calls functions of a signature (types numbered as in isa/ir/ops.ts). */
export function entryTrampoline(
  params: Uint8Array,
  results: Uint8Array,
  settings: CodeSettings,
): Rec.CodeRecord {
  return trampolines.entry(params, results, settings);
}

/** The code of imported host functions of a signature. */
export function exitTrampoline(
  params: Uint8Array,
  results: Uint8Array,
  settings: CodeSettings,
): Rec.CodeRecord {
  return trampolines.exit(params, results, settings);
}

/** The same as entryTrampoline, for Windows. */
export function windowsEntryTrampoline(
  params: Uint8Array,
  results: Uint8Array,
  settings: CodeSettings,
): Rec.CodeRecord {
  return windowsTrampolines.entry(params, results, settings);
}

/** The same as exitTrampoline, for Windows. */
export function windowsExitTrampoline(
  params: Uint8Array,
  results: Uint8Array,
  settings: CodeSettings,
): Rec.CodeRecord {
  return windowsTrampolines.exit(params, results, settings);
}
