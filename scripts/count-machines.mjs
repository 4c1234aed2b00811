// Where instructions are counted: a machine that qemu-user plays, Node and wasmtime's library on it, and the plugin that
// counts (bench/count). Made in .cache (ignored by git).
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
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
 * By target: what prepares the machine, the command lines of a program and of Node on it, the settings that Elfin compiles
 * with, a folder below whose parent the addon is, the folder of wasmtime's library, and the C compiler.
 */
const MACHINES = {
  'x86_64-linux': {
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

const sourceOf = (name) => join(Arm.root, 'bench', 'count', name);

/** Compiles a C file once for each of its versions. */
function buildC(cc, name, args) {
  const digest = createHash('sha1').update(readFileSync(sourceOf(name)));
  const out = join(cache, `${name}-${digest.update([cc, ...args].join(' ')).digest('hex')}`);
  if (!existsSync(out)) Arm.run(cc, ['-O2', sourceOf(name), ...args, '-o', out]);
  return out;
}

/**
 * Sets up counting on a target. Answers `settings` for compiling, and makers of command lines: `ours(file)` for what
 * bench/count/program.ts prepared, `theirs(module, folder, object, args)`; each wants the file the counts go to first.
 */
export async function countingMachine(target) {
  const machine = MACHINES[target];
  mkdirSync(cache, { recursive: true });
  await machine.setUp();
  installHeaders();
  const library = machine.wasmtime();
  const plugin = buildC('cc', 'icount.c', ['-shared', '-fPIC']);
  const link = [join(library, '_libwasmtime.so'), `-Wl,-rpath,${library}`];
  const host = buildC(machine.cc, 'wasmtime.c', [`-I${paths.headers}`, ...link]);
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
