/**
 * Registers of the AArch64 back end: what may be allocated, calling conventions, clobber sets.
 *
 * Wasm convention: context in x28; integers in x0-x7, floats in v0-v7, the rest on the stack in 8-byte slots (v128: 16),
 * the first at the lowest address, [sp] at the callee's entry; their total is a multiple of 16 and popped by the callee.
 * Results in x0-x5 and v0-v7, the rest in a result area whose address is one more integer argument, the last.
 * Callee-saved: x19-x30; no float register is. x16, x17 and v31 are scratch: x16 and v31 of the allocator's moves too, x17
 * of the emitter only. x18 belongs to the platform. An i32 in a register or slot is zero-extended to 64 bits.
 * SP is a multiple of 16 at every instruction (it must be wherever memory is addressed by it: Arm ARM D1.3.10.2).
 * Builtins: AAPCS64 (IHI 0055), 6. Of v8-v15 it preserves the low halves only: they count as clobbered.
 */
import type { Convention } from '../../mach/abi.ts';
import { PREG_FP, type RegisterFile, type RegSet } from '../../mach/vcode.ts';
import * as P from './ops.ts';

export const SCRATCH = 16;
export const SCRATCH2 = 17;
export const SCRATCH_FP = 31;
export const CTX = 28;
export const FP = 29;
export const LR = 30;
/** Register 31: the stack pointer as a base and in additions of immediates, else zero. */
export const SP = 31;
export const ZR = 31;

/** DWARF registers for the Arm 64-bit architecture (IADWARF64): x0-x30 are 0-30, sp is 31, v0-v31 from 64. */
export const DWARF_FP = 29;
export const DWARF_LR = 30;
export const DWARF_SP = 31;
export const DWARF_V0 = 64;

const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i);
const mask = (regs: readonly number[]): number => regs.reduce((m, r) => m | (1 << r), 0);

const CALLER_SAVED = range(0, 15);
const CALLEE_SAVED = range(19, 28);

export const registers: RegisterFile = {
  allocatableGp: [...CALLER_SAVED, ...CALLEE_SAVED],
  allocatableFp: range(PREG_FP, PREG_FP + 30),
  calleeSaved: { gp: mask(CALLEE_SAVED), fp: 0 },
  savedTogether: 2,
  scratchGp: SCRATCH,
  scratchFp: PREG_FP + SCRATCH_FP,
};

/** Arguments and results of Wasm functions, the context apart. */
export const wasmConvention: Convention = {
  argsGp: range(0, 7),
  argsFp: range(PREG_FP, PREG_FP + 7),
  resultsGp: range(0, 5),
  resultsFp: range(PREG_FP, PREG_FP + 7),
};

export const aapcs: Convention = {
  argsGp: range(0, 7),
  argsFp: range(PREG_FP, PREG_FP + 7),
  resultsGp: range(0, 1),
  resultsFp: range(PREG_FP, PREG_FP + 1),
};

/** Numbers of the clobber sets. */
export const CLOBBER_CALL = 1;
/** A call after which the context register may hold another context. */
export const CLOBBER_CALL_CTX = 2;

const callerSaved = mask(range(0, 17));
export const clobberSets: readonly RegSet[] = [
  { gp: 0, fp: 0 },
  { gp: callerSaved, fp: -1 },
  { gp: callerSaved | (1 << CTX), fp: -1 },
];

/** Flags of instructions by operation: none has any of its own (three-address code has no exchanges). */
export const opFlags = new Uint8Array(P.P_END);
