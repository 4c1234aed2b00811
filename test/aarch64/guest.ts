/** The guest half (see records.ts): runs what the host prepared. Prints a line for each failure and totals. */
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { getPriority, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { deserialize } from 'node:v8';
import { inflateRawSync } from 'node:zlib';
import { outputError } from '../../bench/modules.ts';
import Runtime from '../../src-ts/runtime/index.ts';
import { loadNative } from '../../src-ts/runtime/native.ts';
import { createNamespace, moduleClassFor } from '../../src-ts/runtime/namespace.ts';
import { runWast } from '../../src-ts/tools/wast/run.ts';
import type { WasmNamespace } from '../../src-ts/tools/wast/wasm.ts';
import { CompileError } from '../../src-ts/util/errors.ts';
import { WASI } from '../../src-ts/wasi/index.ts';
import { observe, type WasmEngine } from '../fuzz/differential.ts';
import { decodeModule } from '../../src-ts/wasm/decode.ts';
import { SUPPORTED_FEATURES } from '../../src-ts/wasm/features.ts';
import { hashes } from './hashes.ts';
import {
  hashOf,
  type BenchRecord,
  type Compiled,
  type FuzzRecord,
  type ScriptRecord,
} from './records.ts';

const collect = (globalThis as { gc?: () => void }).gc ?? (() => {});

/** A namespace whose compiler looks modules up. */
function namespaceOf(find: (bytes: Uint8Array) => Compiled | undefined): unknown {
  const compiler = {
    explicitChecks: false,
    compile(bytes: Uint8Array): Uint8Array {
      const found = find(bytes);
      if (found === undefined) throw new Error('a module the host did not compile');
      if ('refused' in found) throw new CompileError(found.refused);
      return inflateRawSync(found.object);
    },
    compileAsync: () => Promise.reject(new Error('not used')),
    validate: () => false,
  };
  return createNamespace(compiler, moduleClassFor(compiler));
}

async function script(file: string): Promise<number> {
  const record = deserialize(readFileSync(file)) as ScriptRecord;
  const wasm = namespaceOf((bytes) => record.modules.get(hashOf(bytes))) as WasmNamespace;
  const failures: string[] = [];
  const { passed } = await runWast(readFileSync(record.path, 'utf8'), {
    wasm,
    parseText: (text) => {
      const found = record.texts.get(text);
      if (found instanceof Uint8Array) return Promise.resolve(found);
      return Promise.reject(new Error(found ?? 'a text the host did not parse'));
    },
    onResult: ({ status, line, command, message }) => {
      if (status === 'failed') failures.push(`${record.name}:${line}: ${command}: ${message}`);
    },
  });
  for (const failure of failures) console.log(failure);
  if (passed !== record.passed) console.log(`${record.name}: ${passed} of ${record.passed} passed`);
  total.passed += passed;
  return failures.length + (passed === record.passed ? 0 : 1);
}

const total = { passed: 0 };

function fuzz(file: string): number {
  const records = deserialize(readFileSync(file)) as FuzzRecord[];
  let failed = 0;
  for (const { seed, bytes, compiled, seen } of records) {
    const engine = namespaceOf(() => compiled) as WasmEngine;
    const mine = observe(engine, bytes, decodeModule(bytes, SUPPORTED_FEATURES), seed);
    const differs = difference(mine, seen);
    if (differs !== undefined) console.log(`seed ${seed}: ${differs}`);
    if (differs === undefined) total.passed++;
    else failed++;
    if (seed % 8 === 0) collect();
  }
  return failed;
}

/** The first line that differs, or undefined; where a stack is exhausted engines may part. */
function difference(mine: string[], theirs: string[]): string | undefined {
  for (let i = 0; i < Math.max(mine.length, theirs.length); i++) {
    const [x = '(nothing)', y = '(nothing)'] = [mine[i], theirs[i]];
    if (x.endsWith('stack exhausted') || y.endsWith('stack exhausted')) return undefined;
    if (x !== y) return `line ${i}: ${x} | ${y}`;
  }
  return undefined;
}

/** One run under WASI; what its output has wrong, or null. */
function benchmark(record: BenchRecord, scratch: string): string | null {
  const names = [join(scratch, 'out'), join(scratch, 'err')] as const;
  const [stdout, stderr] = names.map((name) => openSync(name, 'w')) as [number, number];
  const stdin = openSync('/dev/null', 'r');
  const wasi = new WASI({
    version: 'preview1',
    args: [basename(record.wasm), ...record.args],
    preopens: { '.': record.directory },
    returnOnExit: true,
    stdin,
    stdout,
    stderr,
  });
  const marks: string[] = [];
  const instance = new Runtime.Instance(Runtime.Module.deserializeFile(record.object), {
    wasi_snapshot_preview1: wasi.wasiImport,
    bench: {
      start: () => {
        marks.push('start');
        atStart();
      },
      end: () => {
        atEnd();
        marks.push('end');
      },
    },
  });
  if (!record.marks) atStart();
  const status = wasi.start(instance as never);
  if (!record.marks) atEnd();
  for (const fd of [stdin, stdout, stderr]) closeSync(fd);
  if (status !== 0) return `exit status ${status}`;
  if (record.marks && marks.join() !== 'start,end')
    return `bench.start and bench.end: ${marks.join()}`;
  return outputError(record, ...names);
}

/** Tells the plugin bench/count/icount.c something: a system call that fails. */
function mark(operation: number, value = 0): void {
  try {
    getPriority(0x4d000000 | (operation << 16) | value);
  } catch {
    // As expected: there is no such process.
  }
}

const MARK_LOW = 1;
const MARK_HIGH = 2;
const MARK_BEGIN = 3;
const MARK_END = 4;

/** Has the plugin count instructions between bench.start and bench.end (else of the whole run) in code loaded from now on. */
function countInstructions(): void {
  const native = loadNative();
  const { activate } = native;
  native.activate = (code, layout, audience) => {
    activate(code, layout, audience);
    const ends: [number, number][] = [
      [MARK_LOW, code.textAddress],
      [MARK_HIGH, code.textAddress + layout.textSize],
    ];
    for (const [operation, address] of ends) {
      for (let shift = 48; shift >= 0; shift -= 16) {
        mark(operation, Math.floor(address / 2 ** shift) % 65536);
      }
    }
  };
  atStart = () => mark(MARK_BEGIN);
  atEnd = () => mark(MARK_END);
}

let atStart = (): void => {};
let atEnd = (): void => {};

function count(file: string): number {
  countInstructions();
  return bench(file);
}

function bench(file: string): number {
  const scratch = mkdtempSync(join(tmpdir(), 'elfin-guest-'));
  let failed = 0;
  for (const record of deserialize(readFileSync(file)) as BenchRecord[]) {
    let wrong: string | null;
    try {
      wrong = benchmark(record, scratch);
    } catch (error) {
      wrong = String((error as Error).stack);
    }
    if (wrong === null) total.passed++;
    else {
      failed++;
      console.log(`${record.name}: ${wrong}`);
    }
    collect();
  }
  rmSync(scratch, { recursive: true });
  return failed;
}

function printHashes(file: string): number {
  console.log(hashes(file).join('\n'));
  return 0;
}

const kinds: Record<string, (file: string) => number | Promise<number>> = {
  script,
  fuzz,
  bench,
  count,
  hashes: printHashes,
};

const [kind, ...files] = process.argv.slice(2);
let failed = 0;
for (const file of files) {
  failed += await kinds[kind!]!(file);
  collect();
}
console.log(`${process.arch}: ${total.passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
