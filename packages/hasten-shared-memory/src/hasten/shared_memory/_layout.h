/* _layout.h: the bytes of a ShareableList, which are those of the standard library's.
 *
 *   8 bytes            N, the number of items
 *   8 (N + 1) bytes    the offset of each item's storage in the data; the last: the end of the data
 *   the data           each item in its storage, a multiple of 8 bytes
 *   8 N bytes          a struct format for each item: "q" int, "d" float, "xxxxxxx?" bool, "xxxxxx?x" None, "24s" text
 *   N bytes            the conversion of each item: 0 the value itself, 1 str, 2 bytes, 3 None
 *
 * Text is padded with NULs to its storage, and the standard library strips all NULs at the end, including those of the
 * value.  So for a value that ends with NULs we store its exact length as the format, followed by a blank, which struct
 * ignores: "3s ".  The standard library reads the same value as without it, and writes a format of its own when it
 * changes the item.  A length of seven digits leaves no room for the blank; then the length is exact if it differs from
 * that of the storage.
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

/* The kind of an item by the eight bytes of its format.  For text also its length in bytes, and whether that is exact. */
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

/* Write the format for text of *length* bytes; 0 if none can preserve its trailing NULs. */
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
