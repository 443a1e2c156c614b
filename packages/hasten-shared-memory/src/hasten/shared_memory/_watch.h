/* _watch.h: the watcher, a process that removes the named blocks of a family after the family's last process.
 *
 * It has two descriptors.  3 is the reading end of a pipe, the line: every process of the family holds the writing
 * end, so read() returns when the last one has died, however it died.  4 is the table, a memfd with the inode numbers
 * of the family's blocks, which every process of the family has mapped.  A process may have closed all descriptors
 * (daemons do) and still live; but as long as it lives it has the table mapped, and then the kernel refuses to seal the
 * table against writing.  So the blocks go when the line is closed and the table can be sealed.
 *
 * A block is identified by its inode number, so another program's block under the same name is not removed.
 *
 * This is a program: the module's own file is executed, and the kernel starts it at _start, without a dynamic loader,
 * libc, thread-local storage or any of Python in the process.  Hence system calls only, no initialised arrays on the
 * stack, no libc functions.  The same function also runs in a process that was forked and not executed, where the file
 * can't be executed; see _start_watch.h.
 */
#ifndef HASTEN_WATCH_H
#define HASTEN_WATCH_H

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include "_table.h"

#ifndef F_ADD_SEALS
#  define F_ADD_SEALS 1033
#  define F_SEAL_WRITE 0x0008
#endif

#define HS_WATCH_LINE 3
#define HS_WATCH_TABLE 4
#define HS_WATCH_NAME "hasten-shm"
#define HS_WATCH_PAUSE 100000000  /* ns between two checks of a table that is still mapped */

/* No instrumentation and no stack protector: both need libc and thread-local storage. */
#if defined(__has_attribute)
#  if __has_attribute(no_stack_protector)
#    define HS_NO_PROTECTOR __attribute__((no_stack_protector))
#  endif
#endif
#ifndef HS_NO_PROTECTOR
#  define HS_NO_PROTECTOR __attribute__((optimize("no-stack-protector")))
#endif
#define HS_ALONE HS_NO_PROTECTOR __attribute__((noinline)) \
    __attribute__((no_sanitize("address"))) __attribute__((no_sanitize("undefined"))) __attribute__((no_sanitize("thread")))

#if defined(__x86_64__)
#  define HS_WATCH_PROGRAM 1
HS_ALONE static long hs_raw(long number, long a, long b, long c, long d) {
    long result;
    register long fourth __asm__("r10") = d;
    __asm__ volatile("syscall" : "=a"(result) : "0"(number), "D"(a), "S"(b), "d"(c), "r"(fourth)
                     : "rcx", "r11", "memory");
    return result;
}
__asm__(".pushsection .text\n.globl _start\n.hidden _start\n.type _start,@function\n"
        "_start:\n xorl %ebp,%ebp\n andq $-16,%rsp\n call hs_watch_program\n hlt\n.popsection\n");
#elif defined(__aarch64__)
#  define HS_WATCH_PROGRAM 1
HS_ALONE static long hs_raw(long number, long a, long b, long c, long d) {
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    __asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
    return x0;
}
__asm__(".pushsection .text\n.globl _start\n.hidden _start\n.type _start,%function\n"
        "_start:\n mov x29,#0\n mov x30,#0\n bl hs_watch_program\n brk #1\n.popsection\n");
#else
#  define HS_WATCH_PROGRAM 0
#  include <unistd.h>
static long hs_raw(long number, long a, long b, long c, long d) {
    long result = syscall(number, a, b, c, d);
    return result < 0 ? -errno : result;
}
#endif

typedef struct {
    uint64_t inode;
    int64_t offset;
    uint16_t length;
    uint8_t type;
    char name[];
} hs_entry; /* what getdents64 writes */

HS_ALONE static int hs_watch_lists(int table, uint64_t inode) {
    uint64_t window[HS_TABLE_WINDOW];
    long got = hs_raw(SYS_pread64, table, (long)window, sizeof window, (long)(hs_table_home(inode) * sizeof *window));
    for (long i = 0; i < got / (long)sizeof *window; i++)
        if (window[i] == inode) return 1;
    return 0;
}

/* One pass over the directory; returns how many blocks it has removed, -1 if it can't be read. */
HS_ALONE static int hs_watch_remove(int directory, int table) {
    char entries[2048] __attribute__((aligned(8)));
    int removed = 0;
    long got;
    hs_raw(SYS_lseek, directory, 0, SEEK_SET, 0);
    while ((got = hs_raw(SYS_getdents64, directory, (long)entries, sizeof entries, 0)) > 0) {
        for (long at = 0; at < got;) {
            const hs_entry *entry = (const hs_entry *)(entries + at);
            if (entry->name[0] != '.' || (entry->name[1] != 0 && entry->name[1] != '.'))
                if ((hs_watch_lists(table, entry->inode) || hs_watch_lists(table, hs_table_name(entry->name))) &&
                    hs_raw(SYS_unlinkat, directory, (long)entry->name, 0, 0) == 0)
                    removed++;
            at += entry->length;
        }
    }
    return got < 0 ? -1 : removed;
}

HS_ALONE static void hs_watch(int line, int table) {
    char byte;
    long got;
    hs_raw(SYS_prctl, PR_SET_NAME, (long)HS_WATCH_NAME, 0, 0);
    do got = hs_raw(SYS_read, line, (long)&byte, 1, 0);
    while (got > 0 || got == -EINTR);
    if (got < 0) return;
    while (hs_raw(SYS_fcntl, table, F_ADD_SEALS, F_SEAL_WRITE, 0) == -EBUSY) {
        struct timespec pause;
        pause.tv_sec = 0;
        pause.tv_nsec = HS_WATCH_PAUSE;
        hs_raw(SYS_nanosleep, (long)&pause, 0, 0, 0);
    }
    long directory = hs_raw(SYS_openat, AT_FDCWD, (long)HS_SHM_DIRECTORY, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (directory < 0) return;
    /* removing entries while reading may skip others: repeat until there is nothing to remove */
    while (hs_watch_remove((int)directory, table) > 0) {}
}

#if HS_WATCH_PROGRAM
__attribute__((visibility("hidden"), used, noreturn)) HS_ALONE void hs_watch_program(void) {
    hs_watch(HS_WATCH_LINE, HS_WATCH_TABLE);
    for (;;) hs_raw(SYS_exit_group, 0, 0, 0, 0);
}
#endif

#endif
