/** Whole modules to objects: determinism, errors, and what settings do. Running the code is tested elsewhere. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compile, compileAsync, validate } from '../../src-ts/compiler/index.ts';
import { checksum, readObject } from '../../src-ts/object/index.ts';
import { parseWat } from '../../src-ts/tools/wast/wat.ts';
import { CompileError } from '../../src-ts/util/errors.ts';
import { bundleWorker } from './build-worker.ts';

const primes = readFileSync(new URL('../../examples/primes.wasm', import.meta.url));
const open = (bytes: Uint8Array) => readObject(bytes, checksum);

let removeWorker = () => {};
beforeAll(async () => {
  removeWorker = await bundleWorker();
});
afterAll(() => removeWorker());

describe('compile', () => {
  test('the example at every level, verified after every pass', () => {
    const sizes = ([0, 1, 2, 's'] as const).map((optLevel) => {
      const object = open(compile(primes, { optLevel, verify: true }));
      expect(object.engine.settings.optLevel).toBe(String(optLevel));
      return object.layout.textSize;
    });
    expect(Math.min(...sizes)).toBeGreaterThan(1000);
    expect(sizes[2]!).toBeLessThan(sizes[0]!);
  });

  test('the same bytes for any number of workers, and again', async () => {
    const expected = compile(primes);
    expect(compile(primes)).toEqual(expected);
    for (const workers of [1, 2, 3]) {
      const seen: number[] = [];
      const object = await compileAsync(primes, { workers }, (done, total) => {
        seen.push(done);
        expect(total).toBe(open(expected).functions.offsets.length);
      });
      expect(Buffer.compare(object, expected)).toBe(0);
      expect(seen).toEqual([...seen].sort((a, b) => a - b));
    }
    const both = await Promise.all([compileAsync(primes), compileAsync(primes, { workers: 2 })]);
    for (const object of both) expect(Buffer.compare(object, expected)).toBe(0);
  });

  test('CPU features and explicit checks are recorded', () => {
    const base = open(compile(primes, { cpu: 'baseline', explicitChecks: true }));
    expect(base.engine.cpuFeatures).toEqual([]);
    expect(base.module.explicitChecks).toBe(true);
    expect(open(compile(primes, { cpu: ['popcnt'] })).engine.cpuFeatures).toEqual(['popcnt']);
  });

  test('names and the address map can be left out', () => {
    const full = open(compile(primes));
    const bare = open(compile(primes, { names: false, addressMap: false }));
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

  test('bisecting: no fuel is as good as everything off', () => {
    const none = open(compile(primes, { optFuel: 0 })).layout.textSize;
    const half = open(compile(primes, { optFuel: 200 })).layout.textSize;
    const all = open(compile(primes)).layout.textSize;
    expect(none).toBeGreaterThan(half);
    expect(half).toBeGreaterThan(all);
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
    expect(validate(primes)).toBe(true);
    expect(validate(new Uint8Array(3))).toBe(false);
  });

  test('settings that are none, naming the call', async () => {
    expect(() => compile(primes, { fast: true } as never)).toThrow(/elfin\.compile\(\): no setting/);
    const later = compileAsync(primes, { fast: true } as never);
    await expect(later).rejects.toThrow(/elfin\.compileAsync\(\): no setting 'fast'/);
  });
});
