// Where instructions are counted: a machine that qemu-user plays, Node and wasmtime's library on it, and the plugin that
// counts (bench/count). Made in .cache (ignored by git).
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { cache, installHeaders, installLibrary, paths, WASMTIME } from './bench-setup.mjs';
import * as Arm from './qemu-aarch64.mjs';

/** qemu's `max` plays at least these; wasmtime finds them itself. */
const X64_FEATURES = 'sse3,ssse3,sse4.1,sse4.2,popcnt,lzcnt,bmi1,bmi2,avx,avx2,fma'.split(',');

function qemuX64(program, args, plugin) {
  const options = ['-cpu', 'max', ...(plugin === undefined ? [] : ['-plugin', plugin])];
  return ['qemu-x86_64', [...options, program, ...args]];
}

/** wasmtime's wheel for AArch64, which pip installs on no other machine. */
function installArmLibrary() {
  const wheel = join(cache, `wasmtime-${WASMTIME}-aarch64`);
  if (!existsSync(join(wheel, 'wasmtime'))) {
    mkdirSync(wheel, { recursive: true });
    const options = ['--platform', 'manylinux2014_aarch64', '--only-binary=:all:', '--no-deps'];
    const pip = ['-m', 'pip', 'download', '--quiet', ...options, '-d', wheel];
    Arm.run('python3', [...pip, `wasmtime==${WASMTIME}`]);
    const [file] = readdirSync(wheel).filter((name) => name.endsWith('.whl'));
    Arm.run('python3', ['-m', 'zipfile', '-e', join(wheel, file), wheel]);
  }
  return join(wheel, 'wasmtime', 'linux-aarch64');
}

/**
 * By target: what installs the packages, and what prepares the whole machine, the command lines of a program and of Node on it, the settings that Elfin compiles
 * with, a folder below whose parent the addon is, the folder of wasmtime's library, and the C compiler.
 */
const MACHINES = {
  'x86_64-linux': {
    packages: () => Arm.installPackages({ 'qemu-x86_64': 'qemu-user' }),
    setUp: () => Arm.installPackages({ 'qemu-x86_64': 'qemu-user' }),
    program: qemuX64,
    node: (args, plugin) => qemuX64(process.execPath, args, plugin),
    settings: { cpu: X64_FEATURES },
    home: Arm.hostHome,
    wasmtime() {
      installLibrary();
      return join(paths.python, 'wasmtime', 'linux-x86_64');
    },
    cc: 'cc',
  },
  'aarch64-linux': {
    packages: () => Arm.installPackages(Arm.PACKAGES),
    setUp: Arm.setUp,
    program: Arm.qemu,
    node: Arm.qemuNode,
    settings: { cpu: 'baseline' },
    home: Arm.home,
    wasmtime: installArmLibrary,
    cc: 'aarch64-linux-gnu-gcc',
  },
};

/** The target that a word stands for: `aarch64` as well as `aarch64-linux`. Throws Error for others. */
export function countingTarget(word) {
  const found = Object.keys(MACHINES).find((t) => t === word || t.split('-')[0] === word);
  if (found === undefined) throw new Error(`instructions are not counted on '${word}'`);
  return found;
}

/** Compiles a C file of bench/ once for each of its versions. */
function buildC(cc, path, args) {
  const source = join(Arm.root, 'bench', path);
  const digest = createHash('sha1').update(readFileSync(source));
  const out = join(
    cache,
    `${basename(path)}-${digest.update([cc, ...args].join(' ')).digest('hex')}`,
  );
  if (!existsSync(out)) Arm.run(cc, ['-O2', source, ...args, '-o', out]);
  return out;
}

/** Compiles a C file of bench/ against wasmtime's library. */
function buildHost(machine, path) {
  installHeaders();
  const library = machine.wasmtime();
  const link = [join(library, '_libwasmtime.so'), `-Wl,-rpath,${library}`];
  return buildC(machine.cc, path, [`-I${paths.headers}`, ...link]);
}

/** Sets up wasmtime on a target. Answers a maker of command lines that compile a module to an object. */
export function wasmtimeCompiler(target) {
  const machine = MACHINES[target];
  mkdirSync(cache, { recursive: true });
  machine.packages();
  const host = buildHost(machine, 'hosts/wasmtime-serialize.c');
  return (module, object) => machine.program(host, [module, object]);
}

/**
 * Sets up counting on a target. Answers `settings` for compiling, and makers of command lines: `ours(file)` for what
 * bench/count/program.ts prepared, `theirs(module, folder, object, args)`; each wants the file the counts go to first.
 */
export async function countingMachine(target) {
  const machine = MACHINES[target];
  mkdirSync(cache, { recursive: true });
  await machine.setUp();
  const plugin = buildC('cc', 'count/icount.c', ['-shared', '-fPIC']);
  const host = buildHost(machine, 'count/wasmtime.c');
  mkdirSync(machine.home, { recursive: true });
  const guest = join(machine.home, 'count', 'guest.mjs');
  await Arm.bundleHalf('guest', guest);
  return {
    target,
    settings: { target, ...machine.settings },
    /** Whatever changes what is counted of wasmtime. */
    peerVersion: `${WASMTIME} ${host}`,
    counted: join(cache, 'counted'),
    ours: (out, file) => machine.node([guest, 'count', file], `${plugin},out=${out}`),
    theirs: (out, ...args) => machine.program(host, args, `${plugin},out=${out}`),
  };
}
