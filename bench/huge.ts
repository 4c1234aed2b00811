/**
 * Modules with one huge function body, as interpreters and generated parsers have: what compiling costs must grow with
 * their size. `npm run bench -- --huge` writes them and measures compiling them beside wasmtime.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const LOCALS = 64;
const STATEMENTS_PER_LOOP = 20;

const I32 = 0x7f;
const GET = 0x20;
const SET = 0x21;
const LOAD = 0x28;
const STORE = 0x36;
const CONST = 0x41;
const CALL = 0x10;
const IF = 0x04;
const ELSE = 0x05;
const LOOP = 0x03;
const BR_IF = 0x0d;
const END = 0x0b;
const EMPTY = 0x40;
/** i32.add … i32.shr_u without the divisions, which would trap. */
const BINARY = [0x6a, 0x6b, 0x6c, 0x71, 0x72, 0x73, 0x74, 0x75, 0x76];

function uleb(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 0x80) return [...bytes, rest];
    bytes.push((rest & 0x7f) | 0x80);
  }
}

/** Writes statements on locals and memory until the body is long enough. */
class Body {
  readonly bytes: number[] = [];
  private state: number;

  constructor(seed: number) {
    this.state = seed | 1;
  }

  private below(n: number): number {
    this.state ^= this.state << 13;
    this.state ^= this.state >>> 17;
    this.state ^= this.state << 5;
    return (this.state >>> 0) % n;
  }

  private get(): void {
    this.bytes.push(GET, this.below(LOCALS));
  }

  private set(): void {
    this.bytes.push(SET, this.below(LOCALS));
  }

  private load(): void {
    this.get();
    this.bytes.push(LOAD, 2, ...uleb(this.below(4096)));
  }

  private statement(): void {
    const kind = this.below(10);
    if (kind < 5) {
      this.get();
      if (kind === 0) this.bytes.push(CONST, this.below(64));
      else this.get();
      this.bytes.push(BINARY[this.below(BINARY.length)]!);
      this.set();
    } else if (kind < 7) {
      this.load();
      this.set();
    } else if (kind < 8) {
      this.get();
      this.get();
      this.bytes.push(STORE, 2, ...uleb(this.below(4096)));
    } else if (kind < 9) {
      this.get();
      this.bytes.push(CALL, 3);
      this.set();
    } else this.condition();
  }

  private condition(): void {
    this.get();
    this.bytes.push(IF, EMPTY);
    this.statement();
    if (this.below(2) === 0) {
      this.bytes.push(ELSE);
      this.statement();
    }
    this.bytes.push(END);
  }

  private loop(): void {
    this.bytes.push(LOOP, EMPTY);
    for (let i = 0; i < STATEMENTS_PER_LOOP; i++) this.statement();
    // What is loaded is known to nobody, so no loop is found to be endless.
    this.load();
    this.bytes.push(BR_IF, 0, END);
  }

  fill(size: number): void {
    while (this.bytes.length < size) {
      if (this.below(6) === 0) this.loop();
      else this.statement();
    }
  }
}

const name = (text: string): number[] => [text.length, ...Buffer.from(text)];

function section(id: number, items: readonly (readonly number[])[]): Buffer {
  const bytes = Buffer.from([...uleb(items.length), ...items.flat()]);
  return Buffer.concat([Buffer.from([id, ...uleb(bytes.length)]), bytes]);
}

/** The code section: `_start` marks and calls nothing else, then a small function, then the huge one. */
function codeSection(size: number, seed: number): Buffer {
  const body = new Body(seed);
  body.fill(size);
  const huge = Buffer.from(body.bytes);
  const head = [1, ...uleb(LOCALS - 1), I32];
  const tail = [GET, 0, END];
  const length = head.length + huge.length + tail.length;
  const start = [6, 0, CALL, 0, CALL, 1, END];
  const small = [7, 0, GET, 0, CONST, 1, 0x6a, END];
  const before = Buffer.from([3, ...start, ...small, ...uleb(length), ...head]);
  const code = Buffer.concat([before, huge, Buffer.from(tail)]);
  return Buffer.concat([Buffer.from([10, ...uleb(code.length)]), code]);
}

/** A benchmark module whose function `f`, which is never called, has a body of about `size` bytes. */
export function hugeModule(size: number, seed = 1): Buffer {
  return Buffer.concat([
    Buffer.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]),
    section(1, [
      [0x60, 0, 0],
      [0x60, 1, I32, 1, I32],
    ]),
    section(2, [
      [...name('bench'), ...name('start'), 0, 0],
      [...name('bench'), ...name('end'), 0, 0],
    ]),
    section(3, [[0], [1], [1]]),
    section(5, [[0, 1]]),
    section(7, [
      [...name('_start'), 0, 2],
      [...name('memory'), 2, 0],
      [...name('f'), 0, 4],
    ]),
    codeSection(size, seed),
  ]);
}

/** Writes modules of growing size into the folder given. */
export async function main(args: string[]): Promise<number> {
  const { positionals } = parseArgs({ args, allowPositionals: true });
  const folder = positionals[0]!;
  mkdirSync(folder, { recursive: true });
  for (const kilobytes of [250, 500, 1000, 2000]) {
    writeFileSync(join(folder, `huge-${kilobytes}k.wasm`), hugeModule(kilobytes * 1000));
  }
  return 0;
}
