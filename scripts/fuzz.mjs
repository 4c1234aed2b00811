// npm run fuzz: see test/fuzz/run.ts. Runs on the built dist/.
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

// One process does so many: what both engines reserve for modules and memories is given back late, and ends at the address space.
const MOST = 5000;
const { values } = parseArgs({
  strict: false,
  options: {
    count: { type: 'string' },
    seed: { type: 'string' },
    'explicit-checks': { type: 'boolean' },
  },
});
const first = Number(values.seed ?? 1);
const end = first + Number(values.count ?? 1000);
if (end - first > MOST) {
  let status = 0;
  for (let seed = first; seed < end; seed += MOST) {
    const part = ['--seed', `${seed}`, '--count', `${Math.min(MOST, end - seed)}`];
    const args = [process.argv[1], ...process.argv.slice(2), ...part];
    status ||= spawnSync(process.execPath, args, { stdio: 'inherit' }).status ?? 1;
  }
  process.exit(status);
}

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
  const checked = { optLevel: 2, explicitChecks: true };
  const settings = [{ optLevel: 2 }, { optLevel: 0 }, checked, { optLevel: 's' }, { optLevel: 1 }];
  process.exitCode = main(
    process.argv.slice(2),
    (values['explicit-checks'] ? [checked] : settings).map((s) => new Engine(s).WebAssembly),
  );
} finally {
  rmSync(dir, { recursive: true, force: true });
}
