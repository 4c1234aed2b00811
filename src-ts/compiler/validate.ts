/** Validation of function bodies: the frontend's pass over them, what it builds being thrown away. */
import { Translator } from '../frontend/translate.ts';
import { Builder } from '../ir/build.ts';
import { Func } from '../ir/func.ts';
import type { ModuleInfo } from '../wasm/types.ts';

/** Checks every body. Throws CompileError with the byte offset of the first operator that is invalid. */
export function validateFunctions(bytes: Uint8Array, m: ModuleInfo): void {
  const translator = new Translator(bytes, m, { explicitChecks: false }, new Builder(new Func()));
  for (let i = 0; i < m.definedFuncs; i++) translator.translate(i);
}
