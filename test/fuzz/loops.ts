/**
 * Random modules of nested loops that count: up and down, by several steps, to constants and to numbers from outside, signed and
 * unsigned, tested at the top or at the bottom, with iterations from none to those of a counter that wraps around; with
 * more exits, into the loop around too; with accesses by pointers that move along, which leave the memory or wrap around
 * part-way; and with what traps in one iteration. What loops change is used after them.
 */
import * as Op from '../../src-ts/gen/wasm.ts';
import { leb, section, uleb, vector } from './encode.ts';
import type { Random } from './random.ts';

const PAGE = 65536;
const I32 = 0x7f;

// Locals: two addresses, a number; what accumulates, two pointers, a passing value, where pointers start; by depth counters, fuel, limits.
const P = 0;
const Q = 1;
const N = 2;
const ACC = 3;
const X = 4;
const Y = 5;
const PASSING = 6;
const SAVED = 7;
const COUNTERS = 8;
const FUELS = 11;
const LIMITS = 14;
const LOCALS = 14;

const DEPTH = 3;
const FUEL = 37;
const STEPS = [1, 1, 1, 2, 3, 4, 8, -1, -1, -2, -4];
const CONDITIONS = [
  Op.I32_NE,
  Op.I32_NE,
  Op.I32_LT_S,
  Op.I32_LT_U,
  Op.I32_LE_S,
  Op.I32_LE_U,
  Op.I32_GT_S,
  Op.I32_GT_U,
  Op.I32_GE_S,
  Op.I32_GE_U,
];
const UPWARDS = [Op.I32_LT_S, Op.I32_LT_U, Op.I32_LE_S, Op.I32_LE_U];
const LOADS = [Op.I32_LOAD, Op.I32_LOAD8_S, Op.I32_LOAD8_U, Op.I32_LOAD16_S, Op.I32_LOAD16_U];
const STORES = [Op.I32_STORE, Op.I32_STORE8, Op.I32_STORE16];

/** How a loop counts. */
interface Plan {
  step: number;
  condition: number;
  /** Whether the test may never end it. */
  endless: boolean;
}

class Body {
  readonly code: number[] = [];
  /** Labels that are open, and those of the blocks around loops. */
  private labels = 0;
  private readonly exits: number[] = [];

  constructor(private readonly random: Random) {}

  private emit(...bytes: number[]): void {
    this.code.push(...bytes);
  }

  private constant(n: number): void {
    this.emit(Op.I32_CONST, ...leb(n));
  }

  private open(op: number): void {
    this.emit(op, 0x40);
    this.labels++;
  }

  private close(): void {
    this.emit(Op.END);
    this.labels--;
  }

  private counter(depth: number): number {
    return COUNTERS + depth;
  }

  /** Pushes N & mask. */
  private little(mask: number): void {
    this.emit(Op.LOCAL_GET, N, Op.I32_CONST, ...leb(mask), Op.I32_AND);
  }

  private offset(): number[] {
    return [0, ...uleb(this.random.pick([0, 0, 1, 4, 8, 12, 60]))];
  }

  /** Pushes an address: of a pointer, or base + (counter << s). */
  private address(depth: number): void {
    const { random } = this;
    if (random.below(3) > 0) this.emit(Op.LOCAL_GET, random.pick([X, X, Y]));
    else {
      this.emit(Op.LOCAL_GET, random.pick([P, Q]), Op.LOCAL_GET, this.counter(depth));
      if (random.below(2) === 0) this.emit(Op.I32_CONST, random.below(4), Op.I32_SHL);
      this.emit(Op.I32_ADD);
    }
    if (random.below(4) === 0) {
      this.constant(random.pick([1, 4, 8, -4]));
      this.emit(Op.I32_ADD);
    }
  }

  /** Pushes an i32. */
  private value(depth: number): void {
    const { random } = this;
    switch (random.below(5)) {
      case 0:
        return this.emit(Op.LOCAL_GET, ACC);
      case 1:
        return this.emit(Op.LOCAL_GET, this.counter(depth));
      case 2:
        return this.emit(Op.LOCAL_GET, random.pick([N, X, Y, LIMITS + depth]));
      case 3:
        this.address(depth);
        return this.emit(random.pick(LOADS), ...this.offset());
      default:
        return this.constant(random.pick([0, 1, -1, 3, 255, 0x12345678]));
    }
  }

  private accumulate(): void {
    const op = this.random.pick([Op.I32_ADD, Op.I32_XOR, Op.I32_SUB, Op.I32_MUL, Op.I32_ROTL]);
    this.emit(Op.LOCAL_GET, ACC, op, Op.LOCAL_SET, ACC);
  }

