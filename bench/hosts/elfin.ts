/** One benchmark job on Elfin's built library (the folder given in the job). */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { CALLS_MODULE, measureCalls } from './calls.ts';
import {
  cpuMs,
  now,
  peakRssKb,
  readModule,
  runAll,
  serve,
  type WasiClass,
  type WasmLike,
} from './guest.ts';
import { median } from '../stats.ts';
import type { Answer, Job } from '../protocol.ts';

/** What is used of the library: opaque modules, and the compiler behind them. */
type Module = object;
interface Runtime extends WasmLike<Module> {
  Module: { deserializeFile(path: string): Module; deserialize(bytes: Uint8Array): Module };
}
interface Settings {
  readonly explicitChecks: boolean;
}
interface Compiler {
  compile(bytes: Uint8Array, settings: Settings): Uint8Array;
  compileAsync(bytes: Uint8Array, settings: Settings): Promise<Uint8Array>;
}

const LOADS = 20;
/** A compile counts as warm when no attempt of the last few was the fastest by more than this. */
const STILL_IMPROVING = 0.98;
const PATIENCE = 4;
const MIN_WARM_MS = 1500;

const load = async (job: Job, file: string): Promise<Record<string, unknown>> =>
  (await import(pathToFileURL(join(job.dist, file)).href)) as Record<string, unknown>;

const runtimeOf = async (job: Job): Promise<Runtime> =>
  (await load(job, 'runtime.js'))['default'] as Runtime;

type Compile = (bytes: Uint8Array) => Uint8Array | Promise<Uint8Array>;

/** In this thread, or on as many workers as the compiler chooses. */
async function compilerOf(job: Job): Promise<Compile> {
  const { compile, compileAsync } = (await load(job, 'compiler.js')) as unknown as Compiler;
  const settings = { explicitChecks: job.engine === 'elfin-checks' };
  return job.kind === 'compile-all'
    ? (bytes) => compileAsync(bytes, settings)
    : (bytes) => compile(bytes, settings);
}

async function prepare(job: Job): Promise<Answer> {
  const compile = await compilerOf(job);
  try {
    const object = await compile(readModule(job));
    writeFileSync(job.object, object);
    return { objectBytes: object.length };
  } catch (error) {
    const { message, name } = error as Error;
    if (name === 'CompileError' && /needs the feature/.test(message))
      return { unsupported: message };
    throw error;
  }
}

/** Repeats until the process is warm: V8 compiles the compiler while it runs. */
async function compileJob(job: Job): Promise<Answer> {
  const compile = await compilerOf(job);
  const bytes = readModule(job);
  const answer: Answer = { compileMs: Infinity, compileCpuMs: Infinity };
  const begin = now();
  for (let since = 0, i = 0; ; i++) {
    const cpu = cpuMs();
    const start = now();
    await compile(bytes);
    const wall = now() - start;
    const used = cpuMs() - cpu;
    if (i === 0) Object.assign(answer, { compileColdMs: wall, peakRssKb: peakRssKb() });
    since = wall < answer.compileMs! * STILL_IMPROVING ? 0 : since + 1;
    answer.compileMs = Math.min(answer.compileMs!, wall);
    answer.compileCpuMs = Math.min(answer.compileCpuMs!, used);
    const elapsed = now() - begin;
    if (elapsed > MIN_WARM_MS && since >= PATIENCE) return answer;
    if (elapsed > job.maxSeconds * 1e3 && i >= 2) return answer;
  }
}

async function run(job: Job): Promise<Answer> {
  const runtime = await runtimeOf(job);
  const { WASI } = (await load(job, 'wasi.js')) as unknown as { WASI: WasiClass };
  const nothing = (): void => {};
  const loads: number[] = [];
  let module: Module | null = null;
  for (let i = 0; i < LOADS; i++) {
    const wasi = new WASI({
      version: 'preview1',
      args: [],
      preopens: {},
      returnOnExit: true,
      stdin: 0,
      stdout: 1,
      stderr: 2,
    });
    const imports = {
      wasi_snapshot_preview1: wasi.wasiImport,
      bench: { start: nothing, end: nothing },
    };
    const begin = now();
    module = runtime.Module.deserializeFile(job.object);
    new runtime.Instance(module, imports);
    loads.push(now() - begin);
  }
  const load20 = { loadMs: median(loads), loadFirstMs: loads[0]! };
  return { ...load20, ...runAll(runtime, WASI, module!, job) };
}

async function calls(job: Job): Promise<Answer> {
  const runtime = await runtimeOf(job);
  const object = await (await compilerOf(job))(CALLS_MODULE);
  const module = runtime.Module.deserialize(object);
  return measureCalls((imports) => new runtime.Instance(module, imports).exports);
}

const handlers = { prepare, compile: compileJob, 'compile-all': compileJob, run, calls };

await serve((job) => handlers[job.kind](job));
