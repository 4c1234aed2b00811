// Page arithmetic.
#pragma once

#include <cstddef>
#include <cstdint>
#include <unistd.h>

namespace elfin {

inline size_t pageSize() {
  static const size_t size = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return size;
}

inline size_t roundDownToPage(size_t bytes) { return bytes & ~(pageSize() - 1); }

/// The caller's sizes are far below SIZE_MAX.
inline size_t roundUpToPage(size_t bytes) { return roundDownToPage(bytes + pageSize() - 1); }

} // namespace elfin
