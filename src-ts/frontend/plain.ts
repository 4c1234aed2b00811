/**
 * How plain Wasm operators are expressed in the IR: tables indexed by (dense) Wasm opcode, filled once from the operators'
 * names. An operator whose action is ACT_OTHER is handled by name in translate.ts.
 */
import * as Ir from '../gen/ir.ts';
import * as Wasm from '../gen/wasm.ts';
import { bug } from '../util/bug.ts';

export const ACT_OTHER = 0;
export const ACT_BINARY = 1;
export const ACT_UNARY = 2;
export const ACT_ICMP = 3;
export const ACT_FCMP = 4;
export const ACT_EQZ = 5;
export const ACT_LOAD = 6;
export const ACT_STORE = 7;

const N = Wasm.OP_SIG.length;
export const ACTION = new Uint8Array(N);
/** IR opcode, or the condition for compares. */
export const IR_OP = new Uint8Array(N);
/** Type of the last operand (of every operand, for the actions here but stores), and of the result. */
export const OPERAND = new Uint8Array(N);
export const RESULT = new Uint8Array(N);
/** Bytes accessed by loads and stores. */
export const ACCESS_SIZE = new Uint8Array(N);

const INT_BINARY: Record<string, number> = {
  add: Ir.IADD,
  sub: Ir.ISUB,
  mul: Ir.IMUL,
  div_s: Ir.SDIV,
  div_u: Ir.UDIV,
  rem_s: Ir.SREM,
  rem_u: Ir.UREM,
  and: Ir.IAND,
  or: Ir.IOR,
  xor: Ir.IXOR,
  shl: Ir.ISHL,
  shr_s: Ir.SSHR,
  shr_u: Ir.USHR,
  rotl: Ir.ROTL,
  rotr: Ir.ROTR,
};

const FLOAT_BINARY: Record<string, number> = {
  add: Ir.FADD,
  sub: Ir.FSUB,
  mul: Ir.FMUL,
  div: Ir.FDIV,
  min: Ir.FMIN,
  max: Ir.FMAX,
  copysign: Ir.FCOPYSIGN,
};

const UNARY: Record<string, number> = {
  clz: Ir.CLZ,
  ctz: Ir.CTZ,
  popcnt: Ir.POPCNT,
  extend8_s: Ir.SEXT8,
  extend16_s: Ir.SEXT16,
  extend32_s: Ir.SEXT32,
  abs: Ir.FABS,
  neg: Ir.FNEG,
  ceil: Ir.FCEIL,
  floor: Ir.FFLOOR,
  trunc: Ir.FTRUNC,
  nearest: Ir.FNEAREST,
  sqrt: Ir.FSQRT,
  wrap_i64: Ir.WRAP,
  extend_i32_s: Ir.SEXT,
  extend_i32_u: Ir.ZEXT,
  demote_f64: Ir.FDEMOTE,
  promote_f32: Ir.FPROMOTE,
};

const CONVERSION: Record<string, number> = {
  trunc_s: Ir.FTOI_S,
  trunc_u: Ir.FTOI_U,
  trunc_sat_s: Ir.FTOI_SAT_S,
  trunc_sat_u: Ir.FTOI_SAT_U,
  convert_s: Ir.ITOF_S,
  convert_u: Ir.ITOF_U,
  reinterpret: Ir.BITCAST,
};

const INT_COMPARE: Record<string, number> = {
  eq: Ir.ICC_EQ,
  ne: Ir.ICC_NE,
  lt_s: Ir.ICC_SLT,
  lt_u: Ir.ICC_ULT,
  gt_s: Ir.ICC_SGT,
  gt_u: Ir.ICC_UGT,
  le_s: Ir.ICC_SLE,
  le_u: Ir.ICC_ULE,
  ge_s: Ir.ICC_SGE,
  ge_u: Ir.ICC_UGE,
};

const FLOAT_COMPARE: Record<string, number> = {
  eq: Ir.FCC_EQ,
  ne: Ir.FCC_NE,
  lt: Ir.FCC_LT,
  gt: Ir.FCC_GT,
  le: Ir.FCC_LE,
  ge: Ir.FCC_GE,
};

const ACCESS: Record<string, readonly [number, size: number]> = {
  load8_s: [Ir.LOAD8_S, 1],
  load8_u: [Ir.LOAD8_U, 1],
  load16_s: [Ir.LOAD16_S, 2],
  load16_u: [Ir.LOAD16_U, 2],
  load32_s: [Ir.LOAD32_S, 4],
  load32_u: [Ir.LOAD32_U, 4],
  load: [Ir.LOAD, 0],
  store8: [Ir.STORE8, 1],
  store16: [Ir.STORE16, 2],
  store32: [Ir.STORE32, 4],
  store: [Ir.STORE, 0],
};

function set(op: number, action: number, ir: number): void {
  ACTION[op] = action;
  IR_OP[op] = ir;
  OPERAND[op] = (Wasm.OP_SIG[op]! >>> 4) & 15;
  RESULT[op] = Wasm.OP_SIG[op]! & 15;
}

function setAccess(op: number, type: string, name: string): void {
  const [ir, size] = ACCESS[name]!;
  set(op, name.startsWith('load') ? ACT_LOAD : ACT_STORE, ir);
  ACCESS_SIZE[op] = size !== 0 ? size : type.endsWith('64') ? 8 : 4;
}

/** Enters one numeric operator, by the two halves of its name. */
function enter(op: number, type: string, name: string): void {
  const float = type.startsWith('f');
  const binary = float ? FLOAT_BINARY[name] : INT_BINARY[name];
  const compare = float ? FLOAT_COMPARE[name] : INT_COMPARE[name];
  const conversion = CONVERSION[name.replace(/_[if](32|64)/, '')];
  if (binary !== undefined) set(op, ACT_BINARY, binary);
  else if (compare !== undefined) set(op, float ? ACT_FCMP : ACT_ICMP, compare);
  else if (name === 'eqz') set(op, ACT_EQZ, Ir.ICC_EQ);
  else if (UNARY[name] !== undefined) set(op, ACT_UNARY, UNARY[name]);
  else if (ACCESS[name] !== undefined) setAccess(op, type, name);
  else if (conversion !== undefined) set(op, ACT_UNARY, conversion);
  else if (name !== 'const') bug('frontend', `no translation for ${type}.${name}`);
}

for (let op = 0; op < N; op++) {
  if (Wasm.OP_FEATURE[op] !== 0) continue;
  const [type = '', name] = Wasm.OP_NAMES[op]!.split('.');
  if (name !== undefined && /^[if](32|64)$/.test(type)) enter(op, type, name);
}
