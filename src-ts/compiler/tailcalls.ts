/**
 * Whether a module makes indirect tail calls. Their callees may belong to another instance, so code must then not count on
 * a direct callee's giving the context register back. It has to be known before the first function is compiled, whatever
 * the order, hence this scan: plain bytes first, and only bodies where they look like the operator are read operator
 * by operator. Nothing is validated; a body that makes no sense ends its scan and is refused later.
 */
import * as Op from '../gen/wasm.ts';
import { BodyWalk } from '../wasm/skip.ts';
import type { ModuleInfo } from '../wasm/types.ts';

/** Whether the bytes of [start, end) hold the operator's byte with indices after it that exist. */
function looks(walk: BodyWalk, start: number, end: number, m: ModuleInfo): boolean {
  walk.end = end;
  for (let i = start; i < end; i++) {
    if (walk.bytes[i] !== Op.RETURN_CALL_INDIRECT) continue;
    walk.pos = i + 1;
    if (walk.leb() < m.types.length && walk.leb() < m.tables.length) return true;
  }
  return false;
}

/** Whether the body at [start, end) has the operator. */
function has(walk: BodyWalk, start: number, end: number): boolean {
  walk.enter(start, end);
  while (walk.pos < end) {
    const op = walk.bytes[walk.pos++]!;
    if (op === Op.RETURN_CALL_INDIRECT) return true;
    walk.skipImmediates(op);
  }
  return false;
}

/** True if some body has a `return_call_indirect`. */
export function makesIndirectTailCalls(bytes: Uint8Array, m: ModuleInfo): boolean {
  if (m.tables.length === 0 || (m.features & Op.FEATURE_TAIL_CALL) === 0) return false;
  const walk = new BodyWalk(bytes);
  for (let i = 0; i < m.bodies.length; i += 2) {
    const start = m.bodies[i]!;
    const end = m.bodies[i + 1]!;
    if (looks(walk, start, end, m) && has(walk, start, end)) return true;
  }
  return false;
}
