// The bundles by esbuild. `--minify-syntax` is what makes it put the numbers of `export const` lines into the code, so
// that every `switch` over opcodes has literal cases.
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { build } from 'esbuild';

const entryPoints = {
  index: 'src-ts/index.ts',
  runtime: 'src-ts/runtime/index.ts',
  wasi: 'src-ts/wasi/index.ts',
  compiler: 'src-ts/compiler/index.ts',
  worker: 'src-ts/compiler/worker.ts',
  cli: 'src-ts/cli/main.ts',
};

/** Bundles what the package exports into `outdir`; the working directory is the package's root. */
export async function bundle(outdir) {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
  await build({
    entryPoints,
    outdir,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    minifySyntax: true,
    define: { ELFIN_VERSION: JSON.stringify(version) },
    external: ['commander', 'wabt', '@alexaltea/capstone-js', '@bytecodealliance/*'],
    logLevel: 'warning',
  });
  const cli = readFileSync(`${outdir}/cli.js`, 'utf8');
  if (!cli.startsWith('#!')) writeFileSync(`${outdir}/cli.js`, `#!/usr/bin/env node\n${cli}`);
  chmodSync(`${outdir}/cli.js`, 0o755);
}
