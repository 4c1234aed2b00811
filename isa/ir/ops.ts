/**
 * The IR's opcodes: one row of facts each. `isa/gen/ir.ts` writes `src-ts/gen/ir.ts` from this.
 *
 * A row ("instruction") of a function is its own value: value number == row number. Columns of a row:
 *
 *   op ty   opcode and result type (VOID where it has no single result)
 *   a b c   value operands (row numbers) where `args` says so, else free
 *   list    operand list in the pool (calls, return), where `list` is set; kept in column c
 *   imm     low and high 32 bits of the immediate (columns imm, imm2)
 *   aux     alias region and flags of memory accesses, signature of calls (column aux)
 *
 * Machine conventions every target keeps:
 * - An i32 in a register is always zero-extended to 64 bits, also in arguments, results and spill slots. So `zext` is
 *   free, and `wrap` costs a move unless its users only read the low half.
 * - f32/f64 are bit patterns. `ref` is a 64-bit pointer or handle, 0 = null. `i64` is also the type of native addresses.
 * - Shift and rotate counts are taken modulo the width. Compares give i32 0 or 1.
 *
 * Order contracts (asserted by isa/gen): ICC xor 1 negates an integer condition; ICC_SWAP swaps its operands.
 */

/** Value types, in the order of their numbers. */
export const types = ['void', 'i32', 'i64', 'f32', 'f64', 'v128', 'ref'] as const;

/** Integer conditions (column imm of icmp). xor 1 negates. */
export const intConditions = [
  'eq',
  'ne',
  'slt',
  'sge',
  'sgt',
  'sle',
  'ult',
  'uge',
  'ugt',
  'ule',
] as const;
/** Float conditions (column imm of fcmp): false on NaN, but for `ne`. Not negatable: swap the branch's edges instead. */
export const floatConditions = ['eq', 'ne', 'lt', 'gt', 'le', 'ge'] as const;

/** Alias regions (low byte of aux of loads and stores); bits 8..23 hold an instance number inside the region. */
export const regions = [
  'memory', // linear memory k
  'global', // global k, when no other global can be the same cell; imported mutable ones all use instance 0xffff
  'table', // entries of table k; imported tables all use instance 0xffff
  'tabledef', // length and base of table k (changed by table.grow, calls)
  'memdef', // size and (explicit mode) base of memory k (changed by memory.grow, calls)
  'readonly', // never changes while an instance lives: instance wiring, type ids, guard-mode memory base
  'any', // unknown: conflicts with everything
] as const;

/** Trap codes (imm of trap, trapif; object trap tables; native). The texts are the spec tests' own. */
export const traps = [
  ['unreachable', 'unreachable'],
  ['memory_oob', 'out of bounds memory access'],
  ['table_oob', 'out of bounds table access'],
  ['undefined_element', 'undefined element'],
  ['uninitialized_element', 'uninitialized element'],
  ['indirect_call_mismatch', 'indirect call type mismatch'],
  ['integer_overflow', 'integer overflow'],
  ['integer_divide_by_zero', 'integer divide by zero'],
  ['invalid_conversion', 'invalid conversion to integer'],
  ['stack_overflow', 'call stack exhausted'],
  ['null_reference', 'null reference'],
  ['interrupted', 'interrupted'],
] as const;

export interface OpRow {
  name: string;
  /** Number of value operands in columns a, b, c. */
  args: 0 | 1 | 2 | 3;
  /** Type of each operand: 't' = same as result, 'x' = any (see note), or a type name. */
  in?: readonly string[];
  /** Result type: 't' = column ty as given (any allowed), 'void', or a fixed type name. */
  out: string;
  /** What the immediate is, for printer and parser. */
  imm?:
    'const' | 'icc' | 'fcc' | 'offset' | 'trap' | 'func' | 'builtin' | 'index' | 'size' | 'edges';
  /** Has an operand list in the pool (column c). */
  list?: true;
  /** Column aux: alias region + flags, or a signature number. */
  aux?: 'mem' | 'sig';
  /** No effect and no dependence on state: may be value-numbered, moved, removed. */
  pure?: true;
  commutes?: true;
  /** May trap: an effect in program order; may not be removed although unused. */
  traps?: true;
  reads?: 'aux' | 'all';
  writes?: 'aux' | 'all';
  terminator?: true;
  note?: string;
}

