/**
 * Plain records between the compiler (which fills them), the object writer/reader (bytes) and the runtime (which reads
 * them). Nothing here knows the IR, the decoder or a target's instructions.
 */

/** Wasm value types as in the binary format: 0x7f i32, 0x7e i64, 0x7d f32, 0x7c f64, 0x7b v128, 0x70 funcref, 0x6f externref. */
export type ValType = number;

/** A list of u32: a plain array where it is made, a view over the object's bytes where it is read. */
export type U32List = ArrayLike<number> & Iterable<number>;

export interface FuncType {
  params: ValType[];
  results: ValType[];
}

export interface Limits {
  min: number;
  /** undefined = none given. */
  max?: number | undefined;
}

export interface TableType extends Limits {
  elem: ValType;
}

export interface MemoryType extends Limits {
  shared: boolean;
  is64: boolean;
}

export interface GlobalType {
  type: ValType;
  mutable: boolean;
}

export type ExternKind = 'function' | 'table' | 'memory' | 'global';

/** `index`: type index for functions, else position among the imports' own descriptions of that kind. */
export interface ImportDesc {
  module: string;
  name: string;
  kind: ExternKind;
  type: number | TableType | MemoryType | GlobalType;
}

export interface ExportDesc {
  name: string;
  kind: ExternKind;
  index: number;
}

/** Constant expression: flat postfix code. Each element is one operator; i64 constants are BigInt, floats their bit patterns. */
export type ConstOp =
  | { op: 'i32.const'; value: number }
  | { op: 'i64.const'; value: bigint }
  | { op: 'f32.const'; bits: number }
  | { op: 'f64.const'; bits: bigint }
  | { op: 'global.get'; index: number }
  | { op: 'ref.null' }
  | { op: 'ref.func'; index: number }
  | { op: 'i32.add' | 'i32.sub' | 'i32.mul' | 'i64.add' | 'i64.sub' | 'i64.mul' };
export type ConstExpr = ConstOp[];

export interface ElementSegment {
  mode: 'active' | 'passive' | 'declared';
  table: number;
  offset: ConstExpr;
  type: ValType;
  /** Function indices when every element is a plain ref.func, else expressions. */
  funcs?: U32List;
  exprs?: ConstExpr[];
}

export interface DataSegment {
  mode: 'active' | 'passive';
  memory: number;
  offset: ConstExpr;
  /** Place of the bytes in .rodata.wasm. */
  start: number;
  length: number;
}

/** Everything the runtime must know about one module (section .elfin.info). */
export interface ModuleDescription {
  /** Canonical signatures; type indices below point here. */
  types: FuncType[];
  imports: ImportDesc[];
  exports: ExportDesc[];
  /** Type of each function, imported ones first. */
  funcTypes: U32List;
  tables: (TableType & { init?: ConstExpr })[];
  memories: MemoryType[];
  globals: (GlobalType & { init: ConstExpr })[];
  start?: number | undefined;
  elements: ElementSegment[];
  data: DataSegment[];
  custom: { name: string; start: number; length: number }[];
  /** Names from the name section: module, functions (sparse, by index). */
  moduleName: string;
  funcNames: [number, string][];
  /** Defined functions that have a VMFuncRef in the context, in order: funcRefs[i] is a function index. */
  funcRefs: U32List;
  /** Where the Code section's contents begin in the Wasm module: what addresses in its DWARF are relative to. */
  codeStart: number;
  /** Explicit-check mode: code checks bounds itself and reloads the base. */
  explicitChecks: boolean;
}

// Code, as the compiler's back end hands it over.

export const RELOC_CALL = 0; // direct call or jump to a defined function; the 32-bit field's form is the target's (x86-64: rel32; AArch64: the instruction, imm26)
export const RELOC_RODATA = 1; // PC-relative 32-bit reference to the function's own constant pool — already resolved; kept for disassembly

