/**
 * `elfin`: the default export has the shape of the `WebAssembly` namespace, so that code written against it can be handed
 * ours; `Engine` makes such namespaces with settings of their own.
 */
import { compile, compileAsync, validate } from './compiler/index.ts';
import { resolveSettings, type CompileOptions } from './compiler/settings.ts';
import { setDefaultCompiler } from './runtime/module.ts';
import {
  createNamespace,
  moduleClassFor,
  type EngineCompiler,
  type Namespace,
} from './runtime/namespace.ts';
import { Module } from './runtime/module.ts';
import { thread } from './runtime/thread.ts';

export { ObjectError } from './object/error.ts';
export type { Namespace } from './runtime/namespace.ts';
export type { CompileOptions } from './compiler/settings.ts';

/** Compiler of an engine. Code is for this machine: its CPU features are the default. */
function engineCompiler(options: CompileOptions): EngineCompiler {
  const settings = resolveSettings(
    { hostFeatures: thread().cpuFeatures, ...options },
    'elfin.Engine',
  );
  return {
    explicitChecks: settings.explicitChecks,
    run: settings,
    compile: (bytes, explicitChecks) => compile(bytes, { ...settings, explicitChecks }),
    compileAsync: (bytes) => compileAsync(bytes, settings),
    validate: (bytes) => validate(bytes),
  };
}

/** A set of settings and the namespace that compiles with them. */
export class Engine {
  readonly WebAssembly: Namespace;

  /** Throws TypeError for an unknown or ill-typed option. */
  constructor(options: CompileOptions = {}) {
    const compiler = engineCompiler(options);
    this.WebAssembly = createNamespace(compiler, moduleClassFor(compiler));
  }
}

const standard = engineCompiler({});
setDefaultCompiler(standard);

export default createNamespace(standard, Module);
