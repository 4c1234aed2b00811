/**
 * Pointer authentication of return addresses and branch target identification (Arm ARM, C6.2 PACIASP, AUTIASP, AUTIA1716,
 * BTI). All instructions are hints: CPUs without the feature do nothing.
 *
 *   signed     x30 is signed with key A and the sp of the function's entry before it goes to memory, and checked after it
 *              came back: then a written-over return address faults when it is used. Not signed: the address at
 *              which a suspended fiber goes on (trampolines.ts).
 *   marked     pages of code are mapped so that the target of br and blr must be a fitting bti. Calls go to `bti c`, which
 *              paciasp is, too, and tail calls branch by x16, so that they may; jump tables go to `bti j`.
 */
import * as A from '../../gen/aarch64.ts';
import type { CodeSink } from '../../mach/sink.ts';
import * as Rec from '../../object/records.ts';
import type { FunctionState } from './emitter.ts';
import * as E from './encode.ts';
import { LR, SCRATCH2, ZR } from './machine.ts';
import * as P from './ops.ts';

/** What a function, which may be called indirectly, starts with. */
export function enterFunction(sink: CodeSink, signs: boolean, marks: boolean): void {
  if (signs) {
    E.enc0(sink.buf, A.PACIASP);
    sink.unwindEvent(Rec.UNWIND_TOGGLE_SIGNED, 0, 0);
  } else if (marks) E.enc0(sink.buf, A.BTI_c);
}

/** Checks x30 where sp is what it was at the entry. */
export function authenticate(sink: CodeSink): void {
  E.enc0(sink.buf, A.AUTIASP);
  sink.unwindEvent(Rec.UNWIND_TOGGLE_SIGNED, 0, 0);
}

/** Checks x30 with the modifier in x16; x17 is lost. */
export function authenticateWith(sink: CodeSink): void {
  const { buf } = sink;
  E.encRRR(buf, A.ORR_x_sh, SCRATCH2, ZR, LR);
  E.enc0(buf, A.AUTIA1716);
  E.encRRR(buf, A.ORR_x_sh, LR, ZR, SCRATCH2);
  sink.unwindEvent(Rec.UNWIND_TOGGLE_SIGNED, 0, 0);
}

/** Finds the blocks that jump tables lead to; the last entry of a table is branched to directly. */
export function findTableTargets(s: FunctionState): void {
  const { code, sink } = s;
  if (s.tableTargets.length < code.blockCount) s.tableTargets = new Uint8Array(2 * code.blockCount);
  s.tableTargets.fill(0, 0, code.blockCount);
  for (let i = 0; i < code.instCount; i++) {
    if (code.op[i] !== P.P_BRTABLE) continue;
    const first = code.imm[i];
    for (let k = first + code.imm2[i] - 2; k >= first; k--) {
      s.tableTargets[sink.destination(s.lowerTable[k])] = 1;
    }
  }
}
