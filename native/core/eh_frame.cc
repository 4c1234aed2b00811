#include "eh_frame.h"

#include <cstring>
#include <vector>

namespace elfin {

namespace {

constexpr uint8_t kPcrelSdata4 = 0x1b;

uint32_t read32(const uint8_t *at) {
  uint32_t value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

bool allZero(const uint8_t *at, const uint8_t *end) {
  while (at < end)
    if (*at++ != 0)
      return false;
  return true;
}

bool skipLeb(const uint8_t *&at, const uint8_t *end) {
  while (at < end)
    if ((*at++ & 0x80) == 0)
      return true;
  return false;
}

/// `body` is what follows the CIE id.
bool checkCie(const uint8_t *body, const uint8_t *end) {
  static const uint8_t kHead[] = {1, 'z', 'R', 0};
  if (static_cast<size_t>(end - body) < sizeof kHead || std::memcmp(body, kHead, sizeof kHead) != 0)
    return false;
  body += sizeof kHead;
  if (!skipLeb(body, end) || !skipLeb(body, end)) // code and data alignment
    return false;
  if (body >= end || *body++ > 127) // return address register
    return false;
  return end - body >= 2 && body[0] == 1 && body[1] == kPcrelSdata4;
}

/// `body` is what follows the CIE pointer: start (pcrel), length, augmentation length,
/// instructions.
bool checkFde(const uint8_t *body, const uint8_t *end, uintptr_t text, size_t textSize) {
  if (end - body < 9)
    return false;
  auto start = reinterpret_cast<uintptr_t>(body) +
               static_cast<uintptr_t>(static_cast<int64_t>(static_cast<int32_t>(read32(body))));
  size_t length = read32(body + 4);
  if (start < text || start - text > textSize || length > textSize - (start - text) || length == 0)
    return false;
  return body[8] == 0;
}

} // namespace

EhFrameCheck checkEhFrame(const uint8_t *section, size_t size, uintptr_t text, size_t textSize) {
  std::vector<const uint8_t *> cies;
  bool any = false;
  const uint8_t *at = section;
  const uint8_t *end = section + size;
  for (;;) {
    if (end - at < 4)
      return EhFrameCheck::Malformed;
    uint32_t length = read32(at);
    if (length == 0) {
      if (!allZero(at, end))
        return EhFrameCheck::Malformed;
      return any ? EhFrameCheck::Ok : EhFrameCheck::Empty;
    }
    const uint8_t *id = at + 4;
    if (length < 4 || length > static_cast<size_t>(end - id) || (length & 3) != 0)
      return EhFrameCheck::Malformed;
    const uint8_t *next = id + length;
    uint32_t back = read32(id);
    if (back == 0) {
      if (cies.size() >= 16 || !checkCie(id + 4, next))
        return EhFrameCheck::Malformed;
      cies.push_back(at);
    } else {
      bool known = false;
      for (const uint8_t *cie : cies)
        known |= static_cast<size_t>(id - cie) == back;
      if (!known || !checkFde(id + 4, next, text, textSize))
        return EhFrameCheck::Malformed;
      any = true;
    }
    at = next;
  }
}

} // namespace elfin
