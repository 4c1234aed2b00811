/**
 * Exported Functions (JavaScript API § 5.5): one JavaScript function per VMFuncRef, found both ways. A VMFuncRef lives in a
 * block of memory owned by an instance; owners are found by address range.
 */
import {
  FUNC_REF_CODE,
  FUNC_REF_CTX,
  FUNC_REF_ENTRY,
  FUNC_REF_INDEX,
  FUNC_REF_TYPE_ID,
} from '../gen/abi.ts';
import { AddressRanges } from './ranges.ts';
import type { Keeper } from './values.ts';
import { writeRefCell } from './pointers.ts';

/** Owner of a block that holds VMFuncRefs. */
export interface FuncRefOwner {
  /** The exported function of the VMFuncRef at this address, made at first use. */
  functionAt(address: number): object;
}

const blocks = new AddressRanges<FuncRefOwner>();

interface Exported {
  address: number;
  owner: object;
}
const exported = new WeakMap<object, Exported>();

/** Makes the VMFuncRefs in a block known. */
export function registerFuncRefs(start: number, size: number, owner: FuncRefOwner): void {
  if (size > 0) blocks.add(start, size, owner);
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
  const found = blocks.find(ref);
  if (!found) throw new Error('elfin: a funcref outlived its instance');
  return found.owner.functionAt(ref);
}

/** The funcref value of null or an exported function, kept alive by `keeper`. Throws TypeError for anything else. */
export function refOfFunc(value: unknown, keeper: Keeper): number {
  if (value === null) return 0;
  const func = exportedFunction(value);
  if (!func) throw new TypeError('a funcref must be null or a WebAssembly exported function');
  keeper.keep(func.owner);
  return func.address;
}

/** Writes the fields of a VMFuncRef. */
export function writeFuncRef(
  view: DataView,
  at: number,
  f: { code: number; ctx: number; typeId: number; index: number; entry: number },
): void {
  writeRefCell(view, at + FUNC_REF_CODE, f.code);
  writeRefCell(view, at + FUNC_REF_CTX, f.ctx);
  view.setUint32(at + FUNC_REF_TYPE_ID, f.typeId, true);
  view.setUint32(at + FUNC_REF_INDEX, f.index, true);
  writeRefCell(view, at + FUNC_REF_ENTRY, f.entry);
}
