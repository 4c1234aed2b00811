/**
 * The state of translating one function: operand stack, control frames, and the checks every operator shares.
 *
 * - The operand stack is two columns, type and value. In code that can not be reached (`live` is false) only types count.
 * - A control frame is a row in columns too; frame 0 is the function's. The target block of a `block` or `if` is made by
 *   the first branch to it, so that constructs nobody leaves early cost nothing.
 */
import { EMPTY, NONE, type Func } from '../ir/func.ts';
import type { Builder } from '../ir/build.ts';
import * as Op from '../gen/wasm.ts';
import { CompileError } from '../util/errors.ts';
import { Reader } from '../util/leb128.ts';
import { valueType } from '../wasm/typebytes.ts';
import { BOT, typeName, typeNames, type FuncType, type ModuleInfo } from '../wasm/types.ts';
import { growI32 } from './columns.ts';
import type { Inliner } from './inline.ts';
import { ModuleSignatures, moduleLayout, type ModuleLayout } from './layout.ts';
import { Labels } from './labels.ts';
import { Ssa } from './ssa.ts';

export interface TranslateSettings {
  /** Memory accesses check bounds themselves and reload the base; otherwise guard pages do it and the base never moves. */
  readonly explicitChecks: boolean;
  /** Note which value each local stands for where (Func.labels). */
  readonly debugInfo?: boolean;
}

export const FRAME_BLOCK = 0;
export const FRAME_LOOP = 1;
export const FRAME_IF = 2;
export const FRAME_ELSE = 3;

export const NO_TYPES = new Int32Array(0);

/** What was loaded last, good while `region` of the translator is the same. */
export class AddressCache {
  base = 0;
  baseRegion = -1;
  definition = 0;
  definitionRegion = -1;
  /** Explicit mode: base and size; calls and growing end them. */
  movable = 0;
  movableRegion = -1;
  bytes = 0;
  bytesRegion = -1;

  /** After something that may grow a memory. */
  grown(): void {
    this.movableRegion = -1;
    this.bytesRegion = -1;
  }
}

export abstract class State {
  readonly m: ModuleInfo;
  readonly r: Reader;
  readonly layout: ModuleLayout;
  readonly signatures: ModuleSignatures;
  readonly explicit: boolean;
  f: Func;
  b: Builder;
  ssa: Ssa;

  /** Byte offset of the operator being translated, for errors. Rows get `b.pos`, which tells inlined bodies apart. */
  pos = 0;
  /** The code being translated can be reached. */
  live = true;
  /** The instance context. */
  ctx = 0;
  /** Grows when values computed before need not dominate any more: caches of base addresses hang on it. */
  region = 0;
  readonly cache = new AddressCache();
  /** Notes what locals stand for, when debug information is wanted. */
  readonly labels: Labels | null;

  // Operand stack; `height` is where the innermost frame's part starts.
  types = new Int32Array(1024);
  values = new Int32Array(1024);
  sp = 0;
  height = 0;

  // Control frames.
  depth = 0;
  kind = new Uint8Array(64);
  base = new Int32Array(64);
  unreachable = new Uint8Array(64);
  enteredLive = new Uint8Array(64);
  target = new Int32Array(64);
  elseBlock = new Int32Array(64);
  start = new Int32Array(64);
  from = new Int32Array(64);
  params: Int32Array[] = [];
  results: Int32Array[] = [];

  /** Types of the block being entered. */
  blockParams: Int32Array = NO_TYPES;
  blockResults: Int32Array = NO_TYPES;
  readonly single = new Map<number, Int32Array>();

  /** Frame of the function whose body is being read: not 0 while that is a callee's being inlined. */
  floor = 0;

  /**
   * @param bytes the module
   * @param m its description by decodeModule, of the same bytes
   */
  constructor(bytes: Uint8Array, m: ModuleInfo, settings: TranslateSettings, builder: Builder) {
    this.m = m;
    this.r = new Reader(bytes);
    this.layout = moduleLayout(m);
    this.signatures = new ModuleSignatures(m);
    this.explicit = settings.explicitChecks;
    this.b = builder;
    this.f = builder.f;
    this.ssa = new Ssa(builder.f);
    this.labels = settings.debugInfo === true ? new Labels() : null;
  }

