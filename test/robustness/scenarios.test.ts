/**
 * Hard conditions, each in a process of its own: stacks that end, address space that runs out, instances by the thousand,
 * workers that are terminated, signals of others. scenarios.ts says what each checks.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bundle } from './watch.ts';

let script = { path: '', remove: () => {} };
beforeAll(() => void (script = bundle('scenarios')));
afterAll(() => script.remove());

/** Not spawnSync: a test that blocks its process for long loses vitest. */
async function run(args: readonly string[], flags: readonly string[] = []) {
  const all = ['--expose-gc', ...flags, script.path, ...args];
  const child = spawn(process.execPath, all, { stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (text: Buffer) => (stdout += text.toString()));
  child.stderr.on('data', (text: Buffer) => (stderr += text.toString()));
  const [status, signal] = (await once(child, 'close')) as [number | null, string | null];
  return { stdout, stderr, status, signal };
}

const ROWS: [string, string[], string[]][] = [
  ['JavaScript and Wasm call each other until a stack ends', ['recursion'], []],
  ['calls at every distance from the end of the stack', ['brink'], []],
  ['the same, interpreted', ['brink'], ['--no-opt', '--no-sparkplug']],
  ['more fibers than there may be', ['fibers'], ['--stack-size=7000']],
  ['the stack ends in a helper', ['helpers'], []],
  ['traps and exceptions while instantiating', ['starting'], []],
  ['detached buffers and limits', ['limits'], []],
  ['3 GB of address space', ['space', '3000000'], []],
  ['1.5 GB of address space', ['space', '1500000'], []],
  ['instances made and dropped', ['instances', '2000'], []],
  ['values in tables and globals', ['handles'], []],
  ['growing while buffers are held', ['growing'], []],
  ['workers', ['workers'], []],
  ["signals, and Node's own WebAssembly", ['signals'], []],
];

describe('hard conditions', () => {
  for (const [name, args, flags] of ROWS) {
    test(name, { timeout: 120_000 }, async () => {
      const child = await run(args, flags);
      const last = child.stdout.trim().split('\n').pop();
      expect([last, child.status, child.signal], child.stderr).toEqual(['ok', 0, null]);
    });
  }

  test('a signal that is no fault still ends the process', async () => {
    expect((await run(['signals', 'kill'])).signal).toBe('SIGSEGV');
  });

  test('calls without code from strings', async () => {
    const generated = await run(['calls']);
    const interpreted = await run(
      ['calls', 'forbidden'],
      ['--disallow-code-generation-from-strings'],
    );
    expect(generated.stderr + interpreted.stderr).toBe('');
    expect(generated.stdout.split('\n').length).toBeGreaterThan(200);
    expect(interpreted.stdout).toBe(generated.stdout);
  });
});
