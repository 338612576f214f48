/* The compression function of SHA-256 (FIPS 180-4): in C, and with the processor's own instructions
 * where it has them. Ours, because libcrypto takes 1.8 ms to load and to set up, in each of the many
 * processes of a scan, for the one digest that is used of it. */
#include "sha256_priv.h"

#include <string.h>

static const uint32_t k[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t load(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint32_t turn(uint32_t x, unsigned n)
{
    return x >> n | x << (32 - n);
}

/* Words 16 to 63 are made of the 16 of the block. */
static void schedule(uint32_t w[64], const uint8_t *p)
{
    for (size_t i = 0; i < 16; i++)
        w[i] = load(p + 4 * i);
    for (size_t i = 16; i < 64; i++) {
        uint32_t a = w[i - 15], b = w[i - 2];
        w[i] = w[i - 16] + (turn(a, 7) ^ turn(a, 18) ^ a >> 3) + w[i - 7] +
               (turn(b, 17) ^ turn(b, 19) ^ b >> 10);
    }
}

/* One round: where it writes, d and h, become e and a of the next. */
static inline void step(uint32_t a, uint32_t b, uint32_t c, uint32_t *d, uint32_t e, uint32_t f,
                        uint32_t g, uint32_t *h, uint32_t x)
{
    *h += (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + (g ^ (e & (f ^ g))) + x;
    *d += *h;
    *h += (turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) | (c & (a | b)));
}

void sha256_blocks_c(uint32_t state[8], const uint8_t *p, size_t n)
{
    for (; n; n--, p += SHA256_BLOCK) {
        uint32_t w[64], s[8];
        uint32_t *a = s, *b = s + 1, *c = s + 2, *d = s + 3, *e = s + 4, *f = s + 5, *g = s + 6,
                 *h = s + 7;
        schedule(w, p);
        memcpy(s, state, sizeof s);
        for (size_t i = 0; i < 64; i += 8) {
            step(*a, *b, *c, d, *e, *f, *g, h, k[i] + w[i]);
            step(*h, *a, *b, c, *d, *e, *f, g, k[i + 1] + w[i + 1]);
            step(*g, *h, *a, b, *c, *d, *e, f, k[i + 2] + w[i + 2]);
            step(*f, *g, *h, a, *b, *c, *d, e, k[i + 3] + w[i + 3]);
            step(*e, *f, *g, h, *a, *b, *c, d, k[i + 4] + w[i + 4]);
            step(*d, *e, *f, g, *h, *a, *b, c, k[i + 5] + w[i + 5]);
            step(*c, *d, *e, f, *g, *h, *a, b, k[i + 6] + w[i + 6]);
            step(*b, *c, *d, e, *f, *g, *h, a, k[i + 7] + w[i + 7]);
        }
        for (size_t i = 0; i < 8; i++)
            state[i] += s[i];
    }
}

#ifdef __x86_64__
#include <immintrin.h>
#if __has_include(<sys/platform/x86.h>)
#include <sys/platform/x86.h>
#endif

/* Asked of the C library, which knows it: under a hypervisor the instruction that tells takes tens
 * of microseconds. */
static bool has_instructions(void)
{
#ifdef CPU_FEATURE_ACTIVE
    return CPU_FEATURE_ACTIVE(SHA) && CPU_FEATURE_ACTIVE(SSE4_1);
#else
    return false;
#endif
}

#define TARGET __attribute__((target("sha,sse4.1")))

/* Four rounds with the words w. The state is two registers, ABEF and CDGH, and they swap roles
 * after every second round. */
TARGET static inline void four(__m128i *abef, __m128i *cdgh, __m128i w, size_t i)
{
    __m128i x = _mm_add_epi32(w, _mm_loadu_si128((const __m128i *)(const void *)(k + i)));
    *cdgh = _mm_sha256rnds2_epu32(*cdgh, *abef, x);
    *abef = _mm_sha256rnds2_epu32(*abef, *cdgh, _mm_shuffle_epi32(x, 0x0E));
}

TARGET static inline __m128i words(const uint8_t *p)
{
    const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);
    return _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(const void *)p), swap);
}

/* The next four words, of the last sixteen: a (oldest), b, c, d. */
TARGET static inline __m128i more(__m128i a, __m128i b, __m128i c, __m128i d)
{
    __m128i x = _mm_add_epi32(_mm_sha256msg1_epu32(a, b), _mm_alignr_epi8(d, c, 4));
    return _mm_sha256msg2_epu32(x, d);
}

TARGET static void blocks_x86(uint32_t state[8], const uint8_t *p, size_t n)
{
    __m128i *out = (__m128i *)(void *)state;
    __m128i dcba = _mm_loadu_si128(out), hgfe = _mm_loadu_si128(out + 1);
    __m128i cdab = _mm_shuffle_epi32(dcba, 0xB1), efgh = _mm_shuffle_epi32(hgfe, 0x1B);
    __m128i abef = _mm_alignr_epi8(cdab, efgh, 8), cdgh = _mm_blend_epi16(efgh, cdab, 0xF0);
    for (; n; n--, p += SHA256_BLOCK) {
        __m128i first = abef, second = cdgh;
        __m128i a = words(p), b = words(p + 16), c = words(p + 32), d = words(p + 48);
        for (size_t i = 0;; i += 16) {
            four(&abef, &cdgh, a, i);
            four(&abef, &cdgh, b, i + 4);
            four(&abef, &cdgh, c, i + 8);
            four(&abef, &cdgh, d, i + 12);
            if (i == 48)
                break;
            a = more(a, b, c, d);
            b = more(b, c, d, a);
            c = more(c, d, a, b);
            d = more(d, a, b, c);
        }
        abef = _mm_add_epi32(abef, first);
        cdgh = _mm_add_epi32(cdgh, second);
    }
    __m128i feba = _mm_shuffle_epi32(abef, 0x1B), dchg = _mm_shuffle_epi32(cdgh, 0xB1);
    _mm_storeu_si128(out, _mm_blend_epi16(feba, dchg, 0xF0));
    _mm_storeu_si128(out + 1, _mm_alignr_epi8(dchg, feba, 8));
}

sha256_blocks_fn sha256_choose(void)
{
    return has_instructions() ? blocks_x86 : sha256_blocks_c;
}

#else

sha256_blocks_fn sha256_choose(void)
{
    return sha256_blocks_c;
}

#endif
