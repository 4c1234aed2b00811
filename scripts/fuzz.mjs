// npm run fuzz: see test/fuzz/run.ts. Runs on the built dist/.
import { build } from 'esbuild';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

// Inside the project, so that the bundle finds node_modules.
const dir = mkdtempSync('build/fuzz-');
try {
  const outfile = join(dir, 'fuzz.mjs');
  await build({
    entryPoints: ['test/fuzz/run.ts'],
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile,
  });
  const { main } = await import(pathToFileURL(outfile).href);
  const { Engine } = await import('../dist/index.js');
  const settings = [
    { optLevel: 2 },
    { optLevel: 0 },
    { optLevel: 2, explicitChecks: true },
    { optLevel: 's' },
    { optLevel: 1 },
  ];
  process.exitCode = main(
    process.argv.slice(2),
    settings.map((s) => new Engine(s).WebAssembly),
  );
} finally {
  rmSync(dir, { recursive: true, force: true });
}
