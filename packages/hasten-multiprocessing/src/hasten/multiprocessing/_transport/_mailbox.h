/* _mailbox.h: messages between two threads of two processes, in memory that both have mapped.
 *
 * Invariants:
 *
 * - A mailbox has one direction: one thread puts, another takes.  `tail` counts the bytes put and `head` the bytes taken;
 *   only the putter stores tail, only the taker stores head.  The store of tail commits a whole message.
 * - Neither side trusts the values of the other: whatever they are, all accesses stay inside the mailbox.
 * - Before the taker sleeps on the socket it sets `asleep`, then checks once more for a message.  Whichever side changes
 *   `asleep` back to 0 knows whether a wake-up byte is on the socket: if it was the putter, it sends one; if it was the
 *   taker, none was sent.  So each wake-up byte is read exactly once.  It may arrive after its message was taken; the
 *   taker then finds nothing and sleeps again.
 *
 * A message is a word (its length, or HS_BOX_ELSEWHERE) and its bytes, and begins at a multiple of 8.
 *
 * The memory is a sealed memfd, so that neither side can shrink it under the other.  No Python API.
 */
#ifndef HASTEN_MAILBOX_H
#define HASTEN_MAILBOX_H

#include "shm_sync.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define HS_BOX_ROOM 16384u          /* bytes, a power of two */
#define HS_BOX_LONGEST (HS_BOX_ROOM / 2)
#define HS_BOX_ELSEWHERE 0xffffffffu /* the message itself is on the socket */
#define HS_BOX_SEALS (F_SEAL_SHRINK | F_SEAL_GROW)
#define HS_BOX_WAKE 0x2a            /* the wake-up byte */

typedef struct {
    _Alignas(64) uint32_t tail;
    uint32_t asleep;
    int32_t cpu; /* CPU of the putter at the last message */
    _Alignas(64) uint32_t head;
    _Alignas(64) char bytes[HS_BOX_ROOM];
} hs_box;

typedef struct {
    hs_box ways[2]; /* [0]: from the process that made the memory; [1]: to it */
} hs_boxes;

/* ---- the memory ---- */

/* A descriptor of new memory, or -1 with errno. */
static inline int hs_boxes_make(void) {
    int fd = memfd_create("hasten.mailbox", MFD_CLOEXEC | MFD_ALLOW_SEALING), error;
    if (fd < 0) return -1;
    if (ftruncate(fd, sizeof(hs_boxes)) == 0 && fcntl(fd, F_ADD_SEALS, HS_BOX_SEALS) == 0) {
        if (fallocate(fd, 0, 0, sizeof(hs_boxes)) == 0 || errno == EOPNOTSUPP || errno == ENOSYS) return fd;
    }
    error = errno;
    close(fd);
    errno = error;
    return -1;
}

