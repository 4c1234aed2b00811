// A fiber: a stack on which Wasm code runs. Mapping, from low to high addresses:
//
//   spare guard | guard | stack ... | Fiber
//
// (Windows' is in fiber_windows.cc.) Running into the guard is the guest's stack overflow. When the
// kernel could not push the frame of somebody else's signal handler (one without SA_ONSTACK, as
// libuv installs) because the guest was near the end of its stack, the upper guard is opened for it
// and the spare one below becomes the guard, until the fiber goes back to its pool.
#pragma once

#include <cstddef>
#include <cstdint>

namespace elfin {

struct Thread;

inline constexpr size_t kGuardBytes = 64 * 1024;
inline constexpr size_t kSpareGuardBytes = 64 * 1024;

/// Frames for which the return predictor is kept balanced (see arch_x64.cc).
inline constexpr uint32_t kFewFrames = 5;

enum class FiberState : uint32_t {
  Idle,
  Running,
  /// Called the host; resume() goes on.
  Suspended,
  /// Trapped; only fiberFrames() and abandon() make sense.
  Trapped,
};

/// The first fields are used by assembly (arch_*.cc); their offsets are asserted there.
struct Fiber {
  /// Stack pointer while suspended (the resume address is on top), the initial one while idle.
  void *sp;
  /// The native stack's pointer while running: the registers saved by elfin_fiber_start/resume are
  /// on top.
  void *callerSp;
  Thread *thread;
  /// Not suspended since it was started; for return prediction.
  uint32_t fresh;
  FiberState state;
  /// Pool list while idle.
  Fiber *nextIdle;
  /// All fibers of the thread.
  Fiber *previous;
  Fiber *next;
  /// Whole mapping.
  uint8_t *mapping;
  size_t mappingBytes;
  /// Usable stack: [stackLow, stackHigh).
  uint8_t *stackLow;
  uint8_t *stackHigh;
  /// The upper guard was opened for a foreign signal handler.
  bool guardOpen;
  /// The trap was a stack overflow: most of the stack has been touched.
  bool overflowed;
  uintptr_t trapPc;
  uintptr_t trapFp;
  /// The return address of a function that trapped without a frame of its own, whose caller's is at
  /// trapFp; 0 where the function has a frame.
  uintptr_t trapReturn;
#if defined(_WIN32)
  /// What the thread environment block says of the stack while it runs: lowest committed address,
  /// and the lowest there is. The former moves down as the stack grows.
  uint8_t *stackLimit;
  uint8_t *deallocationStack;
#endif

  bool inGuard(uintptr_t address) const {
    return address >= reinterpret_cast<uintptr_t>(mapping) &&
           address < reinterpret_cast<uintptr_t>(stackLow);
  }
  bool inStack(uintptr_t address) const {
    return address >= reinterpret_cast<uintptr_t>(stackLow) &&
           address < reinterpret_cast<uintptr_t>(stackHigh);
  }
};

/// Maps a fiber with `stackBytes` of usable stack; nullptr when there is no memory or address
/// space.
Fiber *createFiber(Thread *thread, size_t stackBytes);
void destroyFiber(Fiber *fiber);
/// Makes a fiber ready for the next call (guard closed, stack pointer at the top, touched pages
/// given back after an overflow).
void resetFiber(Fiber *fiber);
/// Opens the upper guard; async-signal-safe. False when it was open already.
bool openGuard(Fiber *fiber);

} // namespace elfin
