/**
 * Rules for calls, returns, tail calls and a function's own parameters, for any target. A target says what its
 * convention, registers and instructions are (`CallMachine`) and how it reads and writes areas of the frame.
 */
import * as Abi from '../gen/abi.ts';
import * as Op from '../gen/ir.ts';
import { NONE, type Func } from '../ir/func.ts';
import { bug } from '../util/bug.ts';
import { type Convention, isFloat, Locations, STACK } from './abi.ts';
import type { Lowering } from './lower.ts';
import type { CodeSettings } from './target.ts';
import { defFixed, I_CALL, I_RETURN, NO_VREG, useFixed } from './vcode.ts';

const LETTER_TYPES: Record<string, number> = { i: Op.T_I32, l: Op.T_I64, f: Op.T_F32, d: Op.T_F64 };
/** Parameter types of the builtins, from the letters of isa/abi/vmctx.ts. */
const BUILTIN_PARAMS = Abi.BUILTIN_PARAMS.map((p) =>
  Uint8Array.from(p, (letter) => LETTER_TYPES[letter]),
);

/** What calls are made of on a target: numbers of operations, of kinds of areas (aux bits) and of clobber sets. */
export interface CallMachine {
  /** Of Wasm functions. */
  readonly convention: Convention;
  /** Of builtins, and bytes below their stack arguments. */
  readonly native: Convention;
  readonly shadowBytes: number;
  /** Register of the instance context. */
  readonly context: number;
  /** The stack arguments that a callee pops are a multiple of this. */
  readonly stackAlign: number;
  readonly args: number;
  readonly call: number;
  readonly ret: number;
  readonly tailCall: number;
  readonly tailCallIndirect: number;
  /** Areas: the function's own stack arguments, those of calls it makes, their results. */
  readonly areaIn: number;
  readonly areaOut: number;
  readonly areaResult: number;
  readonly clobbers: number;
  /** Of callees that may leave another context behind. */
  readonly clobbersContext: number;
}

export abstract class CallRules {
  protected lower: Lowering = null as unknown as Lowering;
  protected f: Func = null as unknown as Func;
  protected readonly params = new Locations();
  private readonly results = new Locations();
  /** Bytes of stack arguments of the function being compiled, as it pops them. */
  incomingBytes = 0;
  /** Address of the caller's result area, NO_VREG when there is none or it was not needed yet. */
  private areaVreg = NO_VREG;
  private preservesContext = false;

  constructor(protected readonly machine: CallMachine) {}

  /** Starts a function. */
  begin(lower: Lowering, settings: CodeSettings): void {
    this.lower = lower;
    this.f = lower.f;
    this.preservesContext = settings.preservesContext;
    this.areaVreg = NO_VREG;
    this.place(lower.f.sig);
    this.incomingBytes = this.stackBytes();
  }

  // ---- what a target does ----

  /** Loads a vreg of a type from an area. */
  protected abstract loadArea(area: number, offset: number, ty: number, to: number): void;
  /** Stores a row's value to an area; an i32 fills its slot, the upper half is zero. */
  protected abstract storeArea(area: number, offset: number, row: number): void;
  /** Stores a vreg of an address to an area. */
  protected abstract storeAddress(area: number, offset: number, address: number): void;
  /** Stores a row's value, as storeArea does, at an address in a vreg. */
  protected abstract storeResult(base: number, offset: number, row: number): void;
  /** The address of the result area in a new vreg. */
  protected abstract resultAddress(): number;
  /** Starts the instruction that calls the code that a row points to, whose callee pops so many bytes. */
  protected abstract callIndirect(row: number, popped: number): void;
  /** Starts the call [ctx.builtins + 8 * builtin]. */
  protected abstract callBuiltin(ctx: number, builtin: number): void;
  /** Gives the target of an indirect tail call as an operand. */
  protected abstract useTarget(target: number): void;

  // ---- places ----

  /** Bytes of the placed parameters' stack arguments. */
  private stackBytes(): number {
    const { stackAlign } = this.machine;
    return (this.params.stackBytes + stackAlign - 1) & -stackAlign;
  }

  /** Places parameters and results of a signature; true when results need an area. */
  private place(sig: number): boolean {
    const { sigs } = this.f;
    if (sigs === null) bug('calls', 'a function without signatures');
    this.results.results(this.machine.convention, sigs.results(sig));
    const area = this.results.stackBytes > 0;
    this.params.params(this.machine.convention, sigs.params(sig), area);
    return area;
  }

