#include "memory.h"

#include "os.h"
#include "reservations.h"
#include <cstddef>
#include <new>

namespace elfin {

static_assert(offsetof(VMMemory, base) == 0);

Region *Region::of(void *base, size_t bytes, size_t tail) {
  if (base == nullptr)
    return nullptr;
  auto *region = new (std::nothrow) Region(static_cast<uint8_t *>(base), bytes, tail);
  if (region != nullptr)
    region->reservation_ = addReservation(reinterpret_cast<uintptr_t>(base), bytes + tail);
  if (region != nullptr && region->reservation_ != nullptr)
    return region;
  os::release(base, bytes + tail);
  delete region;
  return nullptr;
}

Region *Region::reserve() { return of(os::reserve(GUARD_RESERVATION), GUARD_RESERVATION, 0); }

Region *Region::allocate(size_t bytes) {
  return of(os::allocateBefore(bytes, MEMORY_TAIL), bytes, MEMORY_TAIL);
}

Region::~Region() {
  if (reservation_ == nullptr)
    return;
  removeReservation(reservation_);
  os::release(base_, bytes_ + tail_);
}

void Region::release() {
  if (--references_ == 0)
    delete this;
}

bool Region::resize(size_t bytes) {
  suspendReservation(reservation_);
  void *base = os::enlargeBefore(base_, bytes_, bytes, tail_);
  if (base != nullptr) {
    base_ = static_cast<uint8_t *>(base);
    bytes_ = bytes;
  }
  resumeReservation(reservation_, reinterpret_cast<uintptr_t>(base_), bytes_ + tail_);
  return base != nullptr;
}

Region *Region::moved(const Region &from, size_t bytes) {
  return of(os::enlargedCopyBefore(from.base_, from.bytes_, bytes, from.tail_), bytes, from.tail_);
}

Memory *Memory::create(uint64_t minPages, uint64_t maxPages, bool guarded) {
  constexpr uint64_t kMostPages = (uint64_t{1} << 47) / WASM_PAGE;
  uint64_t most = guarded ? kMaxPages32 : kMostPages;
  if (minPages > most)
    return nullptr;
  auto *memory = new (std::nothrow) Memory;
  if (memory == nullptr)
    return nullptr;
  size_t bytes = minPages * WASM_PAGE;
  memory->guarded_ = guarded;
  memory->region_ = guarded ? Region::reserve() : Region::allocate(bytes);
  if (memory->region_ == nullptr ||
      (guarded && bytes != 0 && !os::commit(memory->region_->base(), bytes))) {
    delete memory;
    return nullptr;
  }
  memory->vm.base = reinterpret_cast<uint64_t>(memory->region_->base());
  memory->vm.bytes = bytes;
  memory->vm.maxBytes = (maxPages < most ? maxPages : most) * WASM_PAGE;
  memory->vm.owner = reinterpret_cast<uint64_t>(memory);
  return memory;
}

Memory::~Memory() {
  if (region_ != nullptr)
    region_->release();
}

bool Memory::growTo(size_t bytes) {
  if (guarded_)
    return os::commit(region_->base() + vm.bytes, bytes - vm.bytes);
  if (!region_->shared())
    return region_->resize(bytes);
  Region *larger = Region::moved(*region_, bytes);
  if (larger == nullptr)
    return false;
  region_->release();
  region_ = larger;
  return true;
}

uint64_t Memory::grow(uint64_t deltaPages) {
  uint64_t oldPages = vm.bytes / WASM_PAGE;
  if (deltaPages > (vm.maxBytes - vm.bytes) / WASM_PAGE || vm.maxBytes < vm.bytes)
    return UINT64_MAX;
  if (deltaPages == 0)
    return oldPages;
  size_t bytes = vm.bytes + deltaPages * WASM_PAGE;
  if (!growTo(bytes))
    return UINT64_MAX;
  vm.base = reinterpret_cast<uint64_t>(region_->base());
  vm.bytes = bytes;
  return oldPages;
}

} // namespace elfin
