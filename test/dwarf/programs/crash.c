/* Traps inside functions that are inlined into each other, at a line of its own for each. */
__attribute__((import_module("env"), import_name("host"))) int host(int);

struct list {
  struct list *next;
  int value;
};

static inline int load(const int *p, int i) {
  return p[i]; /* traps for i far out */
}

static inline int sum(const int *p, int n) {
  int total = 0;
  for (int i = 0; i < n; i++)
    total += load(p, i * 1024);
  return total;
}

__attribute__((noinline)) static int divide(int a, int b) { return a / b; }

static inline int step(struct list *l) {
  int v = divide(l->value, l->next ? 1 : 0);
  return v + host(v);
}

int table[16];

__attribute__((export_name("walk"))) int walk(int n) {
  return sum(table, n) + 1;
}

__attribute__((export_name("deep"))) int deep(int n) {
  struct list l = {0, n};
  if (n > 3)
    __builtin_trap();
  return step(&l);
}

__attribute__((export_name("call_host"))) int call_host(int n) {
  struct list l = {&l, n};
  return step(&l);
}

__attribute__((noinline, export_name("recurse"))) int recurse(int n) {
  return n == 0 ? 0 : recurse(n + 1) / 3 + n;
}
