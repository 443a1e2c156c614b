/* _in_use.h: how many are inside something that may be closed, so that the last to leave closes it. */
#ifndef HASTEN_IN_USE_H
#define HASTEN_IN_USE_H

#include <stdint.h>

#define HS_CLOSING ((uint32_t)1 << 31)
#define HS_CLOSED ((uint32_t)3 << 30)

/* Whether one may go in. */
static inline int hs_use(uint32_t *users) {
    if (!(__atomic_fetch_add(users, 1, __ATOMIC_ACQUIRE) & HS_CLOSING)) return 1;
    __atomic_fetch_sub(users, 1, __ATOMIC_RELEASE);
    return 0;
}

/* Whether the one who goes out has to close it. */
static inline int hs_unuse(uint32_t *users) {
    uint32_t last = HS_CLOSING;
    if (__atomic_sub_fetch(users, 1, __ATOMIC_ACQ_REL) != HS_CLOSING) return 0;
    return __atomic_compare_exchange_n(users, &last, HS_CLOSED, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

/* Nobody goes in from now on; whether it has to be closed at once. */
static inline int hs_use_no_more(uint32_t *users) {
    uint32_t last = HS_CLOSING;
    if (__atomic_fetch_or(users, HS_CLOSING, __ATOMIC_ACQ_REL) != 0) return 0;
    return __atomic_compare_exchange_n(users, &last, HS_CLOSED, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

/* Change a word if it is what it is thought to be; whether it was. */
static inline int hs_swap(uint32_t *word, uint32_t old, uint32_t now) {
    return __atomic_compare_exchange_n(word, &old, now, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

#endif
