// What the tests here look at. Needs no library.

struct point {
  int x, y;
  struct point *next;
};

int counter = 3;

static inline int square(int v) {
  int r = v * v;
  return r;
}

__attribute__((noinline, used)) int weigh(struct point *p, int factor) {
  int sum = 0;
  for (struct point *q = p; q; q = q->next) {
    sum += square(q->x) + factor * q->y;
    counter++;
  }
  return sum;
}

__attribute__((noinline)) double mean(const double *values, int n) {
  double total = 0;
  for (int i = 0; i < n; i++)
    total += values[i];
  return total / n;
}

int result;

__attribute__((noinline)) int work(int argc, const char *name) {
  struct point b = {3, 4, 0};
  struct point a = {1, 2, &b};
  int numbers[4] = {10, 20, 30, 40};
  double values[3] = {1.5, 2.5, 3.5};
  int w = weigh(&a, numbers[argc]);
  double m = mean(values, 3);
  return w + (int)m + name[1];
}

volatile int seed = 1;

void _start(void) {
  result = work(seed, "hello");
}

static inline unsigned long long both(unsigned long long v, unsigned long long bits) {
  return v * (bits >> 1);
}

// A constant of 64 bits in the debug information.
__attribute__((export_name("halved"))) unsigned long long halved(unsigned long long v) {
  return both(v, ~0ull);
}
