/** From the processes' answers to one row per module, ratios and geometric means: what `--json` writes. */
import type { BenchModule } from './modules.ts';
import type { Answer, EngineId, JobKind, Result } from './protocol.ts';
import { geomean, median, minimum, ratio } from './stats.ts';

/** What one engine did with one module; milliseconds, bytes, kilobytes; null where it has no such thing. */
export interface EngineRow {
  runMs: number | null;
  runMedianMs: number | null;
  /** First run in a process: what a tiering engine gives a short-lived program. */
  runFirstMs: number | null;
  /** One thread, warm process: wall and CPU time. V8: its sync compile (it uses all threads by itself). */
  compileMs: number | null;
  compileCpuMs: number | null;
  compileColdMs: number | null;
  compileAllThreadsMs: number | null;
  compilePeakRssKb: number | null;
  objectBytes: number | null;
  loadMs: number | null;
  loadFirstMs: number | null;
}

export interface Row {
  name: string;
  wasmBytes: number;
  codeBytes: number;
  checked: boolean;
  engines: Partial<Record<EngineId, EngineRow>>;
  /** Elfin's figure divided by the peer's, but `load.v8compile`: V8's compile divided by Elfin's load. */
  ratios: {
    run: { wasmtime: number | null; v8: number | null; v8Default: number | null };
    /** With bounds checks in the code, divided by without. */
    checks: number | null;
    compile: { wasmtime: number | null };
    compileAllThreads: { wasmtime: number | null };
    load: { wasmtime: number | null; v8compile: number | null };
    objectBytes: { wasmtime: number | null };
  };
}

export interface Calls {
  jsToWasmNs: number | null;
  wasmToJsNs: number | null;
  peers: {
    wasmtime: { hostToWasmNs: number | null; wasmToHostNs: number | null };
    v8: { jsToWasmNs: number | null; wasmToJsNs: number | null };
  };
}

export interface Summary {
  versions: Record<string, string>;
  machine: { cpu: string; threads: number };
  settings: Record<string, number | string>;
  rows: Row[];
  skipped: { name: string; reason: string }[];
  errors: { name: string; engine: EngineId; kind: JobKind; error: string }[];
  geomean: {
    run: { wasmtime: number | null; v8: number | null; v8Default: number | null };
    checks: number | null;
    compile: { wasmtime: number | null; wasmtimeAllThreads: number | null };
    load: { v8compile: number | null; wasmtime: number | null };
    objectBytes: { wasmtime: number | null };
  };
  calls: Calls;
}

/** Shorter runs measure the clock and the host, not the code. */
export const MIN_RUN_MS = 1;
/** Compile times count for code sections over this, V8's compile against our load for modules over the other. */
export const MIN_COMPILE_CODE = 100_000;
export const MIN_LOAD_MODULE = 200_000;

const finite = (value: number): number | null => (Number.isFinite(value) ? value : null);

function collect(answers: readonly Answer[], key: keyof Answer): number[] {
  return answers.map((a) => a[key]).filter((v): v is number => typeof v === 'number');
}

const least = (answers: readonly Answer[], key: keyof Answer): number | null =>
  finite(minimum(collect(answers, key)));

const middle = (answers: readonly Answer[], key: keyof Answer): number | null =>
  finite(median(collect(answers, key)));

function engineRow(results: readonly Result[]): EngineRow {
  const of = (kind: JobKind): Answer[] =>
    results.filter((r) => r.job.kind === kind && r.error === null).map((r) => r.answer!);
  const runs = of('run');
  const compiles = [...of('compile'), ...runs.filter((a) => a.compileMs !== undefined)];
  const times = runs.flatMap((a) => a.runMs ?? []);
  const peaks = collect(compiles, 'peakRssKb');
  return {
    runMs: finite(minimum(times)),
    runMedianMs: finite(median(times)),
    runFirstMs: finite(median(runs.map((a) => a.runMs?.[0] ?? NaN))),
    compileMs: least(compiles, 'compileMs'),
    compileCpuMs: least(compiles, 'compileCpuMs'),
    compileColdMs: middle(compiles, 'compileColdMs'),
    compileAllThreadsMs: least(of('compile-all'), 'compileMs'),
    compilePeakRssKb: peaks.length === 0 ? null : Math.max(...peaks),
    objectBytes: least(of('prepare'), 'objectBytes'),
    loadMs: middle(runs, 'loadMs'),
    loadFirstMs: middle(runs, 'loadFirstMs'),
  };
}