  private statement(depth: number): void {
    const { random } = this;
    switch (random.below(12)) {
      case 0:
      case 1:
      case 2:
        this.address(depth);
        this.value(depth);
        return this.emit(random.pick(STORES), ...this.offset());
      case 3:
      case 4:
      case 5:
      case 6:
        this.value(depth);
        return this.accumulate();
      case 7:
        return this.leave(depth);
      case 8:
        return this.guarded(depth);
      case 9:
        return this.trapping(depth);
      default:
        if (depth + 1 < DEPTH) return this.loop(depth + 1);
        this.value(depth);
        return this.accumulate();
    }
  }

  /** Leaves a loop, this one or one around it, when something is so. */
  private leave(depth: number): void {
    const { random } = this;
    this.value(depth);
    this.constant(random.pick([0, 3, 7, 0xff, 0x1234]));
    this.emit(random.pick([Op.I32_EQ, Op.I32_EQ, Op.I32_GT_S, Op.I32_AND]));
    this.emit(Op.BR_IF, this.labels - random.pick(this.exits));
  }

  /** An access that is only made of what is in the memory: its pointer may wrap around. */
  private guarded(depth: number): void {
    this.emit(Op.LOCAL_GET, X);
    this.constant(PAGE - 8);
    this.emit(Op.I32_LT_U);
    this.open(Op.IF);
    this.emit(Op.LOCAL_GET, X);
    this.value(depth);
    this.emit(Op.I32_STORE8, 0, 0);
    this.close();
  }

  /** Traps in one iteration. */
  private trapping(depth: number): void {
    const { random } = this;
    this.emit(Op.LOCAL_GET, this.counter(depth));
    this.constant(random.pick([0, 3, 6, 9, 40]));
    if (random.below(2) === 0) {
      this.emit(Op.I32_EQ);
      this.open(Op.IF);
      this.emit(Op.UNREACHABLE);
      return this.close();
    }
    this.emit(Op.I32_SUB, Op.LOCAL_SET, PASSING, Op.LOCAL_GET, ACC, Op.LOCAL_GET, PASSING);
    this.emit(Op.I32_DIV_U);
    this.accumulate();
  }

  /** Pushes an i32 that a counter may start from. */
  private start(): void {
    const { random } = this;
    if (random.below(3) === 0) return this.emit(Op.LOCAL_GET, random.pick([P, Q, N]));
    this.constant(random.pick([0, 0, 0, 1, 5, -1, -8, 0x7ffffffc, -0x80000000, PAGE - 40]));
  }

  /** Sets a counter and what limits it. */
  private prepare(c: number, limit: number): Plan {
    const { random } = this;
    const step = random.pick(STEPS);
    const set = (): void => this.emit(Op.LOCAL_SET, c);
    switch (random.below(4)) {
      case 0: // from a small number up to another
        this.constant(random.below(4));
        set();
        if (random.below(3) === 0) this.constant(random.below(24));
        else this.little(31);
        this.emit(Op.LOCAL_SET, limit);
        return { step: Math.abs(step), condition: random.pick(UPWARDS), endless: false };
      case 1: // to a number that is met exactly
        this.start();
        this.emit(Op.LOCAL_TEE, c);
        this.little(15);
        this.emit(Op.I32_CONST, 1, Op.I32_ADD, Op.I32_CONST, ...leb(step), Op.I32_MUL);
        this.emit(Op.I32_ADD, Op.LOCAL_SET, limit);
        return { step, condition: Op.I32_NE, endless: false };
      case 2: {
        // down to 0
        const sure = random.below(3) > 0;
        this.little(31);
        if (sure) this.emit(Op.I32_CONST, 1, Op.I32_OR);
        set();
        this.constant(0);
        this.emit(Op.LOCAL_SET, limit);
        return { step: -1, condition: random.pick([Op.I32_NE, Op.I32_GT_S]), endless: !sure };
      }
      default:
        this.start();
        set();
        this.start();
        this.emit(Op.LOCAL_SET, limit);
        return { step, condition: random.pick(CONDITIONS), endless: true };
    }
  }

  private test(depth: number, condition: number): void {
    this.emit(Op.LOCAL_GET, COUNTERS + depth, Op.LOCAL_GET, LIMITS + depth, condition);
  }

