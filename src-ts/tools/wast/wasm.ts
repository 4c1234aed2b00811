/**
 * The part of the `WebAssembly` namespace that scripts need. Node's own and Elfin's have this shape; a caller
 * casts (`WebAssembly as unknown as WasmNamespace`), since TypeScript's own declarations take narrower arguments.
 */
type ErrorClass = new (message?: string) => Error;

export interface WasmNamespace {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (
    module: object,
    imports: object,
  ) => { readonly exports: Readonly<Record<string, unknown>> };
  readonly Global: new (type: object, value?: unknown) => { value: unknown };
  readonly Memory: new (type: object) => object;
  readonly Table: new (type: object) => object;
  readonly CompileError: ErrorClass;
  readonly LinkError: ErrorClass;
  readonly RuntimeError: ErrorClass;
}
