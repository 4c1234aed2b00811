/** The unwind tables of objects as readelf and llvm-dwarfdump see them: nothing to complain of, on both ELF targets. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compile } from '../../src-ts/compiler/index.ts';
import { checksum, readObject } from '../../src-ts/object/index.ts';
import { parseText } from '../../src-ts/tools/wat.ts';
import { missing } from './guest.ts';
import { SHAPES } from './shapes.ts';

const dir = mkdtempSync(join(tmpdir(), 'elfin-frames-'));
afterAll(() => rmSync(dir, { recursive: true }));

const MODULES = ['primes', 'shapes'] as const;
const bytes = new Map<string, Uint8Array>();
beforeAll(async () => {
  bytes.set('primes', readFileSync(join(import.meta.dirname, '../../examples/primes.wasm')));
  bytes.set('shapes', await parseText(SHAPES.replace('NESTED', '0')));
});

const VARIANTS = MODULES.flatMap((module) =>
  (['x86_64-linux', 'aarch64-linux'] as const).flatMap((target) =>
    ([0, 2] as const).flatMap((optLevel) =>
      [false, true].map((debugInfo) => ({ module, target, optLevel, debugInfo })),
    ),
  ),
);

/** Compiles to a file; returns its path and at how many places functions and entries begin. */
function object({ module, ...options }: (typeof VARIANTS)[number]): [string, number] {
  const file = join(dir, `${module}-${options.target}-${options.optLevel}-${options.debugInfo}.o`);
  const code = compile(bytes.get(module)!, { cpu: 'baseline', ...options });
  writeFileSync(file, code);
  const { functions, layout } = readObject(code, checksum);
  const starts = new Set([...functions.offsets, ...functions.entries]);
  // A function that is only ever inlined has no place.
  return [file, [...starts].filter((offset) => offset < layout.textSize).length];
}

/** What a tool prints, which must not complain. */
function clean(tool: string, ...args: string[]): string {
  const { stdout, stderr, status } = spawnSync(tool, args, {
    encoding: 'utf8',
    maxBuffer: 1 << 27,
  });
  expect(stderr).toBe('');
  expect(stdout).not.toMatch(/warning|error:|invalid|corrupt|unrecognized|unknown/i);
  expect(status).toBe(0);
  return stdout;
}

const count = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].length;

describe.each(VARIANTS)('$module, $target, -O$optLevel, debugInfo $debugInfo', (variant) => {
  test.skipIf(missing('readelf').length > 0)('readelf --debug-dump=frames', () => {
    const [file, functions] = object(variant);
    for (const how of ['frames', 'frames-interp']) {
      const out = clean('readelf', `--debug-dump=${how}`, file);
      expect(count(out, / FDE cie=/g)).toBeGreaterThanOrEqual(functions);
    }
  });

  test.skipIf(missing('llvm-dwarfdump').length > 0)('llvm-dwarfdump', () => {
    const [file, functions] = object(variant);
    const out = clean('llvm-dwarfdump', '--eh-frame', file);
    expect(count(out, / FDE cie=/g)).toBeGreaterThanOrEqual(functions);
    for (const args of [['--verify'], ['--eh-frame', '--verify']]) {
      const verdict = spawnSync('llvm-dwarfdump', [...args, file], { encoding: 'utf8' });
      expect(verdict.stderr).toBe('');
      expect(verdict.stdout).toMatch(/No errors\.\s*$/);
    }
  });
});
