// Signal handlers. A fault is the guest's only if all agree: the kernel raised it, this thread is
// running a fiber, and either
//   - it hit that fiber's guard: stack overflow, wherever the program counter is (compiled code, or
//   a helper it called;
//     helpers hold no locks), or
//   - the program counter is a site in the trap table of registered code and, for a memory fault,
//   the address lies in a
//     reservation of one of this process's memories.
// Everything else goes to the handler that was there before. No locks and no allocation in here.
#include "traps.h"

#include "arch.h"
#include "code_registry.h"
#include "gen/abi.h"
#include "reservations.h"
#include "thread.h"
#include <cerrno>
#include <csignal>
#include <mutex>

namespace elfin {

namespace {

constexpr int kSignals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP};
struct sigaction previous[NSIG];

void takeTrap(Thread *thread, Fiber *fiber, const TrapSite &site, uintptr_t pc, void *context) {
  VMTransfer *transfer = thread->transfer();
  transfer->status = static_cast<uint32_t>(STATUS_TRAP);
  transfer->trap = site.code;
  transfer->fiber = reinterpret_cast<uint64_t>(fiber);
  fiber->trapPc = pc;
  fiber->trapFp = arch::framePointer(context);
  fiber->trapReturn = site.frameless ? arch::leafReturnAddress(context, fiber) : 0;
  arch::leaveFiber(context, fiber);
}

/// The kernel could not push a signal frame near the end of the fiber's stack and turned the signal
/// into SIGSEGV (SI_KERNEL).
bool foreignFrameDidNotFit(const Fiber *fiber, const siginfo_t *info, uintptr_t sp) {
  constexpr uintptr_t kLargestSignalFrame = 16 * 1024; // AVX-512 and AMX state
  auto low = reinterpret_cast<uintptr_t>(fiber->stackLow);
  return info->si_code == SI_KERNEL && info->si_addr == nullptr && sp >= low - kGuardBytes &&
         sp - kLargestSignalFrame < low;
}

/// The lost signal itself is not known. Raise the one whose handler runs on the current stack, if
/// it is the only one.
void raiseAgain() {
  int candidate = 0, count = 0;
  for (int signal = 1; signal < NSIG; signal++) {
    struct sigaction action;
    if (sigaction(signal, nullptr, &action) != 0 || action.sa_handler == SIG_DFL ||
        action.sa_handler == SIG_IGN || (action.sa_flags & SA_ONSTACK) != 0)
      continue;
    candidate = signal;
    count++;
  }
  if (count == 1)
    raise(candidate);
}

bool claim(int signal, const siginfo_t *info, void *context) {
  if (info->si_code <= 0)
    return false;
  Thread *thread = currentThread();
  Fiber *fiber = thread == nullptr ? nullptr : thread->running();
  if (fiber == nullptr)
    return false;
  uintptr_t pc = arch::faultPc(context, signal);
  uintptr_t sp = arch::stackPointer(context);
  auto address = reinterpret_cast<uintptr_t>(info->si_addr);
  bool memoryFault = signal == SIGSEGV || signal == SIGBUS;
  bool onFiber = fiber->inGuard(sp) || sp == reinterpret_cast<uintptr_t>(fiber->stackHigh) ||
                 fiber->inStack(sp);
  if (signal == SIGSEGV && onFiber) {
    if (info->si_code != SI_KERNEL && fiber->inGuard(address)) {
      fiber->overflowed = true;
      takeTrap(thread, fiber, {TRAP_STACK_OVERFLOW, false}, pc, context);
      return true;
    }
    if (foreignFrameDidNotFit(fiber, info, sp) && openGuard(fiber)) {
      raiseAgain();
      coverForeignHandlers();
      return true;
    }
  }
  TrapSite site;
  if (!findTrap(pc, site) || (memoryFault && !isReserved(address)))
    return false;
  takeTrap(thread, fiber, site, pc, context);
  return true;
}

/// Hands a fault on. With no handler before us the default action is restored: the instruction
/// faults again and ends the process.
void chain(int signal, siginfo_t *info, void *context) {
  const struct sigaction &old = previous[signal];
  if ((old.sa_flags & SA_SIGINFO) != 0) {
    old.sa_sigaction(signal, info, context);
    return;
  }
  if (old.sa_handler == SIG_IGN && info->si_code <= 0)
    return;
  if (old.sa_handler == SIG_DFL || old.sa_handler == SIG_IGN) {
    struct sigaction fresh = {};
    fresh.sa_handler = SIG_DFL;
    sigaction(signal, &fresh, nullptr);
    if (info->si_code <= 0 || signal == SIGTRAP)
      raise(signal);
    return;
  }
  old.sa_handler(signal);
}

void handle(int signal, siginfo_t *info, void *context) {
  int savedErrno = errno;
  if (!claim(signal, info, context))
    chain(signal, info, context);
  errno = savedErrno;
}

} // namespace

void installTrapHandlers() {
  static std::once_flag once;
  std::call_once(once, [] {
    for (int signal : kSignals) {
      // Known before the first fault can reach our handler.
      sigaction(signal, nullptr, &previous[signal]);
      struct sigaction action = {};
      action.sa_sigaction = handle;
      action.sa_flags = SA_SIGINFO | SA_ONSTACK;
      sigemptyset(&action.sa_mask);
      sigaction(signal, &action, nullptr);
    }
  });
}

void coverForeignHandlers() {
  for (int signal = 1; signal < NSIG; signal++) {
    struct sigaction action;
    if (sigaction(signal, nullptr, &action) != 0 || action.sa_handler == SIG_DFL ||
        action.sa_handler == SIG_IGN || (action.sa_flags & SA_ONSTACK) != 0)
      continue;
    action.sa_flags |= SA_ONSTACK;
    sigaction(signal, &action, nullptr);
  }
}

} // namespace elfin
