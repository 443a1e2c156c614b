/* shm_units.h: the memory of a ring: one sparse memfd, in units that are allocated and freed in runs.
 *
 * The file starts with the ring's own page and a table of one byte per unit; these count as units that are never freed.
 * A run is a unit marked FIRST and the following ones marked MORE.  The holder of the producers' lock allocates runs, the
 * holder of the consumers' lock frees them: a byte that is not free is changed by one side only.
 *
 * A run is allocated from its first unit to its last and freed in reverse order, so a process that is killed meanwhile
 * leaves a shorter run, never one that overlaps another.  The run may be leaked: see hs_ring_sweep().
 *
 * Memory is reserved (fallocate) before it is touched, so a lack of it is an error and not a SIGBUS.  Freed units stay
 * WARM (they keep their memory), since fresh memory is slow; those beyond HS_KEEP_WARM are returned to the system at once,
 * those beyond HS_KEEP_IDLE when consumers have waited for a while.
 *
 * A process maps the whole file.  If its address space is limited (RLIMIT_AS), it maps the beginning, and a window for each
 * run beyond that when it needs it.
 *
 * No Python API.
 */
#ifndef HASTEN_SHM_UNITS_H
#define HASTEN_SHM_UNITS_H

#include "shm_sync.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define HS_UNIT ((uint64_t)64 << 10)
#define HS_RING_SPACE ((uint64_t)16 << 30)  /* bytes of the sparse file */
#define HS_RING_LEAST ((uint64_t)2 << 20)   /* bytes a process maps at least */
#define HS_KEEP_WARM 1024                   /* units: 64 MiB */
#define HS_KEEP_IDLE 32                     /* units: 2 MiB */

enum { HS_UNIT_FREE = 0, HS_UNIT_WARM, HS_UNIT_FIRST, HS_UNIT_MORE, HS_UNIT_LOST_FIRST, HS_UNIT_LOST_MORE,
       HS_UNIT_TRIMMED };

/* A mapping of a run beyond the mapped beginning; used by the holder of one side's lock. */
typedef struct {
    char *base;
    uint64_t offset, size;
} hs_window;

typedef struct {
    int fd;
    char *base;          /* of the mapped beginning */
    uint64_t mapped;     /* its size */
    uint8_t *table;      /* a byte for each unit of the file */
    uint64_t units;      /* in the file */
} hs_units;

static inline uint8_t hs_unit_state(const hs_units *u, uint64_t unit) {
    return __atomic_load_n(&u->table[unit], __ATOMIC_ACQUIRE);
}

static inline void hs_unit_set(hs_units *u, uint64_t unit, int state) {
    __atomic_store_n(&u->table[unit], (uint8_t)state, __ATOMIC_RELEASE);
}

/* ---- mapping ---- */

static inline uint64_t hs_units_header(uint64_t page, uint64_t space) {
    return (page + space / HS_UNIT + HS_UNIT - 1) / HS_UNIT;
}

static inline char *hs_map(int fd, uint64_t offset, uint64_t size) {
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, (off_t)offset);
    if (at == MAP_FAILED) return NULL;
    madvise(at, size, MADV_DONTDUMP); /* keep 16 GiB of holes out of core files */
    return (char *)at;
}

/* Map the file as far as possible; with a limited address space, 1/64 of that at most, but HS_RING_LEAST at least. */
static inline int hs_units_map(hs_units *u, int fd, uint64_t page) {
    struct stat file;
    struct rlimit limit;
    if (fstat(fd, &file) < 0) return -1;
    uint64_t size = (uint64_t)file.st_size, most = size;
    if (size < HS_RING_LEAST || size % HS_UNIT) {
        errno = EINVAL;
        return -1;
    }
    if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) most = limit.rlim_cur / 64;
    most = most < HS_RING_LEAST ? HS_RING_LEAST : most < size ? most & ~(HS_UNIT - 1) : size;
    for (; (u->base = hs_map(fd, 0, most)) == NULL; most = (most / 4) & ~(HS_UNIT - 1))
        if (most / 4 < HS_RING_LEAST) return -1;
    u->fd = fd;
    u->mapped = most;
    u->units = size / HS_UNIT;
    u->table = (uint8_t *)u->base + page;
    return 0;
}

static inline void hs_window_close(hs_window *w) {
    if (w->base != NULL) munmap(w->base, w->size);
    w->base = NULL;
    w->size = 0;
}

/* The address of the bytes; NULL with errno if they can't be mapped. */
static inline char *hs_units_at(const hs_units *u, hs_window *w, uint64_t offset, uint64_t size) {
    if (offset + size <= u->mapped) return u->base + offset;
    if (w->base == NULL || offset < w->offset || offset + size > w->offset + w->size) {
        uint64_t start = offset & ~(HS_UNIT - 1), length = (offset + size - start + HS_UNIT - 1) & ~(HS_UNIT - 1);
        hs_window_close(w);
        if ((w->base = hs_map(u->fd, start, length)) == NULL) return NULL;
        w->offset = start;
        w->size = length;
    }
    return w->base + (offset - w->offset);
}

