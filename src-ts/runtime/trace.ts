/**
 * From program counters to a Wasm backtrace: which object an address lies in, which function, which byte offset.
 * Frames are printed in the Wasm web specification's form: `name (wasm-function[7]:0x1c3)`.
 */
import { TRAP_STACK_OVERFLOW, TRAP_TEXTS } from '../gen/ir.ts';
import { RuntimeError } from '../util/errors.ts';
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
}

const code = new AddressRanges<CodeMap>();

/** Makes code known to traces. */
export function registerCode(start: number, size: number, map: CodeMap): void {
  code.add(start, size, map);
}

function frameLine(map: CodeMap, { index, wasmOffset }: WasmFrame): string {
  const place = `wasm-function[${index}]${wasmOffset < 0 ? '' : `:0x${wasmOffset.toString(16)}`}`;
  const name = map.functionName(index);
  return name === undefined ? `    at ${place}` : `    at ${name} (${place})`;
}

/** One line per Wasm frame, innermost first. */
function describe(frames: Float64Array): string[] {
  const lines: string[] = [];
  frames.forEach((pc, i) => {
    const found = code.find(pc);
    if (!found) return;
    const map = found.owner;
    for (const frame of map.framesAt(pc - found.start, i > 0)) lines.push(frameLine(map, frame));
  });
  return lines;
}

/**
 * The error of a trap. Stack exhaustion is a RangeError, as the JavaScript API asks (§ Stack Overflow: the same class as
 * JavaScript's own); everything else a RuntimeError. The Wasm frames stand before the JavaScript ones in `stack`.
 */
export function makeTrapError(trap: number, frames: Float64Array): Error {
  const text = TRAP_TEXTS[trap] ?? `trap ${trap}`;
  const error = trap === TRAP_STACK_OVERFLOW ? new RangeError(text) : new RuntimeError(text);
  const wasm = describe(frames);
  if (wasm.length > 0) {
    const lines = (error.stack ?? '')
      .split('\n')
      .filter((l) => !/^\s+at .*(makeTrapError|Thread\.(trap|drive|call))\b/.test(l));
    const stack = [`${error.name}: ${text}`, ...wasm, ...lines.slice(1)].join('\n');
    Object.defineProperty(error, 'stack', { value: stack, writable: true, configurable: true });
  }
  return error;
}
