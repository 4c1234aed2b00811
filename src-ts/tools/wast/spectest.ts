/** The host module `spectest` that the official scripts import from (spec repository, interpreter/host/spectest.ml). */
import type { WasmNamespace } from './wasm.ts';

/** A fresh set of its exports. Printing functions print nothing. */
export function spectest(wasm: WasmNamespace): Record<string, unknown> {
  const global = (value: string, v: unknown): object =>
    new wasm.Global({ value, mutable: false }, v);
  const print = (): void => {};
  return {
    print,
    print_i32: print,
    print_i64: print,
    print_f32: print,
    print_f64: print,
    print_i32_f32: print,
    print_f64_f64: print,
    global_i32: global('i32', 666),
    global_i64: global('i64', 666n),
    global_f32: global('f32', 666.6),
    global_f64: global('f64', 666.6),
    table: new wasm.Table({ initial: 10, maximum: 20, element: 'anyfunc' }),
    memory: new wasm.Memory({ initial: 1, maximum: 2 }),
  };
}
