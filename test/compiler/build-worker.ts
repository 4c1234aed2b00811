/** Bundles the compiler's thread for tests, which run from sources. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { setWorkerEntry } from '../../src-ts/compiler/parallel.ts';

/** Makes asynchronous compilation use a fresh bundle; returns what removes it. */
export async function bundleWorker(): Promise<() => void> {
  const dir = mkdtempSync(join(tmpdir(), 'elfin-worker-'));
  const outfile = join(dir, 'worker.mjs');
  const root = new URL('../..', import.meta.url).pathname;
  await build({
    entryPoints: [join(root, 'src-ts/compiler/worker.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    minifySyntax: true,
    logLevel: 'error',
  });
  setWorkerEntry(pathToFileURL(outfile));
  return () => rmSync(dir, { recursive: true });
}
