/** A warm compiler stays optimised: V8 takes back no code of it once it has met what it compiles a few times. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { expect, test } from 'vitest';

const root = new URL('../..', import.meta.url).pathname;
const WARM_UP = 30;
const ROUNDS = 5;

const PROGRAM = `
import { compile } from '${join(root, 'src-ts/compiler/index.ts')}';
import { readFileSync } from 'node:fs';
const bytes = new Uint8Array(readFileSync('${join(root, 'examples/primes.wasm')}'));
for (let i = 0; i < ${WARM_UP + ROUNDS}; i++) {
  if (i === ${WARM_UP}) console.log('warm');
  for (const optLevel of [2, 0]) compile(bytes, { optLevel, cpu: 'baseline' });
}
`;

test('nothing is deoptimised after warm-up', { timeout: 120_000 }, async () => {
  const dir = mkdtempSync(join(root, 'build', 'warm-'));
  try {
    const source = join(dir, 'program.ts');
    const outfile = join(dir, 'program.mjs');
    writeFileSync(source, PROGRAM);
    await build({
      entryPoints: [source],
      outfile,
      bundle: true,
      platform: 'node',
      format: 'esm',
      minifySyntax: true,
      logLevel: 'error',
    });
    const options = { encoding: 'utf8', maxBuffer: 1 << 26 } as const;
    const text = execFileSync(process.execPath, ['--trace-deopt', outfile], options);
    const after = text.slice(text.indexOf('\nwarm\n'));
    expect(text).toContain('bailout');
    expect(after.split('\n').filter((line) => line.includes('bailout'))).toEqual([]);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});
