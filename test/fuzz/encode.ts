/** Pieces of the binary format for the generators. */
/** A signed LEB128. */
export function leb(n: number): number[] {
  const out: number[] = [];
  for (;;) {
    const byte = n & 0x7f;
    n >>= 7;
    if ((n === 0 && (byte & 0x40) === 0) || (n === -1 && (byte & 0x40) !== 0))
      return [...out, byte];
    out.push(byte | 0x80);
  }
}

/** An unsigned LEB128. */
export function uleb(n: number): number[] {
  return n < 0x80 ? [n] : [(n & 0x7f) | 0x80, ...uleb(n >>> 7)];
}

/** A vector of encoded items. */
export const vector = (items: readonly (readonly number[])[]): number[] => [
  ...uleb(items.length),
  ...items.flat(),
];
/** A section by its number. */
export const section = (id: number, contents: readonly number[]): number[] => [
  id,
  ...uleb(contents.length),
  ...contents,
];
