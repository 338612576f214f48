/* What several scanner plugins need beside plugin.h: reading a report list by list with a count of
 * what was not understood, building command lines, and the rule by which a run is trusted: exit
 * status, the report's freshness and the report's own error section decide together, never one of
 * them alone. Header-only, so that a plugin stays one shared object that links nothing.
 *
 * Texts that these functions make live until the job ends, unless stated otherwise. */
#pragma once

#include <secureops/plugin.h>

#include <sys/stat.h>

enum {
    REP_WORDS_MAX = 400,       /* bytes of a program's last words in a reason */
    REP_WORDS_LINES = 3,       /* and lines of it */
    REP_META_MAX = 24,         /* metadata pairs of one finding */
    REP_NAMES_MAX = 3,         /* files named in a reason, the rest is counted */
    REP_FRESH_SLACK_MS = 2000, /* file systems keep times this coarsely */
};

/* ---- documents --------------------------------------------------------------------------------
 */

/* An item handler's answer beside 0 and errors: the item cannot be used, count it. */
#define REP_UNUSABLE 1

struct rep_doc {
    const struct sco_host *h;
    const char *tool; /* for messages: "Trivy" */
    struct sco_reader *r;
    const struct sco_node *root;
    struct sco_errbuf *e;
    uint64_t emitted, unusable;
};

typedef int (*rep_item_fn)(void *user, const struct sco_node *item);

/* Reads the document's value into d->root. 0, or SCO_E_FORMAT for an empty file, or the reader's
 * error. d->r is closed by rep_close also when this fails. */
static inline int rep_open(struct rep_doc *d, const char *path, const char *const *deferred)
{
    int r = d->h->data->open(d->h, path, &d->r, d->e);
    if (r < 0)
        return r;
    r = d->h->data->read(d->r, deferred, &d->root, d->e);
    if (r == 0)
        return sco_errf(d->e, SCO_E_FORMAT, "the report is empty; expected a JSON report of %s",
                        d->tool);
    return r < 0 ? r : 0;
}

/* "The report is not one of TOOL: WHY". */
static inline int rep_format(const struct rep_doc *d, const char *why)
{
    return sco_errf(d->e, SCO_E_FORMAT, "not a report of %s: %s", d->tool, why);
}

/* Calls fn for each object of a list that may be absent or null. Anything else in the list's place
 * is SCO_E_FORMAT; items that are not objects, and those that fn cannot use, are counted. */
static inline int rep_walk(struct rep_doc *d, const struct sco_node *list, const char *name,
                           const char *const *deferred, rep_item_fn fn, void *user)
{
    const struct sco_data_api *data = d->h->data;
    const struct sco_node *item;
    struct sco_iter *it = NULL;
    int r;
    if (!list || list->type == SCO_NODE_NULL)
        return 0;
    if (list->type != SCO_NODE_LIST && list->type != SCO_NODE_DEFERRED)
        return sco_errf(d->e, SCO_E_FORMAT, "not a report of %s: \"%s\" is not a list", d->tool,
                        name);
    if (list->type == SCO_NODE_DEFERRED && list->n)
        return sco_errf(d->e, SCO_E_FORMAT, "not a report of %s: \"%s\" is an object, not a list",
                        d->tool, name);
    r = data->iter_open(d->r, list, &it, d->e);
    while (r >= 0 && (r = data->iter_next(it, deferred, &item, d->e)) > 0) {
        r = item->type == SCO_NODE_MAP ? fn(user, item) : REP_UNUSABLE;
        if (r == REP_UNUSABLE)
            d->unusable++;
        if (r >= 0 && d->h->cancelled(d->h))
            r = sco_errf(d->e, SCO_E_CANCELLED, "cancelled");
    }
    data->iter_close(it);
    return r < 0 ? r : 0;
}

/* Emits and counts. A finding that the host refuses (and reports so itself) does not end the walk.
 */
static inline int rep_emit(struct rep_doc *d, const struct sco_report_finding *f)
{
    int r = d->h->emit(d->h, f);
    if (r < 0 && r != SCO_E_INVALID)
        return sco_errf(d->e, r, "the host took no more findings");
    d->emitted++;
    return 0;
}

