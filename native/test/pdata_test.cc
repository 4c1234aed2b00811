// The check of .pdata and .xdata: what is made by hand here is refused wherever it is wrong.
#include "../core/pdata.h"
#include <cstring>
#include <gtest/gtest.h>
#include <vector>

namespace {

using namespace elfin;

constexpr size_t kTextBytes = 64;
constexpr size_t kXdata = 64;
constexpr size_t kXdataBytes = 12;
constexpr size_t kPdata = 80;

void put32(std::vector<uint8_t> &bytes, uint32_t value) {
  for (int i = 0; i < 4; i++)
    bytes.push_back(static_cast<uint8_t>(value >> (8 * i)));
}

/// 64 bytes of .text, an UNWIND_INFO (push rbp; sub rsp, 16; rbp is the frame register 16 above),
/// two entries that share it.
std::vector<uint8_t> sample() {
  std::vector<uint8_t> bytes(kTextBytes);
  for (uint8_t byte : {1, 8, 3, 0x15, 8, 0x03, 8, 0x12, 1, 0x50, 0, 0})
    bytes.push_back(byte);
  put32(bytes, 0);
  for (uint32_t value : {0, 30, int{kXdata}, 32, 64, int{kXdata}})
    put32(bytes, value);
  return bytes;
}

const char *check(const std::vector<uint8_t> &bytes, size_t cut = 0) {
  const uint8_t *base = bytes.data();
  return checkPdata(
      {base + kPdata, bytes.size() - kPdata - cut, base + kXdata, kXdataBytes, base, kTextBytes});
}

const char *checkWith(size_t at, uint8_t value) {
  std::vector<uint8_t> bytes = sample();
  bytes[at] = value;
  return check(bytes);
}

TEST(Pdata, TakesWhatIsRight) { EXPECT_STREQ(check(sample()), nullptr); }

TEST(Pdata, RefusesEntriesThatDoNotFit) {
  EXPECT_STREQ(check(sample(), 4), ".pdata does not hold whole entries");
  EXPECT_STREQ(checkWith(kPdata + 0, 30), ".pdata is not sorted or outside .text");  // empty
  EXPECT_STREQ(checkWith(kPdata + 4, 33), ".pdata is not sorted or outside .text");  // overlap
  EXPECT_STREQ(checkWith(kPdata + 16, 65), ".pdata is not sorted or outside .text"); // beyond
  EXPECT_STREQ(checkWith(kPdata + 19, 0x80), ".pdata is not sorted or outside .text");
}

TEST(Pdata, RefusesUnwindInfoThatDoesNotFit) {
  const char *wrong = ".xdata is malformed";
  EXPECT_STREQ(checkWith(kPdata + 8, kXdata - 4), wrong);
  EXPECT_STREQ(checkWith(kPdata + 8, kXdata + 2), wrong);
  EXPECT_STREQ(checkWith(kPdata + 8, kXdata + kXdataBytes), wrong);
  EXPECT_STREQ(checkWith(kPdata + 11, 0xff), wrong);
  EXPECT_STREQ(checkWith(kXdata + 0, 2), wrong);          // version
  EXPECT_STREQ(checkWith(kXdata + 0, 1 | 1 << 3), wrong); // a handler
  EXPECT_STREQ(checkWith(kXdata + 0, 1 | 4 << 3), wrong); // a chain
  EXPECT_STREQ(checkWith(kXdata + 1, 31), wrong);         // prologue beyond the code
  EXPECT_STREQ(checkWith(kXdata + 2, 5), wrong);          // codes beyond the section
  EXPECT_STREQ(checkWith(kXdata + 3, 0x10), wrong);       // no frame register to set
  EXPECT_STREQ(checkWith(kXdata + 5, 0x06), wrong);       // unknown
  EXPECT_STREQ(checkWith(kXdata + 9, 0x01), wrong);       // cut off
  EXPECT_STREQ(checkWith(kXdata + 8, 9), wrong);          // order
}

TEST(Pdata, AnyFlippedBitIsRefusedOrHarmless) {
  for (size_t at = kXdata; at < sample().size(); at++)
    for (int bit = 0; bit < 8; bit++)
      checkWith(at, static_cast<uint8_t>(sample()[at] ^ 1 << bit));
}

} // namespace
