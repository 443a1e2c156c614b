/* _block.h: named blocks (files of the shared memory directory) and anonymous ones (memfd), without Python.
 *
 * A new block whose name the program has chosen starts as an unnamed file (O_TMPFILE): its size is set, it is registered
 * with the family, and only then a link gives it the name, or fails because that is taken.  So no process can attach to an
 * incomplete block, and one whose maker is killed meanwhile is freed.  A block with a random name, which no other
 * process knows yet, is made under its name, which is faster.
 *
 * Functions return a descriptor or 0, or -1 with errno.
 */
#ifndef HASTEN_BLOCK_H
#define HASTEN_BLOCK_H

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#if defined(__linux__)
#  include <sys/random.h>
#  include <sys/statfs.h>
#  include <sys/sysinfo.h>
#  include "_table.h"
#  define HS_SHM_LINUX 1
#else
#  define HS_SHM_LINUX 0
#endif

#define HS_SMALL (128 << 10)    /* bytes; reserving fewer takes less than 20 us, so the GIL is kept */
#define HS_LARGE (16 << 20)     /* bytes; for fewer the limits are not checked, which takes some microseconds */
#define HS_STEP (64l << 20)     /* bytes reserved by one system call; a signal undoes the whole call */

static int hs_portable_only; /* HASTEN_PORTABLE=1: no O_TMPFILE */

static int hs_out_of(int error) {
    errno = error;
    return -1;
}

/* Large enough for any name that the kernel takes; a longer one fails by its own length. */
typedef struct { char text[sizeof "/dev/shm/" + 256]; } hs_path;

#if HS_SHM_LINUX
/* *name* without its leading slashes is one component. */
static int hs_path_of(hs_path *path, const char *name) {
    while (*name == '/') name++;
    if (*name == 0 || strchr(name, '/') != NULL) return hs_out_of(EINVAL);
    size_t length = strlen(name);
    if (length > 255) return hs_out_of(ENAMETOOLONG);
    memcpy(path->text, HS_SHM_DIRECTORY "/", sizeof HS_SHM_DIRECTORY);
    memcpy(path->text + sizeof HS_SHM_DIRECTORY, name, length + 1);
    return 0;
}

static int hs_block_open(const char *name, int flags, mode_t mode) {
    hs_path path;
    if (hs_path_of(&path, name) < 0) return -1;
    return open(path.text, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, mode);
}

static int hs_block_unlink(const char *name) {
    hs_path path;
    if (hs_path_of(&path, name) < 0) return -1;
    return unlink(path.text);
}

/* A file without a name; EOPNOTSUPP where there is none. */
static int hs_block_unnamed(mode_t mode) {
    if (hs_portable_only) return hs_out_of(EOPNOTSUPP);
    int fd = open(HS_SHM_DIRECTORY, O_TMPFILE | O_RDWR | O_CLOEXEC, mode);
    /* without support for the flag, it is an attempt to open the directory for writing */
    if (fd < 0 && (errno == EISDIR || errno == ENOENT || errno == EINVAL)) errno = EOPNOTSUPP;
    return fd;
}

static int hs_block_link(int fd, const char *name) {
    hs_path path;
    char own[32];
    if (hs_path_of(&path, name) < 0) return -1;
    snprintf(own, sizeof own, "/proc/self/fd/%d", fd);
    return linkat(AT_FDCWD, own, AT_FDCWD, path.text, AT_SYMLINK_FOLLOW);
}

static int hs_block_anonymous(void) { return memfd_create("hasten.shared_memory", MFD_CLOEXEC); }

/* Bytes of memory and swap, or of the container's limit if that is less. */
static uint64_t hs_memory_there_is(void) {
    struct sysinfo info;
    unsigned long long limit;
    if (sysinfo(&info) < 0) return UINT64_MAX;
    uint64_t total = ((uint64_t)info.totalram + info.totalswap) * info.mem_unit;
    FILE *file = fopen("/sys/fs/cgroup/memory.max", "re");
    if (file != NULL) {
        if (fscanf(file, "%llu", &limit) == 1 && limit < total) total = limit + (uint64_t)info.totalswap * info.mem_unit;
        fclose(file);
    }
    return total;
}

/* Refuse sizes beyond the available memory: otherwise the kernel would use it all up, and then kill processes. */
static int hs_block_fits(int fd, int64_t size, int named) {
    struct statfs fs;
    if (size < HS_LARGE) return 0;
    if (named && fstatfs(fd, &fs) == 0 && fs.f_blocks != 0 && (uint64_t)size / fs.f_bsize > fs.f_bavail)
        return hs_out_of(ENOSPC);
    return (uint64_t)size > hs_memory_there_is() ? hs_out_of(ENOMEM) : 0;
}

/* Allocate the pages from *done* on, so that no write to them can raise SIGBUS.  EINTR: call again.
 *
 * fallocate() takes half the time of MADV_POPULATE_WRITE, MAP_POPULATE or writing zeros.  For when it can be skipped see
 * _space.h. */
static int hs_block_reserve(int fd, int64_t size, int64_t *done) {
    while (*done < size) {
        int64_t step = size - *done < HS_STEP ? size - *done : HS_STEP;
        if (fallocate(fd, 0, *done, step) < 0) {
            if (errno != EOPNOTSUPP && errno != ENOSYS) return -1;
            *done = size; /* no way to reserve here */
            return ftruncate(fd, size);
        }
        *done += step;
    }
    return 0;
}
#else
static int hs_block_open(const char *name, int flags, mode_t mode) {
    int fd = shm_open(name, flags, mode);
    if (fd >= 0) fcntl(fd, F_SETFD, FD_CLOEXEC);
    return fd;
}
static int hs_block_unlink(const char *name) { return shm_unlink(name); }
static int hs_block_unnamed(mode_t mode) { (void)mode; return hs_out_of(EOPNOTSUPP); }
static int hs_block_link(int fd, const char *name) { (void)fd, (void)name; return hs_out_of(EOPNOTSUPP); }
static int hs_block_anonymous(void) {
    char name[32];
    static unsigned counter;
    snprintf(name, sizeof name, "/hasten.%d.%u", (int)getpid(), counter++);
    int fd = hs_block_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
    if (fd >= 0) shm_unlink(name);
    return fd;
}
static int hs_block_fits(int fd, int64_t size, int named) { (void)fd, (void)size, (void)named; return 0; }
static int hs_block_reserve(int fd, int64_t size, int64_t *done) { *done = size; return ftruncate(fd, size); }
#endif

/* Eight hexadecimal digits. */
static void hs_block_random(char *digits) {
    uint32_t number;
#if HS_SHM_LINUX
    if (getrandom(&number, sizeof number, 0) != (ssize_t)sizeof number)
#endif
        number = (uint32_t)random() ^ ((uint32_t)getpid() << 16);
    for (int i = 0; i < 8; i++, number >>= 4) digits[i] = "0123456789abcdef"[number & 15];
}

static int hs_block_identity(int fd, int64_t *size, uint64_t *inode) {
    struct stat st;
    if (fstat(fd, &st) < 0) return -1;
    *size = st.st_size;
    *inode = st.st_ino;
    return 0;
}

static void *hs_block_map(int fd, size_t size) {
    void *address = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    return address == MAP_FAILED ? NULL : address;
}

#endif
