// `npm run bench`: sets the peers up, bundles bench/ and runs it (bench/main.ts has the options).
import { build } from 'esbuild';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { cache, paths, setUp, WASMTIME } from './bench-setup.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const args = process.argv.slice(2);
if (args.includes('--huge')) {
  const { benchCommand } = await import('./bench-command.mjs');
  const folder = join(cache, 'huge');
  await benchCommand('huge', [folder]);
  args.splice(args.indexOf('--huge'), 1, '--modules', folder, '--engines', 'elfin,wasmtime');
}
const command =
  ['passes', 'speed'].find((name) => args.includes(`--${name}`)) ??
  (args.includes('--count') || args.includes('--target') ? 'count/main' : undefined);
if (command !== undefined) {
  const { benchCommand } = await import('./bench-command.mjs');
  process.exit(await benchCommand(command, args));
}
const asksForHelp = args.includes('--help');
const warnings = asksForHelp ? [] : setUp((text) => process.stderr.isTTY && console.error(text));

const js = join(cache, 'js');
await build({
  entryPoints: ['main.ts', 'hosts/elfin.ts', 'hosts/v8.ts', 'hosts/calls.ts'].map((f) =>
    join(root, 'bench', f),
  ),
  outbase: join(root, 'bench'),
  outdir: js,
  outExtension: { '.js': '.mjs' },
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  logLevel: 'warning',
});
const at = (file) => pathToFileURL(join(js, file)).href;
const callsModule = join(cache, 'calls.wasm');
writeFileSync(callsModule, (await import(at('hosts/calls.mjs'))).CALLS_MODULE);

const { main } = await import(at('main.mjs'));
process.exitCode = await main(args, {
  hosts: {
    elfin: join(js, 'hosts', 'elfin.mjs'),
    v8: join(js, 'hosts', 'v8.mjs'),
    wasmtime: join(root, 'bench', 'hosts', 'run_wasmtime.py'),
    wasmtimeLibrary: paths.python,
    wasmtimeCalls: existsSync(paths.callHost) ? paths.callHost : null,
    callsModule,
  },
  defaultModules: process.env.ELFIN_BENCH ?? join(root, '..', 'shared', 'bench'),
  objects: join(cache, 'objects'),
  dist: join(root, 'dist'),
  wasmtimeVersion: WASMTIME,
  elfinVersion: JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version,
  warnings,
});
