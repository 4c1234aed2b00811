/** WebAssembly.Instance (JavaScript API § 5.2): core instantiation (core specification § 4.5.4) and the exports object. */
import * as Abi from '../gen/abi.ts';
import { TRAP_MEMORY_OOB, TRAP_TABLE_OOB, TRAP_TEXTS } from '../gen/ir.ts';
import { ObjectError } from '../object/error.ts';
import type { ElementSegment } from '../object/records.ts';
import { RuntimeError } from '../util/errors.ts';
import { evaluate } from './constexpr.ts';
import { readImports, type Imports } from './imports.ts';
import type { Global } from './global.ts';
import { allocateMemory, nativeOf, wrap as wrapMemory, type Memory } from './memory.ts';
import { codeOf, isModule, type Module } from './module.ts';
import { InstanceState } from './state.ts';
import type { Table } from './table.ts';
import { addressBits, thread } from './thread.ts';

import { defineInterface, needArguments, toOptionalObject } from './webidl.ts';
import { writeRefCell } from './pointers.ts';

const SECRET = Symbol('instance');

/** What an instance exports, as TypeScript's own WebAssembly types have it. */
export type ExportValue = Function | Global | Memory | Table;
export type Exports = Record<string, ExportValue>;

export class Instance {
  #exports!: Exports;

  constructor(module: unknown, importObject?: unknown, ...internal: unknown[]) {
    let exports: Exports;
    if (module === SECRET) exports = internal[0] as Exports;
    else {
      needArguments(arguments.length, 1, 'WebAssembly.Instance()');
      if (!isModule(module))
        throw new TypeError(
          'WebAssembly.Instance(): the first argument must be a WebAssembly.Module',
        );
      const imports = readImportsOf(module, importObject, 'WebAssembly.Instance()');
      exports = instantiateCore(module, imports);
    }
    this.#exports = exports;
  }

  get exports(): Exports {
    return this.#exports;
  }
}

defineInterface(Instance, 'WebAssembly.Instance');
Object.defineProperty(Instance, 'length', { value: 1, configurable: true });

/** Reads the imports of a module from an imports object. Throws TypeError, LinkError. */
export function readImportsOf(module: Module, importObject: unknown, what: string): Imports {
  return readImports(
    codeOf(module, false).module,
    toOptionalObject(importObject, `${what}: the imports`),
  );
}

/** A new Instance from imports already read. Throws LinkError, RuntimeError, RangeError. */
export function instantiate(module: Module, imports: Imports): Instance {
  return new Instance(SECRET, undefined, instantiateCore(module, imports));
}

function instantiateCore(module: Module, imports: Imports): Exports {
  let code = codeOf(module, false);
  const defined = code.module.memories.map((type) =>
    wrapMemory(allocateMemory(type, !code.explicitChecks), type.max),
  );
  const memories = imports.memories.concat(defined);
  if (!code.explicitChecks && memories.some((m) => !nativeOf(m).guarded))
    code = codeOf(module, true);
  const state = new InstanceState(code, imports, memories);
  const exports = makeExports(state);
  initElements(state);
  initData(state);
  const { start } = code.module;
  if (start !== undefined) {
    const ref = state.funcRef(start);
    thread().call(addressBits(ref), state);
  }
  return exports;
}

function trap(code: number): never {
  throw new RuntimeError(TRAP_TEXTS[code]);
}

function elementRefs(state: InstanceState, segment: ElementSegment): Float64Array {
  if (segment.funcs) return state.funcRefList(segment.funcs);
  return Float64Array.from(segment.exprs!, (e) => Number(evaluate(e, state)));
}

function initElements(state: InstanceState): void {
  const { elements } = state.code.module;
  const records = state.createSegments(Abi.CTX_ELEM_SEGMENTS, elements.length);
  elements.forEach((segment, i) => {
    if (segment.mode === 'declared') return;
    const refs = elementRefs(state, segment);
    if (segment.mode === 'passive') {
      writeRefCell(records!, i * Abi.SEGMENT_SIZE, state.createReferences(refs, segment.type));
      records!.setUint32(i * Abi.SEGMENT_SIZE + 8, refs.length, true);
      return;
    }
    const table = state.tables[segment.table]!;
    const at = Number(evaluate(segment.offset, state)) >>> 0;
    if (at + refs.length > table.native.length()) trap(TRAP_TABLE_OOB);
    table.native.setAll(at, refs);
  });
}

function initData(state: InstanceState): void {
  const { code } = state;
  const { data } = code.module;
  const records = state.createSegments(Abi.CTX_DATA_SEGMENTS, data.length);
  data.forEach((segment, i) => {
    if (segment.mode === 'passive') {
      writeRefCell(records!, i * Abi.SEGMENT_SIZE, code.dataAddress(segment.start));
      records!.setUint32(i * Abi.SEGMENT_SIZE + 8, segment.length, true);
      return;
    }
    const memory = nativeOf(state.memories[segment.memory]!);
    const at = Number(evaluate(segment.offset, state)) >>> 0;
    if (at + segment.length > memory.bytes()) trap(TRAP_MEMORY_OOB);
    thread().native.copyIn(
      memory,
      memory.base() + at,
      code.bytes,
      code.dataOffset(segment.start),
      segment.length,
    );
  });
}

/** The frozen, prototype-less exports object (§ 5.2 "create an exports object"). */
function makeExports(state: InstanceState): Exports {
  const exports = Object.create(null) as Exports;
  for (const e of state.code.module.exports) {
    const value =
      e.kind === 'function'
        ? state.exportedFunction(e.index)
        : e.kind === 'table'
          ? state.tables[e.index]!.wrapper()
          : e.kind === 'memory'
            ? state.memories[e.index]!
            : state.globals[e.index]!.wrapper();
    if (e.name in exports) throw new ObjectError(`.elfin.info: found export '${e.name}' twice`);
    Object.defineProperty(exports, e.name, { value, enumerable: true });
  }
  return Object.freeze(exports);
}
