/**
 * A cursor over bytes that reads the binary format's primitive values (core specification 5.2): LEB128 integers with
 * their exact length and range checks, fixed-width little-endian words, names.
 *
 * `end` bounds every read: the end of the section or body being read. 64-bit values come as two halves, the low one
 * returned and the high one in `hi`, so that nothing is boxed.
 */
import { CompileError } from './errors.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export class Reader {
  readonly bytes: Uint8Array;
  pos: number;
  end: number;
  /** High half of the 64-bit value read last. */
  hi = 0;

  constructor(bytes: Uint8Array, pos = 0, end = bytes.length) {
    this.bytes = bytes;
    this.pos = pos;
    this.end = end;
  }

  /** Refuses a read past `end`. */
  private unexpectedEnd(): never {
    const what =
      this.end === this.bytes.length ? 'unexpected end' : 'unexpected end of section or function';
    throw new CompileError(what, this.end);
  }

  u8(): number {
    if (this.pos >= this.end) this.unexpectedEnd();
    return this.bytes[this.pos++]!;
  }

  /** An unsigned 32-bit LEB128. */
  u32(): number {
    if (this.pos < this.end) {
      const b = this.bytes[this.pos]!;
      if (b < 0x80) {
        this.pos++;
        return b;
      }
    }
    return this.u32Long();
  }

  private u32Long(): number {
    const at = this.pos;
    let result = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const b = this.u8();
      if (shift === 28) {
        if (b >= 0x80) throw new CompileError('integer representation too long', at);
        if (b > 0x0f) throw new CompileError('integer too large', at);
      }
      result |= (b & 0x7f) << shift;
      if (b < 0x80) break;
    }
    return result >>> 0;
  }

  /** A signed 32-bit LEB128. */
  s32(): number {
    if (this.pos < this.end) {
      const b = this.bytes[this.pos]!;
      if (b < 0x80) {
        this.pos++;
        return (b << 25) >> 25;
      }
    }
    return this.s32Long();
  }

  private s32Long(): number {
    const at = this.pos;
    let result = 0;
    for (let shift = 0; ; shift += 7) {
      const b = this.u8();
      if (shift === 28) {
        if (b >= 0x80) throw new CompileError('integer representation too long', at);
        if (b > 0x07 && b < 0x78) throw new CompileError('integer too large', at);
        return result | (b << 28);
      }
      result |= (b & 0x7f) << shift;
      if (b < 0x80) return (result << (25 - shift)) >> (25 - shift);
    }
  }

  /** A signed 33-bit LEB128 (block types): a non-negative value up to 2^32-1 or a negative one down to -2^32. */
  s33(): number {
    const at = this.pos;
    let result = 0;
    let scale = 1;
    for (let i = 0; ; i++) {
      const b = this.u8();
      if (i === 4) {
        if (b >= 0x80) throw new CompileError('integer representation too long', at);
        if (b > 0x0f && b < 0x70) throw new CompileError('integer too large', at);
      }
      result += (b & 0x7f) * scale;
      scale *= 128;
      if (b < 0x80) return (b & 0x40) !== 0 ? result - scale : result;
    }
  }

  /** A signed 64-bit LEB128: returns the low half, leaves the high one in `hi`. */
  s64(): number {
    const at = this.pos;
    let lo = 0;
    let hi = 0;
    let shift = 0;
    for (;;) {
      const b = this.u8();
      if (shift === 63) {
        if (b >= 0x80) throw new CompileError('integer representation too long', at);
        if (b !== 0 && b !== 0x7f) throw new CompileError('integer too large', at);
      }
      const v = b & 0x7f;
      if (shift < 32) lo |= v << shift;
      if (shift === 28) hi |= v >> 4;
      else if (shift > 28) hi |= v << (shift - 32);
      shift += 7;
      if (b >= 0x80) continue;
      if ((b & 0x40) !== 0) {
        if (shift < 32) {
          lo |= -1 << shift;
          hi = -1;
        } else if (shift < 64) hi |= -1 << (shift - 32);
      }
      this.hi = hi;
      return lo;
    }
  }

  /** An unsigned 64-bit LEB128 as a number, exact below 2^53. */
  u64(): number {
    const at = this.pos;
    let result = 0;
    let scale = 1;
    for (let i = 0; ; i++) {
      const b = this.u8();
      if (i === 9) {
        if (b >= 0x80) throw new CompileError('integer representation too long', at);
        if (b > 1) throw new CompileError('integer too large', at);
      }
      result += (b & 0x7f) * scale;
      scale *= 128;
      if (b < 0x80) return result;
    }
  }

  /** Four bytes as a signed little-endian word. */
  word(): number {
    const p = this.pos;
    if (p + 4 > this.end) this.unexpectedEnd();
    this.pos = p + 4;
    const b = this.bytes;
    return b[p]! | (b[p + 1]! << 8) | (b[p + 2]! << 16) | (b[p + 3]! << 24);
  }

  /** The length of a vector or byte string: at most what is left, since an element takes at least a byte. */
  length(): number {
    const at = this.pos;
    const n = this.u32();
    if (n > this.bytes.length - this.pos) throw new CompileError('length out of bounds', at);
    return n;
  }

  /** A name: length and UTF-8. */
  name(): string {
    const n = this.length();
    const at = this.pos;
    if (at + n > this.end) this.unexpectedEnd();
    this.pos = at + n;
    try {
      return utf8.decode(this.bytes.subarray(at, at + n));
    } catch {
      throw new CompileError('malformed UTF-8 encoding', at);
    }
  }
}
