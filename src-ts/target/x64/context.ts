/**
 * State and helpers that the lowering rules share: operand and address getters, and emission of common shapes.
 *
 * A rule first prepares its r/m operand (`rm*`, `address`), which may emit instructions of its own, then starts its
 * instruction, gives the register operands and ends with `putRm` or `putAddress`.
 */
import * as Op from '../../gen/ir.ts';
import * as X from '../../gen/x64.ts';
import { NONE, type Func } from '../../ir/func.ts';
import type { Lowering } from '../../mach/lower.ts';
import type { CodeSettings } from '../../mach/target.ts';
import { DEF_REG, defReuse, I_REMAT, NO_VREG, USE_ANY, USE_REG } from '../../mach/vcode.ts';
import { AUX_MEM, AUX_POOL, AUX_SCALE_SHIFT, AUX_TRAPS, P_FCONST, P_ICONST } from './ops.ts';

const RM_ANY = 0;
const RM_MEM = 1;
const RM_POOL = 2;
import { X64Calls } from './lowercall.ts';
import type { NativeAbi } from './nativeabi.ts';

export class Rules {
  lower: Lowering = null as unknown as Lowering;
  f: Func = null as unknown as Func;
  avx = false;
  sse41 = false;
  popcnt = false;
  lzcnt = false;
  bmi1 = false;
  bmi2 = false;

  readonly calls: X64Calls;

  constructor(abi: NativeAbi) {
    this.calls = new X64Calls(this, abi);
  }

  // The prepared address.
  private base = NO_VREG;
  private index = NO_VREG;
  private scale = 0;
  private disp = 0;
  private traps = false;
  private pos = 0;
  // The prepared r/m operand.
  private rmKind = RM_ANY;
  private rmVreg = NO_VREG;
  private rmLo = 0;
  private rmHi = 0;

  begin(lower: Lowering, settings: CodeSettings): void {
    this.lower = lower;
    this.f = lower.f;
    const has = (feature: number): boolean => ((settings.features >> feature) & 1) !== 0;
    this.avx = has(X.FEATURE_AVX);
    this.sse41 = has(X.FEATURE_SSE4_1);
    this.popcnt = has(X.FEATURE_POPCNT);
    this.lzcnt = has(X.FEATURE_LZCNT);
    this.bmi1 = has(X.FEATURE_BMI1);
    this.bmi2 = has(X.FEATURE_BMI2);
    this.calls.begin(lower, settings);
  }

  // ---- constants ----

  isConst(row: number): boolean {
    return this.f.op[row] === Op.ICONST;
  }

  /** Whether a row is an integer constant that a sign-extended 32-bit immediate can give. */
  isImm32(row: number): boolean {
    const { f } = this;
    if (f.op[row] !== Op.ICONST) return false;
    return f.ty[row] === Op.T_I32 || f.imm2[row] === f.imm[row] >> 31;
  }

  /** A fresh virtual register with an integer constant. */
  iconst(ty: number, lo: number, hi: number): number {
    const v = this.lower.newVreg(ty);
    this.lower.inst(P_ICONST);
    this.lower.operand(v, DEF_REG);
    this.lower.imm(lo);
    this.lower.imm2(hi);
    this.lower.flags(I_REMAT);
    return v;
  }

  /** A fresh virtual register with a float constant. */
  fconst(ty: number, lo: number, hi: number): number {
    const v = this.lower.newVreg(ty);
    this.lower.inst(P_FCONST);
    this.lower.operand(v, DEF_REG);
    this.lower.imm(lo);
    this.lower.imm2(hi);
    this.lower.flags(I_REMAT);
    return v;
  }

  // ---- values ----

  is64(row: number): boolean {
    return this.f.ty[row] !== Op.T_I32;
  }

  /** Virtual register of an integer operand of a 32- or 64-bit operation. */
  int(row: number, wide: boolean): number {
    return wide ? this.lower.vregOf(row) : this.lower.low32Of(row);
  }

  def(row: number): void {
    this.lower.operand(this.lower.vregOf(row), DEF_REG);
  }

  /** DEF of the row's value in the register of the USE that follows. */
  defTied(row: number, from: number): void {
    this.lower.operand(this.lower.vregOf(row), defReuse(1));
    this.lower.operand(from, USE_REG);
  }

