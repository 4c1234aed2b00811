// Mapping, checking and releasing objects, and unwinding through registered code.
#include "../core/code.h"
#include "../core/eh_frame.h"
#include "../core/frame_registry.h"
#include "../core/gdb.h"
#include "../core/gen/abi.h"
#include <algorithm>
#include <csignal>
#include <cstring>
#include <elf.h>
#include <gtest/gtest.h>
#include <memory>
#include <stdexcept>
#include <sys/auxv.h>
#include <unistd.h>
#include <utility>
#include <vector>

#if defined(__aarch64__)
static std::pair<uintptr_t, uintptr_t> flushed;

/// In place of libgcc's, to see what is flushed: emulators run code that was not.
extern "C" void __clear_cache(void *begin, void *end) {
  flushed = {reinterpret_cast<uintptr_t>(begin), reinterpret_cast<uintptr_t>(end)};
  for (uintptr_t at = flushed.first & ~uintptr_t{15}; at < flushed.second; at += 16)
    asm volatile("dc cvau, %0" : : "r"(at) : "memory");
  asm volatile("dsb ish" : : : "memory");
  for (uintptr_t at = flushed.first & ~uintptr_t{15}; at < flushed.second; at += 16)
    asm volatile("ic ivau, %0" : : "r"(at) : "memory");
  asm volatile("dsb ish\n  isb" : : : "memory");
}
#endif

