/** Plans for native/test/host.cc: an object, an instance of it laid out in the host's block, calls. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { compile, type CompileOptions } from '../../src-ts/compiler/index.ts';
import * as Abi from '../../src-ts/gen/abi.ts';
import { checksum, readObject } from '../../src-ts/object/index.ts';
import type { LoadedObject } from '../../src-ts/object/read.ts';
import { parseText } from '../../src-ts/tools/wat.ts';

const ROOT = join(import.meta.dirname, '..', '..');

export type Arch = 'x64' | 'arm64';

function has(program: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;
}

/** Programs that tests need, those that are missing. */
export function missing(...programs: string[]): string[] {
  return programs.filter((program) => !has(program));
}

/** Builds a program of native/test for a machine, with sources as they are now; returns its path. */
export function buildHost(arch: Arch, program: 'elfin_host' | 'elfin_host_static' | 'elfin_throw') {
  const build = join(ROOT, 'build', `host-${arch}`);
  mkdirSync(build, { recursive: true });
  const cross = [
    '-DCMAKE_SYSTEM_NAME=Linux',
    '-DCMAKE_SYSTEM_PROCESSOR=aarch64',
    '-DCMAKE_CXX_COMPILER=aarch64-linux-gnu-g++',
  ];
  const options = arch === 'arm64' && process.arch !== 'arm64' ? cross : [];
  const generate = ['-G', 'Ninja', '-S', join(ROOT, 'native'), '-B', build, ...options];
  execFileSync('cmake', generate, { stdio: 'pipe' });
  execFileSync('cmake', ['--build', build, '--target', program], { stdio: 'pipe' });
  return join(build, program);
}

/** Type ids: any numbers that tell signatures apart. */
const FIRST_TYPE_ID = 100;
/** Room in the block between one thing and the next. */
const align = (at: number) => (at + 15) & ~15;

/** An import: a host function by its number (native/test/host.cc, `finish`), or a native one by its name. */
export type Import = number | string;

export interface Guest {
  object: LoadedObject;
  /** Lines that make the instance. */
  lines: string[];
  /** Place of the VMFuncRef of an exported function. */
  ref(name: string): number;
  /** Where the next instance may begin. */
  end: number;
}

/** Compiles text for a machine, writes `NAME.o` to `dir`. */
export async function compileGuest(
  dir: string,
  name: string,
  text: string,
  settings: CompileOptions,
): Promise<{ path: string; object: LoadedObject }> {
  const path = join(dir, `${name}.o`);
  const bytes = compile(await parseText(text), settings);
  writeFileSync(path, bytes);
  return { path, object: readObject(bytes, checksum) };
}

/** Fields of a VMFuncRef, as a VMHostFunc has them before it. */
interface Callee {
  code: string;
  /** Place of the callee's context in the block. */
  ctx: number;
  type: number;
}

/** Lines of an instance at `start` of the block: its functions, imports and one table of functions. */
export function instantiate(
  object: LoadedObject,
  imports: readonly Import[],
  start: number,
): Guest {
  const m = object.module;
  const tables = m.tables.length;
  const layout = Abi.ctxLayout({
    memories: m.memories.length,
    tables,
    funcImports: object.importedFunctions,
    globalPtrs: 0,
    typeIds: m.types.length,
    globals: m.globals.length,
    funcRefs: m.funcRefs.length,
  });
  const lines = [`thread ${start}`, `builtins ${start + Abi.CTX_BUILTINS}`];
  let end = align(start + layout.size);
  const take = (bytes: number) => (end = align(end + bytes)) - align(bytes);
  const callees = new Map<number, Callee>();
  const refs = new Map<number, number>();
  const writeRef = (index: number, at: number, callee: Callee) => {
    callees.set(index, callee);
    refs.set(index, at);
    lines.push(
      `${callee.code.replace('AT', String(at + Abi.FUNC_REF_CODE))}`,
      `block ${at + Abi.FUNC_REF_CTX} ${callee.ctx}`,
      `word ${at + Abi.FUNC_REF_TYPE_ID} ${FIRST_TYPE_ID + callee.type}`,
      `text ${at + Abi.FUNC_REF_ENTRY} ${object.entryOffset(callee.type)}`,
    );
  };
  imports.forEach((what, index) => {
    const type = m.funcTypes[index]!;
    const ctx = take(Abi.HOST_FUNC_SIZE);
    const code =
      typeof what === 'string' ? `native AT ${what}` : `text AT ${object.exitOffset(type)}`;
    if (typeof what === 'number') {
      lines.push(
        `thread ${ctx + Abi.HOST_FUNC_THREAD}`,
        `word ${ctx + Abi.HOST_FUNC_HOST_ID} ${what}`,
      );
      lines.push(code.replace('AT', String(ctx + Abi.HOST_FUNC_HOST_CODE)));
    }
    writeRef(index, take(Abi.FUNC_REF_SIZE), { code, ctx, type });
    const at = start + layout.funcImports + index * Abi.CTX_FUNC_IMPORTS_STRIDE;
    lines.push(code.replace('AT', String(at)), `block ${at + 8} ${ctx}`);
    lines.push(`block ${at + 16} ${refs.get(index)!}`);
  });
  Array.from(m.funcRefs).forEach((index, k) => {
    const code = `text AT ${object.textOffsetOf(index)}`;
    const at = start + layout.funcRefs + k * Abi.FUNC_REF_SIZE;
    writeRef(index, at, { code, ctx: start, type: m.funcTypes[index]! });
  });
  m.types.forEach((_, i) => {
    const at = start + layout.typeIds + i * Abi.CTX_TYPE_IDS_STRIDE;
    if (i % 2 === 0)
      lines.push(
        `word ${at} ${BigInt(FIRST_TYPE_ID + i) + (BigInt(FIRST_TYPE_ID + i + 1) << 32n)}`,
      );
  });
  if (m.memories.length > 0) {
    const memory = take(Abi.MEMORY_SIZE);
    lines.push(`block ${start + layout.memories} ${memory}`);
  }
  if (tables > 0) {
    const funcs = Array.from(m.elements[0]!.funcs ?? []);
    const table = take(Abi.TABLE_SIZE);
    const base = take(funcs.length * Abi.FUNC_ENTRY_SIZE);
    lines.push(`block ${start + layout.tables} ${table}`, `block ${table} ${base}`);
    lines.push(`word ${table + Abi.TABLE_LENGTH} ${funcs.length}`);
    funcs.forEach((index, k) => {
      const at = base + k * Abi.FUNC_ENTRY_SIZE;
      const callee = callees.get(index)!;
      lines.push(callee.code.replace('AT', String(at)), `block ${at + 8} ${callee.ctx}`);
      lines.push(`word ${at + Abi.FUNC_ENTRY_TYPE_ID} ${FIRST_TYPE_ID + callee.type}`);
      lines.push(`block ${at + Abi.FUNC_ENTRY_REF} ${refs.get(index)!}`);
    });
  }
  return {
    object,
    lines,
    end,
    ref(name) {
      const found = m.exports.find((e) => e.name === name && e.kind === 'function');
      return refs.get(found!.index)!;
    },
  };
}

/** The line that loads an object. */
export function objectLine(path: string, object: LoadedObject): string {
  const l = object.layout;
  const places = [
    l.textOffset,
    l.textSize,
    l.ehFrameOffset,
    l.ehFrameSize,
    l.trapsOffset,
    l.trapsSize,
  ];
  return `object ${path} ${places.join(' ')}`;
}
