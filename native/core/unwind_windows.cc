#include "unwind.h"

#include "code.h"
#include "pdata.h"
#include <windows.h>

namespace elfin {

const char *UnwindTable::check(uint8_t *base, const CodeLayout &layout) {
  text_ = base + layout.textOffset;
  table_ = nullptr;
  if (layout.ehFrameSize != 0)
    return ".eh_frame is not for Windows";
  if (layout.pdataSize == 0)
    return nullptr;
  Pdata tables{base + layout.pdataOffset,
               layout.pdataSize,
               base + layout.xdataOffset,
               layout.xdataSize,
               text_,
               layout.textSize};
  if (const char *wrong = checkPdata(tables))
    return wrong;
  table_ = base + layout.pdataOffset;
  entries_ = layout.pdataSize / sizeof(RUNTIME_FUNCTION);
  return nullptr;
}

void UnwindTable::add() {
  if (table_ != nullptr)
    added_ =
        RtlAddFunctionTable(static_cast<PRUNTIME_FUNCTION>(table_), static_cast<DWORD>(entries_),
                            reinterpret_cast<DWORD64>(text_)) != 0;
}

void UnwindTable::remove() {
  if (added_)
    RtlDeleteFunctionTable(static_cast<PRUNTIME_FUNCTION>(table_));
  added_ = false;
}

} // namespace elfin
