#include "pdata.h"

#include <cstring>

namespace elfin {

namespace {

constexpr size_t kEntryBytes = 12;
constexpr size_t kHeadBytes = 4;

constexpr uint32_t kPushNonvol = 0;
constexpr uint32_t kAllocLarge = 1;
constexpr uint32_t kAllocSmall = 2;
constexpr uint32_t kSetFpreg = 3;
constexpr uint32_t kSaveNonvol = 4;
constexpr uint32_t kSaveNonvolFar = 5;
constexpr uint32_t kSaveXmm128 = 8;
constexpr uint32_t kSaveXmm128Far = 9;

uint32_t read32(const uint8_t *at) {
  uint32_t value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

/// Slots of two bytes that a code takes; 0 when it is none that the object writer makes.
size_t slotsOf(uint32_t operation, uint32_t info) {
  switch (operation) {
  case kPushNonvol:
  case kAllocSmall:
  case kSetFpreg:
    return 1;
  case kAllocLarge:
    return info == 0 ? 2 : info == 1 ? 3 : 0;
  case kSaveNonvol:
  case kSaveXmm128:
    return 2;
  case kSaveNonvolFar:
  case kSaveXmm128Far:
    return 3;
  default:
    return 0;
  }
}

bool checkInfo(const uint8_t *info, size_t room, size_t codeBytes) {
  if (room < kHeadBytes || info[0] != 1 || info[1] > codeBytes)
    return false;
  size_t count = info[2];
  if (kHeadBytes + 2 * count > room)
    return false;
  uint32_t last = info[1];
  for (size_t i = 0; i < count;) {
    const uint8_t *code = info + kHeadBytes + 2 * i;
    size_t slots = slotsOf(code[1] & 15, code[1] >> 4);
    if (slots == 0 || i + slots > count || code[0] > last)
      return false;
    if ((code[1] & 15) == kSetFpreg && (info[3] & 15) == 0)
      return false;
    last = code[0];
    i += slots;
  }
  return true;
}

} // namespace

const char *checkPdata(const Pdata &t) {
  if (t.pdataSize % kEntryBytes != 0 || reinterpret_cast<uintptr_t>(t.pdata) % 4 != 0)
    return ".pdata does not hold whole entries";
  size_t xdataAt = static_cast<size_t>(t.xdata - t.text);
  uint32_t last = 0;
  for (const uint8_t *at = t.pdata; at < t.pdata + t.pdataSize; at += kEntryBytes) {
    uint32_t begin = read32(at), end = read32(at + 4), info = read32(at + 8);
    if (begin < last || end <= begin || end > t.textSize)
      return ".pdata is not sorted or outside .text";
    last = end;
    if (info % 4 != 0 || info < xdataAt || info - xdataAt >= t.xdataSize ||
        !checkInfo(t.xdata + (info - xdataAt), t.xdataSize - (info - xdataAt), end - begin))
      return ".xdata is malformed";
  }
  return nullptr;
}

} // namespace elfin
