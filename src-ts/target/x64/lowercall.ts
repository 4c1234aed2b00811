/** What calls are on x86-64: mach/calls.ts with this machine's instructions. The convention is in machine.ts. */
import * as Abi from '../../gen/abi.ts';
import * as Op from '../../gen/ir.ts';
import * as X from '../../gen/x64.ts';
import { CallRules } from '../../mach/calls.ts';
import { DEF_REG, NO_VREG } from '../../mach/vcode.ts';
import type { Rules } from './context.ts';
import { fullLoad, fullStore, loadArea, storeArea } from './lowermem.ts';
import { CLOBBER_CALL, CLOBBER_CALL_CTX, CTX, wasmConvention } from './machine.ts';
import type { NativeAbi } from './nativeabi.ts';
import * as P from './ops.ts';

const MACHINE = {
  convention: wasmConvention,
  context: CTX,
  stackAlign: 1,
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

export class X64Calls extends CallRules {
  constructor(
    private readonly rules: Rules,
    abi: NativeAbi,
  ) {
    super({ ...MACHINE, native: abi.convention, shadowBytes: abi.shadowBytes });
  }

  protected loadArea(area: number, offset: number, ty: number, to: number): void {
    loadArea(this.rules, area, offset, ty, to, DEF_REG);
  }

  protected storeArea(area: number, offset: number, row: number): void {
    storeArea(this.rules, area, offset, row);
  }

  protected storeAddress(area: number, offset: number, address: number): void {
    this.lower.inst(X.MOV_rm64_r64);
    this.rules.use(address);
    this.lower.aux(area);
    this.lower.imm2(offset);
  }

  protected storeResult(base: number, offset: number, row: number): void {
    const { lower, rules } = this;
    const v = lower.vregOf(row);
    const ty = this.f.ty[row];
    rules.setAddress(base, NO_VREG, 0, offset);
    lower.inst(ty === Op.T_I32 ? X.MOV_rm64_r64 : fullStore(ty));
    rules.use(v);
    rules.putAddress();
  }

  protected resultAddress(): number {
    const { lower } = this;
    const v = lower.newVreg(Op.T_I64);
    lower.inst(X.LEA_r64_m);
    lower.operand(v, DEF_REG);
    lower.aux(P.AUX_RESULT);
    return v;
  }

  protected callIndirect(row: number, popped: number): void {
    const { lower, rules } = this;
    rules.rmInt(row, true);
    lower.inst(X.CALL_rm64);
    rules.putRm();
    if (this.isImport(row)) lower.aux(P.AUX_HOST);
    lower.imm(popped);
  }

  /** Whether code is that of an imported function: its address is part of the instance's wiring. */
  private isImport(code: number): boolean {
    const { f } = this;
    return f.op[code] === Op.LOAD && (f.aux[code] & Op.REGION_MASK) === Op.R_READONLY;
  }

  protected callBuiltin(ctx: number, builtin: number): void {
    const { lower, rules } = this;
    const table = lower.newVreg(Op.T_I64);
    rules.setAddress(lower.vregOf(ctx), NO_VREG, 0, Abi.CTX_BUILTINS);
    lower.inst(fullLoad(Op.T_I64));
    lower.operand(table, DEF_REG);
    rules.putAddress();
    rules.setAddress(table, NO_VREG, 0, builtin * 8);
    lower.inst(X.CALL_rm64);
    rules.putAddress();
  }

  protected useTarget(target: number): void {
    this.rules.useAny(target);
  }
}
