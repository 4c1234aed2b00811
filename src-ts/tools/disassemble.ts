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
  ARCH_ARM64: number;
  MODE_64: number;
  MODE_LITTLE_ENDIAN: number;
  Capstone: new (arch: number, mode: number) => Decoder;
}

/** What disassembling depends on. */
interface Machine {
  arch: 'ARCH_X86' | 'ARCH_ARM64';
  mode: 'MODE_64' | 'MODE_LITTLE_ENDIAN';
  /** Bytes to go on by where nothing can be decoded. */
  unit: number;
  /** Where, at the earliest, constants begin that an instruction refers to; undefined if it does not. */
  data(line: Line): number | undefined;
}

/** What refers to constants and jump tables behind the code; Capstone gives the address. */
const ARM_LITERAL = /^(ldr|ldrsw|adr)$/;

const MACHINES: Record<string, Machine> = {
  x86_64: {
    arch: 'ARCH_X86',
    mode: 'MODE_64',
    unit: 1,
    data({ mnemonic, operands, offset, bytes }) {
      // The scratch register is given return addresses, never tables.
      if (mnemonic === 'lea' && operands.startsWith('r11,')) return undefined;
      const m = /\[rip \+ (0x[0-9a-f]+|\d+)\]/.exec(operands);
      return m ? offset + bytes.length + Number(m[1]) : undefined;
    },
  },
  aarch64: {
    arch: 'ARCH_ARM64',
    mode: 'MODE_LITTLE_ENDIAN',
    unit: 4,
    data({ mnemonic, operands }) {
      const m = ARM_LITERAL.test(mnemonic) ? /, #(0x[0-9a-f]+|\d+)$/.exec(operands) : null;
      return m ? Number(m[1]) : undefined;
    },
  },
};

/** Disassembles code of one target. */
export class Disassembler {
  private constructor(
    private readonly decoder: Decoder,
    private readonly machine: Machine,
  ) {}

  /** Loads Capstone for a target such as `x86_64-linux`. Throws Error for one it does not know. */
  static async load(target: string): Promise<Disassembler> {
    const machine = MACHINES[target.split('-')[0]!];
    if (machine === undefined) throw new Error(`no disassembler for target '${target}'`);
    const load = createRequire(import.meta.url)(
      '@alexaltea/capstone-js',
    ) as () => Promise<Capstone>;
    const cs = await load();
    return new Disassembler(new cs.Capstone(cs[machine.arch], cs[machine.mode]), machine);
  }

  /**
   * Disassembles `code`, which stands at `offset` in .text; what cannot be decoded comes as bytes.
   * @param pool whether constants and jump tables may follow the instructions, as in functions
   */
  lines(code: Uint8Array, offset: number, pool = true): Line[] {
    const lines: Line[] = [];
    let dataAt = code.length;
    let at = 0;
    while (at < code.length) {
      for (const i of dataAt > at ? this.decode(code.subarray(at, dataAt), offset + at) : []) {
        const line: Line = {
          offset: offset + at,
          bytes: code.subarray(at, at + i.size),
          mnemonic: i.mnemonic,
          operands: i.op_str,
        };
        lines.push(line);
        at += i.size;
        const data = pool ? this.machine.data(line) : undefined;
        if (data !== undefined && data > line.offset) dataAt = Math.min(dataAt, data - offset);
        if (at >= dataAt) break;
      }
      if (at >= code.length) break;
      const n = at >= dataAt ? 8 : this.machine.unit;
      lines.push(byteLine(code.subarray(at, Math.min(at + n, code.length)), offset + at));
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

/** Bytes that are no instruction. */
function byteLine(bytes: Uint8Array, offset: number): Line {
  return { offset, bytes, mnemonic: '.byte', operands: hexBytes(bytes, ', 0x', '0x') };
}
