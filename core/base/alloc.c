/* Allocation with overflow checks and a switch for tests that makes the nth one fail. */
#include <secureops/base.h>

#include <stdlib.h>
#include <unistd.h>

/* More than any machine has: a size that went wrong, not worth asking the allocator. */
static const size_t ALLOC_MAX = ((size_t)1 << 40) - 4096;

/* Per thread: a test counts its own. */
static _Thread_local long countdown = -1;
static _Thread_local long counted;

long sco_alloc_fail_at(long n)
{
    long was = counted;
    counted = 0;
    countdown = n;
    return was;
}

static bool refused(void)
{
    counted++;
    if (countdown < 0)
        return false;
    return countdown-- == 0;
}

void *sco_alloc(size_t n, size_t size)
{
    if (refused())
        return NULL;
    return calloc(n ? n : 1, size ? size : 1);
}

void *sco_grow(void *p, size_t n, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(n, size, &bytes) || bytes > ALLOC_MAX || refused())
        return NULL;
    return realloc(p, bytes ? bytes : 1);
}

char *sco_strdup(struct sco_str s)
{
    char *p = s.n == SIZE_MAX ? NULL : sco_grow(NULL, s.n + 1, 1);
    if (p) {
        if (s.n)
            memcpy(p, s.p, s.n);
        p[s.n] = 0;
    }
    return p;
}

int sco_vec_reserve_(void **p, size_t n, size_t *cap, size_t size)
{
    if (n < *cap)
        return 0;
    size_t more = *cap ? *cap * 2 : 16;
    void *q = more > *cap ? sco_grow(*p, more, size) : NULL;
    if (!q)
        return SCO_E_NOMEM;
    *p = q;
    *cap = more;
    return 0;
}

void sco_fd_cleanup_(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void sco_free_cleanup_(void *p)
{
    free(*(void **)p);
    *(void **)p = NULL;
}
