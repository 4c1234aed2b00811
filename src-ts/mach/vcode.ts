/**
 * Virtual-register code of one function: what lowering makes and the register allocator reads. Flat columns, nothing of
 * the target in it. Final block order; instruction numbers are places in that order.
 *
 * Instructions
 *   op      target form (src-ts/gen/x64.ts …) or target pseudo-op (numbers the target chose above its forms)
 *   opnd    first operand; an instruction's operands are opnd[i] .. opnd[i + 1]
 *   imm imm2 aux   for the emitter only (immediates, displacement, condition, scale …)
 *   flags   I_* below
 *   pos     Wasm byte offset (traps, address map)
 *   clobber number of a clobber set (index into `clobberSets`), 0 = none
 *
 * Operands (order is the target's business; the allocator only reads vreg and constraint)
 *   vreg    virtual register, or NO_VREG for a slot that needs none (an absent base or index)
 *   con     packed: kind | position | constraint (see below)
 *
 * Operand kinds: USE, DEF, and TEMP (a scratch register: defined early, dead after). Position EARLY = before the
 * instruction acts, LATE = after. Defaults: USE EARLY, DEF LATE. A USE LATE stays live through the instruction (its
 * register is not given to a DEF LATE); a DEF EARLY does not share a register with any USE.
 * A DEF with C_REUSE k gets the register of the instruction's operand k (a USE with C_REG or C_ANY): two-address forms.
 * The allocator inserts a copy when that value lives on.
 *
 * SSA: each vreg has one DEF or is one block parameter. (Exception: none. Machine idioms that write twice use TEMPs.)
 * Edges: `succs` lists per block; no critical edges. An edge's arguments are vregs, one per parameter of the target, so
 * a block with parameters is only entered by blocks with one successor (or its arguments are moved at its head when it
 * has one predecessor). brtable-like terminators go to blocks without parameters or with a single predecessor.
 *
 * A move inserted by the allocator never writes flags and may stand between a compare and its branch.
 *
 * What the allocator asks of lowering: every block with successors ends in I_BRANCH instructions, and a block whose only
 * successor has several predecessors uses no values in them. TEMP and DEF EARLY registers are no operand's else, fixed or
 * not (a fixed USE that is overwritten is a clobber, not a TEMP). No two vregs are used in one fixed register. I_REMAT
 * instructions have one operand with a vreg, a DEF with C_REG; they are emitted where the value is used (never at
 * their place), so hoisting constants is free of cost. C_STACK is for what must be in memory; C_ANY where it may be.
 */

// Register classes
export const CLASS_GP = 0;
export const CLASS_FP = 1; // scalar float and vector registers

export const NO_VREG = -1;

// Physical registers: GP 0..31, FP 32..63 (hardware number + 32).
export const PREG_FP = 32;
export const PREG_COUNT = 64;

// Operand packing: bits 0-1 kind, bit 2 late, bits 3-5 constraint, bits 8-15 register or operand number
export const K_USE = 0;
export const K_DEF = 1;
export const K_TEMP = 2;
export const K_MASK = 3;
export const P_LATE = 4;
/** Register or stack slot, whichever is cheaper (memory operand forms, call-stack arguments). */
export const C_ANY = 0 << 3;
/** Any register of the vreg's class. */
export const C_REG = 1 << 3;
/** The physical register in bits 8-15. */
export const C_FIXED = 2 << 3;
/** The register of operand number (within the instruction) in bits 8-15. */
export const C_REUSE = 3 << 3;
/** A stack slot. */
export const C_STACK = 4 << 3;
export const C_MASK = 7 << 3;
export const ARG_SHIFT = 8;

export const USE_REG = K_USE | C_REG;
export const USE_ANY = K_USE | C_ANY;
export const USE_REG_LATE = K_USE | P_LATE | C_REG;
export const DEF_REG = K_DEF | P_LATE | C_REG;
export const DEF_REG_EARLY = K_DEF | C_REG;
export const TEMP_REG = K_TEMP | C_REG;
export function useFixed(preg: number): number {
  return K_USE | C_FIXED | (preg << ARG_SHIFT);
}
export function defFixed(preg: number): number {
  return K_DEF | P_LATE | C_FIXED | (preg << ARG_SHIFT);
}
/** A scratch in one particular register (rdx of a division, say). */
export function tempFixed(preg: number): number {
  return K_TEMP | C_FIXED | (preg << ARG_SHIFT);
}
export function defReuse(operand: number): number {
  return K_DEF | P_LATE | C_REUSE | (operand << ARG_SHIFT);
}

