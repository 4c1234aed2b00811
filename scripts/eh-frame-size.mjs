// Size of .eh_frame beside wasmtime's, for the same modules: bytes per function (trampolines count as functions).
//
//   node scripts/eh-frame-size.mjs [--target aarch64-linux] FILE.wasm|FOLDER…     default: examples and the benchmark's folder
//
// Uses the built library (npm run build:ts); installs wasmtime's library for the target as the benchmark does. A module of which either
// compiler does not support something is left out.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { compile } from '../dist/compiler.js';
import { wasmtimeCompiler } from './count-machines.mjs';

/** Contents of .eh_frame of a 64-bit little-endian ELF file. */
function ehFrame(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const number = (at) => Number(view.getBigUint64(at, true));
  const headers = number(0x28);
  const section = (i) => headers + 64 * i;
  const names = number(section(view.getUint16(0x3e, true)) + 0x18);
  for (let i = 0; i < view.getUint16(0x3c, true); i++) {
    const name = names + view.getUint32(section(i), true);
    if (Buffer.from(bytes.subarray(name, name + 10)).toString('latin1') !== '.eh_frame\0') continue;
    const offset = number(section(i) + 0x18);
    return bytes.subarray(offset, offset + number(section(i) + 0x20));
  }
  throw new Error('no .eh_frame');
}

/** Number of FDEs, and bytes of the section. */
function count(section) {
  const view = new DataView(section.buffer, section.byteOffset, section.byteLength);
  let fdes = 0;
  for (let at = 0; at + 4 < section.length; at += 4 + view.getUint32(at, true)) {
    if (view.getUint32(at, true) === 0) break;
    if (view.getUint32(at + 4, true) !== 0) fdes++;
  }
  return { fdes, bytes: section.length };
}

function wasmtimeObject(commandLine, path, dir) {
  const object = join(dir, 'module.cwasm');
  execFileSync(...commandLine(path, object), { stdio: 'pipe' });
  return readFileSync(object);
}

function wasmFiles(path) {
  if (!statSync(path).isDirectory()) return path.endsWith('.wasm') ? [path] : [];
  return readdirSync(path, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => wasmFiles(join(path, entry.name)));
}

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { target: { type: 'string', default: 'x86_64-linux' } },
});
const bench = process.env.ELFIN_BENCH ?? join(root, '..', 'shared', 'bench');
const folders = positionals.length > 0 ? positionals : [join(root, 'examples'), bench];
const wasmtime = wasmtimeCompiler(values.target);
const dir = mkdtempSync(join(tmpdir(), 'elfin-eh-frame-'));
const sums = [0, 0, 0, 0];
console.log('bytes of .eh_frame per function   Elfin  wasmtime  ratio');
for (const path of folders.flatMap(wasmFiles)) {
  const label = `${basename(dirname(path))}/${basename(path)}`;
  let ours, theirs;
  try {
    ours = count(ehFrame(compile(readFileSync(path), { target: values.target, cpu: 'baseline' })));
    theirs = count(ehFrame(wasmtimeObject(wasmtime, path, dir)));
  } catch (error) {
    console.log(`${label.padEnd(32)}  ${error.message.split('\n')[0].slice(0, 60)}`);
    continue;
  }
  const per = (of) => of.bytes / of.fdes;
  const figures = [
    per(ours).toFixed(1),
    per(theirs).toFixed(1),
    (per(ours) / per(theirs)).toFixed(2),
  ];
  console.log(`${label.padEnd(32)} ${figures.map((f) => f.padStart(7)).join('')}`);
  [ours.bytes, ours.fdes, theirs.bytes, theirs.fdes].forEach((n, i) => (sums[i] += n));
}
rmSync(dir, { recursive: true });
const all = [sums[0] / sums[1], sums[2] / sums[3]];
console.log(
  `all: ${sums[1]} and ${sums[3]} functions, ${all[0].toFixed(1)} and ${all[1].toFixed(1)} bytes each, ratio ` +
    `${(all[0] / all[1]).toFixed(2)}; sections ${(sums[0] / sums[2]).toFixed(2)}`,
);
