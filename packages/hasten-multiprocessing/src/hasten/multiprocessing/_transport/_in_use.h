/* _in_use.h: a count of the threads that use an object, so that after close() the last user frees it. */
#ifndef HASTEN_IN_USE_H
#define HASTEN_IN_USE_H

#include <stdint.h>

#define HS_CLOSING ((uint32_t)1 << 31)
#define HS_CLOSED ((uint32_t)3 << 30)

/* Begin a use; 0 if the object is closed. */
static inline int hs_use(uint32_t *users) {
    if (!(__atomic_fetch_add(users, 1, __ATOMIC_ACQUIRE) & HS_CLOSING)) return 1;
    __atomic_fetch_sub(users, 1, __ATOMIC_RELEASE);
    return 0;
}

/* End a use; 1 if the caller has to free the object. */
static inline int hs_unuse(uint32_t *users) {
    uint32_t last = HS_CLOSING;
    if (__atomic_sub_fetch(users, 1, __ATOMIC_ACQ_REL) != HS_CLOSING) return 0;
    return __atomic_compare_exchange_n(users, &last, HS_CLOSED, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

/* Close: no use can begin any more; 1 if the caller has to free the object, since it is not in use. */
static inline int hs_use_no_more(uint32_t *users) {
    uint32_t last = HS_CLOSING;
    if (__atomic_fetch_or(users, HS_CLOSING, __ATOMIC_ACQ_REL) != 0) return 0;
    return __atomic_compare_exchange_n(users, &last, HS_CLOSED, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

/* Compare and swap; whether the word was *old*. */
static inline int hs_swap(uint32_t *word, uint32_t old, uint32_t now) {
    return __atomic_compare_exchange_n(word, &old, now, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

#endif
