// Address ranges reserved for guarded memories, readable by the signal handler without locks.
#pragma once

#include <cstddef>
#include <cstdint>

namespace elfin {

/// Registers [base, base + bytes). False: no memory. Thread-safe.
bool addReservation(uintptr_t base, size_t bytes);
/// Must come before the range is unmapped.
void removeReservation(uintptr_t base);
/// Async-signal-safe.
bool isReserved(uintptr_t address);

} // namespace elfin
