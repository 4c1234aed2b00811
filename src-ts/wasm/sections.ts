/** The sections that declare: types, imports, functions, tables, memories, globals, exports, start. */
import * as Op from '../gen/wasm.ts';
import { CompileError } from '../util/errors.ts';
import type { Reader } from '../util/leb128.ts';
import { constExpr } from './constexpr.ts';
import { needsFeature } from './features.ts';
import * as Limit from './limits.ts';
import { refType, valueType, type Decoder } from './typebytes.ts';
import {
  KIND_FUNC,
  KIND_GLOBAL,
  KIND_MEMORY,
  KIND_TABLE,
  KIND_TAG,
  typeNames,
  type ConstExpr,
  type MemoryType,
  type ModuleInfo,
  type TableType,
} from './types.ts';

/** Refuses a count past an implementation limit. */
export function atMost(n: number, limit: number, what: string, at: number): void {
  if (n > limit) throw new CompileError(`too many ${what}: ${n}, the limit is ${limit}`, at);
}

/** The length of a section's vector, checked against a limit. */
function count(r: Reader, limit: number, what: string, already = 0): number {
  const at = r.pos;
  const n = r.length();
  atMost(already + n, limit, what, at);
  return n;
}

// ---- types ----

export function typeSection(d: Decoder): void {
  const { r, m } = d;
  const n = count(r, Limit.MAX_TYPES, 'types');
  const canonical = new Uint32Array(n);
  const seen = new Map<string, number>();
  for (let i = 0; i < n; i++) {
    const at = r.pos;
    const form = r.u8();
    if (form !== 0x60) badForm(form, at);
    const params = typeVector(d, Limit.MAX_PARAMS, 'parameters');
    const results = typeVector(d, Limit.MAX_RESULTS, 'results');
    const key = `${params.join()}:${results.join()}`;
    let sig = seen.get(key);
    if (sig === undefined) {
      sig = m.signatures.push({ params, results }) - 1;
      seen.set(key, sig);
    }
    m.types.push(m.signatures[sig]!);
    canonical[i] = sig;
  }
  m.canonical = canonical;
}

function badForm(form: number, at: number): never {
  if (form === 0x5f || form === 0x5e || form === 0x4e || form === 0x50 || form === 0x4f) {
    needsFeature('this type definition', Op.FEATURE_GC, at);
  }
  throw new CompileError('malformed type: expected a function type (0x60)', at);
}

function typeVector(d: Decoder, limit: number, what: string): Int32Array {
  const n = count(d.r, limit, what);
  const types = new Int32Array(n);
  for (let i = 0; i < n; i++) types[i] = valueType(d.r, d.features);
  return types;
}

function typeIndex(d: Decoder): number {
  const at = d.r.pos;
  const index = d.r.u32();
  if (index >= d.m.types.length) throw new CompileError(`unknown type ${index}`, at);
  return index;
}

// ---- imports and functions ----

export function importSection(d: Decoder): void {
  const { r, m } = d;
  const n = count(r, Limit.MAX_IMPORTS, 'imports');
  const funcs: number[] = [];
  for (let i = 0; i < n; i++) {
    const module = r.name();
    const name = r.name();
    const at = r.pos;
    const kind = r.u8();
    m.imports.push({ module, name, kind, index: importDescription(d, kind, funcs, at) });
  }
  m.importedFuncs = funcs.length;
  m.importedTables = m.tables.length;
  m.importedMemories = m.memories.length;
  m.importedGlobals = m.globals.length;
  setFunctions(m, funcs, new Uint32Array(0));
}

/** Enters an import into its index space; returns its index there. */
function importDescription(d: Decoder, kind: number, funcs: number[], at: number): number {
  const { r, m } = d;
  switch (kind) {
    case KIND_FUNC:
      return funcs.push(typeIndex(d)) - 1;
    case KIND_TABLE:
      return m.tables.push(tableType(d, null)) - 1;
    case KIND_MEMORY:
      return pushMemory(d);
    case KIND_GLOBAL: {
      const type = valueType(r, d.features);
      return m.globals.push({ type, mutable: mutability(r), init: null }) - 1;
    }
    case KIND_TAG:
      return needsFeature('a tag import', Op.FEATURE_EXCEPTIONS, at);
  }
  throw new CompileError('malformed import kind', at);
}

function setFunctions(
  m: ModuleInfo,
  imported: ArrayLike<number>,
  defined: ArrayLike<number>,
): void {
  m.funcTypes = new Uint32Array(imported.length + defined.length);
  m.funcTypes.set(imported);
  m.funcTypes.set(defined, imported.length);
  m.declared = new Uint8Array(m.funcTypes.length);
}

export function functionSection(d: Decoder): void {
  const n = count(d.r, Limit.MAX_FUNCTIONS, 'functions');
  const types = new Uint32Array(n);
  for (let i = 0; i < n; i++) types[i] = typeIndex(d);
  setFunctions(d.m, d.m.funcTypes, types);
}

// ---- tables, memories, globals ----

