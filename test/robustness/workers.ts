// Worker threads: part of scenarios.ts.
import { parentPort, Worker, workerData } from 'node:worker_threads';
import elfin from '../../src-ts/index.ts';
import { check, module, instance, throwsKind, maps, stacks, type Exports } from './support.ts';

const WORK = `(module (import "e" "h" (func $h (param i32) (result i32))) (memory (export "m") 1)
  (func $fib (export "fib") (param i32) (result i32)
    (if (result i32) (i32.lt_u (local.get 0) (i32.const 2)) (then (local.get 0))
      (else (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1)))
        (call $fib (i32.sub (local.get 0) (i32.const 2)))))))
  (func (export "host") (param i32) (result i32) (call $h (local.get 0)))
  (func (export "trap") (i32.store (i32.const -1) (i32.const 0)))
  (func $deep (export "deep") (call $deep)))`;

/** What each worker does: runs code from an object made by the main thread. */
export function work(): void {
  const { object, mode } = workerData as { object: Uint8Array; mode: string };
  const x: Exports = instance(elfin.Module.deserialize(object), {
    e: { h: (n: number) => (mode === 'host' ? forever(x) : n + 1) },
  });
  for (let i = 0; i < 30; i++) {
    check(x['fib']!(15) === 610 && x['host']!(i) === i + 1, 'results');
    throwsKind(elfin.RuntimeError, () => x['trap']!());
    throwsKind(RangeError, () => x['deep']!());
    void x['m']!.buffer;
  }
  parentPort!.postMessage('done');
}

/** Never returns: terminated in JavaScript that Wasm called, three calls deep. */
let depth = 0;
function forever(x: Exports): never {
  if (++depth < 3) x['host']!(depth);
  parentPort!.postMessage('busy');
  for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
}

/** Four workers at once, then workers that are terminated while Wasm waits for JavaScript. */
export async function workers(): Promise<void> {
  const object = elfin.Module.serialize(await module(WORK));
  const start = (mode: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const worker = new Worker(process.argv[1]!, { argv: ['work'], workerData: { object, mode } });
      let said = '';
      worker.on('message', (text: string) => {
        said = text;
        if (text === 'busy') void worker.terminate();
      });
      worker.on('error', reject);
      worker.on('exit', () => resolve(said));
    });
  const round = async (mode: string): Promise<void> => {
    const said = await Promise.all([1, 2, 3, 4].map(() => start(mode)));
    check(
      said.every((s) => s === (mode === 'host' ? 'busy' : 'done')),
      said.join(),
    );
  };
  await round('run');
  await round('host');
  const before = maps();
  for (let i = 0; i < 3; i++) {
    await round('run');
    await round('host');
  }
  check(maps() < before + 60 && stacks() < 10, `${before} mappings became ${maps()}`);
  const x = instance(elfin.Module.deserialize(object), { e: { h: (n: number) => n } });
  check(x['fib']!(10) === 55, 'the main thread, which ran nothing before');
  throwsKind(elfin.RuntimeError, () => x['trap']!());
}
