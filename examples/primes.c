/*
 * Elfin's example: the primes below N by a bit sieve, drawn as an Ulam spiral, with a few facts about them.
 *
 *   clang --target=wasm32-wasi -O2 -Wl,--strip-debug examples/primes.c -o examples/primes.wasm
 *   elfin run examples/primes.wasm 10000000
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* One bit for each odd number: bit i is 2i + 1, set when it is composite. */
static uint8_t *sieve(uint32_t limit) {
  uint32_t bits = (limit + 1) / 2;
  uint8_t *composite = calloc(bits / 8 + 1, 1);
  if (composite == NULL)
    return NULL;
  composite[0] = 1; /* 1 is no prime */
  for (uint64_t p = 3; p * p <= limit; p += 2) {
    if (composite[p >> 4] & (1u << ((p >> 1) & 7)))
      continue;
    for (uint64_t m = p * p; m <= limit; m += 2 * p)
      composite[m >> 4] |= (uint8_t)(1u << ((m >> 1) & 7));
  }
  return composite;
}

static int is_prime(const uint8_t *composite, uint32_t n) {
  if (n % 2 == 0)
    return n == 2;
  return !(composite[n >> 4] & (1u << ((n >> 1) & 7)));
}

/* The number at (x, y) of the square spiral that starts with 1 at (0, 0) and turns to the left. */
static uint32_t spiral(int x, int y) {
  int ring = abs(x) > abs(y) ? abs(x) : abs(y);
  int side = 2 * ring;
  int corner = (side + 1) * (side + 1); /* at (ring, -ring) */
  if (y == -ring)
    return (uint32_t)(corner - (ring - x));
  if (x == -ring)
    return (uint32_t)(corner - side - (y + ring));
  if (y == ring)
    return (uint32_t)(corner - 2 * side - (x + ring));
  return (uint32_t)(corner - 3 * side - (ring - y));
}

static void draw(const uint8_t *composite, uint32_t limit) {
  for (int y = 10; y >= -10; y--) {
    for (int x = -32; x <= 32; x++) {
      uint32_t n = spiral(x, y);
      fputs(n <= limit && is_prime(composite, n) ? "*" : " ", stdout);
    }
    putchar('\n');
  }
}

int main(int argc, char **argv) {
  long limit = argc > 1 ? strtol(argv[1], NULL, 10) : 1000000;
  if (limit < 2 || limit > 1000000000) {
    fprintf(stderr, "usage: primes [N]   (2 <= N <= 1000000000)\n");
    return 2;
  }
  uint8_t *composite = sieve((uint32_t)limit);
  if (composite == NULL) {
    fprintf(stderr, "primes: out of memory\n");
    return 1;
  }
  draw(composite, (uint32_t)limit);

  uint32_t count = 0, twins = 0, previous = 0, gap = 0, after = 0;
  double reciprocals = 0;
  for (uint32_t n = 2; n <= (uint32_t)limit; n += 1 + (n > 2)) {
    if (!is_prime(composite, n))
      continue;
    count++;
    if (previous != 0 && n - previous == 2) {
      twins++;
      reciprocals += 1.0 / previous + 1.0 / n;
    }
    if (previous != 0 && n - previous > gap) {
      gap = n - previous;
      after = previous;
    }
    previous = n;
  }
  printf("primes up to %ld: %u, the last is %u\n", limit, count, previous);
  printf("pairs of twins: %u, sum of their reciprocals %.9f\n", twins, reciprocals);
  if (gap > 0)
    printf("widest gap: %u, after %u\n", gap, after);
  free(composite);
  return 0;
}
