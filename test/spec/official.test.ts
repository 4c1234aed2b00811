/** The official suite on Elfin, in this process: every assertion in scope, at several settings. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Engine } from '../../src-ts/index.ts';
import { runWast } from '../../src-ts/tools/wast/run.ts';
import type { WasmNamespace } from '../../src-ts/tools/wast/wasm.ts';
import { suitePath } from '../suite-path.ts';
import { scriptsIn } from './suite.ts';

const suite = suitePath();

const configurations = [
  { name: 'optimised', options: { optLevel: 2 } },
  { name: 'not optimised', options: { optLevel: 0 } },
  { name: 'with explicit checks', options: { explicitChecks: true } },
  { name: 'for the baseline processor', options: { optLevel: 1, cpu: 'baseline' } },
] as const;

describe.skipIf(suite === null).each(configurations)('official suite $name', ({ options }) => {
  const scripts = suite === null ? [] : scriptsIn(suite);
  const wasm = new Engine(options).WebAssembly as unknown as WasmNamespace;
  test.each(scripts)('%s', async (name) => {
    const failures: string[] = [];
    await runWast(readFileSync(join(suite as string, name), 'utf8'), {
      wasm,
      onResult: (r) => {
        if (r.status === 'failed') failures.push(`${r.line}: ${r.command}: ${r.message}`);
      },
    });
    expect(failures).toEqual([]);
  });
});
