/**
 * Compiling functions on worker threads (node:worker_threads).
 *
 * Workers are started once and reused; while they have nothing to do they do not keep the process alive. A job gives
 * every worker the module's bytes and a queue of batches of functions, largest functions first, in shared memory; each
 * decodes the module for itself and then takes batch after batch by an atomic counter, so it never waits for another
 * thread. Results go to places by function index, so neither the number of workers nor their timing shows in the
 * object; of several errors the one of the lowest function is thrown.
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

/** Batches of functions in shared memory: batch i is functions[starts[i], starts[i + 1]). */
export interface Queue {
  /** One number: the batch to be taken next, the number of batches or more when none are left. */
  readonly cursor: Int32Array;
  readonly starts: Int32Array;
  readonly functions: Int32Array;
}

/** To a worker: compile what is in the queue. */
export interface ToWorker {
  bytes: Uint8Array;
  settings: Settings;
  plan: InlinePlan | null;
  queue: Queue;
}

/** A failure as it crosses threads. */
export interface Failure {
  /** Defined function at which it happened, -1: none. */
  index: number;
  /** Byte offset of a CompileError, undefined for anything else. */
  offset: number | undefined;
  message: string;
  stack: string;
}

/** From a worker: a batch is compiled; the queue is empty. */
export type FromWorker =
  { kind: 'batch'; batch: CodeBatch; failures: Failure[] } | { kind: 'empty' };

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

function shared(numbers: ArrayLike<number>): Int32Array {
  const array = new Int32Array(new SharedArrayBuffer(4 * numbers.length));
  array.set(numbers);
  return array;
}

function makeQueue(batches: readonly Int32Array[]): Queue {
  const starts = [0];
  for (const batch of batches) starts.push(starts.at(-1)! + batch.length);
  const functions = shared({ length: starts.at(-1)! });
  batches.forEach((batch, i) => functions.set(batch, starts[i]));
  return { cursor: shared([0]), starts: shared(starts), functions };
}

/** Takes the next batch of a queue; undefined when none are left. */
export function takeBatch({ cursor, starts, functions }: Queue): Int32Array | undefined {
  const i = Atomics.add(cursor, 0, 1);
  return i + 1 < starts.length ? functions.subarray(starts[i], starts[i + 1]) : undefined;
}

/** Leaves nothing to take. */
function dropAll({ cursor, starts }: Queue): void {
  Atomics.store(cursor, 0, starts.length);
}

function toError(f: Failure): Error {
  if (f.offset !== undefined) return new CompileError(f.message, f.offset);
  const error = new InternalError(f.message);
  error.stack = f.stack;
  return error;
}

/** Has one worker compile until the queue is empty. Rejects if the worker dies. */
function serve(
  worker: Worker,
  task: ToWorker,
  done: (batch: CodeBatch, failures: Failure[]) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const died = (error: Error) => {
      dropAll(task.queue);
      reject(error);
    };
    worker.on('message', (reply: FromWorker) => {
      if (reply.kind === 'batch') return done(reply.batch, reply.failures);
      giveBack(worker);
      resolve();
    });
    worker.on('error', died);
    worker.on('exit', (code) => died(new InternalError(`compiler thread ended (${code})`)));
    worker.postMessage(task);
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
  let done = 0;
  const receive = (batch: CodeBatch, failures: Failure[]) => {
    unpackBatch(batch, records);
    done += batchLength(batch);
    for (const f of failures) {
      if (failed === undefined || f.index < failed.index) failed = f;
    }
    progress(done);
  };
  const threads = Array.from({ length: Math.min(workers, batches.length) }, takeWorker);
  const task: ToWorker = { bytes, settings, plan, queue: makeQueue(batches) };
  await Promise.all(threads.map((worker) => serve(worker, task, receive)));
  if (failed !== undefined) throw toError(failed);
  return records;
}
