/**
 * Exact floats across the JavaScript API. JavaScript numbers lose NaN payloads, so a function with float
 * parameters or results is called through a small module of its own that imports it and passes all floats as
 * integers of the same bits. Linking is between modules: no float crosses into JavaScript. Works on any engine.
 */
import { F32, F64, I32, I64, type Signature } from './binary.ts';
import type { WasmNamespace } from './wasm.ts';

const REINTERPRET: ReadonlyMap<number, readonly [toFloat: number, toInt: number, int: number]> =
  new Map([
    [F32, [0xbe, 0xbc, I32]],
    [F64, [0xbf, 0xbd, I64]],
  ]);

/** The integer type that carries a float's bits; other types stay. */
function carrier(type: number): number {
  return REINTERPRET.get(type)?.[2] ?? type;
}

export function hasFloats(sig: Signature): boolean {
  return [...sig.params, ...sig.results].some((type) => REINTERPRET.has(type));
}

function leb(n: number): number[] {
  const out: number[] = [];
  let rest = n;
  do {
    out.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
    rest >>>= 7;
  } while (rest > 0);
  return out;
}

function vector(items: readonly (readonly number[])[]): number[] {
  return [...leb(items.length), ...items.flat()];
}

function section(id: number, body: readonly number[]): number[] {
  return [id, ...leb(body.length), ...body];
}

function functionType(params: readonly number[], results: readonly number[]): number[] {
  return [0x60, ...vector(params.map((t) => [t])), ...vector(results.map((t) => [t]))];
}

const HEADER = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
const NAME_F = [1, 0x66];

/** Instructions that turn the results on the stack into their bits; several go through locals. */
function convertResults(sig: Signature): number[] {
  const toInt = (type: number): number[] => {
    const row = REINTERPRET.get(type);
    return row === undefined ? [] : [row[1]];
  };
  if (sig.results.length === 1) return toInt(sig.results[0] as number);
  const first = sig.params.length;
  const code: number[] = [];
  for (let i = sig.results.length - 1; i >= 0; i--) code.push(0x21, ...leb(first + i));
  sig.results.forEach((type, i) => code.push(0x20, ...leb(first + i), ...toInt(type)));
  return code;
}

/** (import "f" "f" (func sig)) (func (export "f") …) with every float replaced by its bits. */
function functionWrapper(sig: Signature): Uint8Array {
  const locals = sig.results.length === 1 ? [] : sig.results.map((type) => [1, type]);
  const code = [...vector(locals)];
  sig.params.forEach((type, i) => {
    const row = REINTERPRET.get(type);
    code.push(0x20, ...leb(i), ...(row === undefined ? [] : [row[0]]));
  });
  code.push(0x10, 0, ...convertResults(sig), 0x0b);
  const outer = functionType(sig.params.map(carrier), sig.results.map(carrier));
  return Uint8Array.from([
    ...HEADER,
    ...section(1, vector([functionType(sig.params, sig.results), outer])),
    ...section(2, vector([[...NAME_F, ...NAME_F, 0, 0]])),
    ...section(3, vector([[1]])),
    ...section(7, vector([[...NAME_F, 0, 1]])),
    ...section(10, vector([[...leb(code.length), ...code]])),
  ]);
}

/** (import "f" "f" (global …)) (func (export "f") …) that returns the bits of a float global. */
function globalWrapper(type: number, mutable: number): Uint8Array {
  const toInt = (REINTERPRET.get(type) as readonly number[])[1] as number;
  const code = [0, 0x23, 0, toInt, 0x0b];
  return Uint8Array.from([
    ...HEADER,
    ...section(1, vector([functionType([], [carrier(type)])])),
    ...section(2, vector([[...NAME_F, ...NAME_F, 3, type, mutable]])),
    ...section(3, vector([[0]])),
    ...section(7, vector([[...NAME_F, 0, 0]])),
    ...section(10, vector([[...leb(code.length), ...code]])),
  ]);
}

/** Compiles wrappers for one engine, one module per signature. */
export class ExactCalls {
  readonly #wasm: WasmNamespace;
  readonly #modules = new Map<string, object>();

  constructor(wasm: WasmNamespace) {
    this.#wasm = wasm;
  }

  #wrap(key: string, bytes: () => Uint8Array, target: unknown): (...args: unknown[]) => unknown {
    let module = this.#modules.get(key);
    if (module === undefined) {
      module = new this.#wasm.Module(bytes());
      this.#modules.set(key, module);
    }
    const instance = new this.#wasm.Instance(module, { f: { f: target } });
    return instance.exports['f'] as (...args: unknown[]) => unknown;
  }

  /** `target` with floats as integers: i32 for f32, i64 (bigint) for f64. */
  func(target: unknown, sig: Signature): (...args: unknown[]) => unknown {
    return this.#wrap(`${sig.params}:${sig.results}`, () => functionWrapper(sig), target);
  }

  /** A function that returns the bits of the float global `target`. */
  global(target: unknown, type: number, mutable: number): () => unknown {
    return this.#wrap(`${type}/${mutable}`, () => globalWrapper(type, mutable), target);
  }
}
