/** Orders an allocation's moves by place; moves of one place keep the order they were made in (counting sort). */
import type { Allocation } from '../vcode.ts';
import { room } from './state.ts';

let start = new Int32Array(0);
let order = new Int32Array(0);
let column = new Int32Array(0);

export function sortMoves(out: Allocation, instCount: number): void {
  const n = out.moveCount;
  if (isSorted(out)) return;
  if (start.length < instCount + 2) start = new Int32Array(room(instCount + 2));
  else start.fill(0, 0, instCount + 2);
  if (order.length < n) {
    order = new Int32Array(room(n));
    column = new Int32Array(room(n));
  }
  for (let m = 0; m < n; m++) start[out.movePlace[m]! + 1]!++;
  for (let p = 0; p <= instCount; p++) start[p + 1]! += start[p]!;
  for (let m = 0; m < n; m++) order[m] = start[out.movePlace[m]!]!++;
  permute(out.movePlace, n);
  permute(out.moveFrom, n);
  permute(out.moveTo, n);
  permute(out.moveType, n);
}

function isSorted(out: Allocation): boolean {
  for (let m = 1; m < out.moveCount; m++)
    if (out.movePlace[m]! < out.movePlace[m - 1]!) return false;
  return true;
}

function permute(a: Int32Array | Uint8Array, n: number): void {
  for (let m = 0; m < n; m++) column[order[m]!] = a[m]!;
  a.set(column.subarray(0, n));
}
