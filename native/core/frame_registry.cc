#include "frame_registry.h"

#include <cstdint>
#include <cstring>

extern "C" void __register_frame(void *);
extern "C" void __deregister_frame(void *);
#if !defined(__APPLE__)
// Exists in LLVM's libunwind only.
extern "C" __attribute__((weak)) void __unw_add_dynamic_fde(uintptr_t);
#endif

namespace elfin {

namespace {

bool usesLibunwind() {
#if defined(__APPLE__)
  return true;
#else
  return &__unw_add_dynamic_fde != nullptr;
#endif
}

/// Calls `each` for every FDE: entries are length, CIE pointer (0 in a CIE itself), contents.
void forEachFde(void *section, void (*each)(void *)) {
  auto *at = static_cast<uint8_t *>(section);
  for (;;) {
    uint32_t head[2];
    std::memcpy(head, at, sizeof head[0]);
    if (head[0] == 0)
      return;
    std::memcpy(head, at, sizeof head);
    if (head[1] != 0)
      each(at);
    at += 4 + head[0];
  }
}

} // namespace

const FrameRegistry &systemFrames() {
  static const FrameRegistry registry{__register_frame, __deregister_frame, !usesLibunwind()};
  return registry;
}

void addFrames(const FrameRegistry &registry, void *section) {
  if (registry.wholeSections)
    registry.add(section);
  else
    forEachFde(section, registry.add);
}

void removeFrames(const FrameRegistry &registry, void *section) {
  if (registry.wholeSections)
    registry.remove(section);
  else
    forEachFde(section, registry.remove);
}

} // namespace elfin
