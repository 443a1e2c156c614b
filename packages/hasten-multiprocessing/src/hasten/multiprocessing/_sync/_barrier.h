/* _barrier.h: a barrier in a slot.
 *
 *     63     56 55   32 31        2 1  0
 *     how the   those   generation  filling,
 *     last ended  come              acting or broken
 *
 * Everything that is decided is decided by one instruction on that word: coming, the end of a generation, breaking it.  They
 * sleep on the low half, which changes with the generation.  Who wakes up late finds in the last 8 bits how his
 * generation ended (1: broken or reset); who is later than that takes it for broken, since without him it cannot
 * have gone on otherwise.
 *
 * *actor* names the process that runs the action, from before that is said by HS_ACTING until after it is over: only who
 * has claimed it may say so.  Should it die, the others find the barrier broken.
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
#define hs_b_come(word) ((uint32_t)((word) >> 32) & 0xffffff)
#define hs_b_ends(word) ((uint32_t)((word) >> 56))
#define HS_B_ONE ((uint64_t)1 << 32)
#define HS_B_GENERATIONS 0x3fffffffu

/* The word after the end of its generation. */
static inline uint64_t hs_b_after(uint64_t word, int broken, int status) {
    uint64_t generation = (hs_b_generation(word) + 1) & HS_B_GENERATIONS;
    uint64_t ends = ((hs_b_ends(word) << 1) | (broken ? 1 : 0)) & 0xff;
    return ends << 56 | generation << 2 | (uint64_t)status;
}

/* End the generation that *word* is of, unless something has happened since; whoever sleeps goes on. */
static inline int hs_barrier_end(hs_head *head, hs_barrier *b, uint64_t word, int broken, int status) {
    if (!hs_word_cas(&b->word, &word, hs_b_after(word, broken, status))) return 0;
    hs_word_wake(head, hs_word_low(&b->word), HS_WAKE_ALL);
    return 1;
}

/* Send all away; what the barrier is from then on. */
static inline void hs_barrier_clear(hs_head *head, hs_barrier *b, int status) {
    while (!hs_barrier_end(head, b, hs_word_load(&b->word), 1, status)) {}
}

static inline int hs_barrier_outcome(uint64_t word, uint32_t generation) {
    uint32_t since = (hs_b_generation(word) - generation - 1) & HS_B_GENERATIONS;
    return since < 8 && !(hs_b_ends(word) >> since & 1) ? HS_PASSED : HS_IS_BROKEN;
}

/* Break the barrier if whoever runs the action has ended. */
static inline void hs_barrier_look_for_actor(hs_head *head, hs_barrier *b, uint64_t word, uint64_t me) {
    uint64_t actor = hs_word_load(&b->actor);  /* 0: it was dead, and another has claimed it too late */
    if (actor == 0 || hs_holder_is_dead(actor, me)) hs_barrier_end(head, b, word, 1, HS_BROKEN);
}

/* Be the one who runs the action: 1, or 0 if another living process is just about to, or has just done so. */
static inline int hs_barrier_claim(hs_barrier *b, uint64_t me) {
    uint64_t other = 0;
    if (hs_word_cas(&b->actor, &other, me)) return 1;
    return hs_holder_is_dead(other, me) && hs_word_cas(&b->actor, &other, me);
}

static inline void hs_barrier_disclaim(hs_barrier *b, uint64_t me) { hs_word_cas(&b->actor, &me, (uint64_t)0); }

/* Come.  The word as it is then, or with HS_BROKEN; -1 in *raised* with what a signal handler has raised.  The last one, if there
 * is an action, sets HS_ACTING.  While another action runs this waits. */
static inline uint64_t hs_barrier_come(hs_head *head, hs_barrier *b, hs_process *process, uint32_t parties, int acts,
                                       int *raised) {
    hs_naps naps = {0, 0};
    int claimed = 0;
    for (;;) {
        uint64_t word = hs_word_load(&b->word), me = hs_process_id(process), now;
        if (claimed && (hs_b_status(word) != HS_FILLING || hs_b_come(word) + 1 < parties)) {
            hs_barrier_disclaim(b, me);
            claimed = 0;
        }
        if (hs_b_status(word) == HS_BROKEN) return word;
        if (hs_b_status(word) == HS_ACTING) {
            if (naps.overslept) hs_barrier_look_for_actor(head, b, word, me);
            *raised = hs_nap(head, hs_word_low(&b->word), (uint32_t)word, HS_NEVER, &naps);
            if (*raised < 0) return word;
            continue;
        }
        now = word + HS_B_ONE;
        if (hs_b_come(now) >= parties) {
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

/* Wait for the end of the generation of *come*, a word with this one among those who have come. */
static inline int hs_barrier_sleep(hs_head *head, hs_barrier *b, hs_process *process, uint64_t come, int64_t deadline) {
    hs_naps naps = {0, 0};
    uint32_t generation = hs_b_generation(come);
    for (;;) {
        uint64_t word = hs_word_load(&b->word);
        int acting = hs_b_status(word) == HS_ACTING, late;
        if (hs_b_generation(word) != generation) return hs_barrier_outcome(word, generation);
        if (acting && naps.overslept) hs_barrier_look_for_actor(head, b, word, hs_process_id(process));
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
