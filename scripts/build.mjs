// Builds dist/ (bundles by esbuild, declarations by tsc) and, unless --ts-only is given, the native addon if it is
// not there.
import { spawn } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { bundle } from './bundle.mjs';

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

process.chdir(new URL('..', import.meta.url).pathname);
rmSync('dist', { recursive: true, force: true });
try {
  await Promise.all([
    bundle('dist'),
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
