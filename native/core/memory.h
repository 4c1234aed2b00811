// Linear memories. Contents live in a Region that is kept mapped while the memory or any
// ArrayBuffer over it uses it.
//   guarded    GUARD_RESERVATION of address space, committed as it grows: the base never moves,
//              and accesses need no bounds checks
//   unguarded  the bytes in use and MEMORY_TAIL bytes that can not be accessed, so that one check
//   of
//              an index serves all small offsets from it; growing may move the base, and the old
//              region stays mapped for its ArrayBuffers
#pragma once

#include "gen/abi.h"
#include <cstddef>
#include <cstdint>

namespace elfin {

struct Reservation;

/// Pages. Larger growth limits are cut to these.
inline constexpr uint64_t kMaxPages32 = 65536;

class Region {
public:
  /// nullptr when there is no address space.
  static Region *reserve();
  static Region *allocate(size_t bytes);
  void retain() { references_++; }
  /// The last one unmaps.
  void release();

  uint8_t *base() const { return base_; }
  /// Without the tail of an unguarded memory's.
  size_t bytes() const { return bytes_; }
  bool shared() const { return references_ > 1; }
  /// For a region no ArrayBuffer uses: changes its size, perhaps its base. False: no memory.
  bool resize(size_t bytes);
  /// A larger region with the contents of `from`, which stays mapped and reads as anything.
  /// nullptr: no memory, and `from` as it was.
  static Region *moved(const Region &from, size_t bytes);

private:
  Region(uint8_t *base, size_t bytes, size_t tail) : base_(base), bytes_(bytes), tail_(tail) {}
  ~Region();
  /// Takes over address space and makes it known as reserved; gives it back when that fails.
  static Region *of(void *base, size_t bytes, size_t tail);

  uint8_t *base_;
  size_t bytes_;
  /// Bytes behind the others that can not be accessed.
  size_t tail_;
  Reservation *reservation_ = nullptr;
  uint32_t references_ = 1;
};

/// Used by one thread only. `vm` is first: its address is what compiled code has.
class Memory {
public:
  /// nullptr when address space or memory is exhausted.
  static Memory *create(uint64_t minPages, uint64_t maxPages, bool guarded);
  ~Memory();
  Memory(const Memory &) = delete;
  Memory &operator=(const Memory &) = delete;

  /// Old size in pages, or UINT64_MAX with nothing changed. Async-signal-unsafe, but takes no locks
  /// that a trap could leave held.
  uint64_t grow(uint64_t deltaPages);
  Region *region() const { return region_; }
  bool guarded() const { return guarded_; }

  VMMemory vm{};

private:
  Memory() = default;
  bool growTo(size_t bytes);

  Region *region_ = nullptr;
  bool guarded_ = false;
};

} // namespace elfin
