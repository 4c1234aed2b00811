// x86-64, Windows: stack switching, machine contexts. Sources: Microsoft's "x64 calling convention"
// (registers a callee preserves: rbx rbp rdi rsi r12-r15 xmm6-xmm15; 32 bytes above the return
// address are the callee's), "x64 exception handling" (unwind codes), winternl.h and the symbols of
// ntdll (thread environment block: StackBase, StackLimit, DeallocationStack, GuaranteedStackBytes,
// ExceptionList, which Wine uses on x86-64, too: -1 is its end).
//
// Switching keeps the return-address predictor balanced (see arch_x64.cc); here every trampoline
// returns by ret, as the unwinder can not be told of anything else, so each needs an entry. Every
// native frame that a fiber is entered from has the same layout at Fiber::callerSp, lowest first:
// the block's fields of the native stack, xmm6 .. xmm15, one more field, r15 r14 r13 r12 rsi rdi
// rbx rbp, return address. At a fiber's top lies a machine frame that leads unwinders from
// elfin_fiber_base to it.
//
// Exceptions are not led over it: the system looks for handlers within the bounds of the current
// stack only. elfin_fiber_base catches C++ exceptions, and they are raised again on the native one.
#if !defined(__x86_64__) || !defined(_WIN32)
#error "arch_x64_windows.cc is for x86-64 Windows"
#endif

#include "arch.h"
#include "gen/abi.h"
#include <cstdlib>
#include <exception>
#include <unwind.h>
#include <windows.h>

#define STR_(x) #x
#define STR(x) STR_(x)
#define FIBER_SP 0
#define FIBER_CALLER_SP 8
#define FIBER_THREAD 16
#define FIBER_FRESH 24
#define FIBER_STACK_HIGH 80
#define FIBER_STACK_LIMIT 112
#define FIBER_DEALLOCATION_STACK 120
#define FEW_FRAMES 5
#define GUARANTEED_BYTES 57344

static_assert(offsetof(elfin::Fiber, sp) == FIBER_SP);
static_assert(offsetof(elfin::Fiber, callerSp) == FIBER_CALLER_SP);
static_assert(offsetof(elfin::Fiber, thread) == FIBER_THREAD);
static_assert(offsetof(elfin::Fiber, fresh) == FIBER_FRESH);
static_assert(offsetof(elfin::Fiber, stackHigh) == FIBER_STACK_HIGH);
static_assert(offsetof(elfin::Fiber, stackLimit) == FIBER_STACK_LIMIT);
static_assert(offsetof(elfin::Fiber, deallocationStack) == FIBER_DEALLOCATION_STACK);
static_assert(elfin::kFewFrames == FEW_FRAMES);
static_assert(elfin::kGuardBytes - 2 * 4096 == GUARANTEED_BYTES);
static_assert(elfin::STATUS_HOST == 1);

// clang-format off
#define FUNCTION(name) ".globl " name "\n.p2align 4\n" name ":\n.seh_proc " name "\n"
#define END(name) ".seh_endproc\n"
#define PUSHED(reg) "  pushq %" reg "\n  .seh_pushreg %" reg "\n"
#define XMM_SAVED(reg, at) "  movaps %" reg ", " at "(%rsp)\n  .seh_savexmm %" reg ", " at "\n"
#define SAVE \
  PUSHED("rbp") PUSHED("rbx") PUSHED("rdi") PUSHED("rsi") PUSHED("r12") PUSHED("r13") PUSHED("r14") PUSHED("r15") \
  "  subq $200, %rsp\n  .seh_stackalloc 200\n" \
  XMM_SAVED("xmm6", "32") XMM_SAVED("xmm7", "48") XMM_SAVED("xmm8", "64") XMM_SAVED("xmm9", "80") \
  XMM_SAVED("xmm10", "96") XMM_SAVED("xmm11", "112") XMM_SAVED("xmm12", "128") XMM_SAVED("xmm13", "144") \
  XMM_SAVED("xmm14", "160") XMM_SAVED("xmm15", "176") \
  "  .seh_endprologue\n" \
  "  movq %gs:0x8, %r10\n  movq %r10, 0(%rsp)\n" \
  "  movq %gs:0x10, %r10\n  movq %r10, 8(%rsp)\n" \
  "  movq %gs:0x1478, %r10\n  movq %r10, 16(%rsp)\n" \
  "  movl %gs:0x1748, %r10d\n  movl %r10d, 24(%rsp)\n" \
  "  movq %gs:0x0, %r10\n  movq %r10, 192(%rsp)\n"
