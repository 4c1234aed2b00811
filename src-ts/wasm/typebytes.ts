/** Type bytes of the binary format (core specification § 5.3), and what all decoders share. */
import * as Op from '../gen/wasm.ts';
import { CompileError } from '../util/errors.ts';
import type { Reader } from '../util/leb128.ts';
import { needsFeature } from './features.ts';
import { EXTERNREF, F32, F64, FUNCREF, I32, I64, V128, type ModuleInfo } from './types.ts';

/** What the section decoders share. */
export interface Decoder {
  readonly r: Reader;
  readonly m: ModuleInfo;
  readonly features: number;
}

/** The feature a value type byte of 3.0 belongs to, 0 for bytes that are no type. */
function typeFeature(byte: number): number {
  if (byte === 0x63 || byte === 0x64) return Op.FEATURE_FUNCTION_REFERENCES;
  if (byte === 0x69 || byte === 0x74) return Op.FEATURE_EXCEPTIONS;
  if (byte >= 0x6a && byte <= 0x73) return Op.FEATURE_GC;
  return 0;
}

/** A value type. */
export function valueType(r: Reader, features: number): number {
  const at = r.pos;
  const byte = r.u8();
  switch (byte) {
    case 0x7f:
      return I32;
    case 0x7e:
      return I64;
    case 0x7d:
      return F32;
    case 0x7c:
      return F64;
    case 0x70:
      return FUNCREF;
    case 0x6f:
      return EXTERNREF;
    case 0x7b:
      if ((features & Op.FEATURE_SIMD) !== 0) return V128;
      return needsFeature('type v128', Op.FEATURE_SIMD, at);
  }
  const feature = typeFeature(byte);
  if (feature !== 0) needsFeature(`value type 0x${byte.toString(16)}`, feature, at);
  throw new CompileError('malformed value type', at);
}

/** A reference type. */
export function refType(r: Reader, features: number): number {
  const at = r.pos;
  const byte = r.bytes[at];
  if (byte !== undefined && byte >= 0x7b && byte <= 0x7f && at < r.end) {
    throw new CompileError('malformed reference type', at);
  }
  return valueType(r, features);
}

/** The heap type of ref.null, as the nullable reference to it. */
export function heapType(r: Reader): number {
  const at = r.pos;
  const byte = r.u8();
  if (byte === 0x70) return FUNCREF;
  if (byte === 0x6f) return EXTERNREF;
  const feature = byte < 0x40 || byte >= 0x80 ? Op.FEATURE_FUNCTION_REFERENCES : typeFeature(byte);
  if (feature !== 0) needsFeature('this heap type', feature, at);
  throw new CompileError('malformed reference type', at);
}
