/* sleep.h: the doze, the sleep of those who look again, signals that raise or fork, and many threads at once.
 *
 * An interpreter without a GIL is made up: a thread state is nothing, and a signal handler is a function of the
 * test that PyErr_CheckSignals() calls. */
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "Python.h"
#include "check.h"

#define HASTEN_COMPAT_H
#define HS_FREE_THREADED 1
typedef pthread_mutex_t hs_mutex;
#define hs_mutex_lock pthread_mutex_lock
#define hs_mutex_unlock pthread_mutex_unlock
#define Py_BEGIN_ALLOW_THREADS {
#define Py_END_ALLOW_THREADS }

/* The handlers of the one thread that has any; -1 if it raised. */
static __thread int (*handler)(void);
static int PyErr_CheckSignals(void) { return handler != NULL ? handler() : 0; }

#include "sleep.h"

static hs_mutex guard = PTHREAD_MUTEX_INITIALIZER;
static hs_waitlist list;

static int anybody_sleeps(void) {
    int answer;
    hs_mutex_lock(&guard);
    answer = list.head != NULL && list.head->parked;
    hs_mutex_unlock(&guard);
    return answer;
}

static int doze(int64_t deadline) {
    hs_waiter me;
    int result;
    hs_mutex_lock(&guard);
    hs_enqueue_locked(&list, &me, NULL);
    hs_mutex_unlock(&guard);
    result = hs_park_enqueued(&list, &guard, &me, deadline, NULL);
    if (result < 0) {
        result = hs_dequeue(&list, &guard, &me) ? -2 : -1;
    } else {
        hs_waitlist_remove(&list, &me);
        hs_mutex_unlock(&guard);
    }
    return result;
}

static int sleep_once(int64_t deadline) {
    hs_mutex_lock(&guard);
    return hs_park(&list, &guard, deadline, NULL);
}

static void wake_one(void) {
    hs_mutex_lock(&guard);
    hs_unpark_one(&list, &guard);
}

static void a_deadline_ends_it(void) {
    int64_t deadline = hs_deadline_after(0.03);
    CHECK(doze(deadline) == 0 && hs_now() >= deadline);
    deadline = hs_deadline_after(0.03);
    CHECK(sleep_once(deadline) == 0 && hs_now() >= deadline);
    CHECK(list.head == NULL);
}

/* ---- handlers ---- */

static int calls;
static int raise_it(void) { return -1; }
static int wake_self(void) {
    calls++;
    wake_one();
    return 0;
}
static int wake_self_and_raise(void) {
    wake_one();
    return -1;
}

static void what_handlers_do_is_not_lost(void) {
    calls = 0;
    handler = wake_self;
    CHECK(doze(HS_NEVER) == 1);
    CHECK(sleep_once(HS_NEVER) == 0);
    CHECK(calls == 2);
    handler = raise_it;
    CHECK(doze(HS_NEVER) == -1);
    CHECK(sleep_once(HS_NEVER) == -1);
    handler = wake_self_and_raise;
    CHECK(doze(HS_NEVER) == -2);
    handler = NULL;
    CHECK(list.head == NULL);
}

static void *doze_in_a_thread(void *result) {
    *(int *)result = doze(HS_NEVER);
    return NULL;
}

/* Woken inside a handler that then raises: the next one is woken in its place. */
static void a_wake_is_passed_on(void) {
    pthread_t thread;
    int result = -1;
    hs_waiter me;
    hs_mutex_lock(&guard);
    hs_enqueue_locked(&list, &me, NULL); /* the first; the sleeping thread is the second */
    hs_mutex_unlock(&guard);
    CHECK(pthread_create(&thread, NULL, doze_in_a_thread, &result) == 0);
    for (int second = 0; !second; sched_yield()) {
        hs_mutex_lock(&guard);
        second = me.next != NULL && me.next->parked;
        hs_mutex_unlock(&guard);
    }
    hs_mutex_lock(&guard);
    CHECK(hs_unpark_next(&list, &guard) == 1 && !list.pending && me.word == 1); /* it was not parked */
    CHECK(hs_dequeue(&list, &guard, &me) == 1);
    hs_mutex_lock(&guard);
    CHECK(hs_unpark_next(&list, &guard) == 1);
    pthread_join(thread, NULL);
    CHECK(result == 1);
}

static int fork_status, in_child;
static pthread_t waker;

static void *wake_when_it_sleeps(void *unused) {
    (void)unused;
    while (!anybody_sleeps()) sched_yield();
    wake_one();
    return NULL;
}

static int fork_it(void) {
    pid_t child = fork();
    int status = -1;
    CHECK(child >= 0);
    handler = NULL;
    in_child = child == 0;
    if (in_child) {
        CHECK(pthread_create(&waker, NULL, wake_when_it_sleeps, NULL) == 0);
    } else {
        CHECK(waitpid(child, &status, 0) == child);
        fork_status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
        hs_mutex_lock(&guard);
        hs_unpark_all(&list, &guard);
    }
    return 0;
}

