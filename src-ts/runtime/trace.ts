/**
 * Wasm frames in the `stack` of errors: of traps, and of errors that host functions throw while Wasm frames are on a fiber.
 *
 * The engine's text has, where control went through Wasm, a run of lines of our own glue (see GLUE); the Wasm frames take its
 * place. A frame's line has the Wasm web specification's form, `at name (file:wasm-function[7]:0x1c3)`; where the
 * module carries DWARF, lines `-> name (file:line:column)` follow it, innermost first: inlined functions and the function itself.
 *
 * When an error passes, only program counters are taken. What they stand for is found, and DWARF read, when `stack`
 * is first read.
 */
import { TRAP_STACK_OVERFLOW, TRAP_TEXTS } from '../gen/ir.ts';
import type { SourceFrame } from '../dwarf/index.ts';
import { RuntimeError } from '../util/errors.ts';
import { demangle } from './demangle.ts';
import { AddressRanges } from './ranges.ts';

/** A place in a Wasm function. */
export interface WasmFrame {
  /** Function index in the module, imported ones counted. */
  index: number;
  /** Byte offset in the module of the instruction; -1 where unknown. */
  wasmOffset: number;
}

/** What a trace needs to know of mapped code; implemented by the loaded object. */
export interface CodeMap {
  /**
   * The Wasm frames that one native frame stands for, innermost first: several where the compiler inlined, none in code
   * that comes from no function (trampolines).
   *
   * @param textOffset of the instruction; with `isCall` a return address, which may be the end of its function
   */
  framesAt(textOffset: number, isCall: boolean): WasmFrame[];
  functionName(index: number): string | undefined;
  /** What the module is called in traces. */
  readonly fileName: string | undefined;
  /** The source functions active at a Wasm offset, innermost first; empty where unknown or not wanted. */
  sourceFramesAt(wasmOffset: number): SourceFrame[];
}

const code = new AddressRanges<CodeMap>();

/** Makes code known to traces. */
export function registerCode(start: number, size: number, map: CodeMap): void {
  code.add(start, size, map);
}

/** A native frame in known code. */
interface Place {
  map: CodeMap;
  textOffset: number;
  isCall: boolean;
}

/**
 * Finds the code of program counters at once, because it may be unloaded later.
 * @param trapped the first of them is that of an instruction; all others are return addresses
 */
function placesOf(frames: Float64Array, trapped: boolean): Place[] {
  const places: Place[] = [];
  frames.forEach((pc, i) => {
    const isCall = i > 0 || !trapped;
    // A return address may be the first one behind its code.
    const found = code.find(isCall ? pc - 1 : pc);
    if (found) places.push({ map: found.owner, textOffset: pc - found.start, isCall });
  });
  return places;
}

const MAX_NAME = 500;

/** A name from the guest on one line of bounded length. */
function clean(name: string): string {
  const text = demangle(name).replace(/[\p{Cc}\u2028\u2029]/gu, '\ufffd');
  return text.length > MAX_NAME ? `${text.slice(0, MAX_NAME)}…` : text;
}

function sourceLine({ name, file, line, column }: SourceFrame): string {
  const position = line > 0 ? `:${line}${column > 0 ? `:${column}` : ''}` : '';
  return `        -> ${clean(name ?? '?')} (${clean(file ?? '?')}${position})`;
}

function frameLines(map: CodeMap, { index, wasmOffset }: WasmFrame): string[] {
  const file = map.fileName === undefined ? '' : `${clean(map.fileName)}:`;
  const offset = wasmOffset < 0 ? '' : `:0x${wasmOffset.toString(16)}`;
  const place = `${file}wasm-function[${index}]${offset}`;
  const name = map.functionName(index);
  const line = name === undefined ? `    at ${place}` : `    at ${clean(name)} (${place})`;
  return wasmOffset < 0 ? [line] : [line, ...map.sourceFramesAt(wasmOffset).map(sourceLine)];
}

/** A damaged object or damaged DWARF gives fewer lines. */
function placeLines({ map, textOffset, isCall }: Place): string[] {
  try {
    return map.framesAt(textOffset, isCall).flatMap((frame) => frameLines(map, frame));
  } catch {
    return [];
  }
}

/** What the generated code of callables.ts is called as a script, for its lines in traces. */
export const GLUE_SCRIPT = 'elfin:calls';

/** Lines of functions that run between JavaScript and Wasm: by these names, or in generated code. */
const GLUE =
  /^\s+at (?:.*[ (]elfin:calls:|(?:\w+\.)?elfin(?:Step|Export|Host)\b|Thread\.(?:call|drive|run|trap)\b|makeTrapError\b)/;

/** How many of them a trap is below. */
const GLUE_FRAMES = 6;

/** Puts lines in the place of the first run of glue lines. */
function replaceGlue(stack: string[], lines: string[]): string[] {
  const start = stack.findIndex((line) => GLUE.test(line));
  if (start < 0) return stack;
  let end = start;
  while (end < stack.length && GLUE.test(stack[end]!)) end++;
  return [...stack.slice(0, start), ...lines, ...stack.slice(end)];
}

/** What an error's `stack` will be made of: the engine's text, and the Wasm frames of each passage, innermost first. */
interface Pending {
  stack: string;
  passages: Place[][];
}

const pending = new WeakMap<object, Pending>();

function complete({ stack, passages }: Pending): string {
  let lines = stack.split('\n');
  for (const places of passages) lines = replaceGlue(lines, places.flatMap(placeLines));
  return lines.join('\n');
}

function setStack(error: object, value: unknown): void {
  pending.delete(error);
  Object.defineProperty(error, 'stack', { value, writable: true, configurable: true });
}

/** Replaces `stack` by an accessor that makes the text when it is asked for. */
function deferStack(error: object, stack: string, places: Place[]): void {
  const data: Pending = { stack, passages: [places] };
  pending.set(error, data);
  Object.defineProperty(error, 'stack', {
    get(): string {
      const text = complete(data);
      if (pending.has(error)) setStack(error, text);
      return text;
    },
    set(value: unknown) {
      setStack(error, value);
    },
    configurable: true,
    enumerable: false,
  });
}

/**
 * Adds Wasm frames to an error that is on its way through them. Whatever is thrown that is no error with a stack trace
 * stays as it is.
 *
 * @param frames program counters of the fiber, innermost first
 */
export function addWasmFrames(error: unknown, frames: Float64Array, trapped: boolean): void {
  if (typeof error !== 'object' || error === null) return;
  const places = placesOf(frames, trapped);
  const known = pending.get(error);
  if (known) {
    known.passages.push(places);
    return;
  }
  const own = Object.getOwnPropertyDescriptor(error, 'stack');
  if (!own?.configurable) return;
  const stack: unknown = own.get ? own.get.call(error) : own.value;
  if (typeof stack === 'string' && stack.split('\n').some((line) => GLUE.test(line)))
    deferStack(error, stack, places);
}

/**
 * The error of a trap. Stack exhaustion is a RangeError, as the JavaScript API asks (§ Stack Overflow: the same class as
 * JavaScript's own); everything else a RuntimeError.
 */
export function makeTrapError(trap: number, frames: Float64Array): Error {
  const text = TRAP_TEXTS[trap] ?? `trap ${trap}`;
  // The glue's own frames are not to take the place of the program's.
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = limit + GLUE_FRAMES;
  const error = trap === TRAP_STACK_OVERFLOW ? new RangeError(text) : new RuntimeError(text);
  Error.stackTraceLimit = limit;
  addWasmFrames(error, frames, true);
  return error;
}
