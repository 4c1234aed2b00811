/**
 * Generated JavaScript for calls in both directions, one piece of code per signature (so that V8 sees fixed argument
 * counts and types): exported functions that convert arguments into the slots, enter Wasm and convert results back, and
 * host stubs that do the reverse. Where code generation from strings is forbidden, interpreted versions do the same.
 *
 * Order matters (JavaScript API § 5.5): all arguments are converted before any is stored, because a conversion may run
 * user code that calls Wasm and so overwrites the slots; externrefs get their handles last, because making a handle is
 * the one conversion that runs no user code and handles must not be swept while in transit.
 */
import {
  EXTERNREF_TAG,
  STATUS_DONE,
  TRANSFER_CALLEE,
  TRANSFER_FIBER,
  TRANSFER_FLAGS,
  TRANSFER_STATUS,
} from '../gen/abi.ts';
import type { FuncType, ValType } from '../object/records.ts';
import { collectHandles, handleOf, valueOf } from './externref.ts';
import { funcOfRef, refOfFunc } from './functions.ts';
import { SLOT0, type HostStub, type Thread } from './thread.ts';
import { GLUE_SCRIPT } from './trace.ts';
import { EXTERNREF, F32, F64, I32, I64, V128, type Keeper } from './values.ts';

/** What generated code refers to. */
interface Env {
  t: Thread;
  i32: Int32Array;
  u32: Uint32Array;
  f32: Float32Array;
  f64: Float64Array;
  i64: BigInt64Array;
  enter: () => void;
  abandon: () => void;
  asIntN: (bits: number, v: bigint) => bigint;
  funcOfRef: typeof funcOfRef;
  refOfFunc: typeof refOfFunc;
  handleOf: typeof handleOf;
  valueOf: typeof valueOf;
  collectHandles: typeof collectHandles;
  noV128: () => never;
  toList: (value: unknown, count: number) => unknown[];
}

export type ExportFactory = (callee: number, keeper: Keeper) => (...args: unknown[]) => unknown;
export type HostFactory = (func: (...args: unknown[]) => unknown, keeper: Keeper) => HostStub;

const TWO32 = 0x1_0000_0000;

function noV128(): never {
  throw new TypeError(
    'a function with a v128 parameter or result cannot be called from or call JavaScript',
  );
}

/** IterableToList with the number of elements a signature asks for. Throws TypeError. */
function toList(value: unknown, count: number): unknown[] {
  const list = [...(value as Iterable<unknown>)];
  if (list.length !== count)
    throw new TypeError(`a host function returned ${list.length} results, not ${count}`);
  return list;
}

/** Expression that converts `x` as ToWebAssemblyValue does; externrefs stay as they are until stored. */
function convert(type: ValType, x: string): string {
  switch (type) {
    case I32:
      return `${x} | 0`;
    case I64:
      return `asIntN(64, ${x})`;
    case F32:
    case F64:
      return `+${x}`;
    case EXTERNREF:
      return x;
    default:
      return `refOfFunc(${x}, keeper)`;
  }
}

/** Statement that stores a converted value in a slot. */
function store(type: ValType, slot: number, x: string): string {
  const s = SLOT0 + slot;
  switch (type) {
    case I32:
      return `i32[${2 * s}] = ${x};`;
    case I64:
      return `i64[${s}] = ${x};`;
    case F32:
      return `f32[${2 * s}] = ${x};`;
    case F64:
      return `f64[${s}] = ${x};`;
    case EXTERNREF:
      return `if (${x} === null) { i32[${2 * s}] = 0; i32[${2 * s + 1}] = 0; } else { i32[${2 * s}] = handleOf(${x}); i32[${2 * s + 1}] = ${EXTERNREF_TAG}; }`;
    default:
      return `i32[${2 * s}] = ${x} % ${TWO32} | 0; i32[${2 * s + 1}] = ${x} / ${TWO32};`;
  }
}

