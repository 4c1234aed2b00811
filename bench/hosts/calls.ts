/** Call costs: an export `add(i32, i32)` called from JavaScript, and a loop that calls an imported function of that type. */
import { now } from './guest.ts';
import type { Answer } from '../protocol.ts';

/*
 * (module
 *   (import "h" "f" (func $f (param i32 i32) (result i32)))
 *   (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
 *   (func (export "loop") (param i32) (result i32) (local i32)
 *     (loop $l
 *       (local.set 1 (call $f (local.get 1) (local.get 0)))
 *       (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
 *     (local.get 1)))
 */
export const CALLS_MODULE = Uint8Array.from(
  Buffer.from(
    '0061736d01000000010c0260027f7f017f60017f017f0207010168016600000303020001070e0203' +
      '6164640001046c6f6f7000020a24020700200020016a0b1a01017f03402001200010002101200041' +
      '016b22000d000b20010b',
    'hex',
  ),
);

interface Exports {
  add(a: number, b: number): number;
  loop(n: number): number;
}

const CALLS = 2_000_000;
const REPEATS = 7;

function fastest(body: () => void): number {
  let best = Infinity;
  for (let i = 0; i < REPEATS; i++) {
    const begin = now();
    body();
    best = Math.min(best, now() - begin);
  }
  return (best * 1e6) / CALLS;
}

/** `instantiate` is given the import object and answers the exports. Throws when a result is wrong. */
export function measureCalls(instantiate: (imports: Record<string, object>) => object): Answer {
  const exports = instantiate({ h: { f: (a: number, b: number) => (a + b) | 0 } }) as Exports;
  const { add, loop } = exports;
  let sum = 0;
  const jsToWasmNs = fastest(() => {
    for (let i = 0; i < CALLS; i++) sum = add(sum, i);
  });
  let total = 0;
  const wasmToJsNs = fastest(() => {
    total = loop(CALLS);
  });
  let want = 0;
  for (let i = CALLS; i > 0; i--) want = (want + i) | 0;
  if (total !== want) throw new Error(`the loop answered ${total}, not ${want}`);
  if (add(2, 3) !== 5 || !Number.isInteger(sum)) throw new Error('add is wrong');
  return { jsToWasmNs, wasmToJsNs };
}
