// A list of chunks of slots that only grows; a slot is free when its base is 0. The reader is
// interested in a memory of its own thread, which can not come or go while it looks; other slots
// may change under it, and a half-seen slot only makes it look on.
#include "reservations.h"

#include <atomic>
#include <mutex>
#include <new>

namespace elfin {

namespace {

struct Slot {
  std::atomic<uintptr_t> base{0};
  std::atomic<size_t> bytes{0};
};

struct Chunk {
  static constexpr size_t kSlots = 256;
  Slot slots[kSlots];
  std::atomic<Chunk *> next{nullptr};
};

Chunk first;
std::mutex lock; // writers only

bool fill(Chunk &chunk, uintptr_t base, size_t bytes) {
  for (Slot &slot : chunk.slots) {
    if (slot.base.load(std::memory_order_relaxed) != 0)
      continue;
    slot.bytes.store(bytes, std::memory_order_relaxed);
    slot.base.store(base, std::memory_order_release);
    return true;
  }
  return false;
}

} // namespace

bool addReservation(uintptr_t base, size_t bytes) {
  std::lock_guard<std::mutex> guard(lock);
  Chunk *chunk = &first;
  while (!fill(*chunk, base, bytes)) {
    Chunk *next = chunk->next.load(std::memory_order_relaxed);
    if (next == nullptr) {
      next = new (std::nothrow) Chunk;
      if (next == nullptr)
        return false;
      chunk->next.store(next, std::memory_order_release);
    }
    chunk = next;
  }
  return true;
}

void removeReservation(uintptr_t base) {
  std::lock_guard<std::mutex> guard(lock);
  for (Chunk *chunk = &first; chunk != nullptr; chunk = chunk->next.load(std::memory_order_relaxed))
    for (Slot &slot : chunk->slots)
      if (slot.base.load(std::memory_order_relaxed) == base) {
        slot.base.store(0, std::memory_order_release);
        return;
      }
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
