/* _pump.h: feeding a child's stdin and collecting its outputs, in one poll loop.  No Python API, no GIL.
 *
 * hs_pump() runs until every end is done.  It returns earlier if something needs the GIL: a buffer is full, a signal
 * handler may have to run, a descriptor has to be closed by Python code.  All its state is in hs_exchange, so the next
 * call continues.
 *
 * Blocking.  poll() guarantees room for PIPE_BUF bytes only.  To write more at a time without the risk of blocking in
 * write(), where no output is read and no deadline checked, the input's end is made non-blocking.  That flag is shared
 * by all duplicates of the descriptor (not by the child, which has the other end); so it is set only for more than
 * PIPE_BUF bytes, only while hs_pump() runs, and restored whenever it returns.  Outputs are not changed: read()
 * returns what is there.
 *
 * A pipe holds 64 KiB; when it is full, parent and child alternate, each sleeping until the other is done.  So for an
 * input that does not fit, a pipe of the default size is enlarged, if the system permits.
 *
 * Signals.  A signal during the sleep ends it with EINTR; a signal while data is copied does not, and must not be
 * missed.  So the first sleep after any work is short; when it ends without an event, and at least every
 * HS_SIGNALS_EVERY while data flows, hs_pump() returns for a check of signals.  After such a check it sleeps without
 * that limit: see polling.h.
 */
#ifndef HASTEN_SUBPROCESS_PUMP_H
#define HASTEN_SUBPROCESS_PUMP_H

#include "polling.h"  /* first, for what it defines */

#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <unistd.h>

#define HS_SIGNALS_EVERY 20000000  /* ns */
#define HS_USUAL_PIPE 65536        /* bytes; a pipe of another size was set explicitly, and is kept */
#define HS_LARGE_PIPE 262144       /* more does not make it faster */
#define HS_MOST_AT_ONCE (1 << 30)  /* bytes; more than INT_MAX is an error on some systems */

#ifndef PIPE_BUF
#  define PIPE_BUF 512  /* the least that POSIX allows */
#endif

enum {
    HS_PUMP_DONE,
    HS_PUMP_TIMEOUT,
    HS_PUMP_SIGNALS,  /* check signals, call hs_signals_seen(), and call again */
    HS_PUMP_FULL,     /* the output *full* needs room */
    HS_PUMP_ENDED,    /* the descriptor *ended* is done with: close it */
    HS_PUMP_ERROR,    /* errno tells */
    HS_PUMP_GO_ON     /* only inside */
};

/* A descriptor is -1 if that end is done or missing.  *blocking*: the file status flags to be restored, or -1. */
typedef struct { int fd, blocking; const char *data; size_t size, sent; } hs_input;
typedef struct { int fd; char *data; size_t used, room; } hs_output;

typedef struct {
    hs_input input;
    hs_output outputs[2];
    int closes;        /* whether hs_pump() closes an end when it is done, or returns HS_PUMP_ENDED */
    int ended, full;   /* which descriptor, which output */
    int restless;      /* whether data was moved since the last check of signals */
    int64_t looked;    /* the time of that check, ns */
    hs_alert alert;    /* blocks signals from the check to the first sleep */
    int running;       /* whether a thread uses the exchange */
} hs_exchange;

/* Begin to use the exchange; 0 if another thread does.  hs_exchange_leave() ends it. */
static inline int hs_exchange_enter(hs_exchange *x) {
    if (__atomic_exchange_n(&x->running, 1, __ATOMIC_ACQUIRE) != 0) return 0;
    x->alert.period = 0;
    return 1;
}

static inline void hs_exchange_leave(hs_exchange *x) { __atomic_store_n(&x->running, 0, __ATOMIC_RELEASE); }

/* To be called after a check of signals, right before hs_pump(). */
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

/* Make the input's end non-blocking if there is much to write.  Returns how many bytes to write at a time; 0 with errno. */
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

/* The input's end accepts bytes, or its reader is gone, which ends the input. */
static inline int hs_feed(hs_exchange *x, size_t limit) {
    hs_input *in = &x->input;
    ssize_t n = write(in->fd, in->data + in->sent, hs_at_most(in->size - in->sent, limit));
    if (n < 0) return errno == EPIPE ? hs_input_end(x) : hs_failed();
    in->sent += (size_t)n;
    return in->sent == in->size ? hs_input_end(x) : HS_PUMP_GO_ON;
}

/* The output has bytes, or is at its end.  hung_up: no writer is left, so read() cannot block, and the rest is read
 * without poll(). */
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
        /* Checked after the work, so that calls with a timeout of 0 make progress. */
        if (now >= deadline && !hs_exchange_done(x)) return HS_PUMP_TIMEOUT;
    }
    return HS_PUMP_DONE;
}

static inline int hs_pump_alert(hs_exchange *x, int64_t deadline) {
    size_t limit;
    int status;
    if (x->input.fd >= 0 && x->input.sent == x->input.size) {  /* no input */
        status = hs_input_end(x);
        if (status != HS_PUMP_GO_ON) return status;
    }
    limit = hs_input_hurry(&x->input);
    if (limit == 0) return HS_PUMP_ERROR;
    status = hs_pump_until(x, deadline, limit);
    hs_input_restore(&x->input);
    return status;
}

/* Continue the exchange until the deadline; one of HS_PUMP_*. */
static inline int hs_pump(hs_exchange *x, int64_t deadline) {
    int status = hs_pump_alert(x, deadline);
    hs_alert_end(&x->alert);
    return status;
}

#endif
