/**
 * Trampolines, one per signature.
 *
 * Entry: a native function entry(slots, ctx, code). Linux: entered by a jump with the return address pushed, that loads
 * arguments from 8-byte slots, calls code by the Wasm convention and stores the results to the slots. rbx holds the slots
 * during the call. It returns by a jump too, so that it is not among the frames for which elfin_suspend balances the
 * return predictor. Windows: an ordinary function.
 *
 * Exit: the code of an imported host function, called by the Wasm convention with r15 = VMHostFunc. It stores arguments
 * to the slots of the transfer area and suspends the fiber: elfin_suspend (rdi = Thread, resume address on the stack)
 * keeps rsp only, so everything callee-saved is stored first, rbp last. r11 stays as it was on entry: it tells elfin_suspend
 * whether the trampoline was entered by a jump. It is resumed with rdi = Thread and the results
 * in the slots.
 */
import * as Abi from '../../gen/abi.ts';
import * as Op from '../../gen/ir.ts';
import * as X from '../../gen/x64.ts';
import { Locations, STACK } from '../../mach/abi.ts';
import { CodeSink } from '../../mach/sink.ts';
import { PREG_FP } from '../../mach/vcode.ts';
import * as Rec from '../../object/records.ts';
import * as E from './encode.ts';
import { closeFrame, probe } from './frame.ts';
import { fullLoad, fullStore } from './lowermem.ts';
import { CTX, SCRATCH, wasmConvention } from './machine.ts';
import { type NativeAbi, SYSTEM_V, WINDOWS } from './nativeabi.ts';
import * as R from './regs.ts';
import { X64Target } from './target.ts';

const DWARF_RBP = R.DWARF_GP[R.RBP];
const DWARF_RSP = R.DWARF_GP[R.RSP];
const NO_BLOCKS = new Int32Array(0);

/** Saved by every exit trampoline, in the order of their places below rbp. */
const EXIT_SAVED = [R.RBX, R.R12, R.R13, R.R14, R.R15];

class Trampolines {
  private readonly sink: CodeSink;
  private readonly params = new Locations();
  private readonly results = new Locations();
  /** What an entry trampoline saves below rbp: general registers in 8 bytes each, then XMM registers in 16. */
  private readonly entrySaved: readonly number[];

  constructor(private readonly abi: NativeAbi) {
    this.sink = new CodeSink(new X64Target(abi));
    this.entrySaved = [R.RBX, CTX, ...abi.savedGp];
  }

  /** The entry trampoline of a signature, its types as numbers of isa/ir/ops.ts. */
  entry(params: Uint8Array, results: Uint8Array): Rec.CodeRecord {
    const area = this.begin(params, results);
    const { entrySaved, abi } = this;
    const savedBytes = 8 * entrySaved.length + 16 * abi.savedXmm.length;
    // Saved registers, the result area, outgoing arguments.
    const areaAt = -savedBytes - this.results.stackBytes;
    const frame = (savedBytes + this.results.stackBytes + this.params.stackBytes + 15) & -16;
    const large = frame > abi.probeAbove;
    this.open(large ? savedBytes : frame);
    entrySaved.forEach((reg, k) => this.save(reg, k + 1));
    this.xmms(true);
    const [slots, ctx, code] = abi.convention.argsGp;
    this.moveReg(R.RBX, slots);
    this.moveReg(CTX, ctx);
    if (large) probe(this.sink.buf, frame - savedBytes);
    this.moveReg(SCRATCH, code);
    this.entryArguments(params, area, areaAt);
    E.encR(this.sink.buf, X.CALL_rm64, SCRATCH);
    this.entryResults(results, areaAt);
    entrySaved.forEach((reg, k) => this.restore(reg, k + 1));
    this.xmms(false);
    this.closeByJump();
    return this.sink.finish(NO_BLOCKS, 16);
  }

