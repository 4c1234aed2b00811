/** What the object format needs to know of a target: ELF and DWARF numbers, nothing of its instructions. */
import { ObjectError } from './error.ts';

export interface ObjectTarget {
  name: string;
  /** e_machine. */
  machine: number;
  /** Alignment of .text and .rodata.wasm in the file: the largest page size of the platform. */
  pageSize: number;
  /** Fills gaps in .text: an instruction that traps. */
  textFill: number;
  /** Relocation type of a 32-bit field relative to its own place. */
  relocPc32: number;
  /** DWARF: code and data alignment factors, return address column, stack and frame pointer. */
  codeAlign: number;
  dataAlign: number;
  returnAddress: number;
  stackPointer: number;
  framePointer: number;
  /** At function entry CFA = SP + entryCfa; the return address is at CFA - returnSlot (0: in its register). */
  entryCfa: number;
  returnSlot: number;
}

/** System V psABI x86-64: e_machine and relocation in 4.1 and 4.4, DWARF register numbers in figure 3.36. */
const X86_64_LINUX: ObjectTarget = {
  name: 'x86_64-linux',
  machine: 62,
  pageSize: 4096,
  textFill: 0xcc,
  relocPc32: 2,
  codeAlign: 1,
  dataAlign: -8,
  returnAddress: 16,
  stackPointer: 7,
  framePointer: 6,
  entryCfa: 8,
  returnSlot: 8,
};

const TARGETS: readonly ObjectTarget[] = [X86_64_LINUX];

/** The target of that name. Throws ObjectError if there is none. */
export function objectTarget(name: string): ObjectTarget {
  const target = TARGETS.find((t) => t.name === name);
  if (target !== undefined) return target;
  const known = TARGETS.map((t) => t.name).join(', ');
  throw new ObjectError(`target: found '${name}', expected one of ${known}`);
}

/** The target with that e_machine. Throws ObjectError if there is none. */
export function targetOfMachine(machine: number): ObjectTarget {
  const target = TARGETS.find((t) => t.machine === machine);
  if (target !== undefined) return target;
  const known = TARGETS.map((t) => `${t.machine} (${t.name})`).join(', ');
  throw new ObjectError(`ELF header: found machine ${machine}, expected one of ${known}`);
}
