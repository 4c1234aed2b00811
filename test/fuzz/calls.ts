/**
 * Random modules of many small functions that call one another: directly, through a table, as tail calls, in rings and
 * recursively, with several results, early returns, loops, and traps in the middle. What Binaryen's fuzzer makes little of,
 * and what inlining is about.
 *
 * Every third function spends fuel and returns when there is none left, and calls reach at most two functions ahead, so
 * that runs end. Exported wrappers fill up the fuel.
 */
import * as Op from '../../src-ts/gen/wasm.ts';
import { I32, I64 } from '../../src-ts/wasm/types.ts';
import { leb, section, uleb, vector } from './encode.ts';
import type { Random } from './random.ts';

const BYTE = new Map([
  [I32, 0x7f],
  [I64, 0x7e],
]);
const FUEL = 0;
const STATE = 1;
const FUEL_PER_CALL = 60;
const AHEAD = 2;

interface Signature {
  params: number[];
  results: number[];
}

const SIGNATURES: readonly Signature[] = [
  { params: [], results: [] },
  { params: [I32], results: [I32] },
  { params: [I64], results: [I64] },
  { params: [I32, I32], results: [I32] },
  { params: [I64, I32], results: [I32, I64] },
  { params: [I32], results: [I64, I32, I64] },
  { params: [I32, I64, I32, I64, I32, I64, I32, I64], results: [I64] },
];

class Body {
  readonly code: number[] = [];
  private readonly locals: number[];

  constructor(
    private readonly random: Random,
    private readonly own: number,
    private readonly types: readonly number[],
    private readonly table: readonly number[],
  ) {
    this.locals = [...this.signature.params, I32, I64];
  }

  private get signature(): Signature {
    return SIGNATURES[this.types[this.own]!]!;
  }

  private emit(...bytes: number[]): void {
    this.code.push(...bytes);
  }

  private constant(type: number): void {
    const n = this.random.pick([0, 1, 2, -1, 7, 64, 0x7fffffff, this.random.below(1000)]);
    this.emit(type === I32 ? Op.I32_CONST : Op.I64_CONST, ...leb(n));
  }

  /** A local of a type. */
  private local(type: number): number {
    const of = this.locals.flatMap((t, i) => (t === type ? [i] : []));
    return this.random.pick(of);
  }

  /** A function that may be called: one of the next, or any before when the function spends fuel. */
  private callee(): number {
    const last = this.types.length - 1;
    const back = this.own % 3 === 0 && this.random.below(3) === 0;
    const to = back ? this.random.below(this.own + 1) : this.own + 1 + this.random.below(AHEAD);
    return to > last ? -1 : to;
  }

  /** Calls something; its results are on the stack. Returns them, or null if there is nothing to call. */
  private call(depth: number): readonly number[] | null {
    const to = this.callee();
    if (to < 0) return null;
    const { params, results } = SIGNATURES[this.types[to]!]!;
    for (const type of params) this.value(type, depth - 1);
    if (this.random.below(4) === 0) {
      this.index(to, depth);
      this.emit(Op.CALL_INDIRECT, this.types[to]!, 0);
    } else this.emit(Op.CALL, ...uleb(to));
    return results;
  }

  /** A table index: the function's, or, where the caller spends fuel, any near the start of the table, which may trap. */
  private index(to: number, depth: number): void {
    if (this.own % 3 !== 0 || this.random.below(2) === 0) {
      this.emit(Op.I32_CONST, ...leb(this.table.indexOf(to)));
      return;
    }
    this.value(I32, depth - 1);
    this.emit(Op.I32_CONST, ...leb(this.random.pick([1, 3, 7, 15])), Op.I32_AND);
  }

  private memory(type: number, depth: number): void {
    this.value(I32, depth - 1);
    if (this.random.below(8) > 0) this.emit(Op.I32_CONST, ...leb(0xfff), Op.I32_AND);
    this.emit(type === I32 ? Op.I32_LOAD : Op.I64_LOAD, 0, this.random.below(64));
  }

