#include "thread.h"

#include "arch.h"
#include "builtins.h"
#include "traps.h"
#include <cstdlib>
#include <cstring>

namespace elfin {

#if !defined(_WIN32)
constinit thread_local Thread *threadOfThis __attribute__((tls_model("initial-exec"))) = nullptr;
#endif

namespace {

Fiber *newFiber(Thread *thread) {
  if (thread->fiberCount >= kMaxFibers)
    return nullptr;
  coverForeignHandlers();
  Fiber *fiber = createFiber(thread, thread->stackBytes);
  if (fiber == nullptr)
    return nullptr;
  fiber->next = thread->fibers;
  if (thread->fibers != nullptr)
    thread->fibers->previous = fiber;
  thread->fibers = fiber;
  thread->fiberCount++;
  return fiber;
}

void unlinkFiber(Thread *thread, Fiber *fiber) {
  if (fiber->previous != nullptr)
    fiber->previous->next = fiber->next;
  else
    thread->fibers = fiber->next;
  if (fiber->next != nullptr)
    fiber->next->previous = fiber->previous;
  thread->fiberCount--;
  destroyFiber(fiber);
}

inline void recycle(Thread *thread, Fiber *fiber) {
  if (__builtin_expect(thread->idleCount >= kMaxIdleFibers, 0)) {
    unlinkFiber(thread, fiber);
    return;
  }
  if (__builtin_expect(fiber->state != FiberState::Running, 0))
    resetFiber(fiber);
  fiber->sp = fiber->stackHigh;
  fiber->state = FiberState::Idle;
  fiber->nextIdle = thread->idle;
  thread->idle = fiber;
  thread->idleCount++;
}

inline void finish(Thread *thread, Fiber *fiber, bool done) {
  thread->head.fiber = 0;
  VMTransfer *transfer = thread->transfer();
  if (done) {
    if (__builtin_expect(fiber->guardOpen, 0))
      resetFiber(fiber);
    transfer->status = static_cast<uint32_t>(STATUS_DONE);
    recycle(thread, fiber);
  } else {
    fiber->state = transfer->status == STATUS_HOST ? FiberState::Suspended : FiberState::Trapped;
  }
}

/// An exception of a native import has left the fiber: its frames are gone.
void unwound(Thread *thread, Fiber *fiber) {
  thread->head.fiber = 0;
  fiber->state = FiberState::Trapped;
  recycle(thread, fiber);
}

/// Frames between an exit trampoline's and the entry trampoline's, which is the last; 0 when they
/// are many.
inline uint32_t returnsBeforeEnd(const uintptr_t *frame) {
  uint32_t count = 0;
  for (;; count++) {
    frame = reinterpret_cast<const uintptr_t *>(frame[0]);
    if (frame[0] == 0)
      return count;
    if (count == kFewFrames)
      return 0;
  }
}

/// No fiber to run on: what the guest sees is an exhausted stack. There is no fiber to abandon.
__attribute__((noinline)) void reportExhausted(VMTransfer *transfer) {
  transfer->status = static_cast<uint32_t>(STATUS_TRAP);
  transfer->trap = TRAP_STACK_OVERFLOW;
  transfer->fiber = 0;
}

} // namespace

Thread *acquireThread(size_t stackBytes) {
  size_t stack = stackBytes < kMinStackBytes   ? kMinStackBytes
                 : stackBytes > kMaxStackBytes ? kMaxStackBytes
                                               : stackBytes;
  if (Thread *known = currentThread()) {
    known->stackBytes = stack;
    known->references++;
    return known;
  }
  auto *thread = static_cast<Thread *>(std::calloc(1, sizeof(Thread)));
  void *transfer = std::calloc(1, kTransferBytes);
  if (thread == nullptr || transfer == nullptr || !thread->signalStack.install()) {
    std::free(thread);
    std::free(transfer);
    return nullptr;
  }
  thread->head.transfer = reinterpret_cast<uint64_t>(transfer);
  thread->head.suspend = reinterpret_cast<uint64_t>(&elfin_suspend);
  thread->stackBytes = stack;
  thread->references = 1;
  installTrapHandlers();
  setCurrentThread(thread);
  return thread;
}

void releaseThread(Thread *thread) {
  if (--thread->references > 0)
    return;
  setCurrentThread(nullptr);
  while (thread->fibers != nullptr)
    unlinkFiber(thread, thread->fibers);
  thread->signalStack.remove();
  std::free(thread->transfer());
  std::free(thread);
}

void enter(Thread *thread) {
  VMTransfer *transfer = thread->transfer();
  Fiber *fiber = thread->idle;
  if (__builtin_expect(fiber != nullptr, 1)) {
    thread->idle = fiber->nextIdle;
    thread->idleCount--;
  } else if ((fiber = newFiber(thread)) == nullptr) {
    reportExhausted(transfer);
    return;
  }
  fiber->state = FiberState::Running;
  fiber->fresh = 1;
  thread->head.fiber = reinterpret_cast<uint64_t>(fiber);
  const auto *callee = reinterpret_cast<const VMFuncRef *>(transfer->callee);
  auto *slots = reinterpret_cast<uint64_t *>(transfer + 1);
  bool done;
  try {
    done = elfin_fiber_start(fiber, slots, callee->ctx, callee->code, callee->entry);
  } catch (...) {
    unwound(thread, fiber);
    throw;
  }
  finish(thread, fiber, done);
}

bool resume(Thread *thread) {
  auto *fiber = reinterpret_cast<Fiber *>(thread->transfer()->fiber);
  if (fiber == nullptr || fiber->state != FiberState::Suspended || fiber->thread != thread)
    return false;
  fiber->state = FiberState::Running;
  thread->head.fiber = reinterpret_cast<uint64_t>(fiber);
  // A suspended stack: resume address, frame pointer of the exit trampoline.
  const auto *frame = static_cast<const uintptr_t *const *>(fiber->sp)[1];
  uint8_t &ends = thread->endsAfter[(frame[1] ^ frame[1] >> 8) & 0xff];
  bool done;
  try {
    done = elfin_fiber_resume(fiber, ends ? returnsBeforeEnd(frame) : 0);
  } catch (...) {
    unwound(thread, fiber);
    throw;
  }
  ends = done;
  finish(thread, fiber, done);
  return true;
}

bool abandon(Thread *thread) {
  auto *fiber = reinterpret_cast<Fiber *>(thread->transfer()->fiber);
  if (fiber == nullptr || fiber->thread != thread ||
      (fiber->state != FiberState::Suspended && fiber->state != FiberState::Trapped))
    return false;
  thread->transfer()->fiber = 0;
  recycle(thread, fiber);
  return true;
}

__attribute__((no_sanitize_address)) std::vector<uintptr_t> fiberFrames(const Thread *thread,
                                                                        size_t max) {
  std::vector<uintptr_t> frames;
  const auto *fiber = reinterpret_cast<const Fiber *>(thread->transfer()->fiber);
  if (fiber == nullptr || max == 0)
    return frames;
  uintptr_t fp;
  if (fiber->state == FiberState::Trapped) {
    frames.push_back(fiber->trapPc);
    if (fiber->trapReturn != 0 && frames.size() < max)
      frames.push_back(arch::plainReturnAddress(fiber->trapReturn));
    fp = fiber->trapFp;
  } else if (fiber->state == FiberState::Suspended) {
    // A suspended stack: resume address, frame pointer of the exit trampoline.
    fp = static_cast<const uintptr_t *>(fiber->sp)[1];
  } else {
    return frames;
  }
  // A frame pointer points to { caller's frame pointer, return address }; callers lie at higher
  // addresses.
  while (frames.size() < max && (fp & 7) == 0 && fiber->inStack(fp) && fiber->inStack(fp + 15)) {
    const auto *frame = reinterpret_cast<const uintptr_t *>(fp);
    frames.push_back(arch::plainReturnAddress(frame[1]));
    if (frame[0] <= fp)
      break;
    fp = frame[0];
  }
  return frames;
}

// Reads whole stacks, between variables too.
__attribute__((no_sanitize_address)) std::vector<uint32_t> scanExternrefs(const Thread *thread) {
  std::vector<uint32_t> handles;
  for (const Fiber *fiber = thread->fibers; fiber != nullptr; fiber = fiber->next) {
    if (fiber->state != FiberState::Suspended)
      continue;
    const auto *word = static_cast<const uint64_t *>(fiber->sp);
    const auto *end = reinterpret_cast<const uint64_t *>(fiber->stackHigh);
    for (; word < end; word++)
      if (*word >> 32 == EXTERNREF_TAG)
        handles.push_back(static_cast<uint32_t>(*word));
  }
  return handles;
}

} // namespace elfin
