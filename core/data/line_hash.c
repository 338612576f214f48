/* GitHub's primaryLocationLineHash: for each line a rolling hash over the 100 UTF-16 units, without
 * spaces and tabs, that start with it, and how often that hash came before in the file. */
#include <secureops/finding.h>

enum { WINDOW = 100, END_OF_FILE = 65535 };

struct hasher {
    uint64_t h, first; /* first: 37^100, the weight of the unit that leaves */
    uint32_t window[WINDOW];
    size_t lines[WINDOW]; /* line + 1 whose hash is due when the window comes round */
    size_t at;
    size_t n; /* lines begun */
    bool at_start, after_cr, failed;
    struct sco_map counts;
    struct sco_arena *arena;
    const char **out;
    size_t cap;
};

static void emit(struct hasher *s)
{
    void **count = sco_map_put(&s->counts, sco_str_make((const char *)&s->h, sizeof s->h), NULL);
    if (!count) {
        s->failed = true;
        return;
    }
    uintptr_t times = (uintptr_t)*count + 1; /* the map's value is the counter itself */
    *count = (void *)times;
    const char *text = sco_arena_fmt(s->arena, "%llx:%zu", (unsigned long long)s->h, (size_t)times);
    s->failed = s->failed || !text;
    s->out[s->lines[s->at] - 1] = text;
    s->lines[s->at] = 0;
}

static void update(struct hasher *s, uint32_t unit)
{
    uint32_t old = s->window[s->at];
    s->window[s->at] = unit;
    s->h = 37 * s->h + unit - s->first * old;
    s->at = (s->at + 1) % WINDOW;
}

static void begin_line(struct hasher *s)
{
    s->at_start = false;
    if (SCO_VEC_PUSH(s->out, s->n, s->cap) < 0) {
        s->failed = true;
        return;
    }
    s->out[s->n++] = NULL;
    s->lines[s->at] = s->n;
}

static void unit(struct hasher *s, uint32_t c)
{
    if (s->failed || c == ' ' || c == '\t' || (s->after_cr && c == '\n')) {
        s->after_cr = false;
        return;
    }
    s->after_cr = c == '\r';
    if (c == '\r')
        c = '\n';
    if (s->lines[s->at])
        emit(s);
    if (s->at_start)
        begin_line(s);
    s->at_start = c == '\n';
    update(s, c);
}

static bool continues(unsigned char c)
{
    return (c & 0xC0) == 0x80;
}

/* The code point at p and its length; bad UTF-8 counts as U+FFFD, byte by byte. */
static size_t decode(const unsigned char *p, size_t n, uint32_t *cp)
{
    *cp = p[0];
    if (p[0] < 0x80)
        return 1;
    size_t len = p[0] >= 0xF0 ? 4 : p[0] >= 0xE0 ? 3 : 2;
    uint32_t v = p[0] & (0x7Fu >> len);
    *cp = 0xFFFD;
    if (p[0] < 0xC2 || p[0] > 0xF4 || len > n)
        return 1;
    for (size_t i = 1; i < len; i++) {
        if (!continues(p[i]))
            return 1;
        v = v << 6 | (p[i] & 0x3Fu);
    }
    if ((len == 3 && (v < 0x800 || (v >= 0xD800 && v < 0xE000))) ||
        (len == 4 && (v < 0x10000 || v > 0x10FFFF)))
        return 1;
    *cp = v;
    return len;
}

static void run(struct hasher *s, struct sco_str text)
{
    const unsigned char *p = (const unsigned char *)text.p;
    s->first = 1;
    for (int i = 0; i < WINDOW; i++)
        s->first *= 37;
    s->at_start = true;
    for (size_t i = 0; i < text.n && !s->failed;) {
        uint32_t cp;
        i += decode(p + i, text.n - i, &cp);
        if (cp >= 0x10000) {
            unit(s, 0xD800 + ((cp - 0x10000) >> 10));
            cp = 0xDC00 + (cp & 0x3FF);
        }
        unit(s, cp);
    }
    unit(s, END_OF_FILE);
    for (int i = 0; i < WINDOW && !s->failed; i++) {
        if (s->lines[s->at])
            emit(s);
        update(s, 0);
    }
}

int sco_line_hashes(struct sco_str text, struct sco_arena *arena, const char ***ret, size_t *ret_n)
{
    struct hasher s = {.arena = arena};
    run(&s, text);
    const char **out = s.failed ? NULL : sco_arena_alloc_raw(arena, s.n * sizeof *out);
    if (out)
        memcpy((void *)out, (const void *)s.out, s.n * sizeof *out);
    sco_map_done(&s.counts);
    sco_free_cleanup_(&s.out);
    if (!out)
        return SCO_E_NOMEM;
    *ret = out;
    *ret_n = s.n;
    return 0;
}