// Tells the system that the native stack is the current one again, of which rsp is Fiber::callerSp; through r10.
#define STACK_OF_CALLER \
  "  movq 0(%rsp), %r10\n  movq %r10, %gs:0x8\n" \
  "  movq 8(%rsp), %r10\n  movq %r10, %gs:0x10\n" \
  "  movq 16(%rsp), %r10\n  movq %r10, %gs:0x1478\n" \
  "  movl 24(%rsp), %r10d\n  movl %r10d, %gs:0x1748\n" \
  "  movq 192(%rsp), %r10\n  movq %r10, %gs:0x0\n"
// Tells the system that the fiber in rcx runs; through r10.
#define STACK_OF_FIBER \
  "  movq " STR(FIBER_STACK_HIGH) "(%rcx), %r10\n  movq %r10, %gs:0x8\n" \
  "  movq " STR(FIBER_STACK_LIMIT) "(%rcx), %r10\n  movq %r10, %gs:0x10\n" \
  "  movq " STR(FIBER_DEALLOCATION_STACK) "(%rcx), %r10\n  movq %r10, %gs:0x1478\n" \
  "  movl $" STR(GUARANTEED_BYTES) ", %gs:0x1748\n" \
  "  movq $-1, %gs:0x0\n"

asm(".text\n"
    // bool elfin_fiber_start(rcx fiber, rdx slots, r8 ctx, r9 code, stack: entry)
    FUNCTION("elfin_fiber_start")
    SAVE
    "  movq 304(%rsp), %rax\n"
    "  movq %rsp, " STR(FIBER_CALLER_SP) "(%rcx)\n"
    "  movq %rcx, %rbx\n"
    STACK_OF_FIBER
    "  movq " STR(FIBER_SP) "(%rcx), %r11\n"
    // The machine frame (rip cs flags rsp ss; of these rip and rsp count), below it the callee's 32 bytes.
    "  leaq elfin_fiber_return(%rip), %r10\n"
    "  movq %r10, -48(%r11)\n"
    "  movq %rsp, -24(%r11)\n"
    "  movq %rdx, %rcx\n"
    "  movq %r8, %rdx\n"
    "  movq %r9, %r8\n"
    "  xorl %ebp, %ebp\n" // ends frame-pointer walks
    "  leaq -80(%r11), %rsp\n"
    "  jmp elfin_fiber_base\n"
    // Back on the native stack, eax the result. Everybody who leaves a fiber comes here.
    "elfin_fiber_return:\n"
    STACK_OF_CALLER
    "  movaps 32(%rsp), %xmm6\n  movaps 48(%rsp), %xmm7\n  movaps 64(%rsp), %xmm8\n  movaps 80(%rsp), %xmm9\n"
    "  movaps 96(%rsp), %xmm10\n  movaps 112(%rsp), %xmm11\n  movaps 128(%rsp), %xmm12\n"
    "  movaps 144(%rsp), %xmm13\n  movaps 160(%rsp), %xmm14\n  movaps 176(%rsp), %xmm15\n"
    "  addq $200, %rsp\n"
    "  popq %r15\n  popq %r14\n  popq %r13\n  popq %r12\n  popq %rsi\n  popq %rdi\n  popq %rbx\n  popq %rbp\n"
    "  ret\n"
    // Back on the native stack with an exception in rcx. To unwinders this is elfin_fiber_start, called by whoever entered
    // the fiber last: the frames are alike.
    "elfin_fiber_raise:\n"
    STACK_OF_CALLER
    "  callq elfin_raise_again\n"
    "  int3\n"
    END("elfin_fiber_start")

    // The outermost frame of a fiber: rbx = fiber, rax = entry.
    FUNCTION("elfin_fiber_base")
    "  .seh_handler elfin_fiber_handler, @except\n"
    "  .seh_pushframe\n  .seh_stackalloc 32\n  .seh_endprologue\n"
    "  callq *%rax\n"
    "  movl $1, %eax\n"
    "  movq %gs:0x10, %r10\n"
    "  movq %r10, " STR(FIBER_STACK_LIMIT) "(%rbx)\n"
    "  movq " STR(FIBER_CALLER_SP) "(%rbx), %rsp\n"
    "  jmp elfin_fiber_return\n"
    // Where elfin_fiber_handler unwinds to: rax = the exception.
    "elfin_fiber_thrown:\n"
    "  movq %gs:0x10, %r10\n"
    "  movq %r10, " STR(FIBER_STACK_LIMIT) "(%rbx)\n"
    "  movq %rax, %rcx\n"
    "  movq " STR(FIBER_CALLER_SP) "(%rbx), %rsp\n"
    "  jmp elfin_fiber_raise\n"
    END("elfin_fiber_base")

    // bool elfin_fiber_resume(rcx fiber, edx returns): makes entries in the return predictor for the exit trampoline's ret,
    // and if so many frames return before the end, for them and the entry trampoline.
    FUNCTION("elfin_fiber_resume")
    SAVE
    "  testl %edx, %edx\n"
    "  je 1f\n"
    "  incl %edx\n"
    "1:\n"
    "  incl %edx\n"
    "2:\n"
    "  call 3f\n"
    "  int3\n"
    "3:\n"
    "  leaq 8(%rsp), %rsp\n"
    "  decl %edx\n"
    "  jne 2b\n"
    "  movq " STR(FIBER_STACK_HIGH) "(%rcx), %r11\n"
    "  movq %rsp, -24(%r11)\n"
    "  movq %rsp, " STR(FIBER_CALLER_SP) "(%rcx)\n"
    STACK_OF_FIBER
    "  movq " STR(FIBER_SP) "(%rcx), %rsp\n"
    "  movq " STR(FIBER_THREAD) "(%rcx), %rdi\n"
    "  popq %rcx\n"
    "  jmpq *%rcx\n"
    END("elfin_fiber_resume")

    // Jumped to by an exit trampoline as in arch_x64.cc: rdi = thread, (rsp) = resume address, rbp its frame, r11 its return
    // address if it was jumped to and not called.
    FUNCTION("elfin_suspend")
    "  .seh_endprologue\n"
    "  movq " STR(ELFIN_THREAD_FIBER) "(%rdi), %rdx\n"
    "  xorl %ecx, %ecx\n"
    "  cmpq %r11, 8(%rbp)\n"
    "  setne %cl\n"
    "  cmpl $0, " STR(FIBER_FRESH) "(%rdx)\n"
    "  jne 5f\n"
    "2:\n"
    "  testl %ecx, %ecx\n"
    "  jne 3f\n"
    "4:\n"
    "  movq " STR(ELFIN_THREAD_TRANSFER) "(%rdi), %rcx\n"
    "  movq %rsp, " STR(FIBER_SP) "(%rdx)\n"
    "  movl $1, " STR(ELFIN_TRANSFER_STATUS) "(%rcx)\n"
    "  movq %rdx, " STR(ELFIN_TRANSFER_FIBER) "(%rcx)\n"
    "  movq %gs:0x10, %r10\n"
    "  movq %r10, " STR(FIBER_STACK_LIMIT) "(%rdx)\n"
    "  xorl %eax, %eax\n"
    "  movq " STR(FIBER_CALLER_SP) "(%rdx), %rsp\n"
    "  jmp elfin_fiber_return\n"
    "3:\n"
    "  leaq 1f(%rip), %rax\n"
    "  pushq %rax\n"
    "  ret\n"
    "1:\n"
    "  decl %ecx\n"
    "  jne 3b\n"
    "  jmp 4b\n"
    // The first time: all Wasm frames too, and the entry trampoline, which was called.
    "5:\n"
    "  movl $0, " STR(FIBER_FRESH) "(%rdx)\n"
    "  incl %ecx\n"
    "  movq (%rbp), %rax\n"
    "  leal " STR(FEW_FRAMES) "(%rcx), %esi\n"
    "  movl %ecx, %r8d\n"
    "  jmp 7f\n"
    "6:\n"
    "  incl %ecx\n"
    "  cmpl %esi, %ecx\n"
    "  je 8f\n"
    "7:\n"
    "  movq (%rax), %rax\n"
    "  testq %rax, %rax\n"
    "  jne 6b\n"
    "  jmp 2b\n"
    "8:\n"
    "  movl %r8d, %ecx\n"
    "  jmp 2b\n"
    END("elfin_suspend")

    // Where a trap's handler goes on, with rsp = Fiber::callerSp, rbx = fiber.
    ".globl elfin_trap_landing\n.p2align 4\nelfin_trap_landing:\n"
    "  cld\n"
    "  movq %gs:0x10, %r10\n"
    "  movq %r10, " STR(FIBER_STACK_LIMIT) "(%rbx)\n"
    "  xorl %eax, %eax\n"
    "  jmp elfin_fiber_return\n");