  /** Whatever ends a loop whose counter may not: fuel, or a pointer that is sure to leave the memory. */
  private endAnyhow(depth: number): void {
    const fuel = FUELS + depth;
    // Inner loops put the pointer back.
    if (depth + 1 === DEPTH && this.random.below(3) === 0) {
      this.emit(Op.LOCAL_GET, X, Op.LOCAL_GET, ACC, Op.I32_STORE8, 0, 0);
      this.emit(Op.LOCAL_GET, X, Op.I32_CONST, ...leb(256), Op.I32_ADD, Op.LOCAL_SET, X);
      return;
    }
    this.emit(Op.LOCAL_GET, fuel, Op.I32_CONST, 1, Op.I32_SUB, Op.LOCAL_TEE, fuel, Op.I32_EQZ);
    this.emit(Op.BR_IF, this.labels - this.exits.at(-1)!);
  }

  private loop(depth: number): void {
    const { random } = this;
    const c = this.counter(depth);
    if (random.below(2) === 0) this.emit(Op.LOCAL_GET, SAVED, Op.LOCAL_SET, X);
    const { step, condition, endless } = this.prepare(c, LIMITS + depth);
    const atTop = random.below(3) === 0;
    const limited = endless || random.below(3) === 0;
    this.constant(FUEL);
    this.emit(Op.LOCAL_SET, FUELS + depth);
    this.open(Op.BLOCK);
    this.exits.push(this.labels);
    this.open(Op.LOOP);
    if (atTop) {
      this.test(depth, condition);
      this.emit(Op.I32_EQZ, Op.BR_IF, 1);
    }
    for (let n = random.below(3); n >= 0; n--) this.statement(depth);
    for (const pointer of random.pick([[X], [X], [X, Y], [Y], []])) {
      this.emit(Op.LOCAL_GET, pointer, Op.I32_CONST, ...leb(random.pick([1, 2, 4, 8, 8, -4])));
      this.emit(Op.I32_ADD, Op.LOCAL_SET, pointer);
    }
    if (limited) this.endAnyhow(depth);
    this.emit(Op.LOCAL_GET, c, Op.I32_CONST, ...leb(step), Op.I32_ADD, Op.LOCAL_SET, c);
    if (atTop) this.emit(Op.BR, 0);
    else {
      this.test(depth, condition);
      this.emit(Op.BR_IF, 0);
    }
    this.close();
    this.exits.pop();
    this.close();
    this.emit(Op.LOCAL_GET, random.pick([c, X, Y]));
    this.accumulate();
  }

  build(): number[] {
    const { random } = this;
    this.emit(Op.LOCAL_GET, P, Op.LOCAL_SET, X, Op.LOCAL_GET, Q, Op.LOCAL_SET, Y);
    if (random.below(6) === 0) {
      this.constant(random.pick([-8, -16, PAGE - 20]));
      this.emit(Op.LOCAL_SET, X);
    }
    this.emit(Op.LOCAL_GET, X, Op.LOCAL_SET, SAVED);
    for (let n = random.below(3); n >= 0; n--) this.loop(0);
    this.emit(Op.LOCAL_GET, ACC, Op.END);
    const body = [1, LOCALS, I32, ...this.code];
    return [...uleb(body.length), ...body];
  }
}

/** A function that an export calls with addresses of its choice: of what comes from outside nothing is known. */
function wrapper(random: Random, index: number): number[] {
  const bases = [64, 64, 100, 1000, PAGE - 100, PAGE - 24, PAGE - 9];
  const at = (local: number, base: number) => [
    Op.LOCAL_GET,
    local,
    ...[Op.I32_CONST, 12, Op.I32_AND, Op.I32_CONST, ...leb(base), Op.I32_ADD],
  ];
  const body = [0, ...at(0, random.pick(bases)), ...at(1, random.pick(bases)), Op.LOCAL_GET, 2];
  body.push(Op.CALL, ...uleb(index), Op.END);
  return [...uleb(body.length), ...body];
}

/** A module; the same for the same state of `random`. */
export function loopsModule(random: Random): Uint8Array {
  const count = 4 + random.below(5);
  const bodies = Array.from({ length: count }, () => new Body(random).build());
  const wrappers = bodies.map((_, i) => wrapper(random, i));
  const name = (text: string) => [...uleb(text.length), ...Buffer.from(text)];
  const data = random.bytes(200);
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, vector([[0x60, 3, I32, I32, I32, 1, I32]])),
    ...section(3, vector([...bodies, ...wrappers].map(() => [0]))),
    ...section(5, vector([[0, 1]])),
    ...section(
      7,
      vector([
        ...wrappers.map((_, i) => [...name(`f${i}`), 0, ...uleb(count + i)]),
        [...name('memory'), 2, 0],
      ]),
    ),
    ...section(10, vector([...bodies, ...wrappers])),
    ...section(11, vector([[0, Op.I32_CONST, ...leb(60), Op.END, ...uleb(data.length), ...data]])),
  ]);
}
