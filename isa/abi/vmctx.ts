/**
 * Layout of everything that compiled code, the native core and the JavaScript runtime share: the one source of truth.
 * `isa/gen/abi.ts` writes `src-ts/gen/abi.ts` and `native/core/gen/abi.h` from it. All pointers are 64-bit, all offsets bytes.
 *
 * Instance context ("ctx", what every compiled function gets as its first argument): a fixed header (`ctx` below), then
 * arrays whose places depend on the module's counts (`ctxArrays`, in this order; see `ctxLayout` in src-ts/gen/abi.ts).
 *
 *   memories    { VMMemory* def; void* base }          base: guard mode only (never moves); explicit mode reads def->base
 *   tables      VMTable*
 *   funcImports { void* code; void* ctx; VMFuncRef* ref }
 *   globalPtrs  cell address of each imported global (imported immutable ones too)
 *   typeIds     u32 engine-wide id of each canonical signature of the module
 *   globals     16-byte cells of the globals this instance defines
 *   funcRefs    VMFuncRef of each defined function that can escape (exported, in an element segment, ref.func)
 */
export interface Field {
  name: string;
  /** Size in bytes; fields are laid out in order, each aligned to its size. */
  size: 4 | 8;
  doc: string;
}

const p = (name: string, doc: string): Field => ({ name, size: 8, doc });
const w = (name: string, doc: string): Field => ({ name, size: 4, doc });

export const structs: Record<string, { size: number; fields: Field[] }> = {
  ctx: {
    size: 64,
    fields: [
      p('thread', 'Thread* of the JavaScript thread that owns the instance'),
      p('builtins', 'address table of the native helpers, indexed by builtin number'),
      p('hostCode', 'zero, where a host function has its code: what a callee context is'),
      p('dataSegments', 'VMSegment[] of the data segments (dropped: length 0)'),
      p('elemSegments', 'VMSegment[] of the element segments: arrays of 64-bit references'),
      p('instance', 'the native Instance'),
      p('epoch', 'page that interruption protects (later)'),
      p('reserved0', ''),
    ],
  },
  memory: {
    size: 32,
    fields: [
      p('base', 'first byte'),
      p('bytes', 'current size'),
      p('maxBytes', 'growth limit'),
      p('owner', 'the native Memory'),
    ],
  },
  table: {
    size: 32,
    fields: [
      p('base', 'first entry'),
      p('length', 'current number of entries (< 2^32)'),
      p('max', 'growth limit in entries'),
      p('owner', 'the native Table'),
    ],
  },
  /** Entry of a table of functions. Null: all zero but typeId = NULL_TYPE_ID. First 24 bytes as in funcRef. */
  funcEntry: {
    size: 32,
    fields: [
      p('code', 'code address, Wasm calling convention'),
      p('ctx', 'callee context'),
      w('typeId', ''),
      w('pad', ''),
      p('ref', 'the VMFuncRef, 0 when null'),
    ],
  },
  /** What a funcref value points to. */
  funcRef: {
    size: 32,
    fields: [
      p('code', 'code address, Wasm calling convention'),
      p('ctx', 'callee context'),
      w('typeId', 'engine-wide signature id'),
      w('index', 'function index in its module, or host function id'),
      p('entry', 'entry trampoline of its signature'),
    ],
  },
  segment: { size: 16, fields: [p('data', ''), p('length', 'bytes, or references')] },
  /**
   * Context of an imported JavaScript function; code is the exit trampoline of its signature. Told from an instance's
   * context by hostCode, at the same offset in both (asserted by isa/gen): a caller may enter a host function by a jump,
   * the return address pushed, and in the scratch register to say so.
   */
  hostFunc: {
    size: 32,
    fields: [
      p('thread', ''),
      w('hostId', "index in the thread's table of host functions"),
      w('pad', ''),
      p('hostCode', 'its code, never zero'),
      p('reserved0', ''),
    ],
  },
  /** Head of the native Thread: what trampolines use. */
  thread: {
    size: 64,
    fields: [
      p('transfer', 'transfer area'),
      p('suspend', 'address of elfin_suspend'),
      p('fiber', 'running Fiber'),
      p('reserved0', ''),
      p('reserved1', ''),
      p('reserved2', ''),
      p('reserved3', ''),
      p('reserved4', ''),
    ],
  },
  /** Head of the transfer area (an ArrayBuffer in JavaScript); argument and result slots follow, 8 bytes each (v128: two). */
  transfer: {
    size: 64,
    fields: [
      w('status', 'why the native call returned: STATUS_*'),
      w('hostId', 'STATUS_HOST: which host function is called'),
      p('fiber', 'STATUS_HOST, STATUS_TRAP: the suspended fiber (given back to resume/abandon)'),
      p('callee', 'enter: the VMFuncRef to call'),
      w('trap', 'STATUS_TRAP: trap code'),
      w('flags', 'FLAG_*: what JavaScript must look at before it goes on'),
      p('reserved0', ''),
      p('reserved1', ''),
      p('reserved2', ''),
      p('reserved3', ''),
    ],
  },
};

