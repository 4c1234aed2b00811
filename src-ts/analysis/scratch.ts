/** Typed arrays that analyses and passes keep from function to function: they only grow, contents are not kept. */

/** The array itself when it has room for n elements, else a larger new one (zeroed). */
export function ensure32(a: Int32Array<ArrayBuffer>, n: number): Int32Array<ArrayBuffer> {
  return a.length >= n ? a : new Int32Array(Math.max(n, a.length * 2, 64));
}

/** As {@link ensure32}, for bytes. */
export function ensure8(a: Uint8Array<ArrayBuffer>, n: number): Uint8Array<ArrayBuffer> {
  return a.length >= n ? a : new Uint8Array(Math.max(n, a.length * 2, 64));
}

/** As {@link ensure32}, but keeps the contents. */
export function grow32(a: Int32Array<ArrayBuffer>, n: number): Int32Array<ArrayBuffer> {
  if (a.length >= n) return a;
  const bigger = ensure32(a, n);
  bigger.set(a);
  return bigger;
}
