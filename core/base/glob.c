/* Glob matching. Iterative backtracking over the last star, so that no pattern is exponential;
 * braces are tried one alternative at a time, with a limit on how many are tried in all. */
#include <secureops/base.h>

enum { BRACE_BUDGET = 1000 };

/* [a-z], [!a-z], [^a-z] at p; returns the end of the class, or NULL when it is not closed. */
static const char *match_class(const char *p, char c, bool *ret)
{
    bool negate = p[1] == '!' || p[1] == '^', found = false;
    const char *q = p + 1 + negate;
    for (bool first = true; *q && (first || *q != ']'); first = false) {
        char low = *q, high = *q;
        if (q[1] == '-' && q[2] && q[2] != ']') {
            high = q[2];
            q += 2;
        }
        if ((unsigned char)c >= (unsigned char)low && (unsigned char)c <= (unsigned char)high)
            found = true;
        q++;
    }
    if (*q != ']')
        return NULL;
    *ret = found != negate;
    return q + 1;
}

/* One element that is not a star: true and *ret_next when c matches. */
static bool match_one(const char *p, char c, const char **ret_next)
{
    bool hit = false;
    const char *end = NULL;
    if (*p == '?') {
        *ret_next = p + 1;
        return c != '/';
    }
    if (*p == '[' && (end = match_class(p, c, &hit))) {
        *ret_next = end;
        return hit && c != '/';
    }
    if (*p == '\\' && p[1])
        p++;
    *ret_next = p + 1;
    return *p == c;
}

static bool match_flat(const char *p, struct sco_str s)
{
    const char *star = NULL, *deep = NULL;
    size_t i = 0, star_at = 0, deep_at = 0;
    for (;;) {
        const char *next;
        if (p[0] == '*' && p[1] == '*') {
            p += 2;
            if (*p == '/') /* "**" and the slash also match nothing at all */
                p++;
            deep = p;
            deep_at = i;
            star = NULL;
        } else if (*p == '*') {
            star = ++p;
            star_at = i;
        } else if (i < s.n && *p && match_one(p, s.p[i], &next)) {
            p = next;
            i++;
        } else if (i == s.n && !*p) {
            return true;
        } else if (star && star_at < s.n && s.p[star_at] != '/') {
            p = star;
            i = ++star_at;
        } else if (deep && deep_at < s.n) {
            /* after a slash when the pattern went on with one, else anywhere */
            p = deep;
            star = NULL;
            if (deep[-1] == '/') {
                do
                    deep_at++;
                while (deep_at < s.n && s.p[deep_at - 1] != '/');
                if (deep_at >= s.n)
                    return false;
            } else
                deep_at++;
            i = deep_at;
        } else {
            return false;
        }
    }
}

static bool match_braces(const char *pattern, struct sco_str s, int *budget)
{
    const char *open = strchr(pattern, '{');
    const char *close = open ? strchr(open, '}') : NULL;
    if (!close)
        return match_flat(pattern, s);
    for (const char *a = open + 1; a <= close && (*budget)-- > 0;) {
        const char *end = a + strcspn(a, ",}");
        SCO_AUTO(sco_buf) struct sco_buf one = {0};
        sco_buf_add(&one, sco_str_make(pattern, (size_t)(open - pattern)));
        sco_buf_add(&one, sco_str_make(a, (size_t)(end - a)));
        sco_buf_addz(&one, close + 1);
        if (match_braces(sco_buf_z(&one), s, budget) && !one.failed)
            return true;
        a = end + 1;
    }
    return false;
}

bool sco_glob_match(const char *pattern, struct sco_str s)
{
    int budget = BRACE_BUDGET;
    return match_braces(pattern, s, &budget);
}

bool sco_glob_match_file(const char *pattern, struct sco_str path)
{
    if (!strchr(pattern, '/')) {
        const char *slash = path.n ? memrchr(path.p, '/', path.n) : NULL;
        if (slash)
            path = sco_str_make(slash + 1, path.n - (size_t)(slash + 1 - path.p));
    }
    return sco_glob_match(pattern, path);
}
