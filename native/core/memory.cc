#include "memory.h"

#include "os.h"
#include "reservations.h"
#include <cstddef>
#include <new>

namespace elfin {

static_assert(offsetof(VMMemory, base) == 0);

Region *Region::reserve() {
  void *base = os::reserve(GUARD_RESERVATION);
  if (base == nullptr)
    return nullptr;
  auto *region = new (std::nothrow) Region(static_cast<uint8_t *>(base), GUARD_RESERVATION, true);
  if (region == nullptr || !addReservation(reinterpret_cast<uintptr_t>(base), GUARD_RESERVATION)) {
    os::release(base, GUARD_RESERVATION);
    if (region != nullptr)
      region->bytes_ = 0;
    delete region;
    return nullptr;
  }
  return region;
}

Region *Region::allocate(size_t bytes) {
  size_t mapped = bytes == 0 ? os::pageSize() : bytes;
  void *base = os::allocate(mapped);
  if (base == nullptr)
    return nullptr;
  auto *region = new (std::nothrow) Region(static_cast<uint8_t *>(base), mapped, false);
  if (region == nullptr)
    os::release(base, mapped);
  return region;
}

Region::~Region() {
  if (bytes_ == 0)
    return;
  if (reserved_)
    removeReservation(reinterpret_cast<uintptr_t>(base_));
  os::release(base_, bytes_);
}

void Region::release() {
  if (--references_ == 0)
    delete this;
}

bool Region::resize(size_t bytes) {
  void *base = os::resize(base_, bytes_, bytes);
  if (base == nullptr)
    return false;
  base_ = static_cast<uint8_t *>(base);
  bytes_ = bytes;
  return true;
}

Region *Region::moved(const Region &from, size_t bytes) {
  auto *region = new (std::nothrow) Region(nullptr, 0, false);
  if (region == nullptr)
    return nullptr;
  region->base_ = static_cast<uint8_t *>(os::enlargedCopy(from.base_, from.bytes_, bytes));
  if (region->base_ == nullptr) {
    delete region;
    return nullptr;
  }
  region->bytes_ = bytes;
  return region;
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
