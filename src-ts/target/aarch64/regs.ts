// AArch64 registers and condition codes.
//
// General registers are numbered 0-30 as in the encoding; number 31 is the zero register or the stack
// pointer, as the instruction says (Arm ARM, C1.2.5). SIMD and floating-point registers are 0-31.
// DWARF numbers: "DWARF for the Arm 64-bit Architecture" (AADWARF64), 4.1. Condition codes: Arm ARM
// C1.2.4; a condition and its opposite differ in bit 0.

export const X0 = 0;
export const X1 = 1;
export const X2 = 2;
export const X3 = 3;
export const X4 = 4;
export const X5 = 5;
export const X6 = 6;
export const X7 = 7;
export const X8 = 8;
export const X9 = 9;
export const X10 = 10;
export const X11 = 11;
export const X12 = 12;
export const X13 = 13;
export const X14 = 14;
export const X15 = 15;
export const X16 = 16;
export const X17 = 17;
export const X18 = 18;
export const X19 = 19;
export const X20 = 20;
export const X21 = 21;
export const X22 = 22;
export const X23 = 23;
export const X24 = 24;
export const X25 = 25;
export const X26 = 26;
export const X27 = 27;
export const X28 = 28;
/** Frame pointer. */
export const X29 = 29;
/** Link register. */
export const X30 = 30;
/** The stack pointer, where an operand may be it. */
export const SP = 31;
/** The zero register, everywhere else. */
export const ZR = 31;

// After a compare: unsigned HS (>=), LO (<), HI (>), LS (<=); signed GE, LT, GT, LE. After a float
// compare: EQ, MI (less), LS (less or equal), GT, GE and VC (ordered) fail on unordered operands;
// their opposites NE, PL, HI, LE, LT and VS, and HS, hold.
export const CC_EQ = 0;
export const CC_NE = 1;
export const CC_HS = 2;
export const CC_LO = 3;
export const CC_MI = 4;
export const CC_PL = 5;
export const CC_VS = 6;
export const CC_VC = 7;
export const CC_HI = 8;
export const CC_LS = 9;
export const CC_GE = 10;
export const CC_LT = 11;
export const CC_GT = 12;
export const CC_LE = 13;
/** Always; its "opposite" holds always, too. */
export const CC_AL = 14;
export const CC_NV = 15;

/** Names of the condition codes, as in `b.eq`. */
export const CC_NAMES = 'eq ne hs lo mi pl vs vc hi ls ge lt gt le al nv'.split(' ');

/** The condition that holds exactly when `cc` does not; cc below CC_AL. */
export function negateCc(cc: number): number {
  return cc ^ 1;
}

/**
 * The condition `cc` becomes when the operands of an integer compare change places.
 * Only for the ordering and equality conditions; the others come back unchanged.
 */
export function swapCc(cc: number): number {
  switch (cc) {
    case CC_HS:
      return CC_LS;
    case CC_LS:
      return CC_HS;
    case CC_LO:
      return CC_HI;
    case CC_HI:
      return CC_LO;
    case CC_GE:
      return CC_LE;
    case CC_LE:
      return CC_GE;
    case CC_LT:
      return CC_GT;
    case CC_GT:
      return CC_LT;
    default:
      return cc;
  }
}

/** Name of a general register at 32 or 64 bits; number 31 is wzr/xzr, or wsp/sp if `sp`. */
export function gpName(reg: number, bits: number, sp = false): string {
  if (reg < 31) return `${bits === 32 ? 'w' : 'x'}${reg}`;
  if (sp) return bits === 32 ? 'wsp' : 'sp';
  return bits === 32 ? 'wzr' : 'xzr';
}

/** Name of a SIMD and floating-point register at 8-128 bits. */
export function fpName(reg: number, bits: number): string {
  return `${'bhsdq'[Math.log2(bits) - 3] ?? 'v'}${reg}`;
}

/** DWARF column of general register `reg`: 0-30, 31 for the stack pointer. */
export function dwarfGp(reg: number): number {
  return reg;
}

/** DWARF column of SIMD and floating-point register `reg` (0-31). */
export function dwarfFp(reg: number): number {
  return 64 + reg;
}

/** DWARF column of the return address: the link register. */
export const DWARF_RA = 30;
/** DWARF column of the return address's signing state (AADWARF64, 4.1). */
export const DWARF_RA_SIGN_STATE = 34;
