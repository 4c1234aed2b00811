/** The table of lowering rules: one per IR opcode. A missing rule stops the program at start. */
import * as Op from '../../gen/ir.ts';
import { I_BRANCH } from '../../mach/vcode.ts';
import { bug } from '../../util/bug.ts';
import type { Rules } from './context.ts';
import * as Cond from './lowercond.ts';
import * as Float from './lowerfloat.ts';
import * as Int from './lowerint.ts';
import { lowerBitcast, lowerLoad, lowerStore } from './lowermem.ts';
import * as P from './ops.ts';

type Rule = (c: Rules, row: number) => void;

/** Rows the driver never hands to a rule. */
const never: Rule = (c, row) => bug('aarch64 lowering', `no rule for ${Op.OP_NAMES[c.f.op[row]]}`);

function lowerJumpRow(c: Rules, row: number): void {
  jump(c, c.lower.edgePlace(c.f.imm[row]));
}

/** Jumps to a block place. */
export function jump(c: Rules, place: number): void {
  c.lower.inst(P.P_JUMP);
  c.lower.imm(place);
  c.lower.flags(I_BRANCH);
}

function lowerBrIf(c: Rules, row: number): void {
  const { f, lower } = c;
  Cond.onCondition(c, P.P_BRANCH, f.a[row], row);
  lower.imm(lower.edgePlace(f.imm[row]));
  lower.imm2(lower.edgePlace(f.imm[row] + 1));
  lower.flags(I_BRANCH);
}

function lowerBrTable(c: Rules, row: number): void {
  const { f, lower } = c;
  const first = f.imm[row];
  const count = f.imm2[row];
  if (count === 1) {
    jump(c, lower.edgePlace(first));
    return;
  }
  const index = lower.low32Of(f.a[row]);
  const start = lower.tableEntryCount;
  for (let e = first; e < first + count; e++) lower.tableEntry(lower.edgePlace(e));
  lower.inst(P.P_BRTABLE);
  c.use(index);
  lower.imm(start);
  lower.imm2(count);
  lower.flags(I_BRANCH);
}

function lowerTrap(c: Rules, row: number): void {
  c.lower.inst(P.P_TRAP);
  c.lower.imm(c.f.imm[row]);
}

const TABLE: Record<string, Rule> = {
  nop: never,
  param: never,
  proj: never,
  iconst: Int.lowerConst,
  fconst: Int.lowerConst,
  iadd: Int.lowerAddSub,
  isub: Int.lowerAddSub,
  imul: Int.lowerMul,
  umulh: Int.lowerMulHigh,
  smulh: Int.lowerMulHigh,
  sdiv: Int.lowerDiv,
  udiv: Int.lowerDiv,
  srem: Int.lowerDiv,
  urem: Int.lowerDiv,
  iand: Int.lowerLogical,
  ior: Int.lowerLogical,
  ixor: Int.lowerLogical,
  ishl: Int.lowerShift,
  sshr: Int.lowerShift,
  ushr: Int.lowerShift,
  rotl: Int.lowerShift,
  rotr: Int.lowerShift,
  clz: Int.lowerClz,
  ctz: Int.lowerCtz,
  popcnt: Int.lowerPopcnt,
  bswap: Int.lowerBswap,
  sext8: Int.lowerExtend,
  sext16: Int.lowerExtend,
  sext32: Int.lowerExtend,
  icmp: Cond.lowerSetcc,
  fcmp: Cond.lowerSetcc,
  select: Cond.lowerSelect,
  fadd: Float.lowerFloatBinary,
  fsub: Float.lowerFloatBinary,
  fmul: Float.lowerFloatBinary,
  fdiv: Float.lowerFloatBinary,
  fmin: Float.lowerFloatBinary,
  fmax: Float.lowerFloatBinary,
  fcopysign: Float.lowerCopysign,
  fabs: Float.lowerFloatUnary,
  fneg: Float.lowerFloatUnary,
  fsqrt: Float.lowerFloatUnary,
  fceil: Float.lowerFloatUnary,
  ffloor: Float.lowerFloatUnary,
  ftrunc: Float.lowerFloatUnary,
  fnearest: Float.lowerFloatUnary,
  wrap: Int.lowerWrap,
  sext: Int.lowerExtend,
  zext: never,
  bitcast: lowerBitcast,
  fdemote: Float.lowerPromote,
  fpromote: Float.lowerPromote,
  ftoi_s: Float.lowerFtoi,
  ftoi_sat_s: Float.lowerFtoi,
  itof_s: Float.lowerItof,
  ftoi_u: Float.lowerFtoi,
  ftoi_sat_u: Float.lowerFtoi,
  itof_u: Float.lowerItof,
  load: lowerLoad,
  load8_s: lowerLoad,
  load8_u: lowerLoad,
  load16_s: lowerLoad,
  load16_u: lowerLoad,
  load32_s: lowerLoad,
  load32_u: lowerLoad,
  store: lowerStore,
  store8: lowerStore,
  store16: lowerStore,
  store32: lowerStore,
  bound: Cond.lowerBound,
  call: (c, row) => c.calls.call(row),
  callind: (c, row) => c.calls.call(row),
  callbuiltin: (c, row) => c.calls.builtin(row),
  trapif: Cond.lowerTrapIf,
  sigcheck: Cond.lowerSigCheck,
  jump: lowerJumpRow,
  brif: lowerBrIf,
  brtable: lowerBrTable,
  ret: (c, row) => c.calls.ret(row),
  retcall: (c, row) => c.calls.tailCall(row),
  retcallind: (c, row) => c.calls.tailCall(row),
  trap: lowerTrap,
};

/** Rules by opcode number. */
export const RULES: readonly Rule[] = Op.OP_NAMES.map(
  (name) => TABLE[name] ?? bug('aarch64 lowering', `no rule for ${name}`),
);
