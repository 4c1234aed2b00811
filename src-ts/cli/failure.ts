/** Errors for people: a message without a stack, and the exit status to end with. */
export class Failure extends Error {
  readonly status: number;
  constructor(message: string, status = 1) {
    super(message);
    this.status = status;
  }
}

function codeOf(error: unknown): string {
  return String((error as { code?: unknown } | null)?.code ?? '');
}

/** Words for the system's usual complaints about a file. */
export function fileFailure(path: string, error: unknown): Failure {
  const words: Record<string, string> = {
    ENOENT: 'no such file',
    EISDIR: 'is a directory',
    EACCES: 'permission denied',
    ENOTDIR: 'not a directory',
  };
  const message = words[codeOf(error)] ?? (error instanceof Error ? error.message : String(error));
  return new Failure(`${path}: ${message}`);
}

/** Name of an error's class, as the standard classes set it. */
export function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : '';
}

/** What to print for anything thrown, and the status to exit with. */
export function explain(error: unknown): { text: string; status: number } {
  if (error instanceof Failure) return { text: `elfin: ${error.message}`, status: error.status };
  if (!(error instanceof Error)) return { text: `elfin: uncaught ${String(error)}`, status: 1 };
  // A trap ends like an abort: 128 + SIGABRT.
  if (error.name === 'RuntimeError' || isStackOverflow(error)) {
    return { text: withBacktrace(error), status: 134 };
  }
  if (['CompileError', 'LinkError', 'ObjectError'].includes(error.name)) {
    return { text: `elfin: ${error.name}: ${error.message}`, status: 1 };
  }
  return { text: `elfin: ${error.stack ?? error.message}`, status: 1 };
}

/** A Wasm frame (of whatever engine), or a source line that belongs to one (runtime/trace.ts). */
const WASM_LINE = /^\s+(?:at .*\bwasm(?:-function\[|:\/\/)|-> )/;

/** The trap whose error is JavaScript's own class. */
function isStackOverflow(error: Error): boolean {
  return error.name === 'RangeError' && WASM_LINE.test((error.stack ?? '').split('\n')[1] ?? '');
}

/** A trap and the Wasm part of its backtrace; the frames of this program itself would only distract. */
function withBacktrace(error: Error): string {
  const frames = (error.stack ?? '').split('\n').filter((line) => WASM_LINE.test(line));
  return [`elfin: ${error.name}: ${error.message}`, ...frames].join('\n');
}
