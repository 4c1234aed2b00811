/** What the oracle must know of an instruction set: DWARF's registers in the stub's packets, calls, where a return address is. */
import type { Remote } from './remote.ts';

export interface Machine {
  /** DWARF number of the stack pointer. */
  sp: number;
  /** General registers that every function gives back, by DWARF number. */
  saved: readonly number[];
  /** Registers that C functions give back and compiled ones do not, by DWARF number. */
  savedByC: readonly number[];
  /** The instance context's register: what a tail call into another instance does not give back. */
  context: number;
  /** Length of a breakpoint that stops before it, 0 for one that stops behind it. */
  breakpoint: number;
  /** Byte distance from the stack pointer at a function's entry to its CFA. */
  entryCfa: bigint;
  /** Value of a register of the stopped process, by its DWARF number. */
  read(remote: Remote, dwarf: number): Promise<bigint>;
  pc(remote: Remote): Promise<bigint>;
  setPc(remote: Remote, pc: bigint): Promise<void>;
  /** Whether the instruction whose first 8 bytes are given is a call. */
  isCall(code: bigint): boolean;
  /** The return address of a function that is at its first instruction. */
  returnAddress(remote: Remote): Promise<bigint>;
}

/** gdb's order of x86-64's registers: rax rbx rcx rdx rsi rdi rbp rsp r8-r15 rip. By DWARF number: System V psABI, figure 3.36. */
const X64_PACKET = [0, 3, 2, 1, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];
const [RBX, RBP, RSP] = [3, 6, 7];

export const x64: Machine = {
  sp: RSP,
  saved: [RBX, RBP, 12, 13, 14, 15],
  savedByC: [],
  context: 15,
  breakpoint: 0,
  entryCfa: 8n,
  read: (remote, dwarf) => remote.register(X64_PACKET[dwarf]!),
  pc: (remote) => remote.register(16),
  setPc: (remote, pc) => remote.setRegister(16, pc),
  isCall(code) {
    const byte = (n: number) => Number((code >> BigInt(8 * n)) & 255n);
    const at = (byte(0) & 0xf0) === 0x40 ? 1 : 0; // REX
    return byte(at) === 0xe8 || (byte(at) === 0xff && ((byte(at + 1) >> 3) & 7) === 2);
  },
  returnAddress: async (remote) => remote.word(await remote.register(7)),
};

const [X28, X29, X30, SP] = [28, 29, 30, 31];
/** DWARF number of v0, and the stub's. */
const DWARF_V0 = 64;
const STUB_V0 = 34;

export const aarch64: Machine = {
  sp: SP,
  saved: [19, 20, 21, 22, 23, 24, 25, 26, 27, X28, X29],
  savedByC: [8, 9, 10, 11, 12, 13, 14, 15].map((n) => DWARF_V0 + n),
  context: X28,
  breakpoint: 4,
  entryCfa: 0n,
  read: (remote, dwarf) =>
    dwarf >= DWARF_V0 ? remote.oneRegister(STUB_V0 + dwarf - DWARF_V0) : remote.register(dwarf),
  pc: (remote) => remote.register(32),
  setPc: (remote, pc) => remote.setRegister(32, pc),
  isCall(code) {
    const word = Number(code & 0xffffffffn);
    return word >>> 26 === 0x25 || (word & 0xfffffc1f) >>> 0 === 0xd63f0000; // bl, blr
  },
  returnAddress: (remote) => remote.register(X30),
};
