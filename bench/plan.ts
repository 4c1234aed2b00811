/** Which processes a benchmark run consists of: a preparation, then rounds, each all jobs in shuffled order. */
import { join } from 'node:path';
import type { BenchModule } from './modules.ts';
import type { EngineId, Job, JobKind } from './protocol.ts';
import { shuffle } from './stats.ts';

export interface PlanOptions {
  readonly engines: readonly EngineId[];
  readonly rounds: number;
  readonly iterations: number;
  readonly maxSeconds: number;
  readonly seed: number;
  readonly objects: string;
  readonly dist: string;
  /** Neither compiling nor calls are measured. */
  readonly runOnly: boolean;
}

/** V8 compiles in the process that runs, so its `run` measures both. What checks cost to compile is not measured. */
const KINDS: Readonly<Record<EngineId, readonly JobKind[]>> = {
  elfin: ['compile', 'compile-all', 'run'],
  'elfin-checks': ['run'],
  wasmtime: ['compile', 'compile-all', 'run'],
  v8: ['run'],
  'v8-default': ['run'],
};

export const compilesAhead = (engine: EngineId): boolean => !engine.startsWith('v8');

export function jobOf(engine: EngineId, kind: JobKind, m: BenchModule | null, o: PlanOptions): Job {
  const file = m === null ? '' : `${m.name.replace(/[^\w.-]/g, '_')}.${engine}.o`;
  return {
    engine,
    kind,
    module: m?.name ?? '',
    wasm: m?.path ?? '',
    directory: m?.directory ?? '',
    object: m === null ? '' : join(o.objects, file),
    scratch: '',
    iterations: o.iterations,
    maxSeconds: o.maxSeconds,
    dist: o.dist,
  };
}

/** One process per engine and module that writes the object, where there is one; answers what is unsupported. */
export function preparation(modules: readonly BenchModule[], o: PlanOptions): Job[] {
  const ahead = o.engines.filter(compilesAhead);
  return modules.flatMap((m) => ahead.map((engine) => jobOf(engine, 'prepare', m, o)));
}

/** The measured part, in the order it is to be run. */
export function measurement(modules: readonly BenchModule[], o: PlanOptions): Job[] {
  const calls = o.engines
    .filter((e) => e !== 'v8-default' && e !== 'elfin-checks')
    .map((engine) => jobOf(engine, 'calls', null, o));
  const perModule = modules.flatMap((m) =>
    o.engines.flatMap((engine) => KINDS[engine].map((kind) => jobOf(engine, kind, m, o))),
  );
  const jobs = o.runOnly ? perModule.filter((j) => j.kind === 'run') : [...perModule, ...calls];
  const rounds = Array.from({ length: o.rounds }, (_, i) => shuffle(jobs, o.seed + i * 7919));
  return rounds.flat();
}
