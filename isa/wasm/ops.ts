// Every opcode of WebAssembly 3.0 (and the two finished-looking proposals beyond it), one row each, in the
// notation of the core specification's appendix "Index of Instructions".
//
// A row is `code name [immediates] [: params -> results]`. The code is `6a`, or `fc:08` for a prefixed
// opcode. A signature marks a *plain* operator: it is checked by that signature alone. Operators without
// one depend on the type, local, label… their immediates name and are checked by hand.
// Immediates: block label labels func type table local global mem data elem tag heap reftypes
// i32 i64 f32 f64 v128 lane; `memarg:N` is a memory operand of natural alignment 2^N.
// Operators that need a feature beyond WebAssembly 2.0 are listed under that feature's heading.

/** Feature names in bit order; the bit number of a feature is its index. Base is WebAssembly 2.0 without SIMD. */
export const FEATURES: readonly (readonly [name: string, title: string])[] = [
  ['EXTENDED_CONST', 'extended constant expressions'],
  ['TAIL_CALL', 'tail calls'],
  ['SIMD', 'SIMD (v128)'],
  ['RELAXED_SIMD', 'relaxed SIMD'],
  ['THREADS', 'threads (shared memories and atomics)'],
  ['EXCEPTIONS', 'exception handling'],
  ['LEGACY_EXCEPTIONS', 'legacy exception handling'],
  ['FUNCTION_REFERENCES', 'typed function references'],
  ['GC', 'garbage collection'],
  ['MEMORY64', '64-bit memories and tables'],
  ['MULTI_MEMORY', 'multiple memories'],
  ['CUSTOM_PAGE_SIZES', 'custom page sizes'],
  ['WIDE_ARITHMETIC', 'wide arithmetic'],
];

/** Value type numbers of the plain signatures; the same numbers as src-ts/wasm/types.ts. */
export const VALUE_TYPES: readonly string[] = ['', 'i32', 'i64', 'f32', 'f64', 'v128'];

const CONTROL = `
00 unreachable
01 nop
02 block block
03 loop block
04 if block
05 else
0b end
0c br label
0d br_if label
0e br_table labels
0f return
10 call func
11 call_indirect type table
1a drop
1b select
1c select reftypes
20 local.get local
21 local.set local
22 local.tee local
23 global.get global
24 global.set global
25 table.get table
26 table.set table
d0 ref.null heap
d1 ref.is_null
d2 ref.func func
`;

const MEMORY = `
28 i32.load memarg:2 : i32 -> i32
29 i64.load memarg:3 : i32 -> i64
2a f32.load memarg:2 : i32 -> f32
2b f64.load memarg:3 : i32 -> f64
2c i32.load8_s memarg:0 : i32 -> i32
2d i32.load8_u memarg:0 : i32 -> i32
2e i32.load16_s memarg:1 : i32 -> i32
2f i32.load16_u memarg:1 : i32 -> i32
30 i64.load8_s memarg:0 : i32 -> i64
31 i64.load8_u memarg:0 : i32 -> i64
32 i64.load16_s memarg:1 : i32 -> i64
33 i64.load16_u memarg:1 : i32 -> i64
34 i64.load32_s memarg:2 : i32 -> i64
35 i64.load32_u memarg:2 : i32 -> i64
36 i32.store memarg:2 : i32 i32 ->
37 i64.store memarg:3 : i32 i64 ->
38 f32.store memarg:2 : i32 f32 ->
39 f64.store memarg:3 : i32 f64 ->
3a i32.store8 memarg:0 : i32 i32 ->
3b i32.store16 memarg:1 : i32 i32 ->
3c i64.store8 memarg:0 : i32 i64 ->
3d i64.store16 memarg:1 : i32 i64 ->
3e i64.store32 memarg:2 : i32 i64 ->
3f memory.size mem : -> i32
40 memory.grow mem : i32 -> i32
fc:08 memory.init data mem : i32 i32 i32 ->
fc:09 data.drop data : ->
fc:0a memory.copy mem mem : i32 i32 i32 ->
fc:0b memory.fill mem : i32 i32 i32 ->
fc:0c table.init elem table : i32 i32 i32 ->
fc:0d elem.drop elem : ->
fc:0e table.copy table table : i32 i32 i32 ->
fc:0f table.grow table
fc:10 table.size table : -> i32
fc:11 table.fill table
`;

