/**
 * The optimiser's passes and their order. A row is a pass: name, function, whether it is required, and the levels it runs at. Passes that are used twice
 * have two rows. `ORDER` holds the constraints with their reasons; they are checked when this module loads.
 */
import type { Func } from '../ir/func.ts';
import { bug } from '../util/bug.ts';
import { stopwatch } from '../util/stopwatch.ts';
import { boundedAddresses } from './addresses.ts';
import { Analyses } from './analyses.ts';
import { removeBounds } from './bounds.ts';
import { simplifyBranches } from './branches.ts';
import { deadCode } from './dce.ts';
import { divideByConstants } from './divide.ts';
import { testFewCases } from './fewcases.ts';
import { currentGate } from './gate.ts';
import { valueNumbering } from './gvn.ts';
import { hoistInvariants } from './licm.ts';
import { wideMultiply } from './mulwide.ts';
import { redundantParams } from './params.ts';
import { deadStores } from './stores.ts';
import { loopTailCalls } from './tailloop.ts';
import { threadJumps } from './thread.ts';
import { removeUnreachable } from './unreachable.ts';
import { unrollLoops } from './unroll.ts';
import { versionLoops } from './versions.ts';

export { fold } from './fold.ts';
export { Gate, ok, setGate, type GateOptions } from './gate.ts';

export type Level = '0' | '1' | '2' | 's';

export interface Pass {
  name: string;
  run: (f: Func, an: Analyses) => void;
  /** Runs at every level and can not be switched off. */
  required: boolean;
  levels: readonly Level[];
}

const SPEED: readonly Level[] = ['1', '2'];
const BOTH: readonly Level[] = ['1', '2', 's'];
const FULL: readonly Level[] = ['2', 's'];

const pass = (name: string, run: Pass['run'], levels: readonly Level[]): Pass => ({
  name,
  run,
  required: false,
  levels,
});

export const PASSES: readonly Pass[] = [
  { name: 'unreachable', run: removeUnreachable, required: true, levels: ['0', ...BOTH] },
  pass('tail-loop', loopTailCalls, BOTH),
  pass('params', redundantParams, BOTH),
  pass('branches', simplifyBranches, BOTH),
  pass('divide', divideByConstants, SPEED),
  pass('gvn', valueNumbering, BOTH),
  pass('branches-late', simplifyBranches, BOTH),
  pass('params-late', redundantParams, FULL),
  pass('wide-multiply', wideMultiply, FULL),
  pass('licm', hoistInvariants, FULL),
  pass('unroll', unrollLoops, ['2']),
  pass('thread', threadJumps, ['2']),
  pass('branches-threaded', simplifyBranches, ['2']),
  pass('few-cases', testFewCases, BOTH),
  pass('gvn-late', valueNumbering, FULL),
  pass('addresses', boundedAddresses, FULL),
  pass('stores', deadStores, FULL),
  pass('versions', versionLoops, ['2']),
  pass('bounds', removeBounds, FULL),
  pass('dce', deadCode, BOTH),
];

/** [earlier, later, reason]. */
export const ORDER: readonly (readonly [string, string, string])[] = [
  ['tail-loop', 'params', 'arguments that a function passes on unchanged are redundant'],
  ['unreachable', 'params', 'arguments from unreachable blocks hide redundant parameters'],
  ['unreachable', 'gvn', 'value numbering only walks reachable blocks'],
  ['params', 'gvn', 'equal rows are found only when their operands are the same values'],
  ['divide', 'gvn', 'a quotient and a remainder by the same constant share their multiplication'],
  ['gvn', 'branches-late', 'value numbering makes conditions constant'],
  ['branches-late', 'licm', 'threaded edges may take away preheaders'],
  ['gvn', 'licm', 'only one of equal rows is to be moved'],
  [
    'gvn',
    'stores',
    'addresses are compared by value, and forwarded loads no longer keep stores alive',
  ],
  ['gvn', 'wide-multiply', 'halves are recognised as those of one value'],
  ['wide-multiply', 'dce', 'the products of halves are left without use'],
  ['licm', 'unroll', 'what does not change is not to be copied'],
  ['unroll', 'thread', 'only natural loops are found'],
  ['unroll', 'branches-threaded', 'copies are blocks that one jump leads to'],
  ['unroll', 'gvn-late', 'constants added in one copy after the other become one'],
  ['licm', 'thread', 'loops with several entries, which threading makes, have no preheader'],
  ['thread', 'branches-threaded', 'copies are blocks that one jump leads to'],
  [
    'licm',
    'gvn-late',
    'several loops leave the same rows in one preheader or in one below another',
  ],
  ['branches-threaded', 'gvn-late', 'copies compute again what is known on the way to them'],
  [
    'thread',
    'few-cases',
    'a jump through a table is threaded at once, through several tests one by one',
  ],
  [
    'few-cases',
    'gvn-late',
    'tests of one index share its constants, and are folded into what computes it',
  ],
  ['gvn-late', 'addresses', 'equal sums are found before some are taken apart'],
  ['gvn-late', 'stores', 'forwarded loads no longer keep stores alive'],
  [
    'gvn-late',
    'bounds',
    'a check that another one makes needless must not be replaced by it later',
  ],
  ['stores', 'bounds', 'a check may lean on an access, which must not be removed then'],
  ['versions', 'bounds', 'what is asked before a loop makes its checks needless'],
  ['addresses', 'versions', 'the constant part of an index is in the offset where it may be'],
  ['bounds', 'dce', 'indices of removed checks may be left without use'],
  ['gvn-late', 'dce', 'value numbering and folding leave dead rows'],
  ['gvn', 'dce', 'value numbering and folding leave dead rows'],
  ['licm', 'dce', 'moved constants may be left without use'],
];

function checkOrder(): void {
  const place = new Map(PASSES.map((p, i) => [p.name, i]));
  for (const [earlier, later, reason] of ORDER) {
    const x = place.get(earlier);
    const y = place.get(later);
    if (x === undefined || y === undefined || x >= y)
      bug('pipeline', `${earlier} must run before ${later}: ${reason}`);
  }
}
checkOrder();

export interface OptimizeOptions {
  /** Called after each pass that ran (verification, dumps). */
  after?: (pass: string, f: Func) => void;
}

const analyses = new Analyses();

/** Runs the passes of a level on a function, in place. Which passes and rules may run is the gate's business (`setGate`). */
export function optimize(f: Func, level: Level, options: OptimizeOptions = {}): void {
  const gate = currentGate();
  const watch = stopwatch();
  analyses.invalidate();
  for (const p of PASSES) {
    if (!p.levels.includes(level)) continue;
    if (!p.required && gate !== null && !gate.enters(f, p.name)) continue;
    p.run(f, analyses);
    if (watch !== null) watch.lap(p.name, () => f.linkedRows());
    options.after?.(p.name, f);
  }
}

/** Runs one pass by name, after the required ones: for tests and tools. Throws when there is no such pass. */
export function runPass(f: Func, name: string): void {
  const p = PASSES.find((x) => x.name === name);
  if (p === undefined) throw new Error(`no pass named ${name}`);
  analyses.invalidate();
  for (const q of PASSES) if (q.required && q !== p) q.run(f, analyses);
  p.run(f, analyses);
}
