/** Rules for loads and stores, with stores of an operation on what was there (read-modify-write). */
import * as Op from '../../gen/ir.ts';
import * as X from '../../gen/x64.ts';
import type { Rules } from './context.ts';
import { aluGroup, aluImm } from './lowerint.ts';

function loadForm(op: number, ty: number): number {
  const wide = ty !== Op.T_I32;
  switch (op) {
    case Op.LOAD8_S:
      return wide ? X.MOVSX_r64_rm8 : X.MOVSX_r32_rm8;
    case Op.LOAD8_U:
      return X.MOVZX_r32_rm8;
    case Op.LOAD16_S:
      return wide ? X.MOVSX_r64_rm16 : X.MOVSX_r32_rm16;
    case Op.LOAD16_U:
      return X.MOVZX_r32_rm16;
    case Op.LOAD32_S:
      return X.MOVSXD_r64_rm32;
    case Op.LOAD32_U:
      return X.MOV_r32_rm32;
    default:
      return fullLoad(ty);
  }
}

/** The load of a whole value of a type. */
export function fullLoad(ty: number): number {
  switch (ty) {
    case Op.T_I32:
      return X.MOV_r32_rm32;
    case Op.T_F32:
      return X.MOVSS_xmm_m32;
    case Op.T_F64:
      return X.MOVSD_xmm_m64;
    case Op.T_V128:
      return X.MOVUPS_xmm_xm128;
    default:
      return X.MOV_r64_rm64;
  }
}

/** The store of a whole value of a type. */
export function fullStore(ty: number): number {
  switch (ty) {
    case Op.T_I32:
      return X.MOV_rm32_r32;
    case Op.T_F32:
      return X.MOVSS_m32_xmm;
    case Op.T_F64:
      return X.MOVSD_m64_xmm;
    case Op.T_V128:
      return X.MOVUPS_xm128_xmm;
    default:
      return X.MOV_rm64_r64;
  }
}

export function lowerLoad(c: Rules, row: number): void {
  c.address(row);
  c.lower.inst(loadForm(c.f.op[row], c.f.ty[row]));
  c.def(row);
  c.putAddress();
}

export function lowerStore(c: Rules, row: number): void {
  const { f, lower } = c;
  const value = f.c[row];
  if (f.op[row] === Op.STORE && readModifyWrite(c, row, value)) return;
  if (f.op[row] === Op.STORE8 && modifyByte(c, row, value)) return;
  const imm = immForm(c, f.op[row], value);
  c.address(row);
  if (imm !== 0) {
    lower.inst(imm);
    c.putAddress();
    lower.imm(f.imm[value]);
    return;
  }
  const form = storeForm(f.op[row], f.ty[value]);
  const integer = f.ty[value] !== Op.T_F32 && f.ty[value] !== Op.T_F64 && f.ty[value] !== Op.T_V128;
  const narrow = f.op[row] !== Op.STORE || f.ty[value] === Op.T_I32;
  const from = integer && narrow ? lower.low32Of(value) : lower.vregOf(value);
  lower.inst(form);
  c.use(from);
  c.putAddress();
}

function storeForm(op: number, ty: number): number {
  switch (op) {
    case Op.STORE8:
      return X.MOV_rm8_r8;
    case Op.STORE16:
      return X.MOV_rm16_r16;
    case Op.STORE32:
      return X.MOV_rm32_r32;
    default:
      return fullStore(ty);
  }
}

/** The form that stores a constant, 0 when there is none. */
function immForm(c: Rules, op: number, value: number): number {
  if (!c.isConst(value)) return 0;
  switch (op) {
    case Op.STORE8:
      return X.MOV_rm8_imm8;
    case Op.STORE16:
      return X.MOV_rm16_imm16;
    case Op.STORE32:
      return X.MOV_rm32_imm32;
    default:
      if (!c.is64(value)) return X.MOV_rm32_imm32;
      return c.isImm32(value) ? X.MOV_rm64_imm32 : 0;
  }
}

/** store(op(load(address), x), address): one instruction on memory. */
function readModifyWrite(c: Rules, row: number, value: number): boolean {
  const { f, lower } = c;
  const op = f.op[value];
  if (op !== Op.IADD && op !== Op.ISUB && op !== Op.IAND && op !== Op.IOR && op !== Op.IXOR) {
    return false;
  }
  if (!lower.usedOnce(value)) return false;
  let old = f.a[value];
  let other = f.b[value];
  if (!sameCell(c, row, old)) {
    if (op === Op.ISUB || !sameCell(c, row, other)) return false;
    [old, other] = [other, old];
  }
  if (old === other) return false;
  const wide = c.is64(value);
  const group = aluGroup(op);
  lower.fold(old);
  // A fault is the load's, which comes first.
  c.address(old);
  if (c.isImm32(other)) {
    lower.inst(aluImm(group, wide, f.imm[other]));
    c.putAddress();
    lower.imm(f.imm[other]);
  } else {
    const from = c.int(other, wide);
    lower.inst(group + (wide ? X.ADD_rm64_r64 - X.ADD_rm8_r8 : X.ADD_rm32_r32 - X.ADD_rm8_r8));
    c.use(from);
    c.putAddress();
  }
  return true;
}