/** Expression that reads a slot as a JavaScript value. */
function load(type: ValType, slot: number): string {
  const s = SLOT0 + slot;
  switch (type) {
    case I32:
      return `i32[${2 * s}]`;
    case I64:
      return `i64[${s}]`;
    case F32:
      return `f32[${2 * s}]`;
    case F64:
      return `f64[${s}]`;
    case EXTERNREF:
      return `(i32[${2 * s + 1}] === 0 ? null : valueOf(i32[${2 * s}]))`;
    default:
      return `funcOfRef(u32[${2 * s}] + u32[${2 * s + 1}] * ${TWO32})`;
  }
}

const EPILOG = `\n//# sourceURL=${GLUE_SCRIPT}`;

const PROLOG =
  '"use strict"; const { t, i32, u32, f32, f64, i64, enter, abandon, asIntN, funcOfRef, refOfFunc, handleOf, valueOf, collectHandles, noV128, toList } = env;\n';

/** What follows entering when the call is not done; see {@link Thread.drive} for the exception. */
const DRIVE = `try { t.drive(keeper); } catch (e) { if (f64[${TRANSFER_FIBER >> 3}] !== 0) abandon(); throw e; }`;

/** Source of an {@link ExportFactory}. */
function exportSource({ params, results }: FuncType): string {
  const names = params.map((_, i) => `a${i}`);
  const lines = [
    ...(params.includes(EXTERNREF) ? ['collectHandles();'] : []),
    ...params.map((p, i) => (p === EXTERNREF ? '' : `a${i} = ${convert(p, `a${i}`)};`)),
    ...params.map((p, i) => store(p, i, `a${i}`)),
    `f64[${TRANSFER_CALLEE >> 3}] = callee;`,
    'enter();',
    `if ((i32[${TRANSFER_STATUS >> 2}] | i32[${TRANSFER_FLAGS >> 2}]) !== ${STATUS_DONE}) ${DRIVE}`,
  ];
  if (results.length === 1) lines.push(`return ${load(results[0]!, 0)};`);
  else if (results.length > 1)
    lines.push(`return [${results.map((r, i) => load(r, i)).join(', ')}];`);
  const body = params.includes(V128) || results.includes(V128) ? 'noV128();' : lines.join('\n    ');
  return `${PROLOG}return (callee, keeper) => (${names.join(', ')}) => {\n    ${body}\n};${EPILOG}`;
}

/** Source of a {@link HostFactory}. */
function hostSource({ params, results }: FuncType): string {
  const call = `func(${params.map((p, i) => load(p, i)).join(', ')})`;
  const lines: string[] = [];
  if (results.includes(EXTERNREF)) {
    // The arguments are JavaScript values before a sweep may run.
    params.forEach((p, i) => lines.push(`const p${i} = ${load(p, i)};`));
    lines.push('collectHandles();', `const r = func(${params.map((_, i) => `p${i}`).join(', ')});`);
  } else lines.push(results.length === 0 ? `${call};` : `const r = ${call};`);
  if (results.length === 1)
    lines.push(`const r0 = ${convert(results[0]!, 'r')};`, store(results[0]!, 0, 'r0'));
  if (results.length > 1) {
    lines.push(`const list = toList(r, ${results.length});`);
    results.forEach((type, i) => lines.push(`const r${i} = ${convert(type, `list[${i}]`)};`));
    results.forEach((type, i) => lines.push(store(type, i, `r${i}`)));
  }
  const body = params.includes(V128) || results.includes(V128) ? 'noV128();' : lines.join('\n    ');
  return `${PROLOG}return (func, keeper) => () => {\n    ${body}\n};${EPILOG}`;
}

/** Generated call code of one thread, by signature. */
export class CallCode {
  private readonly env: Env;
  private readonly exports = new Map<string, ExportFactory>();
  private readonly hosts = new Map<string, HostFactory>();

  constructor(t: Thread) {
    this.env = {
      t,
      i32: t.i32,
      u32: new Uint32Array(t.i32.buffer),
      f32: t.f32,
      f64: t.f64,
      i64: t.i64,
      enter: t.native.enter,
      abandon: t.native.abandon,
      asIntN: BigInt.asIntN,
      funcOfRef,
      refOfFunc,
      handleOf,
      valueOf,
      collectHandles,
      noV128,
      toList,
    };
  }