// clang-format on

extern "C" {
void elfin_trap_landing();
void elfin_fiber_thrown();

/// Throws on.
[[noreturn]] __attribute__((used)) void elfin_raise_again(_Unwind_Exception *exception) {
  _Unwind_RaiseException(exception);
  std::terminate();
}

/// The language handler of elfin_fiber_base: takes C++ exceptions of GCC's and LLVM's run-time
/// libraries for MinGW. Of their exception records the parameters are the exception, and the frame,
/// address and rdx that unwinding goes on to when a destructor has run, which reads them there.
__attribute__((used)) EXCEPTION_DISPOSITION elfin_fiber_handler(EXCEPTION_RECORD *record,
                                                                void *frame, CONTEXT *context,
                                                                DISPATCHER_CONTEXT *dispatcher) {
  constexpr DWORD kThrown = 0x20474343;
  constexpr DWORD kUnwinding =
      EXCEPTION_UNWINDING | EXCEPTION_EXIT_UNWIND | EXCEPTION_TARGET_UNWIND;
  if (record->ExceptionCode != kThrown || (record->ExceptionFlags & kUnwinding) != 0)
    return ExceptionContinueSearch;
  auto *exception = reinterpret_cast<_Unwind_Exception *>(record->ExceptionInformation[0]);
  const ULONG_PTR target[] = {reinterpret_cast<ULONG_PTR>(frame),
                              reinterpret_cast<ULONG_PTR>(&elfin_fiber_thrown), 0};
  record->NumberParameters = 4;
  for (int i = 0; i < 3; i++)
    exception->private_[i + 1] = record->ExceptionInformation[i + 1] = target[i];
  RtlUnwindEx(frame, reinterpret_cast<void *>(&elfin_fiber_thrown), record, exception, context,
              dispatcher->HistoryTable);
  std::abort();
}
}

namespace elfin::arch {

uintptr_t faultPc(const void *context, int) { return static_cast<const CONTEXT *>(context)->Rip; }

uintptr_t stackPointer(const void *context) { return static_cast<const CONTEXT *>(context)->Rsp; }

uintptr_t framePointer(const void *context) { return static_cast<const CONTEXT *>(context)->Rbp; }

uintptr_t leafReturnAddress(const void *context, const Fiber *fiber) {
  uintptr_t sp = stackPointer(context);
  if ((sp & 7) != 0 || !fiber->inStack(sp))
    return 0;
  return *reinterpret_cast<const uintptr_t *>(sp);
}

void leaveFiber(void *context, const Fiber *fiber) {
  auto *registers = static_cast<CONTEXT *>(context);
  registers->Rsp = reinterpret_cast<uintptr_t>(fiber->callerSp);
  registers->Rbx = reinterpret_cast<uintptr_t>(fiber);
  registers->Rip = reinterpret_cast<uintptr_t>(&elfin_trap_landing);
}

} // namespace elfin::arch
