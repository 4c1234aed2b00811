/* A plugin for qemu-user (plugin interface 1, QEMU 4.2 and later): counts the guest's executed
 * instructions in a range of addresses between two marks. Declarations are written out because
 * Debian ships no header.
 *
 * The guest speaks by getpriority(0, 0x4d000000 | operation << 16 | value), which fails and changes
 * nothing: 1: shift 16 bits into the range's start   2: into its end   3: counting begins   4:
 * counting ends The range must be told before its code runs first. Written at the end to the file
 * `out=`: a line per count. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define API __attribute__((visibility("default")))
#define SYS_GETPRIORITY 141 /* of AArch64 */
#define ADD_U64 0

typedef uint64_t PluginId;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef void (*TranslateCallback)(PluginId, struct qemu_plugin_tb *);
typedef void (*ExitCallback)(PluginId, void *);
typedef void (*SyscallCallback)(PluginId, unsigned, int64_t, uint64_t, uint64_t, uint64_t, uint64_t,
                                uint64_t, uint64_t, uint64_t, uint64_t);

void qemu_plugin_register_vcpu_tb_trans_cb(PluginId, TranslateCallback);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *, int, void *, uint64_t);
void qemu_plugin_register_vcpu_syscall_cb(PluginId, SyscallCallback);
void qemu_plugin_register_atexit_cb(PluginId, ExitCallback, void *);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *);

API int qemu_plugin_version = 1;

static uint64_t low, high, executed, begun;
static FILE *out;

static void translated(PluginId id, struct qemu_plugin_tb *block) {
  (void)id;
  for (size_t i = 0, n = qemu_plugin_tb_n_insns(block); i < n; i++) {
    struct qemu_plugin_insn *instruction = qemu_plugin_tb_get_insn(block, i);
    uint64_t at = qemu_plugin_insn_vaddr(instruction);
    if (at >= low && at < high)
      qemu_plugin_register_vcpu_insn_exec_inline(instruction, ADD_U64, &executed, 1);
  }
}

static void called(PluginId id, unsigned cpu, int64_t number, uint64_t which, uint64_t who,
                   uint64_t c, uint64_t d, uint64_t e, uint64_t f, uint64_t g, uint64_t h) {
  (void)id, (void)cpu, (void)c, (void)d, (void)e, (void)f, (void)g, (void)h;
  if (number != SYS_GETPRIORITY || which != 0 || (who >> 24 & 0xff) != 0x4d)
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
    begun = executed;
    break;
  case 4:
    fprintf(out, "%llu\n", (unsigned long long)(executed - begun));
    break;
  }
}

static void ended(PluginId id, void *data) {
  (void)id, (void)data;
  fclose(out);
}

API int qemu_plugin_install(PluginId id, const void *info, int argc, char **argv) {
  (void)info;
  for (int i = 0; i < argc; i++)
    if (strncmp(argv[i], "out=", 4) == 0)
      out = fopen(argv[i] + 4, "w");
  if (out == NULL)
    return -1;
  qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
  qemu_plugin_register_vcpu_syscall_cb(id, called);
  qemu_plugin_register_atexit_cb(id, ended, NULL);
  return 0;
}
