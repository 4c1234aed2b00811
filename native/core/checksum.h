// The object's checksum (also src-ts/object/checksum.ts): eight 32-bit lanes of rotate and
// multiply. Not cryptographic.
#pragma once

#include <cstddef>
#include <cstdint>

namespace elfin {

/// Lane k starts at 0x9E3779B9 * (k + 1). The bytes, padded with zeros to whole groups of eight
/// little-endian words, go in group by group: h[k] = rotl(h[k] ^ word[k], 5) * 0x85EBCA6B. At the
/// end h = length, for each k h = rotl(h ^ h[k], 13) * 0xC2B2AE35, and the result is h ^ (h >> 16).
/// All modulo 2^32.
uint32_t checksum(const uint8_t *bytes, size_t length);

} // namespace elfin
