/** Encoding of the pseudo-instructions of ops.ts. SDM Vol. 2. */
import * as Abi from '../../gen/abi.ts';
import * as Op from '../../gen/ir.ts';
import * as X from '../../gen/x64.ts';
import * as Rec from '../../object/records.ts';
import { bug } from '../../util/bug.ts';
import {
  emitForm,
  emitMoveOf,
  type FunctionState,
  moveConst,
  moveFloatConst,
  readsFlags,
} from './emitter.ts';
import * as E from './encode.ts';
import { emitDeferredConversion, emitFtoi, emitU64ToFloat } from './convert.ts';
import { afterCall, emitReturn, emitTailCall } from './frame.ts';
import { CTX, SCRATCH } from './machine.ts';
import * as P from './ops.ts';
import * as R from './regs.ts';

/** A rare path that does not come back. */
const NO_RETURN = -1;

/** Emits instruction i. */
export function emitInst(s: FunctionState, i: number, next: number): void {
  const { code, sink } = s;
  switch (code.op[i]) {
    case P.P_ARGS:
      return;
    case P.P_ICONST:
      emitConst(s, i);
      return;
    case P.P_FCONST:
      moveFloatConst(s, s.reg(i, 0), (code.aux[i] & P.AUX_F64) !== 0, code.imm[i], code.imm2[i]);
      return;
    case P.P_JUMP:
      jump(s, sink.destination(code.imm[i]), next);
      return;
    case P.P_JCC:
      emitBranch(s, i, next);
      return;
    case P.P_BRTABLE:
      emitTableJump(s, i);
      return;
    case P.P_TRAP:
      sink.trap(code.imm[i], code.pos[i]);
      E.enc0(sink.buf, X.UD2);
      return;
    case P.P_TRAPIF:
      branchOn(s, code.aux[i], sink.trapLabel(code.imm[i], code.pos[i]));
      return;
    case P.P_SIGCHECK:
      sink.branch(R.CC_NE, sink.defer(i, NO_RETURN));
      return;
    case P.P_SETCC:
      emitSetcc(s, i);
      return;
    case P.P_FSELECT:
      emitFloatSelect(s, i);
      return;
    case P.P_DIV:
      emitDiv(s, i);
      return;
    case P.P_DIV_CHECK:
      emitDivCheck(s, i);
      return;
    case P.P_FMINMAX:
      emitMinMax(s, i);
      return;
    case P.P_FTOI:
      emitFtoi(s, i);
      return;
    case P.P_U64_TO_F:
      emitU64ToFloat(s, i);
      return;
    case P.P_CALL:
      E.encRel32(sink.buf, X.CALL_rel32, 0);
      sink.reloc(Rec.RELOC_CALL, code.imm[i]);
      sink.returnAddress();
      afterCall(s, code.imm2[i]);
      return;
    case X.CALL_rm64:
      if (code.aux[i] & P.AUX_HOST) emitImportCall(s, i);
      else emitForm(s, i);
      sink.returnAddress();
      afterCall(s, code.imm[i]);
      return;
    case P.P_RET:
      emitReturn(s);
      return;
    case P.P_TAIL_CALL:
    case P.P_TAIL_CALL_IND:
      emitTailCall(s, i);
      return;
    default:
      emitForm(s, i);
  }
}

/** What an instruction put off to the end of the function. */
export function emitDeferred(s: FunctionState, i: number, back: number): void {
  if (s.code.op[i] === P.P_SIGCHECK) emitSigMismatch(s, i);
  else emitDeferredConversion(s, i, back);
}

/**
 * A call to an imported function. A host function does not return here by the return predictor, since it suspends the
 * fiber: an entry made for it would have to be used up by a wrong prediction. So it is entered by a jump.
 */
function emitImportCall(s: FunctionState, i: number): void {
  const { buf } = s.sink;
  const wasm = s.sink.newLabel();
  E.encM_imm(buf, X.CMP_rm64_imm8, CTX, R.NO_REG, 0, Abi.CTX_HOST_CODE, 0);
  s.sink.branch(R.CC_E, wasm);
  E.encRM(buf, X.LEA_r64_m, SCRATCH, R.RIP, R.NO_REG, 0, 0);
  const lea = buf.pos;
  E.encR(buf, X.PUSH_r64, SCRATCH);
  E.encM(buf, X.JMP_rm64, CTX, R.NO_REG, 0, Abi.CTX_HOST_CODE);
  s.sink.bind(wasm);
  emitForm(s, i);
  E.patchRip(buf, X.LEA_r64_m, lea, buf.pos);
}

