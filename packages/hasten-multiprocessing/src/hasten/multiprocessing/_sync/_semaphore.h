/* _semaphore.h: a counter in a slot.  Bit 31 (HS_WAITED): a waiter may be asleep on it.
 *
 * A waiter that has slept sets the bit when it takes a unit, since it cannot know whether there are others; a release that
 * finds nobody to wake clears it.  A unit has no owner: those held by a killed process are lost.  A wake-up that a killed
 * waiter was given is made good by another one's check, within half a second.
 */
#ifndef HASTEN_SEMAPHORE_H
#define HASTEN_SEMAPHORE_H

#include "../_arena/_words.h"

#define HS_UNITS 0x7fffffffu

static inline int hs_semaphore_take(uint32_t *word, uint32_t mark) {
    uint32_t seen = __atomic_load_n(word, __ATOMIC_RELAXED);
    while (seen & HS_UNITS)
        if (hs_word_cas(word, &seen, (seen - 1) | mark)) return 1;
    return 0;
}

static inline void hs_semaphore_pass_on(hs_head *head, uint32_t *word) {
    if (hs_word_load(word) & HS_UNITS) hs_word_wake(head, word, 1);
}

/* 1, or 0 if the deadline has passed, or -1 with what a signal handler has raised. */
static inline int hs_semaphore_wait(hs_head *head, uint32_t *word, int64_t deadline) {
    hs_naps naps = {0, 0};
    while (!hs_semaphore_take(word, naps.length ? HS_WAITED : 0)) {
        uint32_t seen = hs_word_load(word);
        int late;
        if (seen & HS_UNITS) continue;
        if (!(seen & HS_WAITED) && !hs_word_cas(word, &seen, seen | HS_WAITED)) continue;
        late = hs_nap(head, word, HS_WAITED, deadline, &naps);
        if (late < 0) hs_semaphore_pass_on(head, word);
        if (late) return late < 0 ? -1 : hs_semaphore_take(word, HS_WAITED);
    }
    return 1;
}

/* Add a unit.  0 if there are *most* already. */
static inline int hs_semaphore_give(hs_head *head, uint32_t *word, uint32_t most) {
    uint32_t seen = __atomic_load_n(word, __ATOMIC_RELAXED), now;
    do {
        if ((seen & HS_UNITS) >= most) return 0;
        now = seen + 1;
    } while (!hs_word_cas(word, &seen, now));
    if ((now & HS_WAITED) && hs_word_wake(head, word, 1) == 0) hs_word_cas(word, &now, now & HS_UNITS);
    return 1;
}

#endif
