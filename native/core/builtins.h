// The table of native helpers that compiled code calls through its context, indexed by Builtin.
#pragma once

#include <cstdint>

namespace elfin {

/// BUILTIN_COUNT addresses.
const uint64_t *builtinTable();

} // namespace elfin
