/**
 * Names of functions as their language writes them: Itanium C++, Rust (legacy and v0). By gecko-profiler-demangle, which is
 * cpp_demangle and rustc-demangle as a Wasm module, loaded when the first such name is met.
 *
 * Names come from the guest. A few hundred bytes can stand for gigabytes (substitutions of substitutions), so the module
 * gets little memory: such a name traps there, within tens of milliseconds, and stays as it is.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Reader } from '../util/leb128.ts';

const PACKAGE = 'gecko-profiler-demangle/index_bg.wasm';

/** Memory beyond what the module begins with, in pages of 64 KiB. */
const MORE_PAGES = 16;

/** Longer names are not looked at. */
const MAX_NAME = 4096;

/** After so many names that were too much, no more are demangled: each costs time. */
const MAX_REFUSED = 8;

/** Results kept; then all are forgotten. */
const MAX_KEPT = 2000;

/** The functions that wasm-bindgen's glue of this version of the package calls, and how. */
interface Demangler {
  memory: { buffer: ArrayBuffer };
  __wbindgen_start(): void;
  __wbindgen_malloc(bytes: number, align: number): number;
  __wbindgen_free(at: number, bytes: number, align: number): void;
  /** Returns address and length of the result. */
  demangle_any(at: number, bytes: number): [number, number];
}

interface WasmEngine {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object, imports: object) => { exports: unknown };
}

/** Node's own, also where a program puts Elfin in its place later. */
const engine = (globalThis as unknown as { WebAssembly: WasmEngine }).WebAssembly;

const SECTION_MEMORY = 5;

/** A module with one memory without a maximum, given one. */
function limitMemory(bytes: Uint8Array): Uint8Array {
  const r = new Reader(bytes);
  r.pos = 8;
  while (r.pos < bytes.length) {
    const start = r.pos;
    const id = r.u8();
    const size = r.u32();
    const end = r.pos + size;
    if (id === SECTION_MEMORY) {
      const contents = [1, 1]; // one memory, which has a maximum
      r.pos += 2;
      const min = r.u32();
      for (const n of [min, min + MORE_PAGES]) contents.push((n & 0x7f) | 0x80, n >> 7);
      const head = [id, contents.length];
      const parts = [bytes.subarray(0, start), head, contents, bytes.subarray(end)];
      return Buffer.concat(parts.map((part) => Buffer.from(part)));
    }
    r.pos = end;
  }
  return bytes;
}

let module: object | undefined;
let instance: Demangler | undefined;
let refused = 0;
const kept = new Map<string, string>();

function load(): Demangler {
  module ??= new engine.Module(
    limitMemory(readFileSync(createRequire(import.meta.url).resolve(PACKAGE))),
  );
  const imports = { './index_bg.js': { __wbindgen_init_externref_table() {} } };
  const demangler = new engine.Instance(module, imports).exports as Demangler;
  demangler.__wbindgen_start();
  return demangler;
}

function run(name: string): string {
  const d = (instance ??= load());
  const input = Buffer.from(name);
  const at = d.__wbindgen_malloc(input.length, 1) >>> 0;
  new Uint8Array(d.memory.buffer).set(input, at);
  const [result, length] = d.demangle_any(at, input.length);
  const text = Buffer.from(d.memory.buffer, result >>> 0, length).toString();
  d.__wbindgen_free(result, length, 1);
  return text;
}

/** A function's name as its language writes it; as it is if it is not mangled, or cannot be demangled. */
export function demangle(name: string): string {
  if (!/^_[ZR]/.test(name) || name.length > MAX_NAME || refused >= MAX_REFUSED) return name;
  let text = kept.get(name);
  if (text !== undefined) return text;
  try {
    text = run(name);
    // What it does not know comes back without the underscore.
    if (text === name.slice(1)) text = name;
  } catch {
    // Out of memory, or the package is not there. A module that has trapped is not used again.
    instance = undefined;
    refused++;
    text = name;
  }
  if (kept.size >= MAX_KEPT) kept.clear();
  kept.set(name, text);
  return text;
}