/* ---- taking runs: with the lock of the producers ---- */

static inline int hs_unit_claim(hs_units *u, uint64_t unit, int state) {
    uint8_t now = hs_unit_state(u, unit);
    while (now <= HS_UNIT_WARM)
        if (__atomic_compare_exchange_n(&u->table[unit], &now, (uint8_t)state, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
            return now == HS_UNIT_FREE ? 2 : 1; /* 2: its memory has to be reserved */
    return 0;
}

static inline void hs_run_unclaim(hs_units *u, uint64_t first, uint64_t count) {
    while (count--) hs_unit_set(u, first + count, HS_UNIT_FREE);
}

static inline int hs_run_reserve(hs_units *u, uint64_t first, uint64_t count) {
    int status;
    do {
        status = fallocate(u->fd, 0, (off_t)(first * HS_UNIT), (off_t)(count * HS_UNIT));
    } while (status < 0 && errno == EINTR && count <= 256);
    return status < 0 && (errno == EOPNOTSUPP || errno == ENOSYS) ? 0 : status;
}

/* Allocate the lowest free run of *count* units; its first unit, or 0 with errno. */
static inline uint64_t hs_run_take(hs_units *u, uint64_t count, uint64_t lowest) {
    for (uint64_t at = lowest, length = 0; at < u->units; at++) {
        if (hs_unit_state(u, at) > HS_UNIT_WARM) {
            length = 0;
            continue;
        }
        if (++length < count) continue;
        uint64_t first = at + 1 - count, taken = 0;
        int fresh = 0, got;
        while (taken < count && (got = hs_unit_claim(u, first + taken, taken ? HS_UNIT_MORE : HS_UNIT_FIRST)) != 0) {
            fresh |= got == 2;
            taken++;
        }
        if (taken < count) { /* a unit is being trimmed */
            hs_run_unclaim(u, first, taken);
            length = 0;
            continue;
        }
        if (fresh && hs_run_reserve(u, first, count) < 0) {
            int error = errno;
            hs_run_unclaim(u, first, count);
            errno = error;
            return 0;
        }
        return first;
    }
    errno = ENOSPC;
    return 0;
}

/* ---- where a run starts and ends ---- */

static inline uint64_t hs_run_first(const hs_units *u, uint64_t unit) {
    while (hs_unit_state(u, unit) == HS_UNIT_MORE || hs_unit_state(u, unit) == HS_UNIT_LOST_MORE) unit--;
    return unit;
}

static inline uint64_t hs_run_end(const hs_units *u, uint64_t unit) {
    do {
        unit++;
    } while (unit < u->units && (hs_unit_state(u, unit) == HS_UNIT_MORE || hs_unit_state(u, unit) == HS_UNIT_LOST_MORE));
    return unit;
}

/* ---- giving back: with the lock of the consumers ---- */

static inline void hs_units_punch(hs_units *u, uint64_t first, uint64_t end) {
    if (first < end)
        (void)!fallocate(u->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)(first * HS_UNIT),
                         (off_t)((end - first) * HS_UNIT));
}

/* Free a run; its number of units. */
static inline uint64_t hs_run_give(hs_units *u, uint64_t first) {
    uint64_t end = hs_run_end(u, first), at = end;
    hs_units_punch(u, first > HS_KEEP_WARM ? first : HS_KEEP_WARM, end);
    while (at-- > first) hs_unit_set(u, at, at >= HS_KEEP_WARM ? HS_UNIT_FREE : HS_UNIT_WARM);
    return end - first;
}

/* Free all units that are still marked lost, from *lowest* on, and return their memory to the system. */
static inline void hs_units_give_lost(hs_units *u, uint64_t lowest) {
    for (uint64_t at = u->units; at > lowest; at--) {
        uint64_t end = at;
        while (at > lowest && hs_unit_state(u, at - 1) >= HS_UNIT_LOST_FIRST) at--;
        hs_units_punch(u, at, end);
        while (end-- > at) hs_unit_set(u, end, HS_UNIT_FREE);
    }
}

/* Return the memory of warm units to the system; *end*: where to stop. */
static inline void hs_units_trim(hs_units *u, uint64_t end) {
    for (uint64_t at = HS_KEEP_IDLE, first; at < end && at < u->units; at++) {
        for (first = at; at < end && at < u->units; at++) {
            uint8_t warm = HS_UNIT_WARM;
            if (!__atomic_compare_exchange_n(&u->table[at], &warm, HS_UNIT_TRIMMED, 0, __ATOMIC_ACQ_REL,
                                             __ATOMIC_RELAXED))
                break;
        }
        hs_units_punch(u, first, at);
        for (; first < at; first++) hs_unit_set(u, first, HS_UNIT_FREE);
    }
}

#endif
