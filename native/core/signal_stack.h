// A stack of its own for a thread's signal handlers: they can not run on a fiber's stack that has
// overflowed. Windows has no such thing: it leaves handlers the end of the stack
// (fiber_windows.cc).
#pragma once

#include <cstddef>
#if !defined(_WIN32)
#include <csignal>
#endif

namespace elfin {

#if defined(_WIN32)
struct SignalStack {
  bool install() { return true; }
  void remove() {}
};
#else
/// Zeroed at first.
struct SignalStack {
  /// Gives the thread a signal stack unless somebody else did. False: no memory.
  bool install();
  void remove();

  /// Null when the thread had a good one. `previous` is put back at the end.
  void *mapping;
  size_t mappingBytes;
  stack_t previous;
};
#endif

} // namespace elfin
