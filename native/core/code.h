// Mapped objects. Life: map (readable, nothing executable) -> activate (.text executable, unwind
// and trap tables registered) -> release in the opposite order. Whoever holds a CodeMapping keeps
// it until no instance of it lives and no fiber has a frame in it; only the JavaScript side knows
// that.
#pragma once

#include "unwind.h"
#if !defined(_WIN32)
#include "gdb.h"
#endif
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace elfin {

struct CodeLayout {
  uint64_t textOffset;
  uint64_t textSize;
  uint64_t ehFrameOffset;
  uint64_t ehFrameSize;
  uint64_t trapsOffset;
  uint64_t trapsSize;
  /// Every place that an indirect branch may go to is marked.
  uint64_t branchTargets = 0;
  /// Of objects for Windows, in place of .eh_frame.
  uint64_t pdataOffset = 0;
  uint64_t pdataSize = 0;
  uint64_t xdataOffset = 0;
  uint64_t xdataSize = 0;
};

/// Who is told about the code besides the trap handler.
struct CodeAudience {
  /// The unwinder of the process; without, backtraces go by frame pointers.
  bool unwinder = true;
  /// A debugger, by GDB's interface (not on Windows).
  bool debugger = false;
  /// The object as the debugger shall read it, when the mapping is not that but an image of it.
  const uint8_t *debugFile = nullptr;
  size_t debugFileSize = 0;
};

class CodeMapping {
public:
  /// nullptr and a message when the file can not be opened or mapped.
  static CodeMapping *mapFile(const char *path, std::string &error);
  static CodeMapping *mapBytes(const uint8_t *bytes, size_t size, std::string &error);

  CodeMapping(const CodeMapping &) = delete;
  CodeMapping &operator=(const CodeMapping &) = delete;
  ~CodeMapping();

  /// Returns nullptr, or what is wrong with the layout. Nothing has happened then. At most once.
  const char *activate(const CodeLayout &layout, CodeAudience audience = {});
  /// Takes the code out of the registries; the bytes stay readable until destruction.
  void deactivate();

  uint8_t *base() const { return base_; }
  /// Size of the object in bytes; the mapping is padded to pages.
  size_t size() const { return size_; }
  /// 0 before activate.
  uintptr_t textAddress() const { return text_; }

private:
  CodeMapping(uint8_t *base, size_t size, bool file) : base_(base), size_(size), file_(file) {}
  const char *check(const CodeLayout &layout) const;
  const char *checkTraps(const CodeLayout &layout) const;

  uint8_t *base_;
  size_t size_;
  bool file_;
  uintptr_t text_ = 0;
  UnwindTable unwind_;
#if !defined(_WIN32)
  std::unique_ptr<GdbObject> gdb_;
#endif
};

} // namespace elfin