// Instruction flags
/** Operand 0 (DEF) := operand 1 (USE), same class: the allocator tries to give both one register; the emitter drops it then. */
export const I_MOVE = 1;
/** Clobbers its set; values live across must be elsewhere. */
export const I_CALL = 2;
/** Last instruction(s) of a block: edge moves go before the first instruction so flagged. */
export const I_BRANCH = 4;
/** Pure, no register uses: may be emitted again instead of a reload (constants, addresses relative to the frame or code). */
export const I_REMAT = 8;
/** Leaves the function. */
export const I_RETURN = 16;
/**
 * Operand 0 is a DEF in the register of operand 1, and operand 2 may take 1's place: where these three are all there is
 * the allocator exchanges the vregs of 1 and 2 (in the VCode) if that saves the copy of a value that lives on.
 */
export const I_COMMUTES = 32;

/** A set of physical registers as two 32-bit masks: GP, FP. */
export interface RegSet {
  gp: number;
  fp: number;
}

/** What the allocator is told about the machine. */
export interface RegisterFile {
  /** Allocatable registers in order of preference when nothing is hinted (caller-saved first). */
  allocatableGp: readonly number[];
  /** FP registers, numbered from PREG_FP. */
  allocatableFp: readonly number[];
  /** Registers the function must give back unchanged if it uses them. */
  calleeSaved: RegSet;
  /** How many of them one instruction saves. */
  savedTogether: number;
  /** Registers kept free for the allocator's own moves through memory or in cycles: one of each class, never allocated. */
  scratchGp: number;
  scratchFp: number;
}

export class VCode {
  instCount = 0;
  op = new Uint16Array(1024);
  opnd = new Int32Array(1025);
  imm = new Int32Array(1024);
  imm2 = new Int32Array(1024);
  aux = new Int32Array(1024);
  pos = new Int32Array(1024);
  flags = new Uint8Array(1024);
  clobber = new Uint8Array(1024);

  opndCount = 0;
  vreg = new Int32Array(4096);
  con = new Int32Array(4096);

  vregCount = 0;
  /** Class and IR type (isa/ir types; decides the width of moves and slots) of each vreg. */
  vregClass = new Uint8Array(1024);
  vregType = new Uint8Array(1024);

  /** Set 0 is empty. */
  clobberSets: RegSet[] = [{ gp: 0, fp: 0 }];

  blockCount = 0;
  /** First instruction of each block; blockStart[blockCount] = instCount. */
  blockStart = new Int32Array(129);
  /** Loop nesting depth, and 1 for blocks that hardly ever run (they end in a trap). */
  blockDepth = new Uint8Array(128);
  blockCold = new Uint8Array(128);
  /** Successors and predecessors of block b: succ[succStart[b]..succStart[b+1]], pred[...] as block numbers. */
  succStart = new Int32Array(129);
  succ = new Int32Array(256);
  predStart = new Int32Array(129);
  pred = new Int32Array(256);
  /** Parameters of block b: param[paramStart[b]..paramStart[b+1]], vregs. Block 0 has none: its arguments are DEFs of an instruction. */
  paramStart = new Int32Array(129);
  param = new Int32Array(256);
  /** Arguments of the edge at place s of `succ`: arg[argStart[s]..argStart[s+1]], vregs. */
  argStart = new Int32Array(257);
  arg = new Int32Array(256);
}

/** Where a value is: a physical register (0..63) or stack slot s as ALLOC_SLOT + s. Slots are 8 bytes; a v128 takes two. */
export const ALLOC_SLOT = 64;
export const ALLOC_NONE = -1;

/**
 * The allocator's answer. `alloc` has one entry per operand of the VCode. The moves are to be executed in the given
 * order, those with place p right before instruction p (after everything of instruction p - 1; after the label if p
 * starts a block). A move never goes from memory to memory; the scratch registers appear as ordinary registers, and the
 * type of a move always fits the class of its register (so it need not be the value's type). They are free again at each
 * instruction for the emitter. A rematerialisable definition with ALLOC_NONE is not emitted at its place.
 * An I_MOVE whose operands got the same location is not emitted either.
 */
export class Allocation {
  alloc = new Int32Array(4096);
  moveCount = 0;
  movePlace = new Int32Array(256);
  /** Source allocation, or for a rematerialisation REMAT_BASE + the number of the instruction to emit again. */
  moveFrom = new Int32Array(256);
  moveTo = new Int32Array(256);
  /** IR type of what is moved. */
  moveType = new Uint8Array(256);
  slotCount = 0;
  /**
   * Callee-saved registers that are written: the prologue saves them. Fixed DEFs of instruction 0 are the arguments as the
   * caller left them, not writes.
   */
  usedCalleeSaved: RegSet = { gp: 0, fp: 0 };
}

export const REMAT_BASE = 1 << 30;