  use(vreg: number): void {
    this.lower.operand(vreg, USE_REG);
  }

  useAny(vreg: number): void {
    this.lower.operand(vreg, USE_ANY);
  }

  // ---- addresses ----

  /** Prepares the address of a load or store row. */
  address(row: number): void {
    const { f } = this;
    this.traps = (f.aux[row] & Op.MEM_NOTRAP) === 0;
    this.pos = f.pos[row];
    this.addressOf(f.a[row], f.b[row], f.imm[row], f.imm2[row]);
  }

  /** Prepares a + zext(b) + offset. */
  private addressOf(a: number, b: number, lo: number, hi: number): void {
    this.index = NO_VREG;
    this.scale = 0;
    const far = hi !== 0 || lo < 0;
    this.disp = far ? 0 : lo;
    a = this.addConstants(a);
    if (b !== NONE) this.setIndex(b);
    else if (this.f.op[a] === Op.IADD && this.lower.readOnce(a) && !far) {
      const sum = a;
      a = this.addConstants(this.f.a[sum]);
      this.setIndex(this.f.b[sum]);
    }
    this.base = this.lower.vregOf(a);
    if (far) this.addFar(lo, hi);
  }

  /** Folds constants added to a 64-bit value into the displacement: exact modulo 2^64. */
  private addConstants(row: number): number {
    const { f } = this;
    while (f.op[row] === Op.IADD && f.ty[row] === Op.T_I64 && this.isImm32(f.b[row])) {
      const sum = this.disp + f.imm[f.b[row]];
      if ((sum | 0) !== sum) break;
      this.disp = sum;
      row = f.a[row];
    }
    return row;
  }

  /** Index = a zero-extended i32 or an i64, with the shifts and constants that can be taken along. */
  private setIndex(row: number): void {
    const { f } = this;
    if (f.op[row] === Op.ZEXT) row = f.a[row];
    if (f.ty[row] === Op.T_I64) row = this.addConstants(row);
    else row = this.addSmall(row);
    if (this.constantIndex(row)) return;
    if (f.op[row] === Op.ISHL && this.isConst(f.b[row])) {
      const k = f.imm[f.b[row]] & (f.ty[row] === Op.T_I64 ? 63 : 31);
      if (k <= 3 && (f.ty[row] === Op.T_I64 || this.bits(f.a[row], 4) <= 32 - k)) {
        this.scale = k;
        row = f.a[row];
      }
    }
    this.index = this.lower.vregOf(row);
  }

  private constantIndex(row: number): boolean {
    const { f } = this;
    if (f.op[row] !== Op.ICONST) return false;
    const value = f.ty[row] === Op.T_I32 ? f.imm[row] >>> 0 : this.isImm32(row) ? f.imm[row] : NaN;
    const sum = this.disp + value;
    if ((sum | 0) !== sum) return false;
    this.disp = sum;
    return true;
  }

  /** Folds x + c of an i32 index when the sum can not wrap. */
  private addSmall(row: number): number {
    const { f } = this;
    while (f.op[row] === Op.IADD && this.isConst(f.b[row]) && f.imm[f.b[row]] >= 0) {
      const sum = this.disp + f.imm[f.b[row]];
      if ((sum | 0) !== sum || this.bits(f.a[row], 4) > 31) break;
      this.disp = sum;
      row = f.a[row];
    }
    return row;
  }

