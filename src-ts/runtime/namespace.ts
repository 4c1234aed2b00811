/**
 * The WebAssembly namespace object (JavaScript API § 5): constructors, and the functions that compile. Each engine has one;
 * the classes are the same in all, but `Module` compiles with the engine's settings.
 */
import { CompileError, LinkError, RuntimeError } from '../util/errors.ts';
import { Code } from './code.ts';
import { Global } from './global.ts';
import { Instance, instantiate, readImportsOf } from './instance.ts';
import { Memory, refreshGrownMemories } from './memory.ts';
import { compileCode, isModule, makeModule, Module, type ModuleCompiler } from './module.ts';
import { Table } from './table.ts';
import { thread } from './thread.ts';
import { copyBytes, needArguments, toOptionalObject } from './webidl.ts';

/** What the compiler's side gives an engine. */
export interface EngineCompiler extends ModuleCompiler {
  validate(bytes: Uint8Array): boolean;
  compileAsync(bytes: Uint8Array): Promise<Uint8Array>;
}

export interface InstantiatedSource {
  module: Module;
  instance: Instance;
}

/** The shape of `WebAssembly`, with what Elfin adds to `Module`. */
export interface Namespace {
  readonly Module: typeof Module;
  readonly Instance: typeof Instance;
  readonly Memory: typeof Memory;
  readonly Table: typeof Table;
  readonly Global: typeof Global;
  readonly CompileError: typeof CompileError;
  readonly LinkError: typeof LinkError;
  readonly RuntimeError: typeof RuntimeError;
  validate(bytes: unknown): boolean;
  compile(bytes: unknown): Promise<Module>;
  instantiate(
    bytes: ArrayBuffer | ArrayBufferView,
    importObject?: unknown,
  ): Promise<InstantiatedSource>;
  instantiate(module: Module, importObject?: unknown): Promise<Instance>;
}

/** What is there without a compiler. */
export type RuntimeNamespace = Omit<Namespace, 'validate' | 'compile' | 'instantiate'> & {
  instantiate(module: Module, importObject?: unknown): Promise<Instance>;
};

/** The rest of a task: promises of this API settle after the caller has returned. */
function later<T>(run: () => T): Promise<T> {
  return new Promise((resolve, reject) => {
    setImmediate(() => {
      try {
        resolve(run());
      } catch (e) {
        reject(e as Error);
      }
    });
  });
}

async function compileToModule(compiler: EngineCompiler, bytes: Uint8Array): Promise<Module> {
  const object = await compiler.compileAsync(bytes);
  return makeModule(Code.fromBytes(object, compiler.run), { bytes, compiler });
}

async function instantiateModule(module: Module, importObject: unknown): Promise<Instance> {
  const imports = readImportsOf(module, importObject, 'WebAssembly.instantiate()');
  return later(() => instantiate(module, imports));
}

async function instantiateBytes(
  compiler: EngineCompiler,
  source: unknown,
  importObject: unknown,
): Promise<InstantiatedSource> {
  const bytes = copyBytes(source, 'WebAssembly.instantiate(): the first argument');
  toOptionalObject(importObject, 'WebAssembly.instantiate(): the imports');
  const module = await compileToModule(compiler, bytes);
  const instance = instantiate(
    module,
    readImportsOf(module, importObject, 'WebAssembly.instantiate()'),
  );
  return { module, instance };
}

/** Operations of a namespace: enumerable, unlike its classes. */
function operations(compiler: EngineCompiler): object {
  return {
    validate(bytes: unknown): boolean {
      needArguments(arguments.length, 1, 'WebAssembly.validate()');
      return compiler.validate(copyBytes(bytes, 'WebAssembly.validate(): the first argument'));
    },
    async compile(bytes: unknown): Promise<Module> {
      needArguments(arguments.length, 1, 'WebAssembly.compile()');
      return compileToModule(
        compiler,
        copyBytes(bytes, 'WebAssembly.compile(): the first argument'),
      );
    },
    async instantiate(
      source: unknown,
      importObject?: unknown,
    ): Promise<InstantiatedSource | Instance> {
      needArguments(arguments.length, 1, 'WebAssembly.instantiate()');
      return isModule(source)
        ? instantiateModule(source, importObject)
        : instantiateBytes(compiler, source, importObject);
    },
  };
}

function define(namespace: object, classes: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(classes)) {
    Object.defineProperty(namespace, name, {
      value,
      writable: true,
      enumerable: false,
      configurable: true,
    });
  }
  Object.defineProperty(namespace, Symbol.toStringTag, {
    value: 'WebAssembly',
    configurable: true,
  });
}

const CLASSES = { Instance, Memory, Table, Global, CompileError, LinkError, RuntimeError };

/** A namespace whose `Module` compiles with `compiler`. */
export function createNamespace(compiler: EngineCompiler, moduleClass: typeof Module): Namespace {
  const namespace = operations(compiler);
  Object.defineProperty((namespace as Namespace).instantiate, 'length', {
    value: 1,
    configurable: true,
  });
  define(namespace, { Module: moduleClass, ...CLASSES });
  return namespace as Namespace;
}

/** The namespace of `elfin/runtime`: what runs compiled objects. */
export function createRuntimeNamespace(): RuntimeNamespace {
  const namespace = {
    async instantiate(module: unknown, importObject?: unknown): Promise<Instance> {
      if (!isModule(module))
        throw new TypeError(
          'WebAssembly.instantiate(): elfin/runtime has no compiler; the first argument must be a WebAssembly.Module',
        );
      return instantiateModule(module, importObject);
    },
  };
  define(namespace, { Module, ...CLASSES });
  return namespace as unknown as RuntimeNamespace;
}

/** A Module class that compiles with an engine's own settings; its objects are Modules like any other. */
export function moduleClassFor(compiler: EngineCompiler): typeof Module {
  const create = (bytes: unknown): Module => {
    const copy = copyBytes(bytes, 'WebAssembly.Module(): the first argument');
    const code = compileCode(copy, compiler, compiler.explicitChecks);
    return makeModule(code, { bytes: copy, compiler });
  };
  return new Proxy(Module, {
    construct(_, args, newTarget) {
      needArguments(args.length, 1, 'WebAssembly.Module()');
      const module = create(args[0]);
      const prototype: unknown = (newTarget as { prototype?: unknown }).prototype;
      if (prototype !== Module.prototype) Object.setPrototypeOf(module, prototype as object);
      return module;
    },
  });
}

thread().onMemoryGrew = refreshGrownMemories;
