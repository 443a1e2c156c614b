/* _wire.h: the bytes of messages on a descriptor.
 *
 * A message is a header and its bytes.  The header is the length in 4 bytes, or, if that does not fit 31 bits, 4 bytes
 * 0xff and the length in 8 bytes; both big-endian.
 *
 * The functions return at any error, EINTR and EAGAIN included, so that the caller can run signal handlers; called
 * again, they continue.  They may block: call them without the GIL.  No Python API.
 */
#ifndef HASTEN_WIRE_H
#define HASTEN_WIRE_H

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define HS_SHORT_HEADER 4
#define HS_LONG_HEADER 12
#define HS_LONGEST_SHORT 0x7fffffff
#define HS_END_OF_FILE (-1)
#define HS_READ_MOST 0x7ffff000 /* the most that Linux reads at a time; other systems fail for more */

#ifndef IOV_MAX
#  define IOV_MAX 16
#endif

/* The unwritten rest of a message: *count* pieces from *next* on, which are changed as they are written. */
typedef struct {
    struct iovec *next;
    int count;
    size_t sent;
} hs_outgoing;

/* Write a header; its length. */
static inline size_t hs_wire_header(unsigned char *header, uint64_t size) {
    int width = HS_SHORT_HEADER;
    if (size > HS_LONGEST_SHORT) {
        memset(header, 0xff, HS_SHORT_HEADER);
        header += HS_SHORT_HEADER;
        width = HS_LONG_HEADER - HS_SHORT_HEADER;
    }
    for (int i = 0; i < width; i++) header[i] = (unsigned char)(size >> (8 * (width - 1 - i)));
    return size > HS_LONGEST_SHORT ? HS_LONG_HEADER : HS_SHORT_HEADER;
}

static inline uint64_t hs_wire_number(const unsigned char *bytes, int width) {
    uint64_t number = 0;
    for (int i = 0; i < width; i++) number = number << 8 | bytes[i];
    return number;
}

/* Skip the bytes that have been written. */
static inline void hs_wire_consume(hs_outgoing *out, size_t written) {
    out->sent += written;
    while (out->count > 0 && written >= out->next->iov_len) {
        written -= out->next->iov_len;
        out->next++;
        out->count--;
    }
    if (out->count > 0) {
        out->next->iov_base = (char *)out->next->iov_base + written;
        out->next->iov_len -= written;
    }
}

/* Copy a small message into one piece: write() is faster than writev(). */
static inline void hs_wire_gather(hs_outgoing *out, struct iovec *one, char *room) {
    size_t size = 0;
    for (int i = 0; i < out->count; i++) {
        if (out->next[i].iov_len) memcpy(room + size, out->next[i].iov_base, out->next[i].iov_len);
        size += out->next[i].iov_len;
    }
    one->iov_base = room;
    one->iov_len = size;
    out->next = one;
    out->count = 1;
}

/* Write the rest: 0, or an errno.  alert: return EINTR after any short write, since the kernel reports a signal that has
 * interrupted a partial write as a short write only. */
static inline int hs_wire_write(int fd, hs_outgoing *out, int alert) {
    while (out->count > 0) {
        ssize_t written = out->count == 1 ? write(fd, out->next->iov_base, out->next->iov_len)
                                          : writev(fd, out->next, out->count < IOV_MAX ? out->count : IOV_MAX);
        if (written < 0) return errno;
        hs_wire_consume(out, (size_t)written);
        if (alert && out->count > 0) return EINTR;
    }
    return 0;
}

/* Read until *got* is *size*, never beyond: other code may read from the descriptor, or poll it.  0,
 * HS_END_OF_FILE, or an errno; alert: EINTR after any short read, as above. */
static inline int hs_wire_read(int fd, char *into, size_t size, size_t *got, int alert) {
    while (*got < size) {
        size_t left = size - *got;
        ssize_t count = read(fd, into + *got, left < HS_READ_MOST ? left : HS_READ_MOST);
        if (count < 0) return errno;
        if (count == 0) return HS_END_OF_FILE;
        *got += (size_t)count;
        if (alert && *got < size) return EINTR;
    }
    return 0;
}

/* The same without blocking, for a socket: EAGAIN if nothing is there, ENOTSOCK for another descriptor. */
static inline int hs_wire_read_now(int fd, char *into, size_t size, size_t *got) {
    ssize_t count = recv(fd, into, size, MSG_DONTWAIT);
    if (count < 0) return errno;
    if (count == 0) return HS_END_OF_FILE;
    *got = (size_t)count;
    return *got < size ? EINTR : 0;
}

/* Read at least a byte from a socket, waiting up to *most* ns (< 0: without limit); EINTR if nothing has arrived.
 * The limit is for a caller that has to run signal handlers: a signal just before the sleep does not interrupt it. */
static inline ssize_t hs_wire_read_some(int fd, char *into, size_t size, int64_t most) {
    if (size > HS_READ_MOST) size = HS_READ_MOST;
    if (most < 0) return recv(fd, into, size, 0);
    struct pollfd one = {fd, POLLIN, 0};
    int ready = poll(&one, 1, (int)((most + 999999) / 1000000));
    if (ready > 0) return recv(fd, into, size, MSG_DONTWAIT);
    if (ready == 0) errno = EINTR;
    return -1;
}

/* Replace a stored descriptor by -1 and return it; of several callers only one gets it. */
static inline int hs_take_fd(int *fd) { return __atomic_exchange_n(fd, -1, __ATOMIC_ACQ_REL); }

#endif
