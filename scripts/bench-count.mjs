// `npm run bench -- --count [--target T]`: bundles bench/count and runs it on a machine played by qemu.
import { build } from 'esbuild';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { countingMachine, countingTarget } from './count-machines.mjs';
import { benchFolder, hostHome, root } from './qemu-aarch64.mjs';

const HOST_TARGET = process.arch === 'arm64' ? 'aarch64-linux' : 'x86_64-linux';

/** Runs the command `name` (bench/count/`name`.ts) for the target its options name; returns the exit status. */
export async function countCommand(name, args) {
  const outfile = join(hostHome, 'count', `${name}.mjs`);
  await build({
    entryPoints: [join(root, 'bench', 'count', `${name}.ts`)],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    minifySyntax: true,
    external: ['elf-tools', 'wabt', '@alexaltea/capstone-js'],
    define: { ELFIN_VERSION: '"0"' },
    logLevel: 'warning',
  });
  const { main } = await import(pathToFileURL(outfile).href);
  return main(args, {
    defaultTarget: HOST_TARGET,
    defaultModules: benchFolder(),
    machine: (word) => countingMachine(countingTarget(word)),
  });
}
