/** Debugger and profiler on compiled code in Node: gdb by its interface for run-time code, perf by a map, a jitdump and an image. */
import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compile } from '../../src-ts/compiler/index.ts';
import { parseText } from '../../src-ts/tools/wat.ts';
import { missing } from './guest.ts';

const root = join(import.meta.dirname, '..', '..');
const dir = mkdtempSync(join(tmpdir(), 'elfin-tools-'));
const maps: string[] = [];
afterAll(() => {
  rmSync(dir, { recursive: true });
  for (const map of maps) rmSync(map, { force: true });
});

beforeAll(async () => {
  const text = readFileSync(join(import.meta.dirname, 'guest.wat'), 'utf8');
  writeFileSync(
    join(dir, 'guest.o'),
    compile(await parseText(text), { cpu: 'baseline', optOff: ['inline'] }),
  );
  const runtime = JSON.stringify(pathToFileURL(join(root, 'dist', 'runtime.js')).href);
  const program = (module: string) =>
    `import elfin from ${runtime};
     import { readFileSync } from 'node:fs';
     const module = elfin.Module.${module};
     const instance = new elfin.Instance(module, { host: { tick() {} } });
     console.log(process.pid, instance.exports.outer(Number(process.argv[2])));`;
  writeFileSync(join(dir, 'run.mjs'), program(`deserialize(readFileSync('guest.o'))`));
  writeFileSync(join(dir, 'file.mjs'), program(`deserializeFile('guest.o')`));
});

function run(command: string, args: string[], env: Record<string, string> = {}) {
  const options = { cwd: dir, encoding: 'utf8', env: { ...process.env, ...env } } as const;
  return spawnSync(command, args, { ...options, timeout: 100_000, maxBuffer: 1 << 28 });
}

function guest(argument: number): string[] {
  return [process.execPath, 'run.mjs', String(argument)];
}

