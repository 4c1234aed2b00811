// What one JavaScript thread (a Node environment's thread) owns: the transfer area, its fibers and
// its signal stack. A fiber runs only between enter/resume and their return, so at most one runs at
// a time; any number may be suspended.
#pragma once

#include "fiber.h"
#include "gen/abi.h"
#include "signal_stack.h"
#include <vector>

namespace elfin {

/// Fibers of one thread that may be alive at once; beyond that a call is reported as stack
/// overflow.
inline constexpr uint32_t kMaxFibers = 10000;
/// Idle fibers kept for reuse.
inline constexpr uint32_t kMaxIdleFibers = 64;
inline constexpr size_t kMinStackBytes = 64 * 1024;
inline constexpr size_t kMaxStackBytes = size_t{1} << 30;
/// Bytes of the transfer area: head, slots, and spare for the second half of a last v128.
inline constexpr size_t kTransferBytes = sizeof(VMTransfer) + TRANSFER_SLOTS * 8 + 64;

struct Thread {
  /// First, because trampolines address the thread through it.
  VMThread head;
  Fiber *idle;
  Fiber *fibers;
  uint32_t fiberCount;
  uint32_t idleCount;
  size_t stackBytes;
  /// Users: environments on this thread, and the ArrayBuffer over the transfer area.
  uint32_t references;
  /// By call site of a host call (hashed): whether the fiber ended, the last time it was resumed
  /// there.
  uint8_t endsAfter[256];
  SignalStack signalStack;

  VMTransfer *transfer() const { return reinterpret_cast<VMTransfer *>(head.transfer); }
  Fiber *running() const { return reinterpret_cast<Fiber *>(head.fiber); }
};

/// Null on threads that were not set up. Readable from signal handlers.
#if defined(_WIN32)
Thread *currentThread();
void setCurrentThread(Thread *thread);
#else
/// In the initial TLS block.
extern constinit thread_local Thread *threadOfThis __attribute__((tls_model("initial-exec")));

inline Thread *currentThread() { return threadOfThis; }
inline void setCurrentThread(Thread *thread) { threadOfThis = thread; }
#endif

/// Makes the calling thread's Thread, or takes another reference to it (then stackBytes is for new
/// fibers). nullptr: no memory.
Thread *acquireThread(size_t stackBytes);
/// Gives a reference back; the last one frees all, suspended fibers included. Must be called on the
/// thread itself.
void releaseThread(Thread *thread);

/// Calls the VMFuncRef at transfer->callee on a fiber; status in transfer->status. Throws only what
/// a native import throws.
void enter(Thread *thread);
/// Goes on with transfer->fiber; false when that is no suspended fiber of this thread.
bool resume(Thread *thread);
/// Gives transfer->fiber (suspended or trapped) back to the pool; its frames are gone. False when
/// it is no such fiber.
bool abandon(Thread *thread);
/// Program counters of transfer->fiber, innermost first, by its chain of frame pointers: where it
/// trapped (unless it is suspended), and return addresses. A function that trapped without a frame
/// is not in the chain: its return address was taken by the handler.
std::vector<uintptr_t> fiberFrames(const Thread *thread, size_t max);
/// Lower halves of all words on suspended fibers whose upper half is EXTERNREF_TAG.
std::vector<uint32_t> scanExternrefs(const Thread *thread);

} // namespace elfin
