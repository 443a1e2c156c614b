/* _layout.h: the bytes of a ShareableList, which are those of the standard library's.
 *
 *   8 bytes            N, the number of items
 *   8 (N + 1) bytes    where each item's storage begins, from the beginning of the data on; the last: where it ends
 *   the data           each item in its storage, a multiple of 8 bytes
 *   8 N bytes          a struct format for each item: "q" int, "d" float, "xxxxxxx?" bool, "xxxxxx?x" None, "24s" text
 *   N bytes            what to make of it: 0 the value itself, 1 str, 2 bytes, 3 None
 *
 * Text fills its storage with NULs, and the standard library takes all NULs at the end away, those of the value too.  So
 * a value that ends with NULs has its exact length in the format, and a blank after it, which struct ignores: "3s ".
 * A standard library that reads it finds what it would have found anyway, and one that writes to the item sees that
 * this is no format of its own and makes a new one.  A length of seven digits leaves no room for the blank; then it is
 * exact if it is not that of the whole storage.
 */
#ifndef HASTEN_LAYOUT_H
#define HASTEN_LAYOUT_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { HS_INT, HS_FLOAT, HS_BOOL, HS_NONE, HS_TEXT, HS_UNKNOWN };
enum { HS_AS_IT_IS, HS_STR, HS_BYTES, HS_NOTHING };

#define HS_LONGEST_TEXT 9999999

static inline uint64_t hs_format_word(const char *text) {
    char padded[8] = {0};
    uint64_t word;
    memcpy(padded, text, strnlen(text, 8));
    memcpy(&word, padded, 8);
    return word;
}

/* The kind of an item by the eight bytes of its format.  Of text: how many bytes it has, and whether that is exact. */
static inline int hs_format_read(const char *format, int64_t storage, int64_t *length, int *exact) {
    uint64_t word;
    int64_t number = 0;
    int i = 0;
    memcpy(&word, format, 8);
    if (word == hs_format_word("q")) return HS_INT;
    if (word == hs_format_word("d")) return HS_FLOAT;
    if (word == hs_format_word("xxxxxxx?")) return HS_BOOL;
    if (word == hs_format_word("xxxxxx?x")) return HS_NONE;
    char copy[8];
    memcpy(copy, &word, 8); /* another process may be writing to it */
    while (i < 7 && copy[i] >= '0' && copy[i] <= '9') number = 10 * number + (copy[i++] - '0');
    if (i == 0 || copy[i] != 's' || number > storage) return HS_UNKNOWN;
    int marked = i < 7 && copy[i + 1] == ' ';
    for (i += 1 + marked; i < 8; i++)
        if (copy[i] != 0) return HS_UNKNOWN;
    *length = number;
    *exact = marked || number != storage;
    return HS_TEXT;
}

static inline int hs_is_ascii(const char *text, size_t length) {
    uint64_t word, all = 0;
    size_t i = 0;
    for (; i + 8 <= length; i += 8) {
        memcpy(&word, text + i, 8);
        all |= word;
    }
    for (; i < length; i++) all |= (unsigned char)text[i];
    return (all & 0x8080808080808080u) == 0;
}

/* The format for text of *length* bytes; 0 if none tells that its NULs at the end are its own. */
static inline int hs_format_text(char *format, int64_t storage, int64_t length, int ends_with_nul) {
    char text[24];
    if (!ends_with_nul) snprintf(text, sizeof text, "%lld", (long long)storage);
    else snprintf(text, sizeof text, "%lld", (long long)length);
    strcat(text, "s");
    if (ends_with_nul && strlen(text) < 8) strcat(text, " ");
    else if (ends_with_nul && length == storage) return 0;
    memset(format, 0, 8);
    memcpy(format, text, strnlen(text, 8));
    return 1;
}

#endif