  /** The exit trampoline of a signature. */
  exit(params: Uint8Array, results: Uint8Array): Rec.CodeRecord {
    const area = this.begin(params, results);
    const areaSlot = -8 * (EXIT_SAVED.length + 1);
    const frame = 48;
    this.open(frame);
    EXIT_SAVED.forEach((reg, k) => this.save(reg, k + 1));
    if (area) this.keepAreaAddress(areaSlot);
    this.load(R.RBX, CTX, Abi.HOST_FUNC_THREAD);
    this.load(R.R12, R.RBX, Abi.THREAD_TRANSFER);
    this.exitArguments(params);
    this.mem(X.MOV_r32_rm32, R.R13, CTX, Abi.HOST_FUNC_HOST_ID);
    this.mem(X.MOV_rm32_r32, R.R13, R.R12, Abi.TRANSFER_HOST_ID);
    this.suspend(frame);
    this.load(R.R12, R.RDI, Abi.THREAD_TRANSFER);
    this.exitResults(results, areaSlot);
    for (const reg of [R.RBX, R.R13, R.R14, R.R15, R.R12]) {
      this.restore(reg, EXIT_SAVED.indexOf(reg) + 1);
    }
    this.closeExit(this.params.stackBytes);
    return this.sink.finish(NO_BLOCKS, 16);
  }

  private begin(params: Uint8Array, results: Uint8Array): boolean {
    this.sink.reset(0, NO_BLOCKS);
    this.results.results(wasmConvention, results);
    const area = this.results.stackBytes > 0;
    this.params.params(wasmConvention, params, area);
    return area;
  }

  // ---- pieces ----

  private mem(form: number, reg: number, base: number, disp: number): void {
    E.encRM(this.sink.buf, form, reg & 15, base, R.NO_REG, 0, disp);
  }

  private load(reg: number, base: number, disp: number): void {
    this.mem(X.MOV_r64_rm64, reg, base, disp);
  }

  private store(reg: number, base: number, disp: number): void {
    this.mem(X.MOV_rm64_r64, reg, base, disp);
  }

  private moveReg(to: number, from: number): void {
    E.encRR(this.sink.buf, X.MOV_r64_rm64, to, from);
  }

  private open(frame: number): void {
    const { sink } = this;
    E.encR(sink.buf, X.PUSH_r64, R.RBP);
    sink.unwindEvent(Rec.UNWIND_PUSH_FP, DWARF_RBP, 16);
    this.moveReg(R.RBP, R.RSP);
    sink.unwindEvent(Rec.UNWIND_SET_FP, DWARF_RBP, 16);
    E.encR_imm(sink.buf, X.SUB_rm64_imm32, R.RSP, frame);
    sink.unwindEvent(Rec.UNWIND_ALLOC, 0, frame);
  }

  private save(reg: number, place: number): void {
    this.store(reg, R.RBP, -8 * place);
    this.sink.unwindEvent(Rec.UNWIND_SAVE, R.DWARF_GP[reg], 16 + 8 * place);
  }

  private restore(reg: number, place: number): void {
    this.load(reg, R.RBP, -8 * place);
    this.sink.unwindEvent(Rec.UNWIND_RESTORE_REG, R.DWARF_GP[reg], Rec.SLOT_KEPT);
  }

  /** Saves or restores the XMM registers that native callers expect back. */
  private xmms(save: boolean): void {
    const { sink } = this;
    const { savedXmm } = this.abi;
    for (let k = 0; k < savedXmm.length; k++) {
      const below = 8 * this.entrySaved.length + 16 * (k + 1);
      const column = R.dwarfXmm(savedXmm[k]);
      this.mem(save ? X.MOVAPS_xm128_xmm : X.MOVAPS_xmm_xm128, savedXmm[k], R.RBP, -below);
      if (save) sink.unwindEvent(Rec.UNWIND_SAVE, column, 16 + below);
      else sink.unwindEvent(Rec.UNWIND_RESTORE_REG, column, 0);
    }
  }

