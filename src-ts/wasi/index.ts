/**
 * WASI preview 1 over `node:fs`: a `WASI` class in the shape of `node:wasi`'s, for any engine.
 *
 * It asks of an instance only `exports`, and of its memory only `buffer`; it never loads `node:wasi` and never
 * calls the engine except to start the guest. Specification: WebAssembly/WASI, preview 1 (snapshot_preview1.witx).
 */
import { inherited, preopened } from './descriptors.ts';
import { errnoOf } from './errno.ts';
import * as fdCalls from './fd.ts';
import { fd_pread, fd_pwrite, fd_read, fd_write } from './io.ts';
import { GuestMemory, type MemoryLike } from './memory.ts';
import * as pathCalls from './path.ts';
import * as processCalls from './process.ts';
import { Exit, State } from './state.ts';

export type { MemoryLike } from './memory.ts';

export interface WASIOptions {
  /** Only `'preview1'` exists here. */
  version: 'preview1';
  /** The program's arguments, its own name first. Default: none. */
  args?: readonly string[];
  /** Environment variables; `undefined` values are left out. Default: none. */
  env?: Readonly<Record<string, string | undefined>>;
  /** Guest path → directory of the host. Default: no file system at all. */
  preopens?: Readonly<Record<string, string>>;
  /** true (default): `start` returns the exit code. false: `proc_exit` ends the process. */
  returnOnExit?: boolean;
  /** Host descriptors for the standard streams. Defaults 0, 1, 2. */
  stdin?: number;
  stdout?: number;
  stderr?: number;
}

/** What is asked of an instance: `WebAssembly.Instance` and Elfin's have it. */
export interface InstanceLike {
  readonly exports: object;
}

/** A WASI function as the guest calls it; i64 arguments are bigints. Returns an errno. */
export type WASIFunction = (...args: (number | bigint)[]) => number;

type Call = (s: State, ...args: never[]) => number;
type WideCall = (s: State, ...args: unknown[]) => number;

const calls: Readonly<Record<string, Call>> = {
  fd_pread,
  fd_pwrite,
  fd_read,
  fd_write,
  ...callsOf(fdCalls),
  ...callsOf(pathCalls),
  ...callsOf(processCalls),
};

/** The exports of a module that are WASI calls: their names have an underscore. */
function callsOf(module: object): Record<string, Call> {
  return Object.fromEntries(
    Object.entries(module).filter(
      ([name, value]) => name.includes('_') && typeof value === 'function',
    ),
  ) as Record<string, Call>;
}

/** The import: fixed parameters, as many as the longest call has, so that no call allocates an array of them. */
function bind(s: State, call: Call): WASIFunction {
  const wide = call as unknown as WideCall;
  const bound = (
    a: unknown,
    b: unknown,
    c: unknown,
    d: unknown,
    e: unknown,
    f: unknown,
    g: unknown,
    h: unknown,
    i: unknown,
  ): number => {
    try {
      if (s.memory !== null) s.memory.refresh();
      return wide(s, a, b, c, d, e, f, g, h, i);
    } catch (error) {
      return errnoOf(error);
    }
  };
  return bound as WASIFunction;
}

function checkType(value: unknown, type: string, name: string): void {
  if (typeof value !== type || value === null) {
    throw new TypeError(`WASI: options.${name} must be of type ${type}`);
  }
}

function checkOptions(options: WASIOptions): void {
  checkType(options, 'object', '');
  if (options.version !== 'preview1') {
    throw new TypeError(`WASI: options.version must be 'preview1', not ${String(options.version)}`);
  }
  if (options.args !== undefined && !Array.isArray(options.args)) {
    throw new TypeError('WASI: options.args must be an array');
  }
  if (options.env !== undefined) checkType(options.env, 'object', 'env');
  if (options.preopens !== undefined) checkType(options.preopens, 'object', 'preopens');
  if (options.returnOnExit !== undefined)
    checkType(options.returnOnExit, 'boolean', 'returnOnExit');
  for (const name of ['stdin', 'stdout', 'stderr'] as const) {
    if (options[name] !== undefined) checkType(options[name], 'number', name);
  }
}

