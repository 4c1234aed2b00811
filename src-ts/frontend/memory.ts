/**
 * Memories and globals.
 *
 * Guard mode: an access is base + index + offset, out of bounds is a fault in the reserved pages. Explicit mode: `bound`
 * traps when the index is beyond the memory, a fault in the tail behind the memory when it is only the small rest of the access, and
 * base and size are reloaded after whatever may have grown the memory. Addresses of the instance's wiring are
 * loaded once per stretch of straight code; value numbering and loop-invariant motion do the rest.
 */
import * as Abi from '../gen/abi.ts';
import * as Ir from '../gen/ir.ts';
import * as Op from '../gen/wasm.ts';
import { NONE } from '../ir/func.ts';
import { needsFeature } from '../wasm/features.ts';
import { I32, typeName } from '../wasm/types.ts';
import { irType } from './layout.ts';
import * as Plain from './plain.ts';
import type { State } from './state.ts';

/** Aux of loads from the instance's fixed wiring. */
export const READONLY = Ir.R_READONLY | Ir.MEM_NOTRAP;
/** Instance number of regions that imports share: any two may be the same thing. */
const IMPORTED = 0xffff;

/** Region and instance of an entity for aux: imported ones share an instance. */
export function aux(region: number, index: number, imported: number): number {
  const instance = index < imported || index >= IMPORTED ? IMPORTED : index;
  return region | (instance << Ir.REGION_SHIFT);
}

/** Loads a field of the context. */
export function wiring(t: State, offset: number, ty: number): number {
  return t.b.load(Ir.LOAD, ty, t.ctx, NONE, offset, 0, READONLY);
}

/** Aux of accesses to the memory, or to its description. */
export function memoryAux(t: State, region: number): number {
  return aux(region, 0, t.m.importedMemories);
}

/** Address of the VMMemory. */
export function memDef(t: State): number {
  const c = t.cache;
  if (c.definitionRegion !== t.region) {
    c.definition = wiring(t, t.layout.ctx.memories, Ir.T_I64);
    c.definitionRegion = t.region;
  }
  return c.definition;
}

function memBytes(t: State): number {
  const c = t.cache;
  if (c.bytesRegion !== t.region) {
    c.bytes = t.b.load(
      Ir.LOAD,
      Ir.T_I64,
      memDef(t),
      NONE,
      Abi.MEMORY_BYTES,
      0,
      memoryAux(t, Ir.R_MEMDEF) | Ir.MEM_NOTRAP,
    );
    c.bytesRegion = t.region;
  }
  return c.bytes;
}

/** Address of the memory's first byte. */
export function memBase(t: State): number {
  const c = t.cache;
  if (!t.explicit) {
    if (c.baseRegion !== t.region) {
      c.base = wiring(t, t.layout.ctx.memories + 8, Ir.T_I64);
      c.baseRegion = t.region;
    }
    return c.base;
  }
  if (c.movableRegion !== t.region) {
    c.movable = t.b.load(
      Ir.LOAD,
      Ir.T_I64,
      memDef(t),
      NONE,
      Abi.MEMORY_BASE,
      0,
      memoryAux(t, Ir.R_MEMDEF) | Ir.MEM_NOTRAP,
    );
    c.movableRegion = t.region;
  }
  return c.movable;
}

// ---- loads and stores ----

/** Reads alignment and offset; returns the offset. */
function memarg(t: State, op: number): number {
  const { r, m } = t;
  const at = r.pos;
  const flags = r.u32();
  if (flags >= 0x80) t.fail('malformed memop flags', at);
  const memory = (flags & 0x40) !== 0 ? r.u32() : 0;
  if (memory >= m.memories.length) t.fail(`unknown memory ${memory}`);
  if ((flags & 0x40) !== 0) needsFeature('a memory index', Op.FEATURE_MULTI_MEMORY, at);
  if (flags > Op.OP_ALIGN[op]!) t.fail('alignment must not be larger than natural', at);
  const offset = r.u64();
  if (offset > 0xffffffff) t.fail('offset out of range', at);
  return offset;
}

/**
 * Explicit mode: the bounds check of an access of `size` bytes. The tail behind the memory catches what lies near the index, so that
 * all small offsets share one check; a constant index below the size the memory has at least needs none.
 */
export function checkBounds(t: State, index: number, offset: number, size: number): void {
  if (!t.explicit) return;
  const end = offset + size;
  if (t.f.op[index] === Ir.ICONST) {
    const most = t.m.memories[0]!.min * Abi.WASM_PAGE;
    if ((t.f.imm[index]! >>> 0) + end <= most) return;
  }
  const past = end <= Abi.MEMORY_NEAR ? 0 : end;
  t.b.bound(index, memBytes(t), past | 0, past > 0xffffffff ? 1 : 0);
}

export function load(t: State, op: number): void {
  const offset = memarg(t, op);
  const index = t.pop(I32);
  const type = Plain.RESULT[op]!;
  let value = 0;
  if (t.live) {
    checkBounds(t, index, offset, Plain.ACCESS_SIZE[op]!);
    value = t.b.load(
      Plain.IR_OP[op]!,
      type,
      memBase(t),
      index,
      offset | 0,
      0,
      memoryAux(t, Ir.R_MEMORY),
    );
  }
  t.push(type, value);
}

export function store(t: State, op: number): void {
  const offset = memarg(t, op);
  const value = t.pop(Plain.OPERAND[op]!);
  const index = t.pop(I32);
  if (!t.live) return;
  checkBounds(t, index, offset, Plain.ACCESS_SIZE[op]!);
  t.b.store(Plain.IR_OP[op]!, memBase(t), index, value, offset | 0, 0, memoryAux(t, Ir.R_MEMORY));
}

