/**
 * Finds benchmark modules below a folder: every `.wasm` that imports `bench.start`, with the outputs expected of it
 * (`<stem>.stdout.expected`, else `default.stdout.expected`, beside it; the same for stderr).
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, relative, sep } from 'node:path';

export interface BenchModule {
  /** Short unique name: the folder's, or the file's own where that says more than `benchmark`. */
  readonly name: string;
  readonly path: string;
  readonly directory: string;
  readonly stem: string;
  readonly bytes: number;
  /** Bytes of the code section: what compilation time is proportional to. */
  readonly codeBytes: number;
  /** Files holding the expected output; null where none is given. */
  readonly stdout: string | null;
  readonly stderr: string | null;
}

const IMPORT_SECTION = 2;
const CODE_SECTION = 10;
const BENCH_START = Buffer.from('\x05bench\x05start\x00');

interface Section {
  id: number;
  start: number;
  end: number;
}

/** Section ranges of a binary module; stops at the first thing that is none. */
function sections(bytes: Buffer): Section[] {
  const found: Section[] = [];
  let at = 8;
  while (at < bytes.length) {
    const id = bytes[at++]!;
    let size = 0;
    let shift = 0;
    for (let more = true; more && at < bytes.length; shift += 7) {
      const byte = bytes[at++]!;
      size += (byte & 0x7f) * 2 ** shift;
      more = byte >= 0x80;
    }
    if (at + size > bytes.length) break;
    found.push({ id, start: at, end: at + size });
    at += size;
  }
  return found;
}

function expected(directory: string, stem: string, stream: string): string | null {
  const names = [`${stem}.${stream}.expected`, `default.${stream}.expected`];
  const found = names.map((name) => join(directory, name)).find((path) => existsSync(path));
  return found ?? null;
}

function importsMarks(bytes: Buffer, all: readonly Section[]): boolean {
  const imports = all.find((s) => s.id === IMPORT_SECTION);
  return imports !== undefined && bytes.subarray(imports.start, imports.end).includes(BENCH_START);
}

/** Whether a module imports `bench.start`. */
export function callsMarks(module: Uint8Array): boolean {
  const bytes = Buffer.from(module.buffer, module.byteOffset, module.length);
  return importsMarks(bytes, sections(bytes));
}

function describe(root: string, path: string): BenchModule | null {
  const bytes = readFileSync(path);
  if (bytes.length < 8 || bytes.readUInt32LE(0) !== 0x6d736100) return null;
  const all = sections(bytes);
  if (!importsMarks(bytes, all)) return null;
  const code = all.find((s) => s.id === CODE_SECTION);
  const directory = dirname(path);
  const stem = basename(path, '.wasm');
  const folder = relative(root, directory).split(sep).join('/') || basename(root);
  return {
    name: stem === 'benchmark' ? folder : stem,
    path,
    directory,
    stem,
    bytes: bytes.length,
    codeBytes: code === undefined ? 0 : code.end - code.start,
    stdout: expected(directory, stem, 'stdout'),
    stderr: expected(directory, stem, 'stderr'),
  };
}

/** Benchmarks below `root`, by name; `only` filters by name. Throws the system's error when `root` can not be read. */
export function findModules(root: string, only: RegExp | null): BenchModule[] {
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.wasm'))
    .sort();
  const found = files.map((name) => describe(root, join(root, name))).filter((m) => m !== null);
  return found.filter((m) => only === null || only.test(m.name));
}

const lines = (path: string): string =>
  readFileSync(path, 'latin1')
    .replace(/[ \t\r]+$/gm, '')
    .replace(/\n+$/, '');

/** Which stream differs, by lines, from what is expected; null when all is well. */
export function outputError(
  m: Pick<BenchModule, 'stdout' | 'stderr'>,
  stdout: string,
  stderr: string,
): string | null {
  if (m.stdout !== null && lines(m.stdout) !== lines(stdout)) return 'stdout is wrong';
  if (m.stderr !== null && lines(m.stderr) !== lines(stderr)) return 'stderr is wrong';
  return null;
}
