/**
 * State and helpers that the lowering rules share: operands, constants, and emission of common shapes. A rule asks for
 * everything its instruction needs (which may emit instructions), then starts the instruction and gives its operands.
 */
import * as Op from '../../gen/ir.ts';
import * as A from '../../gen/aarch64.ts';
import { NONE, type Func } from '../../ir/func.ts';
import type { Lowering } from '../../mach/lower.ts';
import type { CodeSettings } from '../../mach/target.ts';
import { DEF_REG, I_MOVE, I_REMAT, NO_VREG, USE_REG } from '../../mach/vcode.ts';
import * as E from './encode.ts';
import { AArch64Calls } from './lowercall.ts';
import * as P from './ops.ts';

export class Rules {
  lower: Lowering = null as unknown as Lowering;
  f: Func = null as unknown as Func;

  readonly calls = new AArch64Calls(this);

  // A shifted or extended operand found by `matchShift` and `matchExtend`.
  operand = 0;
  amount = 0;
  kind = 0;

  begin(lower: Lowering, settings: CodeSettings): void {
    this.lower = lower;
    this.f = lower.f;
    this.calls.begin(lower, settings);
  }

  // ---- constants ----

  isConst(row: number): boolean {
    return this.f.op[row] === Op.ICONST;
  }

  isZero(row: number): boolean {
    const { f } = this;
    return f.op[row] === Op.ICONST && f.imm[row] === 0 && (!this.is64(row) || f.imm2[row] === 0);
  }

  /** The constant of a row as a signed number of its type, NaN when it is none or not exact as a double. */
  constant(row: number): number {
    const { f } = this;
    if (f.op[row] !== Op.ICONST) return NaN;
    if (f.ty[row] === Op.T_I32) return f.imm[row];
    const hi = f.imm2[row];
    if (hi < -0x200000 || hi >= 0x200000) return NaN;
    return hi * 0x1_0000_0000 + (f.imm[row] >>> 0);
  }

  /** Whether a row is a constant that add or sub can give as an immediate, perhaps by way of the other. */
  isAddConst(row: number): boolean {
    const k = this.constant(row);
    return !Number.isNaN(k) && E.addImmediate(Math.abs(k)) >= 0;
  }

  /** Whether a row is a constant that and, orr, eor can give as an immediate. */
  isLogicalConst(row: number): boolean {
    const { f } = this;
    if (!this.isConst(row)) return false;
    return E.bitmaskImmediate(f.imm[row], f.imm2[row], this.is64(row)) >= 0;
  }

  /** A fresh virtual register with an integer constant. */
  iconst(ty: number, lo: number, hi: number): number {
    const v = this.lower.newVreg(ty);
    this.lower.inst(P.P_ICONST);
    this.lower.operand(v, DEF_REG);
    this.lower.imm(lo);
    this.lower.imm2(hi);
    this.lower.flags(I_REMAT);
    return v;
  }

  /** {@link iconst} of type i64 from a number. */
  iconstOf(value: number): number {
    return this.iconst(Op.T_I64, value | 0, Math.floor(value / 0x1_0000_0000));
  }

  // ---- values ----

  is64(row: number): boolean {
    return this.f.ty[row] !== Op.T_I32;
  }

  /** Virtual register of an integer operand of a 32- or 64-bit operation. */
  int(row: number, wide: boolean): number {
    return wide ? this.lower.vregOf(row) : this.lower.low32Of(row);
  }

  /** As {@link int}, but the zero register for a constant zero. */
  intOrZero(row: number, wide: boolean): number {
    return this.isZero(row) ? NO_VREG : this.int(row, wide);
  }

  /** Whether the row being lowered may do the work of `row` itself: nobody else needs its value. */
  absorbs(row: number, at: number): boolean {
    const { lower, f } = this;
    return lower.readOnce(row) && f.block[row] === f.block[at] && !lower.isNeeded(row);
  }

  def(row: number): void {
    this.lower.operand(this.lower.vregOf(row), DEF_REG);
  }

  use(vreg: number): void {
    this.lower.operand(vreg, USE_REG);
  }

  // ---- common instructions ----

  /** row := form(a, b), registers. */
  binary(row: number, form: number, a: number, b: number): void {
    this.lower.inst(form);
    this.def(row);
    this.use(a);
    this.use(b);
  }

