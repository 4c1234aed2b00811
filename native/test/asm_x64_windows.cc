// Code for the fiber tests that C++ can not express: a C++ function on a fiber that suspends.
// clang-format off
asm(".text\n.globl test_suspend\n"
    // void test_suspend(Thread*): as an exit trampoline does it (the thread in rdi, all but rsp lost over the suspension).
    "test_suspend:\n.seh_proc test_suspend\n"
    "  pushq %rbp\n  .seh_pushreg %rbp\n"
    "  movq %rsp, %rbp\n"
    "  pushq %rbx\n  pushq %rdi\n  pushq %rsi\n  pushq %r12\n  pushq %r13\n  pushq %r14\n  pushq %r15\n  pushq %r15\n"
    "  .seh_stackalloc 64\n  .seh_setframe %rbp, 64\n  .seh_endprologue\n"
    "  subq $160, %rsp\n"
    "  movaps %xmm6, (%rsp)\n  movaps %xmm7, 16(%rsp)\n  movaps %xmm8, 32(%rsp)\n  movaps %xmm9, 48(%rsp)\n"
    "  movaps %xmm10, 64(%rsp)\n  movaps %xmm11, 80(%rsp)\n  movaps %xmm12, 96(%rsp)\n  movaps %xmm13, 112(%rsp)\n"
    "  movaps %xmm14, 128(%rsp)\n  movaps %xmm15, 144(%rsp)\n"
    "  movq %rcx, %rdi\n"
    "  pushq %rbp\n  leaq 1f(%rip), %rax\n  pushq %rax\n  jmpq *8(%rdi)\n"
    "1:\n  popq %rbp\n"
    "  movaps (%rsp), %xmm6\n  movaps 16(%rsp), %xmm7\n  movaps 32(%rsp), %xmm8\n  movaps 48(%rsp), %xmm9\n"
    "  movaps 64(%rsp), %xmm10\n  movaps 80(%rsp), %xmm11\n  movaps 96(%rsp), %xmm12\n  movaps 112(%rsp), %xmm13\n"
    "  movaps 128(%rsp), %xmm14\n  movaps 144(%rsp), %xmm15\n"
    "  addq $160, %rsp\n"
    "  popq %r15\n  popq %r15\n  popq %r14\n  popq %r13\n  popq %r12\n  popq %rsi\n  popq %rdi\n  popq %rbx\n"
    "  popq %rbp\n  ret\n"
    ".seh_endproc\n");
// clang-format on
