/**
 * Pseudo-instructions of x86-64 virtual-register code and the packing of its `aux` column.
 *
 * An ordinary instruction is a form of src-ts/gen/x64.ts. Its operands, by shape:
 *   RM   DEF or USE of reg, [USE tied to the DEF], then the r/m operand
 *   MR   r/m operand, [USE tied to it,] USE reg when the r/m is a register; USE reg, r/m operand when it is memory
 *   RVM, RMV   DEF reg, USE vvvv, r/m operand;  VM  DEF vvvv, r/m operand
 *   M, MI, MC  [DEF and tied USE, or] r/m operand
 * The r/m operand is one virtual register (register or spill slot), or with AUX_MEM two: base and index, each perhaps
 * absent; with the other AUX_ memory kinds none. Columns: imm the immediate, imm2 the displacement; with AUX_POOL
 * imm and imm2 are the halves of the constant.
 */

export const AUX_CC = 15;
export const AUX_SCALE_SHIFT = 4;
/** Memory operand: base and index operands, displacement imm2. */
export const AUX_MEM = 1 << 6;
/** Memory operand: a constant of the pool. */
export const AUX_POOL = 1 << 7;
/** The memory access traps out of bounds. */
export const AUX_TRAPS = 1 << 8;
/** Memory operand: incoming stack argument area + imm2. */
export const AUX_IN = 1 << 9;
/** Memory operand: outgoing stack argument area + imm2. */
export const AUX_OUT = 1 << 10;
/** Memory operand: the frame's area for results of calls + imm2. */
export const AUX_RESULT = 1 << 11;
export const AUX_ANY_MEMORY = AUX_MEM | AUX_POOL | AUX_IN | AUX_OUT | AUX_RESULT;
/** How conditions combine with the parity flag (float compares): COND_*. */
export const AUX_COND_SHIFT = 12;
/** 64-bit operation; operand is f64; signed. */
export const AUX_64 = 1 << 14;
export const AUX_F64 = 1 << 15;
export const AUX_SIGNED = 1 << 16;
export const AUX_SAT = 1 << 17;
export const AUX_REM = 1 << 18;
export const AUX_MAX = 1 << 19;
/** CALL_rm64: the callee is likely a host function. */
export const AUX_HOST = 1 << 20;

// A condition: cc | COND_* << AUX_COND_SHIFT.
/** cc alone. */
export const COND_CC = 0;
/** cc or parity. */
export const COND_OR_P = 1;
/** cc and no parity. */
export const COND_AND_NP = 2;

// Pseudo-ops: numbers above those of all instruction forms (lower.ts checks).

/** Register parameters of the function: DEFs. */
export const P_ARGS = 1024;
export const P_ICONST = 1025;
export const P_FCONST = 1026;
/** To block place imm. */
export const P_JUMP = 1027;
/** To block place imm when the condition holds, else to imm2. */
export const P_JCC = 1028;
export const P_BRTABLE = 1029;
export const P_TRAP = 1030;
/** Traps with code imm when the condition holds. */
export const P_TRAPIF = 1031;
/** After a compare of type ids: USE of the id found. */
export const P_SIGCHECK = 1032;
export const P_SETCC = 1033;
/** DEF reusing operand 1, USE if false, USE if true. */
export const P_FSELECT = 1034;
/** USE divisor, USE rax, DEF rax, DEF rdx. */
export const P_DIV = 1035;
/** Traps when USE 0 / USE 1 overflows. */
export const P_DIV_CHECK = 1036;
/** DEF reusing operand 1, USE, USE. */
export const P_FMINMAX = 1037;
/** DEF gp (early), USE fp. */
export const P_FTOI = 1038;
/** DEF fp, USE gp. */
export const P_U64_TO_F = 1039;
/** Direct call: imm function, imm2 bytes of stack arguments the callee pops. */
export const P_CALL = 1040;
export const P_RET = 1041;
/** Tail call of function imm with imm2 bytes of stack arguments. */
export const P_TAIL_CALL = 1042;
/** Tail call of the address in operand 0. */
export const P_TAIL_CALL_IND = 1043;

/** Branch kind (CodeSink.branch) of an unconditional jump; kinds 0-15 are condition codes. */
export const JMP = 16;
