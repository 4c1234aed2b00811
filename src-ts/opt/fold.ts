/**
 * The peephole rules as one hook: called for every row as it is built, and again for every row that value numbering visits. Each family of rules has
 * its own file in `rules/`; this file only sends a row to the families of its opcode.
 */
import * as Op from '../gen/ir.ts';
import type { Builder, Fold } from '../ir/build.ts';
import { NONE } from '../ir/func.ts';
import { address } from './rules/addresses.ts';
import { sigcheck, trapif } from './rules/checks.ts';
import { isConst, NEXT } from './rules/common.ts';
import { icmp } from './rules/compares.ts';
import * as Const from './rules/constants.ts';
import * as Ext from './rules/extensions.ts';
import * as Float from './rules/floats.ts';
import * as Int from './rules/integers.ts';
import * as Mask from './rules/masks.ts';
import { select } from './rules/selects.ts';
import { shift } from './rules/shifts.ts';

/** A row is looked at again this often after a rule changed it; every rule shrinks something, so few rounds are ever used. */
const ROUNDS = 8;

/** Puts a constant operand of a commutative operation on the right. */
function constantRight(b: Builder, r: number): void {
  const f = b.f;
  const x = f.a[r];
  if (!isConst(f, x) || isConst(f, f.b[r])) return;
  f.a[r] = f.b[r];
  f.b[r] = x;
}

function integer(b: Builder, r: number): number {
  const folded = Const.foldBinary(b, r);
  if (folded !== NEXT) return folded;
  const op = b.f.op[r];
  if ((Op.OP_FACTS[op] & Op.F_COMMUTES) !== 0) constantRight(b, r);
  switch (op) {
    case Op.IADD: {
      const v = Int.add(b, r);
      return v === NEXT ? Mask.rotate(b, r, b.f.a[r], b.f.b[r]) : v;
    }
    case Op.ISUB:
      return Int.sub(b, r);
    case Op.IMUL:
      return Int.mul(b, r);
    case Op.UMULH:
    case Op.SMULH:
      return NEXT;
    case Op.IAND:
      return Mask.and(b, r);
    case Op.IOR:
      return Mask.or(b, r);
    case Op.IXOR:
      return Mask.xor(b, r);
    case Op.SDIV:
    case Op.UDIV:
    case Op.SREM:
    case Op.UREM:
      return Int.divide(b, r);
    default:
      return shift(b, r);
  }
}

function integerUnary(b: Builder, r: number): number {
  const folded = Const.foldUnary(b, r);
  if (folded !== NEXT) return folded;
  switch (b.f.op[r]) {
    case Op.SEXT8:
    case Op.SEXT16:
    case Op.SEXT32:
      return Ext.extendLow(b, r);
    case Op.WRAP:
      return Ext.wrap(b, r);
    case Op.ZEXT:
      return Ext.zext(b, r);
    case Op.SEXT:
      return Ext.sext(b, r);
    default:
      return NEXT;
  }
}

function rest(b: Builder, r: number): number {
  switch (b.f.op[r]) {
    case Op.ICMP: {
      const v = Const.foldIcmp(b, r);
      return v === NEXT ? icmp(b, r) : v;
    }
    case Op.FCMP:
      return Float.fcmp(b, r);
    case Op.SELECT:
      return select(b, r);
    case Op.BITCAST:
      return Float.bitcast(b, r);
    case Op.ITOF_S:
    case Op.ITOF_U:
      return Float.fromInt(b, r);
    case Op.FTOI_S:
    case Op.FTOI_U:
    case Op.FTOI_SAT_S:
    case Op.FTOI_SAT_U:
      return Float.toInt(b, r);
    case Op.FDEMOTE:
    case Op.FPROMOTE:
      return Float.unary(b, r);
    case Op.TRAPIF:
      return trapif(b, r);
    case Op.SIGCHECK:
      return sigcheck(b, r);
    default:
      return NEXT;
  }
}

function once(b: Builder, r: number): number {
  const op = b.f.op[r];
  if (op <= Op.FCONST) return NEXT;
  if (op <= Op.ROTR) return integer(b, r);
  if (op <= Op.SEXT32) return integerUnary(b, r);
  if (op >= Op.FADD && op <= Op.FCOPYSIGN) return Float.binary(b, r);
  if (op >= Op.FABS && op <= Op.FNEAREST) return Float.unary(b, r);
  if (op >= Op.WRAP && op <= Op.ZEXT) return integerUnary(b, r);
  if (op >= Op.LOAD && op <= Op.STORE32) return address(b, r);
  return rest(b, r);
}

/**
 * Applies the rules to a row. Returns the value to use instead (0 when a row without result is to be dropped), or the row, perhaps
 * changed in place. A row that is in no block and not needed is given back.
 */
export const fold: Fold = (b: Builder, r: number): number => {
  const f = b.f;
  for (let i = 0; i < ROUNDS; i++) {
    const v = once(b, r);
    if (v === NEXT) return r;
    if (v === r) continue;
    if (f.block[r] === NONE && r === f.rowCount - 1) f.rowCount--;
    return v;
  }
  return r;
};