  private close(pop: number): void {
    const { sink } = this;
    closeFrame(sink, this.abi, false);
    if (pop > 0) E.encI(sink.buf, X.RET_imm16, pop);
    else E.enc0(sink.buf, X.RET);
  }

  /**
   * Leaves an exit trampoline without ret: the return predictor has no entry for it (elfin_suspend used it up if there was
   * one), so a ret would take that of a native frame, and every return after it would be predicted wrong. With stack
   * arguments, which are rare, the return address would come to lie below the CFA's reach, and ret it is.
   */
  private closeExit(pop: number): void {
    if (pop > 0) this.close(pop);
    else this.closeByJump();
  }

  /** Leaves without ret, where unwinders follow. */
  private closeByJump(): void {
    const { sink } = this;
    if (this.abi.windowsEpilogues) return this.close(0);
    closeFrame(sink, this.abi, false);
    this.load(SCRATCH, R.RSP, 0);
    this.mem(X.LEA_r64_m, R.RSP, R.RSP, 8);
    sink.unwindEvent(Rec.UNWIND_DEF_CFA, DWARF_RSP, 0);
    E.encR(sink.buf, X.JMP_rm64, SCRATCH);
  }

  /** Address of the n-th value's slot: v128 takes two. */
  private slotOf(types: Uint8Array, n: number): number {
    let at = 0;
    for (let i = 0; i < n; i++) at += types[i] === Op.T_V128 ? 16 : 8;
    return at;
  }

  /** Copies a value between two places in memory through a scratch register. */
  private copy(ty: number, from: number, at: number, to: number, toAt: number): void {
    for (let k = 0; k < (ty === Op.T_V128 ? 16 : 8); k += 8) {
      this.load(R.RAX, from, at + k);
      this.store(R.RAX, to, toAt + k);
    }
  }

  /** Stores a register value to a slot; integers fill it. */
  private storeValue(ty: number, reg: number, base: number, at: number): void {
    this.mem(reg >= PREG_FP ? fullStore(ty) : X.MOV_rm64_r64, reg, base, at);
  }

  // ---- entry ----

  private entryArguments(types: Uint8Array, area: boolean, areaAt: number): void {
    // Stack arguments first: they are copied through rax.
    for (let i = 0; i < types.length; i++) {
      const at = this.params.at[i];
      if (at < STACK) continue;
      const slot = this.slotOf(types, i);
      if (types[i] === Op.T_I32) {
        this.mem(X.MOV_r32_rm32, R.RAX, R.RBX, slot);
        this.store(R.RAX, R.RSP, at - STACK);
      } else this.copy(types[i], R.RBX, slot, R.RSP, at - STACK);
    }
    if (area) this.passArea(areaAt);
    for (let i = 0; i < types.length; i++) {
      const at = this.params.at[i];
      if (at < STACK) this.mem(fullLoad(types[i]), at, R.RBX, this.slotOf(types, i));
    }
  }

  private passArea(areaAt: number): void {
    const at = this.params.at[this.params.count - 1];
    const reg = at < STACK ? at : R.RAX;
    this.mem(X.LEA_r64_m, reg, R.RBP, areaAt);
    if (at >= STACK) this.store(reg, R.RSP, at - STACK);
  }

  private entryResults(types: Uint8Array, areaAt: number): void {
    for (let i = 0; i < types.length; i++) {
      const at = this.results.at[i];
      if (at < STACK) this.storeValue(types[i], at, R.RBX, this.slotOf(types, i));
    }
    for (let i = 0; i < types.length; i++) {
      const at = this.results.at[i];
      if (at < STACK) continue;
      this.copy(types[i], R.RBP, areaAt + at - STACK, R.RBX, this.slotOf(types, i));
    }
  }

  // ---- exit ----

  private keepAreaAddress(areaSlot: number): void {
    const at = this.params.at[this.params.count - 1];
    if (at < STACK) this.store(at, R.RBP, areaSlot);
    else {
      this.load(R.RBX, R.RBP, 16 + at - STACK);
      this.store(R.RBX, R.RBP, areaSlot);
    }
  }