export const constants = {
  NULL_TYPE_ID: 0xffffffff,
  STATUS_DONE: 0,
  STATUS_HOST: 1,
  STATUS_TRAP: 2,
  /** A memory grew while Wasm ran: its ArrayBuffer is to be detached. */
  FLAG_MEMORY_GREW: 1,
  /** Added to the code of a trap site (.elfin.traps) in a function without a frame. */
  TRAP_FRAMELESS: 0x80,
  /** Slots of the transfer area: enough for 1,000 parameters or results of 16 bytes. */
  TRANSFER_SLOTS: 2048,
  WASM_PAGE: 65536,
  /** Guard-page memories: address space reserved for a 32-bit memory (4 GiB index + 4 GiB offset + a page for the access). */
  GUARD_RESERVATION: 0x2_0001_0000,
  /** Memories without guard pages: bytes behind the last that can not be accessed, so that an index is checked once for all that is near. A multiple of every page size. */
  MEMORY_TAIL: 0x40_0000,
  /** An access that ends so far past its index needs only its index to be checked; the rest of the tail is for indices near one that was checked. */
  MEMORY_NEAR: 0x20_0000,
  /** Upper 32 bits of an externref handle (lower half = index), so that stacks can be scanned for handles. No canonical address; exact as a double. */
  EXTERNREF_TAG: 0x000f5eaf,
};

export const ctxArrays = [
  { name: 'memories', stride: 16 },
  { name: 'tables', stride: 8 },
  { name: 'funcImports', stride: 24 },
  { name: 'globalPtrs', stride: 8 },
  { name: 'typeIds', stride: 4 },
  { name: 'globals', stride: 16 },
  { name: 'funcRefs', stride: 32 },
] as const;

/**
 * Native helpers, called on the fiber with the platform's C ABI. `i`= i32 (u32), `l` = i64 or pointer, `f`, `d` floats.
 * First parameter of every one that is not arithmetic: ctx. A status result is 0 = done, 1 = trap (the caller traps).
 */
export const builtins = [
  {
    name: 'memory_grow',
    params: 'lll',
    result: 'l',
    doc: '(ctx, VMMemory*, delta pages) -> old size in pages, or -1',
  },
  {
    name: 'memory_fill',
    params: 'lllil',
    result: 'i',
    doc: '(ctx, VMMemory*, dst, value, len) -> status',
  },
  {
    name: 'memory_copy',
    params: 'llllll',
    result: 'i',
    doc: '(ctx, dst VMMemory*, src VMMemory*, dst, src, len) -> status',
  },
  {
    name: 'memory_init',
    params: 'llllll',
    result: 'i',
    doc: '(ctx, VMMemory*, VMSegment*, dst, src, len) -> status',
  },
  {
    name: 'segment_drop',
    params: 'll',
    result: 'v',
    doc: '(ctx, VMSegment*): data.drop and elem.drop',
  },
  {
    name: 'table_grow_func',
    params: 'llll',
    result: 'l',
    doc: '(ctx, VMTable*, init ref, delta) -> old length, or -1',
  },
  {
    name: 'table_grow_ref',
    params: 'llll',
    result: 'l',
    doc: 'the same for tables of plain references',
  },
  {
    name: 'table_set_func',
    params: 'llll',
    result: 'i',
    doc: '(ctx, VMTable*, index, ref) -> status',
  },
  {
    name: 'table_fill_func',
    params: 'lllll',
    result: 'i',
    doc: '(ctx, VMTable*, index, ref, n) -> status',
  },
  { name: 'table_fill_ref', params: 'lllll', result: 'i', doc: '' },
  {
    name: 'table_copy_func',
    params: 'llllll',
    result: 'i',
    doc: '(ctx, dst VMTable*, src VMTable*, dst, src, n) -> status',
  },
  { name: 'table_copy_ref', params: 'llllll', result: 'i', doc: '' },
  {
    name: 'table_init_func',
    params: 'llllll',
    result: 'i',
    doc: '(ctx, VMTable*, VMSegment*, dst, src, n) -> status',
  },
  { name: 'table_init_ref', params: 'llllll', result: 'i', doc: '' },
  {
    name: 'f32_ceil',
    params: 'f',
    result: 'f',
    doc: 'rounding where the CPU has no instruction for it',
  },
  { name: 'f32_floor', params: 'f', result: 'f', doc: '' },
  { name: 'f32_trunc', params: 'f', result: 'f', doc: '' },
  { name: 'f32_nearest', params: 'f', result: 'f', doc: '' },
  { name: 'f64_ceil', params: 'd', result: 'd', doc: '' },
  { name: 'f64_floor', params: 'd', result: 'd', doc: '' },
  { name: 'f64_trunc', params: 'd', result: 'd', doc: '' },
  { name: 'f64_nearest', params: 'd', result: 'd', doc: '' },
] as const;
