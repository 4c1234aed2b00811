/**
 * `npm run bench -- --speed`: how fast the compiler is against itself, over the benchmark modules with much code: two
 * worker threads against one, -O0 against -O2 (both in this thread, warm); and a whole `elfin compile` of a small module
 * from a cold start. Medians over interleaved rounds.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import type { compile, compileAsync, CompileOptions } from '../src-ts/compiler/index.ts';
import type { Surroundings } from './count/machine.ts';
import { findModules, type BenchModule } from './modules.ts';
import { geomean, median } from './stats.ts';

const OPTIONS = {
  speed: { type: 'boolean' },
  modules: { type: 'string' },
  only: { type: 'string', default: '' },
  rounds: { type: 'string', default: '9' },
  json: { type: 'string' },
} as const;

/** Modules with at least so much code show what threads and levels do; the cold start is that of one of about this size. */
const MUCH_CODE = 100_000;
const SMALL_MODULE = 20_000;
/** Compilations before V8 has optimised the compiler, in each thread of its own. */
const WARM_UP_ROUNDS = 12;

/** What is timed, by column; names are those of the figures. */
const WAYS = {
  O0: { optLevel: 0 },
  O2: { optLevel: 2 },
  'one worker': { workers: 1 },
  'two workers': { workers: 2 },
} as const satisfies Record<string, CompileOptions>;
type Way = keyof typeof WAYS;
const WAY_NAMES = Object.keys(WAYS) as Way[];

interface Compiler {
  readonly compile: typeof compile;
  readonly compileAsync: typeof compileAsync;
}
type Times = Record<Way, number>;

async function timed(compiler: Compiler, bytes: Uint8Array, way: Way): Promise<number> {
  const start = performance.now();
  const options: CompileOptions = WAYS[way];
  if (options.workers === undefined) compiler.compile(bytes, options);
  else await compiler.compileAsync(bytes, options);
  return performance.now() - start;
}

/** Median milliseconds of each way. */
async function timesOf(compiler: Compiler, bytes: Uint8Array, rounds: number): Promise<Times> {
  for (const way of WAY_NAMES) {
    for (let i = 0; i < WARM_UP_ROUNDS; i++) await timed(compiler, bytes, way);
  }
  const times = new Map(WAY_NAMES.map((way) => [way, [] as number[]]));
  for (let i = 0; i < rounds; i++) {
    for (const way of WAY_NAMES) times.get(way)!.push(await timed(compiler, bytes, way));
  }
  return Object.fromEntries([...times].map(([way, ms]) => [way, median(ms)])) as Times;
}

/** Median milliseconds of the command, as a user starts it, its startup cache filled by a first run. */
function coldStart(cli: string, module: BenchModule, rounds: number): number {
  const folder = mkdtempSync(join(tmpdir(), 'elfin-speed-'));
  const output = join(folder, 'module.elfin');
  try {
    const run = () => {
      const start = performance.now();
      execFileSync(process.execPath, [cli, 'compile', module.path, '-o', output]);
      return performance.now() - start;
    };
    run();
    return median(Array.from({ length: rounds }, run));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const ms = (value: number): string => value.toFixed(1).padStart(12);
const times = (value: number): string => `${value.toFixed(2)}×`.padStart(12);

function line(t: Times, name: string): void {
  console.log(
    [...WAY_NAMES.map((way) => ms(t[way])), times(t.O2 / t.O0)].join('') +
      times(t['one worker'] / t['two workers']) +
      `  ${name}`,
  );
}

async function comparable(
  compiler: Compiler,
  modules: readonly BenchModule[],
  rounds: number,
): Promise<Record<string, Times>> {
  const found: Record<string, Times> = {};
  const heads = [...WAY_NAMES, 'O2 / O0', 'one / two'];
  console.log(`${heads.map((head) => head.padStart(12)).join('')}  module (milliseconds)`);
  for (const module of modules) {
    const bytes = new Uint8Array(readFileSync(module.path));
    // One of its own class: the compiler is the built one, not this bundle's.
    try {
      found[module.name] = await timesOf(compiler, bytes, rounds);
    } catch (error) {
      if ((error as Error).name === 'CompileError') continue;
      throw error;
    }
    line(found[module.name]!, module.name);
  }
  return found;
}

/** Runs the command; returns the exit status. */
export async function main(args: string[], s: Surroundings): Promise<number> {
  const { values } = parseArgs({ args, options: OPTIONS });
  const rounds = Number(values.rounds);
  const all = findModules(resolve(values.modules ?? s.defaultModules), new RegExp(values.only));
  const compiler = (await import(pathToFileURL(join(s.dist, 'compiler.js')).href)) as Compiler;
  const modules = all.filter((m) => m.codeBytes >= MUCH_CODE);
  const found = await comparable(compiler, modules, rounds);
  const mean = (from: Way, to: Way) => geomean(Object.values(found).map((t) => t[from] / t[to]));
  const levels = mean('O2', 'O0');
  const threads = mean('one worker', 'two workers');
  const away = (m: BenchModule) => Math.abs(Math.log(m.bytes / SMALL_MODULE));
  const small = all.reduce((a, b) => (away(b) < away(a) ? b : a));
  const cold = coldStart(join(s.dist, 'cli.js'), small, rounds);
  console.log(
    `\n-O0 is ${levels?.toFixed(2) ?? '-'}× faster than -O2, two workers ${threads?.toFixed(2) ?? '-'}× faster than one (geometric means)`,
  );
  console.log(
    `elfin compile ${small.name} (${small.bytes} bytes), a process of its own: ${cold.toFixed(0)} ms`,
  );
  if (values.json !== undefined) {
    const figures = { levels, threads, cold: { module: small.name, ms: cold }, modules: found };
    writeFileSync(values.json, `${JSON.stringify(figures, null, 2)}\n`);
  }
  return 0;
}
