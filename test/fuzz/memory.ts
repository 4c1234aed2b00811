/**
 * Random modules that access a few places of memory that overlap, with all sizes, on different paths and round loops, with
 * calls, copies, traps and globals between: what forwarding, joining and merging of accesses is about. Bases are near each
 * other, sometimes the same, sometimes at the end of the memory, so that an access may trap half way through a sequence.
 */
import * as Op from '../../src-ts/gen/wasm.ts';
import { leb, section, uleb, vector } from './encode.ts';
import type { Random } from './random.ts';

const PAGE = 65536;
const I32 = 0x7f;
const I64 = 0x7e;

// Locals: two addresses, a number, what accumulates, a counter, another number.
const P = 0;
const Q = 1;
const N = 2;
const ACC = 3;
const COUNTER = 4;
const M = 5;

const LOADS_64 = [Op.I64_LOAD, Op.I64_LOAD8_S, Op.I64_LOAD8_U, Op.I64_LOAD16_S, Op.I64_LOAD16_U];
const LOADS_32 = [Op.I32_LOAD, Op.I32_LOAD8_S, Op.I32_LOAD8_U, Op.I32_LOAD16_S, Op.I32_LOAD16_U];
const STORES_64 = [Op.I64_STORE, Op.I64_STORE8, Op.I64_STORE16, Op.I64_STORE32];
const STORES_32 = [Op.I32_STORE, Op.I32_STORE8, Op.I32_STORE16];

const ROUNDS = 5;
const CALLEE = 0;

class Body {
  readonly code: number[] = [];
  private loops = 0;

  constructor(private readonly random: Random) {}

  private emit(...bytes: number[]): void {
    this.code.push(...bytes);
  }

  private constant(n: number): void {
    this.emit(Op.I32_CONST, ...leb(n));
  }

  private address(): void {
    const { random } = this;
    if (random.below(8) === 0) return this.constant(random.pick([16, 20, 64, PAGE - 8, PAGE - 3]));
    this.emit(Op.LOCAL_GET, random.pick([P, P, Q]));
    if (random.below(5) === 0) {
      this.constant(random.pick([1, 4, 8, -4]));
      this.emit(Op.I32_ADD);
    }
  }

  private offset(): number[] {
    return [0, ...uleb(this.random.pick([0, 0, 1, 2, 4, 4, 8, 8, 12, 16]))];
  }

  /** Pushes an i64. */
  private value(depth: number): void {
    const { random } = this;
    switch (random.below(depth > 0 ? 8 : 6)) {
      case 0:
        return this.emit(Op.LOCAL_GET, ACC);
      case 1:
        return this.emit(Op.LOCAL_GET, N, Op.I64_EXTEND_I32_U);
      case 2:
        return this.emit(Op.I64_CONST, ...leb(random.pick([0, 1, -1, 255, 0x1234567])));
      case 3:
      case 4:
        this.address();
        return this.emit(
          random.pick([...LOADS_64, Op.I64_LOAD32_S, Op.I64_LOAD32_U]),
          ...this.offset(),
        );
      case 5:
        this.address();
        this.emit(random.pick(LOADS_32), ...this.offset());
        return this.emit(Op.I64_EXTEND_I32_S);
      case 6:
        return this.emit(Op.GLOBAL_GET, 0, Op.I64_EXTEND_I32_U);
      default:
        this.value(depth - 1);
        this.value(depth - 1);
        this.emit(
          random.pick([Op.I64_ADD, Op.I64_XOR, Op.I64_SUB, Op.I64_OR, Op.I64_SHL, Op.I64_SHR_U]),
        );
    }
  }

  private store(): void {
    const wide = this.random.below(2) === 0;
    this.address();
    this.value(1);
    if (!wide) this.emit(Op.I32_WRAP_I64);
    this.emit(this.random.pick(wide ? STORES_64 : STORES_32), ...this.offset());
  }

  private bulk(): void {
    const { random } = this;
    this.address();
    if (random.below(2) === 0) this.address();
    else this.emit(Op.LOCAL_GET, N);
    if (random.below(3) === 0) this.constant(random.below(40));
    else this.emit(Op.LOCAL_GET, N, Op.I32_CONST, 31, Op.I32_AND);
    if (random.below(2) === 0) this.emit(0xfc, 10, 0, 0);
    else this.emit(0xfc, 11, 0);
  }

  private statements(n: number, depth: number): void {
    for (; n > 0; n--) this.statement(depth);
  }

  private statement(depth: number): void {
    const { random } = this;
    switch (random.below(depth > 0 ? 14 : 8)) {
      case 0:
      case 1:
      case 2:
        return this.store();
      case 3:
      case 4:
        this.value(2);
        return this.emit(Op.LOCAL_GET, ACC, Op.I64_ADD, Op.LOCAL_SET, ACC);
      case 5:
        this.value(1);
        return this.emit(Op.I32_WRAP_I64, Op.GLOBAL_SET, 0);
      case 6:
        return random.below(3) === 0 ? this.bulk() : this.emit(Op.LOCAL_GET, P, Op.CALL, CALLEE);
      case 7:
        this.emit(Op.LOCAL_GET, random.pick([P, Q, M]));
        this.constant(random.pick([1, 4, 8, 12]));
        return this.emit(Op.I32_ADD, Op.LOCAL_SET, random.pick([P, Q, M]));
      case 8:
      case 9:
      case 10:
        return this.choice(depth);
      case 11:
        return this.early(depth);
      default:
        return this.loops++ < 3 ? this.loop(depth) : this.store();
    }
  }