  /** Pushes a value of a type. */
  value(type: number, depth: number): void {
    const kind = depth <= 0 ? this.random.below(3) : this.random.below(12);
    const i32 = type === I32;
    if (kind === 0) this.constant(type);
    else if (kind < 3) this.emit(Op.LOCAL_GET, this.local(type));
    else if (kind < 6) {
      this.value(type, depth - 1);
      this.value(type, depth - 1);
      const ops = i32
        ? [Op.I32_ADD, Op.I32_SUB, Op.I32_MUL, Op.I32_XOR, Op.I32_DIV_S, Op.I32_SHL]
        : [Op.I64_ADD, Op.I64_SUB, Op.I64_MUL, Op.I64_XOR, Op.I64_REM_U, Op.I64_SHR_U];
      this.emit(this.random.pick(ops));
    } else if (kind < 8) this.callFor(type, depth);
    else if (kind === 8) this.memory(type, depth);
    else if (kind === 9) {
      this.value(i32 ? I64 : I32, depth - 1);
      this.emit(i32 ? Op.I32_WRAP_I64 : Op.I64_EXTEND_I32_S);
    } else this.choice(type, depth);
  }

  /** A call, and of its results one of the type wanted. */
  private callFor(type: number, depth: number): void {
    const results = this.call(depth);
    if (results === null || !results.includes(type)) {
      results?.forEach(() => this.emit(Op.DROP));
      this.emit(Op.LOCAL_GET, this.local(type));
      return;
    }
    const keep = results.lastIndexOf(type);
    for (let i = results.length - 1; i > keep; i--) this.emit(Op.DROP);
    if (keep === 0) return;
    const v = this.local(type);
    this.emit(Op.LOCAL_SET, v);
    for (let i = 0; i < keep; i++) this.emit(Op.DROP);
    this.emit(Op.LOCAL_GET, v);
  }

  private choice(type: number, depth: number): void {
    this.value(I32, depth - 1);
    this.emit(Op.IF, BYTE.get(type)!);
    this.statements(1, depth - 1);
    this.value(type, depth - 1);
    this.emit(Op.ELSE);
    if (this.random.below(3) === 0) this.leave(depth - 1);
    this.value(type, depth - 1);
    this.emit(Op.END);
  }

  /** Returns, traps, or makes a tail call. */
  private leave(depth: number): void {
    const { results } = this.signature;
    if (this.random.below(4) === 0) return this.emit(Op.UNREACHABLE);
    const to = this.callee();
    const callee = to < 0 ? undefined : SIGNATURES[this.types[to]!]!;
    if (callee?.results.join() === results.join() && this.random.below(3) === 0) {
      for (const type of callee.params) this.value(type, depth - 1);
      return this.emit(Op.RETURN_CALL, ...uleb(to));
    }
    for (const type of results) this.value(type, depth - 1);
    this.emit(Op.RETURN);
  }

  statements(n: number, depth: number): void {
    for (; n > 0 && depth >= 0; n--) this.statement(depth);
  }

  private statement(depth: number): void {
    const type = this.random.pick([I32, I64]);
    switch (this.random.below(6)) {
      case 0:
        this.call(depth)?.forEach(() => this.emit(Op.DROP));
        return;
      case 1:
        this.value(I32, 0);
        this.emit(Op.I32_CONST, ...leb(0xfff), Op.I32_AND);
        this.value(type, depth - 1);
        return this.emit(type === I32 ? Op.I32_STORE : Op.I64_STORE, 0, 8);
      case 2:
        this.value(I64, depth - 1);
        return this.emit(Op.GLOBAL_SET, STATE);
      case 3:
        this.value(I32, depth - 1);
        this.emit(Op.IF, 0x40);
        if (this.random.below(2) === 0) this.leave(depth - 1);
        else this.statements(2, depth - 1);
        return this.emit(Op.END);
      case 4:
        return this.loop(depth);
      default:
        this.value(type, depth - 1);
        this.emit(Op.LOCAL_SET, this.local(type));
    }
  }

