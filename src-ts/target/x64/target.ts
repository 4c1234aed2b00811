/** The x86-64 target as the machine-independent back half drives it. */
import * as X from '../../gen/x64.ts';
import type { FrameNeeds } from '../../mach/emit.ts';
import type { Lowering } from '../../mach/lower.ts';
import type { CodeSink } from '../../mach/sink.ts';
import type { CodeSettings, Target } from '../../mach/target.ts';
import { type Allocation, I_BRANCH, PREG_FP, REMAT_BASE, type VCode } from '../../mach/vcode.ts';
import { Rules } from './context.ts';
import { emitMoveOf, FunctionState } from './emitter.ts';
import * as E from './encode.ts';
import { emitPrologue, savedContext } from './frame.ts';
import { jump, RULES } from './lower.ts';
import { clobberSets, CTX, opFlags, registers } from './machine.ts';
import type { NativeAbi } from './nativeabi.ts';
import * as P from './ops.ts';
import { DWARF_GP, dwarfXmm } from './regs.ts';
import { emitDeferred, emitInst, emitRemat } from './pseudo.ts';

export class X64Target implements Target {
  readonly registers = registers;
  readonly clobberSets = clobberSets;
  readonly opFlags = opFlags;
  private readonly rules: Rules;
  private readonly state: FunctionState;

  /** @param abi of the native code around */
  constructor(abi: NativeAbi) {
    this.rules = new Rules(abi);
    this.state = new FunctionState(abi);
  }

  /** Addresses have room for everything. */
  prepare(): void {}

  begin(lower: Lowering, settings: CodeSettings): void {
    this.rules.begin(lower, settings);
    this.state.incomingBytes = this.rules.calls.incomingBytes;
    this.state.lower = lower;
    this.state.leafFrames = settings.leafFrames === true;
  }

  lowerEntry(): void {
    this.rules.calls.entry();
  }

  lowerRow(lower: Lowering, row: number): void {
    RULES[lower.f.op[row]](this.rules, row);
  }

  lowerJump(lower: Lowering): void {
    jump(this.rules, lower.order.placeOf[lower.f.edgeTo[lower.order.splitEdge[lower.place]]]);
  }

  jumpTarget(code: VCode, inst: number): number {
    return code.op[inst] === P.P_JUMP && code.flags[inst] & I_BRANCH ? code.imm[inst] : -1;
  }

  prologue(sink: CodeSink, code: VCode, alloc: Allocation, needs: FrameNeeds): void {
    emitPrologue(this.state, sink, code, alloc, needs);
  }

  readonly contextRegister = CTX;

  contextSlot(): number | undefined {
    return savedContext(this.state);
  }

  slotOffset(slot: number): number {
    return this.state.slotDisp(slot);
  }

  dwarfRegister(preg: number): number {
    return preg < PREG_FP ? DWARF_GP[preg] : dwarfXmm(preg - PREG_FP);
  }

  enterBlock(_sink: CodeSink, _place: number): void {}

  emit(_sink: CodeSink, inst: number, next: number): void {
    emitInst(this.state, inst, next);
  }

  emitDeferred(_sink: CodeSink, inst: number, back: number): void {
    emitDeferred(this.state, inst, back);
  }

  emitMove(_sink: CodeSink, m: number): void {
    const { alloc } = this.state;
    const from = alloc.moveFrom[m];
    if (from >= REMAT_BASE) {
      emitRemat(this.state, from - REMAT_BASE, alloc.moveTo[m], alloc.movePlace[m]);
    } else emitMoveOf(this.state, from, alloc.moveTo[m], alloc.moveType[m]);
  }

  branchSize(kind: number, short: boolean): number {
    return short ? 2 : kind === P.JMP ? 5 : 6;
  }

  fitsShort(_kind: number, disp: number): boolean {
    return disp >= -128 && disp <= 127;
  }

  writeBranch(bytes: Uint8Array, at: number, kind: number, short: boolean, disp: number): void {
    if (short) bytes[at++] = kind === P.JMP ? 0xeb : 0x70 | kind;
    else if (kind === P.JMP) bytes[at++] = 0xe9;
    else {
      bytes[at++] = 0x0f;
      bytes[at++] = 0x80 | kind;
    }
    bytes[at] = disp;
    if (short) return;
    bytes[at + 1] = disp >> 8;
    bytes[at + 2] = disp >> 16;
    bytes[at + 3] = disp >> 24;
  }

  patchPool(bytes: Uint8Array, at: number, end: number, target: number): void {
    const disp = target - end;
    for (let k = 0; k < 4; k++) bytes[at + k] = disp >> (8 * k);
  }

  /** REX 0f bf /r, index * 2, to REX 63 /r, index * 4, with a prefix that does nothing (ds) to make up for the byte. */
  widenTableLoad(bytes: Uint8Array, at: number): void {
    bytes[at + 1] = bytes[at];
    bytes[at] = 0x3e;
    bytes[at + 2] = 0x63;
    bytes[at + 4] ^= 0xc0;
  }

  pad(bytes: Uint8Array, from: number, to: number): void {
    bytes.fill(0xcc, from, to);
  }

  readonly mostPadding = 32;

  padLoop(bytes: Uint8Array, from: number, to: number): void {
    E.writeNops(bytes, from, to);
  }

  emitTrap(sink: CodeSink): void {
    E.enc0(sink.buf, X.UD2);
  }
}
