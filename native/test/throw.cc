// A C++ exception through frames of a compiled object: `throw OBJECT textOffset textSize
// ehFrameOffset ehFrameSize branchTargets entryOffset functionOffset depth`. The function calls
// itself `depth` times and then memory.grow, whose helper here throws; caught above, registers that
// C++ counts on must be as before.
#include "../core/code.h"
#include "../core/gen/abi.h"
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <unwind.h>

namespace {

struct Thrown {
  uint64_t pages;
};

int frames = 0;

_Unwind_Reason_Code count(_Unwind_Context *, void *) {
  frames++;
  return _URC_NO_REASON;
}

uint64_t throwing(uint64_t, uint64_t, uint64_t pages) {
  if (reinterpret_cast<uintptr_t>(__builtin_frame_address(0)) % 16 != 0) {
    std::puts("the stack is not aligned");
    std::exit(1);
  }
  _Unwind_Backtrace(count, nullptr);
  throw Thrown{pages};
}

uint64_t argument(char **argv, int n) { return std::strtoull(argv[n], nullptr, 10); }

using Entry = void (*)(uint64_t *, void *, void *);

} // namespace

int main(int argc, char **argv) {
  if (argc != 10)
    return 2;
  std::string error;
  std::unique_ptr<elfin::CodeMapping> code(elfin::CodeMapping::mapFile(argv[1], error));
  if (code == nullptr) {
    std::puts(error.c_str());
    return 1;
  }
  elfin::CodeLayout layout{
      argument(argv, 2), argument(argv, 3), argument(argv, 4), argument(argv, 5), 0, 0,
      argument(argv, 6)};
  if (const char *wrong = code->activate(layout)) {
    std::puts(wrong);
    return 1;
  }
  auto entry = reinterpret_cast<Entry>(code->textAddress() + argument(argv, 7));
  auto *function = reinterpret_cast<void *>(code->textAddress() + argument(argv, 8));
  uint64_t depth = argument(argv, 9);
  uint64_t builtins[elfin::BUILTIN_COUNT] = {reinterpret_cast<uint64_t>(&throwing)};
  alignas(16) static elfin::VMCtx context[64];
  context[0].builtins = reinterpret_cast<uint64_t>(builtins);
  double kept[4] = {1.5, 2.5, 3.5, 4.5};
  asm volatile("" : "+m"(kept));
  double a = kept[0], b = kept[1], c = kept[2], d = kept[3];
  for (uint64_t round = 0; round < 3; round++) {
    uint64_t slots[4] = {depth + round};
    frames = 0;
    try {
      entry(slots, context, function);
      std::puts("returned");
      return 1;
    } catch (const Thrown &thrown) {
      if (thrown.pages != 7 || frames < static_cast<int>(depth + round) + 4) {
        std::printf("wrong: %d pages, %d frames\n", static_cast<int>(thrown.pages), frames);
        return 1;
      }
    }
    a += round;
  }
  if (a != 4.5 || b != 2.5 || c != 3.5 || d != 4.5)
    return 1;
  std::puts("caught");
  return 0;
}
