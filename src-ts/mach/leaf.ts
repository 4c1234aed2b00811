/**
 * Functions that can do without a frame: they call nothing and keep nothing on the stack, so all there is of theirs is the return
 * address, where the call left it. The frame pointer stays the caller's.
 *
 * The stack guard needs no touch by them either: what wrote the return address, or the caller's own frame, is the deepest that
 * the stack gets, and nothing goes deeper from here.
 */
import type { FrameNeeds } from './emit.ts';
import { I_CALL, type Allocation, type VCode } from './vcode.ts';

/**
 * Whether the body of a function needs no frame. What the target adds, callee-saved registers and stack arguments that it pops, is
 * for the target to rule out. Tail calls leave as a return does, if no stack arguments go with them.
 */
export function isLeaf(code: VCode, alloc: Allocation, needs: FrameNeeds): boolean {
  if (alloc.slotCount > 0 || needs.outgoingBytes > 0 || needs.resultAreaBytes > 0) return false;
  const { flags, instCount } = code;
  for (let i = 0; i < instCount; i++) if (flags[i] & I_CALL) return false;
  return true;
}
