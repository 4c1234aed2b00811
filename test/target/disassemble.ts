/** Capstone as a judge of machine code: text of every instruction, and proof that all bytes are instructions. */
import { createRequire } from 'node:module';
import type { CodeRecord } from '../../src-ts/object/records.ts';
import { TRAP_NAMES } from '../../src-ts/gen/ir.ts';

interface Instruction {
  address: number | bigint;
  mnemonic: string;
  op_str: string;
  size: number;
}
interface Capstone {
  Capstone: new (
    arch: number,
    mode: number,
  ) => {
    disasm(bytes: Uint8Array, address: number): Instruction[];
  };
  ARCH_X86: number;
  MODE_64: number;
  ARCH_ARM64: number;
  MODE_LITTLE_ENDIAN: number;
}

const load = createRequire(import.meta.url)('@alexaltea/capstone-js') as () => Promise<Capstone>;
const capstone = await load();

/** Capstone for each target. */
const JUDGES = {
  x64: new capstone.Capstone(capstone.ARCH_X86, capstone.MODE_64),
  aarch64: new capstone.Capstone(capstone.ARCH_ARM64, capstone.MODE_LITTLE_ENDIAN),
};
export type Target = keyof typeof JUDGES;

/** Instructions up to the pool (`end`), or up to the first byte that is none. */
export function instructions(
  target: Target,
  code: Uint8Array,
  end = code.length,
): (Instruction & { address: number })[] {
  const found = JUDGES[target].disasm(code.subarray(0, end), 0);
  return found.map((x) => ({ ...x, address: Number(x.address) }));
}

/** One line per instruction, with trap codes and call targets beside them; the pool as bytes. */
export function listing(target: Target, record: CodeRecord, end: number): string {
  const notes = new Map<number, string>();
  for (let i = 0; i < record.traps.length; i += 3) {
    notes.set(record.traps[i], `trap ${TRAP_NAMES[record.traps[i + 1]]}`);
  }
  const lines = instructions(target, record.code, end).map((x) => {
    const call = [...record.relocs.keys()].find(
      (k) => k % 3 === 0 && record.relocs[k] >= x.address && record.relocs[k] < x.address + x.size,
    );
    const target = call === undefined ? '' : `fn${record.relocs[call + 2]}`;
    const note = [target, notes.get(x.address) ?? ''].filter((s) => s !== '').join(' ');
    const text = `${x.address.toString(16).padStart(3)}: ${x.mnemonic} ${x.op_str}`.trimEnd();
    return note === '' ? text : `${text} ; ${note}`;
  });
  for (let at = end; at < record.code.length; at += 8) {
    const bytes = [...record.code.subarray(at, at + 8)].map((b) => b.toString(16).padStart(2, '0'));
    lines.push(`${at.toString(16).padStart(3)}: .byte ${bytes.join(' ')}`);
  }
  return lines.join('\n');
}
