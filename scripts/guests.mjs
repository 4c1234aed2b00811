// What the scripts that run things on emulated machines share: installing tools, the two halves of test/aarch64, and what the
// halves are given to do.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

export function run(command, args, options = {}) {
  execFileSync(command, args, { stdio: ['ignore', 'ignore', 'inherit'], ...options });
}

function has(program) {
  return spawnSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' }).status === 0;
}

/** Installs Debian packages, as root: for each program that is missing those listed with it. Throws Error where it can not. */
export function installPackages(wanted) {
  const missing = Object.keys(wanted).filter((program) => !has(program));
  if (missing.length === 0) return;
  const packages = missing.flatMap((program) => wanted[program]);
  if (process.getuid() !== 0 || !has('apt-get')) {
    throw new Error(`install these packages first: ${packages.join(' ')}`);
  }
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  run('apt-get', ['update', '-qq'], { env });
  run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages], { env });
}

export const hostHome = join(root, '.cache', 'aarch64-host');

/**
 * The two halves of test/aarch64, each below the addon of its machine, in folders of this run; calls `use(host, guest file,
 * folder for what is prepared)` and removes them.
 */
export async function withHalves(guestHome, use) {
  mkdirSync(hostHome, { recursive: true });
  const folders = [hostHome, guestHome].map((folder) => mkdtempSync(join(folder, 'run-')));
  const [hostFile, guestFile] = ['host.mjs', 'guest.mjs'].map((name, i) => join(folders[i], name));
  const source = (half) => join(root, 'test', 'aarch64', `${half}.ts`);
  const options = {
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    minifySyntax: true,
    external: ['wabt', '@alexaltea/capstone-js', '@bytecodealliance/*', 'binaryen'],
    define: { ELFIN_VERSION: '"0"' },
    logLevel: 'warning',
  };
  try {
    await build({ ...options, entryPoints: [source('host')], outfile: hostFile });
    await build({ ...options, entryPoints: [source('guest')], outfile: guestFile });
    return await use(await import(pathToFileURL(hostFile).href), guestFile, folders[0]);
  } finally {
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  }
}

const CHECK_OPTIONS = {
  opt: { type: 'string', short: 'O', default: '2' },
  'explicit-checks': { type: 'boolean', default: false },
  only: { type: 'string', default: '' },
  count: { type: 'string', default: '200' },
  seed: { type: 'string', default: '1' },
  here: { type: 'boolean', default: false },
};

/** The options of a check: `here` is whether it runs on this machine. */
export function checkOptions(args) {
  return parseArgs({ args, options: CHECK_OPTIONS }).values;
}

/** Has the host half prepare a check (wast, fuzz or bench) for a target in `dir`; returns the files for the guest. */
export async function prepareCheck(kind, args, target, host, dir) {
  const values = checkOptions(args);
  const optLevel = values.opt === 's' ? 's' : Number(values.opt);
  const settings = { target, cpu: 'baseline', optLevel, explicitChecks: values['explicit-checks'] };
  const only = new RegExp(values.only);
  if (kind === 'wast') return host.recordSuite(dir, suiteFolder(), settings, only);
  if (kind === 'bench') return host.recordBench(dir, benchFolder(), settings, only);
  return host.recordFuzz(dir, Number(values.seed), Number(values.count), [
    settings,
    { ...settings, optLevel: 0 },
    { ...settings, explicitChecks: true },
    { ...settings, optLevel: 's' },
  ]);
}

const shared = (folder) => join(root, '..', 'shared', folder);

export const benchFolder = () => process.env.ELFIN_BENCH ?? shared('bench');

function suiteFolder() {
  const places = [
    process.env.ELFIN_TESTSUITE,
    shared('testsuite'),
    join(root, '.cache', 'testsuite'),
  ];
  const found = places.find((place) => place && existsSync(join(place, 'i32.wast')));
  if (found === undefined) throw new Error('no official suite: set ELFIN_TESTSUITE');
  return found;
}
