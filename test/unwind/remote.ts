/**
 * The part of GDB's remote protocol (GDB manual, appendix E) that stepping needs. gdbserver and qemu's stub speak it, so
 * one program steps through native and emulated code.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createConnection, type Socket } from 'node:net';
import { once } from 'node:events';
import { existsSync } from 'node:fs';

/** Bytes of memory fetched at once. */
const LINE = 256;

function checksum(body: string): string {
  let sum = 0;
  for (let i = 0; i < body.length; i++) sum = (sum + body.charCodeAt(i)) & 255;
  return sum.toString(16).padStart(2, '0');
}

/** A stopped process, run instruction by instruction. Memory and registers are read when asked for, once per stop. */
export class Remote {
  private received = '';
  private waiting: ((body: string) => void) | undefined;
  private registers: Buffer | undefined;
  private readonly lines = new Map<bigint, Buffer>();
  private described = false;
  private readonly single = new Map<number, bigint>();

  private constructor(
    private readonly socket: Socket,
    private readonly child: ChildProcess,
  ) {
    socket.setNoDelay(true);
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => this.receive(text));
    child.stdout?.on('data', (text: Buffer) => (this.output += text.toString()));
  }

  /** What the process has written to standard output. */
  output = '';

  /**
   * Starts a stub that listens on the Unix socket `path`, or on a port that it names ("Listening on port N"), and connects.
   * Throws Error with what the stub said when it does not listen.
   */
  static async start(command: string, args: string[], path?: string): Promise<Remote> {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    child.stderr.on('data', (text: Buffer) => (said += text.toString()));
    for (let tries = 0; tries < 400; tries++) {
      await new Promise((resolve) => setTimeout(resolve, 25));
      if (child.exitCode !== null) break;
      const port = /Listening on port (\d+)/.exec(said)?.[1];
      const ready = path === undefined ? port !== undefined : existsSync(path);
      if (!ready) continue;
      const socket =
        path === undefined ? createConnection(Number(port), 'localhost') : createConnection(path);
      try {
        await once(socket, 'connect');
      } catch {
        continue; // the socket is there before it is listened to
      }
      return new Remote(socket, child);
    }
    child.kill();
    throw new Error(`${command} does not listen: ${said}`);
  }

  private receive(text: string): void {
    this.received += text;
    const match = /^[+]*\$([^#]*)#../.exec(this.received);
    if (match === null) return;
    this.received = this.received.slice(match[0].length);
    this.socket.write('+');
    const waiting = this.waiting;
    this.waiting = undefined;
    waiting?.(match[1]!);
  }

  /** Sends a packet, resolves to the answer. */
  private ask(body: string): Promise<string> {
    return new Promise((resolve, reject) => {
      this.waiting = resolve;
      this.socket.once('error', reject);
      this.socket.write(`$${body}#${checksum(body)}`, () => this.socket.off('error', reject));
    });
  }

  private async go(body: string): Promise<string> {
    this.registers = undefined;
    this.lines.clear();
    this.single.clear();
    return this.ask(body);
  }

  /** Executes one instruction. Throws Error when the process does anything but stop after it. */
  async step(): Promise<void> {
    const answer = await this.go('s');
    if (!/^[TS]05/.test(answer)) throw new Error(`stopped with ${answer}`);
  }

  /** Goes on to the next breakpoint instruction; false when the process has ended. */
  async run(): Promise<boolean> {
    const answer = await this.go('c');
    if (answer.startsWith('W00')) return false;
    if (!/^[TS]05/.test(answer)) throw new Error(`stopped with ${answer}`);
    return true;
  }

  /** The n-th 64-bit register of the general packet. */
  async register(n: number): Promise<bigint> {
    this.registers ??= Buffer.from(expand(await this.ask('g')), 'hex');
    return this.registers.readBigUInt64LE(8 * n);
  }

  /** The low 64 bits of a register by its number in the target's description. */
  async oneRegister(n: number): Promise<bigint> {
    let value = this.single.get(n);
    if (value === undefined) {
      // qemu's stub has single registers only for those who have read their description.
      if (!this.described) await this.ask('qXfer:features:read:target.xml:0,fff');
      this.described = true;
      const answer = expand(await this.ask(`p${n.toString(16)}`));
      const bytes = Buffer.from(answer, 'hex');
      if (bytes.length < 8) throw new Error(`register ${n}: ${answer}`);
      this.single.set(n, (value = bytes.readBigUInt64LE(0)));
    }
    return value;
  }

  /** Sets the n-th 64-bit register of the general packet. */
  async setRegister(n: number, value: bigint): Promise<void> {
    await this.register(0);
    this.registers!.writeBigUInt64LE(value, 8 * n);
    const answer = await this.ask(`G${this.registers!.toString('hex')}`);
    if (answer !== 'OK') throw new Error(`registers not written: ${answer}`);
  }

  private async line(address: bigint): Promise<Buffer> {
    let line = this.lines.get(address);
    if (line === undefined) {
      const answer = await this.ask(`m${address.toString(16)},${LINE.toString(16)}`);
      if (answer.startsWith('E')) throw new Error(`no memory at 0x${address.toString(16)}`);
      this.lines.set(address, (line = Buffer.from(expand(answer), 'hex')));
    }
    return line;
  }

  /** The 64-bit word at an aligned address. */
  async word(address: bigint): Promise<bigint> {
    if (address % 8n !== 0n) throw new Error(`a word at 0x${address.toString(16)}`);
    const start = address - (address % BigInt(LINE));
    return (await this.line(start)).readBigUInt64LE(Number(address - start));
  }

  /** Ends the process. */
  close(): void {
    this.socket.destroy();
    this.child.kill('SIGKILL');
  }
}

/** Run-length encoding: `*` and a character that says how often more. Registers that are not available are x's. */
function expand(text: string): string {
  return text
    .replace(/(.)\*(.)/g, (_, c: string, n: string) => c.repeat(n.charCodeAt(0) - 28))
    .replaceAll('x', '0');
}
