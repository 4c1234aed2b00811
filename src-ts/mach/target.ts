/**
 * What the machine-independent back half needs from a target: rules that turn IR rows into target instructions, and
 * what emits those instructions. One object per target, reused for every function.
 */
import type { Func } from '../ir/func.ts';
import type { CodeSink } from './sink.ts';
import type { FrameNeeds } from './emit.ts';
import type { Lowering } from './lower.ts';
import type { Allocation, RegisterFile, RegSet, VCode } from './vcode.ts';

/** Settings that change machine code. */
export interface CodeSettings {
  /** CPU features that may be used: a set of bits, 1 << number, numbered by the target's generated tables. */
  features: number;
  /**
   * Whether every function of the module gives the context register back unchanged. False when one makes a tail call that may
   * leave the module: its callee may belong to another instance.
   */
  preservesContext: boolean;
  /** Whether compiling fast matters more than the code. */
  quick: boolean;
  /** Loops are aligned where that costs a few bytes. */
  alignsLoops?: boolean;
  /** Note where Wasm locals are (CodeRecord.locals). */
  debugInfo?: boolean;
  /** Functions that could do without a frame have one all the same. */
  leafFrames?: boolean;
  /** Return addresses are signed while they are in memory, where the target can. */
  signsReturns?: boolean;
  /** Every place an indirect branch may go to begins with the target's mark for that. */
  marksTargets?: boolean;
}

export interface Target {
  readonly registers: RegisterFile;
  readonly clobberSets: readonly RegSet[];
  /** Flags (I_*) that every instruction of an operation has, by operation. */
  readonly opFlags: Uint8Array;

  /** Rewrites rows for the target before anything else looks at them; the function stays right, but is not verified again. */
  prepare(f: Func): void;
  /** Starts a function: reads the settings. */
  begin(lower: Lowering, settings: CodeSettings): void;
  /** Emits what defines the function's parameters, as the first instruction(s) of block 0. */
  lowerEntry(lower: Lowering): void;
  /** Emits the instructions of a row; the driver skips rows that need none. */
  lowerRow(lower: Lowering, row: number): void;
  /** Emits an unconditional jump to the only successor of the block being lowered. */
  lowerJump(lower: Lowering): void;

  /** The block an instruction unconditionally goes to and does nothing else, for threading; else -1. */
  jumpTarget(code: VCode, inst: number): number;
  /** Register of the instance context on entry, and where the function's prologue saved it, from the frame pointer; undefined: it stays. */
  readonly contextRegister: number;
  contextSlot(): number | undefined;
  /** Where a stack slot (an allocation) of the function being emitted is, from the frame pointer. */
  slotOffset(slot: number): number;
  /** DWARF number of a physical register. */
  dwarfRegister(preg: number): number;
  /** Emits the start of the function up to where its body begins. */
  prologue(sink: CodeSink, code: VCode, alloc: Allocation, needs: FrameNeeds): void;
  /** Called where a block begins, before its instructions and moves; `place` is its label. */
  enterBlock(sink: CodeSink, place: number): void;
  /** Emits one instruction. `next` is the label that follows in the layout when it ends a block. */
  emit(sink: CodeSink, inst: number, next: number): void;
  /** Emits what an instruction put off to the end of the function (CodeSink.defer); `back` is bound after it. */
  emitDeferred(sink: CodeSink, inst: number, back: number): void;
  /** Emits move m of the allocation. */
  emitMove(sink: CodeSink, m: number): void;

  /** Sizes of a branch in its long and short forms, by the kind given to CodeSink.branch. */
  branchSize(kind: number, short: boolean): number;
  /** Whether a displacement from the end of the branch fits the short form. */
  fitsShort(kind: number, disp: number): boolean;
  /** Writes a branch; disp is relative to its end. */
  writeBranch(bytes: Uint8Array, at: number, kind: number, short: boolean, disp: number): void;
  /** Points the PC-relative field at `at` of an instruction that ends at `end` to `target`. */
  patchPool(bytes: Uint8Array, at: number, end: number, target: number): void;
  /** Makes the load at `at` of an entry of a jump table, which is of 16 bits, one of 32. */
  widenTableLoad(bytes: Uint8Array, at: number): void;
  /** Fills bytes[from, to) with something that traps or does nothing. */
  pad(bytes: Uint8Array, from: number, to: number): void;
  /** Bytes of what does nothing that a loop may be aligned with: few instructions. */
  readonly mostPadding: number;
  /** Fills bytes[from, to) with as few instructions as there can be that do nothing. */
  padLoop(bytes: Uint8Array, from: number, to: number): void;
  /** Emits the instruction that raises an explicit trap. */
  emitTrap(sink: CodeSink): void;
}
