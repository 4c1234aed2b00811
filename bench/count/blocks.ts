/** Machine code and counts to functions and blocks, hottest first. */
import { TRAP_NAMES } from '../../src-ts/gen/ir.ts';
import type { LoadedObject } from '../../src-ts/object/index.ts';
import { Disassembler } from '../../src-ts/tools/disassemble.ts';
import type { Counts } from './counts.ts';
import type { CodeRange, WasmtimeObject } from './wasmtimeobject.ts';

export interface Instruction {
  /** Offset in .text. */
  readonly offset: number;
  readonly text: string;
  /** Wasm byte offset it stems from, -1 if none is known. */
  readonly wasm: number;
}

/** Neighbouring instructions that were executed equally often, the last of which may jump. */
export interface Block {
  readonly times: number;
  readonly instructions: readonly Instruction[];
}

export interface HotFunction {
  /** Index among the module's functions. */
  readonly index: number;
  readonly executed: number;
  /** Those that were executed, ascending. */
  readonly blocks: readonly Block[];
}

/** Code of one compiler. */
export interface Code {
  readonly text: Uint8Array;
  readonly functions: readonly CodeRange[];
  wasmOffset(offset: number): number;
  /** What else is to be said of an instruction. */
  note(offset: number): string;
}

export function codeOfElfin(object: LoadedObject, spilled: ReadonlySet<number>): Code {
  const { textOffset, textSize } = object.layout;
  const first = object.importedFunctions;
  const count = object.functions.offsets.length;
  return {
    text: object.bytes.subarray(textOffset, textOffset + textSize),
    functions: Array.from({ length: count }, (_, i) => {
      const start = object.textOffsetOf(first + i);
      return { index: first + i, start, end: start + object.sizeOf(first + i) };
    }),
    wasmOffset: (offset) => object.traps.at(offset)?.wasmOffset ?? object.wasmOffset(offset, false),
    note(offset) {
      const trap = object.traps.at(offset);
      const spill = spilled.has(offset) ? ' (spilled)' : '';
      return spill + (trap ? ` (traps: ${TRAP_NAMES[trap.code]})` : '');
    },
  };
}

export function codeOfWasmtime(object: WasmtimeObject): Code {
  const { text, functions } = object;
  return {
    text,
    functions,
    wasmOffset: (offset) => object.wasmOffset(offset),
    note: () => '',
  };
}

/** Ends a block: jumps, conditional or not, and returns. */
const LEAVES = /^(j|ret|b$|b\.|br$|cbz|cbnz|tbz|tbnz|ud2|udf)/;

class BlockList {
  readonly blocks: Block[] = [];
  executed = 0;
  private open: { times: number; instructions: Instruction[] } | undefined;

  add(instruction: Instruction, times: number, leaves: boolean): void {
    if (this.open !== undefined && this.open.times !== times) this.open = undefined;
    if (times === 0) return;
    this.executed += times;
    if (this.open === undefined) this.blocks.push((this.open = { times, instructions: [] }));
    this.open.instructions.push(instruction);
    if (leaves) this.open = undefined;
  }
}

/** The functions that were executed, hottest first. */
export async function hotFunctions(
  code: Code,
  target: string,
  counts: Counts,
  nameOf: (index: number) => string,
): Promise<HotFunction[]> {
  const disassembler = await Disassembler.load(target);
  const starts = new Map(code.functions.map((f) => [f.start, f.index]));
  const callee = (operands: string) =>
    operands.replace(/^#?0x([0-9a-f]+)$/, (all, hex: string) => {
      const index = starts.get(parseInt(hex, 16));
      return index === undefined ? all : `${all} <${nameOf(index)}>`;
    });
  try {
    const found: HotFunction[] = [];
    for (const { index, start, end } of code.functions) {
      if (!counts.anyIn(start, end)) continue;
      const list = new BlockList();
      for (const line of disassembler.lines(code.text.subarray(start, end), start)) {
        const { offset, mnemonic } = line;
        const text = `${mnemonic} ${callee(line.operands)}${code.note(offset)}`;
        const instruction = { offset, text, wasm: code.wasmOffset(offset) };
        list.add(instruction, counts.at(offset), LEAVES.test(mnemonic));
      }
      found.push({ index, executed: list.executed, blocks: list.blocks });
    }
    return found.sort((a, b) => b.executed - a.executed || a.index - b.index);
  } finally {
    disassembler.close();
  }
}
