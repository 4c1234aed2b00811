/** The command's bundle: what it prints, how it ends, and that running an object loads no compiler. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { build, type Metafile } from 'esbuild';
import { afterAll, beforeAll, expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
let folder: string;
let meta: Metafile;

beforeAll(async () => {
  // Inside the tree, so that the packages left out of the bundle are found.
  mkdirSync(join(root, 'build'), { recursive: true });
  folder = mkdtempSync(join(root, 'build/cli-test-'));
  const result = await build({
    absWorkingDir: root,
    entryPoints: ['src-ts/cli/main.ts'],
    bundle: true,
    splitting: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    outdir: folder,
    metafile: true,
    logLevel: 'silent',
  });
  meta = result.metafile;
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Sources of all chunks that are loaded together with those made from `entries`. */
function sourcesLoadedBy(entries: readonly string[]): string[] {
  const work = Object.keys(meta.outputs).filter((path) =>
    entries.includes(meta.outputs[path]?.entryPoint ?? ''),
  );
  const sources = new Set<string>();
  for (let i = 0; i < work.length; i++) {
    const output = meta.outputs[work[i] as string];
    for (const source of Object.keys(output?.inputs ?? {})) sources.add(source);
    for (const { path, kind } of output?.imports ?? []) {
      if (kind === 'import-statement' && !work.includes(path)) work.push(path);
    }
  }
  return [...sources];
}

test('elfin run of an object loads the runtime and no compiler', () => {
  const sources = sourcesLoadedBy([
    'src-ts/cli/main.ts',
    'src-ts/cli/run.ts',
    'src-ts/cli/backend.ts',
    'src-ts/runtime/index.ts',
  ]);
  expect(sources).toContain('src-ts/runtime/index.ts');
  expect(sources).toContain('src-ts/wasi/index.ts');
  const rooms = new Set(
    sources.filter((s) => s.startsWith('src-ts/')).map((s) => relative('src-ts', s).split('/')[0]),
  );
  for (const room of [
    'compiler',
    'frontend',
    'wasm',
    'ir',
    'opt',
    'analysis',
    'mach',
    'target',
    'tools',
  ]) {
    expect(rooms).not.toContain(room);
  }
});

function elfin(...args: string[]): { status: number | null; out: string; err: string } {
  const run = spawnSync(process.execPath, [join(folder, 'main.js'), ...args], { encoding: 'utf8' });
  return { status: run.status, out: run.stdout, err: run.stderr };
}

test('help and settings', () => {
  const help = elfin('--help');
  expect(help.status).toBe(0);
  for (const name of ['run', 'compile', 'objdump', 'explore', 'wast', 'settings'])
    expect(help.out).toContain(`\n  ${name} `);
  expect(elfin('run', '--help').out).toContain('elfin run --invoke add math.wat 2 3');
  const settings = elfin('settings');
  expect([settings.status, settings.err]).toEqual([0, '']);
  expect(settings.out).toContain('optLevel');
});

test('wrong use says what is wrong', () => {
  const cases: [string[], RegExp][] = [
    [['run'], /missing required argument 'file'/],
    [['run', '--bogus', 'x.wasm'], /unknown option '--bogus'/],
    [['frobnicate'], /unknown command 'frobnicate'/],
    [['compile', '-O', '9', 'x.wasm'], /Allowed choices are 0, 1, 2, s/],
    [['compile', '-j', 'many', 'x.wasm'], /whole number/],
    [['run', 'no/such.wasm'], /no\/such\.wasm: no such file/],
    [['objdump', 'package.json'], /not a WebAssembly module/],
    [['wast', 'no/such'], /no such file/],
  ];
  for (const [args, message] of cases) {
    const { status, err } = elfin(...args);
    expect([args, status]).toEqual([args, 1]);
    expect(err).toMatch(message);
    expect(err).not.toMatch(/\n\s+at /);
  }
});
