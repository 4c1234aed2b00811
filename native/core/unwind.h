// The unwind tables of an object with the system's unwinder: .eh_frame with libgcc's
// (unwind_posix.cc), .pdata and .xdata with Windows' (unwind_windows.cc). The tables are used where
// they are mapped.
#pragma once

#include <cstddef>
#include <cstdint>

namespace elfin {

struct CodeLayout;

class UnwindTable {
public:
  /// What is wrong with the tables of the object mapped at `base`, whose layout is inside it; or
  /// nullptr, and add() may be called. The unwinder trusts them.
  const char *check(uint8_t *base, const CodeLayout &layout);
  void add();
  void remove();

private:
  uint8_t *text_ = nullptr;
  /// The table for the unwinder; null when there is nothing to register.
  void *table_ = nullptr;
  size_t entries_ = 0;
  bool added_ = false;
};

} // namespace elfin
