#include "fiber.h"

#include "pages.h"
#include <new>
#include <sys/mman.h>
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

namespace elfin {

Fiber *createFiber(Thread *thread, size_t stackBytes) {
  size_t stack = roundUpToPage(stackBytes);
  size_t total = kSpareGuardBytes + kGuardBytes + stack;
  void *mapping = mmap(nullptr, total, PROT_NONE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  if (mapping == MAP_FAILED)
    return nullptr;
  auto *low = static_cast<uint8_t *>(mapping);
  uint8_t *stackLow = low + kSpareGuardBytes + kGuardBytes;
  if (mprotect(stackLow, stack, PROT_READ | PROT_WRITE) != 0) {
    munmap(mapping, total);
    return nullptr;
  }
  auto top = reinterpret_cast<uintptr_t>(low + total - sizeof(Fiber)) & ~uintptr_t{63};
  auto *fiber = new (reinterpret_cast<void *>(top)) Fiber{};
  fiber->thread = thread;
  fiber->mapping = low;
  fiber->mappingBytes = total;
  fiber->stackLow = stackLow;
  fiber->stackHigh = reinterpret_cast<uint8_t *>(top);
  fiber->sp = fiber->stackHigh;
  return fiber;
}

void destroyFiber(Fiber *fiber) { munmap(fiber->mapping, fiber->mappingBytes); }

void resetFiber(Fiber *fiber) {
#if defined(__SANITIZE_ADDRESS__)
  // Frames that were left without returning are still poisoned.
  ASAN_UNPOISON_MEMORY_REGION(fiber->stackLow,
                              static_cast<size_t>(fiber->stackHigh - fiber->stackLow));
#endif
  fiber->sp = fiber->stackHigh;
  if (fiber->overflowed) {
    fiber->overflowed = false;
    size_t deep = roundDownToPage(static_cast<size_t>(fiber->stackHigh - fiber->stackLow)) / 2;
    madvise(fiber->stackLow, roundDownToPage(deep), MADV_DONTNEED);
  }
  if (fiber->guardOpen) {
    fiber->guardOpen = false;
    madvise(fiber->stackLow - kGuardBytes, kGuardBytes, MADV_DONTNEED);
    mprotect(fiber->stackLow - kGuardBytes, kGuardBytes, PROT_NONE);
  }
}

bool openGuard(Fiber *fiber) {
  if (fiber->guardOpen)
    return false;
  if (mprotect(fiber->stackLow - kGuardBytes, kGuardBytes, PROT_READ | PROT_WRITE) != 0)
    return false;
  fiber->guardOpen = true;
  return true;
}

} // namespace elfin
