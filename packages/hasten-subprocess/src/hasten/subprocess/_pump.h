/* _pump.h: feeding a child's stdin and collecting its outputs, in one poll loop.  No Python API, no GIL.
 *
 * hs_pump() runs until every end is done, and comes back earlier when something needs the GIL: a buffer is
 * full, a signal handler may have to run, a descriptor is to be closed by Python code.  All that it knows
 * is in hs_exchange, so that the next call goes on where the last one stopped.
 *
 * Blocking.  poll() promises no more than room for PIPE_BUF bytes.  To write more at a time without the
 * danger of sleeping in write(), where no output is read and no deadline seen, the input's end is made
 * non-blocking.  That is a property of the open file, which copies of the descriptor share (not the child,
 * which has the other end of the pipe); so it is done only for more than PIPE_BUF bytes, only while hs_pump()
 * runs, and undone whenever it returns.  Outputs stay as they are: read() takes what is there.
 *
 * A pipe holds 64 KiB, and when it is full, parent and child take turns: each sleeps until the other is done.
 * So for an input that does not fit, a pipe of that size is made larger, if the system has room for that.
 *
 * Signals.  One that arrives while hs_pump() sleeps ends the sleep with EINTR.  One that arrives while it
 * copies data does not, and must not be slept over.  So the first sleep after any work is short; when it
 * ends without an event, and at least every HS_SIGNALS_EVERY while data flows, hs_pump() lets the caller
 * look for signals.  After such a look it sleeps as long as it takes: see polling.h.
 */
#ifndef HASTEN_SUBPROCESS_PUMP_H
#define HASTEN_SUBPROCESS_PUMP_H

#include "polling.h"  /* first, for what it defines */

#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <unistd.h>

#define HS_SIGNALS_EVERY 20000000  /* ns */
#define HS_USUAL_PIPE 65536        /* bytes; another size has been chosen by somebody, and stays */
#define HS_LARGE_PIPE 262144       /* more does not make it faster */
#define HS_MOST_AT_ONCE (1 << 30)  /* bytes; more than INT_MAX is an error on some systems */

#ifndef PIPE_BUF
#  define PIPE_BUF 512  /* the least that POSIX allows */
#endif

enum {
    HS_PUMP_DONE,
    HS_PUMP_TIMEOUT,
    HS_PUMP_SIGNALS,  /* look for signals, tell hs_signals_seen(), and go on */
    HS_PUMP_FULL,     /* the output *full* needs room */
    HS_PUMP_ENDED,    /* the descriptor *ended* is done with: close it */
    HS_PUMP_ERROR,    /* errno tells */
    HS_PUMP_GO_ON     /* only inside */
};

/* A descriptor is -1 when that end is done, or was never there.  *blocking*: the flags of the open file
 * that are to be put back, or -1. */
typedef struct { int fd, blocking; const char *data; size_t size, sent; } hs_input;
typedef struct { int fd; char *data; size_t used, room; } hs_output;

typedef struct {
    hs_input input;
    hs_output outputs[2];
    int closes;        /* whether hs_pump() closes an end when it is done, or returns HS_PUMP_ENDED */
    int ended, full;   /* which descriptor, which output */
    int restless;      /* something was done since the last look for signals */
    int64_t looked;    /* when that was */
    hs_alert alert;    /* signals are held back from the look to the first sleep */
    int running;       /* some thread is in hs_pump(), or between two calls of it */
} hs_exchange;

/* Only one thread at a time: whether the caller may go on.  Then it calls hs_exchange_leave() at last. */
static inline int hs_exchange_enter(hs_exchange *x) {
    if (__atomic_exchange_n(&x->running, 1, __ATOMIC_ACQUIRE) != 0) return 0;
    x->alert.period = 0;
    return 1;
}

static inline void hs_exchange_leave(hs_exchange *x) { __atomic_store_n(&x->running, 0, __ATOMIC_RELEASE); }

/* The caller has looked for signals, and calls hs_pump() next. */
static inline void hs_signals_seen(hs_exchange *x) {
    hs_alert_begin(&x->alert);
    x->looked = hs_now();
    x->restless = 0;
}

static inline int hs_end(hs_exchange *x, int *fd) {
    x->ended = *fd;
    *fd = -1;
    if (!x->closes) return HS_PUMP_ENDED;
    close(x->ended);
    return HS_PUMP_GO_ON;
}

static inline int hs_failed(void) {
    if (errno == EINTR) return HS_PUMP_SIGNALS;
    return errno == EAGAIN || errno == EWOULDBLOCK ? HS_PUMP_GO_ON : HS_PUMP_ERROR;
}

static inline size_t hs_at_most(size_t wanted, size_t limit) { return wanted < limit ? wanted : limit; }

static inline void hs_input_widen(const hs_input *in) {
#if defined(F_SETPIPE_SZ)
    if (in->size - in->sent > HS_USUAL_PIPE && fcntl(in->fd, F_GETPIPE_SZ) == HS_USUAL_PIPE)
        fcntl(in->fd, F_SETPIPE_SZ, HS_LARGE_PIPE);
#else
    (void)in;
#endif
}

/* Make the input's end non-blocking if that is worth it.  Returns how many bytes to write at a time, or 0
 * with an errno. */
