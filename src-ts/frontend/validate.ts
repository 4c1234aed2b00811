/** Validation alone: the translation's own code path, its result thrown away. */
import { Builder } from '../ir/build.ts';
import { Func } from '../ir/func.ts';
import { CompileError } from '../util/errors.ts';
import { decodeModule } from '../wasm/decode.ts';
import { Translator } from './translate.ts';

/** True if the bytes are a valid module under the given feature bits (WebAssembly.validate). */
export function validate(bytes: Uint8Array, features: number): boolean {
  try {
    validateModule(bytes, features);
    return true;
  } catch (e) {
    if (e instanceof CompileError) return false;
    throw e;
  }
}

/** Decodes and validates a whole module; throws a CompileError for the first thing wrong with it. */
export function validateModule(bytes: Uint8Array, features: number): void {
  const m = decodeModule(bytes, features);
  const t = new Translator(bytes, m, { explicitChecks: false }, new Builder(new Func()));
  for (let i = 0; i < m.definedFuncs; i++) t.translate(i);
}