  /** How many low bits of an i32 can be set; looks `depth` operations deep. */
  private bits(row: number, depth: number): number {
    const { f } = this;
    const k = f.op[row] >= 0 && f.b[row] >= 0 && this.isConst(f.b[row]) ? f.imm[f.b[row]] : -1;
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
        return Math.min(32, this.bits(f.a[row], depth - 1) + (k & 31));
      default:
        return 32;
    }
  }

  /** Adds an offset that no displacement can hold to the base. */
  private addFar(lo: number, hi: number): void {
    const offset = this.iconst(Op.T_I64, lo, hi);
    const sum = this.lower.newVreg(Op.T_I64);
    this.lower.inst(X.ADD_r64_rm64);
    this.lower.operand(sum, defReuse(1));
    this.use(offset);
    this.useAny(this.base);
    this.base = sum;
  }

  /** Prepares base + index << scale + disp, never trapping. */
  setAddress(base: number, index: number, scale: number, disp: number): void {
    this.base = base;
    this.index = index;
    this.scale = scale;
    this.disp = disp;
    this.traps = false;
  }

  /** Ends an instruction with the prepared address. */
  putAddress(): void {
    const { lower } = this;
    lower.operand(this.base, USE_REG);
    lower.operand(this.index, USE_REG);
    lower.aux(AUX_MEM | (this.scale << AUX_SCALE_SHIFT) | (this.traps ? AUX_TRAPS : 0));
    lower.imm2(this.disp);
    if (this.traps) lower.position(this.pos);
  }

  // ---- r/m operands ----

  /** Whether a row is a full-width load of so many bytes that can be folded here. */
  foldable(row: number, bytes: number): boolean {
    const { f } = this;
    if (!this.lower.canFold(row)) return false;
    const op = f.op[row];
    if (op === Op.LOAD) return typeBytes(f.ty[row]) === bytes;
    return false;
  }

  /** Prepares an integer r/m operand. */
  rmInt(row: number, wide: boolean): void {
    if (this.foldable(row, wide ? 8 : 4)) this.foldMem(row);
    else this.rmValue(this.int(row, wide));
  }

  /** Prepares a float r/m operand: folded load, pool constant, register or slot. */
  rmFloat(row: number): void {
    const { f, lower } = this;
    if (f.op[row] === Op.FCONST && lower.usedOnce(row) && !lower.isNeeded(row)) {
      this.rmPool(f.imm[row], f.imm2[row]);
    } else if (this.foldable(row, typeBytes(f.ty[row]))) this.foldMem(row);
    else this.rmValue(lower.vregOf(row));
  }

  /** Prepares a virtual register as r/m operand. */
  rmValue(vreg: number): void {
    this.rmKind = RM_ANY;
    this.rmVreg = vreg;
  }

  /** Prepares a pool constant as r/m operand; 16-byte forms get it twice. */
  rmPool(lo: number, hi: number): void {
    this.rmKind = RM_POOL;
    this.rmLo = lo;
    this.rmHi = hi;
  }

  /** Folds a load (known foldable) into the r/m operand. */
  foldMem(row: number): void {
    this.lower.fold(row);
    this.address(row);
    this.rmKind = RM_MEM;
  }

  /** Ends an instruction with the prepared r/m operand. */
  putRm(): void {
    if (this.rmKind === RM_MEM) this.putAddress();
    else if (this.rmKind === RM_ANY) this.useAny(this.rmVreg);
    else {
      this.lower.aux(AUX_POOL);
      this.lower.imm(this.rmLo);
      this.lower.imm2(this.rmHi);
    }
  }

  /** Like {@link putRm} where a slot will not do: 16-byte operands. */
  putRmAligned(): void {
    if (this.rmKind === RM_ANY) this.use(this.rmVreg);
    else this.putRm();
  }

  // ---- common instructions ----

  /** result := form(vreg, imm), two-address, into a fresh register. */
  immediate(form: number, ty: number, from: number, imm: number): number {
    const v = this.lower.newVreg(ty);
    this.lower.inst(form);
    this.lower.operand(v, defReuse(1));
    this.use(from);
    this.lower.imm(imm);
    return v;
  }

  /** result := form(a, b), two-address, into a fresh register. */
  binary(form: number, ty: number, a: number, b: number): number {
    const v = this.lower.newVreg(ty);
    this.lower.inst(form);
    this.lower.operand(v, defReuse(1));
    this.use(a);
    this.useAny(b);
    return v;
  }

  /** result := form(r/m), untied, into a fresh register. */
  unary(form: number, ty: number, from: number): number {
    const v = this.lower.newVreg(ty);
    this.lower.inst(form);
    this.lower.operand(v, DEF_REG);
    this.useAny(from);
    return v;
  }
}

export function typeBytes(ty: number): number {
  return ty === Op.T_I32 || ty === Op.T_F32 ? 4 : ty === Op.T_V128 ? 16 : 8;
}
