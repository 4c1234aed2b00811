/* `wasmtime-serialize MODULE OBJECT`: compiles a module with wasmtime's C library, for the machine
 * it runs on, and writes the serialised module, an ELF file, to OBJECT. */
#include <stdio.h>
#include <stdlib.h>
#include <wasm.h>
#include <wasmtime.h>

static void check(wasmtime_error_t *error) {
  if (error == NULL)
    return;
  wasm_byte_vec_t message;
  wasmtime_error_message(error, &message);
  fprintf(stderr, "%.*s\n", (int)message.size, message.data);
  exit(1);
}

static uint8_t *readFile(const char *name, size_t *size) {
  FILE *file = fopen(name, "rb");
  if (file == NULL || fseek(file, 0, SEEK_END) != 0)
    return NULL;
  *size = (size_t)ftell(file);
  rewind(file);
  uint8_t *bytes = malloc(*size);
  if (bytes != NULL && fread(bytes, 1, *size, file) != *size)
    bytes = NULL;
  fclose(file);
  return bytes;
}

int main(int argc, char **argv) {
  size_t size = 0;
  uint8_t *bytes = argc == 3 ? readFile(argv[1], &size) : NULL;
  if (bytes == NULL)
    return 2;
  wasm_engine_t *engine = wasm_engine_new();
  wasmtime_module_t *module;
  check(wasmtime_module_new(engine, bytes, size, &module));
  wasm_byte_vec_t object;
  check(wasmtime_module_serialize(module, &object));
  FILE *file = fopen(argv[2], "wb");
  if (file == NULL || fwrite(object.data, 1, object.size, file) != object.size ||
      fclose(file) != 0) {
    perror(argv[2]);
    return 1;
  }
  return 0;
}