const NUMERIC = `
41 i32.const i32 : -> i32
42 i64.const i64 : -> i64
43 f32.const f32 : -> f32
44 f64.const f64 : -> f64
45 i32.eqz : i32 -> i32
46 i32.eq : i32 i32 -> i32
47 i32.ne : i32 i32 -> i32
48 i32.lt_s : i32 i32 -> i32
49 i32.lt_u : i32 i32 -> i32
4a i32.gt_s : i32 i32 -> i32
4b i32.gt_u : i32 i32 -> i32
4c i32.le_s : i32 i32 -> i32
4d i32.le_u : i32 i32 -> i32
4e i32.ge_s : i32 i32 -> i32
4f i32.ge_u : i32 i32 -> i32
50 i64.eqz : i64 -> i32
51 i64.eq : i64 i64 -> i32
52 i64.ne : i64 i64 -> i32
53 i64.lt_s : i64 i64 -> i32
54 i64.lt_u : i64 i64 -> i32
55 i64.gt_s : i64 i64 -> i32
56 i64.gt_u : i64 i64 -> i32
57 i64.le_s : i64 i64 -> i32
58 i64.le_u : i64 i64 -> i32
59 i64.ge_s : i64 i64 -> i32
5a i64.ge_u : i64 i64 -> i32
5b f32.eq : f32 f32 -> i32
5c f32.ne : f32 f32 -> i32
5d f32.lt : f32 f32 -> i32
5e f32.gt : f32 f32 -> i32
5f f32.le : f32 f32 -> i32
60 f32.ge : f32 f32 -> i32
61 f64.eq : f64 f64 -> i32
62 f64.ne : f64 f64 -> i32
63 f64.lt : f64 f64 -> i32
64 f64.gt : f64 f64 -> i32
65 f64.le : f64 f64 -> i32
66 f64.ge : f64 f64 -> i32
67 i32.clz : i32 -> i32
68 i32.ctz : i32 -> i32
69 i32.popcnt : i32 -> i32
6a i32.add : i32 i32 -> i32
6b i32.sub : i32 i32 -> i32
6c i32.mul : i32 i32 -> i32
6d i32.div_s : i32 i32 -> i32
6e i32.div_u : i32 i32 -> i32
6f i32.rem_s : i32 i32 -> i32
70 i32.rem_u : i32 i32 -> i32
71 i32.and : i32 i32 -> i32
72 i32.or : i32 i32 -> i32
73 i32.xor : i32 i32 -> i32
74 i32.shl : i32 i32 -> i32
75 i32.shr_s : i32 i32 -> i32
76 i32.shr_u : i32 i32 -> i32
77 i32.rotl : i32 i32 -> i32
78 i32.rotr : i32 i32 -> i32
79 i64.clz : i64 -> i64
7a i64.ctz : i64 -> i64
7b i64.popcnt : i64 -> i64
7c i64.add : i64 i64 -> i64
7d i64.sub : i64 i64 -> i64
7e i64.mul : i64 i64 -> i64
7f i64.div_s : i64 i64 -> i64
80 i64.div_u : i64 i64 -> i64
81 i64.rem_s : i64 i64 -> i64
82 i64.rem_u : i64 i64 -> i64
83 i64.and : i64 i64 -> i64
84 i64.or : i64 i64 -> i64
85 i64.xor : i64 i64 -> i64
86 i64.shl : i64 i64 -> i64
87 i64.shr_s : i64 i64 -> i64
88 i64.shr_u : i64 i64 -> i64
89 i64.rotl : i64 i64 -> i64
8a i64.rotr : i64 i64 -> i64
8b f32.abs : f32 -> f32
8c f32.neg : f32 -> f32
8d f32.ceil : f32 -> f32
8e f32.floor : f32 -> f32
8f f32.trunc : f32 -> f32
90 f32.nearest : f32 -> f32
91 f32.sqrt : f32 -> f32
92 f32.add : f32 f32 -> f32
93 f32.sub : f32 f32 -> f32
94 f32.mul : f32 f32 -> f32
95 f32.div : f32 f32 -> f32
96 f32.min : f32 f32 -> f32
97 f32.max : f32 f32 -> f32
98 f32.copysign : f32 f32 -> f32
99 f64.abs : f64 -> f64
9a f64.neg : f64 -> f64
9b f64.ceil : f64 -> f64
9c f64.floor : f64 -> f64
9d f64.trunc : f64 -> f64
9e f64.nearest : f64 -> f64
9f f64.sqrt : f64 -> f64
a0 f64.add : f64 f64 -> f64
a1 f64.sub : f64 f64 -> f64
a2 f64.mul : f64 f64 -> f64
a3 f64.div : f64 f64 -> f64
a4 f64.min : f64 f64 -> f64
a5 f64.max : f64 f64 -> f64
a6 f64.copysign : f64 f64 -> f64
a7 i32.wrap_i64 : i64 -> i32
a8 i32.trunc_f32_s : f32 -> i32
a9 i32.trunc_f32_u : f32 -> i32
aa i32.trunc_f64_s : f64 -> i32
ab i32.trunc_f64_u : f64 -> i32
ac i64.extend_i32_s : i32 -> i64
ad i64.extend_i32_u : i32 -> i64
ae i64.trunc_f32_s : f32 -> i64
af i64.trunc_f32_u : f32 -> i64
b0 i64.trunc_f64_s : f64 -> i64
b1 i64.trunc_f64_u : f64 -> i64
b2 f32.convert_i32_s : i32 -> f32
b3 f32.convert_i32_u : i32 -> f32
b4 f32.convert_i64_s : i64 -> f32
b5 f32.convert_i64_u : i64 -> f32
b6 f32.demote_f64 : f64 -> f32
b7 f64.convert_i32_s : i32 -> f64
b8 f64.convert_i32_u : i32 -> f64
b9 f64.convert_i64_s : i64 -> f64
ba f64.convert_i64_u : i64 -> f64
bb f64.promote_f32 : f32 -> f64
bc i32.reinterpret_f32 : f32 -> i32
bd i64.reinterpret_f64 : f64 -> i64
be f32.reinterpret_i32 : i32 -> f32
bf f64.reinterpret_i64 : i64 -> f64
c0 i32.extend8_s : i32 -> i32
c1 i32.extend16_s : i32 -> i32
c2 i64.extend8_s : i64 -> i64
c3 i64.extend16_s : i64 -> i64
c4 i64.extend32_s : i64 -> i64
fc:00 i32.trunc_sat_f32_s : f32 -> i32
fc:01 i32.trunc_sat_f32_u : f32 -> i32
fc:02 i32.trunc_sat_f64_s : f64 -> i32
fc:03 i32.trunc_sat_f64_u : f64 -> i32
fc:04 i64.trunc_sat_f32_s : f32 -> i64
fc:05 i64.trunc_sat_f32_u : f32 -> i64
fc:06 i64.trunc_sat_f64_s : f64 -> i64
fc:07 i64.trunc_sat_f64_u : f64 -> i64
`;

