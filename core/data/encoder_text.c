/* Texts on their way to the wire: valid UTF-8, no secret, within their limit. */
#include "encoder_priv.h"
#include "json_simd.h"

void *enc_alloc(struct sco_encoder *e, size_t n)
{
    void *p = sco_arena_alloc(&e->scratch, n);
    if (!p)
        e->failed = true;
    return p;
}

struct sco_str enc_copy(struct sco_encoder *e, struct sco_str s)
{
    struct sco_str copy = sco_arena_str(&e->scratch, s);
    if (!copy.p)
        e->failed = true;
    return copy;
}

struct sco_str enc_take(struct sco_encoder *e, struct sco_buf *b)
{
    struct sco_str s = sco_str_make(NULL, 0);
    if (b->failed)
        e->failed = true;
    else if (b->n)
        s = enc_copy(e, sco_buf_str(b));
    sco_buf_done(b);
    return s;
}

static struct sco_str repair(struct sco_encoder *e, struct sco_str s)
{
    if (sco_utf8_valid(s) && !memchr(s.p, 0, s.n))
        return s;
    struct sco_buf b = {0};
    sco_buf_add_utf8(&b, s);
    return enc_take(e, &b);
}

/* Cuts before a code point, so that the text stays valid. */
static struct sco_str cut(struct sco_encoder *e, struct sco_str s, size_t max, const char *name)
{
    size_t n = max - 3;
    while (n && ((unsigned char)s.p[n] & 0xC0) == 0x80)
        n--;
    char *p = enc_alloc(e, n + 4);
    if (!p)
        return sco_str_make(NULL, 0);
    memcpy(p, s.p, n);
    memset(p + n, '.', 3);
    bool known = e->n_cut == ENC_NOTES_MAX;
    for (size_t i = 0; i < e->n_cut; i++)
        known = known || strcmp(e->cut[i], name) == 0;
    if (!known)
        e->cut[e->n_cut++] = name;
    return sco_str_make(p, n + 3);
}

#define ONES UINT64_C(0x0101010101010101)

/* Eight bytes hold one that is not printable ASCII (may say yes for none, never no for one). */
static inline bool has_odd(const char *p)
{
    uint64_t w;
    memcpy(&w, p, 8);
    uint64_t del = w ^ (ONES * 0x7F);
    return (w | ((w - ONES * 0x20) & ~w) | ((del - ONES) & ~del)) & (ONES << 7);
}

/* Whether all of s is printable ASCII; may say no where it is. The last piece may lie over the one
 * before. */
static inline bool is_printable(struct sco_str s)
{
#ifdef SCO_JSON_SSE2
    if (s.n >= 16) {
        for (size_t i = 0; i < s.n; i += 16) {
            const char *p = s.p + (i + 16 <= s.n ? i : s.n - 16);
            __m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
            __m128i low = _mm_cmplt_epi8(x, _mm_set1_epi8(0x20)); /* signed: also not ASCII */
            __m128i del = _mm_cmpeq_epi8(x, _mm_set1_epi8(0x7F));
            if (_mm_movemask_epi8(_mm_or_si128(low, del)))
                return false;
        }
        return true;
    }
#endif
    if (s.n >= 8) {
        for (size_t i = 0; i < s.n; i += 8)
            if (has_odd(s.p + (i + 8 <= s.n ? i : s.n - 8)))
                return false;
        return true;
    }
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < 0x20 || s.p[i] >= 0x7F)
            return false;
    return true;
}

/* Printable ASCII without white space around it, within its limit: nearly every text. */
static inline bool is_plain(const struct sco_encoder *e, struct sco_str s, size_t max)
{
    return s.n && s.n <= max && !e->n_secrets && s.p[0] != ' ' && s.p[s.n - 1] != ' ' &&
           is_printable(s);
}

static struct sco_str any_text(struct sco_encoder *e, struct sco_str s, size_t max,
                               const char *name)
{
    s = enc_trim(s);
    if (!s.n)
        return sco_str_make(NULL, 0);
    if (e->n_secrets) /* before the cut: half a secret would not be found */
        s = enc_redact(e, s);
    if (s.n) /* nothing is left when out of memory */
        s = repair(e, s);
    if (s.n > max)
        s = cut(e, s, max, name);
    return s;
}