describe.skipIf(missing('gdb').length > 0 || process.arch !== 'x64')('gdb', () => {
  const gdb = (env: Record<string, string>, ...commands: string[]) =>
    run(
      'gdb',
      [
        ...['-batch', '-nx', '-iex', 'set debuginfod enabled off'],
        ...['set breakpoint pending on', ...commands].flatMap((command) => ['-ex', command]),
        ...['--args', ...guest(10)],
      ],
      env,
    ).stdout;

  test.each([
    ['', 'off'],
    [', run from an image', 'image'],
  ])(
    'bt, up and finish through Wasm frames and across the fiber%s',
    { timeout: 120_000 },
    (_, files) => {
      const out = gdb(
        { ELFIN_GDB_JIT: '1', ELFIN_PERF: files },
        ...['break fib if $eax == 8', 'run', 'bt 8', 'up', 'info frame', 'down', 'finish'],
      );
      expect(out).toMatch(/#0 +0x[0-9a-f]+ in fib \(\)/);
      expect(out).toMatch(/#3 +0x[0-9a-f]+ in (elfin\[outer\]|outer|elfin\.outer) \(\)/);
      expect(out).toMatch(/#4 +0x[0-9a-f]+ in wasm-entry\[\d\] \(\)/);
      expect(out).toMatch(/#5 +0x[0-9a-f]+ in elfin_fiber_start \(\)/);
      expect(out).toMatch(/#6 +0x[0-9a-f]+ in elfin::(enter|resume)/);
      expect(out).toMatch(/Stack level 1, frame at .*\n rip = 0x[0-9a-f]+ in fib; saved rip/);
      // Out of the innermost frame, into its caller.
      expect(out).toMatch(/#0 +0x[0-9a-f]+ in fib \(\)\n0x[0-9a-f]+ in fib \(\)\n/);
    },
  );

  test('knows nothing without the setting', { timeout: 120_000 }, () => {
    const out = gdb({ ELFIN_GDB_JIT: '0' }, 'break fib', 'run', 'bt');
    expect(out).not.toMatch(/ in fib \(\)/);
    expect(out).toMatch(/exited normally/);
  });
});

/** Whether perf can record here: needs the kernel's leave. */
function perfRecords(): boolean {
  if (missing('perf').length > 0) return false;
  const args = ['record', '-q', '-e', 'cpu-clock', '-o', '/dev/null', 'true'];
  return spawnSync('perf', args).status === 0;
}

/** Ends with its message when perf does not do as it is told. */
function perf(args: string[], env: Record<string, string> = {}): SpawnSyncReturns<string> {
  const result = run('perf', args, env);
  if (result.status !== 0) throw new Error(`perf ${args[0]}: ${result.stderr}`);
  return result;
}

describe.skipIf(!perfRecords())('perf', () => {
  const CHAIN =
    /\sfib.*\n(.*\sfib.*\n)*.*\s(elfin\.)?outer.*\n.*wasm-entry\[\d\].*\n.*elfin_fiber_start/;

  test('a map, frames by frame pointers', { timeout: 120_000 }, () => {
    const record = ['record', '-q', '-e', 'cpu-clock', '--call-graph', 'fp', '-o', 'map.data'];
    const { stdout } = perf([...record, ...guest(33)], { ELFIN_PERF: 'map' });
    const map = join('/tmp', `perf-${stdout.split(' ')[0]}.map`);
    maps.push(map);
    expect(readFileSync(map, 'utf8')).toMatch(/^[0-9a-f]+ [0-9a-f]+ fib$/m);
    expect(perf(['script', '-i', 'map.data']).stdout).toMatch(CHAIN);
  });

  test('a jitdump, put in by perf inject', { timeout: 120_000 }, () => {
    const record = ['record', '-q', '-k', 'mono', '-e', 'cpu-clock', '--call-graph', 'fp'];
    perf([...record, '-o', 'jit.data', ...guest(33)], { ELFIN_PERF: 'jitdump' });
    perf(['inject', '--jit', '-i', 'jit.data', '-o', 'jitted.data']);
    expect(readdirSync(dir).filter((name) => /^jitted-.*\.so$/.test(name))).not.toHaveLength(0);
    expect(perf(['script', '-i', 'jitted.data']).stdout).toMatch(CHAIN);
  });

  /** The chains of `perf script`, innermost frame first, each a list of `symbol file`. */
  const chains = (data: string) =>
    perf(['script', '--no-inline', '-i', data, '-F', 'ip,sym,dso'])
      .stdout.split('\n\n')
      .map((chain) => chain.trim().split('\n'));

  test('an image, frames by unwind tables', { timeout: 120_000 }, () => {
    const record = ['record', '-q', '-e', 'cpu-clock', '--call-graph', 'dwarf', '-o', 'image.data'];
    perf([...record, ...guest(33)], { ELFIN_PERF: 'image' });
    const inside = chains('image.data').filter(([first]) => /elfin-\d+-0\.so/.test(first!));
    expect(inside.length).toBeGreaterThan(10);
    // Whatever the instruction, to the last frame on the fiber.
    for (const chain of inside) {
      expect(chain.join('\n')).toMatch(
        /^ *\w+ (fib|(elfin\.)?outer) .*\n(.* fib .*\n)*(.*\bouter .*\n)?.* wasm-entry\[\d\].*\n.* elfin_fiber_start /,
      );
    }
  });

  test('an object that is mapped from its file needs no setting', { timeout: 120_000 }, () => {
    const record = ['record', '-q', '-e', 'cpu-clock', '--call-graph', 'fp', '-o', 'file.data'];
    perf([...record, process.execPath, 'file.mjs', '33'], { ELFIN_PERF: 'off' });
    expect(perf(['script', '-i', 'file.data']).stdout).toMatch(CHAIN);
  });
});

test('a wrong ELFIN_PERF is refused', () => {
  const { stderr, status } = run(process.execPath, ['run.mjs', '3'], { ELFIN_PERF: 'yes' });
  expect(stderr).toMatch(
    /TypeError: ELFIN_PERF is 'yes', expected one of off, map, jitdump, image/,
  );
  expect(status).toBe(1);
});
