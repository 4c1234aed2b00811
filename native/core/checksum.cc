#include "checksum.h"

#include <cstring>

namespace elfin {

namespace {

inline uint32_t rotl(uint32_t value, unsigned by) { return value << by | value >> (32 - by); }

inline uint32_t mix(uint32_t lane, const uint8_t *word) {
  uint32_t value;
  std::memcpy(&value, word, sizeof value);
  return rotl(lane ^ value, 5) * 0x85EBCA6Bu;
}

struct Lanes {
  uint32_t h[8];
};

// Eight scalar multiplies a group are faster than what the baseline's SSE2 makes of it, so no
// vectorising.
#if defined(__GNUC__) && !defined(__clang__)
__attribute__((optimize("no-tree-vectorize", "no-tree-slp-vectorize")))
#endif
Lanes groups(Lanes in, const uint8_t *bytes, size_t count) {
  uint32_t h0 = in.h[0], h1 = in.h[1], h2 = in.h[2], h3 = in.h[3];
  uint32_t h4 = in.h[4], h5 = in.h[5], h6 = in.h[6], h7 = in.h[7];
  for (; count > 0; count--, bytes += 32) {
    h0 = mix(h0, bytes);
    h1 = mix(h1, bytes + 4);
    h2 = mix(h2, bytes + 8);
    h3 = mix(h3, bytes + 12);
    h4 = mix(h4, bytes + 16);
    h5 = mix(h5, bytes + 20);
    h6 = mix(h6, bytes + 24);
    h7 = mix(h7, bytes + 28);
  }
  return Lanes{{h0, h1, h2, h3, h4, h5, h6, h7}};
}

} // namespace

uint32_t checksum(const uint8_t *bytes, size_t length) {
  Lanes lanes;
  for (uint32_t k = 0; k < 8; k++)
    lanes.h[k] = 0x9E3779B9u * (k + 1);
  size_t whole = length / 32;
  lanes = groups(lanes, bytes, whole);
  if (size_t rest = length % 32; rest != 0) {
    uint8_t last[32] = {};
    std::memcpy(last, bytes + 32 * whole, rest);
    lanes = groups(lanes, last, 1);
  }
  auto h = static_cast<uint32_t>(length);
  for (uint32_t lane : lanes.h)
    h = rotl(h ^ lane, 13) * 0xC2B2AE35u;
  return h ^ h >> 16;
}

} // namespace elfin
