/** `npm run bench`: Elfin beside wasmtime's release library and this Node's V8, interleaved in one run. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { findModules, type BenchModule } from './modules.ts';
import { measurement, preparation, type PlanOptions } from './plan.ts';
import { ENGINE_NAMES, runJob, type Hosts } from './processes.ts';
import type { EngineId, Job, Result } from './protocol.ts';
import { htmlReport } from './report/html.ts';
import { textReport } from './report/table.ts';
import { summarise } from './summary.ts';

/** What scripts/bench.mjs hands over besides the command line. */
export interface Surroundings {
  readonly hosts: Hosts;
  readonly defaultModules: string;
  readonly objects: string;
  readonly dist: string;
  readonly wasmtimeVersion: string;
  readonly elfinVersion: string;
  readonly warnings: readonly string[];
}

const USAGE = `usage: npm run bench -- [options]
       npm run bench -- --count [--target x86_64|aarch64] [--only REGEX] [-O LEVEL] [--explicit-checks] [--json FILE]
       npm run bench -- --passes [--target x86_64|aarch64] [--only REGEX] [-O LEVEL] [--json FILE]
       npm run bench -- --speed [--only REGEX] [--rounds N] [--json FILE]

The second counts executed instructions, beside wasmtime's, under qemu-user; the third times the compiler's passes; the
fourth its threads, its levels and its cold start against one another.

  --modules DIR    benchmark modules, found recursively (default: $ELFIN_BENCH, else ../shared/bench)
  --only REGEX     only modules whose name matches
  --engines LIST   of elfin,wasmtime,v8,v8-default (default: these), and elfin-checks: Elfin with bounds checks in its code
  --run-only       do not measure compiling and calls
  --rounds N       times that everything is measured, in shuffled order (default 2)
  --iterations N   runs per process (default 3)
  --max-seconds N  stop repeating in one process after this long (default 10)
  --seed N         of the shuffled order
  --json FILE      write the figures
  --html FILE      write a page with charts
  --huge           modules with one function of up to 2 MB, made for this, on Elfin and wasmtime
  --set-up         only install the peers into .cache/bench
`;

