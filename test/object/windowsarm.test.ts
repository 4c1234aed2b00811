/** Objects for ARM64 Windows: their unwind tables at every instruction of every frame, and as LLVM reads them. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compile } from '../../src-ts/compiler/index.ts';
import { checkHost, checksum, readObject, type LoadedObject } from '../../src-ts/object/index.ts';
import { parseWat } from '../../src-ts/tools/wast/wat.ts';
import { SHAPES } from '../unwind/shapes.ts';
import { shapes } from '../windows/plan.ts';
import * as Arm from './armstep.ts';
import { armEntries, unwind, type Context, type Entry } from './armunwind.ts';
import { coff } from './coff.ts';

const dir = mkdtempSync(join(tmpdir(), 'elfin-winarm-'));
afterAll(() => rmSync(dir, { recursive: true }));
const tools = spawnSync('llvm-readobj', ['--version'], { stdio: 'ignore' }).status === 0;

/** sp at the entry: the CFA. */
const CFA = 1 << 28;
const CTX = 28;
const BR_X16 = 0xd61f0200;
const ADD_SP_16 = 0x910043ff;

function entryContext(): Context {
  return {
    x: Array.from({ length: 31 }, (_, r) => `entry x${r}`),
    d: Array.from({ length: 8 }, (_, k) => `entry d${k + 8}`),
    sp: CFA,
    memory: new Map(),
  };
}

const copy = (c: Context): Context => ({
  ...c,
  x: c.x.slice(),
  d: c.d.slice(),
  memory: new Map(c.memory),
});

/** Steps through the frames of one function or trampoline. */
class Frames {
  private readonly words: DataView;
  private readonly mine: Entry[];
  readonly seen = new Set<number>();
  /** How the frame is left, by kind. */
  readonly ways: string[] = [];
  private body: Context = entryContext();

  constructor(
    private readonly object: LoadedObject,
    entries: readonly Entry[],
    private readonly start: number,
    private readonly end: number,
  ) {
    const { bytes, layout } = object;
    this.words = new DataView(bytes.buffer, bytes.byteOffset + layout.textOffset, layout.textSize);
    this.mine = entries.filter(({ begin }) => begin >= start && begin < end);
  }

  run(): void {
    if (this.mine.length === 0) return this.frameless();
    this.prologue();
    const { start, end } = this;
    for (let pc = start; pc < end; pc += 4) this.leaveAt(pc);
    for (let pc = start; pc < end; pc += 4) {
      if (this.seen.has(pc)) continue;
      if (this.leaves(pc)) throw new Error(`.text+0x${pc.toString(16)} leaves from the body`);
      this.check(pc, this.body, CFA, false);
    }
  }

  /** Without an entry sp and x30 are taken to be as on entry: nothing here may change them, x29, or what is kept. */
  private frameless(): void {
    this.ways.push('no frame');
    for (let pc = this.start; pc < this.end; pc += 4) {
      const w = this.word(pc);
      const pair = Arm.pairOf(w);
      const immediate = (w & 0x7f000000) === 0x11000000 || (w & 0x7f000000) === 0x51000000;
      const written = immediate ? [w & 31] : pair?.load === true && !pair.float ? pair.regs : [];
      const frame = pair?.base === 31 || written.some((r) => r >= 19);
      if (frame || Arm.isCall(w)) throw new Error(`.text+0x${pc.toString(16)} needs a frame`);
    }
  }

  /** Whether an instruction goes out of the function for good. */
  private leaves(pc: number): boolean {
    const w = this.word(pc);
    if (Arm.isReturn(w) || w === BR_X16) return true;
    const to = pc + Arm.jumpDistance(w);
    return Arm.isJump(w) && (to < this.start || to >= this.end);
  }

  private word(pc: number): number {
    return pc >= this.start && pc < this.end ? this.words.getUint32(pc, true) : 0;
  }

