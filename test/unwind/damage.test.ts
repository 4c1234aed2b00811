/** Objects whose unwind tables or address map are damaged, with a checksum that is right: refused, or a poorer trace. */
import { expect, test } from 'vitest';
import { compile } from '../../src-ts/compiler/index.ts';
import elfin from '../../src-ts/index.ts';
import { checksum, readObject } from '../../src-ts/object/index.ts';
import { parseText } from '../../src-ts/tools/wat.ts';

const TEXT = `(module
  (func $inner (param i32) (result i32) (if (local.get 0) (then (unreachable))) (i32.const 1))
  (func (export "f") (param i32) (result i32) (i32.add (call $inner (local.get 0)) (i32.const 1))))`;

/** The trace's lines, or what refused the object. */
function outcome(bytes: Uint8Array): string {
  let f: (x: number) => unknown;
  try {
    const module = elfin.Module.deserialize(bytes);
    f = new elfin.Instance(module).exports['f'] as typeof f;
  } catch (error) {
    return `refused: ${(error as Error).message}`;
  }
  try {
    f(1);
  } catch (error) {
    expect(error).toBeInstanceOf(elfin.RuntimeError);
    return (error as Error).stack ?? '';
  }
  return 'no trap';
}

test('any byte of .eh_frame and .elfin.addrmap', async () => {
  const good = compile(await parseText(TEXT), { cpu: 'baseline', optLevel: 0 });
  expect(outcome(good)).toMatch(
    /RuntimeError: unreachable\n +at inner .*\n +at .*wasm-function\[1\]/,
  );
  const { ehFrameOffset, ehFrameSize, trapsOffset } = readObject(good, checksum).layout;
  // The address map follows the traps.
  const traps = new DataView(good.buffer).getUint32(trapsOffset, true);
  const map = trapsOffset + 4 + 8 * traps + Math.ceil(traps / 4) * 4;
  const places = [
    ...Array.from({ length: ehFrameSize }, (_, i) => ehFrameOffset + i),
    ...Array.from({ length: 24 }, (_, i) => map + i),
  ];
  let refused = 0;
  for (const at of places) {
    for (const bit of [0, 3, 7]) {
      const bytes = good.slice();
      bytes[at]! ^= 1 << bit;
      new DataView(bytes.buffer).setUint32(
        bytes.length - 4,
        checksum(bytes, 0, bytes.length - 4),
        true,
      );
      const what = outcome(bytes);
      if (what.startsWith('refused')) refused++;
      else expect(what).toContain('RuntimeError: unreachable');
    }
  }
  expect(refused).toBeGreaterThan(20);
});
