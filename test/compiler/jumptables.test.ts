/** Entries of jump tables: 16 bits while every target is in their reach, else 32. */
import { expect, test } from 'vitest';
import { compile } from '../../src-ts/compiler/index.ts';
import { checksum, readObject } from '../../src-ts/object/index.ts';
import Runtime from '../../src-ts/runtime/index.ts';
import { parseText } from '../../src-ts/tools/wat.ts';

type Target = 'x86_64-linux' | 'aarch64-linux';

/** A switch over six cases, `filler` bytes or so before the last of them. */
function text(filler: number): string {
  const stores = '(i32.store8 (local.get 0) (local.get 0))'.repeat(filler);
  return `(module (memory 1)
    (func (export "f") (param i32) (result i32)
      (block $a (block $b (block $c
        (br_table $a $b $c $a $b $c $a (local.get 0)))
        (return (i32.const 30)))
        ${stores}
        (return (i32.add (local.get 0) (i32.const 20))))
      (i32.const 10)))`;
}

async function build(filler: number, target: Target): Promise<Uint8Array> {
  return compile(await parseText(text(filler)), { target, cpu: 'baseline', optLevel: 0 });
}

function code(object: Uint8Array): Buffer {
  const { layout, functions } = readObject(object, checksum);
  const start = layout.textOffset + functions.offsets[0]!;
  return Buffer.from(object.subarray(start, start + functions.sizes[0]!));
}

/** Whether the one jump table has entries of 32 bits, by the load of them. */
const WIDE: Record<Target, (code: Buffer) => boolean> = {
  'x86_64-linux': (b) => /\x3e[\x48-\x4f]\x63/.test(b.toString('latin1', 0, 64)),
  'aarch64-linux': (b) => {
    const words = Array.from({ length: 16 }, (_, i) => b.readUInt32LE(4 * i));
    return words.some((w) => (w & 0xffe00c00) >>> 0 === 0xb8a00800);
  },
};

test.each(['x86_64-linux', 'aarch64-linux'] as const)('%s', async (target) => {
  const unit =
    (code(await build(200, target)).length - code(await build(100, target)).length) / 100;
  const middle = Math.floor(0x8000 / unit);
  const wide: boolean[] = [];
  for (let n = middle - 40; n <= middle + 4; n += 2) {
    const object = await build(n, target);
    wide.push(WIDE[target](code(object)));
    if (
      process.platform !== 'linux' ||
      !target.startsWith(process.arch === 'x64' ? 'x86' : 'aarch')
    )
      continue;
    const { f } = new Runtime.Instance(Runtime.Module.deserialize(object)).exports as {
      f: (n: number) => number;
    };
    expect([0, 1, 2, 3, 4, 5, 6, 7, -1].map((k) => f(k))).toEqual([
      10, 21, 30, 10, 24, 30, 10, 10, 10,
    ]);
  }
  // Narrow ones first, wide ones from some size on.
  expect(wide.indexOf(true)).toBeGreaterThan(0);
  expect(wide.lastIndexOf(false)).toBe(wide.indexOf(true) - 1);
});
