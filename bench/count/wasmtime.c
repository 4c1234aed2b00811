/* `wasmtime MODULE DIRECTORY OBJECT [ARGUMENTS]`: runs a program on wasmtime's C library, marking
 * its code, and bench.start and bench.end or else the whole run, for the plugin icount.c. The
 * serialised module, an ELF file, is written to OBJECT before. */
#define _GNU_SOURCE
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <wasi.h>
#include <wasm.h>
#include <wasmtime.h>

static void mark(unsigned operation, unsigned value) {
  getpriority(PRIO_PROCESS, 0x4d000000 | operation << 16 | value);
}

static void markAddress(unsigned operation, unsigned long address) {
  for (int shift = 48; shift >= 0; shift -= 16)
    mark(operation, address >> shift & 0xffff);
}

static void check(wasmtime_error_t *error, const char *what) {
  if (error == NULL)
    return;
  wasm_byte_vec_t message;
  wasmtime_error_message(error, &message);
  fprintf(stderr, "%s: %.*s\n", what, (int)message.size, message.data);
  exit(1);
}

/* Whether the module imports bench.start. */
static int marked(const uint8_t *module, size_t size) {
  static const char name[] = "\5bench\5start";
  return memmem(module, size, name, sizeof name) != NULL;
}

static wasm_trap_t *onMark(void *operation, wasmtime_caller_t *caller, const wasmtime_val_t *args,
                           size_t argCount, wasmtime_val_t *results, size_t resultCount) {
  (void)caller, (void)args, (void)argCount, (void)results, (void)resultCount;
  mark((unsigned)(size_t)operation, 0);
  return NULL;
}

/* The mappings that may hold code; `max` at most. An emulator may show its own permissions. */
static int mappings(unsigned long (*ranges)[2], int max) {
  FILE *maps = fopen("/proc/self/maps", "r");
  char line[600], permissions[8];
  int n = 0;
  while (n < max && fgets(line, sizeof line, maps))
    if (sscanf(line, "%lx-%lx %7s", &ranges[n][0], &ranges[n][1], permissions) == 3 &&
        (permissions[2] == 'x' || (permissions[0] == 'r' && permissions[1] != 'w')))
      n++;
  fclose(maps);
  return n;
}

static int contains(unsigned long (*ranges)[2], int count, unsigned long start) {
  for (int i = 0; i < count; i++)
    if (ranges[i][0] == start)
      return 1;
  return 0;
}

/* Address of `size` bytes on a page in a range that equal `bytes`, or 0. */
static unsigned long find(const unsigned long *range, const char *bytes, size_t size) {
  for (unsigned long at = range[0]; at + size <= range[1]; at += 4096)
    if (memcmp((const char *)at, bytes, size) == 0)
      return at;
  return 0;
}

/* The section .text of an ELF64 file. */
static const Elf64_Shdr *textOf(const char *file) {
  const Elf64_Ehdr *header = (const Elf64_Ehdr *)file;
  const Elf64_Shdr *sections = (const Elf64_Shdr *)(file + header->e_shoff);
  const char *names = file + sections[header->e_shstrndx].sh_offset;
  for (int i = 0; i < header->e_shnum; i++)
    if (strcmp(names + sections[i].sh_name, ".text") == 0)
      return &sections[i];
  fprintf(stderr, "no .text\n");
  exit(1);
}

static void writeFile(const char *name, const char *bytes, size_t size) {
  FILE *file = fopen(name, "wb");
  if (file == NULL || fwrite(bytes, 1, size, file) != size || fclose(file) != 0) {
    perror(name);
    exit(1);
  }
}

int main(int argc, char **argv) {
  FILE *file = argc >= 4 ? fopen(argv[1], "rb") : NULL;
  if (file == NULL)
    return 2;
  fseek(file, 0, SEEK_END);
  size_t size = (size_t)ftell(file);
  rewind(file);
  uint8_t *bytes = malloc(size);
  if (fread(bytes, 1, size, file) != size)
    return 2;
  wasm_config_t *config = wasm_config_new();
  wasmtime_config_memory_reservation_set(config, 1ull << 32);
  wasm_engine_t *engine = wasm_engine_new_with_config(config);
  static unsigned long before[1024][2], after[1024][2];
  int countBefore = mappings(before, 1024);
  wasmtime_module_t *module;
  check(wasmtime_module_new(engine, bytes, size, &module), "compile");
  int countAfter = mappings(after, 1024);
  wasm_byte_vec_t object;
  check(wasmtime_module_serialize(module, &object), "serialise");
  writeFile(argv[3], object.data, object.size);
  const Elf64_Shdr *text = textOf(object.data);
  const char *code = object.data + text->sh_offset;
  unsigned long low = 0;
  for (int i = 0; i < countAfter && low == 0; i++)
    if (!contains(before, countBefore, after[i][0]))
      low = find(after[i], code, text->sh_size);
  if (low == 0) {
    fprintf(stderr, "the code is not where it should be\n");
    return 1;
  }
  markAddress(1, low);
  markAddress(2, low + text->sh_size);

  wasmtime_store_t *store = wasmtime_store_new(engine, NULL, NULL);
  wasmtime_context_t *context = wasmtime_store_context(store);
  wasmtime_linker_t *linker = wasmtime_linker_new(engine);
  check(wasmtime_linker_define_wasi(linker), "WASI");
  wasi_config_t *wasi = wasi_config_new();
  const char *name = strrchr(argv[1], '/');
  /* The guest's own arguments stand behind its name. */
  const char **arguments = (const char **)argv + 3;
  arguments[0] = name == NULL ? argv[1] : name + 1;
  wasi_config_set_argv(wasi, (size_t)(argc - 3), arguments);
  wasi_config_preopen_dir(wasi, argv[2], ".", true);
  wasi_config_set_stdout_file(wasi, "/dev/null");
  wasi_config_set_stderr_file(wasi, "/dev/null");
  check(wasmtime_context_set_wasi(context, wasi), "WASI");
  wasm_functype_t *type = wasm_functype_new_0_0();
  check(wasmtime_linker_define_func(linker, "bench", 5, "start", 5, type, onMark, (void *)3, NULL),
        "bench");
  check(wasmtime_linker_define_func(linker, "bench", 5, "end", 3, type, onMark, (void *)4, NULL),
        "bench");
  wasm_trap_t *trap = NULL;
  wasmtime_instance_t instance;
  check(wasmtime_linker_instantiate(linker, context, module, &instance, &trap), "instantiate");
  wasmtime_extern_t start;
  if (trap != NULL || !wasmtime_instance_export_get(context, &instance, "_start", 6, &start))
    return 1;
  if (!marked(bytes, size))
    mark(3, 0);
  /* proc_exit ends it by an error. */
  (void)wasmtime_func_call(context, &start.of.func, NULL, 0, NULL, 0, &trap);
  if (!marked(bytes, size))
    mark(4, 0);
  return 0;
}