  /** Place of the last parameter: the address of the result area, if there is one. */
  private lastPlace(): number {
    return this.params.at[this.params.count - 1];
  }

  // ---- the function itself ----

  /** Parameters of the function: register ones defined by one instruction, stack ones loaded. */
  entry(): void {
    const { f, lower, machine, params } = this;
    const area = this.place(f.sig);
    lower.inst(machine.args);
    let r = f.first[0];
    for (let i = 0; i < f.paramCount[0]; i++, r = f.next[r]) {
      if (!lower.isNeeded(r)) continue;
      const at = i === 0 ? machine.context : params.at[i - 1];
      if (at < STACK) lower.operand(lower.vregOf(r), defFixed(at));
    }
    const areaAt = area ? this.lastPlace() : NONE;
    const areaWanted = area && this.areaVreg !== NO_VREG;
    if (areaWanted && areaAt < STACK) lower.operand(this.areaVreg, defFixed(areaAt));
    r = f.first[0];
    for (let i = 0; i < f.paramCount[0]; i++, r = f.next[r]) {
      if (i === 0 || !lower.isNeeded(r) || params.at[i - 1] < STACK) continue;
      this.loadArea(machine.areaIn, params.at[i - 1] - STACK, f.ty[r], lower.vregOf(r));
    }
    if (areaWanted && areaAt >= STACK) {
      this.loadArea(machine.areaIn, areaAt - STACK, Op.T_I64, this.areaVreg);
    }
  }

  /** Address of the area for results the function itself returns. */
  private ownArea(): number {
    if (this.areaVreg === NO_VREG) this.areaVreg = this.lower.newVreg(Op.T_I64);
    return this.areaVreg;
  }

  ret(row: number): void {
    const { f, lower, results } = this;
    const list = f.c[row];
    this.place(f.sig);
    const n = f.listLength(list);
    for (let i = 0; i < n; i++) {
      const at = results.at[i];
      if (at >= STACK) this.storeResult(this.ownArea(), at - STACK, f.listGet(list, i));
    }
    lower.inst(this.machine.ret);
    for (let i = 0; i < n; i++) {
      const at = results.at[i];
      if (at < STACK) lower.operand(lower.vregOf(f.listGet(list, i)), useFixed(at));
    }
    lower.flags(I_RETURN);
  }

  // ---- calls of Wasm functions ----

  /** Stores the stack arguments (list elements from 1) to an area of the frame. */
  private storeArguments(list: number, area: number, shift: number): void {
    for (let i = 1, n = this.f.listLength(list); i < n; i++) {
      const at = this.params.at[i - 1];
      if (at >= STACK) this.storeArea(area, at - STACK + shift, this.f.listGet(list, i));
    }
  }

  /** Passes the address of a result area as the last argument. Returns its vreg when it goes in a register. */
  private storeAreaAddress(address: number, area: number, shift: number): number {
    const at = this.lastPlace();
    if (at < STACK) return address;
    this.storeAddress(area, at - STACK + shift, address);
    return NO_VREG;
  }

  /** Gives the context and register arguments as fixed operands; `area` is the vreg of a result area's address. */
  private useArguments(list: number, area: number): void {
    const { f, lower, params } = this;
    lower.operand(lower.vregOf(f.listGet(list, 0)), useFixed(this.machine.context));
    for (let i = 1, n = f.listLength(list); i < n; i++) {
      const at = params.at[i - 1];
      if (at < STACK) lower.operand(lower.vregOf(f.listGet(list, i)), useFixed(at));
    }
    if (area !== NO_VREG) lower.operand(area, useFixed(this.lastPlace()));
  }

  call(row: number): void {
    const { f, lower, machine } = this;
    const list = f.c[row];
    const area = this.place(f.aux[row]);
    const popped = this.stackBytes();
    lower.outgoingBytes = Math.max(lower.outgoingBytes, popped);
    this.storeArguments(list, machine.areaOut, 0);
    const areaArg = area ? this.storeAreaAddress(this.resultArea(), machine.areaOut, 0) : NO_VREG;
    if (f.op[row] === Op.CALL) {
      lower.inst(machine.call);
      lower.imm(f.imm[row]);
      lower.imm2(popped);
    } else this.callIndirect(f.a[row], popped);
    this.useArguments(list, areaArg);
    lower.flags(I_CALL);
    // Functions that take this context leave it where it is.
    const own = f.listGet(list, 0) === f.first[0] && this.preservesContext;
    lower.clobbers(own ? machine.clobbers : machine.clobbersContext);
    this.callResults(row);
  }

