/* Arena: a list of blocks, the newest first. */
#include <secureops/base.h>

#include <stdlib.h>

struct sco_arena_block {
    struct sco_arena_block *next;
    size_t used, cap;
    _Alignas(16) char data[];
};

enum { BLOCK_MIN = 4096, BLOCK_MAX = 1 << 20 };

static struct sco_arena_block *add_block(struct sco_arena *a, size_t n)
{
    size_t cap = a->head ? a->head->cap * 2 : BLOCK_MIN;
    if (cap > BLOCK_MAX)
        cap = BLOCK_MAX;
    if (cap < n)
        cap = n;
    if (cap > SIZE_MAX - sizeof(struct sco_arena_block))
        return NULL;
    struct sco_arena_block *b = sco_grow(NULL, sizeof *b + cap, 1);
    if (!b)
        return NULL;
    b->next = a->head;
    b->used = 0;
    b->cap = cap;
    a->head = b;
    return b;
}

static void *take(struct sco_arena *a, size_t n, size_t align)
{
    if (a->limit && (n > a->limit || a->used > a->limit - n))
        return NULL;
    struct sco_arena_block *b = a->head;
    size_t at = b ? (b->used + align - 1) & ~(align - 1) : 0;
    if (!b || at > b->cap || n > b->cap - at) {
        b = add_block(a, n);
        if (!b)
            return NULL;
        at = 0;
    }
    b->used = at + n;
    a->used += n;
    return b->data + at;
}

void *sco_arena_alloc(struct sco_arena *a, size_t n)
{
    void *p = take(a, n, 16);
    return p ? memset(p, 0, n) : NULL;
}

void *sco_arena_alloc_raw(struct sco_arena *a, size_t n)
{
    return take(a, n, 8);
}

struct sco_str sco_arena_str(struct sco_arena *a, struct sco_str s)
{
    char *p = s.n == SIZE_MAX ? NULL : take(a, s.n + 1, 1);
    if (!p)
        return sco_str_make(NULL, 0);
    if (s.n)
        memcpy(p, s.p, s.n);
    p[s.n] = 0;
    return sco_str_make(p, s.n);
}

char *sco_arena_cstr(struct sco_arena *a, struct sco_str s)
{
    return (char *)sco_arena_str(a, s).p;
}

char *sco_arena_fmt(struct sco_arena *a, const char *fmt, ...)
{
    va_list ap, ap2;
    va_start(ap, fmt);
    va_copy(ap2, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    char *p = n < 0 ? NULL : take(a, (size_t)n + 1, 1);
    if (p)
        vsnprintf(p, (size_t)n + 1, fmt, ap2);
    va_end(ap2);
    return p;
}

void sco_arena_reset(struct sco_arena *a)
{
    struct sco_arena_block *keep = a->head;
    for (struct sco_arena_block *b = a->head; b; b = b->next)
        if (b->cap > keep->cap)
            keep = b;
    for (struct sco_arena_block *b = a->head, *next; b; b = next) {
        next = b->next;
        if (b != keep)
            free(b);
    }
    if (keep && keep->cap > BLOCK_MAX) { /* one huge item must not be kept for ever */
        free(keep);
        keep = NULL;
    }
    if (keep) {
        keep->next = NULL;
        keep->used = 0;
    }
    a->head = keep;
    a->used = 0;
}

void sco_arena_done(struct sco_arena *a)
{
    for (struct sco_arena_block *b = a->head, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    a->head = NULL;
    a->used = 0;
}

void sco_arena_cleanup_(struct sco_arena *a)
{
    sco_arena_done(a);
}
