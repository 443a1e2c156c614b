/* The program that the rows of `subprocess` start: static, without a C library, so that its own start costs
 * next to nothing. What it does is told by its first argument:
 *
 *     (none)    ends
 *     hello     writes a line
 *     produce N writes N bytes, lines of 64 characters
 *     sink N    reads to the end; its status is 0 if that was N bytes
 *     echo      writes what it reads
 *     clock N   sleeps N milliseconds, writes the monotonic time in nanoseconds as 8 bytes, and ends
 */

#include <asm/unistd.h>

enum { SIZE = 1 << 16, LINE = 64, STDIN = 0, STDOUT = 1, CLOCK_MONOTONIC = 1 };

static char block[SIZE];

#if defined(__x86_64__)
static long system_call(long number, long first, long second, long third)
{
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(first), "S"(second), "d"(third)
                     : "rcx", "r11", "memory");
    return result;
}
__asm__(".globl _start\n_start:\n mov %rsp, %rdi\n and $-16, %rsp\n call start\n");
#elif defined(__aarch64__)
static long system_call(long number, long first, long second, long third)
{
    register long x8 __asm__("x8") = number, x0 __asm__("x0") = first;
    register long x1 __asm__("x1") = second, x2 __asm__("x2") = third;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
    return x0;
}
__asm__(".globl _start\n_start:\n mov x0, sp\n bl start\n");
#else
#error "only x86-64 and arm64 are known here"
#endif

static void end(int status)
{
    for (;;)
        system_call(__NR_exit_group, status, 0, 0);
}

static void write_all(const char *from, long count)
{
    while (count > 0) {
        long written = system_call(__NR_write, STDOUT, (long)from, count);
        if (written <= 0)
            end(1);
        from += written;
        count -= written;
    }
}

static long read_some(void)
{
    long count = system_call(__NR_read, STDIN, (long)block, SIZE);
    if (count < 0)
        end(1);
    return count;
}

static long number_in(const char *text)
{
    long number = 0;
    while (*text >= '0' && *text <= '9')
        number = number * 10 + (*text++ - '0');
    return number;
}

static void produce(long count)
{
    for (int at = 0; at < SIZE; at++)
        block[at] = at % LINE == LINE - 1 ? '\n' : (char)('0' + at % LINE);
    for (; count > 0; count -= SIZE)
        write_all(block, count < SIZE ? count : SIZE);
}

static void sink(long expected)
{
    long total = 0, count;
    while ((count = read_some()) > 0)
        total += count;
    end(total != expected);
}

static void echo(void)
{
    long count;
    while ((count = read_some()) > 0)
        write_all(block, count);
}

static void clock_after(long milliseconds)
{
    long time[2] = {milliseconds / 1000, milliseconds % 1000 * 1000000};
    system_call(__NR_nanosleep, (long)time, 0, 0);
    system_call(__NR_clock_gettime, CLOCK_MONOTONIC, (long)time, 0);
    long now = time[0] * 1000000000 + time[1];
    write_all((const char *)&now, sizeof(now));
}

__attribute__((used)) static void start(long *stack)
{
    long count = stack[0];
    char **words = (char **)(stack + 1);
    long number = count > 2 ? number_in(words[2]) : 0;
    switch (count > 1 ? words[1][0] : 0) {
    case 'h':
        write_all("hello\n", 6);
        break;
    case 'p':
        produce(number);
        break;
    case 's':
        sink(number);
        break;
    case 'e':
        echo();
        break;
    case 'c':
        clock_after(number);
        break;
    }
    end(0);
}
