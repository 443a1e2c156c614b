/* check.h: CHECK(condition) ends the program with the place and the condition when it does not hold. */
#ifndef HASTEN_SANITIZE_CHECK_H
#define HASTEN_SANITIZE_CHECK_H

#include <stdio.h>
#include <stdlib.h>

#define CHECK(condition)                                                            \
    do {                                                                            \
        if (!(condition)) {                                                         \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
            exit(1);                                                                \
        }                                                                           \
    } while (0)

#define RUN(test)                      \
    do {                               \
        test();                        \
        printf("  %s: ok\n", #test);   \
        fflush(stdout);                \
    } while (0)

#endif