/** Constants: xor for zero, as no flags are live between rows. */
function emitConst(s: FunctionState, i: number): void {
  const { code } = s;
  const to = s.reg(i, 0);
  if (code.imm[i] === 0 && code.imm2[i] === 0) clear(s, to);
  else moveConst(s, to, code.imm[i], code.imm2[i]);
}

function clear(s: FunctionState, to: number): void {
  E.encRR(s.sink.buf, X.XOR_r32_rm32, to, to);
}

function jump(s: FunctionState, to: number, next: number): void {
  if (to !== next) s.sink.branch(P.JMP, to);
}

/** Branches to a label when a condition (never COND_AND_NP) holds. */
function branchOn(s: FunctionState, cond: number, label: number): void {
  const { sink } = s;
  const cc = cond & P.AUX_CC;
  const kind = (cond >> P.AUX_COND_SHIFT) & 3;
  if (kind === P.COND_AND_NP) {
    const skip = sink.newLabel();
    sink.branch(R.CC_P, skip);
    sink.branch(cc, label);
    sink.bind(skip);
    return;
  }
  sink.branch(cc, label);
  if (kind === P.COND_OR_P) sink.branch(R.CC_P, label);
}

function emitBranch(s: FunctionState, i: number, next: number): void {
  const { code, sink } = s;
  const yes = sink.destination(code.imm[i]);
  const no = sink.destination(code.imm2[i]);
  const cc = code.aux[i] & P.AUX_CC;
  const parity = (code.aux[i] >> P.AUX_COND_SHIFT) & 3;
  if (yes === no) jump(s, yes, next);
  else if (yes === next) {
    if (parity === P.COND_OR_P) {
      sink.branch(cc, yes);
      sink.branch(R.CC_NP, no);
    } else sink.branch(cc ^ 1, no);
  } else {
    branchOn(s, code.aux[i], yes);
    jump(s, no, next);
  }
}

function emitTableJump(s: FunctionState, i: number): void {
  const { code, sink, lowerTable } = s;
  const { buf } = sink;
  const index = s.reg(i, 0);
  const table = s.reg(i, 1);
  const entry = s.reg(i, 2);
  const cases = code.imm2[i] - 1;
  const small = cases <= 127;
  E.encR_imm(buf, small ? X.CMP_rm32_imm8 : X.CMP_rm32_imm32, index, cases);
  sink.branch(R.CC_AE, lowerTable[code.imm[i] + cases]);
  E.encRM(buf, X.LEA_r64_m, table, R.RIP, R.NO_REG, 0, 0);
  sink.tableField(buf.pos - 4, code.imm[i], cases);
  E.encRM(buf, X.MOVSX_r64_rm16, entry, table, index, 1, 0);
  E.encRR(buf, X.ADD_r64_rm64, entry, table);
  E.encR(buf, X.JMP_rm64, entry);
}

/** A call to an entry of another type, or a null one. */
function emitSigMismatch(s: FunctionState, i: number): void {
  const { code, sink } = s;
  sink.position(code.pos[i]);
  E.encR_imm(sink.buf, X.CMP_rm32_imm8, s.reg(i, 0), -1);
  sink.branch(R.CC_E, sink.trapLabel(Op.TRAP_UNINITIALIZED_ELEMENT, code.pos[i]));
  sink.trap(Op.TRAP_INDIRECT_CALL_MISMATCH, code.pos[i]);
  E.enc0(sink.buf, X.UD2);
}

function emitSetcc(s: FunctionState, i: number): void {
  const { buf } = s.sink;
  const to = s.reg(i, 0);
  const cc = s.code.aux[i] & P.AUX_CC;
  const kind = (s.code.aux[i] >> P.AUX_COND_SHIFT) & 3;
  E.encR_cc(buf, X.SETCC_rm8, cc, to);
  if (kind !== P.COND_CC) {
    const parity = s.reg(i, 1);
    const or = kind === P.COND_OR_P;
    E.encR_cc(buf, X.SETCC_rm8, or ? R.CC_P : R.CC_NP, parity);
    E.encRR(buf, or ? X.OR_r8_rm8 : X.AND_r8_rm8, to, parity);
  }
  E.encRR(buf, X.MOVZX_r32_rm8, to, to);
}

