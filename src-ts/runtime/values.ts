/**
 * ToWebAssemblyValue and ToJSValue (JavaScript API § 5.6) for references and for single values in 8-byte cells; calls
 * have generated code of their own (callables.ts).
 */
import type { ValType } from '../object/records.ts';
import { collectHandles, handleNumber, valueOfNumber } from './externref.ts';
import { funcOfRef, refOfFunc } from './functions.ts';
import { readRefCell, writeRefCell } from './pointers.ts';

export const I32 = 0x7f;
export const I64 = 0x7e;
export const F32 = 0x7d;
export const F64 = 0x7c;
export const V128 = 0x7b;
export const FUNCREF = 0x70;
export const EXTERNREF = 0x6f;

const TYPE_NAMES = new Map<ValType, string>([
  [I32, 'i32'],
  [I64, 'i64'],
  [F32, 'f32'],
  [F64, 'f64'],
  [V128, 'v128'],
  [FUNCREF, 'anyfunc'],
  [EXTERNREF, 'externref'],
]);

/** The JavaScript API's name of a value type. */
export function typeName(type: ValType): string {
  return TYPE_NAMES.get(type) ?? `type 0x${type.toString(16)}`;
}

/** The value type of a Web IDL ValueType enumeration value; undefined when there is none. */
export function typeOfName(name: string): ValType | undefined {
  for (const [type, n] of TYPE_NAMES) if (n === name) return type;
  return undefined;
}

/** A reference value as native code holds it. Throws TypeError for a funcref that is no exported function. */
export function toReference(type: ValType, value: unknown, keeper: Keeper): number {
  if (type === EXTERNREF) {
    collectHandles();
    return handleNumber(value);
  }
  return refOfFunc(value, keeper);
}

/** The JavaScript value of a reference. */
export function fromReference(type: ValType, ref: number): unknown {
  return type === EXTERNREF ? valueOfNumber(ref) : funcOfRef(ref);
}

/** What holds references to functions and so must keep their instances alive. */
export interface Keeper {
  keep(owner: object): void;
}

/** Writes a JavaScript value into an 8-byte cell. Throws TypeError as ToWebAssemblyValue does. */
export function writeCell(
  view: DataView,
  at: number,
  type: ValType,
  value: unknown,
  keeper: Keeper,
): void {
  switch (type) {
    case I32: {
      const v = (value as number) | 0;
      view.setInt32(at, v, true);
      view.setInt32(at + 4, 0, true);
      return;
    }
    case I64:
      view.setBigInt64(at, BigInt.asIntN(64, value as bigint), true);
      return;
    case F32: {
      const v = Number(toNumber(value));
      view.setFloat32(at, v, true);
      return;
    }
    case F64: {
      const v = Number(toNumber(value));
      view.setFloat64(at, v, true);
      return;
    }
    case V128:
      throw new TypeError('a v128 value has no JavaScript form');
    default:
      writeRefCell(view, at, toReference(type, value, keeper));
  }
}

/** ToNumber: unlike Number(), refuses BigInt. */
function toNumber(value: unknown): number {
  return +(value as number);
}

/** Reads an 8-byte cell as a JavaScript value. Throws TypeError for v128. */
export function readCell(view: DataView, at: number, type: ValType): unknown {
  switch (type) {
    case I32:
      return view.getInt32(at, true);
    case I64:
      return view.getBigInt64(at, true);
    case F32:
      return view.getFloat32(at, true);
    case F64:
      return view.getFloat64(at, true);
    case V128:
      throw new TypeError('a v128 value has no JavaScript form');
    default:
      return fromReference(type, readRefCell(view, at));
  }
}

/** DefaultValue of a type as a JavaScript value to convert: undefined for externref, null for funcref. */
export function defaultValue(type: ValType): unknown {
  if (type === EXTERNREF) return undefined;
  if (type === FUNCREF) return null;
  return type === I64 ? 0n : 0;
}
