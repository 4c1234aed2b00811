/* Call costs through wasmtime's C API, the unchecked variants: the module of hosts/calls.ts, read from the file given.
   Prints one JSON line (bench/protocol.ts). */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <wasm.h>
#include <wasmtime.h>

enum { CALLS = 2000000, REPEATS = 7, MAX_MODULE = 4096 };

static double now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e9 + t.tv_nsec;
}

static void check(const void *error, const char *what) {
  if (error == NULL) return;
  fprintf(stderr, "wasmtime-calls: %s failed\n", what);
  exit(1);
}

static wasm_trap_t *host_add(void *env, wasmtime_caller_t *caller, wasmtime_val_raw_t *v, size_t n) {
  (void)env, (void)caller, (void)n;
  v[0].i32 = (int32_t)((uint32_t)v[0].i32 + (uint32_t)v[1].i32);
  return NULL;
}

static wasm_functype_t *binary_type(void) {
  wasm_valtype_t *params[2] = {wasm_valtype_new_i32(), wasm_valtype_new_i32()};
  wasm_valtype_t *results[1] = {wasm_valtype_new_i32()};
  wasm_valtype_vec_t p, r;
  wasm_valtype_vec_new(&p, 2, params);
  wasm_valtype_vec_new(&r, 1, results);
  return wasm_functype_new(&p, &r);
}

static wasmtime_func_t exported(wasmtime_context_t *cx, wasmtime_instance_t *in, const char *name, size_t length) {
  wasmtime_extern_t item;
  check(wasmtime_instance_export_get(cx, in, name, length, &item) ? NULL : name, "export");
  return item.of.func;
}

int main(int argc, char **argv) {
  static uint8_t code[MAX_MODULE];
  FILE *file = argc == 2 ? fopen(argv[1], "rb") : NULL;
  check(file ? NULL : "open", "open");
  size_t size = fread(code, 1, sizeof code, file);
  fclose(file);

  wasm_engine_t *engine = wasm_engine_new();
  wasmtime_store_t *store = wasmtime_store_new(engine, NULL, NULL);
  wasmtime_context_t *cx = wasmtime_store_context(store);
  wasmtime_module_t *module;
  check(wasmtime_module_new(engine, code, size, &module), "compile");
  wasmtime_linker_t *linker = wasmtime_linker_new(engine);
  check(wasmtime_linker_define_func_unchecked(linker, "h", 1, "f", 1, binary_type(), host_add, NULL, NULL), "define");
  wasmtime_instance_t instance;
  wasm_trap_t *trap = NULL;
  check(wasmtime_linker_instantiate(linker, cx, module, &instance, &trap), "instantiate");
  wasmtime_func_t add = exported(cx, &instance, "add", 3);
  wasmtime_func_t loop = exported(cx, &instance, "loop", 4);

  double to_wasm = 1e18, to_host = 1e18;
  for (int k = 0; k < REPEATS; k++) {
    wasmtime_val_raw_t v[2];
    double begin = now_ns();
    for (int i = 0; i < CALLS; i++) {
      v[0].i32 = i;
      v[1].i32 = 1;
      wasmtime_func_call_unchecked(cx, &add, v, 2, &trap);
    }
    double each = (now_ns() - begin) / CALLS;
    if (each < to_wasm) to_wasm = each;
    begin = now_ns();
    v[0].i32 = CALLS;
    wasmtime_func_call_unchecked(cx, &loop, v, 1, &trap);
    each = (now_ns() - begin) / CALLS;
    if (each < to_host) to_host = each;
  }
  printf("{\"jsToWasmNs\":%.2f,\"wasmToJsNs\":%.2f}\n", to_wasm, to_host);
}