namespace {

using namespace elfin;

void put32(std::vector<uint8_t> &bytes, uint32_t value) {
  for (int i = 0; i < 4; i++)
    bytes.push_back(static_cast<uint8_t>(value >> (8 * i)));
}

/// Calls its argument in a frame, with exact unwind information: CIE from the version on, padded to
/// 16 bytes, and call frame instructions, padded to 11.
#if defined(__x86_64__)
// push rbp; mov rbp, rsp; call rdi; pop rbp; ret
const uint8_t kCode[] = {0x55, 0x48, 0x89, 0xe5, 0xff, 0xd7, 0x5d, 0xc3};
const uint8_t kCie[] = {1, 0x7a, 0x52, 0, 1, 0x78, 16, 1, 0x1b, 0x0c, 7, 8, 0x90, 1, 0, 0};
// advance 1; CFA offset 16; rbp at cfa-16; advance 3; CFA register rbp; advance 3; CFA = rsp + 8
const uint8_t kRules[] = {0x41, 0x0e, 16, 0x86, 2, 0x43, 0x0d, 6, 0x43, 0x0c, 7};
#else
// stp x29, x30, [sp, #-16]!; mov x29, sp; blr x0; ldp x29, x30, [sp], #16; ret
const uint8_t kCode[] = {0xfd, 0x7b, 0xbf, 0xa9, 0xfd, 0x03, 0x00, 0x91, 0x00, 0x00,
                         0x3f, 0xd6, 0xfd, 0x7b, 0xc1, 0xa8, 0xc0, 0x03, 0x5f, 0xd6};
const uint8_t kCie[] = {1, 0x7a, 0x52, 0, 4, 0x78, 30, 1, 0x1b, 0x0c, 31, 0, 0, 0, 0, 0};
// advance 1; CFA offset 16; x29 at cfa-16, x30 at cfa-8; advance 1; CFA register x29
const uint8_t kRules[] = {0x41, 0x0e, 16, 0x80 | 29, 2, 0x80 | 30, 1, 0x41, 0x0d, 29, 0};
#endif
static_assert(sizeof kCie == 16 && sizeof kRules == 11);

struct Object {
  std::vector<uint8_t> bytes;
  CodeLayout layout{};
};

Object makeObject() {
  size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  Object object;
  auto &bytes = object.bytes;
  bytes.resize(page);
  bytes.insert(bytes.end(), std::begin(kCode), std::end(kCode));
  size_t eh = bytes.size();
  put32(bytes, 0x14);
  put32(bytes, 0);
  bytes.insert(bytes.end(), std::begin(kCie), std::end(kCie));
  put32(bytes, 0x18);
  put32(bytes, 0x1c);
  put32(bytes, static_cast<uint32_t>(page - bytes.size()));
  put32(bytes, sizeof kCode);
  bytes.push_back(0);
  bytes.insert(bytes.end(), std::begin(kRules), std::end(kRules));
  put32(bytes, 0);
  size_t ehEnd = bytes.size();
  put32(bytes, 1);
  put32(bytes, 4);
  bytes.push_back(3);
  object.layout = {page, sizeof kCode, eh, ehEnd - eh, ehEnd, bytes.size() - ehEnd, 0};
  return object;
}

std::unique_ptr<CodeMapping> map(const Object &object) {
  std::string error;
  return std::unique_ptr<CodeMapping>(
      CodeMapping::mapBytes(object.bytes.data(), object.bytes.size(), error));
}

void thrower() { throw std::runtime_error("through generated code"); }

TEST(Code, ExceptionsPassThroughRegisteredFrames) {
  Object object = makeObject();
  auto code = map(object);
  ASSERT_STREQ(code->activate(object.layout), nullptr);
  auto call = reinterpret_cast<void (*)(void (*)())>(code->textAddress());
  for (int i = 0; i < 3; i++)
    EXPECT_THROW(call(thrower), std::runtime_error);
  EXPECT_STREQ(code->activate(object.layout), "the object is active already");
}

#if defined(__aarch64__)
TEST(Code, IsFlushedWhereItIsExecuted) {
  Object object = makeObject();
  auto code = map(object);
  flushed = {};
  ASSERT_STREQ(code->activate(object.layout), nullptr);
  EXPECT_LE(flushed.first, code->textAddress());
  EXPECT_GE(flushed.second, code->textAddress() + object.layout.textSize);
}

TEST(Code, BranchTargetsAreEnforcedWhereTheCpuCan) {
  if ((getauxval(AT_HWCAP2) & HWCAP2_BTI) == 0)
    GTEST_SKIP() << "no BTI";
  Object object = makeObject();
  object.layout.branchTargets = 1;
  auto code = map(object);
  ASSERT_STREQ(code->activate(object.layout), nullptr);
  auto call = reinterpret_cast<void (*)(void (*)())>(code->textAddress());
  // The code does not begin with a mark.
  EXPECT_EXIT(call([] {}), testing::KilledBySignal(SIGILL), "");
}
#endif

TEST(Code, ComesAndGoes) {
  Object object = makeObject();
  for (int i = 0; i < 200; i++) {
    auto one = map(object), two = map(object);
    ASSERT_STREQ(one->activate(object.layout), nullptr);
    ASSERT_STREQ(two->activate(object.layout), nullptr);
  }
}

TEST(Code, MapsFiles) {
  Object object = makeObject();
  char path[] = "/tmp/elfin-code-XXXXXX";
  int fd = mkstemp(path);
  ASSERT_EQ(write(fd, object.bytes.data(), object.bytes.size()),
            static_cast<ssize_t>(object.bytes.size()));
  close(fd);
  std::string error;
  std::unique_ptr<CodeMapping> code(CodeMapping::mapFile(path, error));
  ASSERT_NE(code, nullptr) << error;
  unlink(path);
  EXPECT_EQ(code->size(), object.bytes.size());
  ASSERT_STREQ(code->activate(object.layout), nullptr);
  EXPECT_EQ(CodeMapping::mapFile(path, error), nullptr);
  EXPECT_EQ(error, "No such file or directory");
}

TEST(Code, RefusesLayoutsThatDoNotFit) {
  Object object = makeObject();
  auto code = map(object);
  auto wrong = [&](auto change) {
    CodeLayout layout = object.layout;
    change(layout);
    return code->activate(layout) != nullptr;
  };
  EXPECT_TRUE(wrong([](CodeLayout &l) { l.textOffset = UINT64_MAX; }));
  EXPECT_TRUE(wrong([](CodeLayout &l) { l.textSize = UINT64_MAX; }));
  EXPECT_TRUE(wrong([](CodeLayout &l) { l.textSize = 0; }));
  EXPECT_TRUE(wrong([](CodeLayout &l) { l.textOffset += 1; }));
  EXPECT_TRUE(wrong([](CodeLayout &l) { l.ehFrameSize = UINT64_MAX; }));
  EXPECT_TRUE(wrong([](CodeLayout &l) { l.ehFrameSize -= 4; }));
  EXPECT_TRUE(wrong([](CodeLayout &l) { l.ehFrameOffset += 4; }));
  EXPECT_TRUE(wrong([](CodeLayout &l) { l.trapsOffset = UINT64_MAX; }));
  EXPECT_TRUE(wrong([](CodeLayout &l) { l.trapsSize = 4; }));
  EXPECT_FALSE(wrong([](CodeLayout &) {}));
}

TEST(Code, RefusesTrapTablesThatCanNotBeSearched) {
  // A table of offsets, claimed to be `count`, with a code for each.
  auto refused = [](uint32_t count, std::vector<uint32_t> offsets, uint8_t code = 3) {
    Object object = makeObject();
    object.bytes.resize(object.layout.trapsOffset);
    put32(object.bytes, count);
    for (uint32_t offset : offsets)
      put32(object.bytes, offset);
    object.bytes.resize(object.bytes.size() + offsets.size(), code);
    object.layout.trapsSize = object.bytes.size() - object.layout.trapsOffset;
    return map(object)->activate(object.layout) != nullptr;
  };
  EXPECT_FALSE(refused(2, {1, 4}));
  EXPECT_FALSE(refused(0, {}));
  EXPECT_TRUE(refused(2, {4, 1}));
  EXPECT_TRUE(refused(2, {4, 4}));
  EXPECT_TRUE(refused(2, {4, sizeof kCode}));
  EXPECT_TRUE(refused(3, {1, 4}));
  EXPECT_TRUE(refused(UINT32_MAX, {1, 4}));
  EXPECT_FALSE(refused(2, {1, 4}, 3 | TRAP_FRAMELESS));
  EXPECT_TRUE(refused(2, {1, 4}, TRAP_COUNT));
  EXPECT_TRUE(refused(2, {1, 4}, TRAP_COUNT | TRAP_FRAMELESS));
}

TEST(EhFrame, AnyFlippedByteIsRefusedOrHarmless) {
  Object object = makeObject();
  for (size_t at = object.layout.ehFrameOffset;
       at < object.layout.ehFrameOffset + object.layout.ehFrameSize; at++)
    for (int bit = 0; bit < 8; bit++) {
      Object flipped = object;
      flipped.bytes[at] = static_cast<uint8_t>(flipped.bytes[at] ^ 1 << bit);
      auto code = map(flipped);
      code->activate(flipped.layout);
    }
}

TEST(Code, NeedNotBeKnownToTheUnwinder) {
  Object object = makeObject();
  auto code = map(object);
  ASSERT_STREQ(code->activate(object.layout, {false, false}), nullptr);
  auto call = reinterpret_cast<void (*)(void (*)())>(code->textAddress());
  call([] {});
  EXPECT_EXIT(call(thrower), ::testing::KilledBySignal(SIGABRT), "");
}

/// In place of a __register_frame that takes one FDE: what it was given, each with a CIE pointer.
std::vector<const uint8_t *> registeredFdes;

void registerOne(void *fde) {
  uint32_t ciePointer;
  std::memcpy(&ciePointer, static_cast<uint8_t *>(fde) + 4, sizeof ciePointer);
  ASSERT_NE(ciePointer, 0u) << "a CIE";
  registeredFdes.push_back(static_cast<const uint8_t *>(fde));
}

void deregisterOne(void *fde) {
  auto at = std::find(registeredFdes.begin(), registeredFdes.end(), fde);
  ASSERT_NE(at, registeredFdes.end());
  registeredFdes.erase(at);
}

TEST(FrameRegistry, TakesSectionsApartForThoseThatTakeFdes) {
  // Two FDEs of one CIE, then one of another.
  std::vector<uint8_t> section;
  auto entry = [&](uint32_t ciePointer, size_t contents) {
    put32(section, static_cast<uint32_t>(4 + contents));
    put32(section, ciePointer);
    section.insert(section.end(), contents, 0);
    return section.size() - contents - 8;
  };
  entry(0, 16);
  size_t first = entry(28, 12), second = entry(48, 20);
  entry(0, 16);
  size_t third = entry(28, 12);
  put32(section, 0);
  FrameRegistry byFde{registerOne, deregisterOne, false};
  addFrames(byFde, section.data());
  std::vector<const uint8_t *> expected = {section.data() + first, section.data() + second,
                                           section.data() + third};
  EXPECT_EQ(registeredFdes, expected);
  removeFrames(byFde, section.data());
  EXPECT_TRUE(registeredFdes.empty());
  FrameRegistry whole{[](void *at) { registeredFdes.push_back(static_cast<uint8_t *>(at)); },
                      [](void *) { registeredFdes.clear(); }, true};
  addFrames(whole, section.data());
  EXPECT_EQ(registeredFdes, std::vector<const uint8_t *>{section.data()});
  removeFrames(whole, section.data());
  EXPECT_TRUE(registeredFdes.empty());
  EXPECT_TRUE(systemFrames().wholeSections); // libgcc's
}

TEST(GdbObject, RefusesWhatIsNoObject) {
  std::vector<uint8_t> bytes(sizeof(Elf64_Ehdr) - 1);
  EXPECT_EQ(GdbObject::add(bytes.data(), bytes.size(), bytes.data()), nullptr);
  Elf64_Ehdr header{};
  header.e_shentsize = sizeof(Elf64_Shdr);
  header.e_shnum = 3;
  bytes.resize(sizeof header + 3 * sizeof(Elf64_Shdr));
  for (uint64_t place : {uint64_t{65}, uint64_t{1} << 40, UINT64_MAX}) {
    header.e_shoff = place;
    std::memcpy(bytes.data(), &header, sizeof header);
    EXPECT_EQ(GdbObject::add(bytes.data(), bytes.size(), bytes.data()), nullptr);
  }
  header.e_shoff = sizeof header;
  std::memcpy(bytes.data(), &header, sizeof header);
  EXPECT_NE(GdbObject::add(bytes.data(), bytes.size(), bytes.data()), nullptr);
}

} // namespace
