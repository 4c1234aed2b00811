/**
 * Error classes of the WebAssembly JavaScript API (§ Error Objects): built like the language's own NativeErrors
 * (callable without `new`, ECMA-262 § 20.5.6), and our own, so that a guest's error is told apart from one of Node's engine.
 */
export interface WasmErrorConstructor {
  new (message?: string, options?: ErrorOptions): Error;
  (message?: string, options?: ErrorOptions): Error;
  readonly prototype: Error;
}

export interface CompileErrorConstructor {
  /** `offset`: byte offset in the module at which it was refused. */
  new (message?: string, offset?: number | ErrorOptions): CompileError;
  (message?: string, offset?: number | ErrorOptions): CompileError;
  readonly prototype: CompileError;
}

/** Instances made by Elfin carry the byte offset at which the module was refused. */
export interface CompileError extends Error {
  readonly offset?: number;
}

function defineError(name: string): unknown {
  const constructor = {
    [name]: function (this: unknown, message?: string): Error {
      const second: unknown = arguments[1];
      const offset = typeof second === 'number' ? second : -1;
      const text = offset < 0 ? message : `${message} @+${offset}`;
      const args =
        offset < 0 && second !== undefined ? [text, second] : text === undefined ? [] : [text];
      const error = Reflect.construct(Error, args, new.target ?? constructor) as Error;
      if (offset >= 0)
        Object.defineProperty(error, 'offset', { value: offset, configurable: true });
      return error;
    },
  }[name]!;
  Object.setPrototypeOf(constructor, Error);
  const hidden = { writable: true, enumerable: false, configurable: true };
  const prototype = Object.create(Error.prototype, {
    constructor: { value: constructor, ...hidden },
    name: { value: name, ...hidden },
    message: { value: '', ...hidden },
  }) as Error;
  Object.defineProperty(constructor, 'prototype', {
    value: prototype,
    writable: false,
    enumerable: false,
    configurable: false,
  });
  return constructor;
}

export const CompileError = defineError('CompileError') as CompileErrorConstructor;
export const LinkError = defineError('LinkError') as WasmErrorConstructor;
export const RuntimeError = defineError('RuntimeError') as WasmErrorConstructor;
