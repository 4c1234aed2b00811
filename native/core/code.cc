#include "code.h"

#include "code_registry.h"
#include "gen/abi.h"
#include "pages.h"
#include <cstring>

namespace elfin {

namespace {

uint32_t read32(const uint8_t *at) {
  uint32_t value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

} // namespace

CodeMapping *CodeMapping::mapFile(const char *path, std::string &error) {
  size_t size = 0;
  void *base = os::mapFile(path, size, error);
  return base == nullptr ? nullptr : new CodeMapping(static_cast<uint8_t *>(base), size, true);
}

CodeMapping *CodeMapping::mapBytes(const uint8_t *bytes, size_t size, std::string &error) {
  void *base = size == 0 ? nullptr : os::allocate(size);
  if (base == nullptr) {
    error = size == 0 ? "no bytes" : "no memory for an object";
    return nullptr;
  }
  std::memcpy(base, bytes, size);
  return new CodeMapping(static_cast<uint8_t *>(base), size, false);
}

const char *CodeMapping::check(const CodeLayout &layout) const {
  auto inside = [&](uint64_t offset, uint64_t bytes) {
    return offset <= size_ && bytes <= size_ - offset;
  };
  if (text_ != 0)
    return "the object is active already";
  if (!inside(layout.textOffset, layout.textSize) || layout.textSize == 0 ||
      layout.textSize > INT32_MAX)
    return ".text is not inside the object";
  if (layout.textOffset % os::pageSize() != 0)
    return ".text is not page aligned";
  if (!inside(layout.ehFrameOffset, layout.ehFrameSize) || layout.ehFrameOffset % 4 != 0)
    return ".eh_frame is not inside the object";
  if (!inside(layout.pdataOffset, layout.pdataSize) ||
      !inside(layout.xdataOffset, layout.xdataSize) ||
      (layout.xdataSize != 0 && layout.xdataOffset < layout.textOffset))
    return ".pdata or .xdata is not inside the object";
  if (!inside(layout.trapsOffset, layout.trapsSize))
    return ".elfin.traps is not inside the object";
  return checkTraps(layout);
}

/// Section: u32 count, count ascending u32 offsets in .text, count u8 trap codes, which may have
/// TRAP_FRAMELESS added.
const char *CodeMapping::checkTraps(const CodeLayout &layout) const {
  if (layout.trapsSize == 0)
    return nullptr;
  const uint8_t *section = base_ + layout.trapsOffset;
  if (layout.trapsSize < 4 || read32(section) > (layout.trapsSize - 4) / 5)
    return ".elfin.traps is too short";
  uint32_t count = read32(section);
  for (uint32_t i = 0; i < count; i++) {
    uint32_t offset = read32(section + 4 + size_t{4} * i);
    if (offset >= layout.textSize || (i > 0 && offset <= read32(section + size_t{4} * i)))
      return ".elfin.traps is not sorted or outside .text";
    uint8_t code = section[4 + size_t{4} * count + i];
    if ((code & ~uint32_t{TRAP_FRAMELESS}) >= TRAP_COUNT)
      return ".elfin.traps has a trap that there is not";
  }
  return nullptr;
}

const char *CodeMapping::activate(const CodeLayout &layout, CodeAudience audience) {
  if (const char *wrong = check(layout))
    return wrong;
  uint8_t *text = base_ + layout.textOffset;
  if (const char *wrong = unwind_.check(base_, layout))
    return wrong;
  CodeRange range{reinterpret_cast<uintptr_t>(text),
                  reinterpret_cast<uintptr_t>(text) + layout.textSize, nullptr, nullptr, 0};
  if (layout.trapsSize != 0) {
    range.trapCount = read32(base_ + layout.trapsOffset);
    range.offsets = base_ + layout.trapsOffset + 4;
    range.codes = range.offsets + size_t{4} * range.trapCount;
  }
  if (!publishCode(range))
    return "out of memory";
  if (!os::makeExecutable(text, layout.textSize, layout.branchTargets != 0)) {
    unpublishCode(range.start);
    return "the system does not allow executable memory";
  }
  if (audience.unwinder)
    unwind_.add();
#if !defined(_WIN32)
  if (audience.debugger)
    gdb_ = audience.debugFile == nullptr
               ? GdbObject::add(base_, size_, base_)
               : GdbObject::add(audience.debugFile, audience.debugFileSize, base_);
#endif
  text_ = range.start;
  return nullptr;
}

void CodeMapping::deactivate() {
  if (text_ == 0)
    return;
  unpublishCode(text_);
  unwind_.remove();
#if !defined(_WIN32)
  gdb_.reset();
#endif
  text_ = 0;
}

CodeMapping::~CodeMapping() {
  deactivate();
  if (file_)
    os::unmapFile(base_, size_);
  else
    os::release(base_, size_);
}

} // namespace elfin
