// What depends on the instruction set: switching stacks, reading and changing a signal's machine
// context, CPU features. One implementation per architecture (arch_x64.cc,
// arch_arm64.cc).
#pragma once

#include "fiber.h"
#include <string>
#include <vector>

extern "C" {
/// Calls entry(slots, ctx, code) on the fiber's stack. Returns when it has returned (true), or when
/// the fiber suspended or trapped (false).
bool elfin_fiber_start(elfin::Fiber *fiber, uint64_t *slots, uint64_t ctx, uint64_t code,
                       uint64_t entry);
/// Goes on with a suspended fiber; returns as elfin_fiber_start does. `returns`: how many frames
/// will return before it ends, a guess for the return predictor; 0 when it will rather suspend
/// again.
bool elfin_fiber_resume(elfin::Fiber *fiber, uint32_t returns);
/// Jumped to by exit trampolines, never called from C++: thread in the first argument register,
/// on the stack the resume address, above it the trampoline's frame pointer.
void elfin_suspend();
}

namespace elfin::arch {

/// Program counter of the faulting instruction.
uintptr_t faultPc(const void *ucontext, int signal);
uintptr_t stackPointer(const void *ucontext);
uintptr_t framePointer(const void *ucontext);
/// Where a function goes back to that has not moved the stack pointer since it was called; 0 when
/// that is not on the fiber's stack.
uintptr_t leafReturnAddress(const void *ucontext, const Fiber *fiber);
/// Makes the signal handler return to whoever entered the fiber: elfin_fiber_start/resume returns
/// false.
void leaveFiber(void *ucontext, const Fiber *fiber);
/// A return address as it is in memory, without what signs it.
uintptr_t plainReturnAddress(uintptr_t address);
/// What to add to the protection of pages so that the CPU checks that indirect branches go to
/// marked places; 0 where CPU or system can not.
int branchTargetProtection();
/// Names of the features that both CPU and operating system support.
std::vector<std::string> cpuFeatures();

} // namespace elfin::arch
