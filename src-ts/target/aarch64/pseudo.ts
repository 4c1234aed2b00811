/** Encoding of the pseudo-instructions of ops.ts. Arm ARM, C6.2 and C7.2. */
import * as A from '../../gen/aarch64.ts';
import * as Op from '../../gen/ir.ts';
import * as Rec from '../../object/records.ts';
import { bug } from '../../util/bug.ts';
import { checkTruncation, emitFtoi } from './convert.ts';
import {
  emitForm,
  emitMemory,
  emitMoveOf,
  type FunctionState,
  moveConst,
  moveFloatConst,
} from './emitter.ts';
import * as E from './encode.ts';
import { afterCall, emitReturn, emitTailCall } from './frame.ts';
import { FP, SCRATCH, SCRATCH2, SCRATCH_FP, ZR } from './machine.ts';
import * as P from './ops.ts';
import * as R from './regs.ts';
import { emitWindowsReturn, emitWindowsTailCall } from './winframe.ts';

/** A rare path that does not come back. */
const NO_RETURN = -1;

/** Emits instruction i. */
export function emitInst(s: FunctionState, i: number, next: number): void {
  const { code, sink } = s;
  const op = code.op[i];
  if (op < P.P_FIRST) {
    emitForm(s, i);
    return;
  }
  switch (op) {
    case P.P_ARGS:
      return;
    case P.P_ICONST:
      moveConst(sink.buf, s.reg(i, 0), code.imm[i], code.imm2[i]);
      return;
    case P.P_FCONST:
      moveFloatConst(s, s.reg(i, 0), (code.aux[i] & P.AUX_F64) !== 0, code.imm[i], code.imm2[i]);
      return;
    case P.P_MOVE:
      emitMoveOf(s, s.at(i, 1), s.at(i, 0), code.vregType[code.vreg[code.opnd[i]]]);
      return;
    case P.P_JUMP:
      jump(s, sink.destination(code.imm[i]), next);
      return;
    case P.P_BRANCH:
      emitBranch(s, i, next);
      return;
    case P.P_BRTABLE:
      emitTableJump(s, i);
      return;
    case P.P_TRAP:
      sink.trap(code.imm[i], code.pos[i]);
      E.encImm(sink.buf, A.UDF, code.imm[i]);
      return;
    case P.P_TRAPIF:
      sink.branch(branchKind(s, i), sink.trapLabel(code.imm[i], code.pos[i]));
      return;
    case P.P_SIGCHECK:
      sink.branch(R.CC_NE << P.BR_CC_SHIFT, sink.defer(i, NO_RETURN));
      return;
    case P.P_FTOI:
      emitFtoi(s, i);
      return;
    case P.P_COPYSIGN:
      emitCopysign(s, i);
      return;
    case P.P_AREA_ADDRESS:
      emitAreaAddress(s, i);
      return;
    case P.P_CALL:
      E.encB(sink.buf, A.BL, 0);
      sink.reloc(Rec.RELOC_CALL, code.imm[i]);
      afterReturn(s, i);
      return;
    case P.P_CALL_IND:
      E.encR(sink.buf, A.BLR, s.reg(i, 0));
      afterReturn(s, i);
      return;
    case P.P_RET:
      if (s.windows) emitWindowsReturn(s);
      else emitReturn(s);
      return;
    case P.P_TAIL_CALL:
    case P.P_TAIL_CALL_IND:
      if (s.windows) emitWindowsTailCall(s, i);
      else emitTailCall(s, i);
      return;
    default:
      emitMemory(s, i);
  }
}

function afterReturn(s: FunctionState, i: number): void {
  s.sink.returnAddress();
  afterCall(s, s.code.imm2[i]);
}

/** What an instruction put off to the end of the function. */
export function emitDeferred(s: FunctionState, i: number, back: number): void {
  if (s.code.op[i] === P.P_SIGCHECK) emitSigMismatch(s, i);
  else {
    checkTruncation(s, i);
    s.sink.branch(P.JMP, back);
  }
}

function jump(s: FunctionState, to: number, next: number): void {
  if (to !== next) s.sink.branch(P.JMP, to);
}

/** Kind of a P_BRANCH or P_TRAPIF with its register, for CodeSink.branch. */
function branchKind(s: FunctionState, i: number): number {
  const kind = s.code.aux[i];
  return (kind & 3) === P.BR_FLAGS ? kind : kind | (s.reg(i, 0) << P.BR_REG_SHIFT);
}

