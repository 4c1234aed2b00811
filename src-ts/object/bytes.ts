/**
 * Little-endian bytes, written into a growable buffer and read back with every read checked. The reader throws
 * ObjectError; it trusts neither lengths nor counts: a count is refused when what is left could not hold it.
 */
import { bug } from '../util/bug.ts';
import { ObjectError } from './error.ts';

/** Objects are addressed by 32-bit offsets and must fit one ArrayBuffer. */
const MAX_BYTES = 0x7fff0000;

const encoder = new TextEncoder();

export class ByteWriter {
  bytes: Uint8Array;
  pos = 0;

  constructor(capacity = 1024) {
    this.bytes = new Uint8Array(capacity);
  }

  /** Makes room for `n` more bytes. */
  reserve(n: number): void {
    const need = this.pos + n;
    if (need <= this.bytes.length) return;
    if (need > MAX_BYTES) bug('object', `section of ${need} bytes`);
    const bytes = new Uint8Array(Math.min(MAX_BYTES, Math.max(need, this.bytes.length * 2)));
    bytes.set(this.bytes.subarray(0, this.pos));
    this.bytes = bytes;
  }

  u8(value: number): void {
    this.reserve(1);
    this.bytes[this.pos++] = value;
  }

  u16(value: number): void {
    this.u8(value);
    this.u8(value >> 8);
  }

  u32(value: number): void {
    this.reserve(4);
    store32(this.bytes, this.pos, value);
    this.pos += 4;
  }

  /** Overwrites the 4 bytes at `at`, which have been written. */
  patch32(at: number, value: number): void {
    store32(this.bytes, at, value);
  }

  /** A non-negative integer below 2^53 as 64 bits. */
  u64(value: number): void {
    this.u32((value % 0x1_0000_0000) | 0);
    this.u32(Math.floor(value / 0x1_0000_0000));
  }

  /** Unsigned LEB128 of a non-negative integer below 2^53. */
  uleb(value: number): void {
    let v = value;
    while (v >= 0x80) {
      this.u8((v % 0x80) | 0x80);
      v = Math.floor(v / 0x80);
    }
    this.u8(v);
  }

  /** Signed LEB128 of a 32-bit integer. */
  sleb(value: number): void {
    let v = value | 0;
    while (v < -64 || v > 63) {
      this.u8((v & 0x7f) | 0x80);
      v >>= 7;
    }
    this.u8(v & 0x7f);
  }

  append(source: Uint8Array): void {
    this.reserve(source.length);
    this.bytes.set(source, this.pos);
    this.pos += source.length;
  }

  /** Length and UTF-8. */
  string(text: string): void {
    const utf8 = encoder.encode(text);
    this.uleb(utf8.length);
    this.append(utf8);
  }

  /** Pads to a multiple of `align`. */
  align(align: number, fill = 0): void {
    const end = Math.ceil(this.pos / align) * align;
    this.reserve(end - this.pos);
    this.bytes.fill(fill, this.pos, end);
    this.pos = end;
  }

  /** The contents, without a copy. */
  view(): Uint8Array {
    return this.bytes.subarray(0, this.pos);
  }
}

export function store32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >> 8;
  bytes[at + 2] = value >> 16;
  bytes[at + 3] = value >> 24;
}

export function load32(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

/** The bytes [start, end) of an object's section, read front to back. */
export class ByteReader {
  readonly bytes: Uint8Array;
  /** Section name, for messages. */
  readonly what: string;
  pos: number;
  readonly end: number;
  private readonly text: Buffer;

  /** The range must lie inside `bytes`. */
  constructor(bytes: Uint8Array, what: string, start = 0, end = bytes.length) {
    this.bytes = bytes;
    this.what = what;
    this.pos = start;
    this.end = end;
    this.text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  fail(found: string, expected: string): never {
    throw new ObjectError(`${this.what}: found ${found}, expected ${expected}`);
  }

  private need(n: number): void {
    if (n > this.end - this.pos) {
      this.fail(`${this.end - this.pos} bytes at offset ${this.pos}`, `at least ${n}`);
    }
  }

  u8(): number {
    if (this.pos >= this.end) this.need(1);
    return this.bytes[this.pos++]!;
  }

  u16(): number {
    return this.u8() | (this.u8() << 8);
  }

  u32(): number {
    this.need(4);
    const p = this.pos;
    this.pos = p + 4;
    const b = this.bytes;
    return (b[p]! | (b[p + 1]! << 8) | (b[p + 2]! << 16) | (b[p + 3]! << 24)) >>> 0;
  }

  /** A 64-bit value that must be below 2^53. */
  u64(): number {
    const lo = this.u32();
    const hi = this.u32();
    if (hi > 0x1f_ffff) this.fail('a 64-bit value', 'one below 2^53');
    return hi * 0x1_0000_0000 + lo;
  }

  /** Unsigned LEB128 below 2^53. */
  uleb(): number {
    let result = 0;
    let scale = 1;
    for (let i = 0; i < 8; i++) {
      const b = this.u8();
      result += (b & 0x7f) * scale;
      if (b < 0x80) {
        if (result > Number.MAX_SAFE_INTEGER) break;
        return result;
      }
      scale *= 128;
    }
    return this.fail('an overlong integer', 'a LEB128 below 2^53');
  }

  /** Signed LEB128 of a 32-bit integer. */
  sleb(): number {
    let result = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const b = this.u8();
      if (shift < 28) result |= (b & 0x7f) << shift;
      else result |= b << 28;
      if (b < 0x80) return shift < 28 ? (result << (25 - shift)) >> (25 - shift) : result;
    }
    return this.fail('an overlong integer', 'a 32-bit signed LEB128');
  }

  /** A number below `limit`. */
  index(limit: number, of: string): number {
    const i = this.uleb();
    if (i >= limit) this.fail(`${of} ${i}`, `one below ${limit}`);
    return i;
  }

  /** A count of things that take at least `bytesEach` bytes each here. */
  count(bytesEach = 1): number {
    const n = this.uleb();
    if (n * bytesEach > this.end - this.pos) {
      this.fail(`a count of ${n}`, `at most ${this.end - this.pos} bytes of contents`);
    }
    return n;
  }

  string(): string {
    const n = this.count();
    const at = this.pos;
    this.pos = at + n;
    return this.text.toString('utf8', at, at + n);
  }

  /** All bytes must have been read. */
  done(): void {
    if (this.pos !== this.end) this.fail(`${this.end - this.pos} bytes more`, 'the end');
  }
}

/**
 * `count` little-endian u32 at `offset` as a typed array: a view where the alignment allows it, else a copy.
 * The range must have been checked.
 */
export function u32View(bytes: Uint8Array, offset: number, count: number): Uint32Array {
  const at = bytes.byteOffset + offset;
  if (at % 4 === 0) return new Uint32Array(bytes.buffer, at, count);
  return new Uint32Array(bytes.slice(offset, offset + 4 * count).buffer, 0, count);
}
