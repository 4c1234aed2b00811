/* `wasmtime MODULE DIRECTORY`: runs one benchmark on wasmtime's C library, marking its code and
 * bench.start and bench.end for the plugin icount.c. Prints the size of its machine code: the .text
 * section of the serialised module. */
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

static wasm_trap_t *onMark(void *operation, wasmtime_caller_t *caller, const wasmtime_val_t *args,
                           size_t argCount, wasmtime_val_t *results, size_t resultCount) {
  (void)caller, (void)args, (void)argCount, (void)results, (void)resultCount;
  mark((unsigned)(size_t)operation, 0);
  return NULL;
}

/* The executable mappings, as they are; `max` at most. */
static int executable(unsigned long (*ranges)[2], int max) {
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

/* End of the last function in an ELF64 file's .text, which is padded to whole pages. */
static unsigned long codeSize(const char *file) {
  const Elf64_Ehdr *header = (const Elf64_Ehdr *)file;
  const Elf64_Shdr *sections = (const Elf64_Shdr *)(file + header->e_shoff);
  unsigned long end = 0;
  for (int i = 0; i < header->e_shnum; i++) {
    if (sections[i].sh_type != SHT_SYMTAB)
      continue;
    const Elf64_Sym *symbols = (const Elf64_Sym *)(file + sections[i].sh_offset);
    for (size_t k = 0; k < sections[i].sh_size / sizeof *symbols; k++)
      if (ELF64_ST_TYPE(symbols[k].st_info) == STT_FUNC &&
          symbols[k].st_value + symbols[k].st_size > end)
        end = symbols[k].st_value + symbols[k].st_size;
  }
  return end;
}

int main(int argc, char **argv) {
  FILE *file = argc == 3 ? fopen(argv[1], "rb") : NULL;
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
  int countBefore = executable(before, 1024);
  wasmtime_module_t *module;
  check(wasmtime_module_new(engine, bytes, size, &module), "compile");
  int countAfter = executable(after, 1024);
  unsigned long low = 0, high = 0;
  for (int i = 0; i < countAfter; i++) {
    int known = 0;
    for (int k = 0; k < countBefore; k++)
      known |= before[k][0] == after[i][0];
    if (!known && after[i][1] - after[i][0] > high - low)
      low = after[i][0], high = after[i][1];
  }
  wasm_byte_vec_t object;
  check(wasmtime_module_serialize(module, &object), "serialise");
  printf("code %lu\n", codeSize(object.data));
  markAddress(1, low);
  markAddress(2, high);

  wasmtime_store_t *store = wasmtime_store_new(engine, NULL, NULL);
  wasmtime_context_t *context = wasmtime_store_context(store);
  wasmtime_linker_t *linker = wasmtime_linker_new(engine);
  check(wasmtime_linker_define_wasi(linker), "WASI");
  wasi_config_t *wasi = wasi_config_new();
  const char *name = strrchr(argv[1], '/');
  const char *arguments[] = {name == NULL ? argv[1] : name + 1};
  wasi_config_set_argv(wasi, 1, arguments);
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
  /* proc_exit ends it by an error. */
  (void)wasmtime_func_call(context, &start.of.func, NULL, 0, NULL, 0, &trap);
  return 0;
}