  exportFactory(key: string, type: FuncType): ExportFactory {
    let factory = this.exports.get(key);
    if (!factory)
      this.exports.set(
        key,
        (factory = this.generate(exportSource(type)) ?? interpretExport(this.env, type)),
      );
    return factory as ExportFactory;
  }

  hostFactory(key: string, type: FuncType): HostFactory {
    let factory = this.hosts.get(key);
    if (!factory)
      this.hosts.set(
        key,
        (factory = this.generate(hostSource(type)) ?? interpretHost(this.env, type)),
      );
    return factory as HostFactory;
  }

  /** undefined where the process forbids code from strings (--disallow-code-generation-from-strings). */
  private generate<T>(source: string): T | undefined {
    try {
      return (new Function('env', source) as (env: Env) => T)(this.env);
    } catch (e) {
      if (e instanceof EvalError) return undefined;
      throw e;
    }
  }
}

// The interpreted versions: the same steps from the signature at each call.

function convertValue(env: Env, type: ValType, x: unknown, keeper: Keeper): unknown {
  switch (type) {
    case I32:
      return (x as number) | 0;
    case I64:
      return env.asIntN(64, x as bigint);
    case F32:
    case F64:
      return +(x as number);
    case EXTERNREF:
      return x;
    default:
      return env.refOfFunc(x, keeper);
  }
}

function storeValue(env: Env, type: ValType, slot: number, x: unknown): void {
  const s = SLOT0 + slot;
  if (type === I32) env.i32[2 * s] = x as number;
  else if (type === I64) env.i64[s] = x as bigint;
  else if (type === F32) env.f32[2 * s] = x as number;
  else if (type === F64) env.f64[s] = x as number;
  else if (type === EXTERNREF) {
    env.i32[2 * s] = x === null ? 0 : env.handleOf(x);
    env.i32[2 * s + 1] = x === null ? 0 : EXTERNREF_TAG;
  } else {
    env.u32[2 * s] = (x as number) % TWO32;
    env.u32[2 * s + 1] = (x as number) / TWO32;
  }
}

function loadValue(env: Env, type: ValType, slot: number): unknown {
  const s = SLOT0 + slot;
  if (type === I32) return env.i32[2 * s];
  if (type === I64) return env.i64[s];
  if (type === F32) return env.f32[2 * s];
  if (type === F64) return env.f64[s];
  if (type === EXTERNREF) return env.i32[2 * s + 1] === 0 ? null : env.valueOf(env.i32[2 * s]!);
  return env.funcOfRef(env.u32[2 * s]! + env.u32[2 * s + 1]! * TWO32);
}

function interpretExport(env: Env, { params, results }: FuncType): ExportFactory {
  return (callee, keeper) => {
    const elfinExport = (...args: unknown[]): unknown => {
      if (params.includes(V128) || results.includes(V128)) noV128();
      env.collectHandles();
      const values = params.map((p, i) => convertValue(env, p, args[i], keeper));
      values.forEach((v, i) => storeValue(env, params[i]!, i, v));
      env.t.call(callee, keeper);
      const out = results.map((r, i) => loadValue(env, r, i));
      return results.length > 1 ? out : out[0];
    };
    Object.defineProperty(elfinExport, 'length', { value: params.length, configurable: true });
    return elfinExport;
  };
}

function interpretHost(env: Env, { params, results }: FuncType): HostFactory {
  return (func, keeper) => {
    const elfinHost = (): void => {
      if (params.includes(V128) || results.includes(V128)) noV128();
      const args = params.map((p, i) => loadValue(env, p, i));
      env.collectHandles();
      const r = func(...args);
      const list = results.length > 1 ? toList(r, results.length) : [r];
      const values = results.map((type, i) => convertValue(env, type, list[i], keeper));
      values.forEach((v, i) => storeValue(env, results[i]!, i, v));
    };
    return elfinHost;
  };
}