const bin = (name: string, o: Partial<OpRow> = {}): OpRow => ({
  name,
  args: 2,
  in: ['t', 't'],
  out: 't',
  pure: true,
  ...o,
});
const un = (name: string, o: Partial<OpRow> = {}): OpRow => ({
  name,
  args: 1,
  in: ['t'],
  out: 't',
  pure: true,
  ...o,
});
const conv = (name: string, from: string, to: string, o: Partial<OpRow> = {}): OpRow => ({
  name,
  args: 1,
  in: [from],
  out: to,
  pure: true,
  ...o,
});
const load = (name: string, out: string): OpRow => ({
  name,
  args: 2,
  in: ['i64', 'x'],
  out,
  imm: 'offset',
  aux: 'mem',
  reads: 'aux',
  traps: true,
  note: 'address = a + zero-extended b (b may be NONE) + offset (unsigned 64-bit imm); traps unless aux has NOTRAP',
});
const store = (name: string): OpRow => ({
  name,
  args: 3,
  in: ['i64', 'x', 'x'],
  out: 'void',
  imm: 'offset',
  aux: 'mem',
  writes: 'aux',
  traps: true,
  note: 'address as load; c is the value stored; its low bits for narrow stores',
});

export const ops: readonly OpRow[] = [
  { name: 'nop', args: 0, out: 'void', note: 'a removed row' },
  {
    name: 'param',
    args: 0,
    out: 't',
    imm: 'index',
    note: 'block parameter; function parameters are those of block 0: param 0 is the context (i64), then the Wasm parameters',
  },
  {
    name: 'proj',
    args: 1,
    in: ['x'],
    out: 't',
    imm: 'index',
    pure: true,
    note: 'result imm of a call (column a) with several results; directly follows the call, in order',
  },
  {
    name: 'iconst',
    args: 0,
    out: 't',
    imm: 'const',
    pure: true,
    note: 'i32 (imm only; imm2 = 0), i64, or ref null',
  },
  {
    name: 'fconst',
    args: 0,
    out: 't',
    imm: 'const',
    pure: true,
    note: 'bit pattern of an f32 (imm) or f64',
  },

  bin('iadd', { commutes: true }),
  bin('isub'),
  bin('imul', { commutes: true }),
  bin('umulh', { commutes: true, note: 'i64 only: the high half of the 128-bit product' }),
  bin('smulh', { commutes: true, note: 'i64 only' }),
  bin('sdiv', { traps: true, pure: undefined }),
  bin('udiv', { traps: true, pure: undefined }),
  bin('srem', { traps: true, pure: undefined }),
  bin('urem', { traps: true, pure: undefined }),
  bin('iand', { commutes: true }),
  bin('ior', { commutes: true }),
  bin('ixor', { commutes: true }),
  bin('ishl', { note: 'count has the type of the value, taken modulo the width' }),
  bin('sshr'),
  bin('ushr'),
  bin('rotl'),
  bin('rotr'),
  un('clz'),
  un('ctz'),
  un('popcnt'),
  un('bswap', { note: 'bytes in the opposite order' }),
  un('sext8'),
  un('sext16'),
  un('sext32', { note: 'i64 only' }),
  {
    name: 'icmp',
    args: 2,
    in: ['x', 'x'],
    out: 'i32',
    imm: 'icc',
    pure: true,
    note: 'operands i32, i64 or ref, same type',
  },
  {
    name: 'fcmp',
    args: 2,
    in: ['x', 'x'],
    out: 'i32',
    imm: 'fcc',
    pure: true,
    note: 'operands f32 or f64',
  },
  { name: 'select', args: 3, in: ['i32', 't', 't'], out: 't', pure: true, note: 'a != 0 ? b : c' },

  bin('fadd', { commutes: true }),
  bin('fsub'),
  bin('fmul', { commutes: true }),
  bin('fdiv'),
  bin('fmin', { note: 'Wasm semantics: NaN propagates, -0 < +0' }),
  bin('fmax'),
  bin('fcopysign'),
  un('fabs'),
  un('fneg'),
  un('fsqrt'),
  un('fceil'),
  un('ffloor'),
  un('ftrunc'),
  un('fnearest'),

  conv('wrap', 'i64', 'i32'),
  conv('sext', 'i32', 'i64'),
  conv('zext', 'i32', 'i64'),
  {
    name: 'bitcast',
    args: 1,
    in: ['x'],
    out: 't',
    pure: true,
    note: 'same size: int <-> float, i64 <-> ref',
  },
  { name: 'fdemote', args: 1, in: ['f64'], out: 'f32', pure: true },
  { name: 'fpromote', args: 1, in: ['f32'], out: 'f64', pure: true },
  ...(['s', 'u'] as const).flatMap((s): OpRow[] => [
    {
      name: `ftoi_${s}`,
      args: 1,
      in: ['x'],
      out: 't',
      traps: true,
      note: 'truncate; traps invalid_conversion on NaN, integer_overflow out of range',
    },
    { name: `ftoi_sat_${s}`, args: 1, in: ['x'], out: 't', pure: true },
    { name: `itof_${s}`, args: 1, in: ['x'], out: 't', pure: true },
  ]),

  load('load', 't'),
  load('load8_s', 't'),
  load('load8_u', 't'),
  load('load16_s', 't'),
  load('load16_u', 't'),
  load('load32_s', 'i64'),
  load('load32_u', 'i64'),
  store('store'),
  store('store8'),
  store('store16'),
  store('store32'),
  {
    name: 'bound',
    args: 2,
    in: ['x', 'i64'],
    out: 'void',
    imm: 'size',
    traps: true,
    note: 'explicit-check mode: traps memory_oob unless zext(a) + imm <= b (no wrap-around), the size of a memory; imm is the end of the access past a (unsigned 64-bit) when above MEMORY_NEAR; 0 for ends up to MEMORY_NEAR, whose rest the tail behind the memory catches, or then a constant up to MEMORY_NEAR that belongs to the index. The access that is checked follows before any other effect: a check may be left to it',
  },

  {
    name: 'call',
    args: 0,
    out: 't',
    imm: 'func',
    list: true,
    aux: 'sig',
    traps: true,
    reads: 'all',
    writes: 'all',
    note: 'direct; imm = index among the defined functions; list = context then arguments; ty = the single result, else void',
  },
  {
    name: 'callind',
    args: 1,
    in: ['i64'],
    out: 't',
    list: true,
    aux: 'sig',
    traps: true,
    reads: 'all',
    writes: 'all',
    note: 'a = code address; list = callee context then arguments',
  },
  {
    name: 'callbuiltin',
    args: 0,
    out: 't',
    imm: 'builtin',
    list: true,
    traps: true,
    reads: 'all',
    writes: 'all',
    note: 'native helper (isa/abi/vmctx.ts), platform ABI; list = context then arguments',
  },
  {
    name: 'trapif',
    args: 1,
    in: ['i32'],
    out: 'void',
    imm: 'trap',
    traps: true,
    note: 'traps when a != 0',
  },
  {
    name: 'sigcheck',
    args: 2,
    in: ['i32', 'i32'],
    out: 'void',
    traps: true,
    note: 'a = type id found in a table entry, b = wanted; traps uninitialized_element if a is 0xffffffff (null), else indirect_call_mismatch, unless equal',
  },

  { name: 'jump', args: 0, out: 'void', imm: 'edges', terminator: true },
  {
    name: 'brif',
    args: 1,
    in: ['i32'],
    out: 'void',
    imm: 'edges',
    terminator: true,
    note: 'edge 0 when a != 0, edge 1 otherwise',
  },
  {
    name: 'brtable',
    args: 1,
    in: ['i32'],
    out: 'void',
    imm: 'edges',
    terminator: true,
    note: 'edge min(a, n-1) (unsigned)',
  },
  { name: 'ret', args: 0, out: 'void', list: true, terminator: true },
  {
    name: 'retcall',
    args: 0,
    out: 'void',
    imm: 'func',
    list: true,
    aux: 'sig',
    traps: true,
    reads: 'all',
    writes: 'all',
    terminator: true,
    note: 'tail call, as call',
  },
  {
    name: 'retcallind',
    args: 1,
    in: ['i64'],
    out: 'void',
    list: true,
    aux: 'sig',
    traps: true,
    reads: 'all',
    writes: 'all',
    terminator: true,
  },
  { name: 'trap', args: 0, out: 'void', imm: 'trap', traps: true, terminator: true },
];