  /** Address of the frame's area for the results of a call. */
  private resultArea(): number {
    const { lower } = this;
    lower.resultAreaBytes = Math.max(lower.resultAreaBytes, this.results.stackBytes);
    return this.resultAddress();
  }

  /** Whether row r, one of those after a call, stands for one of its results. */
  private isResult(r: number, call: number): boolean {
    return r !== NONE && this.f.op[r] === Op.PROJ && this.f.a[r] === call;
  }

  /** DEFs of the register results, then loads of the others. */
  private callResults(row: number): void {
    const { f, lower, results } = this;
    if (results.count === 1) {
      lower.operand(lower.vregOf(row), defFixed(results.at[0]));
      return;
    }
    for (let r = f.next[row]; this.isResult(r, row); r = f.next[r]) {
      const at = results.at[f.imm[r]];
      if (at < STACK && lower.isNeeded(r)) lower.operand(lower.vregOf(r), defFixed(at));
    }
    for (let r = f.next[row]; this.isResult(r, row); r = f.next[r]) {
      const at = results.at[f.imm[r]];
      if (at < STACK || !lower.isNeeded(r)) continue;
      this.loadArea(this.machine.areaResult, at - STACK, f.ty[r], lower.vregOf(r));
    }
  }

  /**
   * Tail calls. Stack arguments go straight over this function's own when they take no more room; else they are staged
   * as for a call and moved by the epilogue.
   */
  tailCall(row: number): void {
    const { f, lower, machine, incomingBytes } = this;
    const list = f.c[row];
    const area = this.place(f.aux[row]);
    const bytes = this.stackBytes();
    const inPlace = bytes <= incomingBytes;
    const out = inPlace ? machine.areaIn : machine.areaOut;
    const shift = inPlace ? incomingBytes - bytes : 0;
    if (!inPlace) {
      lower.outgoingBytes = Math.max(lower.outgoingBytes, bytes);
      lower.tailExtraBytes = Math.max(lower.tailExtraBytes, bytes - incomingBytes);
    }
    this.storeArguments(list, out, shift);
    const areaArg = area ? this.storeAreaAddress(this.ownArea(), out, shift) : NO_VREG;
    if (f.op[row] === Op.RETCALL) lower.inst(machine.tailCall);
    else {
      const target = lower.vregOf(f.a[row]);
      lower.inst(machine.tailCallIndirect);
      this.useTarget(target);
    }
    this.useArguments(list, areaArg);
    lower.imm(f.imm[row]);
    lower.imm2(bytes);
    lower.flags(I_RETURN);
  }

  // ---- calls of builtins ----

  builtin(row: number): void {
    const { f, lower, params } = this;
    const list = f.c[row];
    const n = f.listLength(list);
    this.placeBuiltin(f.imm[row]);
    for (let i = 0; i < n; i++) {
      const at = this.machine.shadowBytes + params.at[i] - STACK;
      if (params.at[i] >= STACK) this.storeArea(this.machine.areaOut, at, f.listGet(list, i));
    }
    this.callBuiltin(f.listGet(list, 0), f.imm[row]);
    for (let i = 0; i < n; i++) {
      const at = params.at[i];
      if (at < STACK) lower.operand(lower.vregOf(f.listGet(list, i)), useFixed(at));
    }
    this.endBuiltin(f.ty[row], f.ty[row] === Op.T_VOID ? NO_VREG : lower.vregOf(row));
  }

  /** A builtin in place of a float operation of one operand that the CPU lacks. */
  builtinOf(builtin: number, operand: number, result: number): void {
    this.placeBuiltin(builtin);
    this.callBuiltin(this.f.first[0], builtin);
    this.lower.operand(this.lower.vregOf(operand), useFixed(this.params.at[0]));
    this.endBuiltin(this.f.ty[operand], result);
  }

  /** Places a builtin's arguments, and has the frame make room for those on the stack. */
  private placeBuiltin(builtin: number): void {
    const { lower, params } = this;
    params.params(this.machine.native, BUILTIN_PARAMS[builtin], false);
    const bytes = this.machine.shadowBytes + params.stackBytes;
    lower.outgoingBytes = Math.max(lower.outgoingBytes, bytes);
  }

  private endBuiltin(ty: number, result: number): void {
    const { native, clobbers } = this.machine;
    if (result !== NO_VREG) {
      this.lower.operand(result, defFixed((isFloat(ty) ? native.resultsFp : native.resultsGp)[0]));
    }
    this.lower.flags(I_CALL);
    this.lower.clobbers(clobbers);
  }
}
