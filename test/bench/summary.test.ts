/** The benchmark's arithmetic: which module counts in which mean, and what counts as a wrong output. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { findModules, outputError, type BenchModule } from '../../bench/modules.ts';
import { jobOf, measurement, type PlanOptions } from '../../bench/plan.ts';
import type { Answer, EngineId, JobKind, Result } from '../../bench/protocol.ts';
import { htmlReport } from '../../bench/report/html.ts';
import { textReport } from '../../bench/report/table.ts';
import { geomean, median, shuffle } from '../../bench/stats.ts';
import { summarise } from '../../bench/summary.ts';

const folder = mkdtempSync(join(tmpdir(), 'elfin-bench-test-'));
afterAll(() => rmSync(folder, { recursive: true }));

const moduleOf = (name: string, bytes: number, codeBytes: number): BenchModule => ({
  name,
  path: `${name}.wasm`,
  directory: folder,
  stem: name,
  bytes,
  codeBytes,
  stdout: null,
  stderr: null,
});

const options: PlanOptions = {
  engines: ['elfin', 'wasmtime', 'v8', 'v8-default'],
  rounds: 2,
  iterations: 1,
  maxSeconds: 1,
  seed: 1,
  objects: folder,
  dist: folder,
  runOnly: false,
};

const large = moduleOf('large', 300_000, 200_000);
const small = moduleOf('small', 3_000, 2_000);

const result = (
  m: BenchModule | null,
  engine: EngineId,
  kind: JobKind,
  answer: Answer,
): Result => ({
  job: jobOf(engine, kind, m, options),
  answer,
  error: null,
});

const about = { versions: { Elfin: '0' }, machine: { cpu: 'c', threads: 2 }, settings: {} };

it('takes means over the modules that count', () => {
  const summary = summarise(
    [large, small],
    [
      result(large, 'elfin', 'compile', { compileMs: 30, compileCpuMs: 40, peakRssKb: 5 }),
      result(large, 'wasmtime', 'compile', { compileMs: 10, compileCpuMs: 10 }),
      result(large, 'elfin', 'run', { runMs: [8, 6, 7], loadMs: 0.5 }),
      result(large, 'elfin', 'run', { runMs: [9], loadMs: 0.5 }),
      result(large, 'wasmtime', 'run', { runMs: [3, 5] }),
      result(large, 'elfin-checks', 'run', { runMs: [9, 10] }),
      result(large, 'v8', 'run', { runMs: [12], compileMs: 100 }),
      result(small, 'elfin', 'compile', { compileCpuMs: 99 }),
      result(small, 'wasmtime', 'compile', { compileCpuMs: 1 }),
      result(small, 'elfin', 'run', { runMs: [50], loadMs: 0.1 }),
      result(small, 'wasmtime', 'run', { runMs: [0.2] }),
      result(small, 'v8', 'run', { runMs: [100], compileMs: 1 }),
      result(null, 'elfin', 'calls', { jsToWasmNs: 12, wasmToJsNs: 15 }),
      result(null, 'elfin', 'calls', { jsToWasmNs: 11, wasmToJsNs: 16 }),
    ],
    [{ name: 'vectors', reason: 'needs the feature "SIMD"' }],
    about,
  );
  // small is too short on wasmtime, too little code, and too small a module.
  expect(summary.geomean.run.wasmtime).toBeCloseTo(2);
  expect(summary.geomean.run.v8).toBeCloseTo(0.5);
  expect(summary.geomean.checks).toBeCloseTo(1.5);
  expect(summary.geomean.compile.wasmtime).toBeCloseTo(4);
  expect(summary.geomean.load.v8compile).toBeCloseTo(200);
  expect(summary.rows[0]!.engines.elfin!.runMedianMs).toBe(7.5);
  expect([summary.calls.jsToWasmNs, summary.calls.wasmToJsNs]).toEqual([11, 15]);
  const text = textReport(summary);
  expect(text).toContain('at worst 1.50× (large)');
  expect(text).toContain('vectors: needs the feature "SIMD"');
  const page = htmlReport(summary);
  expect(page).toContain('needs the feature &quot;SIMD&quot;');
  expect(page).not.toMatch(/NaN|Infinity|undefined|https?:/);
});

it('leaves out figures of runs whose output was wrong, and reports them', () => {
  const wrong = {
    ...result(large, 'elfin', 'run', { runMs: [1] }),
    error: 'stdout is wrong (run 1)',
  };
  const summary = summarise([large], [wrong], [], about);
  expect(summary.rows[0]!.engines.elfin!.runMs).toBeNull();
  expect(summary.errors).toHaveLength(1);
  expect(textReport(summary)).toContain('stdout is wrong');
});

it('compares outputs by lines', () => {
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const m = { ...small, stdout: file('expected', 'a\nb\n') };
  const empty = file('empty', '');
  expect(outputError(m, file('same', 'a\r\nb'), empty)).toBeNull();
  expect(outputError(m, file('joined', 'a b\n'), empty)).toBe('stdout is wrong');
  expect(outputError(m, file('short', 'a\n'), empty)).toBe('stdout is wrong');
});

it('finds modules that import bench.start, and no others', () => {
  const header = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
  const text = Buffer.from('\x01\x05bench\x05start\x00\x00');
  const imports = [2, text.length, ...text];
  writeFileSync(join(folder, 'benchmark.wasm'), Buffer.from([...header, ...imports, 10, 1, 0]));
  writeFileSync(join(folder, 'other.wasm'), Buffer.from([...header, 10, 1, 0]));
  writeFileSync(join(folder, 'default.stdout.expected'), '');
  const [found, ...more] = findModules(folder, null);
  expect(more).toEqual([]);
  expect(found).toMatchObject({ stem: 'benchmark', codeBytes: 1, stderr: null });
  expect(found!.stdout).toBe(join(folder, 'default.stdout.expected'));
  expect(findModules(folder, /^nothing$/)).toEqual([]);
});

it('plans every job once a round, in an order that the seed decides', () => {
  const jobs = measurement([large, small], options);
  // Per module: 3 + 3 + 1 + 1; calls of three engines.
  expect(jobs).toHaveLength(2 * (2 * 8 + 3));
  expect(measurement([large, small], { ...options, runOnly: true })).toHaveLength(2 * 2 * 4);
  const key = (list: typeof jobs): string[] => list.map((j) => `${j.engine} ${j.kind} ${j.module}`);
  expect(key(measurement([large, small], options))).toEqual(key(jobs));
  expect(key(measurement([large, small], { ...options, seed: 2 }))).not.toEqual(key(jobs));
  expect(shuffle([1, 2, 3, 4, 5], 3).sort()).toEqual([1, 2, 3, 4, 5]);
  expect(median([3, 1, 2, 10])).toBe(2.5);
  expect(geomean([2, 8, null, NaN])).toBeCloseTo(4);
});
