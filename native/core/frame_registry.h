// How .eh_frame is made known to the unwinder of the process. libgcc takes a whole section, ended
// by a zero word; LLVM's libunwind (macOS, musl with LLVM) takes one FDE a call, and would take the
// section for an FDE. Which of the two it is can not be asked of __register_frame itself.
#pragma once

namespace elfin {

struct FrameRegistry {
  void (*add)(void *);
  void (*remove)(void *);
  /// add and remove take a section, not an FDE.
  bool wholeSections;
};

/// The process's own.
const FrameRegistry &systemFrames();

/// Registers a section that checkEhFrame found in order, or takes it out again.
void addFrames(const FrameRegistry &registry, void *section);
void removeFrames(const FrameRegistry &registry, void *section);

} // namespace elfin
