// AArch64, Linux: stack switching, signal contexts, CPU features. Sources: AAPCS64 (registers a
// callee preserves: x19-x28, x29, x30's caller value, low halves of v8-v15; SP a multiple of 16),
// DWARF for the Arm 64-bit Architecture (register numbers), the kernel's ucontext and HWCAP bits.
//
// Every native frame that a fiber is entered from has the same layout at Fiber::callerSp, lowest
// first: x29 x30, x19 .. x28, d8 .. d15. A suspended fiber has at its sp: the resume address, the
// exit trampoline's x29. Nothing is done for the return predictor here; Fiber::fresh is not used.
//
// Compiled with pointer authentication (-mbranch-protection) the return addresses in these frames
// are signed, too: start and resume leave the same kind of frame, so whichever of them the leaving
// function returns for, x30 was signed with the sp above it. What an indirect branch goes to begins
// with a bti, which costs nothing elsewhere: a compiler that marks this file's code as such takes
// ours for marked, too.
#if !defined(__aarch64__)
#error "arch_arm64.cc is for AArch64"
#endif

#include "arch.h"
#include "gen/abi.h"
#include <csignal>
#include <sys/auxv.h>
#include <ucontext.h>

#define STR_(x) #x
#define STR(x) STR_(x)
#define FIBER_SP 0
#define FIBER_CALLER_SP 8
#define FIBER_THREAD 16

static_assert(offsetof(elfin::Fiber, sp) == FIBER_SP);
static_assert(offsetof(elfin::Fiber, callerSp) == FIBER_CALLER_SP);
static_assert(offsetof(elfin::Fiber, thread) == FIBER_THREAD);
static_assert(elfin::STATUS_HOST == 1);

// clang-format off
#if defined(__ARM_FEATURE_PAC_DEFAULT) && (__ARM_FEATURE_PAC_DEFAULT & 1)
#define SIGN "  hint #25\n  .cfi_negate_ra_state\n"  // paciasp
#define CHECK "  hint #29\n  .cfi_negate_ra_state\n" // autiasp
#define SIGNED "  .cfi_negate_ra_state\n"
#elif defined(__ARM_FEATURE_PAC_DEFAULT)
#error "return addresses are signed with key B: use -mbranch-protection=standard"
#else
#define SIGN
#define CHECK
#define SIGNED
#endif

#define MARK "  hint #34\n" // bti c
#define FUNCTION(name) \
  ".globl " name "\n.hidden " name "\n.type " name ", %function\n.p2align 4\n" name ":\n.cfi_startproc\n"
#define END(name) ".cfi_endproc\n.size " name ", . - " name "\n"
// Where SAVE leaves registers, relative to the CFA, which is 160 above.
#define SAVED_OFFSETS \
  "  .cfi_offset x29, -160\n  .cfi_offset x30, -152\n  .cfi_offset x19, -144\n  .cfi_offset x20, -136\n" \
  "  .cfi_offset x21, -128\n  .cfi_offset x22, -120\n  .cfi_offset x23, -112\n  .cfi_offset x24, -104\n" \
  "  .cfi_offset x25, -96\n  .cfi_offset x26, -88\n  .cfi_offset x27, -80\n  .cfi_offset x28, -72\n" \
  "  .cfi_offset d8, -64\n  .cfi_offset d9, -56\n  .cfi_offset d10, -48\n  .cfi_offset d11, -40\n" \
  "  .cfi_offset d12, -32\n  .cfi_offset d13, -24\n  .cfi_offset d14, -16\n  .cfi_offset d15, -8\n"
// Registers still have their values when the offsets are told all at once, behind the last store.
#define SAVE \
  SIGN \
  "  stp x29, x30, [sp, #-160]!\n  .cfi_def_cfa_offset 160\n" \
  "  stp x19, x20, [sp, #16]\n  stp x21, x22, [sp, #32]\n  stp x23, x24, [sp, #48]\n" \
  "  stp x25, x26, [sp, #64]\n  stp x27, x28, [sp, #80]\n" \
  "  stp d8, d9, [sp, #96]\n  stp d10, d11, [sp, #112]\n  stp d12, d13, [sp, #128]\n  stp d14, d15, [sp, #144]\n" \
  SAVED_OFFSETS \
  "  mov x29, sp\n"
#define RESTORE \
  "  ldp x19, x20, [sp, #16]\n  ldp x21, x22, [sp, #32]\n  ldp x23, x24, [sp, #48]\n" \
  "  ldp x25, x26, [sp, #64]\n  ldp x27, x28, [sp, #80]\n" \
  "  ldp d8, d9, [sp, #96]\n  ldp d10, d11, [sp, #112]\n  ldp d12, d13, [sp, #128]\n  ldp d14, d15, [sp, #144]\n" \
  "  ldp x29, x30, [sp], #160\n  .cfi_def_cfa sp, 0\n" \
  "  .cfi_restore x29\n  .cfi_restore x30\n  .cfi_restore x19\n  .cfi_restore x20\n  .cfi_restore x21\n" \
  "  .cfi_restore x22\n  .cfi_restore x23\n  .cfi_restore x24\n  .cfi_restore x25\n  .cfi_restore x26\n" \
  "  .cfi_restore x27\n  .cfi_restore x28\n  .cfi_restore d8\n  .cfi_restore d9\n  .cfi_restore d10\n" \
  "  .cfi_restore d11\n  .cfi_restore d12\n  .cfi_restore d13\n  .cfi_restore d14\n  .cfi_restore d15\n" \
  CHECK \
  "  ret\n"
