/* _table.h: the inode numbers of a family's named blocks (and hashes of names of blocks being made), in memory that the
 * processes of the family share.
 *
 * A hash table with one 64-bit word per entry, 0 if free.  A number is in any of the HS_TABLE_WINDOW words from its home
 * position on, so an entry is removed by one store, without a tombstone.  Writers compare and swap: a process killed at
 * any point leaves a valid table.  A stale number does no harm: tmpfs does not reuse numbers soon.
 */
#ifndef HASTEN_TABLE_H
#define HASTEN_TABLE_H

#include <stddef.h>
#include <stdint.h>

#define HS_SHM_DIRECTORY "/dev/shm"
#define HS_TABLE_HOMES (1u << 17)
#define HS_TABLE_WINDOW 128
#define HS_TABLE_BYTES ((HS_TABLE_HOMES + HS_TABLE_WINDOW) * sizeof(uint64_t))

/* A block with a random name is registered by its name until it exists and has an inode number; inode numbers lack
 * this bit.  A name that the program has chosen is never registered: another program's block may have it. */
#define HS_TABLE_NAME (1ull << 63)

static inline __attribute__((always_inline)) uint64_t hs_table_name(const char *name) {
    uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */
    while (*name) hash = (hash ^ (unsigned char)*name++) * 0x100000001b3u;
    return hash | HS_TABLE_NAME;
}

static inline __attribute__((always_inline)) size_t hs_table_home(uint64_t inode) {
    return (size_t)((inode * 0x9E3779B97F4A7C15u) >> 47); /* 64 - 17 bits */
}

/* The entry of the number, or NULL. */
static inline uint64_t *hs_table_find(uint64_t *table, uint64_t inode) {
    uint64_t *home = table + hs_table_home(inode);
    for (int i = 0; i < HS_TABLE_WINDOW; i++)
        if (__atomic_load_n(&home[i], __ATOMIC_RELAXED) == inode) return &home[i];
    return NULL;
}

/* Returns 0 if the window is full. */
static inline int hs_table_add(uint64_t *table, uint64_t inode) {
    uint64_t *home = table + hs_table_home(inode);
    for (int i = 0; i < HS_TABLE_WINDOW; i++) {
        uint64_t there = __atomic_load_n(&home[i], __ATOMIC_RELAXED);
        if (there == inode) return 1;
        if (there == 0 && __atomic_compare_exchange_n(&home[i], &there, inode, 0, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
            return 1;
    }
    return 0;
}

static inline int hs_table_drop(uint64_t *table, uint64_t inode) {
    uint64_t *entry = hs_table_find(table, inode);
    if (entry == NULL) return 0;
    return __atomic_compare_exchange_n(entry, &inode, 0, 0, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

#endif
