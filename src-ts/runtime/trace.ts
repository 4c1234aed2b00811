/**
 * From program counters to a Wasm backtrace: which object an address lies in, which function, which byte offset.
 * Frames are printed in the Wasm web specification's form: `name (wasm-function[7]:0x1c3)`.
 */
import { TRAP_STACK_OVERFLOW, TRAP_TEXTS } from '../gen/ir.ts';
import { RuntimeError } from '../util/errors.ts';
import { AddressRanges } from './ranges.ts';

/** What a trace needs to know of mapped code; implemented by the loaded object. */
export interface CodeMap {
  /** Function index at a text offset, or -1 (trampolines). */
  functionAt(textOffset: number): number;
  functionName(index: number): string | undefined;
  /** Wasm byte offset of the trap site or call that ends at a text offset; -1 where unknown. */
  wasmOffset(textOffset: number, isCall: boolean): number;
}

const code = new AddressRanges<CodeMap>();

/** Makes code known to traces. */
export function registerCode(start: number, size: number, map: CodeMap): void {
  code.add(start, size, map);
}

/** One line per Wasm frame, innermost first. */
function describe(frames: Float64Array): string[] {
  const lines: string[] = [];
  frames.forEach((pc, i) => {
    const found = code.find(pc);
    if (!found) return;
    const map = found.owner;
    const offset = pc - found.start;
    const index = map.functionAt(i === 0 ? offset : offset - 1);
    if (index < 0) return;
    const at = map.wasmOffset(offset, i > 0);
    const place = `wasm-function[${index}]${at < 0 ? '' : `:0x${at.toString(16)}`}`;
    const name = map.functionName(index);
    lines.push(name === undefined ? `    at ${place}` : `    at ${name} (${place})`);
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
