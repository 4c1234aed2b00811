/** What the object format needs to know of a target: ELF and DWARF numbers, and the field of a direct call. */
import { load32, store32 } from './bytes.ts';
import { ObjectError } from './error.ts';

export interface ObjectTarget {
  name: string;
  /** e_machine. */
  machine: number;
  /** EI_OSABI: ELF has no number for Windows, so there it is ELFOSABI_STANDALONE. */
  osAbi: number;
  /** How frames are described: by .eh_frame, or by .pdata and .xdata. */
  unwind: 'dwarf' | 'windows';
  /** Alignment of .text and .rodata.wasm in the file: the largest page size of the platform. */
  pageSize: number;
  /** Fills gaps in .text: an instruction that traps. */
  textFill: number;
  /** Points the 32-bit field of a direct call or jump (RELOC_CALL), at `at` in `bytes`, `distance` bytes further on. */
  linkCall(bytes: Uint8Array, at: number, distance: number): void;
  /** Relocation type of a 32-bit field relative to its own place. */
  relocPc32: number;
  /** Relocation types of absolute fields of 32 and of 64 bits. */
  relocAbs32: number;
  relocAbs64: number;
  /** DWARF: code and data alignment factors, return address column, stack and frame pointer. */
  codeAlign: number;
  dataAlign: number;
  returnAddress: number;
  stackPointer: number;
  framePointer: number;
  /** Registers with this DWARF number and above hold floats and vectors. */
  firstVector: number;
  /** At function entry CFA = SP + entryCfa; the return address is at CFA - returnSlot (0: in its register). */
  entryCfa: number;
  returnSlot: number;
  /** Bytes below the stack pointer that nobody else writes to. */
  redZone: number;
  /** Whether return addresses may be signed. */
  signsReturns: boolean;
  /** Type of the GNU property that lists features which all of a program's code has. */
  propertyType: number;
}

function linkRel32(bytes: Uint8Array, at: number, distance: number): void {
  store32(bytes, at, distance - 4);
}

/** The field is the whole instruction, B or BL: the distance in words in its low 26 bits. */
function linkImm26(bytes: Uint8Array, at: number, distance: number): void {
  const words = distance / 4;
  if (words < -(1 << 25) || words >= 1 << 25) {
    throw new ObjectError(`.text: found a call over ${distance} bytes, expected at most 128 MiB`);
  }
  store32(bytes, at, (load32(bytes, at) & 0xfc00_0000) | (words & 0x03ff_ffff));
}

/** System V psABI x86-64: e_machine and relocation in 4.1 and 4.4, DWARF register numbers in figure 3.36. */
const X86_64_LINUX: ObjectTarget = {
  name: 'x86_64-linux',
  machine: 62,
  osAbi: 0,
  unwind: 'dwarf',
  pageSize: 4096,
  textFill: 0xcc,
  linkCall: linkRel32,
  relocPc32: 2,
  relocAbs32: 10,
  relocAbs64: 1,
  codeAlign: 1,
  dataAlign: -8,
  returnAddress: 16,
  stackPointer: 7,
  framePointer: 6,
  firstVector: 17,
  entryCfa: 8,
  returnSlot: 8,
  redZone: 128, // psABI 3.2.2
  signsReturns: false,
  propertyType: 0xc0000002, // GNU_PROPERTY_X86_FEATURE_1_AND
};

/**
 * ELF for the Arm 64-bit Architecture (e_machine in 5.2, R_AARCH64_PREL32, ABS32 and ABS64 in 5.7.5), DWARF for the Arm 64-bit
 * Architecture (registers in 4.1); pages of 64 KiB are the largest that Linux uses.
 */
const AARCH64_LINUX: ObjectTarget = {
  name: 'aarch64-linux',
  machine: 183,
  osAbi: 0,
  unwind: 'dwarf',
  pageSize: 65536,
  textFill: 0, // udf #0
  linkCall: linkImm26,
  relocPc32: 261,
  relocAbs32: 258,
  relocAbs64: 257,
  codeAlign: 4,
  dataAlign: -8,
  returnAddress: 30,
  stackPointer: 31,
  framePointer: 29,
  firstVector: 64,
  entryCfa: 0,
  returnSlot: 0,
  redZone: 0, // AAPCS64 6.4.5.1
  signsReturns: true,
  propertyType: 0xc0000000, // GNU_PROPERTY_AARCH64_FEATURE_1_AND
};

const STANDALONE = 255;

const X86_64_WINDOWS: ObjectTarget = {
  ...X86_64_LINUX,
  name: 'x86_64-windows',
  osAbi: STANDALONE,
  unwind: 'windows',
};

const AARCH64_WINDOWS: ObjectTarget = {
  ...AARCH64_LINUX,
  name: 'aarch64-windows',
  osAbi: STANDALONE,
  unwind: 'windows',
  signsReturns: false,
};

const TARGETS: readonly ObjectTarget[] = [
  X86_64_LINUX,
  AARCH64_LINUX,
  X86_64_WINDOWS,
  AARCH64_WINDOWS,
];

/** The target of that name. Throws ObjectError if there is none. */
export function objectTarget(name: string): ObjectTarget {
  const target = TARGETS.find((t) => t.name === name);
  if (target !== undefined) return target;
  const known = TARGETS.map((t) => t.name).join(', ');
  throw new ObjectError(`target: found '${name}', expected one of ${known}`);
}

/** The target with these e_machine and EI_OSABI. Throws ObjectError if there is none. */
export function targetOfHeader(machine: number, osAbi: number): ObjectTarget {
  const target = TARGETS.find((t) => t.machine === machine && t.osAbi === osAbi);
  if (target !== undefined) return target;
  const known = TARGETS.map((t) => `${t.machine} and ${t.osAbi} (${t.name})`).join(', ');
  throw new ObjectError(
    `ELF header: found machine ${machine} and OS ABI ${osAbi}, expected one of ${known}`,
  );
}
