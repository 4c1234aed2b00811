/**
 * Objects whose unwind tables, address map or trap table are damaged, with a checksum that is right: refused, or a
 * poorer trace. A trap without its row in the trap table is nobody's: the process ends by the signal.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { compile } from '../../src-ts/compiler/index.ts';
import elfin from '../../src-ts/index.ts';
import { checksum, readObject } from '../../src-ts/object/index.ts';
import { parseText } from '../../src-ts/tools/wat.ts';

const TEXT = `(module
  (func $inner (param i32) (result i32) (if (local.get 0) (then (unreachable))) (i32.const 1))
  (func (export "f") (param i32) (result i32) (i32.add (call $inner (local.get 0)) (i32.const 1))))`;

/** The trace's lines, or what refused the object. */
function outcome(bytes: Uint8Array): string {
  let f: (x: number) => unknown;
  try {
    const module = elfin.Module.deserialize(bytes);
    f = new elfin.Instance(module).exports['f'] as typeof f;
  } catch (error) {
    return `refused: ${(error as Error).message}`;
  }
  try {
    f(1);
  } catch (error) {
    expect(error).toBeInstanceOf(elfin.RuntimeError);
    return (error as Error).stack ?? '';
  }
  return 'no trap';
}

/** The object with a bit changed and the checksum made right. */
function flipped(good: Uint8Array, at: number, bit: number): Uint8Array {
  const bytes = good.slice();
  bytes[at]! ^= 1 << bit;
  const sum = checksum(bytes, 0, bytes.length - 4);
  new DataView(bytes.buffer).setUint32(bytes.length - 4, sum, true);
  return bytes;
}

test('any byte of .eh_frame and .elfin.addrmap', async () => {
  const good = compile(await parseText(TEXT), { cpu: 'baseline', optLevel: 0 });
  expect(outcome(good)).toMatch(
    /RuntimeError: unreachable\n +at inner .*\n +at .*wasm-function\[1\]/,
  );
  const { ehFrameOffset, ehFrameSize, trapsOffset } = readObject(good, checksum).layout;
  // The address map follows the traps.
  const traps = new DataView(good.buffer).getUint32(trapsOffset, true);
  const map = trapsOffset + 4 + 8 * traps + Math.ceil(traps / 4) * 4;
  const places = [
    ...Array.from({ length: ehFrameSize }, (_, i) => ehFrameOffset + i),
    ...Array.from({ length: 24 }, (_, i) => map + i),
  ];
  let refused = 0;
  for (const at of places) {
    for (const bit of [0, 3, 7]) {
      const what = outcome(flipped(good, at, bit));
      if (what.startsWith('refused')) refused++;
      else expect(what).toContain('RuntimeError: unreachable');
    }
  }
  expect(refused).toBeGreaterThan(20);
});

/** Calls `f` of each object N.o, a first and an end number given; a line for each. */
const CHILD = `
  const elfin = (await import(process.argv[1])).default;
  const { readFileSync, writeSync } = await import('node:fs');
  for (let n = Number(process.argv[2]); n < Number(process.argv[3]); n++) {
    let f;
    try {
      f = new elfin.Instance(elfin.Module.deserialize(readFileSync(n + '.o'))).exports.f;
    } catch (error) {
      writeSync(1, 'refused: ' + error.message + '\\n');
      continue;
    }
    try {
      f(-1);
      writeSync(1, 'returned\\n');
    } catch (error) {
      const frames = error.stack.split('wasm-function').length - 1;
      writeSync(1, error.name + ': ' + error.message + ', ' + frames + ' frames\\n');
    }
  }`;

/** What becomes of each object: the child's line, or the signal that ended it. */
function outcomes(objects: readonly Uint8Array[]): string[] {
  const dir = mkdtempSync(join(tmpdir(), 'elfin-damage-'));
  try {
    objects.forEach((bytes, n) => writeFileSync(join(dir, `${n}.o`), bytes));
    const runtime = pathToFileURL(join(import.meta.dirname, '../../dist/runtime.js')).href;
    const lines: string[] = [];
    while (lines.length < objects.length) {
      const range = [String(lines.length), String(objects.length)];
      const args = ['--input-type=module', '-e', CHILD, runtime, ...range];
      const child = spawnSync(process.execPath, args, { cwd: dir, encoding: 'utf8' });
      expect(child.status === null || child.status === 0, child.stderr).toBe(true);
      lines.push(...child.stdout.split('\n').slice(0, -1));
      if (child.signal !== null) lines.push(child.signal);
    }
    return lines;
  } finally {
    rmSync(dir, { recursive: true });
  }
}

test.each([
  ['an instruction that traps', '(unreachable)', 'SIGILL'],
  ['an access out of bounds', '(drop (i32.load (local.get 0)))', 'SIGSEGV'],
])('any byte of .elfin.traps, %s', { timeout: 120_000 }, async (_what, trap, signal) => {
  const text = `(module (memory 1)
    (func $inner (param i32) (result i32) ${trap} (i32.const 1))
    (func (export "f") (param i32) (result i32) (i32.add (call $inner (local.get 0)) (i32.const 1))))`;
  const good = compile(await parseText(text), { cpu: 'baseline', optLevel: 0 });
  const { trapsOffset, trapsSize } = readObject(good, checksum).layout;
  const objects = Array.from({ length: 3 * trapsSize }, (_, i) =>
    flipped(good, trapsOffset + Math.floor(i / 3), [0, 3, 7][i % 3]!),
  );
  const lines = outcomes([good, ...objects]);
  expect(lines[0]).toMatch(/^RuntimeError: .*, 2 frames$/);
  const kinds = new Set<string | undefined>();
  for (const line of lines) {
    const kind = /^(refused|SIG\w+|(Runtime|Range)Error)(?=: \.elfin|: .*, [12] frames$|$)/.exec(
      line,
    );
    kinds.add(kind?.[1] ?? line);
  }
  // One frame is lost where the table does not say of a function that it makes none.
  kinds.delete('RangeError'); // another code
  expect([...kinds].sort()).toEqual(['RuntimeError', signal, 'refused']);
});
