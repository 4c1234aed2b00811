// Mapping and releasing objects on Windows, and unwinding through registered code.
#include "../core/code.h"
#include "../core/os.h"
#include <cstdio>
#include <cstring>
#include <gtest/gtest.h>
#include <memory>
#include <stdexcept>
#include <vector>
#include <windows.h>

namespace {

using namespace elfin;

// push rbp; mov rbp, rsp; sub rsp, 32; call rcx; lea rsp, [rbp]; pop rbp; ret
const uint8_t kCode[] = {0x55, 0x48, 0x89, 0xe5, 0x48, 0x83, 0xec, 0x20,
                         0xff, 0xd1, 0x48, 0x8d, 0x65, 0x00, 0x5d, 0xc3};
// prologue of 8 bytes, rbp is set; codes: at 4 rbp = rsp, at 1 rbp pushed
const uint8_t kUnwindInfo[] = {1, 8, 2, 5, 4, 3, 1, 0x50};

struct Object {
  std::vector<uint8_t> bytes;
  CodeLayout layout{};
};

Object makeObject() {
  size_t page = os::pageSize();
  Object object;
  auto &bytes = object.bytes;
  bytes.resize(page);
  bytes.insert(bytes.end(), std::begin(kCode), std::end(kCode));
  size_t xdata = bytes.size();
  bytes.insert(bytes.end(), std::begin(kUnwindInfo), std::end(kUnwindInfo));
  size_t pdata = bytes.size();
  for (uint32_t value :
       {0u, static_cast<uint32_t>(sizeof kCode), static_cast<uint32_t>(sizeof kCode)})
    for (int i = 0; i < 4; i++)
      bytes.push_back(static_cast<uint8_t>(value >> (8 * i)));
  object.layout = {page, sizeof kCode, 0, 0, 0, 0, pdata, 12, xdata, sizeof kUnwindInfo};
  return object;
}

std::unique_ptr<CodeMapping> map(const Object &object) {
  std::string error;
  return std::unique_ptr<CodeMapping>(
      CodeMapping::mapBytes(object.bytes.data(), object.bytes.size(), error));
}

void thrower() { throw std::runtime_error("through generated code"); }

void throwThrough(const CodeMapping &code) {
  auto call = reinterpret_cast<void (*)(void (*)())>(code.textAddress());
  for (int i = 0; i < 3; i++)
    EXPECT_THROW(call(thrower), std::runtime_error);
}

TEST(Code, ExceptionsPassThroughRegisteredFrames) {
  Object object = makeObject();
  auto code = map(object);
  ASSERT_STREQ(code->activate(object.layout), nullptr);
  throwThrough(*code);
  DWORD64 base = 0;
  EXPECT_NE(RtlLookupFunctionEntry(code->textAddress() + 4, &base, nullptr), nullptr);
  EXPECT_EQ(base, code->textAddress());
  DWORD64 address = code->textAddress() + 4;
  code.reset();
  EXPECT_EQ(RtlLookupFunctionEntry(address, &base, nullptr), nullptr);
}

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
  char folder[MAX_PATH], path[MAX_PATH];
  GetTempPathA(sizeof folder, folder);
  ASSERT_NE(GetTempFileNameA(folder, "elf", 0, path), 0u);
  FILE *file = std::fopen(path, "wb");
  ASSERT_EQ(std::fwrite(object.bytes.data(), 1, object.bytes.size(), file), object.bytes.size());
  std::fclose(file);
  std::string error;
  std::unique_ptr<CodeMapping> code(CodeMapping::mapFile(path, error));
  ASSERT_NE(code, nullptr) << error;
  EXPECT_EQ(code->size(), object.bytes.size());
  ASSERT_STREQ(code->activate(object.layout), nullptr);
  throwThrough(*code);
  code->base()[0] = 1; // a private copy
  code.reset();
  file = std::fopen(path, "rb");
  EXPECT_EQ(std::fgetc(file), 0);
  std::fclose(file);
  EXPECT_TRUE(DeleteFileA(path));
  EXPECT_EQ(CodeMapping::mapFile(path, error), nullptr);
  EXPECT_FALSE(error.empty());
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
  EXPECT_TRUE(wrong([](CodeLayout &l) { l.textSize = 0; }));
  EXPECT_TRUE(wrong([](CodeLayout &l) { l.pdataSize = UINT64_MAX; }));
  EXPECT_TRUE(wrong([](CodeLayout &l) { l.pdataOffset += 4; }));
  EXPECT_TRUE(wrong([](CodeLayout &l) { l.xdataSize = UINT64_MAX; }));
  EXPECT_TRUE(wrong([](CodeLayout &l) { l.xdataSize = 4; }));
  EXPECT_TRUE(wrong([](CodeLayout &l) { l.xdataOffset = 0; }));
  EXPECT_TRUE(wrong([](CodeLayout &l) { l.ehFrameSize = 4; }));
  EXPECT_FALSE(wrong([](CodeLayout &) {}));
}

} // namespace
