// Tables. Entries of a table of functions are VMFuncEntry (code, context and type inline), of
// others one 64-bit word.
#pragma once

#include "gen/abi.h"
#include <cstddef>
#include <cstdint>

namespace elfin {

/// Entries; the limit engines agree on (WebAssembly JavaScript API, implementation-defined limits).
inline constexpr uint64_t kMaxTableEntries = 10'000'000;

enum class TableKind { Func, Ref };

/// Used by one thread only. `vm` is first: its address is what compiled code has. The entries move
/// when the table grows.
class Table {
public:
  /// nullptr: no memory, or more than kMaxTableEntries.
  static Table *create(TableKind kind, uint64_t length, uint64_t max, uint64_t init);
  ~Table();
  Table(const Table &) = delete;
  Table &operator=(const Table &) = delete;

  TableKind kind() const { return kind_; }
  size_t mappedBytes() const { return mappedBytes_; }
  /// Index must be in range.
  uint64_t get(uint64_t index) const;
  /// Range [index, index + count) must be in range.
  void fill(uint64_t index, uint64_t ref, uint64_t count);
  /// Old length, or UINT64_MAX with nothing changed.
  uint64_t grow(uint64_t delta, uint64_t ref);

  VMTable vm{};

private:
  explicit Table(TableKind kind) : kind_(kind) {}
  bool reserve(uint64_t entries);
  size_t entryBytes() const { return kind_ == TableKind::Func ? sizeof(VMFuncEntry) : 8; }

  TableKind kind_;
  uint64_t capacity_ = 0;
  /// Mapped, so that growing on a fiber takes no allocator lock that a stack overflow could leave
  /// held.
  size_t mappedBytes_ = 0;
};

/// What a table entry holds for a reference; 0 makes the null entry.
VMFuncEntry funcEntry(uint64_t ref);

} // namespace elfin
