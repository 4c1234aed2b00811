// GDB's interface for code made at run time (GDB manual, "JIT Compilation Interface"): the debugger
// reads an object file from memory and follows a list of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace elfin {

/// An object that the debugger knows, until destruction.
class GdbObject {
public:
  /// Tells the debugger about the relocatable object of these bytes, which is mapped at `base`: a
  /// copy whose sections have the addresses they are mapped at. nullptr when the section headers
  /// are not inside the object.
  static std::unique_ptr<GdbObject> add(const uint8_t *file, size_t size, const uint8_t *base);
  ~GdbObject();
  GdbObject(const GdbObject &) = delete;
  GdbObject &operator=(const GdbObject &) = delete;

private:
  struct Entry;
  explicit GdbObject(std::unique_ptr<Entry> entry);

  std::unique_ptr<Entry> entry_;
};

} // namespace elfin
