// x86-64, System V: stack switching, signal contexts. Source: System V ABI AMD64 (registers a
// callee preserves, DWARF register numbers).
//
// Switching keeps the return-address predictor balanced: elfin_fiber_start/resume are called,
// control enters the fiber by call or jmp, and leaves it by the ret that matches that call. Every
// native frame that a fiber is entered from has the same layout at Fiber::callerSp, lowest first:
// r15 r14 r13 r12 rbx rbp, return address.
#if !defined(__x86_64__)
#error "arch_x64.cc is for x86-64"
#endif

#include "arch.h"
#include "gen/abi.h"
#include <csignal>
#include <ucontext.h>

#define STR_(x) #x
#define STR(x) STR_(x)
#define FIBER_SP 0
#define FIBER_CALLER_SP 8
#define FIBER_THREAD 16
#define FIBER_FRESH 24
#define FEW_FRAMES 5

static_assert(offsetof(elfin::Fiber, sp) == FIBER_SP);
static_assert(offsetof(elfin::Fiber, callerSp) == FIBER_CALLER_SP);
static_assert(offsetof(elfin::Fiber, thread) == FIBER_THREAD);
static_assert(offsetof(elfin::Fiber, fresh) == FIBER_FRESH);
static_assert(elfin::kFewFrames == FEW_FRAMES);
static_assert(elfin::STATUS_HOST == 1);

// clang-format off
#define FUNCTION(name) \
  ".globl " name "\n.hidden " name "\n.type " name ", @function\n.p2align 4\n" name ":\n.cfi_startproc\n"
#define END(name) ".cfi_endproc\n.size " name ", . - " name "\n"
#define SAVE \
  "  pushq %rbp\n  .cfi_def_cfa_offset 16\n  .cfi_offset rbp, -16\n" \
  "  pushq %rbx\n  .cfi_def_cfa_offset 24\n  .cfi_offset rbx, -24\n" \
  "  pushq %r12\n  .cfi_def_cfa_offset 32\n  .cfi_offset r12, -32\n" \
  "  pushq %r13\n  .cfi_def_cfa_offset 40\n  .cfi_offset r13, -40\n" \
  "  pushq %r14\n  .cfi_def_cfa_offset 48\n  .cfi_offset r14, -48\n" \
  "  pushq %r15\n  .cfi_def_cfa_offset 56\n  .cfi_offset r15, -56\n"
#define RESTORE \
  "  popq %r15\n  .cfi_def_cfa_offset 48\n  .cfi_restore r15\n" \
  "  popq %r14\n  .cfi_def_cfa_offset 40\n  .cfi_restore r14\n" \
  "  popq %r13\n  .cfi_def_cfa_offset 32\n  .cfi_restore r13\n" \
  "  popq %r12\n  .cfi_def_cfa_offset 24\n  .cfi_restore r12\n" \
  "  popq %rbx\n  .cfi_def_cfa_offset 16\n  .cfi_restore rbx\n" \
  "  popq %rbp\n  .cfi_def_cfa_offset 8\n  .cfi_restore rbp\n" \
  "  ret\n"
// The CFI of a frame whose registers lie at rsp as SAVE left them.
#define SAVED_AT_RSP \
  "  .cfi_def_cfa rsp, 56\n  .cfi_offset rbp, -16\n  .cfi_offset rbx, -24\n  .cfi_offset r12, -32\n" \
  "  .cfi_offset r13, -40\n  .cfi_offset r14, -48\n  .cfi_offset r15, -56\n"

