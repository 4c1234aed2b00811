/** The host half: see records.ts. Everything is compiled for `target` with `settings` and left in `dir`. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { serialize } from 'node:v8';
import { deflateRawSync } from 'node:zlib';
import { findModules } from '../../bench/modules.ts';
import { compile, type CompileOptions } from '../../src-ts/compiler/index.ts';
import { checksum, readObject } from '../../src-ts/object/index.ts';
import { createNamespace, moduleClassFor } from '../../src-ts/runtime/namespace.ts';
import { runWast } from '../../src-ts/tools/wast/run.ts';
import type { WasmNamespace } from '../../src-ts/tools/wast/wasm.ts';
import { parseWat } from '../../src-ts/tools/wast/wat.ts';
import { CompileError } from '../../src-ts/util/errors.ts';
import { observe, V8 } from '../fuzz/differential.ts';
import { decodeModule } from '../../src-ts/wasm/decode.ts';
import { SUPPORTED_FEATURES } from '../../src-ts/wasm/features.ts';
import { Generator } from '../fuzz/generate.ts';
import { scriptsIn } from '../spec/suite.ts';
export { hashes } from './hashes.ts';
import {
  hashOf,
  type BenchRecord,
  type Compiled,
  type FuzzRecord,
  type ScriptRecord,
} from './records.ts';

/** Compiles; a refusal is a result. */
function compiled(bytes: Uint8Array, settings: CompileOptions): Compiled {
  try {
    return { object: deflateRawSync(compile(bytes, settings), { level: 1 }) };
  } catch (error) {
    if (error instanceof CompileError) return { refused: error.message };
    throw error;
  }
}

/** Runs a script here and keeps what it needs of parser and compiler. */
async function recordScript(
  name: string,
  path: string,
  settings: CompileOptions,
): Promise<ScriptRecord> {
  const record: ScriptRecord = { name, path, texts: new Map(), modules: new Map(), passed: 0 };
  const host: CompileOptions = { optLevel: 0, explicitChecks: settings.explicitChecks };
  const compiler = {
    explicitChecks: settings.explicitChecks === true,
    compile: (bytes: Uint8Array) => {
      record.modules.set(hashOf(bytes), compiled(bytes, settings));
      return compile(bytes, host);
    },
    compileAsync: () => Promise.reject(new Error('not used by scripts')),
    validate: () => false,
  };
  const wasm = createNamespace(compiler, moduleClassFor(compiler)) as unknown as WasmNamespace;
  const parseText = async (text: string): Promise<Uint8Array> => {
    try {
      const bytes = await parseWat(text);
      record.texts.set(text, bytes);
      return bytes;
    } catch (error) {
      record.texts.set(text, (error as Error).message);
      throw error;
    }
  };
  const counts = await runWast(readFileSync(path, 'utf8'), { wasm, parseText });
  record.passed = counts.passed;
  return record;
}

/** Prepares the official suite; scripts whose names match `only`. */
export async function recordSuite(
  dir: string,
  suite: string,
  settings: CompileOptions,
  only: RegExp,
): Promise<string[]> {
  const files: string[] = [];
  for (const name of scriptsIn(suite).filter((script) => only.test(script))) {
    const record = await recordScript(name, join(suite, name), settings);
    const file = join(dir, `${name.replaceAll('/', '_')}.bin`);
    writeFileSync(file, serialize(record));
    files.push(file);
  }
  return files;
}

/** Prepares random modules, with what Node's engine does with them; settings take turns by seed. */
export function recordFuzz(
  dir: string,
  first: number,
  count: number,
  settings: readonly CompileOptions[],
): string[] {
  const generator = new Generator();
  const records: FuzzRecord[] = [];
  try {
    for (let seed = first; seed < first + count; seed++) {
      const bytes = generator.module(seed);
      if (!V8.validate(bytes)) continue;
      records.push({
        seed,
        bytes,
        compiled: compiled(bytes, settings[seed % settings.length]!),
        seen: observe(V8, bytes, decodeModule(bytes, SUPPORTED_FEATURES), seed),
      });
    }
  } finally {
    generator.close();
  }
  const file = join(dir, 'fuzz.bin');
  writeFileSync(file, serialize(records));
  return [file];
}

/** The benchmarks below `folder`, each compiled to a file. */
function compiledBenchmarks(
  dir: string,
  folder: string,
  settings: CompileOptions,
  only: RegExp,
): BenchRecord[] {
  return findModules(folder, only).flatMap((m) => {
    const object = join(dir, `${m.name}.o`);
    try {
      writeFileSync(object, compile(readFileSync(m.path), settings));
    } catch (error) {
      if (!(error instanceof CompileError)) throw error;
      console.log(`${m.name}: not supported (${error.message})`);
      return [];
    }
    const { name, path: wasm, directory, stdout, stderr } = m;
    return [{ name, wasm, directory, stdout, stderr, object, args: [], marks: true }];
  });
}

/** Prepares the benchmarks for one run of all. */
export function recordBench(...args: Parameters<typeof compiledBenchmarks>): string[] {
  const file = join(args[0], 'bench.bin');
  writeFileSync(file, serialize(compiledBenchmarks(...args)));
  return [file];
}

/** Recurses, then grows its memory: deep frames with saved registers, below them a helper. */
const THROWING = `(module (memory 1) (func (export "f") (param i32) (result i32) (local i32)
  (local.set 1 (i32.mul (local.get 0) (i32.const 3)))
  (if (i32.eqz (local.get 0)) (then (return (memory.grow (i32.const 7)))))
  (i32.add (call 0 (i32.sub (local.get 0) (i32.const 1))) (local.get 1))))`;

/** Compiles a module for native/test/throw.cc; returns that program's arguments. */
export async function recordThrowing(dir: string, settings: CompileOptions): Promise<string[]> {
  const bytes = compile(await parseWat(THROWING), settings);
  const file = join(dir, 'throwing.o');
  writeFileSync(file, bytes);
  const object = readObject(bytes, checksum);
  const { textOffset, textSize, ehFrameOffset, ehFrameSize, branchTargets } = object.layout;
  const type = object.module.funcTypes[0]!;
  const places = [textOffset, textSize, ehFrameOffset, ehFrameSize, branchTargets];
  return [file, ...[...places, object.entryOffset(type), object.textOffsetOf(0), 20].map(String)];
}