const TAIL_CALL = `
12 return_call func
13 return_call_indirect type table
`;

// Known, but of no feature implemented yet: named so that a refusal says what is missing.

const LEGACY_EXCEPTIONS = `
06 try block
07 catch tag
09 rethrow label
18 delegate label
19 catch_all
`;

const EXCEPTIONS = `
08 throw tag
0a throw_ref
1f try_table
`;

const FUNCTION_REFERENCES = `
14 call_ref type
15 return_call_ref type
d4 ref.as_non_null
d5 br_on_null label
d6 br_on_non_null label
`;

const GC = `
d3 ref.eq
fb:00 struct.new
fb:01 struct.new_default
fb:02 struct.get
fb:03 struct.get_s
fb:04 struct.get_u
fb:05 struct.set
fb:06 array.new
fb:07 array.new_default
fb:08 array.new_fixed
fb:09 array.new_data
fb:0a array.new_elem
fb:0b array.get
fb:0c array.get_s
fb:0d array.get_u
fb:0e array.set
fb:0f array.len
fb:10 array.fill
fb:11 array.copy
fb:12 array.init_data
fb:13 array.init_elem
fb:14 ref.test
fb:15 ref.test_null
fb:16 ref.cast
fb:17 ref.cast_null
fb:18 br_on_cast
fb:19 br_on_cast_fail
fb:1a any.convert_extern
fb:1b extern.convert_any
fb:1c ref.i31
fb:1d i31.get_s
fb:1e i31.get_u
`;