// ---- size, growth, bulk ----

/** Reads a memory index. */
export function memoryIndex(t: State): void {
  const memory = t.r.u32();
  if (memory >= t.m.memories.length) t.fail(`unknown memory ${memory}`);
}

/** A list of values: context first. */
export function argList(t: State, ...values: number[]): number {
  const list = t.f.newList(values.length + 1);
  t.f.pool[list + 1] = values.length + 1;
  t.f.pool[list + 2] = t.ctx;
  for (let i = 0; i < values.length; i++) t.f.pool[list + 3 + i] = values[i]!;
  return list;
}

/** Calls a native helper. */
export function builtin(t: State, number: number, ty: number, list: number): number {
  t.cache.grown();
  return t.b.call(Ir.CALLBUILTIN, ty, NONE, list, number, 0);
}

/** Calls a native helper that answers with a status, and traps unless it is 0. */
export function checkedBuiltin(t: State, number: number, trap: number, list: number): void {
  t.b.trapif(builtin(t, number, Ir.T_I32, list), trap);
}

/** An i32 operand as the unsigned 64-bit number that helpers take. */
export function extend(t: State, value: number): number {
  return t.b.unary(Ir.ZEXT, Ir.T_I64, value);
}

const PAGE_SHIFT = 16;

export function memorySize(t: State): void {
  memoryIndex(t);
  let value = 0;
  if (t.live) {
    const pages = t.b.binary(Ir.USHR, Ir.T_I64, memBytes(t), t.b.iconst64(PAGE_SHIFT, 0));
    value = t.b.unary(Ir.WRAP, Ir.T_I32, pages);
  }
  t.push(I32, value);
}

export function memoryGrow(t: State): void {
  memoryIndex(t);
  const delta = t.pop(I32);
  let value = 0;
  if (t.live) {
    const list = argList(t, memDef(t), extend(t, delta));
    value = t.b.unary(Ir.WRAP, Ir.T_I32, builtin(t, Abi.BUILTIN_MEMORY_GROW, Ir.T_I64, list));
  }
  t.push(I32, value);
}

function checkData(t: State, index: number): void {
  if (t.m.dataCount < 0) t.fail('data count section required');
  if (index >= t.m.dataCount) t.fail(`unknown data segment ${index}`);
}

/** Address of a segment's VMSegment. */
export function segment(t: State, array: number, index: number): number {
  return t.b.binary(
    Ir.IADD,
    Ir.T_I64,
    wiring(t, array, Ir.T_I64),
    t.b.iconst64(index * Abi.SEGMENT_SIZE, 0),
  );
}

export function memoryInit(t: State): void {
  const index = t.r.u32();
  memoryIndex(t);
  checkData(t, index);
  const n = t.pop(I32);
  const from = t.pop(I32);
  const to = t.pop(I32);
  if (!t.live) return;
  const data = segment(t, Abi.CTX_DATA_SEGMENTS, index);
  const list = argList(t, memDef(t), data, extend(t, to), extend(t, from), extend(t, n));
  checkedBuiltin(t, Abi.BUILTIN_MEMORY_INIT, Ir.TRAP_MEMORY_OOB, list);
}

export function dataDrop(t: State): void {
  const index = t.r.u32();
  checkData(t, index);
  if (!t.live) return;
  builtin(
    t,
    Abi.BUILTIN_SEGMENT_DROP,
    Ir.T_VOID,
    argList(t, segment(t, Abi.CTX_DATA_SEGMENTS, index)),
  );
}

// ---- globals ----

function globalIndex(t: State): number {
  const index = t.r.u32();
  if (index >= t.m.globals.length) t.fail(`unknown global ${index}`);
  return index;
}

/** Aux of accesses to a global. */
function globalAux(t: State, index: number): number {
  if (!t.m.globals[index]!.mutable) return READONLY;
  return aux(Ir.R_GLOBAL, index, t.m.importedGlobals) | Ir.MEM_NOTRAP;
}

/** Base and offset of a global's cell; the base is the result, the offset is 0 unless the base is the context. */
function cellBase(t: State, index: number): number {
  if (index >= t.m.importedGlobals) return t.ctx;
  return wiring(t, t.layout.ctx.globalPtrs + index * Abi.CTX_GLOBAL_PTRS_STRIDE, Ir.T_I64);
}

function cellOffset(t: State, index: number): number {
  if (index < t.m.importedGlobals) return 0;
  return t.layout.ctx.globals + (index - t.m.importedGlobals) * Abi.CTX_GLOBALS_STRIDE;
}

export function globalGet(t: State): void {
  const index = globalIndex(t);
  const type = t.m.globals[index]!.type;
  let value = 0;
  if (t.live) {
    value = t.b.load(
      Ir.LOAD,
      irType(type),
      cellBase(t, index),
      NONE,
      cellOffset(t, index),
      0,
      globalAux(t, index),
    );
  }
  t.push(type, value);
}

export function globalSet(t: State): void {
  const index = globalIndex(t);
  const global = t.m.globals[index]!;
  if (!global.mutable)
    t.fail(`immutable global: ${index} (${typeName(global.type)}) can not be set`);
  const value = t.pop(global.type);
  if (!t.live) return;
  t.b.store(
    Ir.STORE,
    cellBase(t, index),
    NONE,
    value,
    cellOffset(t, index),
    0,
    globalAux(t, index),
  );
}
