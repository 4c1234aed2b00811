// Which addresses are compiled code, and the trap sites in it: written rarely under a lock, read by
// the signal handler without.
#pragma once

#include <cstddef>
#include <cstdint>

namespace elfin {

/// `offsets`: `trapCount` ascending u32 offsets from `start`; `codes`: a trap code each, with
/// TRAP_FRAMELESS where that holds. They live as long as the range.
struct CodeRange {
  uintptr_t start;
  uintptr_t end;
  const uint8_t *offsets;
  const uint8_t *codes;
  uint32_t trapCount;
};

/// False: no memory, or it overlaps another range. Thread-safe.
bool publishCode(const CodeRange &range);
/// Must come before the code is unmapped.
void unpublishCode(uintptr_t start);
struct TrapSite {
  uint32_t code;
  /// The function has made no frame: the frame pointer is its caller's.
  bool frameless;
};

/// Async-signal-safe: what the trap table says of the instruction at `pc`.
bool findTrap(uintptr_t pc, TrapSite &site);

} // namespace elfin