/** Neutral unwind events; registers are DWARF numbers, offsets of events are code offsets *after* the instruction that causes them. */
export const UNWIND_PUSH_FP = 0; // frame pointer pushed: CFA = SP + value, FP saved at CFA - value
export const UNWIND_SET_FP = 1; // FP := SP; CFA = FP + value
export const UNWIND_SAVE = 2; // reg saved at CFA - value; it keeps its value until the last of the saves that follow one another
export const UNWIND_ALLOC = 3; // value bytes allocated (no effect on the CFA once FP is set)
export const UNWIND_REMEMBER = 4; // an epilogue begins
export const UNWIND_RESTORE_REG = 5; // reg has its caller's value again; value: SLOT_KEPT or SLOT_LOST
export const UNWIND_POP_FRAME = 6; // frame released: CFA = SP + value (negative where stack arguments went with it)
export const UNWIND_RESTORE_STATE = 7; // code after an epilogue: the state at REMEMBER again
export const UNWIND_DEF_CFA = 8; // CFA = reg + value
export const UNWIND_TOGGLE_SIGNED = 9; // the return address is signed with the CFA from here on, or no longer is

/** The place where the register was saved holds its value until the frame is released. */
export const SLOT_KEPT = 0;
/** The place is written over before. */
export const SLOT_LOST = 1;

/** Where a Wasm local is, for debuggers. */
export const AT_NOWHERE = 0; // not known, or nowhere
export const AT_REGISTER = 1; // in the register with this DWARF number
export const AT_FRAME = 2; // in memory at this distance from the frame pointer
export const AT_CONSTANT = 3; // always these bits
/** Stands among the locals for the instance context; its first entry is at the end of the prologue and holds for the rest. */
export const LOCAL_CONTEXT = -1;

/** Machine code of one function or trampoline with its side tables; no code: inlined wherever it is called. Offsets are relative to the start of `code`. */
export interface CodeRecord {
  code: Uint8Array;
  /** Alignment of the start, a power of two. */
  align: number;
  /** Triples: offset of the field, RELOC_*, target (defined function index). */
  relocs: Int32Array;
  /** Triples: offset of the instruction that can trap, trap code, Wasm byte offset. Ascending. */
  traps: Int32Array;
  /** Pairs: code offset, Wasm byte offset, wherever the position changes. Ascending. */
  addrmap: Int32Array;
  /** Quadruples: offset, UNWIND_*, DWARF register (or 0), value. Ascending. None: no frame is ever made. */
  unwind: Int32Array;
  /**
   * Code inlined from other functions; empty where there is none. Number of nodes; per node (an inlined call) the node whose
   * body the call is in (-1: the function's own), the Wasm byte offset of the call and the callee (defined function index);
   * then pairs: place, node from there on (-1: the function's own code), places ascending: twice the offset of an instruction
   * that can trap, or of a return address less one.
   */
  inlines: Int32Array;
  /**
   * Quintuples: offset, local or LOCAL_CONTEXT, AT_*, its value in two words: where the local is from there to its next
   * entry. Offsets ascend; of entries at one offset the last counts. Only with debug information, else empty.
   */
  locals: Int32Array;
}

/** Whether a function never makes a frame: at each of its instructions the stack is as on entry, the frame pointer the caller's. */
export function isFrameless(record: CodeRecord): boolean {
  return record.unwind.length === 0;
}

/** Contents of a debug section. */
export interface DebugSection {
  bytes: Uint8Array;
  /**
   * Quadruples: offset of a field, its size (4 or 8), number of the section in DEBUG_TARGETS that it is an offset or
   * address in, and the value, which is in the field already.
   */
  relocs: readonly number[];
}

/** DWARF sections of an object; addresses count from the beginning of .text. */
export interface DebugInfo {
  info: DebugSection;
  abbrev: DebugSection;
  line: DebugSection;
  rnglists: DebugSection;
  loclists: DebugSection;
}

/** One object to write. */
export interface ObjectInput {
  /** e.g. 'x86_64-linux'. */
  target: string;
  /** Names of the CPU features the code needs. */
  cpuFeatures: string[];
  /** Settings that affect the code, as text, for the check before anything runs. */
  settings: Record<string, string>;
  /** Features that hold for all of .text, for linkers: bits of the target's GNU_PROPERTY_*_FEATURE_1_AND. */
  properties?: number;
  module: ModuleDescription;
  /** Defined functions in index order. */
  functions: CodeRecord[];
  /** Entry trampoline per type index (undefined where never needed) and exit trampoline per type index of an imported function. */
  entryTrampolines: (CodeRecord | undefined)[];
  exitTrampolines: (CodeRecord | undefined)[];
  /** Bytes of all data segments, one after the other, and bytes of the custom sections. */
  data: Uint8Array;
  customBytes: Uint8Array;
  debugInfo?: DebugInfo | undefined;
}
