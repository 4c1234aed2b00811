/**
 * Whether a module makes tail calls that may leave it: indirect ones, and those of imported functions. Their callees may belong to
 * another instance, so code must then not count on a direct callee's giving the context register back. It has to be known
 * before the first function is compiled, whatever the order, hence this scan: plain bytes first, and only bodies where they look
 * like the operators are read operator by operator. Nothing is validated; a body that makes no sense ends its scan and
 * is refused later.
 */
import * as Op from '../gen/wasm.ts';
import { BodyWalk } from '../wasm/skip.ts';
import type { ModuleInfo } from '../wasm/types.ts';

/** Whether the operator at `walk.pos`, past its byte `op`, is a tail call with indices that exist which may leave the module. */
function leaves(walk: BodyWalk, op: number, m: ModuleInfo): boolean {
  if (op === Op.RETURN_CALL) return walk.leb() < m.importedFuncs;
  if (op !== Op.RETURN_CALL_INDIRECT) return false;
  return walk.leb() < m.types.length && walk.leb() < m.tables.length;
}

/** Whether the bytes of [start, end) hold such an operator, or something that looks like one. */
function looks(walk: BodyWalk, start: number, end: number, m: ModuleInfo): boolean {
  walk.end = end;
  for (let i = start; i < end; i++) {
    const op = walk.bytes[i]!;
    if (op !== Op.RETURN_CALL && op !== Op.RETURN_CALL_INDIRECT) continue;
    walk.pos = i + 1;
    if (leaves(walk, op, m)) return true;
  }
  return false;
}

/** Whether the body at [start, end) has such an operator. */
function has(walk: BodyWalk, start: number, end: number, m: ModuleInfo): boolean {
  walk.enter(start, end);
  while (walk.pos < end) {
    const op = walk.bytes[walk.pos++]!;
    const at = walk.pos;
    if (leaves(walk, op, m)) return true;
    walk.pos = at;
    walk.skipImmediates(op);
  }
  return false;
}

/** True if some body has a tail call that may leave the module. */
export function makesForeignTailCalls(bytes: Uint8Array, m: ModuleInfo): boolean {
  if (m.tables.length === 0 && m.importedFuncs === 0) return false;
  if ((m.features & Op.FEATURE_TAIL_CALL) === 0) return false;
  const walk = new BodyWalk(bytes);
  for (let i = 0; i < m.bodies.length; i += 2) {
    const start = m.bodies[i]!;
    const end = m.bodies[i + 1]!;
    if (looks(walk, start, end, m) && has(walk, start, end, m)) return true;
  }
  return false;
}
