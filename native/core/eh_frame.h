// Structural check of an .eh_frame section before it is handed to the unwinder, which trusts it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace elfin {

enum class EhFrameCheck { Ok, Empty, Malformed };

/// Ok: lengths lead exactly to the zero terminator, after which there is at most zero padding,
/// every CIE is of the one kind the object writer makes (version 1, "zR", FDE pointers
/// pcrel|sdata4), every FDE names an earlier CIE and covers code inside [text, text + textSize).
/// Empty: only a terminator. Base: LSB Core, "The .eh_frame section"; DWARF 4, 6.4.1.
EhFrameCheck checkEhFrame(const uint8_t *section, size_t size, uintptr_t text, size_t textSize);

} // namespace elfin
