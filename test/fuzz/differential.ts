/**
 * Runs a module on two engines with the same arguments and compares what can be seen: results, traps, calls of imports,
 * memory, globals, and the Wasm frames of traces. Stack exhaustion ends a module's run, because engines may reach it at different depths.
 */
import { decodeModule } from '../../src-ts/wasm/decode.ts';
import { SUPPORTED_FEATURES } from '../../src-ts/wasm/features.ts';
import {
  EXTERNREF,
  F32,
  F64,
  I32,
  I64,
  isRef,
  KIND_FUNC,
  KIND_MEMORY,
  KIND_TABLE,
  type ModuleInfo,
} from '../../src-ts/wasm/types.ts';
import { Random } from './random.ts';

/** The part of a WebAssembly namespace that is needed. */
export interface WasmEngine {
  Module: new (bytes: Uint8Array) => object;
  validate(bytes: Uint8Array): boolean;
  Instance: new (module: never, imports?: object) => { exports: Record<string, unknown> };
  Memory: new (d: Limits) => { buffer: ArrayBuffer };
  Global: new (d: { value: never; mutable: boolean }, v?: unknown) => { value: unknown };
  Table: new (d: Limits & { element: never }) => object;
}

interface Limits {
  initial: number;
  maximum?: number;
}

/** Node's own engine: the oracle. */
export const V8 = (globalThis as unknown as { WebAssembly: WasmEngine }).WebAssembly;

/** Frames of a trace that are compared; ours have a limit of their own. */
const COMPARED_FRAMES = 50;
Error.stackTraceLimit = COMPARED_FRAMES + 50;

const CALLS_PER_EXPORT = 2;
const MAX_EXPORTS = 40;
const TOO_DEEP = 'stack exhausted';
/** Of a memory, what is compared. */
const HASHED_BYTES = 1 << 24;

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
  [/memory|data segment/, 'memory'],
  [/divide by zero|remainder by zero/, 'divide by zero'],
  [
    /integer overflow|divide result unrepresentable|float unrepresentable|invalid conversion/,
    'unrepresentable',
  ],
  [
    /undefined element|uninitialized element|indirect call|signature mismatch|null function|table|element segment/,
    'table or signature',
  ],
];

/** Function and byte offset of each Wasm frame, innermost first: both engines name them in one way. */
function wasmFrames(error: Error): string {
  const own = Error.prepareStackTrace;
  Reflect.deleteProperty(Error, 'prepareStackTrace'); // a test runner's own would leave the offsets out
  const stack = error.stack ?? '';
  Error.prepareStackTrace = own;
  const frames = [...stack.matchAll(/wasm-function\[(\d+)\]:(0x[0-9a-f]+)/g)];
  return frames
    .slice(0, COMPARED_FRAMES)
    .map((m) => ` at ${m[1]}:${m[2]}`)
    .join('');
}

function describeError(e: unknown): string {
  if (e instanceof RangeError && /call stack/i.test(e.message)) return TOO_DEEP;
  if (!(e instanceof Error)) return `threw ${String(e)}`;
  // The wording is each engine's own.
  if (e instanceof TypeError || e instanceof RangeError || e.name === 'LinkError') return e.name;
  const known = TRAPS.find(([pattern]) => pattern.test(e.message));
  return `${e.name}: ${known ? known[1] : e.message}${wasmFrames(e)}`;
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
  const end = Math.min(bytes.length, HASHED_BYTES);
  for (let i = 0; i < end; i++) h = Math.imul(h ^ bytes[i]!, 0x01000193);
  return h >>> 0;
}

const TYPE_NAMES = new Map([
  [I32, 'i32'],
  [I64, 'i64'],
  [F32, 'f32'],
  [F64, 'f64'],
  [EXTERNREF, 'externref'],
]);
const nameOf = (type: number): never => (TYPE_NAMES.get(type) ?? 'anyfunc') as never;
const limits = ({ min, max }: { min: number; max: number }): Limits =>
  max < 0 ? { initial: min } : { initial: min, maximum: max };
/** The value of imported globals of type externref. */
const OBJECT = {};

/** Something of the type that each import asks for; functions log and return 0. */
export function importsFor(
  engine: WasmEngine,
  m: ModuleInfo,
  log: string[],
): Record<string, Record<string, unknown>> {
  const imports: Record<string, Record<string, unknown>> = {};
  for (const { module, name, kind, index } of m.imports) {
    const into = (imports[module] ??= {});
    if (kind === KIND_FUNC) {
      const { results } = m.funcType(index);
      const values = Array.from(results, (type) => (type === I64 ? 0n : isRef(type) ? null : 0));
      into[name] = (...args: unknown[]) => (
        log.push(`${module}.${name}(${args.map(show).join(', ')})`),
        values.length > 1 ? values : values[0]
      );
    } else if (kind === KIND_MEMORY) into[name] = new engine.Memory(limits(m.memories[index]!));
    else if (kind === KIND_TABLE) {
      const type = m.tables[index]!;
      into[name] = new engine.Table({ element: nameOf(type.element), ...limits(type) });
    } else {
      const { type, mutable } = m.globals[index]!;
      const value = type === I64 ? 7n : type === EXTERNREF ? OBJECT : isRef(type) ? null : 7;
      into[name] = new engine.Global({ value: nameOf(type), mutable }, value);
    }
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

/** Everything seen of one run, a line each. */
export function observe(
  engine: WasmEngine,
  bytes: Uint8Array,
  m: ModuleInfo,
  seed: number,
): string[] {
  const functions = m.exports.filter((e) => e.kind === KIND_FUNC);
  const params = new Map(functions.map((e) => [e.name, m.funcType(e.index).params]));
  const random = new Random(seed);
  const log: string[] = [];
  let exports: Record<string, unknown>;
  try {
    exports = new engine.Instance(new engine.Module(bytes) as never, importsFor(engine, m, log))
      .exports;
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
  const m = decodeModule(bytes, SUPPORTED_FEATURES);
  const x = observe(a, bytes, m, seed);
  const y = observe(b, bytes, m, seed);
  return difference(x, y);
}

/** The first line where two runs differ, or undefined. */
export function difference(x: readonly string[], y: readonly string[]): string | undefined {
  for (let i = 0; i < Math.max(x.length, y.length); i++) {
    if (x[i]?.endsWith(TOO_DEEP) || y[i]?.endsWith(TOO_DEEP)) return undefined;
    if (x[i] !== y[i]) return `line ${i}: ${x[i] ?? '(nothing)'} | ${y[i] ?? '(nothing)'}`;
  }
  return undefined;
}
