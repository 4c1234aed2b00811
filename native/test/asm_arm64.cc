// Code for the fiber tests that C++ can not express: a C++ function on a fiber that suspends.
// clang-format off
asm(".text\n.globl test_suspend\n.type test_suspend, %function\n"
    // void test_suspend(Thread*): as an exit trampoline does it (the thread in x0, all but sp lost over the suspension).
    "test_suspend:\n.cfi_startproc\n"
    "  stp x29, x30, [sp, #-160]!\n  .cfi_def_cfa_offset 160\n  .cfi_offset x29, -160\n  .cfi_offset x30, -152\n"
    "  mov x29, sp\n  .cfi_def_cfa x29, 160\n"
    "  stp x19, x20, [sp, #16]\n  stp x21, x22, [sp, #32]\n  stp x23, x24, [sp, #48]\n"
    "  stp x25, x26, [sp, #64]\n  stp x27, x28, [sp, #80]\n"
    "  stp d8, d9, [sp, #96]\n  stp d10, d11, [sp, #112]\n  stp d12, d13, [sp, #128]\n  stp d14, d15, [sp, #144]\n"
    "  .cfi_offset x19, -144\n  .cfi_offset x20, -136\n  .cfi_offset x21, -128\n  .cfi_offset x22, -120\n"
    "  .cfi_offset x23, -112\n  .cfi_offset x24, -104\n  .cfi_offset x25, -96\n  .cfi_offset x26, -88\n"
    "  .cfi_offset x27, -80\n  .cfi_offset x28, -72\n"
    "  .cfi_offset d8, -64\n  .cfi_offset d9, -56\n  .cfi_offset d10, -48\n  .cfi_offset d11, -40\n"
    "  .cfi_offset d12, -32\n  .cfi_offset d13, -24\n  .cfi_offset d14, -16\n  .cfi_offset d15, -8\n"
    "  adr x9, 1f\n  stp x9, x29, [sp, #-16]!\n  .cfi_def_cfa sp, 176\n"
    "  ldr x10, [x0, #8]\n  br x10\n"
    "1:\n  ldr x29, [sp, #8]\n  add sp, sp, #16\n  .cfi_def_cfa x29, 160\n"
    "  ldp x19, x20, [sp, #16]\n  ldp x21, x22, [sp, #32]\n  ldp x23, x24, [sp, #48]\n"
    "  ldp x25, x26, [sp, #64]\n  ldp x27, x28, [sp, #80]\n"
    "  ldp d8, d9, [sp, #96]\n  ldp d10, d11, [sp, #112]\n  ldp d12, d13, [sp, #128]\n  ldp d14, d15, [sp, #144]\n"
    "  ldp x29, x30, [sp], #160\n  .cfi_def_cfa sp, 0\n  .cfi_restore x29\n  .cfi_restore x30\n"
    "  ret\n"
    ".cfi_endproc\n.size test_suspend, . - test_suspend\n");
// clang-format on
