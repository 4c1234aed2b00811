/**
 * The checksum of an object file. It finds damage, not malice: every change within one lane changes the result, since
 * each step is a bijection of the lane. native/core has the same function in C++.
 *
 * Eight 32-bit lanes h[k] start as 0x9E3779B9 * (k + 1). The range is padded with zero bytes to a multiple of 32. For
 * each group of 32 bytes, h[k] = rotl(h[k] ^ word[k], 5) * 0x85EBCA6B, words little-endian. At the end h = length, then
 * for each k: h = rotl(h ^ h[k], 13) * 0xC2B2AE35; the result is h ^ (h >>> 16). All modulo 2^32.
 */

/** The checksum of bytes[start, end) as an unsigned number; what `readObject` takes. */
export type Checksum = (bytes: Uint8Array, start: number, end: number) => number;

const LANES = 8;
const GROUP = 4 * LANES;

/** Checksum of bytes[start, end); 0 <= start <= end <= bytes.length. */
export function checksum(bytes: Uint8Array, start: number, end: number): number {
  const lanes = new Int32Array(LANES);
  for (let k = 0; k < LANES; k++) lanes[k] = Math.imul(0x9e3779b9, k + 1);
  const whole = start + Math.floor((end - start) / GROUP) * GROUP;
  groups(lanes, bytes, start, whole);
  if (whole < end) {
    const last = new Uint8Array(GROUP);
    last.set(bytes.subarray(whole, end));
    groups(lanes, last, 0, GROUP);
  }
  let h = (end - start) | 0;
  for (let k = 0; k < LANES; k++) {
    h ^= lanes[k]!;
    h = Math.imul((h << 13) | (h >>> 19), 0xc2b2ae35);
  }
  return (h ^ (h >>> 16)) >>> 0;
}

function groups(lanes: Int32Array, bytes: Uint8Array, start: number, end: number): void {
  for (let at = start; at < end; at += GROUP) {
    for (let k = 0; k < LANES; k++) {
      const p = at + 4 * k;
      const word = bytes[p]! | (bytes[p + 1]! << 8) | (bytes[p + 2]! << 16) | (bytes[p + 3]! << 24);
      const h = lanes[k]! ^ word;
      lanes[k] = Math.imul((h << 5) | (h >>> 27), 0x85ebca6b);
    }
  }
}
