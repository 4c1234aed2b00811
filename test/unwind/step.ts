/** Steps a compiled module through native/test/host.cc, checked at every instruction (shadow.ts). */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { readEhFrame, type Fde } from './cfi.ts';
import { aarch64, x64, type Machine } from './machine.ts';
import { buildHost, type Arch } from './guest.ts';
import { Remote } from './remote.ts';
import { Shadow, type Program, type Range } from './shadow.ts';
import type { LoadedObject } from '../../src-ts/object/read.ts';

interface Section {
  header: { name: string; addr: number | bigint };
  data: Buffer;
}

const { parse } = createRequire(import.meta.url)('elf-tools') as {
  parse(bytes: Buffer): { sections: Section[] };
};

interface HostFile {
  fdes: Fde[];
  symbols: Map<string, Range>;
}

const SYMBOL_SIZE = 24;

/** Frames and functions of an executable that is loaded where its file says. */
function readHost(path: string): HostFile {
  const { sections } = parse(readFileSync(path));
  const section = (name: string) => sections.find((s) => s.header.name === name)!;
  const eh = section('.eh_frame');
  const strings = section('.strtab').data;
  const table = section('.symtab').data;
  const symbols = new Map<string, Range>();
  for (let at = 0; at < table.length; at += SYMBOL_SIZE) {
    const name = table.readUInt32LE(at);
    const start = table.readBigUInt64LE(at + 8);
    const text = strings.toString('latin1', name, strings.indexOf(0, name));
    symbols.set(text, { start, end: start + table.readBigUInt64LE(at + 16) });
  }
  return { fdes: readEhFrame(eh.data, Number(eh.header.addr)), symbols };
}

const QEMU = ['-L', '/usr/aarch64-linux-gnu'];

function start(arch: Arch, cpu: string, dir: string, command: string[]): Promise<Remote> {
  if (arch === 'x64') {
    return Remote.start('gdbserver', [
      '--once',
      '--no-startup-with-shell',
      'localhost:0',
      ...command,
    ]);
  }
  const socket = join(mkdtempSync(join(dir, 'stub-')), 'socket');
  return Remote.start('qemu-aarch64', [...QEMU, '-cpu', cpu, '-g', socket, ...command], socket);
}

function isBreakpoint(machine: Machine, code: bigint): boolean {
  return machine.breakpoint === 0 ? (code & 0xffn) === 0xccn : (code & 0xffffffffn) === 0xd4200000n;
}

/** Where an address is: an offset in the compiled code, or a function of the host. */
function describe(pc: bigint, text: Range, object: LoadedObject, host: HostFile): string {
  if (pc >= text.start && pc < text.end) {
    const offset = Number(pc - text.start);
    return `.text+0x${offset.toString(16)} (function ${object.functionAt(offset)})`;
  }
  for (const [name, range] of host.symbols)
    if (pc >= range.start && pc < range.end) return `${name}+${pc - range.start}`;
  return `0x${pc.toString(16)}`;
}

export interface Stepped {
  /** What the host printed. */
  output: string;
  checked: number;
  unwound: number;
  /** Return addresses that were described as signed, and those that were. */
  signed: number;
  signatures: number;
  /** Offsets in .text that were checked. */
  seen: Set<number>;
}

/** Runs a plan whose calls are between breakpoints (`step 1`), AArch64's on a CPU of qemu's. Throws Error at the first instruction that is described wrongly. */
export async function step(
  arch: Arch,
  dir: string,
  lines: readonly string[],
  object: LoadedObject,
  cpu = 'cortex-a72',
): Promise<Stepped> {
  const machine = arch === 'x64' ? x64 : aarch64;
  const executable = buildHost(arch, 'elfin_host_static');
  const host = readHost(executable);
  const plan = join(dir, 'plan');
  writeFileSync(plan, `${lines.join('\n')}\n`);
  const remote = await start(arch, cpu, dir, [executable, plan]);
  const result: Stepped = {
    ...{ output: '', checked: 0, unwound: 0, signed: 0, signatures: 0 },
    seen: new Set(),
  };
  try {
    while (await remote.run()) await stepCall(remote, machine, host, object, result);
  } finally {
    remote.close();
  }
  result.output = remote.output;
  return result;
}

/** From one breakpoint to the next. */
async function stepCall(
  remote: Remote,
  machine: Machine,
  host: HostFile,
  object: LoadedObject,
  result: Stepped,
): Promise<void> {
  const { layout } = object;
  const first = await machine.read(remote, 0);
  const text: Range = { start: first, end: first + BigInt(layout.textSize) };
  const section = object.bytes.subarray(
    layout.ehFrameOffset,
    layout.ehFrameOffset + layout.ehFrameSize,
  );
  const address = Number(first) + layout.ehFrameOffset - layout.textOffset;
  const own = readEhFrame(section, address);
  await skipBreakpoint(remote, machine);
  const entries = Array.from(object.functions.entries)
    .filter((offset) => offset < layout.textSize)
    .map((offset) => own.find((fde) => fde.start === Number(first) + offset)!)
    .map((fde) => ({ start: BigInt(fde.start), end: BigInt(fde.end) }));
  const core = (name: string) => host.symbols.get(name)!;
  const program: Program = {
    remote,
    machine,
    fdes: [...host.fdes, ...own].sort((a, b) => a.start - b.start),
    text,
    entries,
    switches: ['elfin_fiber_start', 'elfin_fiber_resume', 'elfin_suspend'].map(core),
    suspend: core('elfin_suspend').start,
    resume: core('elfin_fiber_resume'),
    describe: (pc) => describe(pc, text, object, host),
  };
  const shadow = new Shadow(program);
  await shadow.run((code) => isBreakpoint(machine, code));
  await skipBreakpoint(remote, machine);
  result.checked += shadow.checked;
  result.unwound += shadow.unwound;
  result.signed += shadow.signed;
  result.signatures += shadow.signatures;
  for (const pc of shadow.seen) result.seen.add(Number(pc - text.start));
}

/** x86-64's breakpoint stops behind itself when it is run into, but not when it was stepped to. */
async function skipBreakpoint(remote: Remote, machine: Machine): Promise<void> {
  const pc = await machine.pc(remote);
  const word = await remote.word(pc & ~7n);
  const code = word >> (8n * (pc & 7n));
  const length = machine.breakpoint === 0 ? 1n : 4n;
  if (isBreakpoint(machine, code)) await machine.setPc(remote, pc + length);
}
