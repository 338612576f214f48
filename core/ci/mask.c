/* Masking: patterns are few and short, so that each place of the text is simply compared with each
 * pattern that has its first byte. */
#include <secureops/mask.h>

#include <stdlib.h>

enum { LINE_LEAST = 8 /* a line of a key; shorter ones are words */, WRAPPED_LEAST = 48 };

static int by_length(const void *a, const void *b)
{
    const struct sco_str *x = a, *y = b;
    return x->n > y->n ? -1 : x->n < y->n;
}

static int add(struct sco_mask *m, struct sco_str s)
{
    if (s.n < SCO_MASK_LEAST)
        return 0;
    for (size_t i = 0; i < m->n; i++)
        if (sco_str_eq(m->v[i], s))
            return 0;
    if (SCO_VEC_PUSH(m->v, m->n, m->cap) < 0)
        return SCO_E_NOMEM;
    m->v[m->n] = sco_arena_str(&m->arena, s);
    return m->v[m->n++].p ? 0 : SCO_E_NOMEM;
}

/* ---- base64 ---- */
/* The letters that depend on the secret alone, with `before` bytes in front of it and any behind.
 */
static void encode(struct sco_str s, size_t before, const char *alphabet, struct sco_buf *out)
{
    size_t from = (before * 8 + 5) / 6, to = (before + s.n) * 8 / 6;
    for (size_t i = from; i < to; i++) {
        unsigned value = 0;
        for (size_t bit = i * 6; bit < i * 6 + 6; bit++) {
            size_t at = bit - before * 8;
            value = value << 1 | ((unsigned char)s.p[at / 8] >> (7 - at % 8) & 1);
        }
        sco_buf_addc(out, alphabet[value]);
    }
}

static int add_base64(struct sco_mask *m, struct sco_str s)
{
#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    static const char *const alphabets[] = {LETTERS "+/", LETTERS "-_"};
    int r = 0;
    for (size_t before = 0; before < 3 && r == 0; before++)
        for (size_t i = 0; i < SCO_ARRAY_LEN(alphabets) && r == 0; i++) {
            SCO_AUTO(sco_buf) struct sco_buf b = {0};
            encode(s, before, alphabets[i], &b);
            r = b.failed ? SCO_E_NOMEM : add(m, sco_buf_str(&b));
        }
    return r;
}

/* Encoders differ in what they leave as it is (RFC 3986 nothing more; Python's quote the slash;
 * JavaScript's encodeURIComponent, encodeURI), in the case of digits and in the blank. */
static int add_percent(struct sco_mask *m, struct sco_str s)
{
    static const char *const left[] = {"", "/", "!*'()", "/!*'();:@&=+$,?#"};
    int r = 0;
    for (unsigned k = 0; k < 4 * SCO_ARRAY_LEN(left) && r == 0; k++) {
        SCO_AUTO(sco_buf) struct sco_buf b = {0};
        for (size_t i = 0; i < s.n; i++) {
            unsigned char c = (unsigned char)s.p[i];
            bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                         (c >= '0' && c <= '9') ||
                         (c && (strchr("-_.~", c) || strchr(left[k / 4], c)));
            if (plain)
                sco_buf_addc(&b, (char)c);
            else if (c == ' ' && (k & 1))
                sco_buf_addc(&b, '+');
            else
                sco_buf_addf(&b, k & 2 ? "%%%02x" : "%%%02X", c);
        }
        r = b.failed ? SCO_E_NOMEM : add(m, sco_buf_str(&b));
    }
    return r;
}

/* As text of JSON, and of most languages. */
static int add_escaped(struct sco_mask *m, struct sco_str s)
{
    static const char from[] = "\"\\\n\r\t/", to[] = "\"\\nrt/";
    int r = 0;
    for (int slash = 0; slash < 2 && r == 0; slash++) {
        SCO_AUTO(sco_buf) struct sco_buf b = {0};
        for (size_t i = 0; i < s.n; i++) {
            const char *at = s.p[i] ? strchr(from, s.p[i]) : NULL;
            bool escape = at && (*at != '/' || slash);
            if (escape)
                sco_buf_addc(&b, '\\');
            sco_buf_addc(&b, escape ? to[at - from] : s.p[i]);
        }
        r = b.failed ? SCO_E_NOMEM : add(m, sco_buf_str(&b));
    }
    return r;
}

