/**
 * Rules for loads and stores.
 *
 * An address is base + zero-extended index + offset. What the instructions have: base + immediate (scaled 12 bits, or
 * -256 … 255), and base + index, the index perhaps shifted by the size of the access. With both an index and an offset
 * the sum of base and index is made first.
 */
import * as A from '../../gen/aarch64.ts';
import * as Op from '../../gen/ir.ts';
import { NONE } from '../../ir/func.ts';
import { DEF_REG, NO_VREG } from '../../mach/vcode.ts';
import type { Rules } from './context.ts';
import * as E from './encode.ts';
import * as M from './memops.ts';
import * as P from './ops.ts';

// The prepared address.
let base = NO_VREG;
let index = NO_VREG;
/** EXT_* of the index. */
let extend = 0;
let shift = 0;
let disp = 0;

/** Prepares the address of a load or store row for memory operation `mem`. */
function prepare(c: Rules, row: number, mem: number): void {
  const { f } = c;
  index = NO_VREG;
  shift = 0;
  const hi = f.imm2[row];
  const far = hi < 0 || hi >= 0x10000;
  disp = far ? 0 : hi * 0x1_0000_0000 + (f.imm[row] >>> 0);
  const a = addConstants(c, f.a[row]);
  if (f.b[row] !== NONE) setIndex(c, f.b[row], row, mem);
  if (index === NO_VREG && disp === 0 && sum(c, a, row, mem)) return;
  base = c.lower.vregOf(a);
  if (far) base = c.binaryNew(A.ADD_x_sh, Op.T_I64, base, c.iconst(Op.T_I64, f.imm[row], hi));
  settle(c, mem);
}

/** base + index when the address is a 64-bit sum nobody else reads. */
function sum(c: Rules, a: number, row: number, mem: number): boolean {
  const { f } = c;
  if (f.op[a] !== Op.IADD || !c.absorbs(a, row) || c.isConst(f.b[a])) return false;
  const log2 = M.LOG2[mem];
  let x = f.a[a];
  let y = f.b[a];
  if (f.op[x] === Op.ISHL) [x, y] = [y, x];
  base = c.lower.vregOf(x);
  extend = E.EXT_LSL;
  if (f.op[y] === Op.ISHL && c.isConst(f.b[y]) && c.countOf(y) === log2 && c.absorbs(y, a)) {
    shift = log2;
    y = f.a[y];
  }
  if (f.op[y] === Op.SEXT && c.absorbs(y, a)) {
    extend = E.EXT_SXTW;
    index = c.lower.low32Of(f.a[y]);
  } else index = c.lower.vregOf(y);
  return true;
}

/** Folds constants added to a 64-bit value into the displacement: exact modulo 2^64. */
function addConstants(c: Rules, row: number): number {
  const { f } = c;
  while (f.op[row] === Op.IADD && f.ty[row] === Op.T_I64) {
    const k = c.constant(f.b[row]);
    if (!(Math.abs(k) < 0x8000_0000)) break;
    disp += k;
    row = f.a[row];
  }
  return row;
}

/** Index = a zero-extended i32 or an i64, with the shift and the constants that can be taken along. */
function setIndex(c: Rules, row: number, at: number, mem: number): void {
  const { f } = c;
  if (f.op[row] === Op.ZEXT) row = f.a[row];
  const wide = f.ty[row] === Op.T_I64;
  row = wide ? addConstants(c, row) : addSmall(c, row);
  const k = wide ? c.constant(row) : c.constant(row) >>> 0;
  if (c.isConst(row) && !Number.isNaN(k)) {
    disp += k;
    return;
  }
  if (f.op[row] === Op.ISHL && c.isConst(f.b[row]) && c.absorbs(row, at)) {
    const n = c.countOf(row);
    const fits = disp === 0 ? n === M.LOG2[mem] : n <= 4;
    if (fits && (wide || bits(c, f.a[row], 4) <= 32 - n)) {
      shift = n;
      row = f.a[row];
    }
  }
  extend = wide ? E.EXT_LSL : E.EXT_UXTW;
  index = wide ? c.lower.vregOf(row) : c.lower.low32Of(row);
}

/** Folds x + c of an i32 index when the sum can not wrap. */
function addSmall(c: Rules, row: number): number {
  const { f } = c;
  while (f.op[row] === Op.IADD && c.isConst(f.b[row]) && f.imm[f.b[row]] >= 0) {
    if (bits(c, f.a[row], 4) > 31) break;
    disp += f.imm[f.b[row]];
    row = f.a[row];
  }
  return row;
}

/** How many low bits of an i32 can be set; looks `depth` operations deep. */
function bits(c: Rules, row: number, depth: number): number {
  const { f } = c;
  const k = f.b[row] >= 0 && c.isConst(f.b[row]) ? f.imm[f.b[row]] : -1;
  switch (f.op[row]) {
    case Op.ICONST:
      return 32 - Math.clz32(f.imm[row]);
    case Op.LOAD8_U:
      return 8;
    case Op.LOAD16_U:
      return 16;
    case Op.ICMP:
    case Op.FCMP:
      return 1;
    case Op.IAND:
      return k >= 0 ? 32 - Math.clz32(k) : 32;
    case Op.USHR:
      return k >= 0 ? 32 - (k & 31) : 32;
    case Op.ISHL:
      if (k < 0 || depth === 0) return 32;
      return Math.min(32, bits(c, f.a[row], depth - 1) + (k & 31));
    default:
      return 32;
  }
}