  private exitArguments(types: Uint8Array): void {
    const slots = Abi.TRANSFER_SIZE;
    for (let i = 0; i < types.length; i++) {
      const at = this.params.at[i];
      if (at < STACK) this.storeValue(types[i], at, R.R12, slots + this.slotOf(types, i));
    }
    // The registers are stored: rax is free for copying.
    for (let i = 0; i < types.length; i++) {
      const at = this.params.at[i];
      if (at < STACK) continue;
      this.copy(types[i], R.RBP, 16 + at - STACK, R.R12, slots + this.slotOf(types, i));
    }
  }

  /** Leaves for the host; the unwind rules use rsp while rbp is not ours. */
  private suspend(frame: number): void {
    const { sink } = this;
    const { buf } = sink;
    this.moveReg(R.RDI, R.RBX);
    E.encRM(buf, X.LEA_r64_m, R.RAX, R.RIP, R.NO_REG, 0, 0);
    const lea = buf.pos;
    E.encR(buf, X.PUSH_r64, R.RBP);
    sink.unwindEvent(Rec.UNWIND_DEF_CFA, DWARF_RSP, frame + 24);
    E.encR(buf, X.PUSH_r64, R.RAX);
    sink.unwindEvent(Rec.UNWIND_DEF_CFA, DWARF_RSP, frame + 32);
    E.encM(buf, X.JMP_rm64, R.RDI, R.NO_REG, 0, Abi.THREAD_SUSPEND);
    // Unwinders take the rules at the byte before a return address for the state after the call.
    sink.unwindEvent(Rec.UNWIND_DEF_CFA, DWARF_RSP, frame + 24);
    E.enc0(buf, X.INT3);
    E.patchRip(buf, X.LEA_r64_m, lea, buf.pos);
    E.encR(buf, X.POP_r64, R.RBP);
    sink.unwindEvent(Rec.UNWIND_DEF_CFA, DWARF_RBP, 16);
  }

  private exitResults(types: Uint8Array, areaSlot: number): void {
    const slots = Abi.TRANSFER_SIZE;
    if (this.results.stackBytes > 0) this.load(R.R13, R.RBP, areaSlot);
    for (let i = 0; i < types.length; i++) {
      const at = this.results.at[i];
      if (at < STACK) continue;
      this.exitResult(types, i, at - STACK);
    }
    for (let i = 0; i < types.length; i++) {
      const at = this.results.at[i];
      if (at < STACK) this.mem(fullLoad(types[i]), at, R.R12, slots + this.slotOf(types, i));
    }
  }

  /** A result of the area; an i32 fills its slot, zero-extended. */
  private exitResult(types: Uint8Array, i: number, at: number): void {
    const slot = Abi.TRANSFER_SIZE + this.slotOf(types, i);
    if (types[i] === Op.T_I32) {
      this.mem(X.MOV_r32_rm32, R.RAX, R.R12, slot);
      this.store(R.RAX, R.R13, at);
    } else this.copy(types[i], R.R12, slot, R.R13, at);
  }
}

const linux = new Trampolines(SYSTEM_V);
const windows = new Trampolines(WINDOWS);

/** The trampoline by which the host calls functions of a signature (types numbered as in isa/ir/ops.ts). */
export function entryTrampoline(params: Uint8Array, results: Uint8Array): Rec.CodeRecord {
  return linux.entry(params, results);
}

/** The code of imported host functions of a signature. */
export function exitTrampoline(params: Uint8Array, results: Uint8Array): Rec.CodeRecord {
  return linux.exit(params, results);
}

/** The same for Windows. */
export function windowsEntryTrampoline(params: Uint8Array, results: Uint8Array): Rec.CodeRecord {
  return windows.entry(params, results);
}

export function windowsExitTrampoline(params: Uint8Array, results: Uint8Array): Rec.CodeRecord {
  return windows.exit(params, results);
}