const WIDE_ARITHMETIC = `
fc:13 i64.add128
fc:14 i64.sub128
fc:15 i64.mul_wide_s
fc:16 i64.mul_wide_u
`;

/** Runs of consecutive opcodes under a prefix, as the appendix lists them; `-` is a hole. */
const SIMD_RUNS: readonly (readonly [first: number, names: string])[] = [
  [0x00, 'v128.load v128.load8x8_s v128.load8x8_u v128.load16x4_s v128.load16x4_u v128.load32x2_s'],
  [0x06, 'v128.load32x2_u v128.load8_splat v128.load16_splat v128.load32_splat v128.load64_splat'],
  [0x0b, 'v128.store v128.const i8x16.shuffle i8x16.swizzle i8x16.splat i16x8.splat i32x4.splat'],
  [0x12, 'i64x2.splat f32x4.splat f64x2.splat i8x16.extract_lane_s i8x16.extract_lane_u'],
  [0x17, 'i8x16.replace_lane i16x8.extract_lane_s i16x8.extract_lane_u i16x8.replace_lane'],
  [0x1b, 'i32x4.extract_lane i32x4.replace_lane i64x2.extract_lane i64x2.replace_lane'],
  [0x1f, 'f32x4.extract_lane f32x4.replace_lane f64x2.extract_lane f64x2.replace_lane'],
  [0x23, 'i8x16.eq i8x16.ne i8x16.lt_s i8x16.lt_u i8x16.gt_s i8x16.gt_u i8x16.le_s i8x16.le_u'],
  [0x2b, 'i8x16.ge_s i8x16.ge_u i16x8.eq i16x8.ne i16x8.lt_s i16x8.lt_u i16x8.gt_s i16x8.gt_u'],
  [0x33, 'i16x8.le_s i16x8.le_u i16x8.ge_s i16x8.ge_u i32x4.eq i32x4.ne i32x4.lt_s i32x4.lt_u'],
  [0x3b, 'i32x4.gt_s i32x4.gt_u i32x4.le_s i32x4.le_u i32x4.ge_s i32x4.ge_u f32x4.eq f32x4.ne'],
  [
    0x43,
    'f32x4.lt f32x4.gt f32x4.le f32x4.ge f64x2.eq f64x2.ne f64x2.lt f64x2.gt f64x2.le f64x2.ge',
  ],
  [0x4d, 'v128.not v128.and v128.andnot v128.or v128.xor v128.bitselect v128.any_true'],
  [0x54, 'v128.load8_lane v128.load16_lane v128.load32_lane v128.load64_lane v128.store8_lane'],
  [0x59, 'v128.store16_lane v128.store32_lane v128.store64_lane v128.load32_zero v128.load64_zero'],
  [0x5e, 'f32x4.demote_f64x2_zero f64x2.promote_low_f32x4 i8x16.abs i8x16.neg i8x16.popcnt'],
  [0x63, 'i8x16.all_true i8x16.bitmask i8x16.narrow_i16x8_s i8x16.narrow_i16x8_u f32x4.ceil'],
  [0x68, 'f32x4.floor f32x4.trunc f32x4.nearest i8x16.shl i8x16.shr_s i8x16.shr_u i8x16.add'],
  [0x6f, 'i8x16.add_sat_s i8x16.add_sat_u i8x16.sub i8x16.sub_sat_s i8x16.sub_sat_u f64x2.ceil'],
  [0x75, 'f64x2.floor i8x16.min_s i8x16.min_u i8x16.max_s i8x16.max_u f64x2.trunc i8x16.avgr_u'],
  [0x7c, 'i16x8.extadd_pairwise_i8x16_s i16x8.extadd_pairwise_i8x16_u'],
  [0x7e, 'i32x4.extadd_pairwise_i16x8_s i32x4.extadd_pairwise_i16x8_u i16x8.abs i16x8.neg'],
  [0x82, 'i16x8.q15mulr_sat_s i16x8.all_true i16x8.bitmask i16x8.narrow_i32x4_s'],
  [0x86, 'i16x8.narrow_i32x4_u i16x8.extend_low_i8x16_s i16x8.extend_high_i8x16_s'],
  [0x89, 'i16x8.extend_low_i8x16_u i16x8.extend_high_i8x16_u i16x8.shl i16x8.shr_s i16x8.shr_u'],
  [0x8e, 'i16x8.add i16x8.add_sat_s i16x8.add_sat_u i16x8.sub i16x8.sub_sat_s i16x8.sub_sat_u'],
  [0x94, 'f64x2.nearest i16x8.mul i16x8.min_s i16x8.min_u i16x8.max_s i16x8.max_u - i16x8.avgr_u'],
  [0x9c, 'i16x8.extmul_low_i8x16_s i16x8.extmul_high_i8x16_s i16x8.extmul_low_i8x16_u'],
  [0x9f, 'i16x8.extmul_high_i8x16_u i32x4.abs i32x4.neg - i32x4.all_true i32x4.bitmask - -'],
  [0xa7, 'i32x4.extend_low_i16x8_s i32x4.extend_high_i16x8_s i32x4.extend_low_i16x8_u'],
  [0xaa, 'i32x4.extend_high_i16x8_u i32x4.shl i32x4.shr_s i32x4.shr_u i32x4.add - - i32x4.sub'],
  [0xb5, 'i32x4.mul i32x4.min_s i32x4.min_u i32x4.max_s i32x4.max_u i32x4.dot_i16x8_s'],
  [0xbc, 'i32x4.extmul_low_i16x8_s i32x4.extmul_high_i16x8_s i32x4.extmul_low_i16x8_u'],
  [0xbf, 'i32x4.extmul_high_i16x8_u i64x2.abs i64x2.neg - i64x2.all_true i64x2.bitmask - -'],
  [0xc7, 'i64x2.extend_low_i32x4_s i64x2.extend_high_i32x4_s i64x2.extend_low_i32x4_u'],
  [0xca, 'i64x2.extend_high_i32x4_u i64x2.shl i64x2.shr_s i64x2.shr_u i64x2.add - - i64x2.sub'],
  [0xd5, 'i64x2.mul i64x2.eq i64x2.ne i64x2.lt_s i64x2.gt_s i64x2.le_s i64x2.ge_s'],
  [0xdc, 'i64x2.extmul_low_i32x4_s i64x2.extmul_high_i32x4_s i64x2.extmul_low_i32x4_u'],
  [0xdf, 'i64x2.extmul_high_i32x4_u f32x4.abs f32x4.neg - f32x4.sqrt f32x4.add f32x4.sub'],
  [0xe6, 'f32x4.mul f32x4.div f32x4.min f32x4.max f32x4.pmin f32x4.pmax f64x2.abs f64x2.neg'],
  [0xef, 'f64x2.sqrt f64x2.add f64x2.sub f64x2.mul f64x2.div f64x2.min f64x2.max f64x2.pmin'],
  [0xf7, 'f64x2.pmax i32x4.trunc_sat_f32x4_s i32x4.trunc_sat_f32x4_u f32x4.convert_i32x4_s'],
  [0xfb, 'f32x4.convert_i32x4_u i32x4.trunc_sat_f64x2_s_zero i32x4.trunc_sat_f64x2_u_zero'],
  [0xfe, 'f64x2.convert_low_i32x4_s f64x2.convert_low_i32x4_u'],
];

