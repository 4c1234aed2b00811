/**
 * The guest's linear memory as WASI calls see it.
 *
 * Invariants: `refresh()` runs at the start of every call, after which `u8` and `view` cover the current buffer;
 * nothing reads or writes before `range()` has accepted the span. Pointers and lengths arrive as signed i32.
 */
import { EFAULT, EILSEQ, EINVAL, fail } from './errno.ts';

/** Anything with the one property of `WebAssembly.Memory` that is needed here. */
export interface MemoryLike {
  readonly buffer: ArrayBufferLike;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export class GuestMemory {
  u8: Uint8Array = new Uint8Array(0);
  view: DataView = new DataView(new ArrayBuffer(0));
  readonly #memory: MemoryLike;

  constructor(memory: MemoryLike) {
    this.#memory = memory;
    this.refresh();
  }

  /** Remakes the views if the memory grew since the last call (its buffer was detached and replaced). */
  refresh(): void {
    const buffer = this.#memory.buffer;
    if (buffer === this.u8.buffer && buffer.byteLength === this.u8.length) return;
    this.u8 = new Uint8Array(buffer);
    this.view = new DataView(buffer);
  }

  /** `ptr` as an unsigned byte offset; fails with EFAULT unless `len` bytes (unsigned) from there are in memory. */
  range(ptr: number, len: number): number {
    const p = ptr >>> 0;
    if (p + (len >>> 0) > this.u8.length) fail(EFAULT);
    return p;
  }

  setU32(ptr: number, value: number): void {
    this.view.setUint32(this.range(ptr, 4), value, true);
  }

  setU64(ptr: number, value: bigint): void {
    this.view.setBigUint64(this.range(ptr, 8), value, true);
  }

  /** A UTF-8 string of the guest. Fails with EILSEQ if it is not UTF-8, EINVAL if it holds a NUL. */
  string(ptr: number, len: number): string {
    const p = this.range(ptr, len);
    let text: string;
    try {
      // A copy: TextDecoder refuses views of shared memory.
      text = utf8.decode(this.u8.slice(p, p + (len >>> 0)));
    } catch {
      fail(EILSEQ);
    }
    if (text.includes('\0')) fail(EINVAL);
    return text;
  }
}
