/* Skipping a list or map without looking into it: strings and the number of open brackets. What is
 * skipped here is checked in full when it is walked. */
#include "json_priv.h"
#include "json_simd.h"

struct skip {
    struct sco_json_src *src;
    uint64_t at;                         /* offset of the bytes in hand */
    uint64_t starts[SCO_JSON_BIG_DEPTH]; /* of the open brackets near the outermost */
    int64_t depth;
    bool in_string;
    bool escaped; /* the next byte follows a backslash */
};

static inline void open_bracket(struct skip *k, size_t i)
{
    if (k->depth < SCO_JSON_BIG_DEPTH)
        k->starts[k->depth] = k->at + i;
    k->depth++;
}

/* True when it is the outermost. */
static inline bool close_bracket(struct skip *k, size_t i)
{
    k->depth--;
    struct sco_json_src *s = k->src;
    if (k->depth < SCO_JSON_BIG_DEPTH && s->n_big < SCO_JSON_BIG_MAX &&
        k->at + i - k->starts[k->depth] >= SCO_JSON_BIG)
        s->big[s->n_big++] = (struct sco_json_extent){k->starts[k->depth], k->at + i + 1};
    return k->depth == 0;
}

/* Byte i: true when it closes the outermost bracket. */
static inline bool step(struct skip *k, char c, size_t i)
{
    if (k->escaped)
        k->escaped = false;
    else if (c == '\\')
        k->escaped = true;
    else if (c == '"')
        k->in_string = !k->in_string;
    else if (!k->in_string && (c == '{' || c == '['))
        open_bracket(k, i);
    else if (!k->in_string && (c == '}' || c == ']'))
        return close_bracket(k, i);
    return false;
}

#ifdef SCO_JSON_SSE2
#define WIDE __attribute__((target("avx2,pclmul,popcnt")))
#define INLINE __attribute__((always_inline)) static inline

struct masks { /* a bit for each of 64 bytes */
    uint64_t quote, back, open, close;
};

/* The same for all x86 processors and for those with AVX2. */
struct look {
    struct masks (*masks)(const char *p);
    uint64_t (*parity_up_to)(uint64_t x); /* bit i: the number of bits at or below i is odd */
    int (*count)(uint64_t x);
};

static inline struct masks masks_sse2(const char *p)
{
    struct masks m = {0, 0, 0, 0};
    const __m128i lower = _mm_set1_epi8(0x20);
    for (unsigned k = 0; k < 64; k += 16) {
        __m128i x = _mm_loadu_si128((const __m128i *)(const void *)(p + k));
        __m128i y = _mm_or_si128(x, lower); /* [ and { become one, ] and } too */
        __m128i q = _mm_cmpeq_epi8(x, _mm_set1_epi8('"'));
        __m128i b = _mm_cmpeq_epi8(x, _mm_set1_epi8('\\'));
        __m128i o = _mm_cmpeq_epi8(y, _mm_set1_epi8('{'));
        __m128i c = _mm_cmpeq_epi8(y, _mm_set1_epi8('}'));
        m.quote |= (uint64_t)(uint16_t)_mm_movemask_epi8(q) << k;
        m.back |= (uint64_t)(uint16_t)_mm_movemask_epi8(b) << k;
        m.open |= (uint64_t)(uint16_t)_mm_movemask_epi8(o) << k;
        m.close |= (uint64_t)(uint16_t)_mm_movemask_epi8(c) << k;
    }
    return m;
}

static inline uint64_t parity_sse2(uint64_t x)
{
    for (unsigned k = 1; k < 64; k <<= 1)
        x ^= x << k;
    return x;
}

static inline int count_sse2(uint64_t x)
{
    x -= x >> 1 & 0x5555555555555555u;
    x = (x & 0x3333333333333333u) + (x >> 2 & 0x3333333333333333u);
    x = (x + (x >> 4)) & 0x0F0F0F0F0F0F0F0Fu;
    return (int)(x * 0x0101010101010101u >> 56);
}

WIDE static inline struct masks masks_avx2(const char *p)
{
    struct masks m = {0, 0, 0, 0};
    const __m256i lower = _mm256_set1_epi8(0x20);
    for (unsigned k = 0; k < 64; k += 32) {
        __m256i x = _mm256_loadu_si256((const __m256i *)(const void *)(p + k));
        __m256i y = _mm256_or_si256(x, lower);
        __m256i q = _mm256_cmpeq_epi8(x, _mm256_set1_epi8('"'));
        __m256i b = _mm256_cmpeq_epi8(x, _mm256_set1_epi8('\\'));
        __m256i o = _mm256_cmpeq_epi8(y, _mm256_set1_epi8('{'));
        __m256i c = _mm256_cmpeq_epi8(y, _mm256_set1_epi8('}'));
        m.quote |= (uint64_t)(uint32_t)_mm256_movemask_epi8(q) << k;
        m.back |= (uint64_t)(uint32_t)_mm256_movemask_epi8(b) << k;
        m.open |= (uint64_t)(uint32_t)_mm256_movemask_epi8(o) << k;
        m.close |= (uint64_t)(uint32_t)_mm256_movemask_epi8(c) << k;
    }
    return m;
}

