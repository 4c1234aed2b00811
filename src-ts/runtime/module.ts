/**
 * WebAssembly.Module (JavaScript API § 5.1). A module is compiled code; one made from Wasm bytes keeps them, so that the
 * explicit-check variant can be compiled when there is no address space for guard-page memories.
 */
import type { ImportDesc, ModuleDescription } from '../object/records.ts';
import { LinkError } from '../util/errors.ts';
import { Code } from './code.ts';
import type { RunSettings } from './tools.ts';
import { copyBytes, defineInterface, needArguments } from './webidl.ts';

/** Turns Wasm bytes into an object; `explicitChecks` overrides the engine's own setting. Throws CompileError. */
export type CompileFunction = (bytes: Uint8Array, explicitChecks: boolean) => Uint8Array;

export interface ModuleCompiler {
  compile: CompileFunction;
  /** Whether modules are compiled with explicit checks in the first place. */
  explicitChecks: boolean;
  /** How its modules run; by the environment when not given. */
  run?: RunSettings;
}

let defaultCompiler: ModuleCompiler | undefined;

/** What `new Module(bytes)` compiles with; unset in `elfin/runtime`, which has no compiler. */
export function setDefaultCompiler(compiler: ModuleCompiler): void {
  defaultCompiler = compiler;
}

/** Compiles Wasm. Throws CompileError. */
export function compileCode(
  bytes: Uint8Array,
  compiler: ModuleCompiler,
  explicitChecks: boolean,
): Code {
  return Code.fromBytes(compiler.compile(bytes, explicitChecks), compiler.run);
}

const SECRET = Symbol('module');

interface Source {
  bytes: Uint8Array;
  compiler: ModuleCompiler;
}

// Access to private state for the rest of this room, set in the class's static block.
export let isModule: (value: unknown) => value is Module;
/** A Module of compiled code, and the Wasm it came from where known. */
export let makeModule: (code: Code, source: Source | undefined) => Module;
let moduleCode: (module: Module) => Code;
let explicitCode: (module: Module) => Code | undefined;

export class Module {
  #code: Code;
  #explicit: Code | undefined;
  #source: Source | undefined;

  constructor(bytes: unknown, ...internal: unknown[]) {
    if (bytes === SECRET) {
      this.#code = internal[0] as Code;
      this.#source = internal[1] as Source | undefined;
      return;
    }
    needArguments(arguments.length, 1, 'WebAssembly.Module()');
    const copy = copyBytes(bytes, 'WebAssembly.Module(): the first argument');
    if (!defaultCompiler)
      throw new TypeError(
        'WebAssembly.Module(): elfin/runtime has no compiler; use Module.deserialize',
      );
    this.#source = { bytes: copy, compiler: defaultCompiler };
    this.#code = compileCode(copy, defaultCompiler, defaultCompiler.explicitChecks);
  }

  static {
    isModule = (value): value is Module =>
      typeof value === 'object' && value !== null && #code in value;
    makeModule = (code, source) => new Module(SECRET, code, source);
    moduleCode = (module) => module.#code;
    explicitCode = (module) => {
      if (module.#code.explicitChecks) return module.#code;
      if (!module.#explicit && module.#source) {
        const { bytes, compiler } = module.#source;
        module.#explicit = compileCode(bytes, compiler, true);
        module.#explicit.wasmFile = module.#code.wasmFile;
      }
      return module.#explicit;
    };
  }

  static exports(module: unknown): { name: string; kind: string }[] {
    needArguments(arguments.length, 1, 'WebAssembly.Module.exports()');
    return describe(module, 'exports').exports.map(({ name, kind }) => ({ name, kind }));
  }

  static imports(module: unknown): { module: string; name: string; kind: string }[] {
    needArguments(arguments.length, 1, 'WebAssembly.Module.imports()');
    return describe(module, 'imports').imports.map(({ module: from, name, kind }: ImportDesc) => ({
      module: from,
      name,
      kind,
    }));
  }

  static customSections(module: unknown, sectionName: unknown): ArrayBuffer[] {
    needArguments(arguments.length, 2, 'WebAssembly.Module.customSections()');
    const { custom } = describe(module, 'customSections');
    const wanted = `${sectionName as string}`;
    const { object } = moduleCode(module as Module);
    const sections: ArrayBuffer[] = [];
    custom.forEach(({ name }, i) => {
      if (name === wanted) sections.push(object.customBytes(i).buffer as ArrayBuffer);
    });
    return sections;
  }

  /**
   * Says what file a module was compiled from: traces show it with each frame. Not part of the standard API; there, the
   * name comes with the response that is compiled.
   */
  static setFileName(module: unknown, fileName: unknown): void {
    describe(module, 'setFileName');
    moduleCode(module as Module).wasmFile = `${fileName as string}`;
  }

  /** The compiled object's bytes: a copy, an ELF file to keep. Not part of the standard API. */
  static serialize(module: unknown): Uint8Array {
    describe(module, 'serialize');
    return moduleCode(module as Module).bytes.slice();
  }

  /**
   * A module from a compiled object's bytes, without compiling. The object is trusted like a native library.
   * Throws ObjectError when it is damaged, of another version, or not for this machine.
   */
  static deserialize(bytes: unknown): Module {
    return makeModule(
      Code.fromBytes(copyBytes(bytes, 'WebAssembly.Module.deserialize(): the first argument')),
      undefined,
    );
  }

  /** As {@link deserialize}, mapping the file. */
  static deserializeFile(path: string): Module {
    return makeModule(Code.fromFile(path), undefined);
  }
}

defineInterface(Module, 'WebAssembly.Module');

function describe(module: unknown, operation: string): ModuleDescription {
  if (!isModule(module))
    throw new TypeError(
      `WebAssembly.Module.${operation}(): the first argument must be a WebAssembly.Module`,
    );
  return moduleCode(module).module;
}

/**
 * The code of a module; with `explicit`, the variant that checks bounds itself, for memories without guard pages.
 * Throws LinkError when there is no such variant and no Wasm to compile it from.
 */
export function codeOf(module: Module, explicit: boolean): Code {
  if (!explicit) return moduleCode(module);
  const code = explicitCode(module);
  if (code) return code;
  throw new LinkError(
    'the object was compiled for guard-page memories and there is no address space for one; compile it with explicit checks',
  );
}
