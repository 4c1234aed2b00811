#include "unwind.h"

#include "code.h"
#include "eh_frame.h"
#include "frame_registry.h"

namespace elfin {

const char *UnwindTable::check(uint8_t *base, const CodeLayout &layout) {
  text_ = base + layout.textOffset;
  table_ = nullptr;
  if (layout.pdataSize != 0)
    return ".pdata is for Windows";
  if (layout.ehFrameSize == 0)
    return nullptr;
  uint8_t *section = base + layout.ehFrameOffset;
  EhFrameCheck found = checkEhFrame(section, layout.ehFrameSize, reinterpret_cast<uintptr_t>(text_),
                                    layout.textSize);
  if (found == EhFrameCheck::Malformed)
    return ".eh_frame is malformed";
  if (found == EhFrameCheck::Ok)
    table_ = section;
  return nullptr;
}

void UnwindTable::add() {
  if (table_ == nullptr)
    return;
  addFrames(systemFrames(), table_);
  added_ = true;
}

void UnwindTable::remove() {
  if (added_)
    removeFrames(systemFrames(), table_);
  added_ = false;
}

} // namespace elfin
