/* _wire.h: the bytes of messages on a descriptor.
 *
 * A message is its length, in 4 bytes, and then so many bytes; where 31 bits do not do for the length, 4
 * bytes that are all ones come first, and it has 8.  All lengths are big-endian.
 *
 * The functions stop at any error, EINTR and EAGAIN included, and go on from there when they are called
 * again: the caller has signals to look after.  No Python API; to be called without the GIL, for they may
 * block.
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
#define HS_READ_MOST 0x7ffff000 /* what Linux reads or writes at a time; other systems refuse more */

#ifndef IOV_MAX
#  define IOV_MAX 16
#endif

/* What is left of a message to be written: *next* and those after it are consumed as they go. */
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

/* Forget what has been written. */
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

/* Put a message of a few hundred bytes into one piece: a write() of it takes less than a writev(). */
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

/* Write it all. 0, or an errno.  A signal that ends a sleep with some bytes written is no error to the
 * kernel: for the thread that gets signals, EINTR stands for any short write.  */
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

/* Read until *got* is *size*, and not a byte more: others may read from the descriptor, or poll it.  0,
 * HS_END_OF_FILE, or an errno; EINTR for any short read, as above. */
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

/* What is there of it, without waiting; the same results, and ENOTSOCK for what is no socket. */
static inline int hs_wire_read_now(int fd, char *into, size_t size, size_t *got) {
    ssize_t count = recv(fd, into, size, MSG_DONTWAIT);
    if (count < 0) return errno;
    if (count == 0) return HS_END_OF_FILE;
    *got = (size_t)count;
    return *got < size ? EINTR : 0;
}

/* Read something, at least a byte, in *most* ns; EINTR if there was nothing.  With *most* < 0 it waits for ever.
 * The caller has signals to look after, and may sleep over one that comes just before: hence the *most*. */
static inline ssize_t hs_wire_read_some(int fd, char *into, size_t size, int64_t most) {
    if (size > HS_READ_MOST) size = HS_READ_MOST;
    if (most < 0) return recv(fd, into, size, 0);
    struct pollfd one = {fd, POLLIN, 0};
    int ready = poll(&one, 1, (int)((most + 999999) / 1000000));
    if (ready > 0) return recv(fd, into, size, MSG_DONTWAIT);
    if (ready == 0) errno = EINTR;
    return -1;
}

/* Take a descriptor out of where it is kept, once. */
static inline int hs_take_fd(int *fd) { return __atomic_exchange_n(fd, -1, __ATOMIC_ACQ_REL); }

#endif
