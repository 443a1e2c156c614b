/* park.h: sleeping and waking, the lists of sleepers, signals, fork, and many threads at once.
 *
 * Run under AddressSanitizer for waiters whose stack is gone, under ThreadSanitizer for races, and each of
 * them with the futex and with HASTEN_PORTABLE=1. */
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "park.h"

static void woken_before_it_sleeps(void) {
    int word = 1;
    CHECK(hs_word_wait(&word, HS_NEVER) == HS_WOKEN);
    CHECK(hs_word_wait(&word, hs_now() - 1) == HS_WOKEN);
}

static void a_deadline_is_kept(void) {
    int word = 0;
    int64_t deadline = hs_deadline_after(0.03);
    while (hs_word_wait(&word, deadline) == HS_INTERRUPTED) CHECK(hs_now() < deadline + 1000000000);
    CHECK(hs_now() >= deadline);
    CHECK(hs_word_wait(&word, hs_now() - 1) == HS_TIMEOUT);
    CHECK(hs_word_wait(&word, 0) == HS_TIMEOUT);
}

/* ---- a list, and a lock for it as a queue has one ---- */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static hs_waitlist list;

static void wake_one(void) {
    int *word;
    pthread_mutex_lock(&mutex);
    word = hs_waitlist_pop(&list);
    pthread_mutex_unlock(&mutex);
    if (word) hs_word_wake(word);
}

/* Sleeps like the users of park.h do: linked under the lock, and under it once more before it returns. */
static int sleep_in_list(int64_t deadline, int *interrupted) {
    hs_waiter me;
    int status, woken;
    pthread_mutex_lock(&mutex);
    hs_waitlist_append(&list, &me);
    pthread_mutex_unlock(&mutex);
    while ((status = hs_word_wait(&me.word, deadline)) == HS_INTERRUPTED) {
        if (interrupted && __atomic_load_n(interrupted, __ATOMIC_ACQUIRE)) break;
    }
    pthread_mutex_lock(&mutex);
    hs_waitlist_remove(&list, &me);
    woken = __atomic_load_n(&me.word, __ATOMIC_ACQUIRE);
    pthread_mutex_unlock(&mutex);
    return woken ? HS_WOKEN : status;
}

static void first_to_sleep_is_first_to_wake(void) {
    hs_waitlist own = {0};
    hs_waiter w[4];
    for (int i = 0; i < 4; i++) hs_waitlist_append(&own, &w[i]);
    hs_waitlist_remove(&own, &w[1]);
    hs_waitlist_remove(&own, &w[1]);  /* once more does no harm */
    CHECK(hs_waitlist_pop(&own) == &w[0].word && w[0].word == 1 && w[2].word == 0);
    hs_waitlist_remove(&own, &w[3]);
    hs_waitlist_append(&own, &w[1]);
    CHECK(hs_waitlist_pop(&own) == &w[2].word);
    CHECK(hs_waitlist_pop(&own) == &w[1].word);
    CHECK(hs_waitlist_pop(&own) == NULL);
    CHECK(own.head == NULL && own.tail == NULL);
}

static void *sleeper(void *result) {
    *(int *)result = sleep_in_list(HS_NEVER, NULL);
    return NULL;
}

static void another_thread_wakes(void) {
    pthread_t thread;
    int result = -1, sleeping = 0;
    CHECK(pthread_create(&thread, NULL, sleeper, &result) == 0);
    while (!sleeping) {
        sched_yield();
        pthread_mutex_lock(&mutex);
        sleeping = list.head != NULL;
        pthread_mutex_unlock(&mutex);
    }
    wake_one();
    pthread_join(thread, NULL);
    CHECK(result == HS_WOKEN);
}

/* ---- signals ---- */

static int signal_seen;

static void on_signal(int number) {
    (void)number;
    __atomic_store_n(&signal_seen, 1, __ATOMIC_RELEASE);
}

static void *interrupted_sleeper(void *result) {
    __atomic_store_n((int *)result, sleep_in_list(HS_NEVER, &signal_seen), __ATOMIC_RELEASE);
    return NULL;
}

