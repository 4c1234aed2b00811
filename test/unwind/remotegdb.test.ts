/**
 * gdb on AArch64 code that qemu runs, by the GDB interface for run-time code: native/test/host.cc in qemu's stub. Backtraces
 * end at the fiber's base here: qemu maps fibers above the program's own stack, and gdb takes a caller below for a mistake.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildHost, compileGuest, instantiate, missing, objectLine } from './guest.ts';

const dir = mkdtempSync(join(tmpdir(), 'elfin-remotegdb-'));
afterAll(() => rmSync(dir, { recursive: true }));

/** `outer` calls `fib`, which calls itself; the import is native and called on the same stack. */
const TEXT = `(module
  (import "native" "f" (func $native (param i64 i64) (result i64)))
  (func $fib (param i64) (result i64)
    (if (result i64) (i64.lt_u (local.get 0) (i64.const 2))
      (then (call $native (local.get 0) (i64.const 0)))
      (else (i64.add (call $fib (i64.sub (local.get 0) (i64.const 1)))
        (call $fib (i64.sub (local.get 0) (i64.const 2)))))))
  (func $outer (export "run") (param i64) (result i64)
    (i64.add (i64.const 1) (call $fib (local.get 0)))))`;

const TOOLS = ['qemu-aarch64', 'gdb-multiarch', 'cmake', 'ninja', 'aarch64-linux-gnu-g++'];

/** Runs gdb's commands on the program from its start; returns what gdb printed. */
async function gdb(host: string, plan: string, ...commands: string[]): Promise<string> {
  const socket = join(dir, 'stub');
  const qemu = spawn('qemu-aarch64', ['-cpu', 'cortex-a72', '-g', socket, host, plan]);
  try {
    for (let tries = 0; tries < 400 && !existsSync(socket); tries++) await sleep(25);
    const script = [
      ...['set pagination off', 'set breakpoint pending on', `target remote ${socket}`],
      ...commands,
    ];
    const args = ['-batch', '-nx', '-iex', 'set debuginfod enabled off', host];
    const options = { encoding: 'utf8', timeout: 100_000 } as const;
    const all = [...args, ...script.flatMap((command) => ['-ex', command])];
    return spawnSync('gdb-multiarch', all, options).stdout;
  } finally {
    qemu.kill();
  }
}

describe.skipIf(missing(...TOOLS).length > 0)('gdb on aarch64-linux', () => {
  let host: string;
  beforeAll(() => void (host = buildHost('arm64', 'elfin_host_static')), 600_000);

  async function plan(debug: 0 | 1): Promise<string> {
    const settings = { target: 'aarch64-linux', cpu: 'baseline', optOff: ['inline'] } as const;
    const { path, object } = await compileGuest(dir, `fib-${debug}`, TEXT, settings);
    const guest = instantiate(object, ['add'], 0);
    const lines = [
      ...[`debugger ${debug}`, objectLine(path, object), ...guest.lines],
      `call ${guest.ref('run')} 6`,
    ];
    const file = join(dir, `plan-${debug}`);
    writeFileSync(file, `${lines.join('\n')}\n`);
    return file;
  }

  test('bt, up and finish through Wasm frames', { timeout: 120_000 }, async () => {
    const out = await gdb(
      host,
      await plan(1),
      ...['break fib if $x0 == 3', 'continue', 'bt 9', 'up', 'info frame', 'down', 'finish'],
      ...['delete', 'break host_add', 'continue', 'bt', 'finish', 'up', 'up', 'info frame'],
      ...['delete', 'continue'],
    );
    expect(out).toMatch(
      /#0 +0x\w+ in fib \(\)\n#1 +0x\w+ in fib \(\)\n(#\d +0x\w+ in fib \(\)\n)+#4 +0x\w+ in (elfin\[run\]|outer) \(\)\n#5 +0x\w+ in wasm-entry\[\d\] \(\)\n#6 +0x\w+ in elfin_fiber_start \(\)\n/,
    );
    expect(out).toMatch(/Stack level 1, frame at .*\n pc = 0x\w+ in fib; saved pc/);
    // Out of the innermost frame, into its caller.
    expect(out).toMatch(/#0 +0x\w+ in fib \(\)\n0x\w+ in fib \(\)\n/);
    // From a native function that Wasm called, and back into it.
    expect(out).toMatch(
      /#0 +host_add .*\n#1 +0x\w+ in fib \(\)\n(#.*\n)+#\d+ +0x\w+ in elfin_fiber_start \(\)\n/,
    );
    expect(out).toMatch(/0x\w+ in fib \(\)\nValue returned is \$1 = 1\n/);
    expect(out).toMatch(/exited normally/);
  });

  test('knows nothing when not told', { timeout: 120_000 }, async () => {
    const out = await gdb(host, await plan(0), 'break fib', 'continue');
    expect(out).not.toMatch(/ in fib \(\)/);
    expect(out).toMatch(/exited normally/);
  });
});
