// Builds dist/ (bundles by esbuild, declarations by tsc) and, unless --ts-only is given, the native addon if it is
// not there. `--minify-syntax` is what makes esbuild put the numbers of `export const` lines into the code, so that
// every `switch` over opcodes has literal cases.
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { build } from 'esbuild';

const entryPoints = {
  index: 'src-ts/index.ts',
  runtime: 'src-ts/runtime/index.ts',
  wasi: 'src-ts/wasi/index.ts',
  compiler: 'src-ts/compiler/index.ts',
  worker: 'src-ts/compiler/worker.ts',
  cli: 'src-ts/cli/main.ts',
};

/** Runs a program; rejects if it fails. */
function run(command, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: 'inherit' });
    child.on('error', reject);
    child.on('exit', (code) =>
      code === 0
        ? resolve()
        : reject(new Error(`${command} ${args.join(' ')}: exit status ${code}`)),
    );
  });
}

async function bundle() {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
  await build({
    entryPoints,
    outdir: 'dist',
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
  const cli = readFileSync('dist/cli.js', 'utf8');
  if (!cli.startsWith('#!')) writeFileSync('dist/cli.js', `#!/usr/bin/env node\n${cli}`);
  chmodSync('dist/cli.js', 0o755);
}

process.chdir(new URL('..', import.meta.url).pathname);
rmSync('dist', { recursive: true, force: true });
try {
  await Promise.all([
    bundle(),
    run(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json']),
  ]);
  if (!process.argv.includes('--ts-only') && !existsSync('build/Release/elfin.node')) {
    // Through npm, which brings node-gyp along.
    await run('npm', ['run', '--silent', 'build:native']);
  }
} catch (error) {
  console.error(`build: ${error.message}`);
  process.exitCode = 1;
}
