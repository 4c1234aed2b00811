// Fibers, suspension, traps and unwinding, with C++ functions in the place of compiled code.
#include "../core/arch.h"
#include "../core/code_registry.h"
#include "../core/os.h"
#include "../core/thread.h"
#include "../core/traps.h"
#include <algorithm>
#include <csignal>
#include <cstring>
#include <gtest/gtest.h>
#include <stdexcept>
#include <thread>
#include <vector>
#if !defined(_WIN32)
#include <unistd.h>
#endif

extern "C" void test_suspend(elfin::Thread *);

#if defined(__SANITIZE_ADDRESS__)
// Faults are the subject here: the sanitizer is not to have them.
extern "C" __attribute__((visibility("default"))) const char *__asan_default_options() {
  return "handle_segv=0:handle_sigill=0:handle_sigbus=0:handle_sigfpe=0";
}
#endif

namespace {

using namespace elfin;
using Entry = void (*)(uint64_t *, uint64_t, uint64_t);

class FiberTest : public ::testing::Test {
protected:
  void SetUp() override {
    thread = acquireThread(128 * 1024);
    ASSERT_NE(thread, nullptr);
  }
  void TearDown() override { releaseThread(thread); }

  uint32_t call(Entry entry, uint64_t argument = 0) {
    callee.entry = reinterpret_cast<uint64_t>(entry);
    callee.ctx = reinterpret_cast<uint64_t>(thread);
    thread->transfer()->callee = reinterpret_cast<uint64_t>(&callee);
    slots()[0] = argument;
    enter(thread);
    return thread->transfer()->status;
  }
  uint64_t *slots() { return reinterpret_cast<uint64_t *>(thread->transfer() + 1); }

  Thread *thread = nullptr;
  VMFuncRef callee{};
};

void twice(uint64_t *slots, uint64_t, uint64_t) { slots[0] *= 2; }

void askTwice(uint64_t *slots, uint64_t ctx, uint64_t) {
  uint64_t sum = slots[0];
  for (int i = 0; i < 2; i++) {
    test_suspend(reinterpret_cast<Thread *>(ctx));
    sum += slots[0];
  }
  slots[0] = sum;
}

TEST_F(FiberTest, CallsAndReusesFibers) {
  for (int i = 0; i < 1000; i++) {
    EXPECT_EQ(call(twice, 21), STATUS_DONE);
    EXPECT_EQ(slots()[0], 42u);
  }
  EXPECT_EQ(thread->fiberCount, 1u);
}

TEST_F(FiberTest, SuspendsAndResumes) {
  EXPECT_EQ(call(askTwice, 1), STATUS_HOST);
  slots()[0] = 10;
  EXPECT_TRUE(resume(thread));
  EXPECT_EQ(thread->transfer()->status, STATUS_HOST);
  slots()[0] = 100;
  EXPECT_TRUE(resume(thread));
  EXPECT_EQ(thread->transfer()->status, STATUS_DONE);
  EXPECT_EQ(slots()[0], 111u);
  EXPECT_FALSE(resume(thread));
  EXPECT_FALSE(abandon(thread));
}

TEST_F(FiberTest, KeepsAtMostSoManyIdle) {
  std::vector<uint64_t> fibers;
  for (uint32_t i = 0; i < kMaxIdleFibers + 50; i++) {
    ASSERT_EQ(call(askTwice), STATUS_HOST);
    fibers.push_back(thread->transfer()->fiber);
  }
  for (uint64_t fiber : fibers) {
    thread->transfer()->fiber = fiber;
    EXPECT_TRUE(abandon(thread));
  }
  EXPECT_EQ(thread->fiberCount, kMaxIdleFibers);
}

void keepHandles(uint64_t *slots, uint64_t ctx, uint64_t) {
  volatile uint64_t kept[2] = {EXTERNREF_TAG << 32 | 5, (EXTERNREF_TAG + 1) << 32 | 6};
  test_suspend(reinterpret_cast<Thread *>(ctx));
  slots[0] = kept[0] + kept[1];
}

TEST_F(FiberTest, FindsHandlesOnSuspendedStacks) {
  ASSERT_EQ(call(keepHandles), STATUS_HOST);
  std::vector<uint32_t> handles = scanExternrefs(thread);
  EXPECT_NE(std::find(handles.begin(), handles.end(), 5u), handles.end());
  EXPECT_EQ(std::find(handles.begin(), handles.end(), 6u), handles.end());
  EXPECT_TRUE(abandon(thread));
  EXPECT_TRUE(scanExternrefs(thread).empty());
}

__attribute__((noinline)) uint64_t deeper(uint64_t depth) {
  volatile uint8_t space[256];
  space[depth & 255] = 1;
  return depth == 0 ? 0 : deeper(depth + 1) + space[depth & 255];
}

void exhaust(uint64_t *slots, uint64_t, uint64_t) { slots[0] = deeper(1); }

TEST_F(FiberTest, StackOverflowAnywhereOnTheFiberIsATrap) {
  for (int i = 0; i < 100; i++) {
    ASSERT_EQ(call(exhaust), STATUS_TRAP);
    EXPECT_EQ(thread->transfer()->trap, TRAP_STACK_OVERFLOW);
    EXPECT_TRUE(abandon(thread));
  }
  EXPECT_EQ(call(twice, 4), STATUS_DONE);
}

void throwing(uint64_t *slots, uint64_t ctx, uint64_t) {
  if (slots[0] != 0)
    test_suspend(reinterpret_cast<Thread *>(ctx));
  throw std::runtime_error("across");
}

TEST_F(FiberTest, ExceptionsCrossTheBaseFrame) {
  for (uint64_t suspend : {0, 1}) {
    Fiber *fiber = createFiber(thread, 128 * 1024);
    thread->head.fiber = reinterpret_cast<uint64_t>(fiber);
    slots()[0] = suspend;
    auto run = [&] {
      if (!elfin_fiber_start(fiber, slots(), reinterpret_cast<uint64_t>(thread), 0,
                             reinterpret_cast<uint64_t>(&throwing)))
        elfin_fiber_resume(fiber, 2);
    };
    EXPECT_THROW(run(), std::runtime_error);
    thread->head.fiber = 0;
    destroyFiber(fiber);
  }
}

/// A page of code: at 0 an undefined instruction, at 16 a load from the first argument and a
/// return, at 32 an undefined instruction of a function without a frame.
#if defined(__x86_64__)
const uint32_t kTrappingCode[] = {0x0b0f, 0, 0, 0, 0xc3078b, 0, 0, 0, 0x0b0f};
#else
const uint32_t kTrappingCode[] = {0 /* udf */, 0, 0, 0, 0xb9400000, 0xd65f03c0, 0, 0, 0};
#endif

class CodePage {
public:
  CodePage() {
    page = static_cast<uint8_t *>(os::allocate(4096));
    std::memcpy(page, kTrappingCode, sizeof kTrappingCode);
    os::makeExecutable(page, 4096, false);
    published = publishCode(
        {start(), start() + 4096, reinterpret_cast<const uint8_t *>(offsets), codes, 3});
  }
  ~CodePage() {
    unpublishCode(start());
    os::release(page, 4096);
  }
  uintptr_t start() const { return reinterpret_cast<uintptr_t>(page); }

