/** The commands behind `elfin`, on stand-ins for the compiler and runtime: Node's own engine plays both. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, expect, test, vi } from 'vitest';
import { compilerSettings, parts as realParts } from '../../src-ts/cli/backend.ts';
import { compileCommand, defaultOutput } from '../../src-ts/cli/compile.ts';
import { explain, Failure } from '../../src-ts/cli/failure.ts';
import { readInput } from '../../src-ts/cli/input.ts';
import type { Engine, Parts, Runtime } from '../../src-ts/cli/parts.ts';
import { progressBar } from '../../src-ts/cli/progress.ts';
import { environmentOf, preopensOf, run } from '../../src-ts/cli/run.ts';
import { settingsLines } from '../../src-ts/cli/settings.ts';
import { findScripts, wastCommand } from '../../src-ts/cli/wast.ts';

const wasm = (globalThis as unknown as { WebAssembly: Engine }).WebAssembly;
const folder = mkdtempSync(join(tmpdir(), 'elfin-cli-'));
const ELF = Uint8Array.of(0x7f, 0x45, 0x4c, 0x46);

const parts: Parts = {
  // An "object" of these tests is an ELF magic number before the module.
  runtime: async () =>
    ({
      Instance: wasm.Instance,
      Module: {
        imports: (module: object) => wasm.Module.imports(module),
        deserializeFile: (path: string) => new wasm.Module(readFileSync(path).subarray(4)),
      },
    }) satisfies Runtime,
  engine: async () => wasm,
  nameModule: async () => {},
  compile: async (bytes, _flags, onProgress) => {
    onProgress?.(1, 1);
    return Buffer.concat([ELF, bytes]);
  },
};

let printed: string[] = [];

beforeEach(() => {
  printed = [];
  vi.spyOn(console, 'log').mockImplementation((text: unknown) => void printed.push(String(text)));
});
afterEach(() => vi.restoreAllMocks());
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, contents: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, contents);
  return path;
}

const none = {};
const math = `(module
  (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "wide") (param i64 f64) (result i64 f64) (local.get 0) (local.get 1))
  (func (export "trap") (unreachable)))`;

async function failure(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return explain(error).text;
  }
  throw new Error('it did not fail');
}

test('--invoke: arguments by type, results a line each', async () => {
  const path = file('math.wat', math);
  expect(await run(path, ['2', '-3'], { ...none, invoke: 'add' }, parts)).toBe(0);
  expect(await run(path, ['9007199254740993', 'inf'], { ...none, invoke: 'wide' }, parts)).toBe(0);
  expect(printed).toEqual(['-1', '9007199254740993', 'Infinity']);
  const call = (name: string, args: string[]) =>
    failure(run(path, args, { ...none, invoke: name }, parts));
  expect(await call('add', ['1'])).toContain("'add' takes 2 arguments, 1 given");
  expect(await call('add', ['1', 'two'])).toContain('argument two: not a number');
  expect(await call('wide', ['1.5', '1'])).toMatch(/1\.5/);
  expect(await call('sub', [])).toContain("exports no function 'sub' (functions: add, wide, trap)");
  expect(await failure(run(path, [], none, parts))).toContain('name a function with --invoke');
});

test('objects are told from modules by their first bytes', async () => {
  const source = file('answer.wat', '(module (func (export "f") (result i32) (i32.const 42)))');
  const output = join(folder, 'answer.o');
  await compileCommand(source, { output }, parts);
  expect(await run(output, [], { ...none, invoke: 'f' }, parts)).toBe(0);
  expect(printed).toEqual(['42']);
  expect(await failure(compileCommand(output, {}, parts))).toContain(
    'is a compiled object already',
  );
  expect(defaultOutput('a/b.wasm', '.o')).toBe('b.o');
  expect(defaultOutput('a/b', '.o')).toBe('b.o');
});

test('exit status: of the program, of a trap', async () => {
  const exit = file(
    'exit.wat',
    `(module (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
      (memory (export "memory") 1) (func (export "_start") (call $exit (i32.const 3))))`,
  );
  expect(await run(exit, [], none, parts)).toBe(3);
  const trap = run(file('math.wat', math), [], { ...none, invoke: 'trap' }, parts);
  const { text, status } = explain(await trap.catch((error: unknown) => error));
  expect(status).toBe(134);
  expect(text).toMatch(/^elfin: RuntimeError: unreachable\n\s+at .*wasm/);
});

test('a trap names the file, and source lines of a module with DWARF', async () => {
  const module = join(import.meta.dirname, '../dwarf/fixtures/ring-v0.wasm');
  const output = join(folder, 'ring.o');
  await compileCommand(module, { output }, realParts);
  for (const path of [module, output]) {
    const trap = run(path, ['7'], { ...none, invoke: 'total' }, realParts);
    const { text, status } = explain(await trap.catch((error: unknown) => error));
    expect(status).toBe(134);
    const lines = text.split('\n');
    expect(lines[0]).toBe('elfin: RuntimeError: unreachable');
    expect(lines[1]).toContain('total (ring-v0.wasm:wasm-function[');
    expect(lines[2]).toMatch(/^ +-> core::core_arch::wasm32::unreachable \(\/rustc\/.*:\d+:\d+\)$/);
    expect(lines.at(-1)).toMatch(/^ +-> total \(\/src\/ring\.rs:33:\d+\)$/);
  }
});

test('input that is no program is refused in words', async () => {
  expect(await failure(readInput(join(folder, 'nothing')))).toMatch(/nothing: no such file/);
  expect(await failure(readInput(folder))).toMatch(/is a directory/);
  expect(await failure(readInput(file('x.png', Uint8Array.of(0x89, 0x50))))).toMatch(
    /not a WebAssembly module/,
  );
  expect(await failure(readInput(file('x.wat', '(module\n  (fnc))')))).toMatch(/x\.wat: 2:4: /);
  const other = file('other.wat', '(module (import "env" "f" (func)) (func (export "_start")))');
  expect(await failure(run(other, [], none, parts))).toContain(
    'imports what elfin run does not provide: env.f',
  );
  const bad = file('bad.wasm', Uint8Array.of(0, 0x61, 0x73, 0x6d, 9, 0, 0, 0));
  expect(await failure(run(bad, [], none, parts))).toMatch(/^elfin: CompileError: /);
  expect(await failure(run(other, [], { ...none, dir: ['/no/such'] }, parts))).toMatch(
    /--dir .*no such file/,
  );
});

test('--dir and --env', () => {
  expect(preopensOf(['a', '/b::/c'])).toEqual({ a: 'a', '/c': '/b' });
  expect(() => preopensOf(['::x'])).toThrow(Failure);
  process.env['ELFIN_TEST'] = 'here';
  expect(environmentOf(['A=1=2', 'B=', 'ELFIN_TEST', 'ELFIN_TEST_UNSET'])).toEqual({
    A: '1=2',
    B: '',
    ELFIN_TEST: 'here',
  });
  expect(() => environmentOf(['=x'])).toThrow(Failure);
});

test('settings from options', async () => {
  const settings = await compilerSettings({
    O: 's',
    explicitChecks: true,
    cpu: 'popcnt,bmi2',
    j: 2,
    set: ['optFuel=7'],
  });
  expect(settings).toEqual({
    optLevel: 's',
    explicitChecks: true,
    cpu: ['popcnt', 'bmi2'],
    workers: 2,
    optFuel: 7,
  });
  expect(await compilerSettings({ O: '0', cpu: 'baseline' })).toEqual({
    optLevel: 0,
    cpu: 'baseline',
  });
  expect(await failure(compilerSettings({ set: ['nothing=1'] }))).toMatch(/no setting 'nothing'/);
  expect(await failure(compilerSettings({ set: ['names=perhaps'] }))).toMatch(
    /'names' is 'perhaps'/,
  );
  expect(await failure(compilerSettings({ target: 'vax' }))).toMatch(/target/);
  expect(settingsLines().join('\n')).toContain('optLevel\n    how much to optimise');
});

test('elfin wast: a line per file, skips by name, status', async () => {
  file(
    'good.wast',
    '(module (func (export "f") (result i32) (i32.const 1)))\n(assert_return (invoke "f") (i32.const 1))',
  );
  file('mixed.wast', '(module (memory i64 1))\n(module)');
  file('simd_x.wast', '(module)');
  const bad = file('bad.wast', '\n(assert_return (invoke "f") (i32.const 1))');
  expect(
    await wastCommand([join(folder, 'good.wast'), join(folder, 'mixed.wast')], {}, parts),
  ).toBe(0);
  expect(printed).toEqual([
    'good.wast: 2 passed, 0 failed, 0 skipped',
    'mixed.wast: 1 passed, 0 failed, 1 skipped',
    'skipped, memory64: mixed.wast (1)',
    'total: 3 passed, 0 failed, 1 skipped',
  ]);
  printed = [];
  expect(await wastCommand([bad, join(folder, 'simd_x.wast')], {}, parts)).toBe(1);
  expect(printed).toContain('bad.wast: 0 passed, 1 failed, 0 skipped');
  expect(printed).toContain('  bad.wast:2: assert_return: no such module');
  expect(printed).toContain('skipped, SIMD: simd_x.wast');
  expect(findScripts(folder).map((s) => s.name)).toEqual([
    'bad.wast',
    'good.wast',
    'mixed.wast',
    'simd_x.wast',
  ]);
  expect(findScripts(bad)[0]?.name).toBe('bad.wast');
  expect(() => findScripts(join(folder, 'nothing'))).toThrow(/no such file/);
});

test('the progress bar is drawn on terminals, late, and wiped', () => {
  const written: string[] = [];
  const now = vi.spyOn(performance, 'now').mockReturnValue(0);
  const stream = (isTTY: boolean) =>
    ({ isTTY, write: (text: string) => written.push(text) }) as unknown as NodeJS.WriteStream;
  const bar = progressBar('m', stream(true));
  bar.update(1, 4);
  now.mockReturnValue(1000);
  bar.update(2, 4);
  bar.end();
  expect(written).toEqual([
    `\r\x1b[Km [${'#'.repeat(15)}${'.'.repeat(15)}] 2/4 functions`,
    '\r\x1b[K',
  ]);
  written.length = 0;
  const pipe = progressBar('m', stream(false));
  now.mockReturnValue(9000);
  pipe.update(2, 4);
  pipe.end();
  expect(written).toEqual([]);
});
