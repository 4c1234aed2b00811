// A list of chunks of slots that only grows; a slot is free when its base is 0. The reader is
// interested in a memory of its own thread, which can not come or go while it looks; other slots
// may change under it, and a half-seen slot only makes it look on.
#include "reservations.h"

#include <atomic>
#include <mutex>
#include <new>

namespace elfin {

struct Reservation {
  std::atomic<uintptr_t> base{0};
  std::atomic<size_t> bytes{0};
};

namespace {

using Slot = Reservation;

/// Base of a slot that is taken and stands for nothing: bytes is 0.
constexpr uintptr_t kSuspended = 1;

struct Chunk {
  static constexpr size_t kSlots = 256;
  Slot slots[kSlots];
  std::atomic<Chunk *> next{nullptr};
};

Chunk first;
std::mutex lock; // writers only

Slot *fill(Chunk &chunk, uintptr_t base, size_t bytes) {
  for (Slot &slot : chunk.slots) {
    if (slot.base.load(std::memory_order_relaxed) != 0)
      continue;
    slot.bytes.store(bytes, std::memory_order_relaxed);
    slot.base.store(base, std::memory_order_release);
    return &slot;
  }
  return nullptr;
}

} // namespace

Reservation *addReservation(uintptr_t base, size_t bytes) {
  std::lock_guard<std::mutex> guard(lock);
  Chunk *chunk = &first;
  Slot *slot;
  while ((slot = fill(*chunk, base, bytes)) == nullptr) {
    Chunk *next = chunk->next.load(std::memory_order_relaxed);
    if (next == nullptr) {
      next = new (std::nothrow) Chunk;
      if (next == nullptr)
        return nullptr;
      chunk->next.store(next, std::memory_order_release);
    }
    chunk = next;
  }
  return slot;
}

void removeReservation(Reservation *reservation) {
  std::lock_guard<std::mutex> guard(lock);
  reservation->base.store(0, std::memory_order_release);
}

void suspendReservation(Reservation *reservation) {
  reservation->bytes.store(0, std::memory_order_relaxed);
  reservation->base.store(kSuspended, std::memory_order_release);
}

void resumeReservation(Reservation *reservation, uintptr_t base, size_t bytes) {
  reservation->bytes.store(bytes, std::memory_order_relaxed);
  reservation->base.store(base, std::memory_order_release);
}

bool isReserved(uintptr_t address) {
  for (const Chunk *chunk = &first; chunk != nullptr;
       chunk = chunk->next.load(std::memory_order_acquire))
    for (const Slot &slot : chunk->slots) {
      uintptr_t base = slot.base.load(std::memory_order_acquire);
      if (base != 0 && address - base < slot.bytes.load(std::memory_order_relaxed))
        return true;
    }
  return false;
}

} // namespace elfin