  uint8_t *page;
  bool published;
  static constexpr uint32_t offsets[] = {0, 16, 32};
  static constexpr uint8_t codes[] = {TRAP_UNREACHABLE, TRAP_MEMORY_OOB,
                                      TRAP_UNREACHABLE | TRAP_FRAMELESS};
};

TEST(CodeRegistry, FindsSitesAndRefusesOverlap) {
  CodePage first, second;
  ASSERT_TRUE(first.published && second.published);
  TrapSite site{99, true};
  EXPECT_TRUE(findTrap(first.start(), site));
  EXPECT_EQ(site.code, TRAP_UNREACHABLE);
  EXPECT_FALSE(site.frameless);
  EXPECT_TRUE(findTrap(second.start() + 16, site));
  EXPECT_EQ(site.code, TRAP_MEMORY_OOB);
  EXPECT_FALSE(site.frameless);
  EXPECT_TRUE(findTrap(second.start() + 32, site));
  EXPECT_EQ(site.code, TRAP_UNREACHABLE);
  EXPECT_TRUE(site.frameless);
  EXPECT_FALSE(findTrap(first.start() + 1, site));
  EXPECT_FALSE(findTrap(0, site));
  EXPECT_FALSE(findTrap(UINTPTR_MAX, site));
  EXPECT_FALSE(publishCode({first.start() + 100, first.start() + 200, nullptr, nullptr, 0}));
}

TEST_F(FiberTest, TrapsInRegisteredCode) {
  CodePage code;
  EXPECT_EQ(call(reinterpret_cast<Entry>(code.start())), STATUS_TRAP);
  EXPECT_EQ(thread->transfer()->trap, TRAP_UNREACHABLE);
  std::vector<uintptr_t> frames = fiberFrames(thread, 10);
  ASSERT_FALSE(frames.empty());
  EXPECT_EQ(frames[0], code.start());
  EXPECT_TRUE(abandon(thread));
}

TEST_F(FiberTest, FindsTheCallerOfFramelessCode) {
  CodePage code;
  EXPECT_EQ(call(reinterpret_cast<Entry>(code.start() + 32)), STATUS_TRAP);
  EXPECT_EQ(thread->transfer()->trap, TRAP_UNREACHABLE);
  std::vector<uintptr_t> frames = fiberFrames(thread, 10);
  ASSERT_GE(frames.size(), 2u);
  EXPECT_EQ(frames[0], code.start() + 32);
  auto start = reinterpret_cast<uintptr_t>(&elfin_fiber_start);
  EXPECT_GT(frames[1], start);
  EXPECT_LT(frames[1], start + 256);
  EXPECT_EQ(fiberFrames(thread, 1).size(), 1u);
  EXPECT_TRUE(abandon(thread));
}

TEST_F(FiberTest, ManyThreadsTrapWhileCodeComesAndGoes) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; t++)
    threads.emplace_back([] {
      Thread *own = acquireThread(64 * 1024);
      CodePage code;
      VMFuncRef ref{};
      ref.entry = code.start();
      own->transfer()->callee = reinterpret_cast<uint64_t>(&ref);
      for (int i = 0; i < 2000; i++) {
        if (i % 10 == 0)
          CodePage other;
        enter(own);
        EXPECT_EQ(own->transfer()->status, STATUS_TRAP);
        EXPECT_TRUE(abandon(own));
      }
      releaseThread(own);
    });
  for (std::thread &t : threads)
    t.join();
}

