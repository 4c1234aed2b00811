// What the unwind tables cost when an object is loaded: `elfin_registering textOffset textSize
// ehFrameOffset ehFrameSize OBJECT`. Prints the least of many rounds in nanoseconds: the check of
// the tables, their registration, its end, and activating the whole object (of which they are
// parts).
#include "../core/code.h"
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

namespace {

constexpr int kRounds = 200;

template <typename Work> uint64_t nanoseconds(Work work) {
  auto start = std::chrono::steady_clock::now();
  work();
  auto taken = std::chrono::steady_clock::now() - start;
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(taken).count());
}

void require(const char *wrong) {
  if (wrong == nullptr)
    return;
  std::fprintf(stderr, "%s\n", wrong);
  std::exit(1);
}

} // namespace

int main(int argc, char **argv) {
  if (argc != 6)
    return 2;
  auto number = [&](int n) { return std::strtoull(argv[n], nullptr, 10); };
  elfin::CodeLayout layout{number(1), number(2), number(3), number(4), 0, 0};
  uint64_t check = UINT64_MAX, add = UINT64_MAX, remove = UINT64_MAX, activate = UINT64_MAX;
  for (int round = 0; round < kRounds; round++) {
    std::string error;
    std::unique_ptr<elfin::CodeMapping> code(elfin::CodeMapping::mapFile(argv[5], error));
    if (code == nullptr)
      require(error.c_str());
    elfin::UnwindTable table;
    // Once before: reading the file is not what is measured.
    require(table.check(code->base(), layout));
    check = std::min(check, nanoseconds([&] { require(table.check(code->base(), layout)); }));
    add = std::min(add, nanoseconds([&] { table.add(); }));
    remove = std::min(remove, nanoseconds([&] { table.remove(); }));
    activate = std::min(activate, nanoseconds([&] { require(code->activate(layout)); }));
  }
  std::printf("check %llu, register %llu, deregister %llu, activate %llu\n",
              static_cast<unsigned long long>(check), static_cast<unsigned long long>(add),
              static_cast<unsigned long long>(remove), static_cast<unsigned long long>(activate));
  return 0;
}
