/** `elfin run`: a WASI command, or one exported function, of a module (compiled first) or of an object. */
import { basename } from 'node:path';
import { type InstanceLike, WASI } from '../wasi/index.ts';
import { Failure, fileFailure } from './failure.ts';
import { readInput } from './input.ts';
import type { CompileFlags } from './options.ts';
import type { Parts, Runtime } from './parts.ts';

export interface RunOptions extends CompileFlags {
  /** HOST or HOST::GUEST. */
  readonly dir?: readonly string[];
  /** K=V, or K to pass on the variable of this process. */
  readonly env?: readonly string[];
  readonly invoke?: string;
}

/** `HOST` or `HOST::GUEST` as guest path → host path. */
export function preopensOf(dirs: readonly string[] = []): Record<string, string> {
  const preopens: Record<string, string> = {};
  for (const dir of dirs) {
    const split = dir.indexOf('::');
    const host = split < 0 ? dir : dir.slice(0, split);
    const guest = split < 0 ? dir : dir.slice(split + 2);
    if (host === '' || guest === '') {
      throw new Failure(`--dir ${dir}: give HOST, or HOST::GUEST with both parts`, 2);
    }
    preopens[guest] = host;
  }
  return preopens;
}

/** `K=V`, or `K` alone for this process's own value, as an environment. */
export function environmentOf(list: readonly string[] = []): Record<string, string> {
  const env: Record<string, string> = {};
  for (const item of list) {
    const split = item.indexOf('=');
    const key = split < 0 ? item : item.slice(0, split);
    if (key === '') throw new Failure(`--env ${item}: give NAME=VALUE, or NAME`, 2);
    const value = split < 0 ? process.env[key] : item.slice(split + 1);
    if (value !== undefined) env[key] = value;
  }
  return env;
}

function makeWasi(file: string, args: readonly string[], options: RunOptions): WASI {
  const preopens = preopensOf(options.dir);
  const env = environmentOf(options.env);
  try {
    return new WASI({ version: 'preview1', args: [basename(file), ...args], env, preopens });
  } catch (error) {
    const path = (error as { path?: unknown }).path;
    throw typeof path === 'string' ? fileFailure(`--dir ${path}`, error) : error;
  }
}

interface Loaded {
  readonly module: object;
  readonly imports: readonly { module: string; name: string }[];
  readonly Instance: Runtime['Instance'];
}

/** Maps an object with the runtime alone, or compiles a module. */
async function load(file: string, options: RunOptions, parts: Parts): Promise<Loaded> {
  const input = await readInput(file);
  if (input.kind === 'object') {
    const { Module, Instance } = await parts.runtime();
    const module = Module.deserializeFile(file);
    return { module, imports: Module.imports(module), Instance };
  }
  const engine = await parts.engine(options);
  // Asynchronously: on all threads.
  const module = await engine.compile(input.bytes);
  await parts.nameModule(module, basename(file));
  return { module, imports: engine.Module.imports(module), Instance: engine.Instance };
}

/** Fails with the names of imports that nothing here provides: a better answer than the first one's LinkError. */
function checkImports(file: string, imports: Loaded['imports'], wasi: WASI): void {
  const missing = imports.filter(
    (i) => i.module !== 'wasi_snapshot_preview1' || !(i.name in wasi.wasiImport),
  );
  if (missing.length === 0) return;
  const names = missing.map((i) => `${i.module}.${i.name}`);
  throw new Failure(`${file}: imports what elfin run does not provide: ${names.join(', ')}`);
}

const NUMBER = /^[+-]?(\d+(\.\d*)?(e[+-]?\d+)?|\.\d+(e[+-]?\d+)?|0x[\da-f]+|inf|infinity|nan)$/i;

/** Text that ToNumber and ToBigInt both understand: a parameter's type decides which of them is asked. */
function argument(text: string): string {
  if (!NUMBER.test(text)) throw new Failure(`argument ${text}: not a number`, 2);
  return text.replace(/^([+-]?)inf(inity)?$/i, '$1Infinity').replace(/^\+(?=\d)/, '');
}

function show(value: unknown): string {
  return typeof value === 'object' && value !== null ? 'externref' : String(value);
}

function functionNames(instance: InstanceLike): string {
  const names = Object.entries(instance.exports).filter(([, value]) => typeof value === 'function');
  return names.map(([name]) => name).join(', ') || 'none';
}

function invoke(file: string, instance: InstanceLike, name: string, args: readonly string[]): void {
  const f = (instance.exports as Record<string, unknown>)[name];
  if (typeof f !== 'function') {
    throw new Failure(
      `${file}: exports no function '${name}' (functions: ${functionNames(instance)})`,
    );
  }
  if (args.length !== f.length) {
    throw new Failure(
      `${file}: '${name}' takes ${f.length} argument${f.length === 1 ? '' : 's'}, ${args.length} given`,
      2,
    );
  }
  let result: unknown;
  try {
    result = (f as (...values: unknown[]) => unknown)(...args.map(argument));
  } catch (error) {
    if (error instanceof SyntaxError) throw new Failure(`'${name}': ${error.message}`, 2);
    throw error;
  }
  const values = Array.isArray(result) ? result : result === undefined ? [] : [result];
  for (const value of values) console.log(show(value));
}

/** Calls `_start`, through WASI if the module has a memory to do it with. */
function start(file: string, instance: InstanceLike, wasi: WASI): number {
  const exports = instance.exports as Record<string, unknown>;
  const main = exports['_start'];
  if (typeof main !== 'function') {
    throw new Failure(
      `${file}: exports no '_start'; name a function with --invoke (functions: ${functionNames(instance)})`,
    );
  }
  if (exports['memory'] !== undefined) return wasi.start(instance);
  main();
  return 0;
}

function usesMemory(instance: InstanceLike): boolean {
  return (instance.exports as Record<string, unknown>)['memory'] !== undefined;
}

/** Runs `file`; resolves to the exit status. */
export async function run(
  file: string,
  args: readonly string[],
  options: RunOptions,
  parts: Parts,
): Promise<number> {
  const wasi = makeWasi(file, args, options);
  const { module, imports, Instance } = await load(file, options, parts);
  checkImports(file, imports, wasi);
  const instance = new Instance(module, wasi.getImportObject());
  if (options.invoke === undefined) return start(file, instance, wasi);
  const isCommand = typeof instance.exports['_start'] === 'function';
  if (usesMemory(instance)) {
    if (isCommand) wasi.finalizeBindings(instance);
    else wasi.initialize(instance);
  }
  invoke(file, instance, options.invoke, args);
  return 0;
}
