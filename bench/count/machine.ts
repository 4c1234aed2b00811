/** Runs programs under the counting plugin of qemu: Elfin's code and wasmtime's. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { gunzipSync, gzipSync } from 'node:zlib';
import type { CompileOptions } from '../../src-ts/compiler/index.ts';
import { Counts } from './counts.ts';
import type { Program } from './program.ts';
import { WasmtimeObject } from './wasmtimeobject.ts';

type CommandLine = readonly [program: string, args: readonly string[]];

/** What scripts/count-machines.mjs sets up. */
export interface Machine {
  readonly target: NonNullable<CompileOptions['target']>;
  readonly settings: CompileOptions;
  /** Changes with whatever changes what is counted of wasmtime. */
  readonly peerVersion: string;
  /** Folder where counts of wasmtime are kept: they stay the same. */
  readonly counted: string;
  ours(out: string, file: string): CommandLine;
  theirs(out: string, wasm: string, folder: string, object: string, ...args: string[]): CommandLine;
}

/** What scripts/bench-command.mjs hands to a command. */
export interface Surroundings {
  readonly defaultTarget: string;
  readonly defaultModules: string;
  /** Where Elfin is built. */
  readonly dist: string;
  machine(target: string): Promise<Machine>;
}

const TIMEOUT_MS = 1_200_000;
const run = promisify(execFile);

async function counted([program, args]: CommandLine, out: string): Promise<Counts> {
  rmSync(out, { force: true });
  try {
    await run(program, [...args], { timeout: TIMEOUT_MS, maxBuffer: 1 << 26 });
  } catch (error) {
    const { stdout, stderr, message } = error as Error & { stdout?: string; stderr?: string };
    const said = (stdout || stderr || message).trim().split('\n').slice(-3).join(' | ');
    throw new Error(said, { cause: error });
  }
  if (!existsSync(out)) throw new Error('nothing was counted');
  return new Counts(readFileSync(out, 'utf8'));
}

/** Counts a run of a program compiled by Elfin. Throws Error with the guest's last words. */
export function countOurs(machine: Machine, program: Program, dir: string): Promise<Counts> {
  const out = join(dir, 'ours.counts');
  return counted(machine.ours(out, program.file), out);
}

export interface Peer {
  readonly counts: Counts;
  readonly object: WasmtimeObject;
}

/** Counts a run of the module at `path` on wasmtime, or takes what was counted before. Throws Error. */
export async function countTheirs(
  machine: Machine,
  path: string,
  args: readonly string[],
  dir: string,
): Promise<Peer> {
  const key = createHash('sha1').update(machine.peerVersion).update(readFileSync(path));
  const kept = join(machine.counted, key.update(JSON.stringify(args)).digest('hex'));
  if (!existsSync(`${kept}.counts`)) {
    const out = join(dir, 'theirs.counts');
    const object = join(dir, 'theirs.o');
    await counted(machine.theirs(out, path, dirname(path), object, ...args), out);
    mkdirSync(machine.counted, { recursive: true });
    writeFileSync(`${kept}.o.gz`, gzipSync(readFileSync(object)));
    renameSync(out, `${kept}.counts`);
  }
  const object = new WasmtimeObject(gunzipSync(readFileSync(`${kept}.o.gz`)));
  return { counts: new Counts(readFileSync(`${kept}.counts`, 'utf8')), object };
}