const RELAXED_SIMD_RUNS: typeof SIMD_RUNS = [
  [0x100, 'i8x16.relaxed_swizzle i32x4.relaxed_trunc_f32x4_s i32x4.relaxed_trunc_f32x4_u'],
  [0x103, 'i32x4.relaxed_trunc_f64x2_s_zero i32x4.relaxed_trunc_f64x2_u_zero'],
  [0x105, 'f32x4.relaxed_madd f32x4.relaxed_nmadd f64x2.relaxed_madd f64x2.relaxed_nmadd'],
  [0x109, 'i8x16.relaxed_laneselect i16x8.relaxed_laneselect i32x4.relaxed_laneselect'],
  [0x10c, 'i64x2.relaxed_laneselect f32x4.relaxed_min f32x4.relaxed_max f64x2.relaxed_min'],
  [0x110, 'f64x2.relaxed_max i16x8.relaxed_q15mulr_s i16x8.relaxed_dot_i8x16_i7x16_s'],
  [0x113, 'i32x4.relaxed_dot_i8x16_i7x16_add_s'],
];

const ATOMIC_WIDTHS = (op: string, u: string): string =>
  ['i32.atomic.X', 'i64.atomic.X', 'i32.atomic.8', 'i32.atomic.16', 'i64.atomic.8', 'i64.atomic.16']
    .concat('i64.atomic.32')
    .map((w) => atomicName(w, op, u))
    .join(' ');