  /**
   * Translates the body of a function in place of a call of it where that pays; its arguments are above the stack pointer.
   * False: it is to be called.
   */
  abstract inline(index: number, type: FuncType): boolean;

  /** What is known of calls in the function; null: nothing is to be made of it. */
  abstract get calls(): Inliner | null;

  // ---- errors ----

  /** Refuses the operator being translated. */
  fail(what: string, at = this.pos): never {
    throw new CompileError(`${what} (function ${this.m.importedFuncs + this.f.index})`, at);
  }

  opName(): string {
    const { bytes } = this.r;
    const byte = bytes[this.pos]!;
    if (byte !== 0xfc) return Op.OP_NAMES[byte]!;
    const r = new Reader(bytes, this.pos + 1, this.r.end);
    return Op.OP_NAMES[Op.BASE_FC + r.u32()]!;
  }

  mismatch(expected: number, found: number): never {
    this.fail(
      `type mismatch: ${this.opName()} expects ${typeName(expected)}, found ${typeName(found)}`,
    );
  }

  // ---- the operand stack ----

  push(type: number, value: number): void {
    const sp = this.sp++;
    if (sp >= this.types.length) this.growStack(sp);
    this.types[sp] = type;
    this.values[sp] = value;
  }

  private growStack(n: number): void {
    this.types = growI32(this.types, n);
    this.values = growI32(this.values, n);
  }

  /** Pops an operand of a type; its value means nothing unless the code is live. */
  pop(expected: number): number {
    if (this.sp === this.height) return this.popEmpty(expected);
    const found = this.types[--this.sp]!;
    if (found !== expected && found !== BOT) this.mismatch(expected, found);
    return this.values[this.sp]!;
  }

  /** The polymorphic stack gives anything; any other stack is empty. */
  private popEmpty(expected: number): number {
    if (this.unreachable[this.depth - 1] === 1) return 0;
    const what = expected === BOT ? 'an operand' : typeName(expected);
    return this.fail(`type mismatch: ${this.opName()} expects ${what}, but the stack is empty`);
  }

  /** Pops an operand of any type and returns the type; the value stays above the stack pointer. */
  popAny(): number {
    if (this.sp === this.height) {
      this.popEmpty(BOT);
      return BOT;
    }
    return this.types[--this.sp]!;
  }

  /** Checks that the top of the stack has the given types, and only takes note of it. */
  checkTop(want: Int32Array, retype: boolean): void {
    const n = want.length;
    const missing = n - (this.sp - this.height);
    if (missing > 0) this.fillBottom(want, missing);
    const at = this.sp - n;
    for (let i = 0; i < n; i++) {
      const found = this.types[at + i]!;
      if (found === want[i]) continue;
      if (found !== BOT) this.mismatchTop(want);
      if (retype) this.types[at + i] = want[i]!;
    }
  }

  /** Materialises operands that the polymorphic stack has to give below those that are there. */
  private fillBottom(want: Int32Array, missing: number): void {
    if (this.unreachable[this.depth - 1] === 0) this.mismatchTop(want);
    while (this.sp + missing > this.types.length) this.growStack(this.sp + missing);
    const { types, values, height, sp } = this;
    types.copyWithin(height + missing, height, sp);
    values.copyWithin(height + missing, height, sp);
    types.fill(BOT, height, height + missing);
    values.fill(0, height, height + missing);
    this.sp = sp + missing;
  }

  mismatchTop(want: Int32Array): never {
    const from = Math.max(this.height, this.sp - want.length);
    const found = typeNames(this.types.subarray(from, this.sp));
    this.fail(`type mismatch: ${this.opName()} expects ${typeNames(want)}, the stack has ${found}`);
  }

  /** Pops operands of the given types; the value of number i is then `values[sp + i]`. */
  popAll(want: Int32Array): void {
    this.checkTop(want, true);
    this.sp -= want.length;
  }

  /** The stack below the innermost frame is out of reach: the rest of the frame is dead. */
  setUnreachable(): void {
    this.sp = this.height;
    this.unreachable[this.depth - 1] = 1;
    this.live = false;
  }

