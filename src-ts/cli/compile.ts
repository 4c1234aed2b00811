/** `elfin compile`: a module to an object file. */
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileFailure } from './failure.ts';
import { readModule } from './input.ts';
import type { CompileFlags } from './options.ts';
import type { Parts } from './parts.ts';
import { progressBar } from './progress.ts';

export interface CompileCommandOptions extends CompileFlags {
  readonly output?: string;
}

/** Writes a file whole or not at all. Throws Failure. */
export function writeWhole(path: string, contents: Uint8Array | string): void {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    writeFileSync(temporary, contents);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw fileFailure(path, error);
  }
}

/** `name.wasm` or `name.wat` → `name` with another ending, in the current folder. */
export function defaultOutput(file: string, ending: string): string {
  return basename(file).replace(/\.(wasm|wat)$/, '') + ending;
}

/** Compiles `file` and writes the object. */
export async function compileCommand(
  file: string,
  options: CompileCommandOptions,
  parts: Parts,
): Promise<void> {
  const bytes = await readModule(file);
  const progress = progressBar(basename(file));
  let object: Uint8Array;
  try {
    object = await parts.compile(bytes, options, progress.update);
  } finally {
    progress.end();
  }
  writeWhole(options.output ?? defaultOutput(file, '.o'), object);
}
