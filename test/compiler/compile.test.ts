/** Whole modules to objects: determinism, errors, and what settings do. Running the code is tested elsewhere. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  compile,
  compileAsync,
  validate,
  type CompileOptions,
} from '../../src-ts/compiler/index.ts';
import { checksum, readObject } from '../../src-ts/object/index.ts';
import { parseWat } from '../../src-ts/tools/wast/wat.ts';
import { CompileError } from '../../src-ts/util/errors.ts';
import { bundleWorker } from './build-worker.ts';

/** Functions of many sizes that call each other, some exported. */
function sampleText(): string {
  const functions = Array.from({ length: 40 }, (_, i) => {
    const body = Array.from(
      { length: 1 + ((i * 7) % 12) },
      (_, k) => `(local.set 0 (i32.add (i32.mul (local.get 0) (i32.const ${8 * k}))
        (i32.load offset=${k} (local.get 0))))
        (if (i32.lt_s (local.get 0) (i32.const ${i - k})) (then (return (local.get 0))))`,
    );
    const name = i % 5 === 0 ? `(export "f${i}")` : '';
    return `(func $f${i} ${name} (param i32) (result i32) ${body.join('')}
      (call $f${(i + 11) % 40} (i32.and (local.get 0) (i32.const -1))))`;
  });
  return `(module (import "env" "g" (func (param f32) (result i64))) (memory 1) ${functions.join('')})`;
}

let sample: Uint8Array;
const open = (bytes: Uint8Array) => readObject(bytes, checksum);

let removeWorker = () => {};
beforeAll(async () => {
  sample = await parseWat(sampleText());
  removeWorker = await bundleWorker();
});
afterAll(() => removeWorker());

describe('compile', () => {
  test('levels are recorded and make different code', () => {
    const texts = ([0, 1, 2, 's'] as const).map((optLevel) => {
      const object = open(compile(sample, { optLevel }));
      expect(object.engine.settings.optLevel).toBe(String(optLevel));
      expect(object.layout.textSize).toBeGreaterThan(500);
      const { textOffset, textSize } = object.layout;
      return Buffer.from(object.bytes.subarray(textOffset, textOffset + textSize));
    });
    expect(texts[0]!.equals(texts[2]!)).toBe(false);
    expect(texts[0]!.equals(texts[1]!)).toBe(false);
  });

  test('a loop with calls, memory and floats, checked after every pass', async () => {
    const bytes = await parseWat(`(module (memory 1) (table 2 funcref)
      (func $f (export "f") (param i32 f64) (result f64) (local i32)
        (loop $l
          (f64.store (local.get 2) (f64.mul (local.get 1) (f64.load (local.get 0))))
          (local.set 1 (call $g (local.get 1) (local.get 2)))
          (local.set 2 (i32.add (local.get 2) (i32.const 8)))
          (br_if $l (i32.lt_u (local.get 2) (local.get 0))))
        (local.get 1))
      (func $g (param f64 i32) (result f64)
        (call_indirect (param f64) (result f64) (local.get 0) (local.get 1))))`);
    for (const optLevel of [0, 1, 2, 's'] as const) {
      for (const explicitChecks of [false, true]) {
        compile(bytes, { optLevel, explicitChecks, verify: true });
      }
    }
  });

  test('the same bytes for any number of workers, and again', async () => {
    const expected = compile(sample);
    expect(compile(sample)).toEqual(expected);
    for (const workers of [1, 2, 3]) {
      const seen: number[] = [];
      const object = await compileAsync(sample, { workers }, (done, total) => {
        seen.push(done);
        expect(total).toBe(open(expected).functions.offsets.length);
      });
      expect(Buffer.compare(object, expected)).toBe(0);
      expect(seen).toEqual([...seen].sort((a, b) => a - b));
    }
    const both = await Promise.all([compileAsync(sample), compileAsync(sample, { workers: 2 })]);
    for (const object of both) expect(Buffer.compare(object, expected)).toBe(0);
  });

  test('CPU features and explicit checks are recorded', () => {
    const base = open(compile(sample, { cpu: 'baseline', explicitChecks: true }));
    expect(base.engine.cpuFeatures).toEqual([]);
    expect(base.module.explicitChecks).toBe(true);
    expect(open(compile(sample, { cpu: ['popcnt'] })).engine.cpuFeatures).toEqual(['popcnt']);
  });

  test('names and the address map can be left out', () => {
    const full = open(compile(sample));
    const bare = open(compile(sample, { names: false, addressMap: false }));
    expect(full.names.count).toBeGreaterThan(0);
    expect(full.addresses.count).toBeGreaterThan(0);
    expect(bare.names.count).toBe(0);
    expect(bare.addresses.count).toBe(0);
  });

  test('stages can be dumped', async () => {
    const bytes = await parseWat('(module (func (param i32) (result i32) (local.get 0)))');
    const seen: string[] = [];
    compile(bytes, { dump: ['ir', 'passes', 'opt', 'vcode'] }, undefined, (stage, index, text) => {
      expect(index).toBe(0);
      expect(text.length).toBeGreaterThan(0);
      seen.push(stage);
    });
    expect(seen[0]).toBe('ir');
    expect(seen.slice(-2)).toEqual(['opt', 'vcode']);
    expect(seen).toContain('passes:gvn');
    expect(() => compile(bytes, { dump: ['x'] })).toThrow(/no stage 'x'/);
  });

  test('bisecting by fuel and by function', () => {
    const code = (options: CompileOptions) => {
      const object = open(compile(sample, options));
      const { textOffset, textSize } = object.layout;
      return Buffer.from(object.bytes.subarray(textOffset, textOffset + textSize));
    };
    const all = code({});
    const none = code({ optFuel: 0 });
    expect(code({ optFuel: 0x7fffffff }).equals(all)).toBe(true);
    expect(none.equals(all)).toBe(false);
    expect(code({ optFuel: 50 }).equals(all)).toBe(false);
    expect(code({ optFirst: 0, optLast: 1000 }).equals(all)).toBe(true);
    expect(code({ optFirst: 10, optLast: 20 }).equals(all)).toBe(false);
    expect(code({ optOff: ['*'] }).equals(all)).toBe(false);
  });
});

describe('what is refused', () => {
  const invalid = async () =>
    parseWat(
      `(module ${'(func (result i32) (i32.const 1))'.repeat(5)} (func (result i32) (i64.const 1))
        ${'(func)'.repeat(5)} (func (result f32) (i64.const 1)))`,
    );

  test('the first invalid function, however it is compiled', async () => {
    const bytes = await invalid();
    const failure = (e: unknown) => {
      expect(e).toBeInstanceOf(CompileError);
      return [(e as Error).message, (e as CompileError).offset];
    };
    let expected: unknown;
    try {
      compile(bytes);
    } catch (e) {
      expected = failure(e);
    }
    expect(expected).toEqual([expect.stringMatching(/function 5/), expect.any(Number)]);
    for (const workers of [1, 2]) {
      const found = await compileAsync(bytes, { workers }).catch(failure);
      expect(found).toEqual(expected);
    }
    expect(validate(bytes)).toBe(false);
    expect(validate(sample)).toBe(true);
    expect(validate(new Uint8Array(3))).toBe(false);
  });

  test('settings that are none, naming the call', async () => {
    expect(() => compile(sample, { fast: true } as never)).toThrow(
      /elfin\.compile\(\): no setting/,
    );
    const later = compileAsync(sample, { fast: true } as never);
    await expect(later).rejects.toThrow(/elfin\.compileAsync\(\): no setting 'fast'/);
  });
});