#if !defined(_WIN32)               // which has no signals
#if !defined(__SANITIZE_ADDRESS__) // frames are several times larger there
volatile sig_atomic_t handled = 0;

inline __attribute__((always_inline)) void killThread(pid_t tid) {
#if defined(__x86_64__)
  asm volatile("syscall" : : "a"(200 /* tkill */), "D"(tid), "S"(SIGUSR1) : "rcx", "r11", "memory");
#else
  register uint64_t x8 asm("x8") = 130; // tkill
  register uint64_t x0 asm("x0") = static_cast<uint64_t>(tid);
  register uint64_t x1 asm("x1") = SIGUSR1;
  asm volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1) : "memory");
#endif
}

/// Runs down to a few hundred bytes above the guard, then signals itself by a system call that
/// needs no stack.
__attribute__((noinline)) void signalAtTheEnd(uintptr_t low, pid_t tid) {
  volatile uint8_t space[128];
  space[0] = 1;
  if (reinterpret_cast<uintptr_t>(&space) > low + 700)
    signalAtTheEnd(low, tid);
  else
    killThread(tid);
  space[1] = 1;
}

void signalled(uint64_t *slots, uint64_t ctx, uint64_t) {
  auto *fiber = reinterpret_cast<Thread *>(ctx)->running();
  signalAtTheEnd(reinterpret_cast<uintptr_t>(fiber->stackLow), gettid());
  slots[0] = 1;
}

TEST_F(FiberTest, ForeignHandlersRunAtTheEndOfTheStack) {
  ASSERT_EQ(call(twice, 1),
            STATUS_DONE); // the fiber exists before the handler, so the handler is not covered
  struct sigaction action = {}, old = {};
  action.sa_handler = [](int) { handled = handled + 1; };
  sigaction(SIGUSR1, &action, &old);
  handled = 0;
  EXPECT_EQ(call(signalled), STATUS_DONE);
  EXPECT_EQ(handled, 1);
  EXPECT_EQ(slots()[0], 1u);
  EXPECT_EQ(call(signalled), STATUS_DONE);
  EXPECT_EQ(handled, 2);
  EXPECT_EQ(call(exhaust), STATUS_TRAP);
  EXPECT_TRUE(abandon(thread));
  sigaction(SIGUSR1, &old, nullptr);
}
#endif

TEST(TrapsDeathTest, WhatIsNotOursStillKills) {
#if defined(__x86_64__) // elsewhere the tests may run under qemu-user, which can not start itself
                        // again
  GTEST_FLAG_SET(death_test_style, "threadsafe");
#endif
  EXPECT_EXIT(
      {
        acquireThread(64 * 1024);
        raise(SIGSEGV);
      },
      ::testing::KilledBySignal(SIGSEGV), "");
  EXPECT_EXIT(
      {
        acquireThread(64 * 1024);
        CodePage code; // a trap site, but not on a fiber
        reinterpret_cast<void (*)()>(code.start())();
      },
      ::testing::KilledBySignal(SIGILL), "");
}

#endif

TEST(Arch, NamesFeaturesOnce) {
  std::vector<std::string> names = arch::cpuFeatures();
  std::sort(names.begin(), names.end());
  EXPECT_EQ(std::unique(names.begin(), names.end()), names.end());
}

} // namespace
