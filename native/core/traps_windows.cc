// A vectored handler. A fault is the guest's only if all agree: this thread is running a fiber, its
// stack pointer is on that fiber's stack, and either
//   - the stack overflowed, wherever the program counter is (compiled code, or a helper it called;
//   helpers hold no locks), or
//   - the program counter is a site in the trap table of registered code and, for a memory fault,
//   the address lies in a reservation of one of this process's memories.
// Everything else goes on to the handlers behind. An exception raised by software has its raiser's
// program counter, which is no site. No locks and no allocation in here.
#include "traps.h"

#include "arch.h"
#include "code_registry.h"
#include "gen/abi.h"
#include "reservations.h"
#include "thread.h"
#include <mutex>
#include <windows.h>

namespace elfin {

namespace {

void takeTrap(Thread *thread, Fiber *fiber, const TrapSite &site, CONTEXT *context) {
  VMTransfer *transfer = thread->transfer();
  transfer->status = static_cast<uint32_t>(STATUS_TRAP);
  transfer->trap = site.code;
  transfer->fiber = reinterpret_cast<uint64_t>(fiber);
  fiber->trapPc = context->Rip;
  fiber->trapFp = arch::framePointer(context);
  fiber->trapReturn = site.frameless ? arch::leafReturnAddress(context, fiber) : 0;
  arch::leaveFiber(context, fiber);
}

/// What kind of fault at a trap site is a trap; `memory` when it has an address.
bool isFault(DWORD code, bool &memory) {
  switch (code) {
  case EXCEPTION_ACCESS_VIOLATION:
  case EXCEPTION_IN_PAGE_ERROR:
    memory = true;
    return true;
  case EXCEPTION_ILLEGAL_INSTRUCTION:
  case EXCEPTION_PRIV_INSTRUCTION:
  case EXCEPTION_INT_DIVIDE_BY_ZERO:
  case EXCEPTION_INT_OVERFLOW:
    memory = false;
    return true;
  default:
    return false;
  }
}

LONG CALLBACK handle(EXCEPTION_POINTERS *pointers) {
  const EXCEPTION_RECORD *record = pointers->ExceptionRecord;
  CONTEXT *context = pointers->ContextRecord;
  bool memory = false;
  bool overflow = record->ExceptionCode == EXCEPTION_STACK_OVERFLOW;
  if (!overflow && !isFault(record->ExceptionCode, memory))
    return EXCEPTION_CONTINUE_SEARCH;
  DWORD lastError = GetLastError(); // which TlsGetValue changes
  Thread *thread = currentThread();
  SetLastError(lastError);
  Fiber *fiber = thread == nullptr ? nullptr : thread->running();
  uintptr_t sp = arch::stackPointer(context);
  if (fiber == nullptr || !(fiber->inGuard(sp) || fiber->inStack(sp)))
    return EXCEPTION_CONTINUE_SEARCH;
  TrapSite site{TRAP_STACK_OVERFLOW, false};
  if (overflow)
    fiber->overflowed = true;
  else if (!findTrap(arch::faultPc(context, 0), site) ||
           (memory &&
            !(record->NumberParameters >= 2 && isReserved(record->ExceptionInformation[1]))))
    return EXCEPTION_CONTINUE_SEARCH;
  takeTrap(thread, fiber, site, context);
  return EXCEPTION_CONTINUE_EXECUTION;
}

} // namespace

void installTrapHandlers() {
  static std::once_flag once;
  std::call_once(once, [] {
    // A worker that loaded the addon alone must not unload the handler with itself.
    HMODULE self;
    GetModuleHandleExA(GET_MODULE_HANDLE_EX_FLAG_PIN | GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS,
                       reinterpret_cast<LPCSTR>(&handle), &self);
    AddVectoredExceptionHandler(1, handle);
  });
}

/// Windows has no handlers that need a stack of their own.
void coverForeignHandlers() {}

} // namespace elfin
