// x86-64: CPU features, and what it does without. Intel SDM volume 2, CPUID and XGETBV.
#include "arch.h"
#include <cpuid.h>

namespace elfin::arch {

namespace {

/// True when the operating system saves the ymm registers.
bool ymmEnabled(unsigned ecx1) {
  if ((ecx1 & bit_OSXSAVE) == 0)
    return false;
  uint32_t low, high;
  asm("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (low & 6) == 6;
}

} // namespace

std::vector<std::string> cpuFeatures() {
  std::vector<std::string> names;
  auto add = [&](bool present, const char *name) {
    if (present)
      names.emplace_back(name);
  };
  unsigned a = 0, b1 = 0, c1 = 0, d1 = 0, b7 = 0, c7 = 0, d7 = 0, bx = 0, cx = 0, dx = 0;
  __get_cpuid(1, &a, &b1, &c1, &d1);
  __get_cpuid_count(7, 0, &a, &b7, &c7, &d7);
  __get_cpuid(0x80000001, &a, &bx, &cx, &dx);
  bool ymm = ymmEnabled(c1);
  add(c1 & bit_SSE3, "sse3");
  add(c1 & bit_SSSE3, "ssse3");
  add(c1 & bit_SSE4_1, "sse4.1");
  add(c1 & bit_SSE4_2, "sse4.2");
  add(c1 & bit_POPCNT, "popcnt");
  add(ymm && (c1 & bit_AVX), "avx");
  add(ymm && (b7 & bit_AVX2), "avx2");
  add(b7 & bit_BMI, "bmi1");
  add(b7 & bit_BMI2, "bmi2");
  add(cx & bit_ABM, "lzcnt");
  add(ymm && (c1 & bit_FMA), "fma");
  return names;
}

uintptr_t plainReturnAddress(uintptr_t address) { return address; }

int branchTargetProtection() { return 0; }

} // namespace elfin::arch