asm(".text\n"
    // bool elfin_fiber_start(rdi fiber, rsi slots, rdx ctx, rcx code, r8 entry)
    FUNCTION("elfin_fiber_start")
    SAVE
    "  movq %rsp, " STR(FIBER_CALLER_SP) "(%rdi)\n"
    "  movq %rdi, %rbx\n"
    "  movq " STR(FIBER_SP) "(%rdi), %rsp\n"
    // The base frame. Its CFA is found through the fiber, because after a suspension the native frame is another one:
    // DW_CFA_def_cfa_expression { DW_OP_breg3 (rbx) FIBER_CALLER_SP; DW_OP_deref; DW_OP_plus_uconst 56 }.
    "  .cfi_escape 0x0f, 5, 0x73, " STR(FIBER_CALLER_SP) ", 0x06, 0x23, 56\n"
    "  xorl %ebp, %ebp\n" // ends frame-pointer walks
    "  movq %rsi, %rdi\n"
    "  movq %rdx, %rsi\n"
    "  movq %rcx, %rdx\n"
    "  leaq 1f(%rip), %rax\n" // by a jump, as it returns
    "  pushq %rax\n"
    "  jmpq *%r8\n"
    "1:\n"
    "  movl $1, %eax\n"
    "  movq " STR(FIBER_CALLER_SP) "(%rbx), %rsp\n"
    "  .cfi_def_cfa rsp, 56\n"
    RESTORE
    END("elfin_fiber_start")

    // bool elfin_fiber_resume(rdi fiber, esi returns): makes so many entries in the return predictor
    FUNCTION("elfin_fiber_resume")
    SAVE
    "  testl %esi, %esi\n"
    "  je 2f\n"
    "1:\n"
    "  call 3f\n"
    "  int3\n"
    "3:\n"
    "  .cfi_adjust_cfa_offset 8\n"
    "  addq $8, %rsp\n"
    "  .cfi_adjust_cfa_offset -8\n"
    "  decl %esi\n"
    "  jne 1b\n"
    "2:\n"
    "  movq %rsp, " STR(FIBER_CALLER_SP) "(%rdi)\n"
    "  movq " STR(FIBER_SP) "(%rdi), %rsp\n"
    "  .cfi_escape 0x0f, 5, 0x75, " STR(FIBER_CALLER_SP) ", 0x06, 0x23, 56\n" // through rdi
    "  popq %rcx\n"
    "  movq " STR(FIBER_THREAD) "(%rdi), %rdi\n"
    // Through the thread: { DW_OP_breg5 (rdi) fiber; DW_OP_deref; DW_OP_plus_uconst callerSp; DW_OP_deref; + 56 }.
    "  .cfi_escape 0x0f, 8, 0x75, " STR(ELFIN_THREAD_FIBER) ", 0x06, 0x23, " STR(FIBER_CALLER_SP) ", 0x06, 0x23, 56\n"
    "  jmpq *%rcx\n"
    END("elfin_fiber_resume")

    // Jumped to by an exit trampoline with rdi = thread, (rsp) = resume address, rbp its frame. Every register but rsp is
    // lost. r11 is as on entry to the trampoline: its return address if it was jumped to and not called.
    FUNCTION("elfin_suspend")
    // Uses up the predictor's entries for the calls entered since control came into the fiber, at one wrong prediction each.
    // Else every native and JavaScript frame that returns next is predicted wrong. After a resume that is the call of the
    // trampoline (which returns by jmp) if it was called; the first time it is all Wasm frames too, unless they are many
    // (the entry trampoline, of which rbp is zero on entry, is entered by a jump).
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
    "  xorl %eax, %eax\n"
    "  movq " STR(FIBER_CALLER_SP) "(%rdx), %rsp\n"
    "  .cfi_remember_state\n"
    SAVED_AT_RSP
    RESTORE
    "3:\n"
    "  .cfi_restore_state\n"
    "  leaq 1f(%rip), %rax\n"
    "  pushq %rax\n"
    "  .cfi_adjust_cfa_offset 8\n"
    "  ret\n"
    "1:\n"
    "  .cfi_adjust_cfa_offset -8\n"
    "  decl %ecx\n"
    "  jne 3b\n"
    "  jmp 4b\n"
    "5:\n"
    "  movl $0, " STR(FIBER_FRESH) "(%rdx)\n"
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

    // Where a trap's signal handler returns to, with rsp = Fiber::callerSp.
    FUNCTION("elfin_trap_landing")
    SAVED_AT_RSP
    "  cld\n"
    "  xorl %eax, %eax\n"
    RESTORE
    END("elfin_trap_landing"));
// clang-format on

extern "C" void elfin_trap_landing();

namespace elfin::arch {

uintptr_t faultPc(const void *ucontext, int signal) {
  auto pc =
      static_cast<uintptr_t>(static_cast<const ucontext_t *>(ucontext)->uc_mcontext.gregs[REG_RIP]);
  return signal == SIGTRAP ? pc - 1 : pc; // int3 is reported after the instruction
}

uintptr_t stackPointer(const void *ucontext) {
  return static_cast<uintptr_t>(
      static_cast<const ucontext_t *>(ucontext)->uc_mcontext.gregs[REG_RSP]);
}

uintptr_t framePointer(const void *ucontext) {
  return static_cast<uintptr_t>(
      static_cast<const ucontext_t *>(ucontext)->uc_mcontext.gregs[REG_RBP]);
}

uintptr_t leafReturnAddress(const void *ucontext, const Fiber *fiber) {
  uintptr_t sp = stackPointer(ucontext);
  if ((sp & 7) != 0 || !fiber->inStack(sp))
    return 0;
  return *reinterpret_cast<const uintptr_t *>(sp);
}

void leaveFiber(void *ucontext, const Fiber *fiber) {
  auto &registers = static_cast<ucontext_t *>(ucontext)->uc_mcontext.gregs;
  registers[REG_RSP] = static_cast<greg_t>(reinterpret_cast<uintptr_t>(fiber->callerSp));
  registers[REG_RIP] = static_cast<greg_t>(reinterpret_cast<uintptr_t>(&elfin_trap_landing));
}

} // namespace elfin::arch
