/**
 * Steps through code and holds, at every instruction of it, what call frame information says against the truth: a shadow
 * stack that is made by watching calls, jumps between functions, returns, and changes between stacks.
 *
 * A function's CFA is one for all its instructions, but for those of a tail call's epilogue, where it may already be its
 * successor's. So may the context register there: a tail call into another instance does not give it back. Each frame is unwound in turn down to the function that holds the breakpoint, at every instruction.
 */
import { evaluate, findFde, rowAt, type Fde, type Frame, type Row } from './cfi.ts';
import type { Machine } from './machine.ts';
import type { Remote } from './remote.ts';

/** One activation: what its caller will find when it has returned. */
interface Activation {
  cfa: bigint;
  returnAddress: bigint;
  /** Values of the registers it must give back, by DWARF number. */
  registers: Map<number, bigint>;
  /** CFAs and values of the context register that were told and can only be those of the successor by a tail call. */
  early: { cfa: Set<bigint>; context: Set<bigint> };
}

/** A range of addresses. */
export interface Range {
  start: bigint;
  end: bigint;
}

export interface Program {
  remote: Remote;
  machine: Machine;
  fdes: readonly Fde[];
  /** Compiled code, and in it the functions that C calls. */
  text: Range;
  entries: readonly Range[];
  /** Where control changes stacks: code of the core that is checked too. */
  switches: readonly Range[];
  /** elfin_suspend: jumped to with a return address at the stack pointer. */
  suspend: bigint;
  resume: Range;
  /** Says where an address is, for messages. */
  describe(pc: bigint): string;
}

/** What the code that changes stacks moves the stack pointer by at most on one of them; stacks have wider guards. */
const SAME_STACK = 1n << 15n;

const inside = (pc: bigint, range: Range) => pc >= range.start && pc < range.end;

export class Shadow {
  /** Instructions that were checked, and frames unwound at them. */
  checked = 0;
  unwound = 0;
  /** Return addresses that the tables call signed, and those among them that have a signature. */
  signed = 0;
  signatures = 0;
  /** Addresses in the text that were checked. */
  readonly seen = new Set<bigint>();
  private stack: Activation[] = [];
  /** Activations of suspended stacks, outermost first, without the native one they were entered from. */
  private suspended: Activation[][] = [];
  /** How many activations are below the fiber's that runs; 0: none runs. */
  private base = 0;

  constructor(private readonly p: Program) {}

  /** Steps until the process stops at a breakpoint instruction at `end` (its address is told by `isEnd`). */
  async run(isEnd: (code: bigint) => boolean): Promise<void> {
    const { remote, machine } = this.p;
    for (;;) {
      const pc = await machine.pc(remote);
      const code = await instructionAt(remote, pc);
      if (isEnd(code)) return;
      await this.check(pc);
      const sp = await machine.read(remote, machine.sp);
      const call = machine.isCall(code);
      await remote.step();
      await this.follow(pc, sp, call);
    }
  }

  private async follow(from: bigint, oldSp: bigint, call: boolean): Promise<void> {
    const { remote, machine, suspend } = this.p;
    const pc = await machine.pc(remote);
    const sp = await machine.read(remote, machine.sp);
    this.changeStacks(from, oldSp, sp);
    if (this.resumes(from, pc, sp)) return;
    if ((call && this.isStart(pc)) || pc === suspend) return this.push(await this.entered(pc, sp));
    const top = this.stack.at(-1);
    if (top === undefined) return;
    if (pc === top.returnAddress && sp >= top.cfa) {
      this.left(top, undefined);
      this.stack.pop();
    } else if (this.isStart(pc) && !this.isNext(from, pc)) await this.jumped(top, pc, sp);
  }

  /** A jump to a function: a tail call, or a call whose return address was pushed by hand. */
  private async jumped(top: Activation, pc: bigint, sp: bigint): Promise<void> {
    const next = await this.entered(pc, sp);
    if (next.returnAddress !== top.returnAddress) return this.push(next);
    this.left(top, next);
    top.cfa = next.cfa;
    const { context } = this.p.machine;
    top.registers.set(context, next.registers.get(context)!);
  }

