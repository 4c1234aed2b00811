// Structural check of .pdata and .xdata for x64 before they are handed to Windows' unwinder, which
// trusts them. Knows no Windows, so that it is tested everywhere. Base: "x64 exception handling"
// (Microsoft), struct RUNTIME_FUNCTION and struct UNWIND_INFO.
#pragma once

#include <cstddef>
#include <cstdint>

namespace elfin {

/// Addresses in .pdata are relative to `text`; .xdata lies behind it.
struct Pdata {
  const uint8_t *pdata;
  size_t pdataSize;
  const uint8_t *xdata;
  size_t xdataSize;
  const uint8_t *text;
  size_t textSize;
};

/// nullptr, or what is wrong: entries that are not whole, not ascending, empty or outside .text, or
/// whose UNWIND_INFO is not wholly inside .xdata, has another version than 1, handlers or a chain,
/// or codes that are unknown, cut off or out of order.
const char *checkPdata(const Pdata &tables);

} // namespace elfin
