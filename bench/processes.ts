/** Runs jobs, each in a fresh process, one at a time, and checks what the guest printed. */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { outputError, type BenchModule } from './modules.ts';
import type { Answer, EngineId, Job, Result } from './protocol.ts';

export interface Hosts {
  /** Bundled entry points of Elfin's and V8's processes. */
  readonly elfin: string;
  readonly v8: string;
  readonly wasmtime: string;
  /** Folder with the Python package, and the C host for calls (absent: null). */
  readonly wasmtimeLibrary: string;
  readonly wasmtimeCalls: string | null;
  /** The module of hosts/calls.ts as a file, for the C host. */
  readonly callsModule: string;
}

const TIMEOUT_MS = 600_000;
/** Without lazy compilation "compile" means compiled; without Liftoff it means the optimising tier. */
const V8_OPTIMISING = ['--no-liftoff', '--no-wasm-lazy-compilation'];

/** Node 20's fast calls into `node:wasi` keep the memory of the first instance. */
const WASI_FLAGS = process.versions.node.startsWith('20.') ? ['--no-turbo-fast-api-calls'] : [];

function commandOf(job: Job, hosts: Hosts): { file: string; args: string[] } | null {
  const argument = JSON.stringify(job);
  const node = process.execPath;
  const quiet = ['--no-warnings'];
  switch (job.engine) {
    case 'elfin':
    case 'elfin-checks':
      return { file: node, args: [...quiet, hosts.elfin, argument] };
    case 'v8':
      return { file: node, args: [...quiet, ...WASI_FLAGS, ...V8_OPTIMISING, hosts.v8, argument] };
    case 'v8-default':
      return { file: node, args: [...quiet, ...WASI_FLAGS, hosts.v8, argument] };
    case 'wasmtime':
      if (job.kind !== 'calls') return { file: 'python3', args: [hosts.wasmtime, argument] };
      return hosts.wasmtimeCalls === null
        ? null
        : { file: hosts.wasmtimeCalls, args: [hosts.callsModule] };
  }
}

function spawn(file: string, args: string[], env: NodeJS.ProcessEnv): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options = { env, timeout: TIMEOUT_MS, maxBuffer: 1 << 26 };
    execFile(file, args, options, (error, stdout, stderr) => {
      const last = stdout.trim().split('\n').pop() ?? '';
      if (error !== null) {
        const text = stderr.trim().split('\n').slice(-3).join(' | ');
        reject(new Error(error.killed ? 'timed out' : text || (error.signal ?? error.message)));
      } else resolve(JSON.parse(last) as Answer);
    });
  });
}

function checkRuns(m: BenchModule, answer: Answer, scratch: string): string | null {
  for (let i = 0; i < (answer.runMs?.length ?? 0); i++) {
    const wrong = outputError(m, `${scratch}/${i}.out`, `${scratch}/${i}.err`);
    if (wrong !== null) return `${wrong} (run ${i + 1})`;
  }
  if (answer.runMs?.some((t) => !Number.isFinite(t)))
    return 'did not call bench.start and bench.end';
  return (answer.exitCode ?? 0) === 0 ? null : `exit code ${answer.exitCode}`;
}

/** Runs one job. Never rejects: what goes wrong is in the result. */
export async function runJob(
  job: Job,
  module: BenchModule | null,
  hosts: Hosts,
): Promise<Result | null> {
  const command = commandOf(job, hosts);
  if (command === null) return null;
  mkdirSync(join(tmpdir(), 'elfin-bench'), { recursive: true });
  const scratch = mkdtempSync(join(tmpdir(), 'elfin-bench', 'job-'));
  const full = { ...job, scratch };
  try {
    const { file, args } = commandOf(full, hosts)!;
    const env = { ...process.env, PYTHONPATH: hosts.wasmtimeLibrary, PYTHONDONTWRITEBYTECODE: '1' };
    const answer = await spawn(file, args, env);
    return { job, answer, error: module === null ? null : checkRuns(module, answer, scratch) };
  } catch (error) {
    return { job, answer: null, error: (error as Error).message };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

export const ENGINE_NAMES: Readonly<Record<EngineId, string>> = {
  elfin: 'Elfin',
  'elfin-checks': 'Elfin with checks',
  wasmtime: 'wasmtime',
  v8: 'V8 optimising',
  'v8-default': 'V8 default',
};
