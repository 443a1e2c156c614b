/* What starting a program costs without Python: floor COUNT plain|capture PROGRAM [ARGUMENT...]
 *
 * Starts the program that many times, one after the other, by vfork and exec, and waits for each; `capture`
 * reads its output from a pipe too. Prints the nanoseconds of all together and the bytes that were read.
 */

#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void fail(const char *step)
{
    perror(step);
    exit(1);
}

static pid_t start(char **command, const int *ends)
{
    pid_t child = vfork();
    if (child < 0)
        fail("vfork");
    if (child == 0) {
        if (ends != NULL)
            dup2(ends[1], 1);
        execv(command[0], command);
        _exit(127);
    }
    return child;
}

static long long drain(const int *ends)
{
    static char block[1 << 16];
    long long total = 0;
    ssize_t count;
    close(ends[1]);
    while ((count = read(ends[0], block, sizeof(block))) > 0)
        total += count;
    close(ends[0]);
    return total;
}

int main(int count, char **words)
{
    if (count < 4) {
        fprintf(stderr, "usage: floor COUNT plain|capture PROGRAM [ARGUMENT...]\n");
        return 2;
    }
    int capture = strcmp(words[2], "capture") == 0, ends[2];
    long long bytes = 0, begin = now();
    for (long left = atol(words[1]); left > 0; left--) {
        int status;
        if (capture && pipe2(ends, O_CLOEXEC) < 0)
            fail("pipe2");
        pid_t child = start(words + 3, capture ? ends : NULL);
        if (capture)
            bytes += drain(ends);
        if (waitpid(child, &status, 0) < 0)
            fail("waitpid");
        if (status != 0) {
            fprintf(stderr, "floor: %s ended with wait status %d\n", words[3], status);
            return 1;
        }
    }
    printf("%lld %lld\n", now() - begin, bytes);
    return 0;
}