  private condition(): void {
    const bit = 1 << this.random.below(6);
    this.emit(Op.LOCAL_GET, this.random.pick([N, M, COUNTER]));
    this.constant(bit);
    this.emit(Op.I32_AND);
  }

  private choice(depth: number): void {
    this.condition();
    this.emit(Op.IF, 0x40);
    this.statements(1 + this.random.below(3), depth - 1);
    if (this.random.below(3) > 0) {
      this.emit(Op.ELSE);
      this.statements(1 + this.random.below(2), depth - 1);
    }
    this.emit(Op.END);
  }

  /** A block left early, so that its end is a join of several ways. */
  private early(depth: number): void {
    this.emit(Op.BLOCK, 0x40);
    this.statements(1, depth - 1);
    this.condition();
    this.emit(Op.BR_IF, 0);
    this.statements(2, depth - 1);
    this.emit(Op.END);
  }

  /** A loop of a few rounds; one inside another takes the counter away from it, and both end. */
  private loop(depth: number): void {
    this.constant(0);
    this.emit(Op.LOCAL_SET, COUNTER, Op.LOOP, 0x40);
    this.statements(1 + this.random.below(4), depth - 1);
    this.emit(Op.LOCAL_GET, COUNTER, Op.I32_CONST, 1, Op.I32_ADD, Op.LOCAL_TEE, COUNTER);
    this.emit(Op.I32_CONST, ROUNDS, Op.I32_LT_U);
    // What goes round outside of it must not start it over for ever: fuel.
    this.emit(Op.GLOBAL_GET, 1, Op.I32_CONST, 1, Op.I32_SUB, Op.GLOBAL_SET, 1);
    this.emit(Op.GLOBAL_GET, 1, Op.I32_CONST, 0, Op.I32_GT_S, Op.I32_AND, Op.BR_IF, 0, Op.END);
  }

  build(): number[] {
    this.emit(Op.I32_CONST, ...leb(200), Op.GLOBAL_SET, 1);
    this.statements(3 + this.random.below(8), 3);
    this.emit(Op.LOCAL_GET, ACC, Op.END);
    const body = [3, 1, I64, 1, I32, 1, I32, ...this.code];
    return [...uleb(body.length), ...body];
  }
}

/** A function that `export` calls with addresses of its choice; what it is given comes from outside, so nothing is known of it. */
function wrapper(random: Random, index: number): number[] {
  const base = random.pick([64, 64, 100, 1000, PAGE - 24, PAGE - 16, PAGE - 9, PAGE - 4]);
  const distance = random.pick([0, 0, 1, 4, 8, -4, -8, 100, PAGE - base - 6]);
  const masked = (local: number, mask: number) => [
    Op.LOCAL_GET,
    local,
    Op.I32_CONST,
    ...leb(mask),
    Op.I32_AND,
  ];
  const at = (n: number) => [Op.I32_CONST, ...leb(n), Op.I32_ADD];
  const body = [
    0,
    ...masked(0, 3),
    ...at(base),
    ...masked(1, 4),
    ...at(base + distance),
    Op.LOCAL_GET,
    2,
  ];
  body.push(Op.CALL, ...uleb(index), Op.END);
  return [...uleb(body.length), ...body];
}

/** What bodies call: it changes memory and the global. */
function callee(): number[] {
  const body = [0, Op.LOCAL_GET, 0, Op.GLOBAL_GET, 0, Op.I32_STORE8, 0, 3];
  body.push(
    Op.GLOBAL_GET,
    0,
    Op.I32_CONST,
    3,
    Op.I32_MUL,
    Op.LOCAL_GET,
    0,
    Op.I32_ADD,
    Op.GLOBAL_SET,
    0,
    Op.END,
  );
  return [...uleb(body.length), ...body];
}

/** A module; the same for the same state of `random`. */
export function memoryModule(random: Random): Uint8Array {
  const count = 4 + random.below(5);
  const bodies = Array.from({ length: count }, () => new Body(random).build());
  const wrappers = bodies.map((_, i) => wrapper(random, 1 + i));
  const name = (text: string) => [...uleb(text.length), ...Buffer.from(text)];
  const types = [0, ...bodies.map(() => 1), ...wrappers.map(() => 1)];
  const i32Global = [I32, 1, Op.I32_CONST, 0, Op.END];
  const data = random.bytes(200);
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(
      1,
      vector([
        [0x60, 1, I32, 0],
        [0x60, 3, I32, I32, I32, 1, I64],
      ]),
    ),
    ...section(3, vector(types.map((t) => [t]))),
    ...section(5, vector([[0, 1]])),
    ...section(6, vector([i32Global, i32Global])),
    ...section(
      7,
      vector([
        ...wrappers.map((_, i) => [...name(`f${i}`), 0, ...uleb(1 + count + i)]),
        [...name('memory'), 2, 0],
        [...name('state'), 3, 0],
      ]),
    ),
    ...section(10, vector([callee(), ...bodies, ...wrappers])),
    ...section(11, vector([[0, Op.I32_CONST, ...leb(60), Op.END, ...uleb(data.length), ...data]])),
  ]);
}