  /** row := form(a). */
  unary(row: number, form: number, a: number): void {
    this.lower.inst(form);
    this.def(row);
    this.use(a);
  }

  /** A fresh register := form(a). */
  unaryNew(form: number, ty: number, a: number): number {
    const v = this.lower.newVreg(ty);
    this.lower.inst(form);
    this.lower.operand(v, DEF_REG);
    this.use(a);
    return v;
  }

  /** A fresh register := form(a, b). */
  binaryNew(form: number, ty: number, a: number, b: number): number {
    const v = this.lower.newVreg(ty);
    this.lower.inst(form);
    this.lower.operand(v, DEF_REG);
    this.use(a);
    this.use(b);
    return v;
  }

  /** row := bits of a moved: UBFM or SBFM. */
  bitfield(row: number, signed: boolean, wide: boolean, a: number, r: number, s: number): void {
    if (wide) this.lower.inst(signed ? A.SBFM_x : A.UBFM_x);
    else this.lower.inst(signed ? A.SBFM_w : A.UBFM_w);
    this.def(row);
    this.use(a);
    this.lower.imm(r);
    this.lower.imm2(s);
  }

  /** row := a vreg of the same class: a copy that coalesces when it can. */
  move(row: number, from: number): void {
    this.unary(row, P.P_MOVE, from);
    this.lower.flags(I_MOVE);
  }

  // ---- shifted and extended operands ----

  /** Shift count of a shift by a constant, modulo the width. */
  countOf(row: number): number {
    const { f } = this;
    return f.imm[f.b[row]] & (this.is64(row) ? 63 : 31);
  }

  /**
   * Finds out whether `row`, an operand of `at`, is a shift by a constant that `at` can do itself; then `operand`,
   * `amount` and `kind` say which. Rotations only where the instruction has them.
   */
  matchShift(row: number, at: number, rotates: boolean): boolean {
    const { f } = this;
    const kind = shiftKind(f.op[row]);
    if (kind < 0 || (kind === E.SHIFT_ROR && !rotates)) return false;
    if (!this.isConst(f.b[row]) || !this.absorbs(row, at)) return false;
    const bits = this.is64(row) ? 64 : 32;
    const k = this.countOf(row);
    this.operand = f.a[row];
    this.kind = kind;
    this.amount = f.op[row] === Op.ROTL ? (bits - k) & (bits - 1) : k;
    return true;
  }

  /**
   * Finds out whether `row`, an operand of a 64-bit addition `at`, is an extension, perhaps shifted left by up to 4, that
   * `at` can do itself.
   */
  matchExtend(row: number, at: number): boolean {
    const { f } = this;
    this.amount = 0;
    let inner = row;
    if (f.op[row] === Op.ISHL && this.isConst(f.b[row]) && this.absorbs(row, at)) {
      const k = this.countOf(row);
      if (k > 4) return false;
      this.amount = k;
      inner = f.a[row];
    }
    const wrapped = f.op[inner] === Op.ZEXT && f.op[f.a[inner]] === Op.WRAP;
    const kind = wrapped ? E.EXT_UXTW : extendKind(f.op[inner]);
    if (kind < 0 || (!wrapped && !this.absorbs(inner, at))) return false;
    this.operand = f.a[inner];
    this.kind = kind;
    return true;
  }
}

function shiftKind(op: number): number {
  switch (op) {
    case Op.ISHL:
      return E.SHIFT_LSL;
    case Op.USHR:
      return E.SHIFT_LSR;
    case Op.SSHR:
      return E.SHIFT_ASR;
    case Op.ROTL:
    case Op.ROTR:
      return E.SHIFT_ROR;
    default:
      return NONE;
  }
}

/** Extensions an addition can do; zext needs none. */
function extendKind(op: number): number {
  switch (op) {
    case Op.SEXT8:
      return E.EXT_SXTB;
    case Op.SEXT16:
      return E.EXT_SXTH;
    case Op.SEXT:
    case Op.SEXT32:
      return E.EXT_SXTW;
    default:
      return NONE;
  }
}

export function typeBytes(ty: number): number {
  return ty === Op.T_I32 || ty === Op.T_F32 ? 4 : ty === Op.T_V128 ? 16 : 8;
}
