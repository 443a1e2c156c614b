/* _clone.h: a vfork() that resets signal handlers (Linux 5.5, x86-64).  No Python API.
 *
 * After vfork() the child has to reset the handlers one by one, by 64 system calls, which takes as long as the rest of
 * the start.  clone3() resets them in the kernel.  The C library has no wrapper for it, and a child that returned from one
 * on its parent's stack would corrupt that.  So the child gets its own stack, a part of the sleeping parent's, and starts
 * in a function.
 *
 * Registers r8 and r9 hold function and argument across the system call, which changes rax, rcx and r11 only.
 * The child never returns.  With AddressSanitizer, which does not know the new stack, vfork() is used.
 */
#ifndef HASTEN_SUBPROCESS_CLONE_H
#define HASTEN_SUBPROCESS_CLONE_H

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <sys/types.h>
#include <unistd.h>

#ifdef __linux__
#  include <sys/syscall.h>
#endif

#if defined(__linux__) && defined(__x86_64__) && defined(__LP64__) && defined(SYS_clone3) && \
    !defined(__SANITIZE_ADDRESS__)
#  define HS_HAVE_CLONE 1
#else
#  define HS_HAVE_CLONE 0
#endif

#if HS_HAVE_CLONE
#  define HS_CLONE_VM 0x100
#  define HS_CLONE_VFORK 0x4000
#  define HS_CLONE_CLEAR_SIGHAND 0x100000000

/* The first version of the kernel's struct clone_args, which older headers lack. */
struct hs_clone_args {
    uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
};

/* The child's pid, or a negative errno.  run(what) must not return. */
__attribute__((noinline)) static long hs_clone_vfork(void (*run)(void *), void *what) {
    _Alignas(16) char stack[32 * 1024];
    struct hs_clone_args args = {
        .flags = HS_CLONE_VM | HS_CLONE_VFORK | HS_CLONE_CLEAR_SIGHAND,
        .exit_signal = SIGCHLD,
        .stack = (uintptr_t)stack,
        .stack_size = sizeof stack,
    };
    register long result __asm__("rax") = SYS_clone3;
    register void *first __asm__("rdi") = &args;
    register long second __asm__("rsi") = sizeof args;
    register void (*function)(void *) __asm__("r8") = run;
    register void *argument __asm__("r9") = what;
    __asm__ volatile(
        "syscall\n\t"
        "testq %%rax, %%rax\n\t"
        "jnz 1f\n\t"
        "xorl %%ebp, %%ebp\n\t" /* the end of the chain of frames */
        "movq %%r9, %%rdi\n\t"
        "callq *%%r8\n\t"
        "hlt\n"
        "1:"
        : "+r"(result)
        : "r"(first), "r"(second), "r"(function), "r"(argument)
        : "rcx", "r11", "memory", "cc");
    return result;
}
#endif

#endif
