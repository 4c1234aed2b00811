/** A WASI object over a hand-made memory, and helpers to call it as a guest would. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WASI, type WASIOptions } from '../../src-ts/wasi/index.ts';

export const ROOT_FD = 3;
/** Where guest strings, vectors and results are put. */
export const PATH = 0x1000;
export const PATH2 = 0x3000;
export const RESULT = 0x100;
export const VECTORS = 0x200;
export const BUFFER = 0x8000;

const FILE_RIGHTS = (1n << 30n) - 1n;

export class Guest {
  readonly memory: { buffer: ArrayBuffer };
  readonly wasi: WASI;

  constructor(options: Partial<WASIOptions> = {}, size = 1 << 16) {
    this.memory = { buffer: new ArrayBuffer(size) };
    this.wasi = new WASI({ version: 'preview1', ...options });
    this.wasi.finalizeBindings({ exports: { memory: this.memory } });
  }

  get u8(): Uint8Array {
    return new Uint8Array(this.memory.buffer);
  }

  get view(): DataView {
    return new DataView(this.memory.buffer);
  }

  call(name: string, ...args: (number | bigint)[]): number {
    const f = this.wasi.wasiImport[name];
    if (f === undefined) throw new Error(`no WASI function ${name}`);
    return f(...args);
  }

  /** Writes `text` at `at` and returns pointer and length. */
  string(text: string, at = PATH): [number, number] {
    const bytes = new TextEncoder().encode(text);
    this.u8.set(bytes, at);
    return [at, bytes.length];
  }

  text(at: number, length: number): string {
    return new TextDecoder().decode(this.u8.slice(at, at + length));
  }

  result(): number {
    return this.view.getUint32(RESULT, true);
  }

  /** path_open; the errno, with the descriptor in `result()`. */
  open(
    path: string,
    oflags = 0,
    { follow = 1, rights = FILE_RIGHTS, flags = 0, dir = ROOT_FD } = {},
  ): number {
    const [ptr, len] = this.string(path);
    return this.call('path_open', dir, follow, ptr, len, oflags, rights, rights, flags, RESULT);
  }

  /** Opens to read; the contents, or the errno. */
  read(path: string, follow = 1): string | number {
    const rights = (1n << 1n) | (1n << 2n) | (1n << 5n) | (1n << 21n);
    const errno = this.open(path, 0, { follow, rights });
    if (errno !== 0) return errno;
    const fd = this.result();
    this.vector(BUFFER, 4096);
    const failed = this.call('fd_read', fd, VECTORS, 1, RESULT);
    const text = this.text(BUFFER, this.result());
    this.call('fd_close', fd);
    return failed === 0 ? text : failed;
  }

  vector(ptr: number, len: number, index = 0): void {
    this.view.setUint32(VECTORS + index * 8, ptr, true);
    this.view.setUint32(VECTORS + index * 8 + 4, len, true);
  }

  write(fd: number, text: string): number {
    const [ptr, len] = this.string(text, BUFFER);
    this.vector(ptr, len);
    return this.call('fd_write', fd, VECTORS, 1, RESULT);
  }

  path(name: string, path: string, ...rest: number[]): number {
    return this.call(name, ROOT_FD, ...this.string(path), ...rest);
  }
}

/** Runs `use` with a fresh folder. */
export async function withFolder<T>(use: (folder: string) => T | Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'elfin-wasi-'));
  try {
    return await use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