static inline struct sco_report_finding rep_finding(uint32_t type)
{
    struct sco_report_finding f;
    memset(&f, 0, sizeof f);
    f.struct_size = sizeof f;
    f.type = type;
    return f;
}

/* Ends a document: after a good parse (result >= 0) nothing may follow the value, and what was not
 * understood makes the job incomplete; nothing understood at all is SCO_E_FORMAT. Closes the
 * reader. Returns the final result. */
static inline int rep_close(struct rep_doc *d, int result)
{
    const struct sco_node *more;
    if (result >= 0 && d->r) {
        int r = d->h->data->read(d->r, NULL, &more, d->e);
        if (r > 0)
            r = rep_format(d, "something follows the end of the document");
        if (r < 0)
            result = r;
    }
    if (result >= 0 && d->unusable && !d->emitted)
        result = sco_errf(d->e, SCO_E_FORMAT, "not a report of %s: none of its %llu items is one",
                          d->tool, (unsigned long long)d->unusable);
    if (result >= 0 && d->unusable)
        d->h->incomplete(d->h, sco_fmt(d->h, "%llu item%s of the report %s not understood",
                                       (unsigned long long)d->unusable, d->unusable == 1 ? "" : "s",
                                       d->unusable == 1 ? "was" : "were"));
    d->h->data->close(d->r);
    d->r = NULL;
    return result;
}

/* Names of files for one reason: "a.py, b.py, c.py and 4 more". */
struct rep_names {
    uint64_t n;
    struct sco_str v[REP_NAMES_MAX];
};

static inline void rep_name_add(struct rep_names *l, const struct sco_host *h, struct sco_str name)
{
    if (l->n < REP_NAMES_MAX)
        l->v[l->n] = sco_str_c(sco_cstr(h, name));
    l->n++;
}

static inline struct sco_str rep_names_text(const struct rep_names *l, const struct sco_host *h)
{
    struct sco_str s = {NULL, 0};
    for (size_t i = 0; i < l->n && i < REP_NAMES_MAX; i++)
        s = sco_fmt(h, "%.*s%s%.*s", SCO_STR_ARG(s), s.n ? ", " : "", SCO_STR_ARG(l->v[i]));
    if (l->n > REP_NAMES_MAX)
        s = sco_fmt(h, "%.*s and %llu more", SCO_STR_ARG(s),
                    (unsigned long long)(l->n - REP_NAMES_MAX));
    return s;
}

/* ---- metadata ---------------------------------------------------------------------------------
 */
struct rep_meta {
    struct sco_pair v[REP_META_MAX];
    size_t n;
};

/* Absent and empty values are left out. */
static inline void rep_meta(struct rep_meta *m, const char *key, struct sco_str value)
{
    if (!value.n || m->n == REP_META_MAX)
        return;
    m->v[m->n].key = sco_str_c(key);
    m->v[m->n++].value = value;
}

static inline void rep_meta_set(struct rep_meta *m, struct sco_report_finding *f)
{
    f->metadata = m->v;
    f->n_metadata = m->n;
}

/* The texts of a node (list or single value) in one line; until the next emit. */
static inline struct sco_str rep_join(const struct sco_host *h, const struct sco_node *v,
                                      const char *between)
{
    struct sco_str_list l = sco_texts(h, v);
    size_t n = 0, gap = strlen(between);
    char *p, *at;
    for (size_t i = 0; i < l.n; i++)
        n += l.v[i].n + gap;
    if (!n || !(p = at = (char *)h->tmp(h, n + 1)))
        return sco_str_make(NULL, 0);
    for (size_t i = 0; i < l.n; i++) {
        if (i) {
            memcpy(at, between, gap);
            at += gap;
        }
        memcpy(at, l.v[i].p, l.v[i].n);
        at += l.v[i].n;
    }
    return sco_str_make(p, (size_t)(at - p));
}

/* Two texts with something between, or the one that is there; until the next emit. */
static inline struct sco_str rep_both(const struct sco_host *h, struct sco_str a,
                                      const char *between, struct sco_str b)
{
    if (!a.n || !b.n || sco_str_eq(a, b))
        return a.n ? a : b;
    return sco_fmt(h, "%.*s%s%.*s", SCO_STR_ARG(a), between, SCO_STR_ARG(b));
}