  /** What unwinding finds here is what was at the entry; in tail calls x28 may be the callee's context. */
  private check(pc: number, c: Context, sp: number, tail: boolean): void {
    const entry = this.mine.find(({ begin, end }) => pc >= begin && pc < end);
    if (entry === undefined) throw new Error(`no entry for .text+0x${pc.toString(16)}`);
    this.seen.add(pc);
    const got = unwind(this.object, entry, pc, c);
    const want = entryContext();
    const x = got.x.slice(19);
    if (tail && got.x[CTX] === 'context') x[CTX - 19] = want.x[CTX]!;
    expect({ pc, sp: got.sp, x, d: got.d }).toEqual({ pc, sp, x: want.x.slice(19), d: want.d });
  }

  private prologue(): void {
    const c = entryContext();
    let pc = this.start;
    for (let set = false; !set;) {
      this.check(pc, c, CFA, false);
      const w = this.word(pc);
      set = Arm.isFpFromSp(w);
      pc = Arm.step(c, w, pc);
    }
    // In the body everything that was saved may have another value, and sp be anywhere below x29.
    this.body = copy(c);
    const { x, d, memory } = this.body;
    const stored = new Set(memory.values());
    for (let r = 19; r < 31; r++) if (r !== 29 && stored.has(x[r]!)) x[r] = 'changed';
    if (x[CTX] === 'changed') x[CTX] = 'context';
    d.forEach((value, k) => stored.has(value) && (d[k] = 'changed'));
    this.body.sp -= 4096;
  }

  /** Runs what begins to leave the frame at a place, if anything does. */
  private leaveAt(pc: number): void {
    if (this.seen.has(pc)) return;
    const w = this.word(pc);
    const pair = Arm.pairOf(w);
    const c = copy(this.body);
    if (Arm.isSpFromFp(w)) return this.epilogue(pc, c);
    const record = pair?.load === true && pair.regs[0] === 29 && pair.regs[1] === 30;
    if (record && pair.base === 29) return this.moving(pc, c);
    c.sp = c.x[29] as number;
    if (record) return this.epilogue(pc, c);
    if (pair?.load === true && pair.base === 29 && this.leadsOut(pc, c))
      return this.epilogue(pc, c);
    if (pair?.load === false && pair.regs[0] === 1 && pair.regs[1] === 29) this.suspended(pc, c);
  }

  /** Whether loads of a trampoline's saved registers end in the frame record's. */
  private leadsOut(from: number, c: Context): boolean {
    for (let pc = from; ; pc += 4) {
      const w = this.word(pc);
      if (Arm.pairOf(w)?.load === true && Arm.pairOf(w)!.regs[0] === 29) return true;
      if (!Arm.restoresFrom(c, w)) return false;
    }
  }

  private isEnd(w: number): boolean {
    return Arm.isReturn(w) || Arm.isBranchReg(w) || Arm.isJump(w);
  }

  /** All of an epilogue unwinds to the sp that its end leaves. */
  private epilogue(from: number, c: Context): void {
    const last = copy(c);
    let pc = from;
    while (!this.isEnd(this.word(pc))) pc = Arm.step(last, this.word(pc), pc);
    const tail = Arm.isJump(this.word(pc)) || this.word(pc) === BR_X16;
    this.ways.push(tail ? 'tail call' : 'return');
    for (pc = from; !this.isEnd(this.word(pc)); pc = Arm.step(c, this.word(pc), pc)) {
      this.check(pc, c, last.sp, tail);
    }
    this.check(pc, c, last.sp, tail);
  }

  /** A tail call that moves its arguments over the frame unwinds to the sp of the entry. */
  private moving(at: number, c: Context): void {
    this.ways.push('moving');
    let pc = at;
    while (Arm.restoresFrom(c, this.word(pc - 4))) pc -= 4;
    c.sp = this.bottom();
    for (; !this.isEnd(this.word(pc)); pc = Arm.step(c, this.word(pc), pc)) {
      this.check(pc, c, CFA, true);
    }
    this.check(pc, c, CFA, true);
  }

