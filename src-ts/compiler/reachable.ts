/**
 * Which functions need code of their own once inlining is done: those that something outside may call, those nothing in
 * the module calls (dead code stays visible), and what the code of these calls. The plan foresees some of it, so that
 * such functions are not even compiled; what decides is the code.
 */
import type { InlinePlan } from '../frontend/inlineplan.ts';
import { RELOC_CALL, type CodeRecord } from '../object/records.ts';
import type { ModuleInfo } from '../wasm/types.ts';
import { NO_CODE, type Session } from './session.ts';

/**
 * Takes the code of functions that were inlined wherever they are called, and compiles those that have none but are called:
 * there are some only where inlining was held back in the caller (by bisecting, or because it became too complex).
 *
 * @throws like Session.compile
 */
export function keepReachable(
  m: ModuleInfo,
  plan: InlinePlan,
  session: Session,
  functions: CodeRecord[],
): void {
  const reached = new Uint8Array(m.definedFuncs);
  const pending: number[] = [];
  const reach = (f: number) => {
    if (reached[f] === 1) return;
    reached[f] = 1;
    pending.push(f);
    if (functions[f]!.code.length === 0) functions[f] = session.compileAlways(f);
  };
  for (let f = 0; f < m.definedFuncs; f++) {
    const index = m.importedFuncs + f;
    if (m.declared[index] === 1 || index === m.start || plan.callers[f] === 0) reach(f);
  }
  for (let f = pending.pop(); f !== undefined; f = pending.pop()) {
    const { relocs } = functions[f]!;
    for (let i = 0; i < relocs.length; i += 3) {
      if (relocs[i + 1] === RELOC_CALL) reach(relocs[i + 2]!);
    }
  }
  for (let f = 0; f < m.definedFuncs; f++) if (reached[f] === 0) functions[f] = NO_CODE;
}
