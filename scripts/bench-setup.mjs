// Installs the peers of the benchmark into .cache/bench (ignored by git), once: wasmtime's release library (the wheel of
// PyPI), and, where a C compiler and cargo are there, a small C host for the cost of its calls (headers from its crate).
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

export const WASMTIME = '50.0.1';
/** The C headers of this version fit the functions used of the library above. */
const HEADERS = '48.0.8';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
export const cache = join(root, '.cache', 'bench');
export const paths = {
  python: join(cache, `wasmtime-${WASMTIME}`),
  headers: join(cache, `headers-${HEADERS}`),
  callHost: join(cache, 'wasmtime-calls'),
};

function run(command, args, options = {}) {
  return execFileSync(command, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    ...options,
  });
}

export function installLibrary() {
  if (existsSync(join(paths.python, 'wasmtime'))) return;
  rmSync(paths.python, { recursive: true, force: true });
  run('python3', [
    '-m',
    'pip',
    'install',
    '--quiet',
    '--target',
    paths.python,
    `wasmtime==${WASMTIME}`,
  ]);
}

/** `wasmtime/conf.h` is written by the crate's CMake run; the features are those of the release build. */
function writeConf(include) {
  const template = readFileSync(join(include, 'wasmtime', 'conf.h.in'), 'utf8');
  const text = template.replace(/^#cmakedefine (\w+)$/gm, '#define $1 1');
  writeFileSync(join(include, 'wasmtime', 'conf.h'), text);
}

export function installHeaders() {
  if (existsSync(join(paths.headers, 'wasmtime', 'conf.h'))) return;
  const crate = join(cache, 'headers-crate');
  mkdirSync(join(crate, 'src'), { recursive: true });
  writeFileSync(join(crate, 'src', 'lib.rs'), '');
  writeFileSync(
    join(crate, 'Cargo.toml'),
    `[package]\nname = "headers"\nversion = "0.0.0"\nedition = "2021"\n[dependencies]\n` +
      `wasmtime-c-api-impl = { version = "=${HEADERS}", default-features = false }\n[workspace]\n`,
  );
  const metadata = run('cargo', ['metadata', '--format-version', '1'], {
    cwd: crate,
    maxBuffer: 1 << 28,
  });
  const found = JSON.parse(metadata).packages.find((p) => p.name === 'wasmtime-c-api-impl');
  cpSync(join(dirname(found.manifest_path), 'include'), paths.headers, { recursive: true });
  writeConf(paths.headers);
  rmSync(crate, { recursive: true, force: true });
}

function buildCallHost() {
  const source = join(root, 'bench', 'hosts', 'wasmtime-calls.c');
  const library = join(paths.python, 'wasmtime', 'linux-x86_64');
  const args = [
    '-O2',
    '-o',
    paths.callHost,
    source,
    `-I${paths.headers}`,
    join(library, '_libwasmtime.so'),
  ];
  run('cc', [...args, `-Wl,-rpath,${library}`]);
}

/** Makes what is missing; answers the reasons for what could not be had (nothing is fatal but the library). */
export function setUp(log = () => {}) {
  mkdirSync(cache, { recursive: true });
  log(`installing wasmtime ${WASMTIME} from PyPI`);
  installLibrary();
  if (existsSync(paths.callHost)) return [];
  try {
    log('building the C host for call costs');
    installHeaders();
    buildCallHost();
    return [];
  } catch (error) {
    const reason = String(error.stderr || error.message)
      .trim()
      .split('\n')
      .pop();
    return [`wasmtime's call costs are not measured: ${reason}`];
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  for (const warning of setUp((text) => console.log(text))) console.warn(warning);
}