WIDE static inline uint64_t parity_avx2(uint64_t x)
{
    __m128i all = _mm_set1_epi8((char)0xFF);
    return (uint64_t)_mm_cvtsi128_si64(
        _mm_clmulepi64_si128(_mm_cvtsi64_si128((long long)x), all, 0));
}

WIDE static inline int count_avx2(uint64_t x)
{
    return __builtin_popcountll(x);
}

/* Bits of bytes that follow a backslash which is not itself escaped. */
static inline uint64_t escaped_bits(uint64_t back, bool *carry)
{
    uint64_t esc = *carry;
    back &= ~esc;
    *carry = false;
    while (back) {
        unsigned at = (unsigned)__builtin_ctzll(back);
        back &= back - 1;
        if (at == 63) {
            *carry = true;
        } else {
            esc |= UINT64_C(2) << at;
            back &= ~(UINT64_C(2) << at);
        }
    }
    return esc;
}

/* A bracket near the outermost may close in the block at i: goes from bracket to bracket. The place
 * of the outermost, or 64. */
static unsigned close_in_block(struct skip *k, size_t i, uint64_t open, uint64_t close)
{
    for (uint64_t all = open | close; all; all &= all - 1) {
        unsigned at = (unsigned)__builtin_ctzll(all);
        if (open >> at & 1)
            open_bracket(k, i + at);
        else if (close_bracket(k, i + at))
            return at;
    }
    return 64;
}

/* Whole blocks of p[0..n): how far it came; *done when the closing bracket is behind that. */
INLINE size_t skip_blocks(struct skip *k, const char *p, size_t n, bool *done, struct look look)
{
    size_t i = 0;
    for (; i + 64 <= n; i += 64) {
        struct masks m = look.masks(p + i);
        if (m.back | k->escaped)
            m.quote &= ~escaped_bits(m.back, &k->escaped);
        uint64_t inside = look.parity_up_to(m.quote) ^ (k->in_string ? ~UINT64_C(0) : 0);
        k->in_string = inside >> 63;
        m.open &= ~inside;
        m.close &= ~inside;
        if (!(m.open | m.close))
            continue;
        int closes = look.count(m.close);
        if (k->depth - closes >= SCO_JSON_BIG_DEPTH) {
            k->depth += look.count(m.open) - closes;
            continue;
        }
        unsigned at = close_in_block(k, i, m.open, m.close);
        if (at < 64) {
            *done = true;
            return i + at + 1;
        }
    }
    return i;
}

static size_t skip_blocks_sse2(struct skip *k, const char *p, size_t n, bool *done)
{
    return skip_blocks(k, p, n, done, (struct look){masks_sse2, parity_sse2, count_sse2});
}

WIDE static size_t skip_blocks_avx2(struct skip *k, const char *p, size_t n, bool *done)
{
    return skip_blocks(k, p, n, done, (struct look){masks_avx2, parity_avx2, count_avx2});
}

/* Asked of the C library, which knows it: under a hypervisor the instruction that tells takes tens
 * of microseconds. */
static bool has_avx2(void)
{
#ifdef CPU_FEATURE_ACTIVE
    return CPU_FEATURE_ACTIVE(AVX2) && CPU_FEATURE_ACTIVE(PCLMULQDQ) && CPU_FEATURE_ACTIVE(POPCNT);
#else
    return false;
#endif
}
#endif

/* p[0..n): how many bytes were looked at; *done when the closing bracket is the last of them. */
static size_t skip_some(struct skip *k, const char *p, size_t n, bool *done)
{
    size_t i = 0;
#ifdef SCO_JSON_SSE2
    i = has_avx2() ? skip_blocks_avx2(k, p, n, done) : skip_blocks_sse2(k, p, n, done);
    if (*done)
        return i;
#endif
    for (; i < n; i++) {
        if (step(k, p[i], i)) {
            *done = true;
            return i + 1;
        }
    }
    return i;
}

/* Whether the bracket at p is one whose end is known; then p is there. */
static bool skip_known(struct sco_json_src *s)
{
    uint64_t at = sco_json_src_tell(s);
    for (unsigned i = 0; i < s->n_big; i++) {
        if (s->big[i].start == at) {
            sco_json_src_seek(s, s->big[i].end);
            return true;
        }
    }
    return false;
}

int sco_json_skip(struct sco_json_src *s)
{
    struct skip k = {.src = s};
    bool done = false;
    const char *what = *s->p == '{' ? "an object" : "a list";
    if (skip_known(s))
        return 0;
    for (;;) {
        k.at = sco_json_src_tell(s);
        s->p += skip_some(&k, s->p, (size_t)(s->end - s->p), &done);
        if (done)
            return 0;
        int r = sco_json_src_more(s);
        if (r <= 0)
            return r < 0 ? r : sco_json_cut(s, k.in_string ? "a string" : what);
    }
}