/** store8(op(load8(address), constant), address): of the result only the low byte counts. */
function modifyByte(c: Rules, row: number, value: number): boolean {
  const { f, lower } = c;
  const op = f.op[value];
  if (op !== Op.IADD && op !== Op.IAND && op !== Op.IOR && op !== Op.IXOR) return false;
  const old = f.a[value];
  if (!c.isConst(f.b[value]) || !lower.usedOnce(value)) return false;
  if ((f.op[old] !== Op.LOAD8_U && f.op[old] !== Op.LOAD8_S) || !sameAddress(c, row, old)) {
    return false;
  }
  lower.fold(old);
  // A fault is the load's, which comes first.
  c.address(old);
  lower.inst(aluGroup(op) + (X.ADD_rm8_imm8 - X.ADD_rm8_r8));
  c.putAddress();
  lower.imm((f.imm[f.b[value]] << 24) >> 24);
  return true;
}

/** Whether `load` reads the whole cell that the store `row` writes, and can be done there. */
function sameCell(c: Rules, row: number, load: number): boolean {
  return c.f.op[load] === Op.LOAD && sameAddress(c, row, load);
}

/** Whether a load is from the address of the store `row`, and can be done there. */
function sameAddress(c: Rules, row: number, load: number): boolean {
  const { f } = c;
  return (
    f.a[load] === f.a[row] &&
    f.b[load] === f.b[row] &&
    f.imm[load] === f.imm[row] &&
    f.imm2[load] === f.imm2[row] &&
    c.lower.canFold(load)
  );
}

/** bitcast between an integer and a float of one size. */
export function lowerBitcast(c: Rules, row: number): void {
  const { f, lower } = c;
  const from = f.a[row];
  const toFloat = f.ty[row] === Op.T_F32 || f.ty[row] === Op.T_F64;
  const single = f.ty[row] === Op.T_F32 || f.ty[row] === Op.T_I32;
  const fromFloat = f.ty[from] === Op.T_F32 || f.ty[from] === Op.T_F64;
  if (toFloat === fromFloat) {
    copy(c, row, from, toFloat);
    return;
  }
  const v = toFloat && single ? lower.low32Of(from) : lower.vregOf(from);
  if (toFloat) {
    lower.inst(single ? X.MOVD_xmm_rm32 : X.MOVQ_xmm_rm64);
    c.def(row);
    c.useAny(v);
  } else {
    lower.inst(single ? X.MOVD_rm32_xmm : X.MOVQ_rm64_xmm);
    c.def(row);
    c.use(v);
  }
}

/** Integer to integer (ref) or float to float. */
function copy(c: Rules, row: number, from: number, float: boolean): void {
  const v = c.lower.vregOf(from);
  if (float) {
    c.lower.inst(X.MOVAPS_xmm_xm128);
    c.def(row);
    c.use(v);
  } else {
    c.lower.inst(X.MOV_r64_rm64);
    c.def(row);
    c.useAny(v);
  }
}

/** Memory forms for frame areas: AUX_IN, AUX_OUT, AUX_RESULT. */
export function loadArea(
  c: Rules,
  area: number,
  offset: number,
  ty: number,
  to: number,
  def: number,
): void {
  c.lower.inst(fullLoad(ty));
  c.lower.operand(to, def);
  c.lower.aux(area);
  c.lower.imm2(offset);
}

export function storeArea(c: Rules, area: number, offset: number, row: number): void {
  const { f, lower } = c;
  const ty = f.ty[row];
  if (c.isImm32(row) && (ty !== Op.T_I32 || f.imm[row] >= 0)) {
    // A sign-extended store of 8 bytes; a negative i32 would not be zero-extended.
    lower.inst(X.MOV_rm64_imm32);
    lower.imm(f.imm[row]);
  } else {
    const v = lower.vregOf(row);
    // An i32 fills its slot: the upper half is zero.
    lower.inst(ty === Op.T_I32 ? X.MOV_rm64_r64 : fullStore(ty));
    c.use(v);
  }
  lower.aux(area);
  lower.imm2(offset);
}
