/** A WASI program for counting: compiled by Elfin for a target, with what the guest half (test/aarch64/guest.ts) needs to run it. */
import { readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { serialize } from 'node:v8';
import { compile, type CompileOptions } from '../../src-ts/compiler/index.ts';
import { checksum, readObject, type LoadedObject } from '../../src-ts/object/index.ts';
import type { BenchRecord } from '../../test/aarch64/records.ts';
import { callsMarks, type BenchModule } from '../modules.ts';
import type { Counts } from './counts.ts';

/** Stages of the compiler kept as text, by function index. */
export type Texts = Map<number, string>;

export interface Program {
  readonly bytes: Uint8Array;
  readonly object: LoadedObject;
  /** Stage `opt`. */
  readonly ir: Texts;
  /** Offsets in .text where the code reads and writes spill slots. */
  readonly loads: readonly number[];
  readonly stores: readonly number[];
  /** What the guest half takes. */
  readonly file: string;
}

/** Compiles the module at `path` into `dir`. Throws CompileError. */
export function prepare(
  path: string,
  args: readonly string[],
  settings: CompileOptions,
  dir: string,
  expected?: BenchModule,
): Program {
  const bytes = new Uint8Array(readFileSync(path));
  const ir: Texts = new Map();
  const spills: Texts = new Map();
  const dump = ['opt', 'spills'];
  const object = compile(bytes, { ...settings, dump }, undefined, (stage, index, text) =>
    (stage === 'opt' ? ir : spills).set(index, text),
  );
  const objectFile = join(dir, 'program.o');
  writeFileSync(objectFile, object);
  const record: BenchRecord = {
    name: basename(path),
    args: [...args],
    marks: callsMarks(bytes),
    wasm: path,
    directory: dirname(path),
    stdout: expected?.stdout ?? null,
    stderr: expected?.stderr ?? null,
    object: objectFile,
  };
  const file = join(dir, 'program.bin');
  writeFileSync(file, serialize([record]));
  const loaded = readObject(object, checksum);
  return { bytes, object: loaded, ir, file, ...placesOf(loaded, spills) };
}

function placesOf(object: LoadedObject, spills: Texts): { loads: number[]; stores: number[] } {
  const loads: number[] = [];
  const stores: number[] = [];
  for (const [index, text] of spills) {
    const base = object.textOffsetOf(index);
    for (const [, kind, at] of text.matchAll(/^(load|store) (0x[0-9a-f]+)$/gm)) {
      (kind === 'load' ? loads : stores).push(base + Number(at));
    }
  }
  return { loads, stores };
}

/** How often instructions at these places were executed, in all. */
export function executedAt(places: readonly number[], counts: Counts): number {
  let sum = 0;
  for (const place of places) sum += counts.at(place);
  return sum;
}
