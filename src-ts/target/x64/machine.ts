/**
 * Registers of the x86-64 back end: what may be allocated, calling conventions, clobber sets.
 *
 * Wasm convention: context in r15; integers in rax rcx rdx rsi rdi r8 r9 r10, floats in xmm0-7, the rest on the stack,
 * popped by the callee; results in rax rcx rdx rsi rdi r8 and xmm0-7, the rest in a result area. Callee-saved: rbx,
 * rbp, r12-r15. r11 and xmm15 are scratch of the emitter.
 * Native code: nativeabi.ts.
 */
import type { Convention } from '../../mach/abi.ts';
import { FORM_NAMES } from '../../gen/x64.ts';
import { I_COMMUTES, PREG_FP, type RegisterFile, type RegSet } from '../../mach/vcode.ts';
import * as R from './regs.ts';

export const SCRATCH = R.R11;
export const SCRATCH_FP = 15;
export const CTX = R.R15;

const mask = (regs: readonly number[]): number => regs.reduce((m, r) => m | (1 << r), 0);
const fp = (n: number): number[] => Array.from({ length: n }, (_, i) => PREG_FP + i);

const CALLER_SAVED = [R.RAX, R.RCX, R.RDX, R.RSI, R.RDI, R.R8, R.R9, R.R10];
const CALLEE_SAVED = [R.RBX, R.R12, R.R13, R.R14, R.R15];

export const registers: RegisterFile = {
  allocatableGp: [...CALLER_SAVED, ...CALLEE_SAVED],
  allocatableFp: fp(15),
  calleeSaved: { gp: mask(CALLEE_SAVED), fp: 0 },
  savedTogether: 1,
  scratchGp: SCRATCH,
  scratchFp: PREG_FP + SCRATCH_FP,
};

/** Arguments and results of Wasm functions, the context apart. */
export const wasmConvention: Convention = {
  argsGp: CALLER_SAVED,
  argsFp: fp(8),
  resultsGp: [R.RAX, R.RCX, R.RDX, R.RSI, R.RDI, R.R8],
  resultsFp: fp(8),
};

/** Numbers of the clobber sets. */
export const CLOBBER_CALL = 1;
/** A call after which the context register may hold another context. */
export const CLOBBER_CALL_CTX = 2;

const callerSaved = mask([...CALLER_SAVED, R.R11]);
export const clobberSets: readonly RegSet[] = [
  { gp: 0, fp: 0 },
  { gp: callerSaved, fp: 0xffff },
  { gp: callerSaved | (1 << CTX), fp: 0xffff },
];

/** Two-address forms whose sources may be exchanged. Of two NaNs either may come out (the specification leaves it open). */
const COMMUTING =
  /^(ADD|AND|OR|XOR|IMUL)_r(32|64)_rm(32|64)$|^((ADD|MUL|AND|OR|XOR)[SP][SD]|PAND|POR|PXOR|PCMPEQ[BD]|PADD[DQ])_xmm_xm\d+$/;

/** Flags of instructions by operation (forms, then pseudo-operations, which have none here). */
export const opFlags = new Uint8Array(1024);
FORM_NAMES.forEach((name, form) => {
  if (COMMUTING.test(name)) opFlags[form] = I_COMMUTES;
});
