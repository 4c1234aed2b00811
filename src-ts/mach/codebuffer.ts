// A growable byte buffer for machine code. One buffer serves many functions: `reset` forgets the
// contents and keeps the storage. Encoders call `reserve` once per instruction and then store bytes
// without checks; everything is little-endian.
//
// Invariant: 0 <= pos <= bytes.length. `reserve` may replace `bytes`, so never keep it across one.
import { bug } from '../util/bug.ts';

/** Function text is addressed by rel32: 1 GiB is far above what one object may hold. */
const MAX_BYTES = 0x40000000;

export class CodeBuffer {
  bytes: Uint8Array;
  /** Number of bytes written; the next byte goes here. */
  pos = 0;

  constructor(capacity = 4096) {
    this.bytes = new Uint8Array(capacity);
  }

  /** Forgets the contents, keeps the storage. */
  reset(): void {
    this.pos = 0;
  }

  /** Makes room for `n` more bytes and returns the storage to write them to (from `pos`). */
  reserve(n: number): Uint8Array {
    if (this.pos + n > this.bytes.length) this.grow(n);
    return this.bytes;
  }

  private grow(n: number): void {
    const need = this.pos + n;
    if (need > MAX_BYTES) bug('codebuffer', `code of ${need} bytes`);
    const bytes = new Uint8Array(Math.max(need, this.bytes.length * 2));
    bytes.set(this.bytes.subarray(0, this.pos));
    this.bytes = bytes;
  }

  /** Appends the low 8 bits of `value`. */
  byte(value: number): void {
    const bytes = this.reserve(1);
    bytes[this.pos++] = value;
  }

  /** Appends the low 16 bits of `value`. */
  u16(value: number): void {
    const bytes = this.reserve(2);
    bytes[this.pos++] = value;
    bytes[this.pos++] = value >> 8;
  }

  /** Appends the low 32 bits of `value`. */
  u32(value: number): void {
    const bytes = this.reserve(4);
    put32(bytes, this.pos, value);
    this.pos += 4;
  }

  /** Appends a 64-bit value given as two 32-bit halves. */
  u64(lo: number, hi: number): void {
    const bytes = this.reserve(8);
    put32(bytes, this.pos, lo);
    put32(bytes, this.pos + 4, hi);
    this.pos += 8;
  }

  /** Appends bytes. */
  append(source: Uint8Array): void {
    this.reserve(source.length).set(source, this.pos);
    this.pos += source.length;
  }

  /** Pads with `fill` to a multiple of `align` (a power of two). */
  align(align: number, fill: number): void {
    const end = (this.pos + align - 1) & -align;
    this.reserve(end - this.pos).fill(fill, this.pos, end);
    this.pos = end;
  }

  /** Overwrites the byte at `at`. */
  patch8(at: number, value: number): void {
    if (at < 0 || at + 1 > this.pos) bug('codebuffer', `patch at ${at} of ${this.pos}`);
    this.bytes[at] = value;
  }

  /** Overwrites the 32 bits at `at`. */
  patch32(at: number, value: number): void {
    if (at < 0 || at + 4 > this.pos) bug('codebuffer', `patch at ${at} of ${this.pos}`);
    put32(this.bytes, at, value);
  }

  /** Reads the 32 bits at `at` as a signed number. */
  read32(at: number): number {
    const b = this.bytes;
    if (at < 0 || at + 4 > this.pos) bug('codebuffer', `read at ${at} of ${this.pos}`);
    return b[at]! | (b[at + 1]! << 8) | (b[at + 2]! << 16) | (b[at + 3]! << 24);
  }

  /** The contents as a view; valid until the next `reserve` or `reset`. */
  view(): Uint8Array {
    return this.bytes.subarray(0, this.pos);
  }
}

/** Stores the low 32 bits of `value` at `at`, little-endian. */
export function put32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >> 8;
  bytes[at + 2] = value >> 16;
  bytes[at + 3] = value >> 24;
}
