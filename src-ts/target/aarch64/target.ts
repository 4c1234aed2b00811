/** The AArch64 target as the machine-independent back half drives it. */
import * as A from '../../gen/aarch64.ts';
import { TRAP_UNREACHABLE } from '../../gen/ir.ts';
import type { Func } from '../../ir/func.ts';
import type { FrameNeeds } from '../../mach/emit.ts';
import { put32 } from '../../mach/codebuffer.ts';
import type { Lowering } from '../../mach/lower.ts';
import type { CodeSink } from '../../mach/sink.ts';
import type { CodeSettings, Target } from '../../mach/target.ts';
import { type Allocation, I_BRANCH, PREG_FP, REMAT_BASE, type VCode } from '../../mach/vcode.ts';
import { SharedAddresses } from './addresses.ts';
import { Rules } from './context.ts';
import { emitMoveOf, FunctionState } from './emitter.ts';
import * as E from './encode.ts';
import { emitPrologue, savedContext } from './frame.ts';
import { jump, RULES } from './lower.ts';
import { clobberSets, CTX, DWARF_V0, opFlags, registers } from './machine.ts';
import * as P from './ops.ts';
import { emitDeferred, emitInst, emitRemat } from './pseudo.ts';
import { emitWindowsPrologue } from './winframe.ts';

/** Widths of the short forms' displacements, in words. */
const SHORT_BITS = [19, 19, 14, 26];

export class AArch64Target implements Target {
  readonly registers = registers;
  readonly clobberSets = clobberSets;
  readonly opFlags = opFlags;
  private readonly addresses = new SharedAddresses();
  private readonly rules = new Rules();
  private readonly state = new FunctionState();

  /** @param windows whether frames are such as Windows' unwinder knows */
  constructor(windows = false) {
    this.state.windows = windows;
  }

  prepare(f: Func): void {
    this.addresses.run(f);
  }

  begin(lower: Lowering, settings: CodeSettings): void {
    this.rules.begin(lower, settings);
    this.state.incomingBytes = this.rules.calls.incomingBytes;
    this.state.lower = lower;
    this.state.leafFrames = settings.leafFrames === true;
    this.state.signs = settings.signsReturns === true;
    this.state.marks = settings.marksTargets === true;
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
    const emit = this.state.windows ? emitWindowsPrologue : emitPrologue;
    emit(this.state, sink, code, alloc, needs);
  }

  readonly contextRegister = CTX;

  contextSlot(): number | undefined {
    return savedContext(this.state);
  }

  slotOffset(slot: number): number {
    return this.state.slotDisp(slot);
  }

  dwarfRegister(preg: number): number {
    return preg < PREG_FP ? preg : DWARF_V0 + preg - PREG_FP;
  }

  enterBlock(sink: CodeSink, place: number): void {
    if (this.state.marks && this.state.tableTargets[place]) E.enc0(sink.buf, A.BTI_j);
  }

  emit(_sink: CodeSink, inst: number, next: number): void {
    emitInst(this.state, inst, next);
  }

  emitDeferred(_sink: CodeSink, inst: number, back: number): void {
    emitDeferred(this.state, inst, back);
  }

  emitMove(_sink: CodeSink, m: number): void {
    const { alloc } = this.state;
    const from = alloc.moveFrom[m];
    if (from >= REMAT_BASE) emitRemat(this.state, from - REMAT_BASE, alloc.moveTo[m]);
    else emitMoveOf(this.state, from, alloc.moveTo[m], alloc.moveType[m]);
  }

  /** A conditional branch out of reach skips an unconditional one. */
  branchSize(kind: number, short: boolean): number {
    return short || (kind & 3) === P.BR_ALWAYS ? 4 : 8;
  }

  fitsShort(kind: number, disp: number): boolean {
    return (kind & 3) !== P.BR_ALWAYS && E.fitsWords(disp + 4, SHORT_BITS[kind & 3]);
  }

  writeBranch(bytes: Uint8Array, at: number, kind: number, short: boolean, disp: number): void {
    if ((kind & 3) === P.BR_ALWAYS) writeJump(bytes, at, disp);
    else if (short) {
      put32(bytes, at, conditional(kind));
      E.patchBranch(bytes, at, disp + 4);
    } else {
      put32(bytes, at, conditional(kind ^ P.BR_NEGATE));
      E.patchBranch(bytes, at, 8);
      writeJump(bytes, at + 4, disp);
    }
  }

  patchPool(bytes: Uint8Array, at: number, _end: number, target: number): void {
    if ((bytes[at + 3] & 0x7f) !== 0x52) E.patchBranch(bytes, at, target - at);
    else {
      // movz, movk, adr (pseudo.ts, tableAddress)
      const disp = target - (at + 8);
      put32(bytes, at, A.FORM_BITS[A.MOVZ_x] | ((disp & 0xffff) << 5) | (bytes[at] & 31));
      const high = ((disp >>> 16) << 5) | (1 << 21);
      put32(bytes, at + 4, A.FORM_BITS[A.MOVK_x] | high | (bytes[at] & 31));
    }
  }

  /** ldrsh to ldrsw: the size field; a scaled index goes by the size. */
  widenTableLoad(bytes: Uint8Array, at: number): void {
    bytes[at + 3] ^= 0xc0;
  }

  pad(bytes: Uint8Array, from: number, to: number): void {
    bytes.fill(0, from, to);
  }

  readonly mostPadding = 16;

  padLoop(bytes: Uint8Array, from: number, to: number): void {
    for (let at = from; at < to; at += 4) put32(bytes, at, A.FORM_BITS[A.NOP]);
  }

  /** The latest entry of the trap table is the trap's. */
  emitTrap(sink: CodeSink): void {
    const { traps } = sink;
    E.encImm(sink.buf, A.UDF, traps.n === 0 ? TRAP_UNREACHABLE : traps.a[traps.n - 2]);
  }
}

function writeJump(bytes: Uint8Array, at: number, disp: number): void {
  put32(bytes, at, A.FORM_BITS[A.B]);
  E.patchImm26(bytes, at, disp + 4);
}

/** A conditional branch without its displacement. */
function conditional(kind: number): number {
  const negated = (kind & P.BR_NEGATE) !== 0;
  const reg = (kind >> P.BR_REG_SHIFT) & 31;
  switch (kind & 3) {
    case P.BR_FLAGS:
      return A.FORM_BITS[A.B_cond] | ((kind >> P.BR_CC_SHIFT) & 15);
    case P.BR_ZERO: {
      const wide = kind & P.BR_64 ? 1 : 0;
      return A.FORM_BITS[(negated ? A.CBNZ_w : A.CBZ_w) + wide] | reg;
    }
    default: {
      const bit = (kind >> P.BR_BIT_SHIFT) & 63;
      return A.FORM_BITS[negated ? A.TBNZ : A.TBZ] | ((bit >> 5) << 31) | ((bit & 31) << 19) | reg;
    }
  }
}
