/* Appending JSON to a buffer where the shape is known: keys are literals, so that a member costs
 * one look at the room there is and two copies. For what is written once for every finding. */
#pragma once

#include "json_priv.h"
#include "json_simd.h"

/* Makes room for n bytes; most of the time there is. */
static inline bool put_room(struct sco_buf *out, size_t n)
{
    return (out->cap - out->n >= n && !out->failed) || sco_buf_reserve(out, n) == 0;
}

static inline void put_char(struct sco_buf *out, char c)
{
    if (put_room(out, 1))
        out->p[out->n++] = c;
}

static inline void put_bytes(struct sco_buf *out, struct sco_str s)
{
    if (s.n && put_room(out, s.n)) {
        memcpy(out->p + out->n, s.p, s.n);
        out->n += s.n;
    }
}

static inline void put_int(struct sco_buf *out, uint32_t v)
{
    enum { DIGITS_MAX = 10 };
    size_t n = 1;
    for (uint32_t k = v; k >= 10; k /= 10)
        n++;
    if (!put_room(out, DIGITS_MAX))
        return;
    for (char *p = out->p + out->n + n; n; n--, out->n++, v /= 10)
        *--p = (char)('0' + v % 10);
}

#ifdef SCO_JSON_SSE2
/* Copies n bytes, at least 16, in pieces of 16, the last of which may lie over the one before.
 * False: one of them needs an escape or is not ASCII. */
static inline bool put_pieces(char *p, const char *from, size_t n)
{
    for (size_t i = 0; i < n; i += 16) {
        size_t at = i + 16 <= n ? i : n - 16;
        __m128i x = _mm_loadu_si128((const __m128i *)(const void *)(from + at));
        if (sco_json_special16(x) | (unsigned)_mm_movemask_epi8(x))
            return false;
        _mm_storeu_si128((__m128i *)(void *)(p + at), x);
    }
    return true;
}
#else
static inline bool put_pieces(char *p, const char *from, size_t n)
{
    unsigned high = 0;
    memcpy(p, from, n);
    return sco_json_span(from, n, &high) == n && !high;
}
#endif

/* Eight bytes hold one that needs an escape or is not ASCII (may say yes for none, never no for
 * one). */
static inline bool put_needs_care(uint64_t w)
{
    const uint64_t ones = 0x0101010101010101u, high = 0x8080808080808080u;
    uint64_t quote = w ^ (ones * '"'), slash = w ^ (ones * '\\');
    return (w | (w - ones * 0x20) | (quote - ones) | (slash - ones)) & high;
}

/* The same as put_pieces() for less than 16 bytes. */
static inline bool put_short(char *p, const char *from, size_t n)
{
    uint64_t first, last;
    uint32_t begin, end;
    if (n >= 8) {
        memcpy(&first, from, 8);
        memcpy(&last, from + n - 8, 8);
        memcpy(p, &first, 8);
        memcpy(p + n - 8, &last, 8);
        return !put_needs_care(first) && !put_needs_care(last);
    }
    if (n >= 4) {
        memcpy(&begin, from, 4);
        memcpy(&end, from + n - 4, 4);
        memcpy(p, &begin, 4);
        memcpy(p + n - 4, &end, 4);
        return !put_needs_care((uint64_t)begin << 32 | end);
    }
    for (size_t i = 0; i < n; i++) {
        p[i] = from[i];
        if ((unsigned char)from[i] >= 0x80 || sco_json_is_special((unsigned char)from[i]))
            return false;
    }
    return true;
}

/* A string of printable ASCII without quotes and backslashes, as nearly all are. False: it is
 * perhaps another one, and nothing was appended. */
static inline bool put_plain(struct sco_buf *out, struct sco_str s)
{
    if (s.n > SIZE_MAX / 2 || !put_room(out, s.n + 2)) {
        out->failed = true;
        return true;
    }
    char *p = out->p + out->n;
    if (!(s.n >= 16 ? put_pieces(p + 1, s.p, s.n) : put_short(p + 1, s.p, s.n)))
        return false;
    p[0] = p[s.n + 1] = '"';
    out->n += s.n + 2;
    return true;
}

/* `key` has its quotes and the colon already, and a bracket or a member stands before it; inlined,
 * so that its length is known. */
__attribute__((always_inline)) static inline void put_key(struct sco_buf *out, const char *key,
                                                          size_t n)
{
    if (!put_room(out, n + 1))
        return;
    char *p = out->p + out->n;
    if (p[-1] != '{')
        *p++ = ',';
    memcpy(p, key, n);
    out->n = (size_t)(p + n - out->p);
}

#define PUT_LIT(out, text) put_bytes(out, SCO_STR(text))
#define PUT_KEY(out, key) put_key(out, "\"" key "\":", sizeof("\"" key "\":") - 1)
