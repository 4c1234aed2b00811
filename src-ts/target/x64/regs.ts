// x86-64 registers and condition codes.
//
// General registers and XMM registers are both numbered 0-15 as ModRM/REX number them (Intel SDM
// Vol. 2, table 2-2 and 3-1). DWARF numbers: System V x86-64 psABI, figure 3.36. Condition codes:
// SDM Vol. 2, appendix B.1.4.7; a condition and its opposite differ in bit 0.

export const RAX = 0;
export const RCX = 1;
export const RDX = 2;
export const RBX = 3;
export const RSP = 4;
export const RBP = 5;
export const RSI = 6;
export const RDI = 7;
export const R8 = 8;
export const R9 = 9;
export const R10 = 10;
export const R11 = 11;
export const R12 = 12;
export const R13 = 13;
export const R14 = 14;
export const R15 = 15;

/** Absent base or index of an address. */
export const NO_REG = -1;
/** As a base: the address of the next instruction (rip); the address has no index then. */
export const RIP = 16;

// Unsigned: B(elow), A(bove); signed: L(ess), G(reater); S(ign), P(arity), O(verflow).
export const CC_O = 0;
export const CC_NO = 1;
export const CC_B = 2;
export const CC_AE = 3;
export const CC_E = 4;
export const CC_NE = 5;
export const CC_BE = 6;
export const CC_A = 7;
export const CC_S = 8;
export const CC_NS = 9;
export const CC_P = 10;
export const CC_NP = 11;
export const CC_L = 12;
export const CC_GE = 13;
export const CC_LE = 14;
export const CC_G = 15;

/** Names of the condition codes, as in `jae`. */
export const CC_NAMES = 'o no b ae e ne be a s ns p np l ge le g'.split(' ');

/** The condition that holds exactly when `cc` does not. */
export function negateCc(cc: number): number {
  return cc ^ 1;
}

/**
 * The condition `cc` becomes when the operands of the compare change places.
 * Only for the ordering and equality conditions; o, s and p have no swapped form.
 */
export function swapCc(cc: number): number {
  switch (cc) {
    case CC_B:
      return CC_A;
    case CC_A:
      return CC_B;
    case CC_AE:
      return CC_BE;
    case CC_BE:
      return CC_AE;
    case CC_L:
      return CC_G;
    case CC_G:
      return CC_L;
    case CC_GE:
      return CC_LE;
    case CC_LE:
      return CC_GE;
    default:
      return cc;
  }
}

const NAMES_64 = 'rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15'.split(' ');
const NAMES_32 = NAMES_64.map((name, i) => (i < 8 ? `e${name.slice(1)}` : `${name}d`));
const NAMES_16 = NAMES_64.map((name, i) => (i < 8 ? name.slice(1) : `${name}w`));
const NAMES_8 = NAMES_64.map((name, i) =>
  i >= 8 ? `${name}b` : i < 4 ? `${name[1]}l` : `${name.slice(1)}l`,
);

/** Name of a general register at a width of 8, 16, 32 or 64 bits. */
export function gpName(reg: number, bits: number): string {
  const names = bits === 8 ? NAMES_8 : bits === 16 ? NAMES_16 : bits === 32 ? NAMES_32 : NAMES_64;
  return names[reg] ?? `gp?${reg}`;
}

/** Name of an SSE register. */
export function xmmName(reg: number): string {
  return `xmm${reg}`;
}

/** DWARF column of general register `reg` (0-15). */
export const DWARF_GP: readonly number[] = [0, 2, 1, 3, 7, 6, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15];
/** DWARF column of the return address. */
export const DWARF_RA = 16;

/** DWARF column of SSE register `reg` (0-15). */
export function dwarfXmm(reg: number): number {
  return 17 + reg;
}
