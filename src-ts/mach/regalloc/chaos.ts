/**
 * A seeded source of legal but odd choices for fuzzing: hints dropped, registers in random order, values spilled without
 * need. The generator is xorshift32 (Marsaglia, Xorshift RNGs, 2003).
 */
export class Chaos {
  private state: number;

  constructor(seed: number) {
    this.state = (seed ^ 0x9e3779b9) | 1;
  }

  /** A number in 0 .. n - 1. */
  below(n: number): number {
    let x = this.state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.state = x;
    return (x >>> 0) % n;
  }

  /** True once in n. */
  oneIn(n: number): boolean {
    return this.below(n) === 0;
  }
}
