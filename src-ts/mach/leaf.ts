/**
 * Functions that can do without a frame: they call nothing and keep nothing on the stack, so all there is of theirs is the return
 * address, where the call left it. The frame pointer stays the caller's.
 *
 * The stack guard needs no touch by them either: what wrote the return address, or the caller's own frame, is the deepest that
 * the stack gets, and nothing goes deeper from here.
 */
import type { FrameNeeds } from './emit.ts';
import { I_CALL, type Allocation, type VCode } from './vcode.ts';

/** What a target knows of the function it is about to emit. */
interface LeafState {
  readonly code: VCode;
  readonly alloc: Allocation;
  /** Callee-saved registers that are to be saved. */
  readonly saved: ArrayLike<number>;
  /** Bytes of stack arguments that the function pops. */
  readonly incomingBytes: number;
  /** Setting: there always is a frame. */
  readonly leafFrames: boolean;
}

/** Whether a function needs no frame. Tail calls leave as a return does, if no stack arguments go with them. */
export function needsNoFrame(s: LeafState, needs: FrameNeeds): boolean {
  const { code, alloc } = s;
  if (s.leafFrames || s.saved.length > 0 || s.incomingBytes > 0) return false;
  if (alloc.slotCount > 0 || needs.outgoingBytes > 0 || needs.resultAreaBytes > 0) return false;
  const { flags, instCount } = code;
  for (let i = 0; i < instCount; i++) if (flags[i] & I_CALL) return false;
  return true;
}
