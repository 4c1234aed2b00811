/** Feature bits: WebAssembly 2.0 without SIMD is always on; what goes beyond it is a bit of src-ts/gen/wasm.ts. */
import * as Op from '../gen/wasm.ts';
import { CompileError } from '../util/errors.ts';

/** Features that decoding, validation and translation implement. */
export const SUPPORTED_FEATURES = Op.FEATURE_EXTENDED_CONST | Op.FEATURE_TAIL_CALL;

/** Refuses something known that needs a feature which is off or not implemented. */
export function needsFeature(what: string, bit: number, offset: number): never {
  const title = Op.FEATURE_TITLES[31 - Math.clz32(bit)];
  const why = (bit & SUPPORTED_FEATURES) !== 0 ? 'is switched off' : 'is not supported';
  throw new CompileError(`${what} needs the feature "${title}", which ${why}`, offset);
}

/** Refuses an opcode (dense numbering) that is no operator under the given features. */
export function refuseOpcode(op: number, offset: number): never {
  const feature = op < Op.OP_FEATURE.length ? Op.OP_FEATURE[op]! : 255;
  if (feature === 255 || feature === 0) {
    throw new CompileError(`illegal opcode ${op.toString(16)}`, offset);
  }
  needsFeature(Op.OP_NAMES[op]!, 1 << (feature - 1), offset);
}
