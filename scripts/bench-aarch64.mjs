// `npm run bench -- --target aarch64 [--only REGEX] [--json FILE]`: instructions executed between bench.start and bench.end,
// counted exactly by a plugin of qemu-user (bench/count/icount.c), and size of the code: Elfin's, and that of wasmtime's
// release library for AArch64 (PyPI; bench/count/wasmtime.c), on the same modules.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { cache, installHeaders, paths, WASMTIME } from './bench-setup.mjs';
import { benchFolder, run, withHalves } from './guests.mjs';
import { home, qemu, qemuNode, setUp } from './qemu-aarch64.mjs';

const MINUTES = 60_000;
const plugin = join(home, 'icount.so');
const wasmtimeHost = join(home, 'wasmtime-count');
const wheel = join(home, `wasmtime-${WASMTIME}`);

function installWasmtime() {
  if (existsSync(join(wheel, 'wasmtime'))) return;
  mkdirSync(wheel, { recursive: true });
  const options = ['--platform', 'manylinux2014_aarch64', '--only-binary=:all:', '--no-deps'];
  const pip = ['-m', 'pip', 'download', '--quiet', ...options, '-d', wheel];
  run('python3', [...pip, `wasmtime==${WASMTIME}`]);
  const [file] = readdirSync(wheel).filter((name) => name.endsWith('.whl'));
  run('python3', ['-m', 'zipfile', '-e', join(wheel, file), wheel]);
}

function buildTools(root) {
  const source = (name) => join(root, 'bench', 'count', name);
  run('cc', ['-O2', '-shared', '-fPIC', source('icount.c'), '-o', plugin]);
  mkdirSync(cache, { recursive: true });
  installHeaders();
  const library = join(wheel, 'wasmtime', 'linux-aarch64');
  const link = [join(library, '_libwasmtime.so'), `-Wl,-rpath,${library}`, '-o', wasmtimeHost];
  const compile = ['-O2', source('wasmtime.c'), `-I${paths.headers}`];
  run('aarch64-linux-gnu-gcc', [...compile, ...link]);
}

/** Runs a command line under the plugin; answers what was counted, or an error's text. */
function count(commandLine, out) {
  const [program, args] = commandLine(`${plugin},out=${out}`);
  try {
    const options = { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], timeout: 10 * MINUTES };
    const text = execFileSync(program, args, options);
    const instructions = Number(readFileSync(out, 'utf8').trim().split('\n')[0]);
    return { instructions, codeSize: Number(/^code (\d+)$/m.exec(text)[1]) };
  } catch (error) {
    return { error: String(error.stdout || error.stderr || error.message).trim() };
  }
}

function geomean(values) {
  return values.length === 0
    ? null
    : Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}

const ratioOf = (row, field) => row.elfin[field] / row.wasmtime[field];

function summary(rows) {
  const both = rows.filter((r) => r.elfin.error === undefined && r.wasmtime.error === undefined);
  const mean = (field) => {
    return geomean(both.map((row) => ratioOf(row, field)).filter((x) => x > 0 && x < Infinity));
  };
  return {
    target: 'aarch64-linux',
    wasmtime: WASMTIME,
    modules: rows,
    geomean: {
      instructions: { wasmtime: mean('instructions') },
      codeSize: { wasmtime: mean('codeSize') },
    },
  };
}

function line(row) {
  const { name, elfin, wasmtime } = row;
  const failure = elfin.error ?? wasmtime.error;
  if (failure !== undefined) return `${name}: ${failure}`;
  const ratios = ['instructions', 'codeSize'].map((f) => ratioOf(row, f).toFixed(3));
  const counts = `${elfin.instructions} / ${wasmtime.instructions}`;
  return `${name.padEnd(24)} ${counts.padStart(26)} = ${ratios[0]}   code ${ratios[1]}`;
}

/** The command; returns the exit status. */
export async function benchAarch64(args, root) {
  const { values } = parseArgs({
    args,
    options: {
      target: { type: 'string' },
      only: { type: 'string', default: '' },
      json: { type: 'string' },
    },
  });
  await setUp();
  installWasmtime();
  buildTools(root);
  const settings = { target: 'aarch64-linux', cpu: 'baseline', optLevel: 2 };
  const result = await withHalves(home, async (host, guestFile, dir) => {
    const out = join(dir, 'count');
    const rows = [];
    for (const record of host.benchmarks(dir, benchFolder(), settings, new RegExp(values.only))) {
      const { name, wasm, file } = record;
      const ours = (plug) => qemuNode([guestFile, 'count', file], plug);
      const theirs = (plug) => qemu(wasmtimeHost, [wasm, dirname(wasm)], plug);
      rows.push({ name, elfin: count(ours, out), wasmtime: count(theirs, out) });
      console.log(line(rows.at(-1)));
    }
    return summary(rows);
  });
  const { instructions, codeSize } = result.geomean;
  console.log(
    `geometric means, Elfin / wasmtime: instructions ${instructions.wasmtime?.toFixed(3)}, code ${codeSize.wasmtime?.toFixed(3)}`,
  );
  if (values.json !== undefined) writeFileSync(values.json, JSON.stringify(result, null, 2));
  return result.modules.every((m) => m.elfin.error === undefined) ? 0 : 1;
}