const over = (value: number | null | undefined, least: number): number | null =>
  value === undefined || value === null || value < least ? null : value;

function row(m: BenchModule, results: readonly Result[]): Row {
  const mine = results.filter((r) => r.job.module === m.name);
  const engines: Row['engines'] = {};
  for (const engine of new Set(mine.map((r) => r.job.engine))) {
    engines[engine] = engineRow(mine.filter((r) => r.job.engine === engine));
  }
  const { elfin, wasmtime, v8 } = engines;
  const v8Default = engines['v8-default'];
  const of = (a: number | null | undefined, b: number | null | undefined): number | null =>
    ratio(a ?? null, b ?? null);
  const code = m.codeBytes >= MIN_COMPILE_CODE;
  const run = (peer: number | null | undefined): number | null =>
    of(over(elfin?.runMs, MIN_RUN_MS / 10), over(peer, MIN_RUN_MS));
  return {
    name: m.name,
    wasmBytes: m.bytes,
    codeBytes: m.codeBytes,
    checked: m.stdout !== null || m.stderr !== null,
    engines,
    ratios: {
      run: {
        wasmtime: run(wasmtime?.runMs),
        v8: run(v8?.runMs),
        v8Default: of(
          over(elfin?.runFirstMs, MIN_RUN_MS / 10),
          over(v8Default?.runFirstMs, MIN_RUN_MS),
        ),
      },
      checks: of(
        over(engines['elfin-checks']?.runMs, MIN_RUN_MS / 10),
        over(elfin?.runMs, MIN_RUN_MS),
      ),
      compile: { wasmtime: code ? of(elfin?.compileCpuMs, wasmtime?.compileCpuMs) : null },
      compileAllThreads: {
        wasmtime: code ? of(elfin?.compileAllThreadsMs, wasmtime?.compileAllThreadsMs) : null,
      },
      load: {
        wasmtime: of(elfin?.loadMs, wasmtime?.loadMs),
        v8compile: m.bytes >= MIN_LOAD_MODULE ? of(v8?.compileMs, elfin?.loadMs) : null,
      },
      objectBytes: { wasmtime: of(elfin?.objectBytes, wasmtime?.objectBytes) },
    },
  };
}

function calls(results: readonly Result[]): Calls {
  const of = (engine: EngineId, key: 'jsToWasmNs' | 'wasmToJsNs'): number | null => {
    const mine = results.filter((r) => r.job.kind === 'calls' && r.job.engine === engine);
    return least(
      mine.map((r) => r.answer ?? {}),
      key,
    );
  };
  const pair = (engine: EngineId) => [of(engine, 'jsToWasmNs'), of(engine, 'wasmToJsNs')] as const;
  const [jsToWasmNs, wasmToJsNs] = pair('elfin');
  const [hostToWasmNs, wasmToHostNs] = pair('wasmtime');
  const [v8In, v8Out] = pair('v8');
  return {
    jsToWasmNs,
    wasmToJsNs,
    peers: {
      wasmtime: { hostToWasmNs, wasmToHostNs },
      v8: { jsToWasmNs: v8In, wasmToJsNs: v8Out },
    },
  };
}

/** `results` of preparation and measurement together; `about` says what was measured, with which settings. */
export function summarise(
  modules: readonly BenchModule[],
  results: readonly Result[],
  skipped: readonly { name: string; reason: string }[],
  about: Pick<Summary, 'versions' | 'machine' | 'settings'>,
): Summary {
  const rows = modules.map((m) => row(m, results));
  const mean = (pick: (r: Row['ratios']) => number | null): number | null =>
    geomean(rows.map((r) => pick(r.ratios)));
  return {
    ...about,
    rows,
    skipped: [...skipped],
    errors: results
      .filter((r) => r.error !== null)
      .map(({ job, error }) => ({
        name: job.module,
        engine: job.engine,
        kind: job.kind,
        error: error!,
      })),
    geomean: {
      run: {
        wasmtime: mean((r) => r.run.wasmtime),
        v8: mean((r) => r.run.v8),
        v8Default: mean((r) => r.run.v8Default),
      },
      checks: mean((r) => r.checks),
      compile: {
        wasmtime: mean((r) => r.compile.wasmtime),
        wasmtimeAllThreads: mean((r) => r.compileAllThreads.wasmtime),
      },
      load: {
        v8compile: mean((r) => r.load.v8compile),
        wasmtime: mean((r) => r.load.wasmtime),
      },
      objectBytes: { wasmtime: mean((r) => r.objectBytes.wasmtime) },
    },
    calls: calls(results),
  };
}
