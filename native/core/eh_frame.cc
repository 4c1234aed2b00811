#include "eh_frame.h"

#include <array>
#include <cstring>

namespace elfin {

namespace {

constexpr uint8_t kPcrelSdata4 = 0x1b;

/// Least contents of a CIE and of an FDE, which is a multiple of 4: nine bytes after the id or CIE
/// pointer.
constexpr uint32_t kLeastContents = 16;

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

/// `body` is what follows the CIE pointer, at least nine bytes: start (pcrel), length, augmentation
/// length, instructions.
inline bool checkFde(const uint8_t *body, uintptr_t text, size_t textSize) {
  auto displacement = static_cast<int64_t>(static_cast<int32_t>(read32(body)));
  uintptr_t start = reinterpret_cast<uintptr_t>(body) + static_cast<uintptr_t>(displacement) - text;
  // A length of 0 wraps round and is more than any.
  uint64_t lengthLessOne = uint64_t{read32(body + 4)} - 1;
  return start <= textSize && lengthLessOne < textSize - start && body[8] == 0;
}

/// The CIEs of a section so far, by their addresses.
class Cies {
public:
  bool add(const uint8_t *id, const uint8_t *end) {
    if (count_ == list_.size() || !checkCie(id + 4, end))
      return false;
    list_[count_++] = reinterpret_cast<uintptr_t>(id) - 4;
    return true;
  }

  bool has(uintptr_t cie) const {
    for (size_t i = 0; i < count_; i++)
      if (list_[i] == cie)
        return true;
    return false;
  }

private:
  std::array<uintptr_t, 16> list_;
  size_t count_ = 0;
};

} // namespace

EhFrameCheck checkEhFrame(const uint8_t *section, size_t size, uintptr_t text, size_t textSize) {
  if (size < 4)
    return EhFrameCheck::Malformed;
  const uint8_t *last = section + size - 4; // where the terminator is at most
  Cies cies;
  uintptr_t cie = 0; // of the FDE before, 0: there was none
  const uint8_t *id = section + 4;
  uint32_t length = read32(section);
  // Finding the next entry waits for the length of this one: this is what the time goes into, so
  // that the length is loaded with nothing between.
  for (; length != 0; id += size_t{length} + 4, length = read32(id - 4)) {
    if (length < kLeastContents || (length & 3) != 0 || int64_t{length} > last - id)
      return EhFrameCheck::Malformed;
    uint32_t back = read32(id);
    uintptr_t named = reinterpret_cast<uintptr_t>(id) - back;
    if (named != cie) {
      if (back == 0) {
        if (!cies.add(id, id + length))
          return EhFrameCheck::Malformed;
        continue;
      }
      if (!cies.has(named))
        return EhFrameCheck::Malformed;
      cie = named;
    }
    if (!checkFde(id + 4, text, textSize))
      return EhFrameCheck::Malformed;
  }
  if (!allZero(id, section + size))
    return EhFrameCheck::Malformed;
  return cie == 0 ? EhFrameCheck::Empty : EhFrameCheck::Ok;
}

} // namespace elfin
