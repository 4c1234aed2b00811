/** A copy of a column at least twice as long and with room for index `n`. */
export function growI32(column: Int32Array<ArrayBuffer>, n: number): Int32Array<ArrayBuffer> {
  const bigger = new Int32Array(Math.max(column.length, n) * 2);
  bigger.set(column);
  return bigger;
}