/** `rmw8.add_u` puts the width into the prefix word (`rmw8`), `load8_u`/`store8` onto the operation. */
function atomicName(width: string, op: string, u: string): string {
  const [type, , bits] = width.split('.') as [string, string, string];
  const n = bits === 'X' ? '' : bits;
  const suffix = n === '' ? '' : u;
  if (op === 'load' || op === 'store') return `${type}.atomic.${op}${n}${suffix}`;
  return `${type}.atomic.rmw${n}.${op}${suffix}`;
}

const THREADS_RUNS: typeof SIMD_RUNS = [
  [0x00, 'memory.atomic.notify memory.atomic.wait32 memory.atomic.wait64 atomic.fence'],
  [0x10, ATOMIC_WIDTHS('load', '_u')],
  [0x17, ATOMIC_WIDTHS('store', '')],
  [0x1e, ATOMIC_WIDTHS('add', '_u')],
  [0x25, ATOMIC_WIDTHS('sub', '_u')],
  [0x2c, ATOMIC_WIDTHS('and', '_u')],
  [0x33, ATOMIC_WIDTHS('or', '_u')],
  [0x3a, ATOMIC_WIDTHS('xor', '_u')],
  [0x41, ATOMIC_WIDTHS('xchg', '_u')],
  [0x48, ATOMIC_WIDTHS('cmpxchg', '_u')],
];

/** One opcode. `prefix` is 0 for one-byte opcodes; `feature` is '' for WebAssembly 2.0. */
export interface WasmOp {
  readonly prefix: number;
  readonly code: number;
  readonly name: string;
  readonly immediates: readonly string[];
  /** Natural alignment (log2 bytes) of a memory operand, else -1. */
  readonly align: number;
  readonly params: readonly string[];
  readonly results: readonly string[];
  readonly plain: boolean;
  readonly feature: string;
}

const words = (s: string | undefined): string[] => (s ?? '').split(' ').filter((w) => w !== '');

function parseRow(line: string, feature: string): WasmOp {
  const [head = '', signature] = line.split(' :');
  const [code = '', name = '', ...immediates] = words(head);
  const [prefix, sub] = code.includes(':') ? code.split(':') : ['0', code];
  const [params, results] = (signature ?? '').split('->');
  const align = immediates.find((i) => i.startsWith('memarg:'));
  return {
    prefix: parseInt(prefix ?? '', 16),
    code: parseInt(sub ?? '', 16),
    name,
    immediates: immediates.map((i) => i.split(':')[0] ?? ''),
    align: align === undefined ? -1 : Number(align.slice('memarg:'.length)),
    params: words(params),
    results: words(results),
    plain: signature !== undefined,
    feature,
  };
}

const rows = (text: string, feature = ''): WasmOp[] =>
  text
    .trim()
    .split('\n')
    .map((line) => parseRow(line, feature));

function runs(prefix: number, feature: string, list: typeof SIMD_RUNS): WasmOp[] {
  const hex = (n: number): string => n.toString(16);
  return list.flatMap(([first, names]) =>
    words(names)
      .map((name, i) => ({ name, i }))
      .filter(({ name }) => name !== '-')
      .map(({ name, i }) => parseRow(`${hex(prefix)}:${hex(first + i)} ${name}`, feature)),
  );
}

/** All opcodes. */
export const wasmOps: readonly WasmOp[] = [
  ...rows(CONTROL),
  ...rows(MEMORY),
  ...rows(NUMERIC),
  ...rows(TAIL_CALL, 'TAIL_CALL'),
  ...rows(LEGACY_EXCEPTIONS, 'LEGACY_EXCEPTIONS'),
  ...rows(EXCEPTIONS, 'EXCEPTIONS'),
  ...rows(FUNCTION_REFERENCES, 'FUNCTION_REFERENCES'),
  ...rows(GC, 'GC'),
  ...rows(WIDE_ARITHMETIC, 'WIDE_ARITHMETIC'),
  ...runs(0xfd, 'SIMD', SIMD_RUNS),
  ...runs(0xfd, 'RELAXED_SIMD', RELAXED_SIMD_RUNS),
  ...runs(0xfe, 'THREADS', THREADS_RUNS),
];
