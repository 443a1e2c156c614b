/* _family.h: a family of processes, and the table of its named blocks for its watcher (_watch.h).
 *
 * A family is a process that may make named blocks, and all processes that descend from it by fork(), which inherit the
 * line and the table (see _watch.h), or by multiprocessing's other start methods, which pass them on (see _owners.py).
 * Executed programs do not belong to it: both descriptors are close-on-exec.
 *
 * If a family has more than one process, they hold writing ends of the line only.  So without a watcher the line has no
 * reader, which poll() on it reports.  Two processes may both find none and start two watchers; that is harmless: the
 * second one finds nothing left to remove.
 *
 * A process that has closed its descriptors, or reused their numbers, has lost line and table.  It notices that before it
 * uses them, and starts a new family.  Its earlier blocks stay in the old table, which is still mapped.
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
    int reader;        /* the line's reading end, until there is a watcher or another process has the line; or -1 */
    int64_t looked;    /* the tick at which line and watcher were last checked */
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

/* Whether the line is still open.  The table is checked when a watcher gets it: programs close both or neither. */
static int hs_family_is_whole(const hs_family *f) {
    return f->entries != NULL && hs_is_still(f->line, f->line_inode);
}

/* Join the family of these descriptors and own them: 0; or -1 with errno, and the caller still owns them. */
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

/* Close the reading end: a watcher has it, or another process gets the line, for which poll() has to report whether there
 * is a watcher. */
static void hs_family_drop_reader(hs_family *f) {
    if (f->reader >= 0 && hs_is_still(f->reader, f->line_inode)) close(f->reader);
    f->reader = -1;
}

/* Leave the family.  Its descriptors may have been closed, and their numbers reused. */
static void hs_family_leave(hs_family *f) {
    if (f->entries == NULL) return;
    hs_family_drop_reader(f);
    if (hs_is_still(f->line, f->line_inode)) close(f->line);
    if (hs_is_still(f->table, f->table_inode)) close(f->table);
    munmap(f->entries, HS_TABLE_BYTES);
    f->entries = NULL;
}

/* Duplicate fd above 0-2 if it is one of them: the program may have closed a standard stream and reopen it. */
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

/* Make a family if there is none, or if its descriptors were closed. */
static int hs_family_ensure(hs_family *f) { return hs_family_is_whole(f) ? 0 : hs_family_found(f); }

/* Make a family and start a watcher, if there is none.  Checked at most once a tick: a process that has lost the line since
 * still has the table mapped, so the watcher waits for it. */
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

/* Drop the numbers of blocks that processes of other families have unlinked.  A block that another process is making is not
 * in the directory yet, and is dropped too; its maker registers it again once it has its name (note_again()). */
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
