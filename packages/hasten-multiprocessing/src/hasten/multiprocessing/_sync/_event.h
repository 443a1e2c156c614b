/* _event.h: a flag in a slot.
 *
 *     31       2    1      0
 *     number of    waiters  is set
 *     set() calls
 *
 * One instruction sets the flag, increments the count and clears the waiters bit.  So there is no lock that a signal handler
 * could find held or a killed process could keep.  A waiter returns if the flag is set, or if the count has changed:
 * the flag was set meanwhile, even if it has been cleared again.
 */
#ifndef HASTEN_EVENT_H
#define HASTEN_EVENT_H

#include "../_arena/_words.h"

#define HS_FLAG 1u
#define HS_FLAG_WAITED 2u
#define HS_FLAG_TIMES 4u

static inline int hs_event_is_set(uint32_t *word) { return hs_word_load(word) & HS_FLAG; }

static inline void hs_event_set(hs_head *head, uint32_t *word) {
    uint32_t seen = hs_word_load(word);
    do {
        if (seen & HS_FLAG) return;
    } while (!hs_word_cas(word, &seen, ((seen + HS_FLAG_TIMES) | HS_FLAG) & ~HS_FLAG_WAITED));
    if (seen & HS_FLAG_WAITED) hs_word_wake(head, word, HS_WAKE_ALL);
}

static inline void hs_event_clear(uint32_t *word) { __atomic_and_fetch(word, ~HS_FLAG, __ATOMIC_SEQ_CST); }

/* 1, or 0 if the deadline has passed, or -1 with what a signal handler has raised. */
static inline int hs_event_wait(hs_head *head, uint32_t *word, int64_t deadline) {
    hs_naps naps = {0, 0};
    uint32_t seen = hs_word_load(word), times = seen / HS_FLAG_TIMES;
    int late = 0;
    while (!(seen & HS_FLAG) && seen / HS_FLAG_TIMES == times) {
        if (late) return late < 0 ? -1 : 0;
        if (!(seen & HS_FLAG_WAITED) && deadline != 0) {
            if (!hs_word_cas(word, &seen, seen | HS_FLAG_WAITED)) continue;
            seen |= HS_FLAG_WAITED;
        }
        late = hs_nap(head, word, seen, deadline, &naps);
        if (late < 0) return -1;
        seen = hs_word_load(word);
    }
    return 1;
}

#endif
