// The list of generators; each returns [path, text] pairs for whole files.
import { generateAarch64 } from './aarch64.ts';
import { generateAbi } from './abi.ts';
import { generateIr } from './ir.ts';
import { generateWasm } from './wasm.ts';
import { generateX64 } from './x64.ts';

export type Generator = () => Iterable<[string, string]>;

export const generators: Generator[] = [
  generateAarch64,
  generateAbi,
  generateIr,
  generateWasm,
  generateX64,
];
