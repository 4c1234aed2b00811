/** Entry of a compiler thread: compiles what is in the queue it is given (messages: parallel.ts). */
import { parentPort } from 'node:worker_threads';
import { BatchWriter } from '../object/batch.ts';
import { bug } from '../util/bug.ts';
import { decodeModule } from '../wasm/decode.ts';
import { SUPPORTED_FEATURES } from '../wasm/features.ts';
import { takeBatch, type Failure, type FromWorker, type ToWorker } from './parallel.ts';
import { Session } from './session.ts';

const port = parentPort ?? bug('worker', 'not started as a thread');
const out = new BatchWriter();

function failure(index: number, e: unknown): Failure {
  const error = e instanceof Error ? e : new Error(String(e));
  const offset = (error as { offset?: unknown }).offset;
  if (typeof offset !== 'number') {
    return { index, offset: undefined, message: error.message, stack: error.stack ?? '' };
  }
  // The constructor on the other side adds the offset again.
  const message = error.message.slice(0, error.message.lastIndexOf(' @+'));
  return { index, offset, message, stack: '' };
}

function compile(session: Session, functions: Int32Array): void {
  const failures: Failure[] = [];
  for (const index of functions) {
    try {
      out.add(index, session.compile(index));
    } catch (e) {
      failures.push(failure(index, e));
    }
  }
  // Shared, not transferred: after the first buffer detached in a thread, V8 checks for it at every access to a typed
  // array there, which costs the compiler an eighth of its speed.
  const batch = out.take(SharedArrayBuffer);
  const reply: FromWorker = { kind: 'batch', batch, failures };
  port.postMessage(reply);
}

port.on('message', ({ bytes, settings, plan, queue }: ToWorker) => {
  const session = new Session(bytes, decodeModule(bytes, SUPPORTED_FEATURES), settings, plan);
  for (;;) {
    const functions = takeBatch(queue);
    if (functions === undefined) break;
    compile(session, functions);
  }
  port.postMessage({ kind: 'empty' } satisfies FromWorker);
});