function emitFloatSelect(s: FunctionState, i: number): void {
  const { code, sink } = s;
  const skip = sink.newLabel();
  const cc = code.aux[i] & P.AUX_CC;
  if (((code.aux[i] >> P.AUX_COND_SHIFT) & 3) === P.COND_OR_P) {
    const take = sink.newLabel();
    sink.branch(cc, take);
    sink.branch(R.CC_NP, skip);
    sink.bind(take);
  } else sink.branch(cc ^ 1, skip);
  const type = code.vregType[code.vreg[code.opnd[i] + 2]];
  emitMoveOf(s, s.at(i, 2), s.at(i, 0), type);
  sink.bind(skip);
}

function emitDiv(s: FunctionState, i: number): void {
  const { code, sink } = s;
  const { buf } = sink;
  const aux = code.aux[i];
  const wide = (aux & P.AUX_64) !== 0;
  const by = s.reg(i, 0);
  const done = sink.newLabel();
  if (aux & P.AUX_REM || !(aux & P.AUX_SIGNED)) E.encRR(buf, X.XOR_r32_rm32, R.RDX, R.RDX);
  if (aux & P.AUX_REM) {
    // x % -1 is 0; the instruction would fault for the least x.
    E.encR_imm(buf, wide ? X.CMP_rm64_imm8 : X.CMP_rm32_imm8, by, -1);
    sink.branch(R.CC_E, done);
  }
  if (aux & P.AUX_SIGNED) E.enc0(buf, wide ? X.CQO : X.CDQ);
  sink.trap(Op.TRAP_INTEGER_DIVIDE_BY_ZERO, code.pos[i]);
  if (aux & P.AUX_SIGNED) E.encR(buf, wide ? X.IDIV_rm64 : X.IDIV_rm32, by);
  else E.encR(buf, wide ? X.DIV_rm64 : X.DIV_rm32, by);
  sink.bind(done);
}

/** Least integer / -1: a - 1 overflows only for the least integer. */
function emitDivCheck(s: FunctionState, i: number): void {
  const { code, sink } = s;
  const form = code.aux[i] & P.AUX_64 ? X.CMP_rm64_imm8 : X.CMP_rm32_imm8;
  const fine = sink.newLabel();
  E.encR_imm(sink.buf, form, s.reg(i, 1), -1);
  sink.branch(R.CC_NE, fine);
  E.encR_imm(sink.buf, form, s.reg(i, 0), 1);
  sink.branch(R.CC_O, sink.trapLabel(Op.TRAP_INTEGER_OVERFLOW, code.pos[i]));
  sink.bind(fine);
}

/** Wasm min and max: a NaN wins, and of two zeros the signs combine (or for min, and for max). */
function emitMinMax(s: FunctionState, i: number): void {
  const { code, sink } = s;
  const { buf } = sink;
  const double = (code.aux[i] & P.AUX_F64) !== 0;
  const max = (code.aux[i] & P.AUX_MAX) !== 0;
  const to = s.reg(i, 0);
  const other = s.reg(i, 2);
  const nan = sink.newLabel();
  const differ = sink.newLabel();
  const done = sink.newLabel();
  E.encRR(buf, double ? X.UCOMISD_xmm_xm64 : X.UCOMISS_xmm_xm32, to, other);
  sink.branch(R.CC_P, nan);
  sink.branch(R.CC_NE, differ);
  E.encRR(buf, max ? X.ANDPS_xmm_xm128 : X.ORPS_xmm_xm128, to, other);
  sink.branch(P.JMP, done);
  sink.bind(nan);
  E.encRR(buf, double ? X.ADDSD_xmm_xm64 : X.ADDSS_xmm_xm32, to, other);
  sink.branch(P.JMP, done);
  sink.bind(differ);
  if (max) E.encRR(buf, double ? X.MAXSD_xmm_xm64 : X.MAXSS_xmm_xm32, to, other);
  else E.encRR(buf, double ? X.MINSD_xmm_xm64 : X.MINSS_xmm_xm32, to, other);
  sink.bind(done);
}

/** A rematerialised instruction before instruction `at`, which may read flags. */
export function emitRemat(s: FunctionState, i: number, to: number, at: number): void {
  const { code } = s;
  if (code.op[i] === P.P_ICONST) {
    if (code.imm[i] === 0 && code.imm2[i] === 0 && !readsFlags(code.op[at])) clear(s, to & 15);
    else moveConst(s, to & 15, code.imm[i], code.imm2[i]);
  } else if (code.op[i] === P.P_FCONST) {
    moveFloatConst(s, to & 15, (code.aux[i] & P.AUX_F64) !== 0, code.imm[i], code.imm2[i]);
  } else bug('x64 emit', `instruction ${i} can not be rematerialised`);
}
