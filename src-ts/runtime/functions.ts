/**
 * Exported Functions (JavaScript API § 5.5): one JavaScript function per VMFuncRef, found both ways. A VMFuncRef lives in a
 * block of memory owned by an instance; owners are found by address range.
 */
import type { Keeper } from './values.ts';

/** Owner of a block that holds VMFuncRefs. */
export interface FuncRefOwner {
  /** The exported function of the VMFuncRef at this address, made at first use. */
  functionAt(address: number): object;
}

interface Range {
  start: number;
  end: number;
  owner: WeakRef<FuncRefOwner>;
}

const ranges: Range[] = [];

interface Exported {
  address: number;
  owner: object;
}
const exported = new WeakMap<object, Exported>();

function rangeBefore(address: number): number {
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const mid = (low + high) >> 1;
    if (ranges[mid]!.start <= address) low = mid + 1;
    else high = mid;
  }
  return low - 1;
}

const dead = new FinalizationRegistry<Range>((range) => {
  const i = ranges.indexOf(range);
  if (i >= 0) ranges.splice(i, 1);
});

/** Makes the VMFuncRefs in a block known. */
export function registerFuncRefs(start: number, size: number, owner: FuncRefOwner): void {
  if (size === 0) return;
  const range = { start, end: start + size, owner: new WeakRef(owner) };
  const at = rangeBefore(start);
  // The same addresses again: the old block is gone and its finalizer has not run yet.
  if (ranges[at]?.start === start) ranges.splice(at, 1);
  ranges.splice(rangeBefore(start) + 1, 0, range);
  dead.register(owner, range);
}

/** Remembers that a JavaScript function is the exported function of a VMFuncRef. */
export function registerExported(func: object, address: number, owner: object): void {
  exported.set(func, { address, owner });
}

/** VMFuncRef and owner of an exported function; undefined for any other value. */
export function exportedFunction(value: unknown): Exported | undefined {
  return typeof value === 'function' ? exported.get(value) : undefined;
}

/** The exported function of a funcref value, or null. */
export function funcOfRef(ref: number): object | null {
  if (ref === 0) return null;
  const range = ranges[rangeBefore(ref)];
  const owner = range && ref < range.end ? range.owner.deref() : undefined;
  if (!owner) throw new Error('elfin: a funcref outlived its instance');
  return owner.functionAt(ref);
}

/** The funcref value of null or an exported function, kept alive by `keeper`. Throws TypeError for anything else. */
export function refOfFunc(value: unknown, keeper: Keeper): number {
  if (value === null) return 0;
  const func = exportedFunction(value);
  if (!func) throw new TypeError('a funcref must be null or a WebAssembly exported function');
  keeper.keep(func.owner);
  return func.address;
}
