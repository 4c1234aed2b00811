/**
 * What native code expects where ours meets it, by operating system. Linux: System V psABI 1.0, 3.2. Windows: Microsoft,
 * "x64 calling convention" and "x64 stack usage".
 */
import type { Convention } from '../../mach/abi.ts';
import { PREG_FP } from '../../mach/vcode.ts';
import * as R from './regs.ts';

export interface NativeAbi {
  /** Of builtins, and of entry trampolines: entry(slots, ctx, code). */
  convention: Convention;
  /** Bytes above its return address that a callee may use as it likes. */
  shadowBytes: number;
  /** Registers that native callers expect back and Wasm code does not keep. XMM registers in full. */
  savedGp: readonly number[];
  savedXmm: readonly number[];
  /** Frames of more bytes could jump over the stack's guard and touch every page they go over. */
  probeAbove: number;
  /**
   * Whether frames are released, and trampolines left, in ways Windows' unwinder knows: `lea rsp, [rbp]`, pops, `ret`; the
   * return address is on the stack at every instruction.
   */
  windowsEpilogues: boolean;
}

const fp = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, i) => PREG_FP + from + i);

export const SYSTEM_V: NativeAbi = {
  convention: {
    argsGp: [R.RDI, R.RSI, R.RDX, R.RCX, R.R8, R.R9],
    argsFp: fp(0, 7),
    resultsGp: [R.RAX, R.RDX],
    resultsFp: fp(0, 1),
  },
  shadowBytes: 0,
  savedGp: [],
  savedXmm: [],
  probeAbove: 32768,
  windowsEpilogues: false,
};

export const WINDOWS: NativeAbi = {
  convention: {
    argsGp: [R.RCX, R.RDX, R.R8, R.R9],
    argsFp: fp(0, 3),
    resultsGp: [R.RAX],
    resultsFp: fp(0, 0),
    positional: true,
  },
  shadowBytes: 32,
  savedGp: [R.RSI, R.RDI],
  savedXmm: [6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
  // The guard is one page: with the return address of a call below it, a frame stays within reach.
  probeAbove: 4096 - 16,
  windowsEpilogues: true,
};