  /** Control leaves an activation, by a tail call for `next`. */
  private left({ early, cfa }: Activation, next: Activation | undefined): void {
    for (const told of early.cfa)
      if (told !== next?.cfa) throw new Error(`CFA ${hex(told)} was told, not ${hex(cfa)}`);
    for (const told of early.context)
      if (told !== next?.registers.get(this.p.machine.context))
        throw new Error(`context ${hex(told)} was told`);
    early.cfa.clear();
    early.context.clear();
  }

  private push(activation: Activation): void {
    this.stack.push(activation);
  }

  private isStart(pc: bigint): boolean {
    return findFde(this.p.fdes, Number(pc))?.start === Number(pc);
  }

  /** Whether control merely went on to the next instruction (the longest has 15 bytes). */
  private isNext(from: bigint, pc: bigint): boolean {
    return pc > from && pc - from <= 15n && !inside(from, this.p.text);
  }

  private async entered(pc: bigint, sp: bigint): Promise<Activation> {
    const { remote, machine, suspend } = this.p;
    const registers = new Map<number, bigint>();
    for (const r of [...machine.saved, ...machine.savedByC])
      registers.set(r, await machine.read(remote, r));
    const returnAddress =
      pc === suspend ? await remote.word(sp) : await machine.returnAddress(remote);
    return {
      cfa: sp + machine.entryCfa,
      returnAddress,
      registers,
      early: { cfa: new Set(), context: new Set() },
    };
  }

  /** Between the native stack and a fiber's. */
  private changeStacks(pc: bigint, from: bigint, to: bigint): void {
    const distance = from > to ? from - to : to - from;
    if (distance < SAME_STACK || !this.p.switches.some((range) => inside(pc, range))) return;
    if (this.base === 0) this.base = this.stack.length;
    else {
      const left = this.stack.splice(this.base);
      if (left.length > 0) this.suspended.push(left);
      this.base = 0;
    }
  }

  /** Control goes back into a suspended stack: its activations are there again. */
  private resumes(from: bigint, pc: bigint, sp: bigint): boolean {
    const { resume, text } = this.p;
    if (!inside(from, resume) || !inside(pc, text)) return false;
    const i = this.suspended.findIndex((s) => s.at(-1)!.returnAddress === pc && near(s, sp));
    if (i < 0) throw new Error(`resumed at ${this.p.describe(pc)}: nothing was suspended there`);
    const [activations] = this.suspended.splice(i, 1);
    activations!.pop(); // elfin_suspend's own
    this.stack.push(...activations!);
    return true;
  }

  // ---- what the tables say ----

  /** Unwinds from here to the bottom. Throws Error at the first difference. */
  private async check(pc: bigint): Promise<void> {
    const { text, switches } = this.p;
    if (!inside(pc, text) && !switches.some((range) => inside(pc, range))) return;
    this.checked++;
    if (inside(pc, text)) this.seen.add(pc);
    let frame: Unwound = { pc, isCall: false, live: this.live() };
    for (let i = this.stack.length - 1; i >= 0; i--) {
      this.unwound++;
      try {
        frame = await this.unwind(frame, this.stack[i]!, i === this.stack.length - 1);
      } catch (error) {
        const depth = this.stack.length - 1 - i;
        const at = `at ${this.p.describe(pc)}, frame ${depth} (${this.p.describe(frame.pc)})`;
        throw new Error(`${at}: ${(error as Error).message}`, { cause: error });
      }
    }
  }

  private live(): Frame {
    const { remote, machine } = this.p;
    return {
      register: (n) => machine.read(remote, n),
      memory: (address) => remote.word(address),
    };
  }

