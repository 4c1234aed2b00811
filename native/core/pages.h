// Page arithmetic.
#pragma once

#include "os.h"

namespace elfin {

inline size_t roundDownToPage(size_t bytes) { return bytes & ~(os::pageSize() - 1); }

/// The caller's sizes are far below SIZE_MAX.
inline size_t roundUpToPage(size_t bytes) { return roundDownToPage(bytes + os::pageSize() - 1); }

} // namespace elfin