/** Brings the prepared address into one of the modes the operation has. */
function settle(c: Rules, mem: number): void {
  if (index === NO_VREG) {
    if (M.reaches(mem, disp)) return;
    const low = disp & 0xfff;
    const high = disp - low;
    if (disp >= 0 && disp < 0x1000000 && M.reaches(mem, low)) {
      base = addImmediate(c, base, high);
      disp = low;
    } else {
      index = c.iconstOf(disp);
      extend = E.EXT_LSL;
      disp = 0;
    }
    return;
  }
  if (disp === 0) return;
  if (M.reaches(mem, disp)) {
    base = addIndex(c);
    index = NO_VREG;
  } else {
    if (shift !== 0 && shift !== M.LOG2[mem]) {
      base = addIndex(c);
      index = c.iconstOf(disp);
      extend = E.EXT_LSL;
      shift = 0;
    } else base = addOffset(c);
    disp = 0;
  }
}

/** base + disp. */
function addOffset(c: Rules): number {
  if (disp < 0 || disp >= 0x1000000) {
    return c.binaryNew(A.ADD_x_sh, Op.T_I64, base, c.iconstOf(disp));
  }
  const low = disp & 0xfff;
  const v = disp > low ? addImmediate(c, base, disp - low) : base;
  return low > 0 ? addImmediate(c, v, low) : v;
}

function addImmediate(c: Rules, from: number, k: number): number {
  const v = c.lower.newVreg(Op.T_I64);
  c.lower.inst(A.ADD_x_imm);
  c.lower.operand(v, DEF_REG);
  c.use(from);
  c.lower.imm(k);
  return v;
}

/** base + index. */
function addIndex(c: Rules): number {
  const v = c.binaryNew(A.ADD_x_ext, Op.T_I64, base, index);
  c.lower.imm(shift);
  c.lower.aux(extend << P.AUX_KIND_SHIFT);
  return v;
}

/** Prepares base + disp, where disp is in reach of 8-byte accesses. */
export function setAddress(from: number, offset: number): void {
  base = from;
  index = NO_VREG;
  shift = 0;
  disp = offset;
}

/** Ends a memory operation with the prepared address. */
export function putAddress(c: Rules): void {
  const { lower } = c;
  c.use(base);
  c.use(index);
  lower.aux(P.AUX_BASE | (shift > 0 ? P.AUX_SCALED : 0) | (extend << P.AUX_KIND_SHIFT));
  lower.imm2(disp);
}

function traps(c: Rules, row: number): void {
  if ((c.f.aux[row] & Op.MEM_NOTRAP) !== 0) return;
  c.lower.aux(P.AUX_TRAPS);
  c.lower.position(c.f.pos[row]);
}

export function lowerLoad(c: Rules, row: number): void {
  loadAs(c, row, row, M.loadOf(c.f.op[row], c.f.ty[row]));
}

/** Does load row `from` by operation `mem` into the value of `row`. */
export function loadAs(c: Rules, row: number, from: number, mem: number): void {
  prepare(c, from, mem);
  c.lower.inst(M.memory(mem));
  c.def(row);
  putAddress(c);
  traps(c, from);
}

export function lowerStore(c: Rules, row: number): void {
  const { f, lower } = c;
  const value = f.c[row];
  const mem = storeOf(c, row, value);
  prepare(c, row, mem);
  const v = stored(c, value, mem);
  lower.inst(M.memory(mem));
  c.use(v);
  putAddress(c);
  traps(c, row);
}

/** A float zero is stored as an integer. */
function storeOf(c: Rules, row: number, value: number): number {
  const { f } = c;
  const ty = f.ty[value];
  const zero = f.op[value] === Op.FCONST && f.imm[value] === 0 && f.imm2[value] === 0;
  if (zero && ty !== Op.T_V128) return M.fullStore(ty === Op.T_F32 ? Op.T_I32 : Op.T_I64);
  return M.storeOf(f.op[row], ty);
}

/** What is stored: the zero register, an integer's low part without its wrap, or the value itself. */
function stored(c: Rules, value: number, mem: number): number {
  if (mem > M.STR_X) return c.lower.vregOf(value);
  if (c.isZero(value) || c.f.op[value] === Op.FCONST) return NO_VREG;
  return mem === M.STR_X ? c.lower.vregOf(value) : c.lower.low32Of(value);
}

/** bitcast between an integer and a float of one size. */
export function lowerBitcast(c: Rules, row: number): void {
  const { f, lower } = c;
  const from = f.a[row];
  const float = (ty: number): boolean => ty === Op.T_F32 || ty === Op.T_F64;
  const single = f.ty[row] === Op.T_F32 || f.ty[row] === Op.T_I32;
  if (float(f.ty[row]) === float(f.ty[from])) c.move(row, lower.vregOf(from));
  else if (float(f.ty[row])) {
    const v = single ? lower.low32Of(from) : lower.vregOf(from);
    c.unary(row, single ? A.FMOV_s_w : A.FMOV_d_x, v);
  } else c.unary(row, single ? A.FMOV_w_s : A.FMOV_x_d, lower.vregOf(from));
}

/** Loads from a frame area: AUX_IN, AUX_RESULT. */
export function loadArea(c: Rules, area: number, offset: number, ty: number, to: number): void {
  c.lower.inst(M.memory(M.fullLoad(ty)));
  c.lower.operand(to, DEF_REG);
  c.lower.aux(area);
  c.lower.imm2(offset);
}

/** Stores to a frame area: AUX_IN, AUX_OUT. An i32 fills its slot: the upper half is zero. */
export function storeArea(c: Rules, area: number, offset: number, row: number): void {
  const ty = c.f.ty[row];
  const v = c.isZero(row) ? NO_VREG : c.lower.vregOf(row);
  c.lower.inst(M.memory(ty === Op.T_I32 ? M.STR_X : M.fullStore(ty)));
  c.use(v);
  c.lower.aux(area);
  c.lower.imm2(offset);
}