static inline size_t hs_input_hurry(hs_input *in) {
    int flags;
    if (in->fd < 0 || in->size - in->sent <= PIPE_BUF) return PIPE_BUF;
    hs_input_widen(in);
    flags = fcntl(in->fd, F_GETFL);
    if (flags < 0) return 0;
    if (flags & O_NONBLOCK) return HS_MOST_AT_ONCE;
    if (fcntl(in->fd, F_SETFL, flags | O_NONBLOCK) < 0) return 0;
    in->blocking = flags;
    return HS_MOST_AT_ONCE;
}

static inline void hs_input_restore(hs_input *in) {
    int saved = errno;
    if (in->blocking >= 0) fcntl(in->fd, F_SETFL, in->blocking);
    in->blocking = -1;
    errno = saved;
}

static inline int hs_input_end(hs_exchange *x) {
    hs_input_restore(&x->input);
    return hs_end(x, &x->input.fd);
}

/* The input's end can take bytes, or its reader is gone, which ends it like the end of the input. */
static inline int hs_feed(hs_exchange *x, size_t limit) {
    hs_input *in = &x->input;
    ssize_t n = write(in->fd, in->data + in->sent, hs_at_most(in->size - in->sent, limit));
    if (n < 0) return errno == EPIPE ? hs_input_end(x) : hs_failed();
    in->sent += (size_t)n;
    return in->sent == in->size ? hs_input_end(x) : HS_PUMP_GO_ON;
}

/* The output has bytes, or has come to its end.  If nobody has it open for writing any more (*hung_up*),
 * read() never sleeps, and the rest is taken without asking poll() in between. */
static inline int hs_dequeue_all_locked(hs_exchange *x, int which, int hung_up) {
    hs_output *out = &x->outputs[which];
    do {
        if (out->used == out->room) {
            x->full = which;
            return HS_PUMP_FULL;
        }
        ssize_t n = read(out->fd, out->data + out->used, hs_at_most(out->room - out->used, HS_MOST_AT_ONCE));
        if (n < 0) return hs_failed();
        if (n == 0) return hs_end(x, &out->fd);
        out->used += (size_t)n;
    } while (hung_up);
    return HS_PUMP_GO_ON;
}

/* One sleep, and what can be done after it.  *limit*: how many bytes to write at a time. */
static inline int hs_pump_turn(hs_exchange *x, int64_t until, size_t limit) {
    struct pollfd fds[3] = {
        { .fd = x->input.fd, .events = POLLOUT },
        { .fd = x->outputs[0].fd, .events = POLLIN },
        { .fd = x->outputs[1].fd, .events = POLLIN },
    };
    int status = HS_PUMP_GO_ON, ready = hs_poll(fds, 3, until, &x->alert);
    if (ready < 0) return hs_failed();
    if (ready == 0) return HS_PUMP_TIMEOUT;
    x->restless = 1;
    if (fds[0].revents) status = hs_feed(x, limit);
    for (int i = 0; i < 2 && status == HS_PUMP_GO_ON; i++)
        if (fds[i + 1].revents) status = hs_dequeue_all_locked(x, i, fds[i + 1].revents & POLLHUP);
    return status;
}

static inline int hs_exchange_done(const hs_exchange *x) {
    return x->input.fd < 0 && x->outputs[0].fd < 0 && x->outputs[1].fd < 0;
}

static inline int hs_pump_until(hs_exchange *x, int64_t deadline, size_t limit) {
    while (!hs_exchange_done(x)) {
        int64_t now = hs_now(), until = deadline;
        int status;
        if (x->restless) {
            if (now - x->looked >= HS_SIGNALS_EVERY) return HS_PUMP_SIGNALS;
            if (until - now > HS_SIGNALS_EVERY) until = now + HS_SIGNALS_EVERY;
        } else {
            until = hs_alert_until(&x->alert, deadline, HS_LATE_LOOK_UP);
        }
        status = hs_pump_turn(x, until, limit);
        if (status == HS_PUMP_TIMEOUT && until != deadline) return HS_PUMP_SIGNALS;
        if (status != HS_PUMP_GO_ON) return status;
        /* Too late, but what was ready has been done: so a timeout of 0 gets on, too. */
        if (now >= deadline && !hs_exchange_done(x)) return HS_PUMP_TIMEOUT;
    }
    return HS_PUMP_DONE;
}

static inline int hs_pump_alert(hs_exchange *x, int64_t deadline) {
    size_t limit;
    int status;
    if (x->input.fd >= 0 && x->input.sent == x->input.size) {  /* there is nothing to say */
        status = hs_input_end(x);
        if (status != HS_PUMP_GO_ON) return status;
    }
    limit = hs_input_hurry(&x->input);
    if (limit == 0) return HS_PUMP_ERROR;
    status = hs_pump_until(x, deadline, limit);
    hs_input_restore(&x->input);
    return status;
}

/* Go on with the exchange until the deadline.  Returns one of the enum above. */
static inline int hs_pump(hs_exchange *x, int64_t deadline) {
    int status = hs_pump_alert(x, deadline);
    hs_alert_end(&x->alert);
    return status;
}

#endif
