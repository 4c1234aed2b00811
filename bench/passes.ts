/**
 * `npm run bench -- --passes`: what each stage of the compiler takes over a fixed set of functions of the benchmark
 * modules, in one warm process: the median over rounds, in all and by unit of what goes in.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { resolveSettings, type CompileOptions } from '../src-ts/compiler/index.ts';
import { inlinePlan, Session } from '../src-ts/compiler/session.ts';
import { CompileError } from '../src-ts/util/errors.ts';
import { setStopwatch, Stopwatch, type Stage } from '../src-ts/util/stopwatch.ts';
import { decodeModule } from '../src-ts/wasm/decode.ts';
import { SUPPORTED_FEATURES } from '../src-ts/wasm/features.ts';
import type { Surroundings } from './count/machine.ts';
import { findModules } from './modules.ts';
import { median } from './stats.ts';

const OPTIONS = {
  passes: { type: 'boolean' },
  modules: { type: 'string' },
  only: { type: 'string', default: '' },
  target: { type: 'string', default: 'x86_64-linux' },
  rounds: { type: 'string', default: '15' },
  O: { type: 'string', short: 'O', default: '2' },
  json: { type: 'string' },
} as const;

/** Bytes of bodies taken of each module. */
const BYTES_PER_MODULE = 40_000;
const WARM_UP_ROUNDS = 5;

interface Work {
  readonly session: Session;
  readonly functions: readonly number[];
}

/** Functions of a module, evenly over it, of about so many bytes. */
function choose(m: ReturnType<typeof decodeModule>): number[] {
  const stride = Math.max(1, Math.round(m.codeSize / BYTES_PER_MODULE));
  return Array.from({ length: Math.ceil(m.definedFuncs / stride) }, (_, i) => i * stride);
}

function workOf(path: string, target: string, optLevel: string): Work | null {
  const bytes = new Uint8Array(readFileSync(path));
  try {
    const options = {
      target: target.includes('-') ? target : `${target}-linux`,
      optLevel: optLevel === 's' ? optLevel : Number(optLevel),
    } as CompileOptions;
    const settings = resolveSettings(options, 'bench');
    const m = decodeModule(bytes, SUPPORTED_FEATURES);
    const session = new Session(bytes, m, { ...settings, cpu: [] }, inlinePlan(bytes, m, settings));
    const functions = choose(m);
    for (const index of functions) session.compile(index);
    return { session, functions };
  } catch (error) {
    if (error instanceof CompileError) return null;
    throw error;
  }
}

function round(work: readonly Work[]): readonly Stage[] {
  const watch = new Stopwatch();
  setStopwatch(watch);
  for (const { session, functions } of work) for (const i of functions) session.compile(i);
  setStopwatch(null);
  return watch.stages;
}

/** Runs the command; returns the exit status. */
export async function main(args: string[], s: Surroundings): Promise<number> {
  const { values } = parseArgs({ args, options: OPTIONS });
  const folder = resolve(values.modules ?? s.defaultModules);
  const work = findModules(folder, new RegExp(values.only))
    .map((m) => workOf(m.path, values.target, values.O))
    .filter((w) => w !== null);
  for (let i = 0; i < WARM_UP_ROUNDS; i++) round(work);
  const rounds = Array.from({ length: Number(values.rounds) }, () => round(work));
  const stages = rounds[0]!.map(({ name, sizeIn, sizeOut }, i) => {
    const ms = median(rounds.map((stage) => stage[i]!.ms));
    return { name, ms, sizeIn, sizeOut, nsPerUnit: (1e6 * ms) / sizeIn };
  });
  const all = stages.reduce((sum, stage) => sum + stage.ms, 0);
  const line = (cells: string[], name: string) =>
    cells.map((cell) => cell.padStart(10)).join('') + `  ${name}`;
  console.log(line(['ms', 'share', 'in', 'out', 'ns/in'], 'pass'));
  for (const { name, ms, sizeIn, sizeOut, nsPerUnit } of stages) {
    const share = `${((100 * ms) / all).toFixed(1)} %`;
    const sizes = [sizeIn, sizeOut].map(String);
    console.log(line([ms.toFixed(2), share, ...sizes, nsPerUnit.toFixed(1)], name));
  }
  console.log(line([all.toFixed(2), '', '', '', ''], 'all'));
  if (values.json !== undefined)
    writeFileSync(values.json, JSON.stringify({ ...values, stages }, null, 2));
  return 0;
}