  /** sp in the body: where the prologue's subtraction after setting x29 left it. */
  private bottom(): number {
    const c = entryContext();
    let pc = this.start;
    for (let set = false; !set;) {
      set = Arm.isFpFromSp(this.word(pc));
      pc = Arm.step(c, this.word(pc), pc);
    }
    while ((this.word(pc) & 0xff8003ff) >>> 0 === 0xd10003ff) pc = Arm.step(c, this.word(pc), pc);
    return c.sp;
  }

  /** Between pushing the resume address and taking x29 back nothing but sp is ours. */
  private suspended(from: number, c: Context): void {
    this.ways.push('suspended');
    this.check(from, c, CFA, false);
    let pc = Arm.step(c, this.word(from), from);
    const fp = c.x[29]!;
    c.x[29] = 'the host’s';
    for (let end = false; !end; pc += 4) {
      this.check(pc, c, CFA, false);
      end = this.word(pc) === ADD_SP_16;
      if ((this.word(pc) & 31) === 29) c.x[29] = fp;
    }
  }
}

function framesOf(object: LoadedObject): Frames[] {
  const entries = armEntries(object);
  const { offsets, sizes, entries: entry, exits } = object.functions;
  const { textSize } = object.layout;
  const starts = [...offsets, ...entry, ...exits].filter((at) => at < textSize);
  const sorted = [...new Set(starts), textSize].sort((a, b) => a - b);
  const sizeAt = new Map(Array.from(offsets, (at, i) => [at, sizes[i]!]));
  return sorted.slice(0, -1).map((at, i) => {
    const next = entries.filter((e) => e.begin >= at && e.begin < sorted[i + 1]!);
    const end = sizeAt.has(at) ? at + sizeAt.get(at)! : next[next.length - 1]!.end;
    return new Frames(object, entries, at, end);
  });
}

describe.each([0, 2] as const)('at level %s', (optLevel) => {
  const settings = {
    target: 'aarch64-windows',
    cpu: 'baseline',
    optLevel,
    verify: true,
    inline: false,
  } as const;
  const objects: LoadedObject[] = [];
  beforeAll(async () => {
    const module = await parseWat(SHAPES.replace(/NESTED/g, '3'));
    for (const bytes of [await shapes(settings), await compile(module, settings)]) {
      objects.push(readObject(bytes, checksum));
    }
  });

  test('entries are sorted and cover every instruction', () => {
    for (const object of objects) {
      let last = 0;
      for (const { begin, end } of armEntries(object)) {
        expect(begin).toBeGreaterThanOrEqual(last);
        expect(end).toBeGreaterThan(begin);
        last = end;
      }
      expect(last).toBeLessThanOrEqual(object.layout.textSize);
      expect(object.layout).toMatchObject({ ehFrameOffset: 0, ehFrameSize: 0 });
    }
    expect(() => checkHost(objects[0]!.engine, 'x86_64-windows', [])).toThrow(/aarch64-windows/);
  });

  test('unwinding from every instruction finds what was at the entry', () => {
    const ways = new Set<string>();
    for (const object of objects) {
      for (const frames of framesOf(object)) {
        frames.run();
        frames.ways.forEach((way) => ways.add(way));
      }
    }
    expect([...ways].sort()).toEqual(['moving', 'no frame', 'return', 'suspended', 'tail call']);
  });

  test('both forms of entries are used', () => {
    const kinds = new Set(objects.flatMap((o) => armEntries(o).map(({ data }) => data & 3)));
    expect([...kinds].sort()).toEqual([0, 1, 2]);
  });

  test.skipIf(!tools)('llvm-readobj --unwind', () => {
    objects.forEach((object, k) => {
      const file = join(dir, `level${optLevel}-${k}.obj`);
      writeFileSync(file, coff(object));
      const r = spawnSync('llvm-readobj', ['--unwind', file], {
        encoding: 'utf8',
        maxBuffer: 1 << 28,
      });
      expect({ status: r.status, stderr: r.stderr }).toEqual({ status: 0, stderr: '' });
      expect(r.stdout.match(/RuntimeFunction \{/g)).toHaveLength(armEntries(object).length);
      expect(r.stdout).not.toMatch(/unknown|invalid|error|reserved|bad opcode/i);
    });
  });
});