static int add_forms(struct sco_mask *m, struct sco_str s)
{
    int r = add(m, s);
    if (r == 0)
        r = add_base64(m, s);
    if (r == 0)
        r = add_percent(m, s);
    return r == 0 ? add_escaped(m, s) : r;
}

int sco_mask_add(struct sco_mask *m, struct sco_str secret, struct sco_error *err)
{
    struct sco_str rest = secret, line, trimmed = sco_str_trim(secret);
    if (trimmed.n < SCO_MASK_LEAST)
        return sco_error_set(err, SCO_E_INVALID, "a secret of fewer than %d bytes cannot be masked",
                             SCO_MASK_LEAST);
    int r = add_forms(m, secret);
    if (r == 0 && trimmed.n < secret.n) /* a shell drops the end of its last line */
        r = add_forms(m, trimmed);
    while (r == 0 && sco_str_split(&rest, '\n', &line)) {
        line = sco_str_trim(line);
        if (line.n >= LINE_LEAST && line.n < secret.n)
            r = add(m, line);
    }
    if (m->n)
        qsort(m->v, m->n, sizeof *m->v, by_length);
    return r < 0 ? sco_error_nomem(err) : 0;
}

/* ---- the stream ---- */
/* How much of the text is this pattern; 0: it is another. What is long may have been broken into
 * lines, as base64 is by the program of that name. *ret_cut: the text ends within it. */
static size_t match(struct sco_str v, const char *p, size_t left, bool *ret_cut)
{
    size_t i = 0, at = 0;
    *ret_cut = false;
    for (; i < v.n && at < left; at++) {
        if (p[at] == v.p[i])
            i++;
        else if (i == 0 || v.n < WRAPPED_LEAST || (p[at] != '\n' && p[at] != '\r'))
            return 0;
    }
    *ret_cut = i < v.n;
    return i < v.n ? 0 : at;
}

static size_t at_place(const struct sco_mask *m, const char *p, size_t left)
{
    bool cut;
    size_t n = 0;
    for (size_t i = 0; i < m->n && !n; i++)
        n = match(m->v[i], p, left, &cut);
    return n;
}

/* What begins here and is not all here yet; a longer one than that which is all here counts. */
static bool may_begin(const struct sco_mask *m, const char *p, size_t left)
{
    bool cut = false;
    for (size_t i = 0; i < m->n && !cut; i++)
        (void)match(m->v[i], p, left, &cut);
    return cut;
}

void sco_mask_feed(struct sco_mask *m, struct sco_str text, bool end, struct sco_buf *out)
{
    struct sco_buf *h = &m->held;
    size_t at = 0;
    sco_buf_add(h, text);
    while (at < h->n) {
        const char *p = h->p + at;
        size_t left = h->n - at;
        if (!end && may_begin(m, p, left))
            break;
        size_t found = at_place(m, p, left);
        if (found)
            sco_buf_addz(out, "***");
        else
            sco_buf_addc(out, *p);
        at += found ? found : 1;
    }
    if (at)
        memmove(h->p, h->p + at, h->n - at);
    h->n -= at;
    out->failed = out->failed || h->failed;
}

void sco_mask_done(struct sco_mask *m)
{
    for (size_t i = 0; i < m->n; i++)
        explicit_bzero((char *)(uintptr_t)m->v[i].p, m->v[i].n);
    if (m->held.p)
        explicit_bzero(m->held.p, m->held.cap);
    sco_buf_done(&m->held);
    sco_arena_done(&m->arena);
    free(m->v);
    *m = (struct sco_mask){0};
}
