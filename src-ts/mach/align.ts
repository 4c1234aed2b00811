/**
 * How loops are aligned: a rule, by which `sink.ts` chooses padding once it knows where code stands.
 *
 * Processors fetch instructions, decoded ones too, by lines of 64 bytes, and a taken branch ends a fetch (AMD, Software
 * Optimization Guide for the Zen 4 Microarchitecture, instruction fetch and op cache; Arm's guides for Neoverse say the
 * same of branch targets): a small loop that crosses a line needs two fetches per iteration, and so does one that begins
 * in the last bytes of a line. The nested loops of a sieve of Eratosthenes take up to 1.57 times their best time by where
 * they stand (measured on Zen 4).
 */

/** Bytes of a line. What is aligned to it keeps its place in its line wherever the code is mapped. */
export const LINE = 64;
/** So much of a larger loop shall be in the line that it begins in. */
const HEAD = 16;

/**
 * Bytes of padding for a loop of `size` bytes at offset `at`, at most `most`: what enters the loop from above executes them.
 * A multiple of what `at` is one of.
 */
export function padding(at: number, size: number, most: number): number {
  const left = LINE - (at & (LINE - 1));
  const wanted = left < Math.min(size, size <= LINE ? LINE : HEAD);
  return wanted && left <= most ? left : 0;
}
