/**
 * gdb on C source: `elfin run` of demo.c, compiled by clang and then by Elfin with debug information. Breakpoints
 * are set before the object is loaded.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { HOST_TARGET } from '../../src-ts/compiler/settings.ts';
import { demoModule, demoObject, folder, have, haveClang } from './demo.ts';

const root = join(import.meta.dirname, '../..');
const cli = join(root, 'dist/cli.js');
const dir = folder();
afterAll(() => rmSync(dir, { recursive: true }));

/** Runs the object under gdb, which is told of it by the interface for run-time code; returns what gdb printed. */
function gdb(object: string, commands: readonly string[]): string {
  const script = [
    ...['set pagination off', 'set breakpoint pending on', 'set debuginfod enabled off'],
    ...['set print thread-events off', ...commands, 'kill'],
  ];
  const file = join(dir, 'script.gdb');
  writeFileSync(file, script.join('\n'));
  const args = ['-batch', '-nx', '-x', file, '--args', process.execPath, cli, 'run', object];
  const env = { ...process.env, ELFIN_GDB_JIT: '1' };
  const r = spawnSync('gdb', args, { encoding: 'utf8', cwd: dir, env, timeout: 120_000 });
  expect(r.stderr).not.toMatch(/internal-error|Internal error/);
  return r.stdout;
}

const usable = haveClang && have('gdb') && existsSync(cli) && HOST_TARGET === 'x86_64-linux';

describe.skipIf(!usable)('gdb', () => {
  test.each([0, 2] as const)(
    'steps and prints everything at -O0 of clang, -O%i of elfin',
    (optLevel) => {
      const object = demoObject(dir, demoModule(dir, '-O0'), { optLevel });
      const out = gdb(object, [
        ...['break weigh', 'break demo.c:18', 'break mean', 'run'],
        ...['bt 3', 'info args', 'print *p', 'print p->next->x', 'print counter'],
        ...['next', 'print sum', 'continue', 'step', 'next', 'bt 2', 'info locals'],
        ...['finish', 'continue', 'continue'],
        ...['info args', 'print values[1]', 'print (*values)[2]', 'up'],
        ...['print a', 'print numbers', 'print w', 'print *name@5'],
      ]);
      expect(out).toMatch(
        /Breakpoint \d+, weigh \(p=0x\w+, factor=20\) at .*demo\.c:16\n16\t {2}int sum = 0;/,
      );
      expect(out).toMatch(/#1 +0x\w+ in work \(argc=1, name=0x\w+\) at .*demo\.c:38\n/);
      expect(out).toMatch(/#2 +0x\w+ in _start \(\) at .*demo\.c:46\n/);
      expect(out).toMatch(/\$1 = \{x = 1, y = 2, next = 0x\w+\}\n\$2 = 3\n\$3 = 3\n/);
      expect(out).toMatch(/17\t.*struct point \*q = p.*\n\$4 = 0\n/);
      expect(out).toMatch(/square \(v=1\) at .*demo\.c:11\n/);
      expect(out).toMatch(/#0 +square \(v=1\) at .*demo\.c:12\n#1 +0x\w+ in weigh /);
      expect(out).toMatch(/\nr = 1\n/);
      expect(out).toMatch(/Value returned is \$5 = 1\n/);
      expect(out).toMatch(/values = 0x\w+\nn = 3\n\$6 = \{2\.5\}\n\$7 = 3\.5\n/);
      expect(out).toMatch(
        /\$8 = \{x = 1, y = 2, next = 0x\w+\}\n\$9 = \{10, 20, 30, 40\}\n\$10 = 130\n/,
      );
      expect(out).toMatch(/\$11 = \{"h", "e", "l", "l", "o"\}\n/);
    },
  );

  test('shows inlined functions and values in registers at -O2', () => {
    const object = demoObject(dir, demoModule(dir, '-O2'), { optLevel: 2 });
    const out = gdb(object, [
      ...['break demo.c:11', 'run', 'bt 3', 'print v', 'up', 'info locals'],
    ]);
    expect(out).toMatch(/#0 +square \(v=\d+\) at .*demo\.c:11\n#1 +weigh \(.*\) at .*demo\.c:18\n/);
    expect(out).toMatch(/#2 +0x\w+ in work \(/);
    expect(out).toMatch(/\$1 = 1\n/);
  });
});
