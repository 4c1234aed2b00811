/** What calls are on AArch64: mach/calls.ts with this machine's instructions. The convention is in machine.ts. */
import * as Abi from '../../gen/abi.ts';
import * as Op from '../../gen/ir.ts';
import { type CallMachine, CallRules } from '../../mach/calls.ts';
import { DEF_REG, USE_ANY } from '../../mach/vcode.ts';
import type { Rules } from './context.ts';
import { loadArea, putAddress, setAddress, storeArea } from './lowermem.ts';
import { aapcs, CLOBBER_CALL, CLOBBER_CALL_CTX, CTX, wasmConvention } from './machine.ts';
import * as M from './memops.ts';
import * as P from './ops.ts';

const MACHINE: CallMachine = {
  convention: wasmConvention,
  native: aapcs,
  shadowBytes: 0,
  context: CTX,
  // The stack pointer stays a multiple of it.
  stackAlign: 16,
  args: P.P_ARGS,
  call: P.P_CALL,
  ret: P.P_RET,
  tailCall: P.P_TAIL_CALL,
  tailCallIndirect: P.P_TAIL_CALL_IND,
  areaIn: P.AUX_IN,
  areaOut: P.AUX_OUT,
  areaResult: P.AUX_RESULT,
  clobbers: CLOBBER_CALL,
  clobbersContext: CLOBBER_CALL_CTX,
};

export class AArch64Calls extends CallRules {
  constructor(private readonly rules: Rules) {
    super(MACHINE);
  }

  protected loadArea(area: number, offset: number, ty: number, to: number): void {
    loadArea(this.rules, area, offset, ty, to);
  }

  protected storeArea(area: number, offset: number, row: number): void {
    storeArea(this.rules, area, offset, row);
  }

  protected storeAddress(area: number, offset: number, address: number): void {
    this.lower.inst(M.memory(M.STR_X));
    this.rules.use(address);
    this.lower.aux(area);
    this.lower.imm2(offset);
  }

  protected storeResult(base: number, offset: number, row: number): void {
    const v = this.lower.vregOf(row);
    const ty = this.f.ty[row];
    setAddress(base, offset);
    this.lower.inst(M.memory(ty === Op.T_I32 ? M.STR_X : M.fullStore(ty)));
    this.rules.use(v);
    putAddress(this.rules);
  }

  protected resultAddress(): number {
    const { lower } = this;
    const v = lower.newVreg(Op.T_I64);
    lower.inst(P.P_AREA_ADDRESS);
    lower.operand(v, DEF_REG);
    return v;
  }

  protected callIndirect(row: number, popped: number): void {
    const { lower } = this;
    const target = lower.vregOf(row);
    lower.inst(P.P_CALL_IND);
    this.rules.use(target);
    lower.imm2(popped);
  }

  protected callBuiltin(ctx: number, builtin: number): void {
    const table = this.load(this.lower.vregOf(ctx), Abi.CTX_BUILTINS);
    const code = this.load(table, builtin * 8);
    this.lower.inst(P.P_CALL_IND);
    this.rules.use(code);
  }

  /** A fresh register with the 8 bytes at base + offset. */
  private load(base: number, offset: number): number {
    const v = this.lower.newVreg(Op.T_I64);
    setAddress(base, offset);
    this.lower.inst(M.memory(M.LDR_X));
    this.lower.operand(v, DEF_REG);
    putAddress(this.rules);
    return v;
  }

  protected useTarget(target: number): void {
    this.lower.operand(target, USE_ANY);
  }
}
