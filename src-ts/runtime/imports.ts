/** "Read the imports" (JavaScript API § 5.1) and the matching of what was given with what the module declares. */
import type {
  FuncType,
  GlobalType,
  ImportDesc,
  MemoryType,
  ModuleDescription,
  TableType,
  ValType,
} from '../object/records.ts';
import { LinkError } from '../util/errors.ts';
import { signatureKey } from './code.ts';
import { exportedFunction } from './functions.ts';
import { allocateGlobal, isGlobal, stateOf as globalState, type GlobalState } from './global.ts';
import { isMemory, maximumOf, nativeOf, type Memory } from './memory.ts';
import { isTable, stateOf as tableState, type TableState } from './table.ts';
import { EXTERNREF, FUNCREF, I64, typeName, V128 } from './values.ts';
import { isObject } from './webidl.ts';

/** A function import: an exported function of some instance, or any other callable. */
export interface FuncImport {
  type: FuncType;
  key: string;
  callable: (...args: unknown[]) => unknown;
  /** VMFuncRef and owner when it is an exported function. */
  exported: { address: number; owner: object } | undefined;
}

export interface Imports {
  functions: FuncImport[];
  tables: TableState[];
  memories: Memory[];
  globals: GlobalState[];
}

/** Signature of an exported function, as its owner knows it. */
export interface FuncTypeOwner {
  signatureOf(address: number): string;
}

function label(d: ImportDesc, i: number): string {
  return `import ${i} "${d.module}" "${d.name}"`;
}

/**
 * Reads every import in order. Throws TypeError where a module object is missing, LinkError where a value is of the wrong
 * kind or type, and whatever a getter throws.
 */
export function readImports(module: ModuleDescription, importObject: object | undefined): Imports {
  const found: Imports = { functions: [], tables: [], memories: [], globals: [] };
  if (module.imports.length > 0 && importObject === undefined) {
    throw new TypeError('the module has imports: the imports argument must be an object');
  }
  const mismatches: (() => void)[] = [];
  module.imports.forEach((d, i) => {
    const what = label(d, i);
    const namespace = (importObject as Record<string, unknown>)[d.module];
    if (!isObject(namespace)) throw new TypeError(`${what}: "${d.module}" is not an object`);
    const value = (namespace as Record<string, unknown>)[d.name];
    switch (d.kind) {
      case 'function':
        found.functions.push(
          readFunction(value, module.types[d.type as number]!, what, mismatches),
        );
        break;
      case 'table':
        found.tables.push(readTable(value, d.type as TableType, what, mismatches));
        break;
      case 'memory':
        found.memories.push(readMemory(value, d.type as MemoryType, what, mismatches));
        break;
      default:
        found.globals.push(readGlobal(value, d.type as GlobalType, what, mismatches));
    }
  });
  // Types are matched by instantiation proper, after all imports have been read.
  for (const check of mismatches) check();
  return found;
}

function fail(what: string, why: string): never {
  throw new LinkError(`${what}: ${why}`);
}

function typeText({ params, results }: { params: ValType[]; results: ValType[] }): string {
  return `(${params.map(typeName).join(', ')}) -> (${results.map(typeName).join(', ')})`;
}

function readFunction(
  value: unknown,
  type: FuncType,
  what: string,
  later: (() => void)[],
): FuncImport {
  if (typeof value !== 'function') fail(what, 'function import requires a callable');
  const key = signatureKey(type);
  const exported = exportedFunction(value);
  if (exported) {
    later.push(() => {
      if ((exported.owner as FuncTypeOwner).signatureOf(exported.address) !== key) {
        fail(what, `incompatible import type: the exported function is not ${typeText(type)}`);
      }
    });
  }
  return { type, key, callable: value as FuncImport['callable'], exported };
}

function limitsMatch(
  min: number,
  max: number | undefined,
  wanted: { min: number; max?: number | undefined },
): boolean {
  return (
    min >= wanted.min && (wanted.max === undefined || (max !== undefined && max <= wanted.max))
  );
}

function readTable(
  value: unknown,
  type: TableType,
  what: string,
  later: (() => void)[],
): TableState {
  if (!isTable(value)) fail(what, 'table import requires a WebAssembly.Table');
  const state = tableState(value);
  later.push(() => {
    if (state.type !== type.elem)
      fail(
        what,
        `incompatible import type: a table of ${typeName(state.type)}, not ${typeName(type.elem)}`,
      );
    if (!limitsMatch(state.native.length(), state.maximum, type))
      fail(what, "incompatible import type: the table's limits do not fit");
  });
  return state;
}

function readMemory(value: unknown, type: MemoryType, what: string, later: (() => void)[]): Memory {
  if (!isMemory(value)) fail(what, 'memory import requires a WebAssembly.Memory');
  later.push(() => {
    if (!limitsMatch(nativeOf(value).bytes() / 65536, maximumOf(value), type))
      fail(what, "incompatible import type: the memory's limits do not fit");
  });
  return value;
}

function readGlobal(
  value: unknown,
  type: GlobalType,
  what: string,
  later: (() => void)[],
): GlobalState {
  if (isGlobal(value)) {
    const state = globalState(value);
    later.push(() => {
      if (state.type !== type.type || state.mutable !== type.mutable) {
        fail(
          what,
          `incompatible import type: a ${state.mutable ? 'mutable' : 'constant'} global of ${typeName(state.type)}, not a ${type.mutable ? 'mutable' : 'constant'} one of ${typeName(type.type)}`,
        );
      }
    });
    return state;
  }
  if (type.type === V128) fail(what, 'a v128 global must be a WebAssembly.Global');
  if (type.mutable) fail(what, 'imported mutable global must be a WebAssembly.Global object');
  if (type.type === I64 && typeof value !== 'bigint')
    fail(what, 'global import of i64 must be a BigInt');
  const isRef = type.type === FUNCREF || type.type === EXTERNREF;
  if (type.type !== I64 && !isRef && typeof value !== 'number')
    fail(what, `global import of ${typeName(type.type)} must be a number`);
  const state = allocateGlobal(type);
  try {
    state.write(value);
  } catch (e) {
    if (e instanceof TypeError) fail(what, e.message);
    throw e;
  }
  return state;
}
