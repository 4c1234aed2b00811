#include "table.h"

#include "pages.h"
#include <new>

namespace elfin {

VMFuncEntry funcEntry(uint64_t ref) {
  if (ref == 0)
    return VMFuncEntry{0, 0, static_cast<uint32_t>(NULL_TYPE_ID), 0, 0};
  const auto *func = reinterpret_cast<const VMFuncRef *>(ref);
  return VMFuncEntry{func->code, func->ctx, func->typeId, 0, ref};
}

Table *Table::create(TableKind kind, uint64_t length, uint64_t max, uint64_t init) {
  if (length > kMaxTableEntries)
    return nullptr;
  auto *table = new (std::nothrow) Table(kind);
  if (table == nullptr || !table->reserve(length)) {
    delete table;
    return nullptr;
  }
  table->vm.length = length;
  table->vm.max = max < kMaxTableEntries ? max : kMaxTableEntries;
  table->vm.owner = reinterpret_cast<uint64_t>(table);
  table->fill(0, init, length);
  return table;
}

Table::~Table() {
  if (mappedBytes_ != 0)
    os::release(reinterpret_cast<void *>(vm.base), mappedBytes_);
}

bool Table::reserve(uint64_t entries) {
  if (entries <= capacity_)
    return true;
  size_t bytes = roundUpToPage(entries * entryBytes());
  void *base = mappedBytes_ == 0
                   ? os::allocate(bytes)
                   : os::resize(reinterpret_cast<void *>(vm.base), mappedBytes_, bytes);
  if (base == nullptr)
    return false;
  vm.base = reinterpret_cast<uint64_t>(base);
  mappedBytes_ = bytes;
  capacity_ = bytes / entryBytes();
  return true;
}

uint64_t Table::get(uint64_t index) const {
  return kind_ == TableKind::Func ? reinterpret_cast<const VMFuncEntry *>(vm.base)[index].ref
                                  : reinterpret_cast<const uint64_t *>(vm.base)[index];
}

void Table::fill(uint64_t index, uint64_t ref, uint64_t count) {
  if (kind_ == TableKind::Func) {
    VMFuncEntry entry = funcEntry(ref);
    auto *entries = reinterpret_cast<VMFuncEntry *>(vm.base) + index;
    for (uint64_t i = 0; i < count; i++)
      entries[i] = entry;
  } else {
    auto *entries = reinterpret_cast<uint64_t *>(vm.base) + index;
    for (uint64_t i = 0; i < count; i++)
      entries[i] = ref;
  }
}

uint64_t Table::grow(uint64_t delta, uint64_t ref) {
  uint64_t old = vm.length;
  if (old > vm.max || delta > vm.max - old)
    return UINT64_MAX;
  uint64_t length = old + delta;
  // Doubling keeps growing one by one cheap.
  uint64_t generous = old * 2 < vm.max ? old * 2 : vm.max;
  if (length > capacity_ && !reserve(length > generous ? length : generous) && !reserve(length))
    return UINT64_MAX;
  fill(old, ref, delta);
  vm.length = length;
  return old;
}

} // namespace elfin
