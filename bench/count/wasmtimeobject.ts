/** What is read of a module serialised by wasmtime, which is an ELF64 file: code, functions, and where code comes from. */
import { createRequire } from 'node:module';
import { floorIndex } from '../../src-ts/object/search.ts';
import { Reader } from '../../src-ts/util/leb128.ts';

/** The part of elf-tools that is used. */
interface Elf {
  sections: { header: { name: string }; data: Buffer }[];
}
const { parse } = createRequire(import.meta.url)('elf-tools') as { parse(bytes: Buffer): Elf };

const SYMBOL_BYTES = 24;
const STT_FUNC = 2;
/** `wasm[0]::function[12]`, perhaps with `::name` behind it. */
const FUNCTION = /^wasm\[\d+\]::function\[(\d+)\]/;

export interface CodeRange {
  /** Index among the module's functions, imported ones first. */
  readonly index: number;
  readonly start: number;
  readonly end: number;
}

export class WasmtimeObject {
  readonly text: Uint8Array;
  /** The module's functions, ascending; other code (trampolines) has none. */
  readonly functions: readonly CodeRange[];
  /** End of the last symbol's code: .text is padded to whole pages. */
  readonly codeSize: number;
  private readonly offsets: Uint32Array;
  private readonly positions: Int32Array;

  constructor(bytes: Buffer) {
    const elf = parse(bytes);
    const section = (name: string) =>
      elf.sections.find((s) => s.header.name === name)?.data ?? Buffer.alloc(0);
    this.text = section('.text');
    const { functions, codeSize } = readSymbols(section('.symtab'), section('.strtab'));
    this.functions = functions;
    this.codeSize = codeSize;
    const map = readAddressMap(section('.wasmtime.addrmap'));
    this.offsets = Uint32Array.from(map.offsets);
    this.positions = Int32Array.from(map.positions);
  }

  /** Wasm byte offset that the instruction at an offset in .text stems from, -1 if none is known. */
  wasmOffset(offset: number): number {
    const i = floorIndex(this.offsets, this.offsets.length, offset);
    return i < 0 ? -1 : this.positions[i]!;
  }
}

/** Entries of a block of .wasmtime.addrmap. */
const BLOCK = 128;

/**
 * .wasmtime.addrmap: u32 entries, u32 blocks, for each block its first offset in .text and the place of its data. An entry
 * is the distance from the offset before as unsigned LEB128, doubled; plus 1 when it has no position, else followed by the
 * distance from the position before as signed LEB128.
 */
function readAddressMap(map: Buffer): { offsets: number[]; positions: number[] } {
  const offsets: number[] = [];
  const positions: number[] = [];
  if (map.length < 8) return { offsets, positions };
  const count = map.readUInt32LE(0);
  const blocks = map.readUInt32LE(4);
  const data = 8 + 8 * blocks;
  for (let b = 0; b < blocks; b++) {
    const r = new Reader(map, data + map.readUInt32LE(12 + 8 * b), map.length);
    let offset = map.readUInt32LE(8 + 8 * b);
    let position = 0;
    for (let left = Math.min(BLOCK, count - b * BLOCK); left > 0; left--) {
      const step = r.u32();
      offset += step >>> 1;
      const placed = (step & 1) === 0;
      if (placed) position += r.s32();
      offsets.push(offset);
      positions.push(placed ? position : -1);
    }
  }
  return { offsets, positions };
}

function readSymbols(symbols: Buffer, names: Buffer): { functions: CodeRange[]; codeSize: number } {
  const functions: CodeRange[] = [];
  let codeSize = 0;
  for (let at = 0; at + SYMBOL_BYTES <= symbols.length; at += SYMBOL_BYTES) {
    if ((symbols[at + 4]! & 0xf) !== STT_FUNC) continue;
    const start = Number(symbols.readBigUInt64LE(at + 8));
    const end = start + Number(symbols.readBigUInt64LE(at + 16));
    codeSize = Math.max(codeSize, end);
    const name = symbols.readUInt32LE(at);
    const match = FUNCTION.exec(names.toString('latin1', name, names.indexOf(0, name)));
    if (match !== null) functions.push({ index: Number(match[1]), start, end });
  }
  functions.sort((a, b) => a.start - b.start);
  return { functions, codeSize };
}
