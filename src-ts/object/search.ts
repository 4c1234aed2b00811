/** Binary search in the ascending tables of an object. */

/** Index of the last of the first `count` elements that is <= value; -1 if there is none. */
export function floorIndex(table: Uint32Array, count: number, value: number): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const mid = (low + high) >>> 1;
    if (table[mid]! <= value) low = mid + 1;
    else high = mid;
  }
  return low - 1;
}