static void a_signal_interrupts(void) {
    struct sigaction action = {0};
    pthread_t thread;
    int result = -1;
    action.sa_handler = on_signal;
    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
    CHECK(pthread_create(&thread, NULL, interrupted_sleeper, &result) == 0);
    /* one that comes before it sleeps is not seen by the futex: send until it has returned */
    while (__atomic_load_n(&result, __ATOMIC_ACQUIRE) == -1) {
        pthread_kill(thread, SIGUSR1);
        usleep(1000);
    }
    pthread_join(thread, NULL);
    CHECK(result == HS_INTERRUPTED);
    CHECK(list.head == NULL);
}

/* ---- fork ---- */

static void a_child_forgets_the_parents_sleepers(void) {
    hs_waiter parents;
    hs_waitlist own = {0};
    pid_t child;
    int status;
    hs_waitlist_append(&own, &parents);
    child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        hs_waiter mine;
        if (hs_waitlist_pop(&own) != NULL) _exit(1);
        hs_waitlist_append(&own, &mine);
        if (own.head != &mine || own.tail != &mine) _exit(2);
        if (hs_waitlist_pop(&own) != &mine.word) _exit(3);
        hs_word_wake(&mine.word);
        _exit(hs_word_wait(&mine.word, HS_NEVER) == HS_WOKEN ? 0 : 4);
    }
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK(hs_waitlist_pop(&own) == &parents.word);
}

/* ---- many threads: permits go up and down, none is lost and none is made ---- */

#define THREADS 8
#define ROUNDS 3000
static int permits, taken, given_up;

static void *taker(void *seed) {
    unsigned int state = (unsigned int)(uintptr_t)seed;
    for (int i = 0; i < ROUNDS; i++) {
        int got = 0;
        while (!got) {
            pthread_mutex_lock(&mutex);
            if (permits > 0) {
                permits--;
                taken++;
                got = 1;
            }
            pthread_mutex_unlock(&mutex);
            /* every third one gives up at once, so that waiters go away while they are being woken */
            state = state * 1103515245u + 12345u;
            if (!got && sleep_in_list((state >> 16) % 3 ? HS_NEVER : hs_now() + 1000, NULL) == HS_TIMEOUT)
                __atomic_fetch_add(&given_up, 1, __ATOMIC_RELAXED);
        }
    }
    return NULL;
}

static void *giver(void *unused) {
    (void)unused;
    for (int i = 0; i < ROUNDS; i++) {
        pthread_mutex_lock(&mutex);
        permits++;
        pthread_mutex_unlock(&mutex);
        wake_one();
        sched_yield();  /* or the takers would find a heap of permits and never sleep */
    }
    return NULL;
}

/* A wake may meet a sleeper that was about to give up: somebody goes on waking until all are through. */
static void no_permit_is_lost(void) {
    pthread_t takers[THREADS], givers[THREADS];
    int done = 0;
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_create(&takers[i], NULL, taker, (void *)(uintptr_t)(i + 1)) == 0);
        CHECK(pthread_create(&givers[i], NULL, giver, NULL) == 0);
    }
    for (int i = 0; i < THREADS; i++) pthread_join(givers[i], NULL);
    while (!done) {
        wake_one();
        sched_yield();
        pthread_mutex_lock(&mutex);
        done = taken == THREADS * ROUNDS;
        pthread_mutex_unlock(&mutex);
    }
    for (int i = 0; i < THREADS; i++) pthread_join(takers[i], NULL);
    CHECK(permits == 0);
    CHECK(list.head == NULL && list.tail == NULL);
    printf("    %d of the sleeps ended by their deadline\n", given_up);
}

int main(void) {
    CHECK(hs_park_init() == 0);
    printf("  %s\n", hs_portable ? "portable" : "futex");
    RUN(woken_before_it_sleeps);
    RUN(a_deadline_is_kept);
    RUN(first_to_sleep_is_first_to_wake);
    RUN(another_thread_wakes);
    RUN(a_signal_interrupts);
    RUN(a_child_forgets_the_parents_sleepers);
    RUN(no_permit_is_lost);
    return 0;
}