// DW_CFA_def_cfa_expression { DW_OP_breg(r) FIBER_CALLER_SP; DW_OP_deref; DW_OP_plus_uconst 160 }: on the fiber's stack the
// CFA is found through the fiber, because after a suspension the native frame is another one.
#define CFA_BY_FIBER_IN(breg) \
  "  .cfi_escape 0x0f, 6, " breg ", " STR(FIBER_CALLER_SP) ", 0x06, 0x23, 0xa0, 0x01\n"

asm(".text\n"
    // bool elfin_fiber_start(x0 fiber, x1 slots, x2 ctx, x3 code, x4 entry)
    FUNCTION("elfin_fiber_start")
    MARK
    SAVE
    "  mov x9, sp\n"
    "  str x9, [x0, #" STR(FIBER_CALLER_SP) "]\n"
    "  mov x19, x0\n"
    "  ldr x9, [x0, #" STR(FIBER_SP) "]\n"
    "  mov sp, x9\n"
    CFA_BY_FIBER_IN("0x83") // x19
    "  mov x29, #0\n" // ends frame-pointer walks
    "  mov x0, x1\n"
    "  mov x1, x2\n"
    "  mov x2, x3\n"
    "  blr x4\n"
    "  ldr x9, [x19, #" STR(FIBER_CALLER_SP) "]\n"
    "  mov w0, #1\n"
    "  mov sp, x9\n"
    "  .cfi_def_cfa sp, 160\n"
    RESTORE
    END("elfin_fiber_start")

    // bool elfin_fiber_resume(x0 fiber, w1 returns)
    FUNCTION("elfin_fiber_resume")
    MARK
    SAVE
    "  mov x10, x0\n"
    "  mov x9, sp\n"
    "  str x9, [x10, #" STR(FIBER_CALLER_SP) "]\n"
    "  ldr x9, [x10, #" STR(FIBER_SP) "]\n"
    "  mov sp, x9\n"
    CFA_BY_FIBER_IN("0x7a") // x10
    "  ldr x0, [x10, #" STR(FIBER_THREAD) "]\n"
    "  ldr x16, [sp]\n" // of the registers that may branch to a marked target of either kind
    "  br x16\n"
    END("elfin_fiber_resume")

    // Jumped to with x0 = thread, [sp] = resume address. Every register but sp is lost.
    FUNCTION("elfin_suspend")
    "  .cfi_offset x30, 0\n"
    MARK
    "  ldr x9, [x0, #" STR(ELFIN_THREAD_FIBER) "]\n"
    "  ldr x10, [x0, #" STR(ELFIN_THREAD_TRANSFER) "]\n"
    "  mov x11, sp\n"
    "  str x11, [x9, #" STR(FIBER_SP) "]\n"
    "  mov w11, #1\n"
    "  str w11, [x10, #" STR(ELFIN_TRANSFER_STATUS) "]\n"
    "  str x9, [x10, #" STR(ELFIN_TRANSFER_FIBER) "]\n"
    "  ldr x11, [x9, #" STR(FIBER_CALLER_SP) "]\n"
    "  mov w0, #0\n"
    "  mov sp, x11\n"
    "  .cfi_def_cfa sp, 160\n"
    SAVED_OFFSETS
    SIGNED
    RESTORE
    END("elfin_suspend")

    // Where a trap's signal handler returns to, with sp = Fiber::callerSp.
    FUNCTION("elfin_trap_landing")
    "  .cfi_def_cfa sp, 160\n"
    SAVED_OFFSETS
    SIGNED
    MARK
    "  mov w0, #0\n"
    RESTORE
    END("elfin_trap_landing"));
// clang-format on

extern "C" void elfin_trap_landing();

namespace elfin::arch {

namespace {

const mcontext_t &machine(const void *ucontext) {
  return static_cast<const ucontext_t *>(ucontext)->uc_mcontext;
}

} // namespace

uintptr_t faultPc(const void *ucontext, int) { return machine(ucontext).pc; }

uintptr_t plainReturnAddress(uintptr_t address) {
  register uintptr_t x30 asm("x30") = address;
  asm("hint #7" : "+r"(x30)); // xpaclri
  return x30;
}

int branchTargetProtection() {
  constexpr int kProtBti = 0x10;
  return (getauxval(AT_HWCAP2) & HWCAP2_BTI) != 0 ? kProtBti : 0;
}

uintptr_t stackPointer(const void *ucontext) { return machine(ucontext).sp; }

uintptr_t framePointer(const void *ucontext) { return machine(ucontext).regs[29]; }

uintptr_t leafReturnAddress(const void *ucontext, const Fiber *) {
  return machine(ucontext).regs[30];
}

void leaveFiber(void *ucontext, const Fiber *fiber) {
  auto &registers = static_cast<ucontext_t *>(ucontext)->uc_mcontext;
  registers.sp = reinterpret_cast<uintptr_t>(fiber->callerSp);
  registers.pc = reinterpret_cast<uintptr_t>(&elfin_trap_landing);
}

std::vector<std::string> cpuFeatures() {
  std::vector<std::string> names;
  auto add = [&](unsigned long present, const char *name) {
    if (present != 0)
      names.emplace_back(name);
  };
  unsigned long first = getauxval(AT_HWCAP);
  add(first & HWCAP_ATOMICS, "lse");
  add(first & HWCAP_PACA, "pauth");
  add(getauxval(AT_HWCAP2) & HWCAP2_BTI, "bti");
  return names;
}

} // namespace elfin::arch
