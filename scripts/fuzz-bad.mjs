// npm run fuzz:bad: see test/robustness/run.ts. Runs on the sources and the built addon.
import { build } from 'esbuild';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

// Inside the project, so that the bundle finds node_modules.
const dir = mkdtempSync('build/fuzz-bad-');
try {
  const outfile = join(dir, 'run.mjs');
  await build({
    entryPoints: ['test/robustness/run.ts'],
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    outfile,
  });
  const { main } = await import(pathToFileURL(outfile).href);
  process.exitCode = await main(process.argv.slice(2));
} finally {
  rmSync(dir, { recursive: true, force: true });
}
