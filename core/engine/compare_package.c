/* Whether the text of a manifest or lock file has a package with a version. No format is parsed:
 * what all of them have in common is that the version stands on the line of the name, or on the
 * next line that speaks of a version. In doubt the answer is no, and the package counts as new. */
#include "diff_priv.h"

enum { LINES_BELOW = 400 };

static bool is_word(char c)
{
    unsigned char u = (unsigned char)c, low = u | 32;
    return (low >= 'a' && low <= 'z') || (u >= '0' && u <= '9') || c == '-' || c == '_' ||
           c == '.' || u >= 128;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The next place of `what` at or behind `from`; n: none. */
static size_t find(struct sco_str line, size_t from, struct sco_str what)
{
    const char *at = from < line.n ? memmem(line.p + from, line.n - from, what.p, what.n) : NULL;
    return at ? (size_t)(at - line.p) : line.n;
}

static bool has_name(struct sco_str line, struct sco_str name)
{
    for (size_t at = find(line, 0, name); at < line.n; at = find(line, at + 1, name)) {
        size_t end = at + name.n;
        /* "node_modules/x" is x; "y-x" and "@scope/x" are not */
        bool start = at == 0 || !is_word(line.p[at - 1]);
        bool scoped = at > 0 && line.p[at - 1] == '/' && memchr(line.p, '@', at - 1);
        if (start && !scoped && (end == line.n || !is_word(line.p[end])))
            return true;
    }
    return false;
}

/* The version itself, and not the end of a range ("^1.2.3") or the start of another ("1.2.30"). */
static bool has_version(struct sco_str line, struct sco_str version)
{
    for (size_t at = find(line, 0, version); at < line.n; at = find(line, at + 1, version)) {
        size_t end = at + version.n, start = at;
        if (start && (line.p[start - 1] == 'v' || line.p[start - 1] == 'V'))
            start--;
        while (start && (line.p[start - 1] == '=' || line.p[start - 1] == ' '))
            start--;
        bool element = at && line.p[at - 1] == '>' && end < line.n && line.p[end] == '<';
        bool range = start && !element && strchr("^~<>!*", line.p[start - 1]) && line.p[start - 1];
        bool whole = at == 0 || !is_word(line.p[at - 1]) || line.p[at - 1] == 'v';
        bool ends = end == line.n || (!is_word(line.p[end]) && line.p[end] != '/' &&
                                      line.p[end] != '+' && line.p[end] != '*');
        if (whole && ends && !range)
            return true;
    }
    return false;
}

/* "1.2": then the line of the name has a version of its own, and those below are of others. */
static bool speaks_of_version(struct sco_str line)
{
    if (line.n && (line.p[line.n - 1] == ':' || line.p[line.n - 1] == '{'))
        return false;
    for (size_t i = 1; i + 1 < line.n; i++)
        if (line.p[i] == '.' && is_digit(line.p[i - 1]) && is_digit(line.p[i + 1]))
            return true;
    return false;
}

static bool is_version_line(struct sco_str line)
{
    return sco_str_contains(line, "version") || sco_str_contains(line, "Version") ||
           sco_str_contains(line, "\"resolved\"");
}

static bool version_below(struct sco_str rest, struct sco_str version)
{
    struct sco_str line;
    for (int i = 0; i < LINES_BELOW && sco_str_split(&rest, '\n', &line); i++)
        if (is_version_line(line))
            return has_version(line, version);
    return false;
}

bool compare_has_package(struct sco_str text, const char *name, const char *version)
{
    struct sco_str n = sco_str_c(name), v = sco_str_c(version), line;
    if (v.n && (v.p[0] == 'v' || v.p[0] == 'V'))
        v = sco_str_make(v.p + 1, v.n - 1);
    const char *colon = n.n ? memchr(n.p, ':', n.n) : NULL; /* Maven: group:artifact */
    struct sco_str artifact = colon ? sco_str_make(colon + 1, n.n - (size_t)(colon + 1 - n.p)) : n;
    if (!n.n || !v.n || !artifact.n)
        return false;
    while (sco_str_split(&text, '\n', &line)) {
        line = sco_str_trim(line);
        if (!has_name(line, n) && !(colon && has_name(line, artifact)))
            continue;
        if (has_version(line, v) || (!speaks_of_version(line) && version_below(text, v)))
            return true;
    }
    return false;
}
