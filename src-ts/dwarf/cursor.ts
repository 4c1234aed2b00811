/**
 * Reading a DWARF section front to back, every read checked: the sections come from a module's author, who may be hostile.
 * Numbers are JavaScript numbers: 64-bit values above 2^53 lose their last bits, which no offset or address of a
 * real module reaches.
 */

/** A section is truncated, contradicts itself, or uses what this reader does not know. */
export class DwarfError extends Error {
  override name = 'DwarfError';
}

/** An integer of at most so many bytes; longer ones are refused (padding included). */
const MAX_LEB_BYTES = 16;

const decoder = new TextDecoder();

/** Text of bytes[start, end) as UTF-8, wrong sequences replaced. A copy, because shared memory is not decoded. */
function utf8(bytes: Uint8Array, start: number, end: number): string {
  return decoder.decode(bytes.slice(start, end));
}

/** The zero-terminated string at an offset of a section. Throws DwarfError. */
export function stringAt(bytes: Uint8Array, section: string, offset: number): string {
  const end = offset < bytes.length ? bytes.indexOf(0, offset) : -1;
  if (end < 0) throw new DwarfError(`${section}: no string at ${offset}`);
  return utf8(bytes, offset, end);
}

export class Cursor {
  readonly bytes: Uint8Array;
  /** Section name, for messages. */
  readonly section: string;
  pos: number;
  readonly end: number;

  /** Over bytes[pos, end). Throws DwarfError if that is not inside. */
  constructor(bytes: Uint8Array, section: string, pos = 0, end = bytes.length) {
    if (!(pos >= 0 && pos <= end && end <= bytes.length)) {
      throw new DwarfError(`${section}: no bytes [${pos}, ${end}) in ${bytes.length}`);
    }
    this.bytes = bytes;
    this.section = section;
    this.pos = pos;
    this.end = end;
  }

  fail(what: string): never {
    throw new DwarfError(`${this.section}: ${what} at ${this.pos}`);
  }

  get left(): number {
    return this.end - this.pos;
  }

  /** Moves on by `n` bytes and returns where they begin. */
  skip(n: number): number {
    const at = this.pos;
    if (!(n <= this.end - at)) this.fail(`${n} bytes wanted, ${this.end - at} left`);
    this.pos = at + n;
    return at;
  }

  u8(): number {
    if (this.pos >= this.end) this.fail('end of section');
    return this.bytes[this.pos++]!;
  }

  i8(): number {
    return (this.u8() << 24) >> 24;
  }

  u16(): number {
    const p = this.skip(2);
    return this.bytes[p]! | (this.bytes[p + 1]! << 8);
  }

  u24(): number {
    const p = this.skip(3);
    return this.bytes[p]! | (this.bytes[p + 1]! << 8) | (this.bytes[p + 2]! << 16);
  }

  u32(): number {
    const p = this.skip(4);
    const b = this.bytes;
    return (b[p]! | (b[p + 1]! << 8) | (b[p + 2]! << 16) | (b[p + 3]! << 24)) >>> 0;
  }

  u64(): number {
    const low = this.u32();
    return this.u32() * 0x1_0000_0000 + low;
  }

  /** An unsigned integer of 1, 2, 4 or 8 bytes. */
  sized(size: number): number {
    switch (size) {
      case 1:
        return this.u8();
      case 2:
        return this.u16();
      case 4:
        return this.u32();
      case 8:
        return this.u64();
      default:
        return this.fail(`an integer of ${size} bytes`);
    }
  }

  uleb(): number {
    let byte = this.u8();
    if (byte < 0x80) return byte;
    let value = byte & 0x7f;
    let scale = 128;
    for (let i = 1; i < MAX_LEB_BYTES; i++) {
      byte = this.u8();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
    }
    return this.fail('an overlong integer');
  }

  sleb(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < MAX_LEB_BYTES; i++) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      scale *= 128;
      if (byte < 0x80) return byte & 0x40 ? value - scale : value;
    }
    return this.fail('an overlong integer');
  }

  /** A zero-terminated string. */
  string(): string {
    const start = this.skipString();
    return utf8(this.bytes, start, this.pos - 1);
  }

  /** Moves past a zero-terminated string and returns where it begins. */
  skipString(): number {
    const start = this.pos;
    const zero = this.bytes.indexOf(0, start);
    if (zero < 0 || zero >= this.end) this.fail('a string without end');
    this.pos = zero + 1;
    return start;
  }

  /**
   * § 7.4: the initial length of a unit, and with it whether its offsets are of 4 or of 8 bytes.
   * What it spans must be there.
   */
  unitLength(): { end: number; offsetSize: number } {
    let length = this.u32();
    let offsetSize = 4;
    if (length === 0xffff_ffff) {
      offsetSize = 8;
      length = this.u64();
    } else if (length >= 0xffff_fff0) this.fail(`a unit length ${length}`);
    if (length > this.left) this.fail(`a unit of ${length} bytes, ${this.left} left`);
    return { end: this.pos + length, offsetSize };
  }
}