/** Limits: flags, minimum, maximum; the latter two in `min` and `max`. */
function limits(
  r: Reader,
  flags: number,
  bound: number,
  tooBig: string,
): { min: number; max: number } {
  const minAt = r.pos;
  const min = r.u64();
  if (min > bound) throw new CompileError(tooBig, minAt);
  if ((flags & 1) === 0) return { min, max: -1 };
  const maxAt = r.pos;
  const max = r.u64();
  if (max > bound) throw new CompileError(tooBig, maxAt);
  if (max < min) throw new CompileError('size minimum must not be greater than maximum', maxAt);
  return { min, max };
}

function tableType(d: Decoder, init: ConstExpr | null): TableType {
  const r = d.r;
  const element = refType(r, d.features);
  const at = r.pos;
  const flags = r.u8();
  if ((flags & 4) !== 0 && flags < 8) needsFeature('a 64-bit table', Op.FEATURE_MEMORY64, at);
  if (flags > 1) throw new CompileError('malformed limits flags', at);
  return {
    element,
    ...limits(r, flags, Limit.MAX_TABLE_SIZE, 'table size must be at most 2^32-1'),
    init,
  };
}

export function tableSection(d: Decoder): void {
  const { r, m } = d;
  const n = count(r, Limit.MAX_TABLES, 'tables', m.tables.length);
  for (let i = 0; i < n; i++) {
    if (r.bytes[r.pos] === 0x40 && r.pos < r.end) {
      needsFeature('a table with an initial value', Op.FEATURE_FUNCTION_REFERENCES, r.pos);
    }
    m.tables.push(tableType(d, null));
  }
}

function memoryType(d: Decoder): MemoryType {
  const r = d.r;
  const at = r.pos;
  const flags = r.u8();
  if (flags >= 16) throw new CompileError('malformed limits flags', at);
  if ((flags & 2) !== 0) needsFeature('a shared memory', Op.FEATURE_THREADS, at);
  if ((flags & 4) !== 0) needsFeature('a 64-bit memory', Op.FEATURE_MEMORY64, at);
  if ((flags & 8) !== 0) needsFeature('a custom page size', Op.FEATURE_CUSTOM_PAGE_SIZES, at);
  const tooBig = 'memory size must be at most 65536 pages (4GiB)';
  return { ...limits(r, flags, Limit.MAX_MEMORY_PAGES, tooBig), shared: false, is64: false };
}

function pushMemory(d: Decoder): number {
  const { m, r } = d;
  if (m.memories.length === 1 && (d.features & Op.FEATURE_MULTI_MEMORY) === 0) {
    needsFeature('a second memory (multiple memories)', Op.FEATURE_MULTI_MEMORY, r.pos);
  }
  return m.memories.push(memoryType(d)) - 1;
}

export function memorySection(d: Decoder): void {
  const n = count(d.r, Limit.MAX_MEMORIES, 'memories', d.m.memories.length);
  for (let i = 0; i < n; i++) pushMemory(d);
}

function mutability(r: Reader): boolean {
  const at = r.pos;
  const byte = r.u8();
  if (byte > 1) throw new CompileError('malformed mutability', at);
  return byte === 1;
}

export function globalSection(d: Decoder): void {
  const { r, m } = d;
  const n = count(r, Limit.MAX_GLOBALS, 'globals', m.globals.length);
  for (let i = 0; i < n; i++) {
    const type = valueType(r, d.features);
    const mutable = mutability(r);
    m.globals.push({ type, mutable, init: constExpr(d, type) });
  }
}

// ---- exports and start ----

/** Size and name of an index space. */
function space(m: ModuleInfo, kind: number, at: number): [size: number, name: string] {
  switch (kind) {
    case KIND_FUNC:
      return [m.funcCount, 'function'];
    case KIND_TABLE:
      return [m.tables.length, 'table'];
    case KIND_MEMORY:
      return [m.memories.length, 'memory'];
    case KIND_GLOBAL:
      return [m.globals.length, 'global'];
    case KIND_TAG:
      return needsFeature('a tag export', Op.FEATURE_EXCEPTIONS, at);
  }
  throw new CompileError('malformed export kind', at);
}

export function exportSection(d: Decoder): void {
  const { r, m } = d;
  const n = count(r, Limit.MAX_EXPORTS, 'exports');
  const names = new Set<string>();
  for (let i = 0; i < n; i++) {
    const nameAt = r.pos;
    const name = r.name();
    const at = r.pos;
    const kind = r.u8();
    const [size, what] = space(m, kind, at);
    const indexAt = r.pos;
    const index = r.u32();
    if (index >= size) throw new CompileError(`unknown ${what} ${index}`, indexAt);
    if (names.has(name)) throw new CompileError(`duplicate export name "${name}"`, nameAt);
    names.add(name);
    if (kind === KIND_FUNC) m.declared[index] = 1;
    m.exports.push({ name, kind, index });
  }
}

export function startSection(d: Decoder): void {
  const at = d.r.pos;
  const index = d.r.u32();
  if (index >= d.m.funcCount) throw new CompileError(`unknown function ${index}`, at);
  const type = d.m.funcType(index);
  if (type.params.length !== 0 || type.results.length !== 0) {
    const has = `${typeNames(type.params)} -> ${typeNames(type.results)}`;
    throw new CompileError(`start function ${index} must have type [] -> [], it has ${has}`, at);
  }
  d.m.start = index;
}
