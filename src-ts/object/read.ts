/**
 * Reading an object back. The file is checked before anything of it is used: header, section table against sections.ts
 * (nothing unknown, nothing twice, nothing missing, nothing outside the file), then version and checksum, then the
 * sections themselves. Large tables are views over the bytes and names are decoded when asked for, so the cost of
 * reading does not grow with the size of the code but for the checksum.
 */
import { AddressMap } from './addrmap.ts';
import { ByteReader } from './bytes.ts';
import type { Checksum } from './checksum.ts';
import { checkDescription } from './check.ts';
import { readEngine, type EngineInfo } from './engine.ts';
import { ObjectError } from './error.ts';
import { NO_CODE, readFuncs, type FunctionTable } from './funcs.ts';
import { readInfo } from './info.ts';
import { InlineTable } from './inlines.ts';
import { NameTable } from './names.ts';
import type { ModuleDescription } from './records.ts';
import { floorIndex } from './search.ts';
import {
  EHDR_SIZE,
  PAGE,
  sectionIndex,
  SECTIONS,
  sectionsOf,
  SHDR_SIZE,
  type Rows,
  type SectionName,
  type SectionRow,
} from './sections.ts';
import { targetOfHeader, type ObjectTarget } from './target.ts';
import { TrapTable } from './traps.ts';

const ET_REL = 1;

/** What the native core needs to register code (CodeLayout of runtime/native.ts): file offsets and sizes in bytes. */
export interface ObjectLayout {
  textOffset: number;
  textSize: number;
  ehFrameOffset: number;
  ehFrameSize: number;
  trapsOffset: number;
  trapsSize: number;
  pdataOffset: number;
  pdataSize: number;
  xdataOffset: number;
  xdataSize: number;
  /** 1 when every place an indirect branch may go to is marked, so that the CPU can enforce it. */
  branchTargets: number;
}

interface Range {
  offset: number;
  size: number;
}

/** Places of all sections; those that the object has not are empty. */
export type Ranges = Readonly<Record<SectionName, Readonly<Range>>>;

/** Checks the ELF header; returns the target, the place of the section header table and the rows it must have. */
function readHeader(bytes: Uint8Array): { t: ObjectTarget; headers: number; rows: Rows } {
  const r = new ByteReader(bytes, 'ELF header', 0, Math.min(bytes.length, EHDR_SIZE));
  const expect = (found: number, expected: number, what: string) => {
    if (found !== expected) r.fail(`${what} ${found}`, `${expected}`);
  };
  if (bytes.length < EHDR_SIZE) r.fail(`a file of ${bytes.length} bytes`, 'an ELF object');
  if (r.u32() !== 0x464c457f) r.fail('a wrong magic number', '\\x7fELF');
  expect(r.u8(), 2, 'class');
  expect(r.u8(), 1, 'byte order');
  expect(r.u8(), 1, 'identification version');
  const osAbi = r.u8();
  expect(r.u64(), 0, 'padding');
  expect(r.u16(), ET_REL, 'file type');
  const t = targetOfHeader(r.u16(), osAbi);
  expect(r.u32(), 1, 'version');
  expect(r.u64(), 0, 'entry point');
  expect(r.u64(), 0, 'program headers at');
  const headers = r.u64();
  expect(r.u32(), 0, 'flags');
  expect(r.u16(), EHDR_SIZE, 'header size');
  expect(r.u16(), 0, 'program header size');
  expect(r.u16(), 0, 'number of program headers');
  expect(r.u16(), SHDR_SIZE, 'section header size');
  const count = r.u16();
  const rows = sectionsOf(t, count === sectionsOf(t, true).length + 1);
  expect(count, rows.length + 1, 'number of sections');
  expect(r.u16(), sectionIndex(rows, '.shstrtab'), 'section of names');
  const end = headers + SHDR_SIZE * (rows.length + 1);
  if (headers < EHDR_SIZE || end > bytes.length) {
    r.fail(`section headers at ${headers} in ${bytes.length} bytes (truncated?)`, 'them inside');
  }
  return { t, headers, rows };
}

/** One section header against its row; its name is checked later. */
function readSection(r: ByteReader, row: SectionRow, t: ObjectTarget): Range & { name: number } {
  const expect = (found: number, expected: number, what: string) => {
    if (found !== expected) r.fail(`${row.name} with ${what} ${found}`, `${expected}`);
  };
  const name = r.u32();
  expect(r.u32(), row.type, 'type');
  expect(r.u64(), row.flags, 'flags');
  expect(r.u64(), 0, 'address');
  const offset = r.u64();
  const size = r.u64();
  r.u32(); // link and info
  r.u32();
  const align = row.align === PAGE ? t.pageSize : row.align;
  expect(r.u64(), align, 'alignment');
  expect(r.u64(), row.entrySize ?? 0, 'entry size');
  if (offset < EHDR_SIZE || offset + size > r.bytes.length) {
    r.fail(`${row.name} at [${offset}, ${offset + size})`, `it inside ${r.bytes.length} bytes`);
  }
  if (offset % align !== 0 || (row.ownPage === true && offset % t.pageSize !== 0)) {
    r.fail(`${row.name} at ${offset}`, `an alignment of ${align}`);
  }
  if (row.entrySize !== undefined && size % row.entrySize !== 0) {
    r.fail(`${row.name} of ${size} bytes`, `entries of ${row.entrySize}`);
  }
  return { name, offset, size };
}

