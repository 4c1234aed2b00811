/** What Elfin's and V8's processes share: one run of a benchmark module under WASI, timed between its own two calls. */
import { closeSync, openSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import type { Answer, Job } from '../protocol.ts';

/** The part of the `WebAssembly` namespace that is used; Elfin's default export has the same shape. */
export interface WasmLike<M> {
  Instance: new (module: M, imports: Record<string, object>) => { readonly exports: object };
}

/** The part of `node:wasi`'s class that is used; Elfin's has the same shape. */
export type WasiClass = new (options: {
  version: 'preview1';
  args: string[];
  preopens: Record<string, string>;
  returnOnExit: true;
  stdin: number;
  stdout: number;
  stderr: number;
}) => {
  readonly wasiImport: object;
  start(instance: { readonly exports: object }): number;
};

export const now = (): number => performance.now();

/** Peak resident set size of this process, in kilobytes (rusage's also counts the parent's pages before exec). */
export function peakRssKb(): number {
  return Number(/VmHWM:\s*(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))![1]);
}

/** CPU time of the whole process, all threads, in milliseconds. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e3;
}

/** Runs `job.iterations` fresh instances, or as many as fit in `job.maxSeconds` (at least one). */
export function runAll<M>(wasm: WasmLike<M>, Wasi: WasiClass, module: M, job: Job): Answer {
  const answer: Answer = { runMs: [] };
  const stdin = openSync('/dev/null', 'r');
  const begin = now();
  for (let i = 0; i < job.iterations; i++) {
    const stdout = openSync(`${job.scratch}/${i}.out`, 'w');
    const stderr = openSync(`${job.scratch}/${i}.err`, 'w');
    const wasi = new Wasi({
      version: 'preview1',
      args: [basename(job.wasm)],
      preopens: { '.': job.directory },
      returnOnExit: true,
      stdin,
      stdout,
      stderr,
    });
    let start = NaN;
    let end = NaN;
    const instance = new wasm.Instance(module, {
      wasi_snapshot_preview1: wasi.wasiImport,
      bench: {
        start: () => void (start = now()),
        end: () => void (end = now()),
      },
    });
    answer.exitCode = wasi.start(instance);
    answer.runMs!.push(end - start);
    // Some of these classes close the guest's descriptors themselves.
    for (const fd of [stdout, stderr]) {
      try {
        closeSync(fd);
      } catch {
        /* closed already */
      }
    }
    if (now() - begin > job.maxSeconds * 1e3) break;
  }
  return answer;
}

/** Reads the job, runs it, prints the answer as the last line. */
export async function serve(handle: (job: Job) => Answer | Promise<Answer>): Promise<void> {
  const answer = await handle(JSON.parse(process.argv[2]!) as Job);
  process.stdout.write(`${JSON.stringify(answer)}\n`, () => process.exit(0));
}

export const readModule = (job: Job): Uint8Array<ArrayBuffer> =>
  new Uint8Array(readFileSync(job.wasm));
