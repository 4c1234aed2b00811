/**
 * Facts about memory accesses: which rows may touch the same bytes, which may trap.
 *
 * An address is a + zext(b) + offset. Two accesses of one region are told apart when their base `a` is the same value and their
 * indices differ by a known constant. An i32 index wraps at 2^32, so the difference is known only up to a multiple of 2^32 in {-1, 0, 1}.
 */
import * as Op from '../gen/ir.ts';
import { NONE, type Func } from '../ir/func.ts';

/** Number of alias classes: {@link aliasClass} is below it. One bit each in {@link writtenClasses}. */
export const CLASSES = 29;
const CLASS_ANY = 28;
/** Class of accesses to state that never changes; it has no bit. */
export const CLASS_READONLY = 31;
export const ALL_CLASSES = (1 << CLASSES) - 1;

/** Bytes a load or store touches. */
export function accessSize(f: Func, r: number): number {
  switch (f.op[r]) {
    case Op.LOAD:
      return typeSize(f.ty[r]);
    case Op.STORE:
      return typeSize(f.ty[f.c[r]]);
    case Op.LOAD8_S:
    case Op.LOAD8_U:
    case Op.STORE8:
      return 1;
    case Op.LOAD16_S:
    case Op.LOAD16_U:
    case Op.STORE16:
      return 2;
    default:
      return 4;
  }
}

function typeSize(ty: number): number {
  return ty === Op.T_I32 || ty === Op.T_F32 ? 4 : ty === Op.T_V128 ? 16 : 8;
}

/** Alias class of an access by its aux column. Instances that share a class only lose precision. */
export function aliasClass(aux: number): number {
  const k = (aux >>> Op.REGION_SHIFT) & 0xffff;
  switch (aux & 0xff) {
    case Op.R_MEMORY:
      return k & 3;
    case Op.R_GLOBAL:
      return 4 + (k & 15);
    case Op.R_TABLE:
      return 20 + (k & 3);
    case Op.R_TABLEDEF:
      return 24 + (k & 1);
    case Op.R_MEMDEF:
      return 26 + (k & 1);
    case Op.R_READONLY:
      return CLASS_READONLY;
    default:
      return CLASS_ANY;
  }
}

/** Bit set of the alias classes a row may write. */
export function writtenClasses(f: Func, r: number): number {
  const facts = Op.OP_FACTS[f.op[r]];
  if ((facts & Op.F_WRITES) === 0) return 0;
  if ((facts & Op.F_ALL) !== 0) return ALL_CLASSES;
  const c = aliasClass(f.aux[r]);
  return c === CLASS_ANY ? ALL_CLASSES : (1 << c) | (1 << CLASS_ANY);
}

/** Whether a row may trap, constants considered. */
export function mayTrap(f: Func, r: number): boolean {
  const op = f.op[r];
  if ((Op.OP_FACTS[op] & Op.F_TRAPS) === 0) return false;
  if (Op.OP_AUX[op] === Op.AUX_MEM) return (f.aux[r] & Op.MEM_NOTRAP) === 0;
  if (op < Op.SDIV || op > Op.UREM) return true;
  const y = f.b[r];
  if (f.op[y] !== Op.ICONST) return true;
  const narrow = f.ty[y] === Op.T_I32;
  if (f.imm[y] === 0 && (narrow || f.imm2[y] === 0)) return true;
  return op === Op.SDIV && f.imm[y] === -1 && (narrow || f.imm2[y] === -1);
}

/** Whether two accesses surely touch no byte in common. */
export function disjoint(f: Func, r: number, s: number): boolean {
  const x = f.aux[r] & Op.REGION_MASK;
  const y = f.aux[s] & Op.REGION_MASK;
  if (x !== y) return (x & 0xff) !== Op.R_ANY && (y & 0xff) !== Op.R_ANY;
  if (f.a[r] !== f.a[s] || f.imm2[r] !== 0 || f.imm2[s] !== 0) return false;
  const i = f.b[r];
  const j = f.b[s];
  let d = (f.imm[r] >>> 0) - (f.imm[s] >>> 0);
  if (i === j) return apart(d, accessSize(f, r), accessSize(f, s));
  if (i !== NONE && f.ty[i] !== Op.T_I32) return false;
  if (j !== NONE && f.ty[j] !== Op.T_I32) return false;
  if (indexRoot(f, i) !== indexRoot(f, j)) return false;
  d += indexConstant(f, i) - indexConstant(f, j);
  const m = accessSize(f, r);
  const n = accessSize(f, s);
  return apart(d, m, n) && apart(d + 2 ** 32, m, n) && apart(d - 2 ** 32, m, n);
}

/** Whether ranges [d, d+m) and [0, n) are disjoint. */
function apart(d: number, m: number, n: number): boolean {
  return d >= n || d + m <= 0;
}

/** The value an index is a constant away from; NONE when it is a constant itself. */
function indexRoot(f: Func, i: number): number {
  if (i === NONE || f.op[i] === Op.ICONST) return NONE;
  return f.op[i] === Op.IADD && f.op[f.b[i]] === Op.ICONST ? f.a[i] : i;
}

function indexConstant(f: Func, i: number): number {
  if (i === NONE) return 0;
  if (f.op[i] === Op.ICONST) return f.imm[i] >>> 0;
  return f.op[i] === Op.IADD && f.op[f.b[i]] === Op.ICONST ? f.imm[f.b[i]] >>> 0 : 0;
}

/** Whether two accesses are of the same place by the same value, index and offset (their sizes may differ). */
export function samePlace(f: Func, r: number, s: number): boolean {
  return (
    f.a[r] === f.a[s] &&
    f.b[r] === f.b[s] &&
    f.imm[r] === f.imm[s] &&
    f.imm2[r] === f.imm2[s] &&
    (f.aux[r] & Op.REGION_MASK) === (f.aux[s] & Op.REGION_MASK)
  );
}
