/* _family.h: a family of processes, and how it tells its watcher of blocks.
 *
 * A family is a process that makes named blocks, or may, and all that come from it: by fork(), which inherits line and
 * table (see _watch.h), and by multiprocessing's other start methods, which pass them on (see _owners.py).  Programs
 * that are executed are none of it: both descriptors close on exec.
 *
 * A family of more than one process holds writing ends of the line only.  So the line has no reader as long as there is
 * no watcher, and poll() on it tells.  Two processes may both find none and both start one: they do the same work at the end, and only once
 * is there any.
 *
 * A process that has closed all its descriptors, or given their numbers to others, has lost line and table; it notices
 * before it uses them, and starts a family of its own.  What it made before stays in the old table, still mapped.
 */
#ifndef HASTEN_FAMILY_H
#define HASTEN_FAMILY_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <dirent.h>
#include <time.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#if defined(__linux__)
#  define HS_WATCHED 1
#  include "_start_watch.h"

typedef struct {
    int line, table;
    ino_t line_inode, table_inode;
    uint64_t *entries; /* NULL: no family yet */
    int reader;        /* the reading end, until another process may have the line or a watcher reads it; or -1 */
    int64_t looked;    /* the tick at which line and watcher were last looked at */
} hs_family;

/* The kernel's clock, which advances every few milliseconds and costs no system call. */
static int64_t hs_tick(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int hs_is_still(int fd, ino_t inode) {
    struct stat st;
    return fstat(fd, &st) == 0 && st.st_ino == inode;
}

/* The table is looked at when a watcher is to have it; who closed one has closed the other, and the line tells. */
static int hs_family_is_whole(const hs_family *f) {
    return f->entries != NULL && hs_is_still(f->line, f->line_inode);
}

/* Take these descriptors for the family's.  0, or -1 with errno, and then they are still the caller's. */
static int hs_family_join(hs_family *f, int line, int table) {
    struct stat of_line, of_table;
    if (fstat(line, &of_line) < 0 || fstat(table, &of_table) < 0) return -1;
    if (!S_ISFIFO(of_line.st_mode) || of_table.st_size != (off_t)HS_TABLE_BYTES) {
        errno = EINVAL;
        return -1;
    }
    void *entries = mmap(NULL, HS_TABLE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, table, 0);
    if (entries == MAP_FAILED) return -1;
    fcntl(line, F_SETFD, FD_CLOEXEC);
    fcntl(table, F_SETFD, FD_CLOEXEC);
    *f = (hs_family){line, table, of_line.st_ino, of_table.st_ino, entries, -1, 0};
    return 0;
}

/* Give up the reading end: a watcher has it, or another process gets the line, and is to see whether somebody else
 * reads it. */
static void hs_family_drop_reader(hs_family *f) {
    if (f->reader >= 0 && hs_is_still(f->reader, f->line_inode)) close(f->reader);
    f->reader = -1;
}

/* Be of no family.  Its descriptors may have been closed, and their numbers be others'. */
static void hs_family_leave(hs_family *f) {
    if (f->entries == NULL) return;
    hs_family_drop_reader(f);
    if (hs_is_still(f->line, f->line_inode)) close(f->line);
    if (hs_is_still(f->table, f->table_inode)) close(f->table);
    munmap(f->entries, HS_TABLE_BYTES);
    f->entries = NULL;
}

/* A descriptor where programs are not looking for those of their own: not 0, 1 or 2, which may be closed. */
static int hs_moved_up(int fd) {
    if (fd < 0 || fd > 2) return fd;
    int above = fcntl(fd, F_DUPFD_CLOEXEC, 3), error = errno;
    close(fd);
    errno = error;
    return above;
}

static int hs_family_found(hs_family *f) {
    int ends[2], error;
    if (pipe2(ends, O_CLOEXEC) < 0) return -1;
    int reader = hs_moved_up(ends[0]), line = hs_moved_up(ends[1]), table = -1;
    if (line >= 0) table = hs_moved_up(memfd_create("hasten.blocks", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (table >= 0 && ftruncate(table, HS_TABLE_BYTES) == 0 && hs_family_join(f, line, table) == 0) {
        f->reader = reader;
        return 0;
    }
    error = errno;
    if (reader >= 0) close(reader);
    if (line >= 0) close(line);
    if (table >= 0) close(table);
    errno = error;
    return -1;
}

/* See that there is a family, and that its descriptors are what they were. */
static int hs_family_ensure(hs_family *f) { return hs_family_is_whole(f) ? 0 : hs_family_found(f); }

/* See that there is a family, and that somebody reads its line.  Both are looked at once a tick: a process that has
 * lost the line since still has the table mapped, and counts. */
static int hs_family_watch(hs_family *f, int forked) {
    int64_t now = hs_tick();
    if (f->entries != NULL && f->looked == now) return 0;
    if (hs_family_ensure(f) < 0) return -1;
    struct pollfd line = {f->line, 0, 0};
    char own[32];
    if (f->reader >= 0 && !hs_is_still(f->reader, f->line_inode)) f->reader = -1;
    if (f->reader < 0) {
        f->looked = now;
        if (poll(&line, 1, 0) == 0) return 0;
        f->looked = 0;
        snprintf(own, sizeof own, "/proc/self/fd/%d", f->line);
        f->reader = open(own, O_RDONLY | O_CLOEXEC);
        if (f->reader < 0) return -1;
    }
    int error = hs_watch_start_for(f->reader, f->table, f->entries, forked);
    hs_family_drop_reader(f);
    errno = error;
    return error ? -1 : 0;
}

static int hs_family_note(hs_family *f, uint64_t inode) { return hs_table_add(f->entries, inode); }
static int hs_family_notes(hs_family *f, uint64_t inode) { return hs_table_find(f->entries, inode) != NULL; }
static void hs_family_forget(hs_family *f, uint64_t inode) {
    if (f->entries != NULL) hs_table_drop(f->entries, inode);
}

static int hs_compare_inodes(const void *a, const void *b) {
    uint64_t one = *(const uint64_t *)a, other = *(const uint64_t *)b;
    return (one > other) - (one < other);
}

/* Drop the numbers of blocks that are gone, unlinked by processes of other families.  A block that another process is
 * just making is not in the directory yet: whoever notes one looks once more when it has its name. */
static void hs_family_sweep(hs_family *f) {
    size_t count = 0, room = 0;
    uint64_t *there = NULL;
    struct dirent *entry;
    DIR *directory = opendir(HS_SHM_DIRECTORY);
    if (directory == NULL) return;
    while ((entry = readdir(directory)) != NULL) {
        if (count == room) {
            uint64_t *larger = realloc(there, (room = 2 * room + 64) * sizeof *there);
            if (larger == NULL) goto done;
            there = larger;
        }
        there[count++] = entry->d_ino;
    }
    qsort(there, count, sizeof *there, hs_compare_inodes);
    for (size_t i = 0; i < HS_TABLE_BYTES / sizeof *there; i++) {
        uint64_t inode = __atomic_load_n(&f->entries[i], __ATOMIC_RELAXED);
        if (inode != 0 && bsearch(&inode, there, count, sizeof *there, hs_compare_inodes) == NULL)
            __atomic_compare_exchange_n(&f->entries[i], &inode, 0, 0, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
    }
done:
    free(there);
    closedir(directory);
}

#else /* elsewhere a block lives until it is unlinked */
#  define HS_WATCHED 0
typedef struct { int line, table, reader; uint64_t *entries; } hs_family;
static int hs_family_ensure(hs_family *f) { (void)f; return 0; }
static int hs_family_join(hs_family *f, int line, int table) { (void)f, (void)line, (void)table; return 0; }
static void hs_family_leave(hs_family *f) { (void)f; }
static void hs_family_drop_reader(hs_family *f) { (void)f; }
static int hs_family_watch(hs_family *f, int forked) { (void)f, (void)forked; return 0; }
static int hs_family_note(hs_family *f, uint64_t inode) { (void)f, (void)inode; return 1; }
static int hs_family_notes(hs_family *f, uint64_t inode) { (void)f, (void)inode; return 1; }
static void hs_family_forget(hs_family *f, uint64_t inode) { (void)f, (void)inode; }
static void hs_family_sweep(hs_family *f) { (void)f; }
#endif

#endif