  /** Goes round while there is fuel and a condition holds. */
  private loop(depth: number): void {
    this.emit(Op.LOOP, 0x40);
    this.statements(2, depth - 1);
    this.spend();
    this.value(I32, depth - 1);
    this.emit(Op.I32_AND, Op.BR_IF, 0, Op.END);
  }

  /** Takes fuel; pushes whether there was some. */
  private spend(): void {
    this.emit(Op.GLOBAL_GET, FUEL, Op.I32_CONST, 1, Op.I32_SUB, Op.GLOBAL_SET, FUEL);
    this.emit(Op.GLOBAL_GET, FUEL, Op.I32_CONST, 0, Op.I32_GT_S);
  }

  /** The whole body with its locals. */
  build(): number[] {
    const { results } = this.signature;
    if (this.own % 3 === 0) {
      this.spend();
      this.emit(Op.I32_EQZ, Op.IF, 0x40);
      for (const type of results) this.emit(Op.LOCAL_GET, this.local(type));
      this.emit(Op.RETURN, Op.END);
    }
    const depth = 1 + this.random.below(3);
    this.statements(this.random.below(3), depth);
    for (const type of results) this.value(type, depth);
    this.emit(Op.END);
    const body = [2, 1, BYTE.get(I32)!, 1, BYTE.get(I64)!, ...this.code];
    return [...uleb(body.length), ...body];
  }
}

/** A wrapper that fills up the fuel and calls a function with its own parameters. */
function wrapper(index: number, { params }: Signature): number[] {
  const body = [0, Op.I32_CONST, ...leb(FUEL_PER_CALL), Op.GLOBAL_SET, FUEL];
  params.forEach((_, i) => body.push(Op.LOCAL_GET, i));
  body.push(Op.CALL, ...uleb(index), Op.END);
  return [...uleb(body.length), ...body];
}

const NULL = -1;

/** What the table holds: functions in their order or by signature, and null before them or behind. */
function tableOf(random: Random, types: readonly number[]): number[] {
  const functions = types.map((_, i) => i);
  if (random.below(2) === 0) functions.sort((a, b) => types[a]! - types[b]! || a - b);
  const nulls = (): number[] => Array.from({ length: random.below(3) }, () => NULL);
  return [...nulls(), ...functions, ...nulls()];
}

/** A module; the same for the same state of `random`. */
export function callsModule(random: Random): Uint8Array {
  const count = 6 + random.below(30);
  const signatures = 1 + random.below(SIGNATURES.length);
  const types = Array.from({ length: count }, () => random.below(signatures));
  const table = tableOf(random, types);
  const bodies = types.map((_, i) => new Body(random, i, types, table).build());
  const wrapped = types.map((_, i) => i).filter((i) => i < 4 || random.below(4) === 0);
  const valtypes = (list: readonly number[]) => vector(list.map((t) => [BYTE.get(t)!]));
  const name = (text: string) => [...uleb(text.length), ...Buffer.from(text)];
  const first = table.findIndex((f) => f !== NULL);
  const all = table.filter((f) => f !== NULL).map((f) => uleb(f));
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(
      1,
      vector(SIGNATURES.map((s) => [0x60, ...valtypes(s.params), ...valtypes(s.results)])),
    ),
    ...section(3, vector([...types, ...wrapped.map((i) => types[i]!)].map((t) => [t]))),
    ...section(4, vector([[0x70, 0, ...uleb(table.length)]])),
    ...section(5, vector([[0, 1]])),
    ...section(
      6,
      vector([
        [0x7f, 1, Op.I32_CONST, 0, Op.END],
        [0x7e, 1, Op.I64_CONST, 0, Op.END],
      ]),
    ),
    ...section(
      7,
      vector([
        ...wrapped.map((f, i) => [...name(`f${f}`), 0, ...uleb(count + i)]),
        [...name('memory'), 2, 0],
        [...name('state'), 3, STATE],
      ]),
    ),
    ...section(9, vector([[0, Op.I32_CONST, ...leb(first), Op.END, ...vector(all)]])),
    ...section(10, vector([...bodies, ...wrapped.map((i) => wrapper(i, SIGNATURES[types[i]!]!))])),
  ]);
}
