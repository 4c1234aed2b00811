/**
 * Register allocation: VCode in, Allocation out. See state.ts for the method and the phases.
 */
import { lap } from '../../util/stopwatch.ts';
import type { Allocation, RegisterFile, VCode } from '../vcode.ts';
import { assign } from './assign.ts';
import { analyseCfg } from './cfg.ts';
import { Chaos } from './chaos.ts';
import { joinEdges } from './edges.ts';
import { findLoopPressure } from './entry.ts';
import { analyseValues } from './liveness.ts';
import { chooseSaved } from './saved.ts';
import { assignSlots } from './slots.ts';
import { sortMoves } from './sortmoves.ts';
import { spill } from './spill.ts';
import { State } from './state.ts';

const state = new State();

/**
 * Allocates registers and stack slots for a function. `out` is overwritten, its arrays reused.
 * @param chaosSeed other than 0: random legal choices (hints dropped, extra spills), for fuzzing
 * @throws InternalError when an instruction's operands can not be satisfied at once
 */
export function allocate(vcode: VCode, regs: RegisterFile, out: Allocation, chaosSeed = 0): void {
  const s = state;
  s.begin(vcode, regs, out, chaosSeed === 0 ? null : new Chaos(chaosSeed));
  analyseCfg(s);
  lap('regalloc: control flow');
  analyseValues(s);
  chooseSaved(s);
  findLoopPressure(s);
  lap('regalloc: liveness');
  spill(s);
  lap('regalloc: spill');
  assignSlots(s);
  lap('regalloc: slots');
  assign(s);
  lap('regalloc: assign');
  joinEdges(s);
  sortMoves(out, vcode.instCount);
  lap('regalloc: edges');
  s.unfinished = false;
  out.usedCalleeSaved = {
    gp: s.written[0]! & regs.calleeSaved.gp,
    fp: s.written[1]! & regs.calleeSaved.fp,
  };
}
