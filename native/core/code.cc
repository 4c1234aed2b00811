#include "code.h"

#include "arch.h"
#include "code_registry.h"
#include "eh_frame.h"
#include "pages.h"
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <new>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

// libgcc; takes a whole zero-terminated section.
extern "C" void __register_frame(void *);
extern "C" void __deregister_frame(void *);

namespace elfin {

namespace {

uint32_t read32(const uint8_t *at) {
  uint32_t value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

class Descriptor {
public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0)
      close(fd_);
  }
  Descriptor(const Descriptor &) = delete;
  Descriptor &operator=(const Descriptor &) = delete;
  int get() const { return fd_; }

private:
  int fd_;
};

} // namespace

CodeMapping *CodeMapping::mapFile(const char *path, std::string &error) {
  Descriptor fd(open(path, O_RDONLY | O_CLOEXEC));
  struct stat info;
  if (fd.get() < 0 || fstat(fd.get(), &info) != 0) {
    error = std::strerror(errno);
    return nullptr;
  }
  if (!S_ISREG(info.st_mode) || info.st_size <= 0) {
    error = "not a regular file with contents";
    return nullptr;
  }
  auto size = static_cast<size_t>(info.st_size);
  void *base = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd.get(), 0);
  if (base == MAP_FAILED) {
    error = std::strerror(errno);
    return nullptr;
  }
  return new CodeMapping(static_cast<uint8_t *>(base), size);
}

CodeMapping *CodeMapping::mapBytes(const uint8_t *bytes, size_t size, std::string &error) {
  if (size == 0) {
    error = "no bytes";
    return nullptr;
  }
  void *base = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (base == MAP_FAILED) {
    error = std::strerror(errno);
    return nullptr;
  }
  std::memcpy(base, bytes, size);
  return new CodeMapping(static_cast<uint8_t *>(base), size);
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
  if (layout.textOffset % pageSize() != 0)
    return ".text is not page aligned";
  if (!inside(layout.ehFrameOffset, layout.ehFrameSize) || layout.ehFrameOffset % 4 != 0)
    return ".eh_frame is not inside the object";
  if (!inside(layout.trapsOffset, layout.trapsSize))
    return ".elfin.traps is not inside the object";
  return checkTraps(layout);
}

/// Section: u32 count, count ascending u32 offsets in .text, count u8 trap codes.
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
  }
  return nullptr;
}

const char *CodeMapping::activate(const CodeLayout &layout) {
  if (const char *wrong = check(layout))
    return wrong;
  uint8_t *text = base_ + layout.textOffset;
  EhFrameCheck unwind = layout.ehFrameSize == 0
                            ? EhFrameCheck::Empty
                            : checkEhFrame(base_ + layout.ehFrameOffset, layout.ehFrameSize,
                                           reinterpret_cast<uintptr_t>(text), layout.textSize);
  if (unwind == EhFrameCheck::Malformed)
    return ".eh_frame is malformed";
  CodeRange range{reinterpret_cast<uintptr_t>(text),
                  reinterpret_cast<uintptr_t>(text) + layout.textSize, nullptr, nullptr, 0};
  if (layout.trapsSize != 0) {
    range.trapCount = read32(base_ + layout.trapsOffset);
    range.offsets = base_ + layout.trapsOffset + 4;
    range.codes = range.offsets + size_t{4} * range.trapCount;
  }
  if (!publishCode(range))
    return "out of memory";
  if (mprotect(text, roundUpToPage(layout.textSize), arch::codeProtection(layout.branchTargets)) !=
      0) {
    unpublishCode(range.start);
    return "the system does not allow executable memory";
  }
  // The bytes came as data: where instruction caches are not coherent they are not seen yet.
  __builtin___clear_cache(reinterpret_cast<char *>(text),
                          reinterpret_cast<char *>(text) + layout.textSize);
  if (unwind == EhFrameCheck::Ok) {
    ehFrame_ = base_ + layout.ehFrameOffset;
    __register_frame(ehFrame_);
  }
  text_ = range.start;
  return nullptr;
}

void CodeMapping::deactivate() {
  if (text_ == 0)
    return;
  unpublishCode(text_);
  if (ehFrame_ != nullptr)
    __deregister_frame(ehFrame_);
  text_ = 0;
  ehFrame_ = nullptr;
}

CodeMapping::~CodeMapping() {
  deactivate();
  munmap(base_, size_);
}

} // namespace elfin
