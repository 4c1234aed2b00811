/** Memory operations: what is loaded or stored, and the forms that do it by addressing mode. */
import * as A from '../../gen/aarch64.ts';
import * as Op from '../../gen/ir.ts';
import { bug } from '../../util/bug.ts';
import { P_FIRST, P_MEM } from './ops.ts';

/** One row: the _uoff form, the unscaled one, the _reg form; log2 of the size; the form of a pair, or 0. */
const ROWS: readonly (readonly [number, number, number, number, number?])[] = [
  [A.LDRB_uoff, A.LDURB, A.LDRB_reg, 0],
  [A.LDRSB_w_uoff, A.LDURSB_w, A.LDRSB_w_reg, 0],
  [A.LDRSB_x_uoff, A.LDURSB_x, A.LDRSB_x_reg, 0],
  [A.LDRH_uoff, A.LDURH, A.LDRH_reg, 1],
  [A.LDRSH_w_uoff, A.LDURSH_w, A.LDRSH_w_reg, 1],
  [A.LDRSH_x_uoff, A.LDURSH_x, A.LDRSH_x_reg, 1],
  [A.LDR_w_uoff, A.LDUR_w, A.LDR_w_reg, 2, A.LDP_w_off],
  [A.LDRSW_uoff, A.LDURSW, A.LDRSW_reg, 2],
  [A.LDR_x_uoff, A.LDUR_x, A.LDR_x_reg, 3, A.LDP_x_off],
  [A.LDR_s_uoff, A.LDUR_s, A.LDR_s_reg, 2, A.LDP_s_off],
  [A.LDR_d_uoff, A.LDUR_d, A.LDR_d_reg, 3, A.LDP_d_off],
  [A.LDR_q_uoff, A.LDUR_q, A.LDR_q_reg, 4, A.LDP_q_off],
  [A.STRB_uoff, A.STURB, A.STRB_reg, 0],
  [A.STRH_uoff, A.STURH, A.STRH_reg, 1],
  [A.STR_w_uoff, A.STUR_w, A.STR_w_reg, 2, A.STP_w_off],
  [A.STR_x_uoff, A.STUR_x, A.STR_x_reg, 3, A.STP_x_off],
  [A.STR_s_uoff, A.STUR_s, A.STR_s_reg, 2, A.STP_s_off],
  [A.STR_d_uoff, A.STUR_d, A.STR_d_reg, 3, A.STP_d_off],
  [A.STR_q_uoff, A.STUR_q, A.STR_q_reg, 4, A.STP_q_off],
];

export const LDRB = 0;
export const LDRSB_W = 1;
export const LDRSB_X = 2;
export const LDRH = 3;
export const LDRSH_W = 4;
export const LDRSH_X = 5;
export const LDR_W = 6;
export const LDRSW = 7;
export const LDR_X = 8;
export const LDR_S = 9;
export const LDR_D = 10;
export const LDR_Q = 11;
export const STRB = 12;
export const STRH = 13;
export const STR_W = 14;
export const STR_X = 15;
export const STR_S = 16;
export const STR_D = 17;
export const STR_Q = 18;

export const UOFF = Uint16Array.from(ROWS, (r) => r[0]);
export const UNSCALED = Uint16Array.from(ROWS, (r) => r[1]);
export const REG = Uint16Array.from(ROWS, (r) => r[2]);
export const LOG2 = Uint8Array.from(ROWS, (r) => r[3]);
export const PAIR = Uint16Array.from(ROWS, (r) => r[4] ?? 0);

/** Whether an operation (less P_MEM) reaches a displacement by an immediate. */
export function reaches(mem: number, disp: number): boolean {
  if (disp >= -256 && disp <= 255) return true;
  const log2 = LOG2[mem];
  return disp >= 0 && disp < 4096 << log2 && (disp & ((1 << log2) - 1)) === 0;
}

/** Whether an operation stores. */
export function isStore(mem: number): boolean {
  return mem >= STRB;
}

/** The load of a whole value of a type. */
export function fullLoad(ty: number): number {
  switch (ty) {
    case Op.T_I32:
      return LDR_W;
    case Op.T_F32:
      return LDR_S;
    case Op.T_F64:
      return LDR_D;
    case Op.T_V128:
      return LDR_Q;
    default:
      return LDR_X;
  }
}

/** The store of a whole value of a type. */
export function fullStore(ty: number): number {
  switch (ty) {
    case Op.T_I32:
      return STR_W;
    case Op.T_F32:
      return STR_S;
    case Op.T_F64:
      return STR_D;
    case Op.T_V128:
      return STR_Q;
    default:
      return STR_X;
  }
}

/** The operation of a load row. */
export function loadOf(op: number, ty: number): number {
  const wide = ty !== Op.T_I32;
  switch (op) {
    case Op.LOAD8_S:
      return wide ? LDRSB_X : LDRSB_W;
    case Op.LOAD8_U:
      return LDRB;
    case Op.LOAD16_S:
      return wide ? LDRSH_X : LDRSH_W;
    case Op.LOAD16_U:
      return LDRH;
    case Op.LOAD32_S:
      return LDRSW;
    case Op.LOAD32_U:
      return LDR_W;
    case Op.LOAD:
      return fullLoad(ty);
    default:
      return bug('aarch64 rules', `no load for ${Op.OP_NAMES[op]}`);
  }
}

/** The operation of a store row; `ty` is the type of what is stored. */
export function storeOf(op: number, ty: number): number {
  switch (op) {
    case Op.STORE8:
      return STRB;
    case Op.STORE16:
      return STRH;
    case Op.STORE32:
      return STR_W;
    default:
      return fullStore(ty);
  }
}

/** VCode operation of a memory operation. */
export function memory(mem: number): number {
  return P_MEM + mem;
}

/** Names of pseudo-operations, in the order of their numbers from P_FIRST. */
const PSEUDO_NAMES =
  'args iconst fconst jump branch brtable trap trapif sigcheck ftoi call callind ret tailcall tailcallind areaaddress copysign move'.split(
    ' ',
  );

/** Names of all operations of the target's VCode, by number. */
export const OP_NAMES: readonly string[] = /* @__PURE__ */ (() => {
  const names = [...A.FORM_NAMES];
  PSEUDO_NAMES.forEach((name, k) => (names[P_FIRST + k] = name));
  ROWS.forEach((r, k) => (names[P_MEM + k] = A.FORM_NAMES[r[0]]!.replace('_uoff', '')));
  return names;
})();
