/** One benchmark job on the V8 of this Node, with `node:wasi`; the parent chooses the tier by Node's flags. */
import { WASI } from 'node:wasi';
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
import type { Answer, Job } from '../protocol.ts';

/** The DOM's types are not loaded. */
type Module = object;
const v8 = (globalThis as Record<string, unknown>)['WebAssembly'] as WasmLike<Module> & {
  Module: new (bytes: Uint8Array) => Module;
};

/** V8 has no objects to load: each process compiles, and that compile is what is timed. */
function handle(job: Job): Answer {
  if (job.kind === 'calls') {
    const module = new v8.Module(CALLS_MODULE);
    return measureCalls((imports) => new v8.Instance(module, imports).exports);
  }
  const bytes = readModule(job);
  const cpu = cpuMs();
  const begin = now();
  let module: Module;
  try {
    module = new v8.Module(bytes);
  } catch (error) {
    return { unsupported: (error as Error).message };
  }
  const compiled = { compileMs: now() - begin, compileCpuMs: cpuMs() - cpu };
  if (job.kind !== 'run') return { ...compiled, peakRssKb: peakRssKb() };
  const peak = { peakRssKb: peakRssKb() };
  return {
    ...compiled,
    ...peak,
    ...runAll(v8, WASI as unknown as WasiClass, module, job),
  };
}

await serve(handle);