  /** The caller's frame by the tables, compared with the truth. */
  private async unwind(frame: Unwound, truth: Activation, innermost: boolean): Promise<Unwound> {
    const { fdes, machine } = this.p;
    const at = Number(frame.pc) - (frame.isCall ? 1 : 0);
    const fde = findFde(fdes, at);
    if (fde === undefined) throw new Error('no FDE');
    const row = rowAt(fde, at);
    const { live } = frame;
    const cfa = await cfaOf(row, live);
    this.compareCfa(cfa, truth, innermost);
    const returned = await recovered(row, fde.cie.returnColumn, cfa, live);
    expectEqual('return address', this.plain(returned, row.signed), truth.returnAddress);
    const registers = new Map<number, bigint | undefined>([[machine.sp, cfa]]);
    for (const r of [...machine.saved, ...machine.savedByC]) {
      const clobbered = machine.savedByC.includes(r) && this.isWasm(frame.pc);
      const value = clobbered ? undefined : await recovered(row, r, cfa, live);
      registers.set(r, value);
      if (clobbered || value === truth.registers.get(r)) continue;
      if (!innermost || r !== machine.context || value === undefined)
        expectEqual(`register ${r}`, value, truth.registers.get(r));
      else truth.early.context.add(value);
    }
    return { pc: truth.returnAddress, isCall: true, live: asFrame(registers, live) };
  }

  /** A return address without its signature; one that is not signed must be plain as it is. */
  private plain(address: bigint | undefined, signed: boolean): bigint | undefined {
    if (address === undefined || !signed) return address;
    const plain = BigInt.asUintN(48, address);
    this.signed++;
    if (plain !== address) this.signatures++;
    return plain;
  }

  /** Whether an address is in compiled code that only compiled code calls. */
  private isWasm(pc: bigint): boolean {
    return inside(pc, this.p.text) && !this.p.entries.some((range) => inside(pc, range));
  }

  private compareCfa(cfa: bigint, truth: Activation, innermost: boolean): void {
    if (cfa === truth.cfa) return;
    if (!innermost) expectEqual('CFA', cfa, truth.cfa);
    truth.early.cfa.add(cfa);
  }
}

interface Unwound {
  pc: bigint;
  isCall: boolean;
  live: Frame;
}

function near(activations: Activation[], sp: bigint): boolean {
  const distance = activations.at(-1)!.cfa - sp;
  return distance > -64n && distance < 64n;
}

async function instructionAt(remote: Remote, pc: bigint): Promise<bigint> {
  const low = await remote.word(pc & ~7n);
  const shift = 8n * (pc & 7n);
  if (shift === 0n) return low;
  const high = await remote.word((pc & ~7n) + 8n);
  return BigInt.asUintN(64, (low >> shift) | (high << (64n - shift)));
}

function hex(value: bigint | undefined): string {
  return value === undefined ? 'unknown' : `0x${value.toString(16)}`;
}

function expectEqual(what: string, found: bigint | undefined, expected: bigint | undefined): void {
  if (found !== expected) throw new Error(`${what} ${hex(found)}, expected ${hex(expected)}`);
}

function asFrame(registers: Map<number, bigint | undefined>, live: Frame): Frame {
  return {
    register(n) {
      const value = registers.get(n);
      return value === undefined
        ? Promise.reject(new Error(`register ${n} is not known`))
        : Promise.resolve(value);
    },
    memory: (address) => live.memory(address),
  };
}

async function cfaOf(row: Row, frame: Frame): Promise<bigint> {
  if ('code' in row.cfa) return evaluate(row.cfa.code, frame);
  return (await frame.register(row.cfa.register)) + BigInt(row.cfa.offset);
}

/** A register's value in the caller; undefined when the tables say so or it was not known here. */
async function recovered(
  row: Row,
  n: number,
  cfa: bigint,
  frame: Frame,
): Promise<bigint | undefined> {
  const rule = row.rules.get(n);
  if (rule === undefined) return frame.register(n).catch(() => undefined);
  switch (rule.kind) {
    case 'offset':
      return frame.memory(cfa + BigInt(rule.offset));
    case 'undefined':
      return undefined;
    case 'register':
      return frame.register(rule.register);
    case 'expression':
      return frame.memory(await evaluate(rule.code, frame, [cfa]));
  }
}