/** Name at a place in .shstrtab. */
function sectionName(bytes: Uint8Array, names: Range, place: number): string {
  const start = names.offset + place;
  const limit = names.offset + names.size;
  let end = start;
  while (end < limit && bytes[end] !== 0) end++;
  if (end >= limit) {
    throw new ObjectError(`.shstrtab: found a name at ${place}, expected it inside ${names.size}`);
  }
  return String.fromCharCode(...bytes.subarray(start, Math.min(end, start + 64)));
}

/** Checks the section header table: exactly the known sections, in their order, one after the other. */
function readSections(bytes: Uint8Array): {
  t: ObjectTarget;
  ranges: Ranges;
} {
  const { t, headers, rows } = readHeader(bytes);
  const end = headers + SHDR_SIZE * (rows.length + 1);
  const r = new ByteReader(bytes, 'section headers', headers, end);
  for (let i = 0; i < SHDR_SIZE; i += 4) {
    if (r.u32() !== 0) r.fail('a first section that is not null', 'zeros');
  }
  const found = rows.map((row) => readSection(r, row, t));
  // What the target's objects do not have is empty.
  const none = { offset: 0, size: 0 };
  const ranges = Object.fromEntries(SECTIONS.map((row) => [row.name, none])) as Record<
    SectionName,
    Range
  >;
  const names = found[sectionIndex(rows, '.shstrtab') - 1]!;
  let last = EHDR_SIZE;
  found.forEach((section, i) => {
    const expected = rows[i]!.name;
    const name = sectionName(bytes, names, section.name);
    if (name !== expected) r.fail(`section '${name}'`, `'${expected}'`);
    if (section.offset < last) r.fail(`'${name}' over what is before it`, `it at ${last} or later`);
    last = section.offset + section.size;
    if (i === rows.length - 2 && last > headers) r.fail(`'${name}' over the headers`, 'not');
    ranges[expected] = section;
  });
  if (last !== bytes.length) r.fail(`${bytes.length} bytes`, `a file of ${last}`);
  return { t, ranges };
}

/** An object, checked; its tables are read when they are asked for. */
export class LoadedObject {
  readonly bytes: Uint8Array;
  readonly ranges: Ranges;
  readonly engine: EngineInfo;
  /** What native `activate` takes. */
  readonly layout: ObjectLayout;
  readonly module: ModuleDescription;
  /** Place of .rodata.wasm and of the custom sections' bytes. */
  readonly data: Readonly<Range>;
  readonly custom: Readonly<Range>;
  /** Number of imported functions: the index of the first defined one. */
  readonly importedFunctions: number;
  readonly functions: FunctionTable;
  readonly traps: TrapTable;
  readonly addresses: AddressMap;
  readonly inlines: InlineTable;
  /** Function names, decoded one at a time. */
  readonly names: NameTable;

  /** Use `readObject`. */
  constructor(bytes: Uint8Array, ranges: Ranges, engine: EngineInfo) {
    this.bytes = bytes;
    this.ranges = ranges;
    this.engine = engine;
    const at = <T>(name: SectionName, read: (b: Uint8Array, offset: number, size: number) => T) =>
      read(bytes, ranges[name].offset, ranges[name].size);
    this.layout = {
      textOffset: ranges['.text'].offset,
      textSize: ranges['.text'].size,
      ehFrameOffset: ranges['.eh_frame'].offset,
      ehFrameSize: ranges['.eh_frame'].size,
      trapsOffset: ranges['.elfin.traps'].offset,
      trapsSize: ranges['.elfin.traps'].size,
      pdataOffset: ranges['.pdata'].offset,
      pdataSize: ranges['.pdata'].size,
      xdataOffset: ranges['.xdata'].offset,
      xdataSize: ranges['.xdata'].size,
      branchTargets: engine.settings.branchTargets === 'true' ? 1 : 0,
    };
    this.data = ranges['.rodata.wasm'];
    this.custom = ranges['.elfin.custom'];
    this.functions = at('.elfin.funcs', readFuncs);
    this.traps = at('.elfin.traps', (b, o, n) => new TrapTable(b, o, n));
    this.addresses = at('.elfin.addrmap', (b, o, n) => new AddressMap(b, o, n));
    this.inlines = at('.elfin.inlines', (b, o, n) => new InlineTable(b, o, n));
    const names = at('.elfin.names', (b, o, n) => new NameTable(b, o, n));
    this.names = names;
    this.module = Object.defineProperty(at('.elfin.info', readInfo), 'funcNames', {
      get: () => names.all(),
      enumerable: true,
    }) as ModuleDescription;
    this.importedFunctions = checkDescription(this.module, {
      data: this.data.size,
      custom: this.custom.size,
      definedFuncs: this.functions.offsets.length,
      types: this.functions.entries.length,
    });
  }

