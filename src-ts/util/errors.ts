/**
 * Error classes of the WebAssembly JavaScript API (§ "Error Objects"). They are our own classes with the
 * standard names, so that a guest error is told apart from one of Node's own engine.
 */
export class CompileError extends Error {
  /** Byte offset in the module at which it was refused; -1 where no single byte is to blame. */
  readonly offset: number;
  constructor(message?: string, offset = -1) {
    super(offset < 0 ? message : `${message} @+${offset}`);
    this.offset = offset;
  }
}

export class LinkError extends Error {}

export class RuntimeError extends Error {}

for (const [cls, name] of [
  [CompileError, 'CompileError'],
  [LinkError, 'LinkError'],
  [RuntimeError, 'RuntimeError'],
] as const) {
  Object.defineProperty(cls.prototype, 'name', { value: name, writable: true, configurable: true });
}
