/* _barrier.h: a barrier in a slot.
 *
 *     63     56 55   32 31        2 1  0
 *     results   arrived  generation  filling,
 *     of the             number      acting or broken
 *     last 8
 *
 * Every decision is one compare-and-swap of that word: an arrival, the end of a generation, breaking the barrier.
 * Waiters sleep on the low half, which changes with the generation.  A waiter that wakes late reads from the top 8 bits how
 * its generation ended (1: broken or reset); if 8 more have ended since, it reports a broken barrier: the parties
 * cannot have been complete without it.
 *
 * *actor* names the process that runs the action.  It is claimed before HS_ACTING is set, and kept until the action is
 * over; only the claimant sets HS_ACTING.  If that process dies, the waiters break the barrier.
 */
#ifndef HASTEN_BARRIER_H
#define HASTEN_BARRIER_H

#include "../_arena/_words.h"

typedef struct {
    uint64_t word;
    uint64_t actor;
} hs_barrier;

enum { HS_FILLING = 0, HS_ACTING = 1, HS_BROKEN = 2 };
enum { HS_PASSED = 1, HS_IS_BROKEN = -2, HS_RAISED = -1 };

#define HS_MOST_PARTIES 0xfffff0

#define hs_b_status(word) ((int)((word) & 3))
#define hs_b_generation(word) ((uint32_t)((word) & 0xffffffff) >> 2)
#define hs_b_arrived(word) ((uint32_t)((word) >> 32) & 0xffffff)
#define hs_b_ends(word) ((uint32_t)((word) >> 56))
#define HS_B_ONE ((uint64_t)1 << 32)
#define HS_B_GENERATIONS 0x3fffffffu

/* The word after the end of its generation. */
static inline uint64_t hs_b_after(uint64_t word, int broken, int status) {
    uint64_t generation = (hs_b_generation(word) + 1) & HS_B_GENERATIONS;
    uint64_t ends = ((hs_b_ends(word) << 1) | (broken ? 1 : 0)) & 0xff;
    return ends << 56 | generation << 2 | (uint64_t)status;
}

/* End the generation and wake its waiters, unless the word is no longer *word*; whether it was ended. */
static inline int hs_barrier_end(hs_head *head, hs_barrier *b, uint64_t word, int broken, int status) {
    if (!hs_word_cas(&b->word, &word, hs_b_after(word, broken, status))) return 0;
    hs_word_wake(head, hs_word_low(&b->word), HS_WAKE_ALL);
    return 1;
}

/* Break the current generation; status: HS_FILLING (reset) or HS_BROKEN (abort). */
static inline void hs_barrier_clear(hs_head *head, hs_barrier *b, int status) {
    while (!hs_barrier_end(head, b, hs_word_load(&b->word), 1, status)) {}
}

static inline int hs_barrier_outcome(uint64_t word, uint32_t generation) {
    uint32_t since = (hs_b_generation(word) - generation - 1) & HS_B_GENERATIONS;
    return since < 8 && !(hs_b_ends(word) >> since & 1) ? HS_PASSED : HS_IS_BROKEN;
}

/* Break the barrier if the process that runs the action has ended. */
static inline void hs_barrier_check_actor(hs_head *head, hs_barrier *b, uint64_t word, uint64_t me) {
    uint64_t actor = hs_word_load(&b->actor);  /* 0: the actor was dead, and its claim was replaced and dropped */
    if (actor == 0 || hs_holder_is_dead(actor, me)) hs_barrier_end(head, b, word, 1, HS_BROKEN);
}

/* Claim the action: 1, or 0 if another living process has the claim. */
static inline int hs_barrier_claim(hs_barrier *b, uint64_t me) {
    uint64_t other = 0;
    if (hs_word_cas(&b->actor, &other, me)) return 1;
    return hs_holder_is_dead(other, me) && hs_word_cas(&b->actor, &other, me);
}

static inline void hs_barrier_disclaim(hs_barrier *b, uint64_t me) { hs_word_cas(&b->actor, &me, (uint64_t)0); }

/* Arrive.  Returns the word with this arrival counted, or the one with HS_BROKEN; *raised* is -1 if a signal handler has raised.
 * The last party sets HS_ACTING if there is an action.  Waits while the action of the previous generation runs. */
static inline uint64_t hs_barrier_arrive(hs_head *head, hs_barrier *b, hs_process *process, uint32_t parties, int acts,
                                       int *raised) {
    hs_naps naps = {0, 0};
    int claimed = 0;
    for (;;) {
        uint64_t word = hs_word_load(&b->word), me = hs_process_id(process), now;
        if (claimed && (hs_b_status(word) != HS_FILLING || hs_b_arrived(word) + 1 < parties)) {
            hs_barrier_disclaim(b, me);
            claimed = 0;
        }
        if (hs_b_status(word) == HS_BROKEN) return word;
        if (hs_b_status(word) == HS_ACTING) {
            if (naps.overslept) hs_barrier_check_actor(head, b, word, me);
            *raised = hs_nap(head, hs_word_low(&b->word), (uint32_t)word, HS_NEVER, &naps);
            if (*raised < 0) return word;
            continue;
        }
        now = word + HS_B_ONE;
        if (hs_b_arrived(now) >= parties) {
            if (acts && !claimed && !(claimed = hs_barrier_claim(b, me))) {
                *raised = hs_nap(head, hs_word_low(&b->word), (uint32_t)word, HS_NEVER, &naps);
                if (*raised < 0) return word;
                continue;
            }
            if (acts) {
                now |= HS_ACTING;
            } else {
                if (!hs_barrier_end(head, b, word, 0, HS_FILLING)) continue;
                return now;
            }
        }
        if (hs_word_cas(&b->word, &word, now)) return now;
    }
}

/* Wait for the end of the generation of *arrived*, the word that hs_barrier_arrive() has returned. */
static inline int hs_barrier_sleep(hs_head *head, hs_barrier *b, hs_process *process, uint64_t arrived, int64_t deadline) {
    hs_naps naps = {0, 0};
    uint32_t generation = hs_b_generation(arrived);
    for (;;) {
        uint64_t word = hs_word_load(&b->word);
        int acting = hs_b_status(word) == HS_ACTING, late;
        if (hs_b_generation(word) != generation) return hs_barrier_outcome(word, generation);
        if (acting && naps.overslept) hs_barrier_check_actor(head, b, word, hs_process_id(process));
        late = hs_nap(head, hs_word_low(&b->word), (uint32_t)word, acting ? HS_NEVER : deadline, &naps);
        if (late == 0) continue;
        word = hs_word_load(&b->word);
        while (hs_b_generation(word) == generation && hs_b_status(word) == HS_FILLING) {
            if (late > 0 && hs_barrier_end(head, b, word, 1, HS_BROKEN)) return HS_IS_BROKEN;
            if (late < 0 && hs_word_cas(&b->word, &word, word - HS_B_ONE)) break;
            word = hs_word_load(&b->word);
        }
        if (late < 0) return HS_RAISED;
    }
}

#endif