function callable(exports: object, name: string): (() => unknown) | undefined {
  const value = (exports as Record<string, unknown>)[name];
  return typeof value === 'function' ? (value as () => unknown) : undefined;
}

export class WASI {
  /** The functions of `wasi_snapshot_preview1`. */
  readonly wasiImport: Record<string, WASIFunction> = {};
  readonly #state: State;
  readonly #returnOnExit: boolean;
  #started = false;

  /** Opens the preopened directories. Throws TypeError for bad options, the system's error if a directory can not be opened. */
  constructor(options: WASIOptions) {
    checkOptions(options);
    const env = Object.entries(options.env ?? {}).filter(([, value]) => value !== undefined);
    this.#state = new State(
      (options.args ?? []).map(String),
      env.map(([key, value]) => `${key}=${value}`),
    );
    this.#returnOnExit = options.returnOnExit ?? true;
    const fds = this.#state.fds;
    for (const fd of [options.stdin ?? 0, options.stdout ?? 1, options.stderr ?? 2])
      fds.add(inherited(fd));
    for (const [guest, host] of Object.entries(options.preopens ?? {}))
      fds.add(preopened(guest, String(host)));
    for (const [name, call] of Object.entries(calls))
      this.wasiImport[name] = bind(this.#state, call);
  }

  /** The import object of a module that imports nothing but WASI. */
  getImportObject(): { wasi_snapshot_preview1: Record<string, WASIFunction> } {
    return { wasi_snapshot_preview1: this.wasiImport };
  }

  /** Gives the calls the memory of `instance` without running anything. Throws TypeError if it has none. */
  finalizeBindings(instance: InstanceLike, options: { memory?: MemoryLike } = {}): void {
    if (this.#started) throw new Error('WASI: the instance has already been started');
    const exports = instance?.exports;
    if (typeof exports !== 'object' || exports === null) {
      throw new TypeError('WASI: instance.exports must be an object');
    }
    const memory = options.memory ?? (exports as { memory?: MemoryLike }).memory;
    if (typeof memory !== 'object' || memory === null || !('buffer' in memory)) {
      throw new TypeError("WASI: the instance must export its memory as 'memory'");
    }
    this.#state.memory = new GuestMemory(memory);
    this.#started = true;
  }

  /**
   * Runs a command: calls `_start` and returns its exit code (0 if it just returns).
   * Throws what the guest throws (a trap), and TypeError if `instance` is not a command. The guest's files are
   * closed afterwards.
   */
  start(instance: InstanceLike): number {
    const run = callable(instance?.exports ?? {}, '_start');
    if (run === undefined) throw new TypeError("WASI: a command must export the function '_start'");
    if (callable(instance.exports, '_initialize') !== undefined) {
      throw new TypeError("WASI: a command must not export '_initialize'");
    }
    this.finalizeBindings(instance);
    try {
      return this.#exitCodeOf(run);
    } finally {
      this.#state.fds.closeAll();
    }
  }

  /** Sets up a reactor: calls its `_initialize`, if it has one. Throws as `start` does. */
  initialize(instance: InstanceLike): void {
    const exports = instance?.exports ?? {};
    if (callable(exports, '_start') !== undefined) {
      throw new TypeError("WASI: a reactor must not export '_start'");
    }
    this.finalizeBindings(instance);
    const run = callable(exports, '_initialize');
    if (run !== undefined) this.#exitCodeOf(run);
  }

  #exitCodeOf(run: () => unknown): number {
    try {
      run();
      return 0;
    } catch (error) {
      if (!(error instanceof Exit)) throw error;
      if (!this.#returnOnExit) process.exit(error.code);
      return error.code;
    }
  }
}