function emitBranch(s: FunctionState, i: number, next: number): void {
  const { code, sink } = s;
  const yes = sink.destination(code.imm[i]);
  const no = sink.destination(code.imm2[i]);
  const kind = branchKind(s, i);
  if (yes === no) jump(s, yes, next);
  else if (yes === next) sink.branch(kind ^ P.BR_NEGATE, no);
  else {
    sink.branch(kind, yes);
    jump(s, no, next);
  }
}

function emitTableJump(s: FunctionState, i: number): void {
  const { code, sink, lowerTable } = s;
  const { buf } = sink;
  const index = s.reg(i, 0);
  const cases = code.imm2[i] - 1;
  if (E.addImmediate(cases) >= 0) E.encRRI(buf, A.SUBS_w_imm, ZR, index, cases);
  else {
    moveConst(buf, SCRATCH2, cases, 0);
    E.encCmp(buf, A.SUBS_w_sh, index, SCRATCH2);
  }
  sink.branch(R.CC_HS << P.BR_CC_SHIFT, lowerTable[code.imm[i] + cases]);
  tableAddress(s, code.imm[i], cases);
  E.encLoadReg(buf, A.LDRSH_x_reg, SCRATCH2, SCRATCH, index, E.EXT_UXTW, true);
  E.encRRR(buf, A.ADD_x_sh, SCRATCH2, SCRATCH2, SCRATCH);
  E.encR(buf, A.BR, SCRATCH2);
}

/** x16 := address of a jump table, which may be beyond the reach of adr in a large function. */
function tableAddress(s: FunctionState, first: number, count: number): void {
  const { sink } = s;
  const { buf } = sink;
  if (!s.farPool) {
    E.encAdr(buf, A.ADR, SCRATCH, 0);
    sink.tableField(buf.pos - 4, first, count);
    return;
  }
  // patchPool fills in the constant, relative to the adr.
  E.encMovWide(buf, A.MOVZ_x, SCRATCH2, 0, 0);
  E.encMovWide(buf, A.MOVK_x, SCRATCH2, 0, 1);
  E.encAdr(buf, A.ADR, SCRATCH, 0);
  E.encRRR(buf, A.ADD_x_sh, SCRATCH, SCRATCH, SCRATCH2);
  sink.tableField(buf.pos - 16, first, count);
}

/** A call to an entry of another type, or a null one. */
function emitSigMismatch(s: FunctionState, i: number): void {
  const { code, sink } = s;
  sink.position(code.pos[i]);
  E.encRRI(sink.buf, A.ADDS_w_imm, ZR, s.reg(i, 0), 1);
  const uninitialized = sink.trapLabel(Op.TRAP_UNINITIALIZED_ELEMENT, code.pos[i]);
  sink.branch(R.CC_EQ << P.BR_CC_SHIFT, uninitialized);
  sink.trap(Op.TRAP_INDIRECT_CALL_MISMATCH, code.pos[i]);
  E.encImm(sink.buf, A.UDF, Op.TRAP_INDIRECT_CALL_MISMATCH);
}

/** Inserts the sign of operand 2 where a mask of the sign bit, -0.0, has a one. */
function emitCopysign(s: FunctionState, i: number): void {
  const { buf } = s.sink;
  if (s.code.aux[i] & P.AUX_F64) {
    E.encMovi(buf, A.MOVI_d, SCRATCH_FP, 0);
    E.encRR(buf, A.FNEG_d, SCRATCH_FP, SCRATCH_FP);
  } else E.encMovi(buf, A.MOVI_2s_lsl24, SCRATCH_FP, 0x80);
  E.encRRR(buf, A.BIT_8b, s.reg(i, 0), s.reg(i, 2), SCRATCH_FP);
}

function emitAreaAddress(s: FunctionState, i: number): void {
  const { buf } = s.sink;
  const to = s.reg(i, 0);
  if (E.addImmediate(s.resultBase) >= 0) {
    E.encRRI(buf, A.ADD_x_imm, to, FP, s.resultBase);
    return;
  }
  moveConst(buf, to, s.resultBase, 0);
  E.encRRR(buf, A.ADD_x_sh, to, FP, to);
}

/** A rematerialised instruction: flags may be live. */
export function emitRemat(s: FunctionState, i: number, to: number): void {
  const { code } = s;
  if (code.op[i] === P.P_ICONST) moveConst(s.sink.buf, to & 31, code.imm[i], code.imm2[i]);
  else if (code.op[i] === P.P_FCONST) {
    moveFloatConst(s, to & 31, (code.aux[i] & P.AUX_F64) !== 0, code.imm[i], code.imm2[i]);
  } else bug('aarch64 emit', `instruction ${i} can not be rematerialised`);
}
