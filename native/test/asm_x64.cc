// Code for the fiber tests that C++ can not express: a C++ function on a fiber that suspends.
// clang-format off
asm(".text\n.globl test_suspend\n.type test_suspend, @function\n"
    // void test_suspend(Thread*): as an exit trampoline does it (the thread in rdi, all but rsp lost over the suspension).
    "test_suspend:\n.cfi_startproc\n"
    "  pushq %rbp\n  .cfi_def_cfa_offset 16\n  .cfi_offset rbp, -16\n"
    "  movq %rsp, %rbp\n  .cfi_def_cfa_register rbp\n"
    "  pushq %rbx\n  pushq %r12\n  pushq %r13\n  pushq %r14\n  pushq %r15\n"
    "  .cfi_offset rbx, -24\n  .cfi_offset r12, -32\n  .cfi_offset r13, -40\n  .cfi_offset r14, -48\n  .cfi_offset r15, -56\n"
    "  pushq %rbp\n  leaq 1f(%rip), %rax\n  pushq %rax\n  jmpq *8(%rdi)\n"
    "1:\n  popq %rbp\n  popq %r15\n  popq %r14\n  popq %r13\n  popq %r12\n  popq %rbx\n"
    "  popq %rbp\n  .cfi_def_cfa rsp, 8\n  popq %r11\n  .cfi_adjust_cfa_offset -8\n  .cfi_register rip, r11\n  jmpq *%r11\n"
    ".cfi_endproc\n.size test_suspend, . - test_suspend\n");
// clang-format on
