/**
 * Pseudo-instructions of AArch64 virtual-register code and the packing of its columns.
 *
 * An ordinary instruction is a form of src-ts/gen/aarch64.ts. Its operands are in the manual's order: DEF rd (if it has
 * one), then USE rn, rm, ra; a USE without a virtual register is the zero register. Columns: `imm` and `imm2` the
 * immediates in the manual's order (shift amount, immr and imms, nzcv), of logical immediates the two halves of the
 * constant; `aux` a condition (AUX_COND) and the kind of a shift or extension (AUX_KIND_SHIFT).
 *
 * A memory access is a P_MEM operation: which form encodes it is known only when the displacement is. Operands: DEF of
 * what is loaded or USE of what is stored, then by addressing mode (AUX_*): base and index, or none.
 */

/** Condition of csel, ccmp, branches. */
export const AUX_COND = 15;
/** Kind of shift (0 lsl, 1 lsr, 2 asr, 3 ror) or extension (0 uxtb … 7 sxtx). */
export const AUX_KIND_SHIFT = 4;
export const AUX_KIND = 7;

/** Memory operand: base and index operands; index absent: base + imm2. */
export const AUX_BASE = 1 << 8;
/** Memory operand: incoming stack arguments + imm2. */
export const AUX_IN = 1 << 9;
/** Memory operand: outgoing stack arguments + imm2. */
export const AUX_OUT = 1 << 10;
/** Memory operand: the frame's area for results of calls + imm2. */
export const AUX_RESULT = 1 << 11;
/** The access traps out of bounds. */
export const AUX_TRAPS = 1 << 12;
/** The index is shifted left by the log2 of the access size. */
export const AUX_SCALED = 1 << 13;
/** 64-bit operation; operand is f64; signed. */
export const AUX_64 = 1 << 14;
export const AUX_F64 = 1 << 15;
export const AUX_SIGNED = 1 << 16;

/** How a branch decides (branchKind): the flags, a register against zero, one bit of a register. */
export const BR_FLAGS = 0;
export const BR_ZERO = 1;
export const BR_BIT = 2;
/** An unconditional branch: always the long form, of 4 bytes. */
export const BR_ALWAYS = 3;

// A kind of branch for CodeSink.branch: bits 0-1 BR_*, then by kind
//   flags  2-5 condition
//   zero   2 not zero, 3-7 register, 8 64-bit
//   bit    2 set, 3-7 register, 8-13 bit number
// Bit 2 negates all of them. A P_BRANCH or P_TRAPIF has the same in aux, the register left out.
export const BR_CC_SHIFT = 2;
export const BR_NEGATE = 4;
export const BR_REG_SHIFT = 3;
export const BR_64 = 1 << 8;
export const BR_BIT_SHIFT = 8;
export const JMP = BR_ALWAYS;

/** First pseudo-operation; forms are below. */
export const P_FIRST = 1024;
/** Register parameters of the function: DEFs. */
export const P_ARGS = 1024;
export const P_ICONST = 1025;
export const P_FCONST = 1026;
/** To block place imm. */
export const P_JUMP = 1027;
/** To block place imm when the condition (aux, perhaps of USE 0) holds, else to imm2. */
export const P_BRANCH = 1028;
export const P_BRTABLE = 1029;
export const P_TRAP = 1030;
/** Traps with code imm when the condition (aux, perhaps of USE 0) holds. */
export const P_TRAPIF = 1031;
/** After a compare of type ids: USE of the id found. */
export const P_SIGCHECK = 1032;
/** Truncation that traps: DEF gp (early), USE fp. */
export const P_FTOI = 1033;
/** Direct call: imm function, imm2 bytes of stack arguments the callee pops. */
export const P_CALL = 1034;
/** Call of the address in operand 0; imm2 as above. */
export const P_CALL_IND = 1035;
export const P_RET = 1036;
/** Tail call of function imm with imm2 bytes of stack arguments. */
export const P_TAIL_CALL = 1037;
/** Tail call of the address in operand 0. */
export const P_TAIL_CALL_IND = 1038;
/** DEF gp: address of a frame area. */
export const P_AREA_ADDRESS = 1039;
/** DEF fp reusing USE fp, USE fp: the sign of the second goes to the first. */
export const P_COPYSIGN = 1040;
/** A copy between registers of one class. */
export const P_MOVE = 1041;

/** Memory accesses: P_MEM + MEM_*. */
export const P_MEM = 1056;
export const P_END = 1088;
