/* A plugin for qemu-user (plugin interface 1, QEMU 4.2 and later): counts the guest's executed
 * instructions in a range of addresses between two marks. Declarations are written out because
 * Debian ships no header.
 *
 * The guest speaks by getpriority(0, 0x4d000000 | operation << 16 | value), which fails and changes
 * nothing: 1: shift 16 bits into the range's start   2: into its end   3: counting begins   4:
 * counting ends. The range must be told before its code runs first. At the end of counting this is
 * written to the file `out=`: the number of instructions executed, then a line for each run of
 * neighbouring instructions that were executed equally often: offset in the range of its first
 * byte, of its end, and how often. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define API __attribute__((visibility("default")))
#define ADD_U64 0

typedef uint64_t PluginId;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
/* The beginning of qemu_info_t. */
struct Info {
  const char *target;
};
typedef void (*TranslateCallback)(PluginId, struct qemu_plugin_tb *);
typedef void (*SyscallCallback)(PluginId, unsigned, int64_t, uint64_t, uint64_t, uint64_t, uint64_t,
                                uint64_t, uint64_t, uint64_t, uint64_t);

void qemu_plugin_register_vcpu_tb_trans_cb(PluginId, TranslateCallback);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *, int, void *, uint64_t);
void qemu_plugin_register_vcpu_syscall_cb(PluginId, SyscallCallback);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *);

API int qemu_plugin_version = 1;

static int64_t getpriorityNumber;
static uint64_t low, high;
/* Of the instruction that begins at each byte of the range: how often it was executed, and its
 * size. */
static uint64_t *executed;
static uint8_t *sizes;
static const char *out;

static void translated(PluginId id, struct qemu_plugin_tb *block) {
  (void)id;
  for (size_t i = 0, n = qemu_plugin_tb_n_insns(block); i < n; i++) {
    struct qemu_plugin_insn *instruction = qemu_plugin_tb_get_insn(block, i);
    uint64_t at = qemu_plugin_insn_vaddr(instruction);
    if (at < low || at >= high)
      continue;
    if (executed == NULL) {
      executed = calloc(high - low, sizeof *executed);
      sizes = calloc(high - low, sizeof *sizes);
    }
    sizes[at - low] = (uint8_t)qemu_plugin_insn_size(instruction);
    qemu_plugin_register_vcpu_insn_exec_inline(instruction, ADD_U64, &executed[at - low], 1);
  }
}

static void begin(void) {
  if (executed != NULL)
    memset(executed, 0, (high - low) * sizeof *executed);
}

static void end(void) {
  FILE *file = fopen(out, "w");
  uint64_t size = executed == NULL ? 0 : high - low, sum = 0;
  for (uint64_t at = 0; at < size; at++)
    sum += executed[at];
  fprintf(file, "%llu\n", (unsigned long long)sum);
  for (uint64_t at = 0; at < size;) {
    uint64_t from = at, count = executed[at];
    if (count == 0) {
      at++;
      continue;
    }
    while (at < size && executed[at] == count)
      at += sizes[at];
    fprintf(file, "%llx %llx %llu\n", (unsigned long long)from, (unsigned long long)at,
            (unsigned long long)count);
  }
  fclose(file);
}

static void called(PluginId id, unsigned cpu, int64_t number, uint64_t which, uint64_t who,
                   uint64_t c, uint64_t d, uint64_t e, uint64_t f, uint64_t g, uint64_t h) {
  (void)id, (void)cpu, (void)c, (void)d, (void)e, (void)f, (void)g, (void)h;
  if (number != getpriorityNumber || which != 0 || (who >> 24 & 0xff) != 0x4d)
    return;
  uint64_t value = who & 0xffff;
  switch (who >> 16 & 0xff) {
  case 1:
    low = low << 16 | value;
    break;
  case 2:
    high = high << 16 | value;
    break;
  case 3:
    begin();
    break;
  case 4:
    end();
    break;
  }
}

API int qemu_plugin_install(PluginId id, const struct Info *info, int argc, char **argv) {
  getpriorityNumber = strcmp(info->target, "x86_64") == 0 ? 140 : 141;
  for (int i = 0; i < argc; i++)
    if (strncmp(argv[i], "out=", 4) == 0)
      out = strdup(argv[i] + 4);
  if (out == NULL)
    return -1;
  qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
  qemu_plugin_register_vcpu_syscall_cb(id, called);
  return 0;
}
