/* _space.h: whether the memory of a named block can be allocated later, when it is used.
 *
 * Writing to a page for which /dev/shm has no room raises SIGBUS.  So by default a block's pages are allocated when it is
 * made (hs_block_reserve), where a lack of memory is an error.  For a program that writes to the whole block that costs
 * nothing extra, but one that writes to a few pages pays for all of them.
 *
 * If there is plenty of room, pages may be allocated when they are used.  Condition: all memory that is promised and not
 * allocated, including the new block, is a small share of what is free.  Promised memory is
 *   - the unallocated part of all files in the directory, whoever made them: size minus allocated blocks;
 *   - the unallocated part of blocks made here that have no name any more: at most their mapped size.
 * The former takes a system call for each file, so it is determined for many blocks in advance (hs_allowance).
 *
 * Remaining risk: other programs allocate nearly all of the free memory (at least HS_PLENTY) before the block is used; or
 * 64 processes each promise their share without having seen each other's blocks.
 */
#ifndef HASTEN_SPACE_H
#define HASTEN_SPACE_H

#include <stdint.h>

#if defined(__linux__)
#  include <dirent.h>
#  include <fcntl.h>
#  include <sys/stat.h>
#  include <sys/statfs.h>
#  include "_table.h"

#define HS_PLENTY (1ull << 30)    /* bytes; with less free memory all blocks are allocated at once */
#define HS_SHARE 64               /* 1/64 of the free memory may be promised */
#define HS_MOST_FILES 4096        /* with more files in the directory the check would take too long */
#define HS_PATIENCE 100           /* after an unsuccessful check, the number of blocks until the next one */

static int64_t hs_untaken;   /* bytes mapped in this process of blocks made here without allocation */
/* Bytes that may be promised before the next check; races between threads may exceed it by a block.  1 MiB at first. */
static int64_t hs_allowance = 1 << 20;
static int hs_refused;       /* blocks left until the next check, see HS_PATIENCE */

/* The unallocated bytes of the files in the directory; -1 if unknown. */
static int64_t hs_space_promised(void) {
    struct dirent *entry;
    struct stat st;
    int64_t bytes = 0;
    int files = 0;
    DIR *directory = opendir(HS_SHM_DIRECTORY);
    if (directory == NULL) return -1;
    while ((entry = readdir(directory)) != NULL) {
        if (entry->d_type == DT_DIR) continue;
        if (++files > HS_MOST_FILES) break;
        if (fstatat(dirfd(directory), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode)) continue;
        int64_t lacks = (int64_t)st.st_size - (int64_t)st.st_blocks * 512;
        if (lacks > 0 && __builtin_add_overflow(bytes, lacks, &bytes)) break;
    }
    int whole = entry == NULL;
    closedir(directory);
    return whole ? bytes : -1;
}

static void hs_space_leave(int64_t size) { __atomic_add_fetch(&hs_untaken, size, __ATOMIC_RELAXED); }

/* The rest of hs_space_abounds(), which may take milliseconds. */
static int hs_space_look(int64_t size, int64_t share) {
    int64_t promised;
    if (__atomic_sub_fetch(&hs_refused, 1, __ATOMIC_RELAXED) > 0) return 0;
    promised = hs_space_promised();
    if (promised < 0 || size > share - promised) {
        __atomic_store_n(&hs_refused, HS_PATIENCE, __ATOMIC_RELAXED);
        return 0;
    }
    __atomic_store_n(&hs_refused, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&hs_allowance, share - promised - size, __ATOMIC_RELAXED);
    return 1;
}

/* Whether the allocation of a new block can be skipped: 1, 0, or -1: hs_space_look() decides. */
static int hs_space_abounds(int fd, int64_t size, int64_t *share) {
    struct statfs fs;
    if (fstatfs(fd, &fs) < 0) return 0;
    uint64_t available = (uint64_t)fs.f_bavail * (uint64_t)fs.f_bsize;
    if (available < HS_PLENTY) return 0;
    *share = (int64_t)(available / HS_SHARE);
    if (size > *share - __atomic_load_n(&hs_untaken, __ATOMIC_RELAXED)) return 0;
    if (size <= __atomic_load_n(&hs_allowance, __ATOMIC_RELAXED)) {
        __atomic_sub_fetch(&hs_allowance, size, __ATOMIC_RELAXED);
        return 1;
    }
    return -1;
}

#else /* no reserving, see _block.h */
static int hs_space_abounds(int fd, int64_t size, int64_t *share) { (void)fd, (void)size, (void)share; return 0; }
static int hs_space_look(int64_t size, int64_t share) { (void)size, (void)share; return 0; }
static void hs_space_leave(int64_t size) { (void)size; }
#endif

#endif
