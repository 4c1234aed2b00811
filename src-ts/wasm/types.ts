/**
 * The description of a module that decoding makes: everything but the code.
 *
 * A value type is a small integer, so that it fits typed arrays and compares with `===`:
 * - 1..5 are i32 i64 f32 f64 v128, with the numbers the IR uses; 0 is the bottom type of the polymorphic stack.
 * - a reference is REF, plus NULLABLE, plus a heap type above bit 8: abstract heap types first, then (later) concrete
 *   ones as ABSTRACT_HEAPS + type index. WebAssembly 2.0's funcref and externref are two such numbers.
 */

export const BOT = 0;
export const I32 = 1;
export const I64 = 2;
export const F32 = 3;
export const F64 = 4;
export const V128 = 5;

export const REF = 0x10;
export const NULLABLE = 0x20;
export const HEAP_SHIFT = 8;
export const HEAP_FUNC = 0;
export const HEAP_EXTERN = 1;
/** Numbers kept free for the abstract heap types of the GC and exception proposals. */
export const ABSTRACT_HEAPS = 32;

export const FUNCREF = 0x30;
export const EXTERNREF = 0x130;

/** True for reference types; the bottom type is not one. */
export function isRef(type: number): boolean {
  return (type & REF) !== 0;
}

const NUMBER_NAMES = ['bottom', 'i32', 'i64', 'f32', 'f64', 'v128'];

/** A value type in the text format's notation. */
export function typeName(type: number): string {
  if (type === FUNCREF) return 'funcref';
  if (type === EXTERNREF) return 'externref';
  return NUMBER_NAMES[type] ?? `type ${type}`;
}

/** A list of value types as the specification writes it: `[i32 i64]`. */
export function typeNames(types: ArrayLike<number>): string {
  return `[${Array.from(types, typeName).join(' ')}]`;
}

export interface FuncType {
  readonly params: Int32Array;
  readonly results: Int32Array;
}

export const KIND_FUNC = 0;
export const KIND_TABLE = 1;
export const KIND_MEMORY = 2;
export const KIND_GLOBAL = 3;
export const KIND_TAG = 4;

/** Kind names of the JavaScript API. */
export const KIND_NAMES: readonly string[] = ['function', 'table', 'memory', 'global', 'tag'];

export interface Limits {
  readonly min: number;
  /** -1: none. */
  readonly max: number;
}

export interface TableType extends Limits {
  readonly element: number;
  /** Initial value of every entry; null means null references. */
  readonly init: ConstExpr | null;
}

export interface MemoryType extends Limits {
  readonly shared: boolean;
  readonly is64: boolean;
}

export interface GlobalType {
  readonly type: number;
  readonly mutable: boolean;
  /** Null for imported globals. */
  readonly init: ConstExpr | null;
}

export interface Import {
  readonly module: string;
  readonly name: string;
  readonly kind: number;
  /** Index in the index space of its kind; its type is found there. */
  readonly index: number;
}

export interface Export {
  readonly name: string;
  readonly kind: number;
  readonly index: number;
}

/**
 * A constant expression. `code` holds three numbers per operator (opcode, low and high half of the immediate) in stack
 * order without the final `end`: i32.const v, i64.const lo hi, f32.const bits, f64.const lo hi, ref.null heap,
 * ref.func index, global.get index, and i32/i64 add, sub, mul. It needs no decoder to be evaluated.
 */
export interface ConstExpr {
  readonly type: number;
  /** Byte range in the module, `end` included. */
  readonly start: number;
  readonly end: number;
  readonly code: Int32Array;
}

export const SEGMENT_PASSIVE = 0;
export const SEGMENT_ACTIVE = 1;
export const SEGMENT_DECLARATIVE = 2;

/** Stands for a null reference in {@link ElementSegment.funcs}. */
export const NULL_FUNC = 0xffffffff;

export interface ElementSegment {
  readonly mode: number;
  readonly table: number;
  /** Offset of an active segment. */
  readonly offset: ConstExpr | null;
  readonly type: number;
  readonly length: number;
  /** Function indices (NULL_FUNC: null) when every item is ref.func or ref.null; else null. */
  readonly funcs: Uint32Array | null;
  /** The items when {@link funcs} is null. */
  readonly exprs: readonly ConstExpr[] | null;
}

export interface DataSegment {
  readonly mode: number;
  readonly memory: number;
  readonly offset: ConstExpr | null;
  /** Byte range of the contents in the module. */
  readonly start: number;
  readonly end: number;
}

export interface CustomSection {
  readonly name: string;
  /** Byte range of the payload (after the name). */
  readonly start: number;
  readonly end: number;
}

/** What decoding makes; filled section by section, complete and valid (but for the bodies) when it is returned. */
export class ModuleInfo {
  /** Feature bits the module was decoded under. */
  readonly features: number;
  readonly types: FuncType[] = [];
  /** The distinct signatures among the types, in order of first appearance: canonical types, numbered densely. */
  readonly signatures: FuncType[] = [];
  /** Type index to signature number. */
  canonical = new Uint32Array(0);
  readonly imports: Import[] = [];
  importedFuncs = 0;
  importedTables = 0;
  importedMemories = 0;
  importedGlobals = 0;
  /** Type index of every function, imported ones first. */
  funcTypes = new Uint32Array(0);
  readonly tables: TableType[] = [];
  readonly memories: MemoryType[] = [];
  readonly globals: GlobalType[] = [];
  readonly exports: Export[] = [];
  /** Start function, -1 if none. */
  start = -1;
  readonly elements: ElementSegment[] = [];
  readonly data: DataSegment[] = [];
  /** Count of the data count section, -1 if there is none. */
  dataCount = -1;
  readonly customs: CustomSection[] = [];
  /** Byte range of each defined function's body (locals and code): start, end, start, end… */
  bodies = new Uint32Array(0);
  /** Where the Code section's contents begin in the module, 0 if there is none. */
  codeStart = 0;
  /** Bytes of all bodies together. */
  codeSize = 0;
  /** Per function: 1 if a ref.func in a body may name it. */
  declared = new Uint8Array(0);

  constructor(features: number) {
    this.features = features;
  }

  /** Number of functions, imported and defined. */
  get funcCount(): number {
    return this.funcTypes.length;
  }

  /** Number of defined functions. */
  get definedFuncs(): number {
    return this.funcTypes.length - this.importedFuncs;
  }

  /** Signature number of a function by its index (imported first). */
  funcSignature(index: number): number {
    return this.canonical[this.funcTypes[index]!]!;
  }

  /** Type of a function by its index (imported first). */
  funcType(index: number): FuncType {
    return this.types[this.funcTypes[index]!]!;
  }
}