struct sco_str enc_text(struct sco_encoder *e, struct sco_str s, size_t max, const char *name)
{
    return is_plain(e, s, max) ? s : any_text(e, s, max, name);
}

static bool is_control(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7F;
}

/* One line: runs of control characters and the spaces around them become one space. */
struct sco_str enc_line(struct sco_encoder *e, struct sco_str s, size_t max, const char *name)
{
    if (!s.n || is_plain(e, s, max))
        return s.n ? s : sco_str_make(NULL, 0);
    s = any_text(e, s, max, name);
    size_t i = 0;
    while (i < s.n && !is_control(s.p[i]))
        i++;
    if (i == s.n)
        return s;
    char *p = enc_alloc(e, s.n + 1);
    if (!p)
        return sco_str_make(NULL, 0);
    size_t n = 0;
    for (i = 0; i < s.n; i++) {
        char c = is_control(s.p[i]) ? ' ' : s.p[i];
        if (c != ' ' || !n || p[n - 1] != ' ')
            p[n++] = c;
    }
    return enc_trim(sco_str_make(p, n));
}

static struct sco_str change_case(struct sco_encoder *e, struct sco_str s, char first)
{
    char *p = s.n ? enc_alloc(e, s.n + 1) : NULL;
    if (!p)
        return sco_str_make(NULL, 0);
    for (size_t i = 0; i < s.n; i++)
        p[i] = (unsigned char)(s.p[i] - first) < 26 ? (char)(s.p[i] ^ 0x20) : s.p[i];
    return sco_str_make(p, s.n);
}

struct sco_str enc_upper(struct sco_encoder *e, struct sco_str s)
{
    return change_case(e, s, 'a');
}

struct sco_str enc_lower(struct sco_encoder *e, struct sco_str s)
{
    return change_case(e, s, 'A');
}

void enc_note(struct sco_encoder *e, const char *key, struct sco_str value)
{
    SCO_BUG_ON(e->n_notes == ENC_NOTES_MAX);
    e->notes[e->n_notes++] = (struct sco_pair){sco_str_c(key), value};
}

static bool has_key(const struct sco_pair *v, size_t n, struct sco_str key)
{
    for (size_t i = 0; i < n; i++)
        if (sco_str_eq(v[i].key, key))
            return true;
    return false;
}

static bool is_reserved(struct sco_str key)
{
    return sco_str_is(key, "secret_digest") || sco_str_is(key, "secret_preview");
}

static void note_cuts(struct sco_encoder *e)
{
    struct sco_buf b = {0};
    if (!e->n_cut)
        return;
    for (size_t i = 0; i < e->n_cut; i++)
        sco_buf_addf(&b, "%s%s", i ? ", " : "", e->cut[i]);
    enc_note(e, "truncated", enc_take(e, &b));
}

/* The tool's own pairs first, then what the encoder has to say; the first of equal keys stays. */
void enc_metadata(struct sco_encoder *e, const struct sco_report_finding *f, struct norm *n)
{
    size_t given = f->n_metadata < FINDING_METADATA_MAX ? f->n_metadata : FINDING_METADATA_MAX;
    struct sco_pair *v = NULL;
    size_t count = 0;
    if (given + ENC_NOTES_MAX)
        v = enc_alloc(e, (given + ENC_NOTES_MAX) * sizeof *v);
    for (size_t i = 0; v && i < given; i++) {
        struct sco_str key = enc_line(e, f->metadata[i].key, 128, "metadata");
        struct sco_str value = enc_text(e, f->metadata[i].value, FINDING_TEXT_MAX, "metadata");
        if (key.n && value.n && !is_reserved(key) && !has_key(v, count, key) &&
            !has_key(e->notes, e->n_notes, key))
            v[count++] = (struct sco_pair){key, value};
    }
    if (f->n_metadata > given && e->n_cut < ENC_NOTES_MAX)
        e->cut[e->n_cut++] = "metadata entries";
    note_cuts(e);
    for (size_t i = 0; v && i < e->n_notes; i++)
        if (!has_key(v, count, e->notes[i].key))
            v[count++] = e->notes[i];
    n->metadata = v;
    n->n_metadata = count;
}
