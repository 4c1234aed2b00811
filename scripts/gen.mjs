// Runs isa/gen: checks the tables under isa/ and writes src-ts/gen/ and native/core/gen/ (checked in; a test keeps them fresh).
import { build } from 'esbuild';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const dir = mkdtempSync(join(tmpdir(), 'elfin-gen-'));
try {
  const outfile = join(dir, 'gen.mjs');
  await build({
    entryPoints: ['isa/gen/main.ts'],
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile,
  });
  await import(pathToFileURL(outfile).href);
} finally {
  rmSync(dir, { recursive: true, force: true });
}