  /** Offset in .text of a defined function, by its index in the module (imported ones count). Throws ObjectError. */
  textOffsetOf(funcIndex: number): number {
    const i = funcIndex - this.importedFunctions;
    return this.codeAt(this.functions.offsets[i], `function ${funcIndex}`);
  }

  /** Size in bytes of a defined function's code. */
  sizeOf(funcIndex: number): number {
    const size = this.functions.sizes[funcIndex - this.importedFunctions] ?? 0;
    return Math.min(size, this.layout.textSize - this.textOffsetOf(funcIndex));
  }

  /** Offset in .text of the entry trampoline of a type. Throws ObjectError if the object has none. */
  entryOffset(typeIndex: number): number {
    return this.codeAt(this.functions.entries[typeIndex], `entry trampoline ${typeIndex}`);
  }

  /** Offset in .text of the exit trampoline of a type. Throws ObjectError if the object has none. */
  exitOffset(typeIndex: number): number {
    return this.codeAt(this.functions.exits[typeIndex], `exit trampoline ${typeIndex}`);
  }

  private codeAt(offset: number | undefined, what: string): number {
    if (offset !== undefined && offset < this.layout.textSize) return offset;
    const found = offset === undefined || offset === NO_CODE ? 'none' : `one at ${offset}`;
    throw new ObjectError(
      `.elfin.funcs: ${what}: found ${found}, expected it inside .text (${this.layout.textSize} bytes)`,
    );
  }

  /** Index in the module of the function whose code holds this offset in .text; -1 if none (a trampoline, a gap). */
  functionAt(textOffset: number): number {
    const { offsets, sizes } = this.functions;
    const i = floorIndex(offsets, offsets.length, textOffset);
    return i >= 0 && textOffset - offsets[i]! < sizes[i]! ? i + this.importedFunctions : -1;
  }

  /**
   * Wasm byte offset that belongs to an offset in .text, -1 if none is known.
   * @param isCall the offset is a return address: what counts is the call before it
   */
  wasmOffset(textOffset: number, isCall: boolean): number {
    const at = isCall ? textOffset - 1 : textOffset;
    const f = this.functionAt(at);
    return f < 0 ? -1 : this.addresses.lookup(at, this.textOffsetOf(f));
  }

  /**
   * The Wasm frames that code stands for, innermost first.
   *
   * @param isCall the offset is a return address
   * @param frame function whose code it is, and the Wasm byte offset of the instruction, -1 if not known
   */
  inlinedFrames(
    textOffset: number,
    isCall: boolean,
    { index, wasmOffset }: { index: number; wasmOffset: number },
  ): { index: number; wasmOffset: number }[] {
    const own = textOffset - this.textOffsetOf(index);
    const frames: { index: number; wasmOffset: number }[] = [];
    for (const inlined of this.inlines.around(index - this.importedFunctions, own, isCall)) {
      frames.push({ index: this.importedFunctions + inlined.callee, wasmOffset });
      wasmOffset = inlined.call;
    }
    frames.push({ index, wasmOffset });
    return frames;
  }

  /** Contents of a data segment: a view, never to be written. */
  dataBytes(segment: number): Uint8Array {
    const { start, length } = this.module.data[segment]!;
    return this.bytes.subarray(this.data.offset + start, this.data.offset + start + length);
  }

  /** Contents of the first custom section of a name: a view, never to be written. */
  customView(name: string): Uint8Array | undefined {
    const section = this.module.custom.find((c) => c.name === name);
    if (!section) return undefined;
    const start = this.custom.offset + section.start;
    return this.bytes.subarray(start, start + section.length);
  }

  /** Contents of custom section number i of the description: a copy. */
  customBytes(i: number): Uint8Array {
    const { start, length } = this.module.custom[i]!;
    return this.bytes.slice(this.custom.offset + start, this.custom.offset + start + length);
  }
}

/**
 * Checks an object and opens it. Nothing is copied if `bytes` starts at a multiple of 4 in its buffer.
 *
 * @param bytes the whole file; must stay as it is while the result is used
 * @param checksum the function of checksum.ts, in whatever implementation
 * @throws ObjectError naming what was found and what was expected
 */
export function readObject(bytes: Uint8Array, checksum: Checksum): LoadedObject {
  const { t, ranges } = readSections(bytes);
  const last = ranges['.elfin.engine'];
  if (last.size < 16) throw new ObjectError(`.elfin.engine: found ${last.size} bytes, expected 16`);
  const engine = readEngine(bytes, last.offset, last.offset + last.size, checksum);
  if (engine.target !== t.name) {
    throw new ObjectError(`.elfin.engine: found target '${engine.target}', expected '${t.name}'`);
  }
  return new LoadedObject(bytes, ranges, engine);
}