static inline struct sco_str rep_or(struct sco_str a, struct sco_str b)
{
    return a.n ? a : b;
}

/* ---- command lines ----------------------------------------------------------------------------
 */
struct rep_args {
    const struct sco_host *h;
    const char **v;
    size_t n, cap;
    int failed;
};

static inline void rep_arg(struct rep_args *a, const char *s)
{
    if (a->n + 2 > a->cap) {
        size_t cap = a->cap ? a->cap * 2 : 32;
        const char **v = (const char **)a->h->alloc(a->h, cap * sizeof *v);
        if (!v || !s) {
            a->failed = 1;
            return;
        }
        if (a->n)
            memcpy(v, a->v, a->n * sizeof *v);
        a->v = v;
        a->cap = cap;
    }
    if (!s)
        a->failed = 1;
    else
        a->v[a->n++] = s;
}

SCO_PRINTF(2, 3)
static inline const char *rep_strf(const struct sco_host *h, const char *fmt, ...)
{
    va_list ap, ap2;
    int n;
    char *p;
    va_start(ap, fmt);
    va_copy(ap2, ap);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    p = n < 0 ? NULL : (char *)h->alloc(h, (size_t)n + 1);
    if (p)
        vsnprintf(p, (size_t)n + 1, fmt, ap2);
    va_end(ap2);
    return p;
}

/* NULL when memory ran out on the way. */
static inline const char *const *rep_argv(const struct rep_args *a)
{
    return a->failed || !a->n ? NULL : a->v;
}

/* ---- running ----------------------------------------------------------------------------------
 */

/* Whether a byte begins an escape sequence, and its length when it does. */
static inline size_t rep_escape(struct sco_str s, size_t i)
{
    size_t k = i + 1;
    if (s.p[i] != 0x1b)
        return 0;
    if (k < s.n && s.p[k] == '[')
        for (k++; k < s.n && (unsigned char)s.p[k] < 0x40;)
            k++;
    return k < s.n ? k - i + 1 : s.n - i;
}

/* One line cleaned of colours, control characters and repeated blanks, into out (len bytes). A line
 * without a letter (rules, boxes) becomes empty. */
static inline size_t rep_clean_line(struct sco_str line, char *out, size_t len)
{
    size_t n = 0, letters = 0, skip;
    for (size_t i = 0; i < line.n && n < len; i++) {
        unsigned char c = (unsigned char)line.p[i];
        if ((skip = rep_escape(line, i)) > 0) {
            i += skip - 1;
            continue;
        }
        if (c <= ' ' || c == 0x7f) {
            if (n && out[n - 1] != ' ')
                out[n++] = ' ';
            continue;
        }
        letters += (c | 32u) - 'a' < 26u;
        out[n++] = (char)c;
    }
    if (n == len) { /* cut: not in the middle of a character */
        while (n && ((unsigned char)out[n - 1] & 0xc0) == 0x80)
            n--;
        if (n && (unsigned char)out[n - 1] >= 0xc0)
            n--;
    }
    while (n && out[n - 1] == ' ')
        n--;
    return letters ? n : 0;
}

/* The last lines of what a program said, short enough for a reason. "" when it said nothing. */
static inline const char *rep_words(const struct sco_host *h, struct sco_str said)
{
    char part[REP_WORDS_LINES][REP_WORDS_MAX];
    size_t len[REP_WORDS_LINES] = {0}, found = 0, end = said.n, total = 0;
    const char *words = "";
    while (found < REP_WORDS_LINES && end > 0 && total < REP_WORDS_MAX) {
        size_t start = end;
        while (start > 0 && said.p[start - 1] != '\n')
            start--;
        struct sco_str line = sco_str_make(said.p + start, end - start);
        len[found] = rep_clean_line(line, part[found], REP_WORDS_MAX - total);
        total += len[found];
        if (len[found])
            found++;
        end = start ? start - 1 : 0;
    }
    while (found > 0 && words) {
        found--;
        words = rep_strf(h, "%s%s%.*s", words, *words ? "; " : "", (int)len[found], part[found]);
    }
    return words ? words : "";
}

/* Runs a command to its end. 0 when it exited by itself; else the error says how it ended, with its
 * last words. */
