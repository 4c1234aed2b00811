/** Machine code to text, by Capstone. */
import { createRequire } from 'node:module';

/** One disassembled instruction, or bytes that are none. */
export interface Line {
  /** Offset in .text. */
  offset: number;
  bytes: Uint8Array;
  mnemonic: string;
  operands: string;
}

interface Instruction {
  address: number | bigint;
  size: number;
  mnemonic: string;
  op_str: string;
}

interface Decoder {
  disasm(code: Uint8Array, address: number): Instruction[];
  close(): void;
}

interface Capstone {
  ARCH_X86: number;
  MODE_64: number;
  Capstone: new (arch: number, mode: number) => Decoder;
}

/** Disassembles code of one target. */
export class Disassembler {
  private constructor(private readonly decoder: Decoder) {}

  /** Loads Capstone for a target such as `x86_64-linux`. Throws Error for one it does not know. */
  static async load(target: string): Promise<Disassembler> {
    if (!target.startsWith('x86_64-')) throw new Error(`no disassembler for target '${target}'`);
    const load = createRequire(import.meta.url)(
      '@alexaltea/capstone-js',
    ) as () => Promise<Capstone>;
    const cs = await load();
    return new Disassembler(new cs.Capstone(cs.ARCH_X86, cs.MODE_64));
  }

  /** Disassembles `code`, which stands at `offset` in .text; what cannot be decoded comes as single bytes. */
  lines(code: Uint8Array, offset: number): Line[] {
    const lines: Line[] = [];
    let at = 0;
    while (at < code.length) {
      const end = dataStart(lines, code.length, offset) - offset;
      for (const i of end > at ? this.decode(code.subarray(at, end), offset + at) : []) {
        lines.push({
          offset: offset + at,
          bytes: code.subarray(at, at + i.size),
          mnemonic: i.mnemonic,
          operands: i.op_str,
        });
        at += i.size;
      }
      if (at >= code.length) break;
      const n =
        at >= dataStart(lines, code.length, offset) - offset ? Math.min(8, code.length - at) : 1;
      lines.push({
        offset: offset + at,
        bytes: code.subarray(at, at + n),
        mnemonic: '.byte',
        operands: hexBytes(code.subarray(at, at + n), ', 0x', '0x'),
      });
      at += n;
    }
    return lines;
  }

  private decode(code: Uint8Array, address: number): Instruction[] {
    try {
      return this.decoder.disasm(code, address);
    } catch {
      return []; // Capstone throws when not even the first instruction decodes.
    }
  }

  close(): void {
    this.decoder.close();
  }
}

/** Bytes as hexadecimal pairs. */
export function hexBytes(bytes: Uint8Array, separator = ' ', prefix = ''): string {
  return prefix + Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join(separator);
}

/** Constants and jump tables stand behind a function's code and are reached relative to RIP: where they begin. */
function dataStart(lines: readonly Line[], length: number, offset: number): number {
  let first = offset + length;
  for (const { operands, offset: at, bytes } of lines) {
    const m = /\[rip \+ (0x[0-9a-f]+|\d+)\]/.exec(operands);
    if (m) first = Math.min(first, at + bytes.length + Number(m[1]));
  }
  return first;
}
