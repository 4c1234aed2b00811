/** What the tests of the JavaScript API share. */
// The package's own entry is asynchronous; tests read better without.
import {
  $init,
  tools,
} from '../../node_modules/@bytecodealliance/jco-transpile/vendor/wasm-tools.js';
import elfin from '../../src-ts/index.ts';

await $init;

export const W = elfin;

/** A module from its text. */
export function wat(text: string): Uint8Array {
  return tools.parse(text);
}

type Func = (...args: unknown[]) => unknown;

/** Exports of an instance of the module in `text`; functions are callable without casts. */
export function run(
  text: string,
  imports?: object,
): Record<string, Func & { value: unknown; buffer: ArrayBuffer; length: number }> {
  return new W.Instance(new W.Module(wat(text)), imports).exports as never;
}
