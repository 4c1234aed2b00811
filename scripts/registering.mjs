// What the unwind tables of an object with N functions cost at load: node scripts/registering.mjs [N, default 20000]
// Uses the built library (npm run build:ts); builds native/test/registering.cc.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compile } from '../dist/compiler.js';

const PAGE = 4096;
const leb = (n) => (n < 128 ? [n] : [(n & 127) | 128, ...leb(n >>> 7)]);
const section = (id, bytes) => [id, ...leb(bytes.length), ...bytes];

/** A module of `count` functions (i32) -> i32 that call each other. */
function module(count) {
  const body = (next) => {
    const code = [0, 0x20, 0, 0x41, 3, 0x6c, 0x10, ...leb(next), 0x20, 0, 0x6a, 0x0b];
    return [...leb(code.length), ...code];
  };
  const functions = Array.from({ length: count }, (_, i) => body((i + 7) % count)).flat();
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, 0x60, 1, 0x7f, 1, 0x7f]),
    ...section(3, [...leb(count), ...Array(count).fill(0)]),
    ...section(7, [1, 1, 0x66, 0, 0]),
    ...section(10, [...leb(count), ...functions]),
  ]);
}

/** Offset and size of the first two sections, .text and .eh_frame. */
function places(object) {
  const view = new DataView(object.buffer, object.byteOffset);
  const headers = Number(view.getBigUint64(0x28, true));
  return [1, 2].flatMap((i) =>
    [0x18, 0x20].map((field) => Number(view.getBigUint64(headers + 64 * i + field, true))),
  );
}

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const count = Number(process.argv[2] ?? 20000);
// Inlining would leave out most of them.
const object = compile(module(count), { cpu: 'baseline', inline: false });
const dir = mkdtempSync(join(tmpdir(), 'elfin-registering-'));
try {
  const build = join(root, 'build', 'registering');
  const quiet = { stdio: 'pipe' };
  execFileSync('cmake', ['-S', join(root, 'native'), '-B', build], quiet);
  execFileSync('cmake', ['--build', build, '--target', 'elfin_registering', '-j', '2'], quiet);
  const file = join(dir, 'many.o');
  writeFileSync(file, object);
  const where = places(object);
  const size = `${count} functions, ${object.length / PAGE} pages, .eh_frame ${where[3]} bytes`;
  const args = [...where.map(String), file];
  const out = execFileSync(join(build, 'elfin_registering'), args, { encoding: 'utf8' });
  console.log(`${size}; nanoseconds: ${out.trim()}`);
} finally {
  rmSync(dir, { recursive: true });
}
