/* _large_pages.h: memory that is filled once, in large pages.  No Python API.
 *
 * Writing to fresh memory costs a page fault per 4 KiB, which takes three times as long as copying them.  Linux provides
 * pages of 2 MiB on request, unless the administrator has disabled them.
 */
#ifndef HASTEN_SUBPROCESS_LARGE_PAGES_H
#define HASTEN_SUBPROCESS_LARGE_PAGES_H

#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Whether large pages are available on request. */
static int hs_has_large_pages(void) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    char text[64] = "";
    int fd = open("/sys/kernel/mm/transparent_hugepage/enabled", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    ssize_t size = read(fd, text, sizeof text - 1);
    close(fd);
    return size > 0 && strstr(text, "[never]") == NULL;
#else
    return 0;
#endif
}

/* Request large pages for a block that malloc has mapped separately.  The request covers the whole mapping, including
 * its first and last page: otherwise it would be split, and mremap() fails for split mappings. */
static inline void hs_want_large_pages(char *start, size_t size) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t begin = (uintptr_t)start & ~(page - 1);
    uintptr_t end = ((uintptr_t)start + size + page - 1) & ~(page - 1);
    madvise((void *)begin, end - begin, MADV_HUGEPAGE);
#else
    (void)start, (void)size;
#endif
}

#endif
