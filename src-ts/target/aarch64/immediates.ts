// Which constants AArch64 instructions hold, and how: each function gives the field's value or -1.
// Source: Arm ARM, DecodeBitMasks and VFPExpandImm, C4.1; 64-bit values come as two 32-bit halves.

/** The sh:imm12 field of an ADD or SUB immediate; -1 if it is none. */
export function addImmediate(value: number): number {
  if (value >= 0 && value < 0x1000) return value;
  if (value >= 0 && value < 0x1000000 && (value & 0xfff) === 0) return 0x1000 | (value >> 12);
  return -1;
}

/** The imm8 of an FMOV of a double (lo, hi) or, if not `is64`, a single (bits in lo); -1 if none. */
export function fpImmediate(lo: number, hi: number, is64: boolean): number {
  if (is64) {
    const exponent = (hi >> 22) & 0x1ff;
    if (lo !== 0 || (hi & 0xffff) !== 0 || (exponent !== 0x100 && exponent !== 0xff)) return -1;
    return ((hi >>> 24) & 0x80) | ((exponent & 1) << 6) | ((hi >> 16) & 0x3f);
  }
  const exponent = (lo >> 25) & 0x3f;
  if ((lo & 0x7ffff) !== 0 || (exponent !== 0x20 && exponent !== 0x1f)) return -1;
  return ((lo >>> 24) & 0x80) | ((exponent & 1) << 6) | ((lo >> 19) & 0x3f);
}

/** The imm8 of MOVI_d/MOVI_2d for a value whose bytes are all 00 or FF; -1 if it is none. */
export function byteMaskImmediate(lo: number, hi: number): number {
  const low = byteBits(lo);
  const high = byteBits(hi);
  return low < 0 || high < 0 ? -1 : (high << 4) | low;
}

function byteBits(word: number): number {
  let bits = 0;
  for (let i = 0; i < 4; i++) {
    const byte = (word >>> (8 * i)) & 255;
    if (byte === 255) bits |= 1 << i;
    else if (byte !== 0) return -1;
  }
  return bits;
}

/** The lowest n bits of a word; none for n <= 0, all for n >= 32. */
function lowOnes(n: number): number {
  return n <= 0 ? 0 : n >= 32 ? -1 : (1 << n) - 1;
}

function popcount(v: number): number {
  v -= (v >>> 1) & 0x55555555;
  v = (v & 0x33333333) + ((v >>> 2) & 0x33333333);
  return Math.imul((v + (v >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

/** Number of the lowest set bit of hi:lo, which is not zero. */
function lowestBit(lo: number, hi: number): number {
  return lo !== 0 ? 31 - Math.clz32(lo & -lo) : 63 - Math.clz32(hi & -hi);
}

/**
 * N:immr:imms of a logical immediate for the value hi:lo, or lo alone if not `is64`; -1 if it is none.
 * Such a value repeats an element of 2-64 bits that is a rotated run of ones (Arm ARM, DecodeBitMasks).
 */
export function bitmaskImmediate(lo: number, hi: number, is64: boolean): number {
  lo |= 0;
  hi = is64 ? hi | 0 : lo;
  if (lo === hi && (lo === 0 || lo === -1)) return -1;
  let size = lo === hi ? 32 : 64;
  if (size === 32) {
    while (size > 2 && ((lo >>> (size >> 1)) ^ lo) << (32 - (size >> 1)) === 0) size >>= 1;
    lo &= lowOnes(size);
    hi = 0;
  }
  const ones = popcount(lo) + popcount(hi);
  // A run that wraps around is found by its complement, which then does not.
  const wraps = (lo & 1) !== 0;
  const runLo = wraps ? ~lo & lowOnes(size) : lo;
  const runHi = wraps ? ~hi & lowOnes(size - 32) : hi;
  const from = lowestBit(runLo, runHi);
  const end = from + (wraps ? size - ones : ones);
  if (
    runLo !== (lowOnes(end) & ~lowOnes(from)) ||
    runHi !== (lowOnes(end - 32) & ~lowOnes(from - 32))
  ) {
    return -1;
  }
  const start = wraps ? end : from;
  const imms = (~(2 * size - 1) & 63) | (ones - 1);
  return ((size >> 6) << 12) | ((-start & (size - 1)) << 6) | imms;
}