const OPTIONS = {
  modules: { type: 'string' },
  only: { type: 'string' },
  engines: { type: 'string', default: 'elfin,wasmtime,v8,v8-default' },
  'run-only': { type: 'boolean', default: false },
  rounds: { type: 'string', default: '2' },
  iterations: { type: 'string', default: '3' },
  'max-seconds': { type: 'string', default: '10' },
  seed: { type: 'string', default: '1' },
  json: { type: 'string' },
  html: { type: 'string' },
  'set-up': { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const;

class Usage extends Error {}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new Usage(`--${name} must be a positive number, not "${text}"`);
  return value;
}

function engineList(text: string): EngineId[] {
  const list = text.split(',');
  const unknown = list.find((name) => !Object.hasOwn(ENGINE_NAMES, name));
  if (unknown !== undefined) throw new Usage(`unknown engine "${unknown}"`);
  return list as EngineId[];
}

/** One line on a terminal, rewritten; nothing elsewhere. */
class Progress {
  private readonly begin = Date.now();
  private done = 0;
  private readonly total: number;
  constructor(total: number) {
    this.total = total;
  }
  show(job: Job): void {
    const share = this.done++ / this.total;
    if (!process.stderr.isTTY) return;
    const left = share > 0.02 ? ((Date.now() - this.begin) * (1 / share - 1)) / 60e3 : NaN;
    const eta = Number.isFinite(left) ? `, ${left.toFixed(1)} min left` : '';
    const what = `${job.module || 'calls'} · ${ENGINE_NAMES[job.engine]} ${job.kind}`;
    process.stderr.write(`\r\x1b[K[${this.done}/${this.total}${eta}] ${what}`);
  }
  end(): void {
    if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  }
}

async function runJobs(
  jobs: readonly Job[],
  modules: readonly BenchModule[],
  hosts: Hosts,
): Promise<Result[]> {
  const progress = new Progress(jobs.length);
  const results: Result[] = [];
  const broken = new Set<string>();
  for (const job of jobs) {
    progress.show(job);
    // What failed once fails again: report it once.
    const key = `${job.engine} ${job.kind} ${job.module}`;
    if (broken.has(key)) continue;
    const module = modules.find((m) => m.name === job.module) ?? null;
    const result = await runJob(job, module, hosts);
    if (result !== null) results.push(result);
    if (result !== null && result.error !== null) broken.add(key);
  }
  progress.end();
  return results;
}

function versions(s: Surroundings, engines: readonly EngineId[]): Record<string, string> {
  return {
    ...(engines.includes('elfin') ? { Elfin: s.elfinVersion } : {}),
    ...(engines.includes('wasmtime') ? { wasmtime: s.wasmtimeVersion } : {}),
    V8: `${process.versions.v8} (Node ${process.versions.node})`,
  };
}

interface Plan extends PlanOptions {
  readonly folder: string;
  readonly only: RegExp | null;
}

function planOf(values: Record<string, string | boolean | undefined>, s: Surroundings): Plan {
  const text = (name: string): string => String(values[name]);
  let only: RegExp | null = null;
  try {
    if (values['only'] !== undefined) only = new RegExp(text('only'));
  } catch {
    throw new Usage(`--only: "${text('only')}" is not a regular expression`);
  }
  const folder = resolve(values['modules'] === undefined ? s.defaultModules : text('modules'));
  if (!existsSync(folder)) throw new Usage(`no benchmark modules: ${folder} does not exist`);
  return {
    engines: engineList(text('engines')),
    rounds: positive('rounds', text('rounds')),
    iterations: positive('iterations', text('iterations')),
    maxSeconds: positive('max-seconds', text('max-seconds')),
    seed: positive('seed', text('seed')),
    objects: s.objects,
    dist: s.dist,
    runOnly: values['run-only'] === true,
    folder,
    only,
  };
}

/** Modules that Elfin refuses, naming the feature, are left out for everybody; what another engine lacks, for it alone. */
async function measure(plan: Plan, s: Surroundings) {
  if (plan.engines.includes('elfin') && !existsSync(join(plan.dist, 'index.js'))) {
    throw new Usage('Elfin is not built: run `npm run build` first');
  }
  const modules = findModules(plan.folder, plan.only);
  if (modules.length === 0) throw new Usage(`no benchmark module matches in ${plan.folder}`);
  mkdirSync(plan.objects, { recursive: true });
  const prepared = await runJobs(preparation(modules, plan), modules, s.hosts);
  const refused = prepared.filter((r) => r.answer?.unsupported !== undefined);
  const skipped = refused
    .filter((r) => r.job.engine === 'elfin')
    .map((r) => ({ name: r.job.module, reason: r.answer!.unsupported! }));
  const failed = new Set(
    prepared
      .filter((r) => r.error !== null || r.answer?.unsupported !== undefined)
      .map((r) => `${r.job.engine} ${r.job.module}`),
  );
  const kept = modules.filter((m) => !skipped.some((k) => k.name === m.name));
  const jobs = measurement(kept, plan).filter((j) => !failed.has(`${j.engine} ${j.module}`));
  const measured = await runJobs(jobs, modules, s.hosts);
  const usable = [...prepared, ...measured].filter((r) => r.answer?.unsupported === undefined);
  return summarise(kept, usable, skipped, {
    versions: versions(s, plan.engines),
    machine: { cpu: cpus()[0]?.model.trim() ?? 'unknown', threads: availableParallelism() },
    settings: {
      rounds: plan.rounds,
      iterations: plan.iterations,
      maxSeconds: plan.maxSeconds,
      seed: plan.seed,
    },
  });
}

/** Runs the command line; answers the exit status: 0 only if every output was right. */
export async function main(args: string[], s: Surroundings): Promise<number> {
  try {
    const { values } = parseArgs({ args, options: OPTIONS });
    if (values.help) {
      process.stdout.write(USAGE);
      return 0;
    }
    for (const warning of s.warnings) console.warn(warning);
    if (values['set-up']) return 0;
    const summary = await measure(planOf(values, s), s);
    console.log(textReport(summary));
    if (values.json !== undefined)
      writeFileSync(values.json, `${JSON.stringify(summary, null, 2)}\n`);
    if (values.html !== undefined) writeFileSync(values.html, htmlReport(summary));
    return summary.errors.length === 0 ? 0 : 1;
  } catch (error) {
    const wrongUse =
      error instanceof Usage || (error as { code?: string }).code?.startsWith('ERR_PARSE_ARGS');
    if (!wrongUse) throw error;
    console.error(`bench: ${(error as Error).message}\n\n${USAGE}`);
    return 2;
  }
}
