/**
 * Compiling functions on worker threads (node:worker_threads).
 *
 * Workers are started once and reused; while they have nothing to do they do not keep the process alive. A job gives
 * every worker the module's bytes in shared memory; each decodes the module for itself and then asks for batches of
 * functions, largest functions first, until none are left. Results go to places by function index, so neither the
 * number of workers nor their timing shows in the object; of several errors the one of the lowest function is thrown.
 */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { batchLength, unpackBatch, type CodeBatch } from '../object/batch.ts';
import type { CodeRecord } from '../object/records.ts';
import { CompileError } from '../util/errors.ts';
import { InternalError } from '../util/bug.ts';
import type { ModuleInfo } from '../wasm/types.ts';
import type { InlinePlan } from '../frontend/inlineplan.ts';
import type { Settings } from './settings.ts';

/** To a worker: begin a module; compile functions; forget the module. */
export type ToWorker =
  | { kind: 'open'; bytes: Uint8Array; settings: Settings; plan: InlinePlan | null }
  | { kind: 'compile'; functions: Int32Array }
  | { kind: 'close' };

/** A failure as it crosses threads. */
export interface Failure {
  /** Defined function at which it happened, -1: none. */
  index: number;
  /** Byte offset of a CompileError, undefined for anything else. */
  offset: number | undefined;
  message: string;
  stack: string;
}

/** From a worker, for every 'compile'. */
export interface FromWorker {
  batch: CodeBatch;
  failures: Failure[];
}

/** Least bytes of Wasm code in a batch, and how many batches each worker should get at least. */
const BATCH_BYTES = 8192;
const BATCHES_PER_WORKER = 8;
/** Bytes of Wasm code for which another worker pays off. */
const BYTES_PER_WORKER = 32768;

let entry = new URL('./worker.js', import.meta.url);

/** Where the worker's bundle is; tests run from sources and have to say. */
export function setWorkerEntry(url: URL): void {
  entry = url;
}

const idle: Worker[] = [];

function takeWorker(): Worker {
  const worker = idle.pop() ?? new Worker(entry);
  worker.removeAllListeners();
  worker.ref();
  return worker;
}

function giveBack(worker: Worker): void {
  worker.removeAllListeners();
  // One that ends while idle (out of memory in its own isolate) is only forgotten.
  worker.on('error', () => {});
  worker.on('exit', () => {
    const at = idle.indexOf(worker);
    if (at >= 0) idle.splice(at, 1);
  });
  worker.postMessage({ kind: 'close' } satisfies ToWorker);
  worker.unref();
  idle.push(worker);
}

/** How many workers to use; 0: compile in this thread. */
export function workerCount(m: ModuleInfo, settings: Settings): number {
  // A dump is one text in order, and fuel is spent in order.
  if (settings.dump !== undefined || settings.optFuel >= 0) return 0;
  if (settings.workers > 0) return Math.min(settings.workers, m.definedFuncs);
  return Math.min(availableParallelism(), Math.floor(m.codeSize / BYTES_PER_WORKER));
}

/** The functions in batches: largest first. */
export function makeBatches(m: ModuleInfo, workers: number): Int32Array[] {
  const size = (i: number) => m.bodies[2 * i + 1]! - m.bodies[2 * i]!;
  const order = Array.from({ length: m.definedFuncs }, (_, i) => i);
  order.sort((a, b) => size(b) - size(a) || a - b);
  const least = Math.min(BATCH_BYTES, m.codeSize / (workers * BATCHES_PER_WORKER));
  const batches: Int32Array[] = [];
  for (let i = 0; i < order.length;) {
    const start = i;
    for (let bytes = 0; i < order.length && bytes <= least; i++) bytes += size(order[i]!);
    batches.push(Int32Array.from(order.slice(start, i)));
  }
  return batches;
}

function toError(f: Failure): Error {
  if (f.offset !== undefined) return new CompileError(f.message, f.offset);
  const error = new InternalError(f.message);
  error.stack = f.stack;
  return error;
}

/** Serves one worker until there are no batches left. Rejects if the worker dies. */
function serve(
  worker: Worker,
  next: () => Int32Array | undefined,
  done: (reply: FromWorker) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const ask = () => {
      const functions = next();
      if (functions === undefined) {
        giveBack(worker);
        resolve();
      } else worker.postMessage({ kind: 'compile', functions } satisfies ToWorker);
    };
    worker.on('message', (reply: FromWorker) => {
      done(reply);
      ask();
    });
    worker.on('error', reject);
    worker.on('exit', (code) => reject(new InternalError(`compiler thread ended (${code})`)));
    ask();
  });
}

/** A module to be compiled. */
export interface Job {
  /** In shared memory. */
  readonly bytes: Uint8Array;
  readonly m: ModuleInfo;
  readonly settings: Settings;
  readonly plan: InlinePlan | null;
}

/**
 * Compiles all functions of a module.
 *
 * @param progress called with the number of functions done
 * @throws CompileError of the first function that is invalid, InternalError if a worker fails
 */
export async function compileParallel(
  { bytes, m, settings, plan }: Job,
  workers: number,
  progress: (done: number) => void,
): Promise<CodeRecord[]> {
  const batches = makeBatches(m, workers);
  const records: CodeRecord[] = Array.from<CodeRecord>({ length: m.definedFuncs });
  let failed: Failure | undefined;
  let given = 0;
  let done = 0;
  const receive = (reply: FromWorker) => {
    unpackBatch(reply.batch, records);
    done += batchLength(reply.batch);
    for (const f of reply.failures) {
      if (failed === undefined || f.index < failed.index) failed = f;
    }
    progress(done);
  };
  const threads = Array.from({ length: Math.min(workers, batches.length) }, takeWorker);
  const open: ToWorker = { kind: 'open', bytes, settings, plan };
  for (const worker of threads) worker.postMessage(open);
  await Promise.all(threads.map((worker) => serve(worker, () => batches[given++], receive)));
  if (failed !== undefined) throw toError(failed);
  return records;
}
