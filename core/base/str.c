/* String views: search, split, nearest word. */
#include <secureops/base.h>

struct sco_str sco_str_trim(struct sco_str s)
{
    while (s.n && strchr(" \t\r\n\f\v", s.p[0]) && s.p[0])
        s = sco_str_make(s.p + 1, s.n - 1);
    while (s.n && strchr(" \t\r\n\f\v", s.p[s.n - 1]) && s.p[s.n - 1])
        s.n--;
    return s;
}

bool sco_str_ends(struct sco_str s, const char *z)
{
    size_t n = strlen(z);
    return s.n >= n && memcmp(s.p + s.n - n, z, n) == 0;
}

bool sco_str_contains(struct sco_str s, const char *z)
{
    return s.n && memmem(s.p, s.n, z, strlen(z)) != NULL;
}

int sco_str_cmp(struct sco_str a, struct sco_str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n ? memcmp(a.p, b.p, n) : 0;
    return c ? c : (a.n > b.n) - (a.n < b.n);
}

bool sco_str_split(struct sco_str *rest, char sep, struct sco_str *ret)
{
    if (!rest->p)
        return false;
    const char *at = rest->n ? memchr(rest->p, sep, rest->n) : NULL;
    if (at) {
        *ret = sco_str_make(rest->p, (size_t)(at - rest->p));
        *rest = sco_str_make(at + 1, rest->n - ret->n - 1);
    } else {
        *ret = *rest;
        *rest = sco_str_make(NULL, 0);
    }
    return true;
}

enum { NEAREST_MAX = 64 };

static size_t edit_distance(struct sco_str a, struct sco_str b)
{
    size_t row[NEAREST_MAX + 1];
    for (size_t j = 0; j <= b.n; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.n; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.n; j++) {
            size_t best = diagonal + (a.p[i - 1] != b.p[j - 1]);
            diagonal = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[b.n];
}

const char *sco_str_nearest(struct sco_str word, const char *const *names, size_t n)
{
    const char *best = NULL;
    size_t best_distance = word.n / 3 + 1;
    for (size_t i = 0; i < n; i++) {
        struct sco_str name = sco_str_c(names[i]);
        if (word.n > NEAREST_MAX || name.n > NEAREST_MAX)
            continue;
        size_t d = edit_distance(word, name);
        if (d <= best_distance && (!best || d < best_distance)) {
            best = names[i];
            best_distance = d;
        }
    }
    return best;
}