/* Map the memory of a descriptor, which may be closed afterwards; NULL with errno. */
static inline hs_boxes *hs_boxes_map(int fd) {
    struct stat about;
    int seals = fcntl(fd, F_GET_SEALS);
    void *found;
    if (seals < 0 || fstat(fd, &about) < 0) return NULL;
    if ((seals & HS_BOX_SEALS) != HS_BOX_SEALS || about.st_size != (off_t)sizeof(hs_boxes)) {
        errno = EINVAL;
        return NULL;
    }
    found = mmap(NULL, sizeof(hs_boxes), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    return found == MAP_FAILED ? NULL : (hs_boxes *)found;
}

/* ---- putting ---- */

static inline uint32_t hs_box_size(uint32_t length) { return (length + (uint32_t)sizeof(uint32_t) + 7) & ~7u; }

static inline void hs_box_copy_in(hs_box *box, uint32_t at, const char *from, uint32_t size) {
    uint32_t offset = at & (HS_BOX_ROOM - 1), first = HS_BOX_ROOM - offset;
    if (first > size) first = size;
    memcpy(box->bytes + offset, from, first);
    if (first < size) memcpy(box->bytes, from + first, size - first);
}

/* Put a message, or, if data is NULL, HS_BOX_ELSEWHERE.  *tail*, *head*: the putter's position, and the taker's as last
 * seen.  0 if there is no room; *wake*: whether a wake-up byte has to be sent. */
static inline int hs_box_put(hs_box *box, uint32_t *tail, uint32_t *head, const void *data, uint32_t length, int *wake) {
    uint32_t word = data == NULL ? HS_BOX_ELSEWHERE : length, size = hs_box_size(data == NULL ? 0 : length);
    if (HS_BOX_ROOM - (*tail - *head) < size) {
        *head = __atomic_load_n(&box->head, __ATOMIC_ACQUIRE);
        if (*tail - *head > HS_BOX_ROOM || HS_BOX_ROOM - (*tail - *head) < size) return 0;
    }
    memcpy(box->bytes + (*tail & (HS_BOX_ROOM - 1)), &word, sizeof word);
    if (data != NULL) hs_box_copy_in(box, *tail + (uint32_t)sizeof word, data, length);
    box->cpu = sched_getcpu();
    *tail += size;
    __atomic_store_n(&box->tail, *tail, __ATOMIC_SEQ_CST);
    *wake = __atomic_load_n(&box->asleep, __ATOMIC_SEQ_CST) && __atomic_exchange_n(&box->asleep, 0, __ATOMIC_SEQ_CST);
    return 1;
}

static inline uint32_t hs_box_taken(const hs_box *box) { return __atomic_load_n(&box->head, __ATOMIC_ACQUIRE); }

/* ---- taking ---- */

static inline int hs_box_has(const hs_box *box, uint32_t head) {
    return __atomic_load_n(&box->tail, __ATOMIC_SEQ_CST) != head;
}

/* Read the word of the next message; 0 if the memory is inconsistent. */
static inline int hs_box_look(const hs_box *box, uint32_t head, uint32_t *word) {
    uint32_t there = __atomic_load_n(&box->tail, __ATOMIC_ACQUIRE) - head;
    memcpy(word, box->bytes + (head & (HS_BOX_ROOM - 1)), sizeof *word);
    if (*word == HS_BOX_ELSEWHERE) return there >= hs_box_size(0) && there <= HS_BOX_ROOM;
    return *word <= HS_BOX_LONGEST && hs_box_size(*word) <= there && there <= HS_BOX_ROOM;
}

/* Take the next message: *length* bytes, 0 for HS_BOX_ELSEWHERE. */
static inline void hs_box_take(hs_box *box, uint32_t *head, char *to, uint32_t length) {
    uint32_t offset = (*head + (uint32_t)sizeof(uint32_t)) & (HS_BOX_ROOM - 1), first = HS_BOX_ROOM - offset;
    if (first > length) first = length;
    if (length) memcpy(to, box->bytes + offset, first);
    if (first < length) memcpy(to + first, box->bytes, length - first);
    *head += hs_box_size(length);
    __atomic_store_n(&box->head, *head, __ATOMIC_RELEASE);
}

/* Spin for a message if the putter was last seen on another CPU; whether one is there. */
static inline int hs_box_spin(const hs_box *box, uint32_t head, int32_t *budget) {
    int32_t cpu = __atomic_load_n(&box->cpu, __ATOMIC_RELAXED);
    int64_t until;
    int found;
    if (cpu == sched_getcpu() || *budget < 1000) return 0;
    until = hs_now() + *budget;
    do {
        for (int i = 0; i < 16; i++) hs_pause();
        found = hs_box_has(box, head);
    } while (!found && hs_now() < until);
    hs_spin_met(budget, found);
    return found;
}

/* ---- the socket ---- */

/* Send a descriptor beside one byte; 0, or an errno. */
static inline int hs_send_fd(int socket, int fd) {
    char byte = HS_BOX_WAKE;
    struct iovec piece = {&byte, 1};
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int))];
    } beside;
    struct msghdr message = {0};
    memset(&beside, 0, sizeof beside);
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = &beside;
    message.msg_controllen = sizeof beside.room;
    beside.head.cmsg_level = SOL_SOCKET;
    beside.head.cmsg_type = SCM_RIGHTS;
    beside.head.cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(&beside.head), &fd, sizeof fd);
    while (sendmsg(socket, &message, MSG_NOSIGNAL) < 0)
        if (errno != EINTR) return errno;
    return 0;
}

/* Receive a descriptor; 0, or an errno.  *fd* is -1 if none has arrived: this process has no free descriptor. */
static inline int hs_receive_fd(int socket, int *fd) {
    char byte;
    struct iovec piece = {&byte, 1};
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int))];
    } beside;
    struct msghdr message = {0};
    ssize_t got;
    *fd = -1;
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = &beside;
    message.msg_controllen = CMSG_LEN(sizeof(int)); /* not sizeof room: the padding has room for a second descriptor */
    while ((got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC)) < 0)
        if (errno != EINTR) return errno;
    struct cmsghdr *found = CMSG_FIRSTHDR(&message);
    if (found != NULL && found->cmsg_level == SOL_SOCKET && found->cmsg_type == SCM_RIGHTS
        && found->cmsg_len == CMSG_LEN(sizeof(int)))
        memcpy(fd, CMSG_DATA(found), sizeof *fd);
    return got == 1 ? 0 : ECONNRESET;
}

/* Send a wake-up byte; 0, or an errno. */
static inline int hs_send_wake(int socket) {
    char byte = HS_BOX_WAKE;
    return send(socket, &byte, 1, MSG_NOSIGNAL) == 1 ? 0 : errno;
}

#endif