static void a_child_of_a_handler_is_woken(void) {
    hs_waiter another; /* a thread that is gone in the child */
    hs_mutex_lock(&guard);
    hs_enqueue_locked(&list, &another, NULL);
    hs_mutex_unlock(&guard);
    handler = fork_it;
    CHECK(doze(hs_deadline_after(60)) == 1);
    if (in_child) {
        pthread_join(waker, NULL);
        _exit(list.head == NULL && another.word == 0 ? 0 : 1);
    }
    CHECK(fork_status == 0 && another.word == 1 && list.head == NULL);
}

static int fork_only(void) {
    pid_t child = fork();
    handler = NULL;
    in_child = child == 0;
    if (!in_child) CHECK(waitpid(child, &fork_status, 0) == child);
    return 0;
}

static void a_child_looks_again(void) {
    int64_t deadline = hs_deadline_after(1);
    handler = fork_only;
    CHECK(sleep_once(deadline) == 0);
    if (in_child) _exit(list.head == NULL && hs_now() < deadline ? 0 : 1);
    CHECK(fork_status == 0 && list.head == NULL);
}

/* ---- a signal that comes just before the sleep ---- */

static volatile int tripped;
static void trip(int number) {
    (void)number;
    tripped = 1;
}
static int look(void) { /* the signal arrives right after the look */
    static int looks;
    if (tripped) return -1;
    CHECK(looks++ == 0);
    kill(getpid(), SIGUSR1);
    while (!tripped) sched_yield();
    return 0;
}

static void a_signal_is_not_slept_over(void) {
    struct sigaction action = {0};
    int64_t began = hs_now();
    action.sa_handler = trip;
    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
    handler = look;
    CHECK(doze(hs_deadline_after(60)) == -1);
    handler = NULL;
    CHECK(hs_now() - began < 30000000000);
}

/* ---- many threads ---- */

#define THREADS 8
#define ROUNDS 2000
static int permits, taken;

static void *taker(void *unused) {
    (void)unused;
    for (int i = 0; i < ROUNDS; i++) {
        hs_mutex_lock(&guard);
        while (permits == 0) {
            CHECK(hs_park(&list, &guard, i % 7 ? HS_NEVER : hs_now() + 1000, NULL) == 0);
            hs_mutex_lock(&guard);
        }
        permits--;
        taken++;
        hs_mutex_unlock(&guard);
    }
    return NULL;
}

static void *giver(void *number) {
    for (int i = 0; i < ROUNDS; i++) {
        hs_mutex_lock(&guard);
        permits++;
        if ((uintptr_t)number % 2)
            hs_unpark_any(&list, &guard);
        else
            hs_unpark_up_to(1, &list, &guard);
        sched_yield();
    }
    return NULL;
}

static void no_permit_is_lost(void) {
    pthread_t takers[THREADS], givers[THREADS];
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_create(&takers[i], NULL, taker, NULL) == 0);
        CHECK(pthread_create(&givers[i], NULL, giver, (void *)(uintptr_t)i) == 0);
    }
    alarm(240);
    for (int i = 0; i < THREADS; i++) pthread_join(givers[i], NULL);
    for (int i = 0; i < THREADS; i++) pthread_join(takers[i], NULL);
    alarm(0);
    CHECK(permits == 0 && taken == THREADS * ROUNDS && list.head == NULL);
}

static int everybody(void) {
    int count = 0;
    hs_mutex_lock(&guard);
    for (hs_waiter *w = list.head; w != NULL; w = w->next) count += w->parked;
    hs_mutex_unlock(&guard);
    return count == 40;
}

static void all_are_woken(void) { /* more than fit into one hs_wakes */
    pthread_t threads[40];
    int results[40] = {0};
    for (int i = 0; i < 40; i++) CHECK(pthread_create(&threads[i], NULL, doze_in_a_thread, &results[i]) == 0);
    while (!everybody()) sched_yield();
    hs_mutex_lock(&guard);
    hs_unpark_all(&list, &guard);
    for (int i = 0; i < 40; i++) {
        pthread_join(threads[i], NULL);
        CHECK(results[i] == 1);
    }
}

int main(void) {
    CHECK(hs_park_init() == 0);
    printf("  %s\n", hs_portable ? "portable" : "futex");
    RUN(a_deadline_ends_it);
    RUN(what_handlers_do_is_not_lost);
    RUN(a_wake_is_passed_on);
    RUN(a_child_of_a_handler_is_woken);
    RUN(a_child_looks_again);
    RUN(a_signal_is_not_slept_over);
    RUN(no_permit_is_lost);
    RUN(all_are_woken);
    return 0;
}