static inline int rep_run(const struct sco_host *h, const char *tool, const struct sco_command *c,
                          struct sco_command_result *res, struct sco_errbuf *e)
{
    const char *words;
    int r;
    memset(res, 0, sizeof *res);
    res->struct_size = sizeof *res;
    if (!c->argv)
        return sco_errf(e, SCO_E_NOMEM, "out of memory");
    if ((r = h->run(h, c, res, e)) < 0)
        return r;
    words = rep_words(h, res->err);
    if (res->timed_out)
        return sco_errf(e, SCO_E_TIMEOUT, "%s was ended at its deadline%s%s", tool,
                        *words ? ": " : "", words);
    if (res->truncated)
        return sco_errf(e, SCO_E_LIMIT, "%s was ended: it wrote more than its limit of output",
                        tool);
    if (res->signal)
        return sco_errf(e, SCO_E_TOOL, "%s was ended by signal %d%s%s", tool, (int)res->signal,
                        *words ? ": " : "", words);
    return 0;
}

/* The error for an exit status that does not stand for a finished scan. */
static inline int rep_failed(const struct sco_host *h, const char *tool,
                             const struct sco_command_result *res, struct sco_errbuf *e)
{
    const char *words = rep_words(h, res->err);
    if (!*words)
        words = rep_words(h, res->out);
    return sco_errf(e, SCO_E_TOOL, "%s failed with exit status %d%s%s", tool, (int)res->exit_code,
                    *words ? ": " : "", words);
}

/* 0 when the report is there, a file, not empty, and written by this run; else SCO_E_TOOL. */
static inline int rep_fresh(const struct sco_host *h, const char *tool, const char *path,
                            const struct sco_command_result *res, struct sco_errbuf *e)
{
    const char *what = NULL, *words;
    struct stat st;
    if (stat(path, &st) != 0)
        what = "wrote no report";
    else if (!S_ISREG(st.st_mode))
        what = "left something that is not a file in the report's place";
    else if (st.st_size == 0)
        what = "wrote an empty report";
    else if ((int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000 <
             res->started_ms - REP_FRESH_SLACK_MS)
        what = "left a report that is older than its run";
    if (!what)
        return 0;
    words = rep_words(h, res->err);
    return sco_errf(e, SCO_E_TOOL, "%s exited with status %d but %s%s%s", tool, (int)res->exit_code,
                    what, *words ? ": " : "", words);
}

/* Calls fn for each line of stderr that contains `mark`. */
typedef void (*rep_line_fn)(void *user, struct sco_str line);
static inline void rep_lines_with(struct sco_str said, const char *mark, rep_line_fn fn, void *user)
{
    size_t n = strlen(mark);
    for (size_t at = 0; at < said.n;) {
        const char *nl = (const char *)memchr(said.p + at, '\n', said.n - at);
        size_t len = nl ? (size_t)(nl - (said.p + at)) : said.n - at;
        for (size_t i = 0; i + n <= len; i++)
            if (memcmp(said.p + at + i, mark, n) == 0) {
                fn(user, sco_str_make(said.p + at, len));
                break;
            }
        at += len + 1;
    }
}

/* 1: the version in the text is major.minor or later; 0: earlier; -1: there is none in it. */
static inline int rep_version_at_least(const char *version, int major, int minor)
{
    int v[2] = {0, 0};
    const char *p = version ? version : "";
    p += strcspn(p, "0123456789");
    if (!*p)
        return -1;
    for (int i = 0; i < 2; i++) {
        for (; *p >= '0' && *p <= '9' && v[i] < 100000; p++)
            v[i] = v[i] * 10 + (*p - '0');
        if (*p != '.')
            break;
        p++;
    }
    return v[0] > major || (v[0] == major && v[1] >= minor);
}

static inline int rep_exists(const char *path)
{
    struct stat st;
    return path && stat(path, &st) == 0;
}

/* Members that a report of the tool has, for sniff: how many of the names are in the root. */
static inline uint32_t rep_has(const struct sco_node *map, const char *const *names)
{
    uint32_t n = 0;
    for (; *names; names++)
        n += sco_get(map, *names) != NULL;
    return n;
}
