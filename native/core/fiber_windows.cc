// Fibers on Windows are stacks as the system makes them, so that its own growing, overflow checks
// and exception dispatch work on them. Mapping, from low to high addresses:
//
//   page without access | pages the system keeps for handlers | stack not used yet | guard page |
//   stack in use | Fiber
//
// A touch of the guard page has the system move it one page down, until the kept pages are next:
// then it raises EXCEPTION_STACK_OVERFLOW, whose handlers run on these. It goes by the thread
// environment block, which arch_x64_windows.cc sets to the stack that runs. Code must touch every
// page it goes over.
#include "fiber.h"

#include "pages.h"
#include <new>
#include <windows.h>

namespace elfin {

namespace {

/// In use from the beginning.
constexpr size_t kFirstBytes = 16 * 1024;

/// Takes all of the stack back but the first pages, and puts the guard below these.
bool arm(Fiber *fiber) {
  auto top = reinterpret_cast<uintptr_t>(fiber->mapping + fiber->mappingBytes);
  auto *first = reinterpret_cast<uint8_t *>(top - kFirstBytes);
  uint8_t *guard = first - os::pageSize();
  VirtualFree(fiber->mapping, static_cast<size_t>(first - fiber->mapping), MEM_DECOMMIT);
  fiber->stackLimit = first;
  return VirtualAlloc(guard, os::pageSize(), MEM_COMMIT, PAGE_READWRITE | PAGE_GUARD) != nullptr;
}

} // namespace

Fiber *createFiber(Thread *thread, size_t stackBytes) {
  size_t total = roundUpToPage(stackBytes) + kGuardBytes;
  // Writable once committed, which for most of it the system does.
  auto *mapping = static_cast<uint8_t *>(VirtualAlloc(nullptr, total, MEM_RESERVE, PAGE_READWRITE));
  if (mapping == nullptr)
    return nullptr;
  uint8_t *end = mapping + total;
  if (!os::commit(end - kFirstBytes, kFirstBytes)) {
    os::release(mapping, total);
    return nullptr;
  }
  uintptr_t top = reinterpret_cast<uintptr_t>(end - sizeof(Fiber)) & ~uintptr_t{63};
  auto *fiber = new (reinterpret_cast<void *>(top)) Fiber{};
  fiber->thread = thread;
  fiber->mapping = mapping;
  fiber->mappingBytes = total;
  fiber->deallocationStack = mapping;
  fiber->stackLow = mapping + kGuardBytes;
  fiber->stackHigh = reinterpret_cast<uint8_t *>(top);
  fiber->sp = fiber->stackHigh;
  if (!arm(fiber)) {
    destroyFiber(fiber);
    return nullptr;
  }
  return fiber;
}

void destroyFiber(Fiber *fiber) { os::release(fiber->mapping, fiber->mappingBytes); }

void resetFiber(Fiber *fiber) {
  fiber->sp = fiber->stackHigh;
  if (!fiber->overflowed)
    return;
  fiber->overflowed = false;
  arm(fiber);
}

/// Never needed: handlers of others run on the pages that the system keeps.
bool openGuard(Fiber *) { return false; }

} // namespace elfin
