// Bundles one of the programs in bench/ that run in this process and calls its `main`.
import { build } from 'esbuild';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { countingMachine, countingTarget } from './count-machines.mjs';
import { benchFolder, hostHome, root } from './qemu-aarch64.mjs';

const HOST_TARGET = process.arch === 'arm64' ? 'aarch64-linux' : 'x86_64-linux';

/** Runs bench/`name`.ts; returns the exit status. */
export async function benchCommand(name, args) {
  const outfile = join(hostHome, 'commands', `${name.replace('/', '-')}.mjs`);
  await build({
    entryPoints: [join(root, 'bench', `${name}.ts`)],
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
    dist: join(root, 'dist'),
    machine: (word) => countingMachine(countingTarget(word)),
  });
}