  // ---- blocks and frames ----

  /** A new block, known to the SSA construction, not placed. */
  newBlock(): number {
    const block = this.f.newBlock();
    this.ssa.addBlock(block);
    return block;
  }

  /** Goes on in a block, which must have its edges. `fallsThrough`: its only way in is the end of the block just filled. */
  fill(block: number, fallsThrough: boolean): void {
    this.f.placeBlock(block);
    this.b.block = block;
    if (fallsThrough) return;
    this.ssa.switchBlock();
    this.region++;
  }

  /** Reads a block type into `blockParams` and `blockResults`. */
  blockType(): void {
    const { r } = this;
    const at = r.pos;
    const byte = r.u8();
    this.blockParams = NO_TYPES;
    this.blockResults = NO_TYPES;
    if (byte === 0x40) return;
    r.pos = at;
    if ((byte & 0xc0) === 0x40) {
      this.blockResults = this.singleType(valueType(r, this.m.features));
      return;
    }
    const index = r.s33();
    const type = this.m.types[index];
    if (type === undefined) this.fail(`unknown type ${index}`, at);
    this.blockParams = type.params;
    this.blockResults = type.results;
  }

  singleType(type: number): Int32Array {
    let list = this.single.get(type);
    if (list === undefined) {
      list = Int32Array.of(type);
      this.single.set(type, list);
    }
    return list;
  }

  /** Opens a frame of the block type read last; its parameters are on the stack. */
  pushFrame(kind: number): void {
    const d = this.depth++;
    if (d >= this.kind.length) this.growFrames(d);
    this.kind[d] = kind;
    this.base[d] = this.sp - this.blockParams.length;
    this.unreachable[d] = 0;
    this.enteredLive[d] = this.live ? 1 : 0;
    this.target[d] = NONE;
    this.elseBlock[d] = NONE;
    this.start[d] = this.b.pos;
    this.from[d] = this.b.block;
    this.params[d] = this.blockParams;
    this.results[d] = this.blockResults;
    this.height = this.base[d]!;
  }

  growFrames(n: number): void {
    const bytes = (old: Uint8Array): Uint8Array<ArrayBuffer> => {
      const bigger = new Uint8Array(n * 2);
      bigger.set(old);
      return bigger;
    };
    this.kind = bytes(this.kind);
    this.unreachable = bytes(this.unreachable);
    this.enteredLive = bytes(this.enteredLive);
    this.base = growI32(this.base, n);
    this.target = growI32(this.target, n);
    this.elseBlock = growI32(this.elseBlock, n);
    this.start = growI32(this.start, n);
    this.from = growI32(this.from, n);
  }

  /** Frame of a label index. */
  label(): number {
    const index = this.r.u32();
    if (index >= this.depth - this.floor) this.fail(`unknown label ${index}`);
    return this.depth - 1 - index;
  }

  /** Types that a branch to a frame carries. */
  labelTypes(d: number): Int32Array {
    return this.kind[d] === FRAME_LOOP ? this.params[d]! : this.results[d]!;
  }

  /** Block of a frame's label, made when it is first needed. */
  labelBlock(d: number): number {
    if (this.target[d] === NONE) this.target[d] = this.newBlock();
    return this.target[d]!;
  }

  /** Returns the top `n` values. */
  ret(n: number): void {
    this.b.ret(this.valueList(EMPTY, this.sp - n, n));
  }

  /** The types that the function whose body is being read returns. */
  get resultTypes(): Int32Array {
    return this.results[this.floor]!;
  }

  /** A list of `n` operand values from `at` on, after a first value (EMPTY: none). */
  valueList(first: number, at: number, n: number): number {
    const { f } = this;
    const lead = first === EMPTY ? 0 : 1;
    if (n + lead === 0) return EMPTY;
    const list = f.newList(n + lead);
    const { pool } = f;
    pool[list + 1] = n + lead;
    if (lead === 1) pool[list + 2] = first;
    for (let i = 0; i < n; i++) pool[list + 2 + lead + i] = this.values[at + i]!;
    return list;
  }
}
