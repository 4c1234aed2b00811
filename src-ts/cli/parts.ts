/**
 * What the commands need of the rest of Elfin, each part loaded only when asked for: running an object must not
 * load the compiler. Tests put stand-ins here.
 */
import type { WasmNamespace } from '../tools/wast/wasm.ts';
import type { CompileFlags } from './options.ts';

/** What describes a module's imports; both namespaces' `Module` has it. */
interface Descriptions {
  imports(module: object): { module: string; name: string; kind: string }[];
}

/** Elfin's runtime: the `WebAssembly` namespace with loading of objects in place of compilation. */
export interface Runtime {
  readonly Module: Descriptions & {
    /** Maps the object in the file `path`. */
    deserializeFile(path: string): object;
  };
  readonly Instance: WasmNamespace['Instance'];
}

/** The namespace with a compiler. */
export type Engine = WasmNamespace & {
  readonly Module: Descriptions;
  compile(bytes: Uint8Array): Promise<object>;
};

/** Called with the number of functions compiled so far and the number of all. */
export type OnProgress = (done: number, total: number) => void;

export interface Parts {
  runtime(): Promise<Runtime>;
  /** The `WebAssembly`-shaped namespace whose modules are compiled with `flags`. */
  engine(flags: CompileFlags): Promise<Engine>;
  /** Says what traces call the file of a module. */
  nameModule(module: object, fileName: string): Promise<void>;
  /** Module bytes to object bytes. */
  compile(bytes: Uint8Array, flags: CompileFlags, onProgress?: OnProgress): Promise<Uint8Array>;
}
