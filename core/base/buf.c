/* Growing byte string. */
#include <secureops/base.h>

#include <stdlib.h>

int sco_buf_reserve(struct sco_buf *b, size_t more)
{
    if (b->failed)
        return SCO_E_NOMEM;
    if (b->cap - b->n >= more)
        return 0;
    size_t need, cap = b->cap ? b->cap : 64;
    if (__builtin_add_overflow(b->n, more, &need)) {
        b->failed = true;
        return SCO_E_NOMEM;
    }
    while (cap < need)
        cap = cap > SIZE_MAX / 2 ? need : cap * 2;
    char *p = sco_grow(b->p, cap, 1);
    if (!p) {
        b->failed = true;
        return SCO_E_NOMEM;
    }
    b->p = p;
    b->cap = cap;
    return 0;
}

void sco_buf_add(struct sco_buf *b, struct sco_str s)
{
    if (s.n && sco_buf_reserve(b, s.n) == 0) {
        memcpy(b->p + b->n, s.p, s.n);
        b->n += s.n;
    }
}

void sco_buf_addz(struct sco_buf *b, const char *z)
{
    sco_buf_add(b, sco_str_c(z));
}

void sco_buf_addc(struct sco_buf *b, char c)
{
    if (sco_buf_reserve(b, 1) == 0)
        b->p[b->n++] = c;
}

void sco_buf_addvf(struct sco_buf *b, const char *fmt, va_list ap)
{
    va_list ap2;
    va_copy(ap2, ap);
    int n = vsnprintf(NULL, 0, fmt, ap2);
    va_end(ap2);
    if (n < 0)
        b->failed = true;
    else if (sco_buf_reserve(b, (size_t)n + 1) == 0) {
        vsnprintf(b->p + b->n, (size_t)n + 1, fmt, ap);
        b->n += (size_t)n;
    }
}

void sco_buf_addf(struct sco_buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    sco_buf_addvf(b, fmt, ap);
    va_end(ap);
}

void sco_buf_add_i64(struct sco_buf *b, int64_t v)
{
    char tmp[24];
    char *p = tmp + sizeof tmp;
    uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    do
        *--p = (char)('0' + u % 10);
    while (u /= 10);
    if (v < 0)
        *--p = '-';
    sco_buf_add(b, sco_str_make(p, (size_t)(tmp + sizeof tmp - p)));
}

const char *sco_buf_z(struct sco_buf *b)
{
    if (sco_buf_reserve(b, 1) < 0)
        return "";
    b->p[b->n] = 0;
    return b->p;
}

int sco_buf_check(const struct sco_buf *b, struct sco_error *err)
{
    return b->failed ? sco_error_nomem(err) : 0;
}

void sco_buf_clear(struct sco_buf *b)
{
    b->n = 0;
    b->failed = false;
}

void sco_buf_done(struct sco_buf *b)
{
    free(b->p);
    *b = (struct sco_buf){0};
}

void sco_buf_cleanup_(struct sco_buf *b)
{
    sco_buf_done(b);
}
