#include "signal_stack.h"

#include "os.h"
#include <cstdint>

namespace elfin {

namespace {

constexpr size_t kSignalStackBytes = 64 * 1024;

} // namespace

bool SignalStack::install() {
  if (sigaltstack(nullptr, &previous) != 0)
    return false;
  if ((previous.ss_flags & SS_DISABLE) == 0 && previous.ss_size >= kSignalStackBytes)
    return true;
  size_t total = kSignalStackBytes + os::pageSize();
  void *base = os::reserve(total);
  if (base == nullptr)
    return false;
  stack_t stack{};
  stack.ss_sp = static_cast<uint8_t *>(base) + os::pageSize();
  stack.ss_size = kSignalStackBytes;
  if (!os::commit(stack.ss_sp, kSignalStackBytes) || sigaltstack(&stack, nullptr) != 0) {
    os::release(base, total);
    return false;
  }
  mapping = base;
  mappingBytes = total;
  return true;
}

void SignalStack::remove() {
  if (mapping == nullptr)
    return;
  stack_t now{};
  if (sigaltstack(nullptr, &now) == 0 &&
      now.ss_sp == static_cast<uint8_t *>(mapping) + os::pageSize() &&
      sigaltstack(&previous, nullptr) != 0)
    return; // in use: leave it mapped
  os::release(mapping, mappingBytes);
}

} // namespace elfin
