#include "unwind.h"

#include "code.h"
#include "eh_frame.h"

// libgcc; takes a whole zero-terminated section.
extern "C" void __register_frame(void *);
extern "C" void __deregister_frame(void *);

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
  __register_frame(table_);
  added_ = true;
}

void UnwindTable::remove() {
  if (added_)
    __deregister_frame(table_);
  added_ = false;
}

} // namespace elfin
