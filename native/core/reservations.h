// Address ranges of memories and their guards, readable by the signal handler without locks.
#pragma once

#include <cstddef>
#include <cstdint>

namespace elfin {

struct Reservation;

/// Registers [base, base + bytes). nullptr: no memory. Thread-safe, as are the others.
Reservation *addReservation(uintptr_t base, size_t bytes);
/// Must come before the range is unmapped.
void removeReservation(Reservation *reservation);
/// For a range that is about to move: it stands for nothing until it is told the new place.
void suspendReservation(Reservation *reservation);
void resumeReservation(Reservation *reservation, uintptr_t base, size_t bytes);
/// Async-signal-safe.
bool isReserved(uintptr_t address);

} // namespace elfin
