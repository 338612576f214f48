/* Looking at 16 bytes of JSON at a time with SSE2, and the same one byte at a time; what pays for
 * the choice at run time has a third form, for AVX2.
 * SCO_JSON_PORTABLE selects the second form where SSE2 is there, SCO_JSON_NO_AVX2 the first
 * where AVX2 is, so that they can be tested. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#if defined(__SSE2__) && defined(__x86_64__) && !defined(SCO_JSON_PORTABLE)
#define SCO_JSON_SSE2 1
#include <immintrin.h>
#if __has_include(<sys/platform/x86.h>) && !defined(SCO_JSON_NO_AVX2)
#include <sys/platform/x86.h>
#endif
#endif

/* Bytes that end the plain part of a string: the quote, the backslash, control characters. */
static inline int sco_json_is_special(unsigned char c)
{
    return c == '"' || c == '\\' || c < 0x20;
}

#ifdef SCO_JSON_SSE2
static inline unsigned sco_json_special16(__m128i x)
{
    __m128i quote = _mm_cmpeq_epi8(x, _mm_set1_epi8('"'));
    __m128i back = _mm_cmpeq_epi8(x, _mm_set1_epi8('\\'));
    __m128i ctl = _mm_cmpeq_epi8(_mm_min_epu8(x, _mm_set1_epi8(0x1F)), x);
    return (unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, back), ctl));
}
#endif

/* Bytes of p[0..n) before the first special one; *high gets a bit when one has its top bit set. */
static inline size_t sco_json_span(const char *p, size_t n, unsigned *high)
{
    size_t i = 0;
#ifdef SCO_JSON_SSE2
    for (; i + 16 <= n; i += 16) {
        __m128i x = _mm_loadu_si128((const __m128i *)(const void *)(p + i));
        unsigned special = sco_json_special16(x), top = (unsigned)_mm_movemask_epi8(x);
        if (special) {
            unsigned at = (unsigned)__builtin_ctz(special);
            *high |= top & ((1u << at) - 1);
            return i + at;
        }
        *high |= top;
    }
#endif
    for (; i < n && !sco_json_is_special((unsigned char)p[i]); i++)
        *high |= (unsigned char)p[i] & 0x80u;
    return i;
}

/* White space at the start of p[0..n). */
static inline size_t sco_json_space(const char *p, size_t n)
{
    size_t i = 0;
#ifdef SCO_JSON_SSE2
    for (; i + 16 <= n; i += 16) {
        __m128i x = _mm_loadu_si128((const __m128i *)(const void *)(p + i));
        __m128i a = _mm_or_si128(_mm_cmpeq_epi8(x, _mm_set1_epi8(' ')),
                                 _mm_cmpeq_epi8(x, _mm_set1_epi8('\n')));
        __m128i b = _mm_or_si128(_mm_cmpeq_epi8(x, _mm_set1_epi8('\r')),
                                 _mm_cmpeq_epi8(x, _mm_set1_epi8('\t')));
        unsigned other = ~(unsigned)_mm_movemask_epi8(_mm_or_si128(a, b)) & 0xFFFFu;
        if (other)
            return i + (unsigned)__builtin_ctz(other);
    }
#endif
    while (i < n && (p[i] == ' ' || p[i] == '\n' || p[i] == '\r' || p[i] == '\t'))
        i++;
    return i;
}
