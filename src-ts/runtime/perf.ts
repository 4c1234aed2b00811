/**
 * What perf reads to know of compiled code.
 *
 *   map       /tmp/perf-PID.map: a line `START SIZE NAME`, hexadecimal, per function (perf's jit-interface.txt)
 *   jitdump   jit-PID.dump: functions with code and time (perf's jitdump-specification.txt); perf finds the file by an
 *             executable mapping of it, which native code makes. Recorded with `perf record -k mono`.
 *   image     elfin-PID-N.so, one per object, from which the code runs: perf knows mapped files and reads their symbols
 *             and unwind tables
 */
import { closeSync, constants, openSync, writeFileSync, writeSync } from 'node:fs';
import { resolve } from 'node:path';
import { writeImage } from '../object/image.ts';
import type { LoadedObject } from '../object/read.ts';
import type { Native, NativeCode } from './native.ts';
import type { PerfFiles } from './tools.ts';

/** A function or trampoline: place in .text and name. */
interface Piece {
  offset: number;
  size: number;
  name: string;
}

/** Everything in .text, ascending. A piece ends where the next begins, but for functions, whose sizes are known. */
function pieces(object: LoadedObject): Piece[] {
  const { functions, importedFunctions, layout, names } = object;
  const list: Piece[] = [];
  const add = (offset: number, size: number, name: string) => {
    if (offset < layout.textSize) list.push({ offset, size, name: name.replace(/\s/g, '_') });
  };
  functions.offsets.forEach((offset, i) => {
    const index = importedFunctions + i;
    add(offset, functions.sizes[i]!, names.get(index) ?? `wasm-function[${index}]`);
  });
  functions.entries.forEach((offset, type) => add(offset, 0, `wasm-entry[${type}]`));
  functions.exits.forEach((offset, type) => add(offset, 0, `wasm-exit[${type}]`));
  list.sort((a, b) => a.offset - b.offset);
  list.forEach((piece, i) => {
    const room = (list[i + 1]?.offset ?? layout.textSize) - piece.offset;
    piece.size = piece.size === 0 ? room : Math.min(piece.size, room);
  });
  return list;
}

function appendMap(object: LoadedObject, text: number): void {
  const lines = pieces(object).map(
    (p) => `${(text + p.offset).toString(16)} ${p.size.toString(16)} ${p.name}\n`,
  );
  // Where perf looks, whatever TMPDIR is: a folder in which others may have put a link by that name.
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW;
  const fd = openSync(`/tmp/perf-${process.pid}.map`, flags, 0o600);
  try {
    writeSync(fd, lines.join(''));
  } finally {
    closeSync(fd);
  }
}

const MAGIC = 0x4a695444;
const HEADER_SIZE = 40;
const LOAD_SIZE = 56;
const CODE_LOAD = 0;

/** jit-PID.dump of this process. */
class Dump {
  private readonly fd: number;
  private index = 0;

  constructor(native: Native, machine: number) {
    const path = resolve(`jit-${process.pid}.dump`);
    this.fd = openSync(path, 'w+');
    const header = Buffer.alloc(HEADER_SIZE);
    header.writeUInt32LE(MAGIC, 0);
    header.writeUInt32LE(1, 4); // version
    header.writeUInt32LE(HEADER_SIZE, 8);
    header.writeUInt32LE(machine, 12);
    header.writeUInt32LE(process.pid, 20);
    header.writeBigUInt64LE(process.hrtime.bigint(), 24);
    writeSync(this.fd, header);
    if (!native.mapForPerf(path)) {
      closeSync(this.fd);
      throw new Error(`${path} can not be mapped executable, by which perf would find it`);
    }
  }

  /** Appends a JIT_CODE_LOAD record. */
  load(address: number, code: Uint8Array, name: string): void {
    const text = Buffer.from(`${name}\0`);
    const head = Buffer.alloc(LOAD_SIZE);
    head.writeUInt32LE(CODE_LOAD, 0);
    head.writeUInt32LE(LOAD_SIZE + text.length + code.length, 4);
    head.writeBigUInt64LE(process.hrtime.bigint(), 8);
    head.writeUInt32LE(process.pid, 16);
    head.writeUInt32LE(process.pid, 20); // thread: any of the process
    head.writeBigUInt64LE(BigInt(address), 24);
    head.writeBigUInt64LE(BigInt(address), 32);
    head.writeBigUInt64LE(BigInt(code.length), 40);
    head.writeBigUInt64LE(BigInt(this.index++), 48);
    writeSync(this.fd, Buffer.concat([head, text, code]));
  }
}

let dump: Dump | undefined;

/** e_machine of an ELF file. */
function machineOf(bytes: Uint8Array): number {
  return bytes[18]! | (bytes[19]! << 8);
}

/**
 * Maps an object from an image of it, whose file is for this process alone and stays for perf to read.
 * Throws the file system's error when it can not be written.
 */
export function mapImage(native: Native, object: LoadedObject): NativeCode {
  const image = writeImage(object);
  for (let n = 0; ; n++) {
    const path = resolve(`elfin-${process.pid}-${n}.so`);
    try {
      writeFileSync(path, image, { flag: 'wx', mode: 0o600 });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') continue;
      throw error;
    }
    return native.mapFile(path);
  }
}

/**
 * Tells perf of an object whose .text is mapped at `text`.
 * Throws the file system's error when the files can not be written.
 */
export function tellPerf(
  files: PerfFiles,
  native: Native,
  object: LoadedObject,
  text: number,
): void {
  if (files === 'off' || files === 'image') return;
  if (files === 'map') return appendMap(object, text);
  dump ??= new Dump(native, machineOf(object.bytes));
  const { textOffset } = object.layout;
  for (const { offset, size, name } of pieces(object)) {
    const start = textOffset + offset;
    dump.load(text + offset, object.bytes.subarray(start, start + size), name);
  }
}
