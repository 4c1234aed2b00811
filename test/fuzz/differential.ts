/**
 * Runs a module on two engines with the same arguments and compares what can be seen: results, traps, calls of imports,
 * memory, globals. Stack exhaustion ends a module's run, because engines may reach it at different depths.
 */
import { decodeModule } from '../../src-ts/wasm/decode.ts';
import { SUPPORTED_FEATURES } from '../../src-ts/wasm/features.ts';
import { I64, isRef, KIND_FUNC } from '../../src-ts/wasm/types.ts';
import { Random } from './random.ts';

/** The part of a WebAssembly namespace that is needed. */
export interface WasmEngine {
  Module: { new (bytes: Uint8Array): object; imports(module: object): ImportDescription[] };
  validate(bytes: Uint8Array): boolean;
  Instance: new (module: never, imports?: object) => { exports: Record<string, unknown> };
  Memory: new (d: { initial: number; maximum?: number }) => { buffer: ArrayBuffer };
  Global: new (d: { value: never; mutable: boolean }, v?: unknown) => { value: unknown };
  Table: new (d: { initial: number; element: never }) => object;
}

/** Node's own engine: the oracle. */
export const V8 = (globalThis as unknown as { WebAssembly: WasmEngine }).WebAssembly;

/** Imports as Module.imports describes them. */
interface ImportDescription {
  module: string;
  name: string;
  kind: string;
}

const CALLS_PER_EXPORT = 2;
const MAX_EXPORTS = 40;
const TOO_DEEP = 'stack exhausted';

const NUMBERS = [
  0,
  1,
  -1,
  2,
  7,
  0x7fffffff,
  -0x80000000,
  0xffff,
  65536,
  3.5,
  -0.0,
  1e300,
  NaN,
  Infinity,
];
const BIGINTS = [0n, 1n, -1n, 0x7fffffffffffffffn, -0x8000000000000000n, 0x100000000n, 42n];

/** Classes of traps: engines word them differently, and V8 does not tell some apart. */
const TRAPS: [RegExp, string][] = [
  [/unreachable/, 'unreachable'],
  [/memory/, 'memory'],
  [/divide by zero|remainder by zero/, 'divide by zero'],
  [
    /integer overflow|divide result unrepresentable|float unrepresentable|invalid conversion/,
    'unrepresentable',
  ],
  [
    /undefined element|uninitialized element|indirect call|signature mismatch|null function|table/,
    'table or signature',
  ],
];

function describeError(e: unknown): string {
  if (e instanceof RangeError && /call stack/i.test(e.message)) return TOO_DEEP;
  if (!(e instanceof Error)) return `threw ${String(e)}`;
  if (e instanceof TypeError) return e.name; // the wording is each engine's own
  const known = TRAPS.find(([pattern]) => pattern.test(e.message));
  return `${e.name}: ${known ? known[1] : e.message}`;
}

function show(v: unknown): string {
  if (Array.isArray(v)) return `[${v.map(show).join(', ')}]`;
  if (typeof v === 'function') return `function ${v.name}`;
  if (typeof v === 'bigint') return `${v}n`;
  return Object.is(v, -0) ? '-0' : String(v);
}

/** FNV-1a. */
function hash(bytes: Uint8Array): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < bytes.length; i++) h = Math.imul(h ^ bytes[i]!, 0x01000193);
  return h >>> 0;
}

function importsFor(
  engine: WasmEngine,
  list: ImportDescription[],
  log: string[],
): Record<string, Record<string, unknown>> {
  const imports: Record<string, Record<string, unknown>> = {};
  for (const { module, name, kind } of list) {
    const into = (imports[module] ??= {});
    if (kind === 'function')
      into[name] = (...args: unknown[]) => (
        log.push(`${module}.${name}(${args.map(show).join(', ')})`),
        0
      );
    else if (kind === 'memory') into[name] = new engine.Memory({ initial: 1, maximum: 65536 });
    else throw new Error(`a ${kind} import is not expected of the generator`);
  }
  return imports;
}

/** Arguments for a signature; references are null. */
function argumentsFor(params: ArrayLike<number>, random: Random): unknown[] {
  return Array.from(params, (type) => {
    if (type === I64) return random.pick(BIGINTS);
    return isRef(type) ? null : random.pick(NUMBERS);
  });
}

function call(f: (...args: unknown[]) => unknown, args: unknown[]): string {
  try {
    return show(f(...args));
  } catch (e) {
    return describeError(e);
  }
}

/** Parameter types of each exported function. */
export type ExportedParams = Map<string, ArrayLike<number>>;

export function exportedParams(bytes: Uint8Array): ExportedParams {
  const m = decodeModule(bytes, SUPPORTED_FEATURES);
  const functions = m.exports.filter((e) => e.kind === KIND_FUNC);
  return new Map(functions.map((e) => [e.name, m.funcType(e.index).params]));
}

/** Everything seen of one run, a line each. */
export function observe(
  engine: WasmEngine,
  bytes: Uint8Array,
  imports: ImportDescription[],
  params: ExportedParams,
  seed: number,
): string[] {
  const random = new Random(seed);
  const log: string[] = [];
  let exports: Record<string, unknown>;
  try {
    exports = new engine.Instance(
      new engine.Module(bytes) as never,
      importsFor(engine, imports, log),
    ).exports;
  } catch (e) {
    log.push(`instantiate: ${describeError(e)}`);
    return log;
  }
  const names = Object.keys(exports);
  for (const name of names.filter((n) => typeof exports[n] === 'function').slice(0, MAX_EXPORTS)) {
    for (let i = 0; i < CALLS_PER_EXPORT; i++) {
      const f = exports[name] as (...args: unknown[]) => unknown;
      const result = call(f, argumentsFor(params.get(name)!, random));
      log.push(`${name}: ${result}`);
      if (result === TOO_DEEP) return log;
    }
  }
  for (const name of names) {
    const e = exports[name] as { buffer?: ArrayBuffer; value?: unknown };
    if (e instanceof engine.Memory)
      log.push(`${name}: ${e.buffer!.byteLength} bytes, hash ${hash(new Uint8Array(e.buffer!))}`);
    else if (e instanceof engine.Global) log.push(`${name} = ${show(e.value)}`);
  }
  return log;
}

/** The first difference between two engines, or undefined. */
export function compare(
  a: WasmEngine,
  b: WasmEngine,
  bytes: Uint8Array,
  seed: number,
): string | undefined {
  const imports = V8.Module.imports(new V8.Module(bytes));
  const params = exportedParams(bytes);
  const x = observe(a, bytes, imports, params, seed);
  const y = observe(b, bytes, imports, params, seed);
  for (let i = 0; i < Math.max(x.length, y.length); i++) {
    if (x[i]?.endsWith(TOO_DEEP) || y[i]?.endsWith(TOO_DEEP)) return undefined;
    if (x[i] !== y[i]) return `line ${i}: ${x[i] ?? '(nothing)'} | ${y[i] ?? '(nothing)'}`;
  }
  return undefined;
}
