/**
 * 64-bit integers as two 32-bit halves (signed numbers). A function returns the low half and leaves the high one in `high`,
 * so that nothing is boxed. BigInt appears only in division, which is rare.
 */

/** High half of the result computed last. */
export let high = 0;

export function add64(alo: number, ahi: number, blo: number, bhi: number): number {
  const lo = (alo >>> 0) + (blo >>> 0);
  high = (ahi + bhi + (lo > 0xffffffff ? 1 : 0)) | 0;
  return lo | 0;
}

export function sub64(alo: number, ahi: number, blo: number, bhi: number): number {
  high = (ahi - bhi - (alo >>> 0 < blo >>> 0 ? 1 : 0)) | 0;
  return (alo - blo) | 0;
}

export function mul64(alo: number, ahi: number, blo: number, bhi: number): number {
  const a0 = alo & 0xffff;
  const a1 = alo >>> 16;
  const b0 = blo & 0xffff;
  const b1 = blo >>> 16;
  const low = Math.imul(a0, b0) >>> 0;
  const mid = a1 * b0 + (low >>> 16);
  const mid2 = a0 * b1 + (mid % 65536);
  const carry = a1 * b1 + Math.floor(mid / 65536) + Math.floor(mid2 / 65536);
  high = (carry + Math.imul(alo, bhi) + Math.imul(ahi, blo)) | 0;
  return ((mid2 & 0xffff) << 16) | (low & 0xffff) | 0;
}

/** Shifts by n in 0..63. */
export function shl64(lo: number, hi: number, n: number): number {
  if (n >= 32) {
    high = lo << (n - 32);
    return 0;
  }
  high = n === 0 ? hi : (hi << n) | (lo >>> (32 - n));
  return lo << n;
}

export function ushr64(lo: number, hi: number, n: number): number {
  if (n >= 32) {
    high = 0;
    return (hi >>> (n - 32)) | 0;
  }
  high = (hi >>> n) | 0;
  return n === 0 ? lo : (lo >>> n) | (hi << (32 - n));
}

export function sshr64(lo: number, hi: number, n: number): number {
  if (n >= 32) {
    high = hi >> 31;
    return hi >> (n - 32);
  }
  high = hi >> n;
  return n === 0 ? lo : (lo >>> n) | (hi << (32 - n));
}

export function rotl64(lo: number, hi: number, n: number): number {
  const l = shl64(lo, hi, n);
  const h = high;
  if (n === 0) return l;
  const l2 = ushr64(lo, hi, 64 - n);
  high |= h;
  return l | l2;
}

/** -1, 0 or 1 as a is below, equal to or above b. */
export function cmpS64(alo: number, ahi: number, blo: number, bhi: number): number {
  if (ahi !== bhi) return ahi < bhi ? -1 : 1;
  return alo === blo ? 0 : alo >>> 0 < blo >>> 0 ? -1 : 1;
}

export function cmpU64(alo: number, ahi: number, blo: number, bhi: number): number {
  if (ahi !== bhi) return ahi >>> 0 < bhi >>> 0 ? -1 : 1;
  return alo === blo ? 0 : alo >>> 0 < blo >>> 0 ? -1 : 1;
}

/** The two halves as a signed BigInt. */
export function toBig(lo: number, hi: number): bigint {
  return (BigInt(hi) << 32n) | BigInt(lo >>> 0);
}

/** Splits a BigInt (taken modulo 2^64) into its halves. */
export function fromBig(v: bigint): number {
  high = Number(BigInt.asIntN(32, v >> 32n));
  return Number(BigInt.asIntN(32, v));
}

/** Number of one bits of a 32-bit integer. */
export function popcnt32(x: number): number {
  x -= (x >>> 1) & 0x55555555;
  x = (x & 0x33333333) + ((x >>> 2) & 0x33333333);
  x = (x + (x >>> 4)) & 0x0f0f0f0f;
  return Math.imul(x, 0x01010101) >>> 24;
}

/** Number of trailing zeros of a 32-bit integer; 32 for 0. */
export function ctz32(x: number): number {
  return x === 0 ? 32 : 31 - Math.clz32(x & -x);
}
