/* The HTML report of sonar-report: a table of issues and a table of rules, each row a <tr> with its
 * cells. Descriptions of rules may hold tables of their own, so rows are counted by depth. */
#include "sonar_priv.h"

enum { CELLS_MAX = 12, ISSUE_CELLS = 7 };

struct scan {
    struct sco_str html;
    size_t at;
};

/* What is inside scripts and styles is no markup. */
static int skip_raw(struct scan *s, struct sco_str tag)
{
    const char *close = sco_str_is_nocase(tag, "script")  ? "</script"
                        : sco_str_is_nocase(tag, "style") ? "</style"
                                                          : NULL;
    if (!close)
        return 0;
    const char *end = memmem(s->html.p + s->at, s->html.n - s->at, close, strlen(close));
    s->at = end ? (size_t)(end - s->html.p) + strlen(close) : s->html.n;
    return 1;
}

/* Moves behind the next tag; its name in `ret` ("tr", "/tr"), 0 at the end. */
static int next_tag(struct scan *s, struct sco_str *ret, size_t *ret_start)
{
    while (s->at < s->html.n) {
        const char *lt = memchr(s->html.p + s->at, '<', s->html.n - s->at);
        if (!lt)
            break;
        size_t start = (size_t)(lt - s->html.p), end = start + 1;
        if (s->html.n - start >= 4 && memcmp(lt, "<!--", 4) == 0) {
            const char *close = memmem(lt + 4, s->html.n - start - 4, "-->", 3);
            s->at = close ? (size_t)(close - s->html.p) + 3 : s->html.n;
            continue;
        }
        while (end < s->html.n && !strchr(" \t\r\n>/", s->html.p[end] ? s->html.p[end] : ' '))
            end++;
        if (end == start + 1 && end < s->html.n && s->html.p[end] == '/')
            for (end++; end < s->html.n && !strchr(" \t\r\n>", s->html.p[end]);)
                end++;
        const char *gt = memchr(s->html.p + end, '>', s->html.n - end);
        *ret = sco_str_make(lt + 1, end - start - 1);
        *ret_start = start;
        s->at = gt ? (size_t)(gt - s->html.p) + 1 : s->html.n;
        if (skip_raw(s, *ret))
            continue;
        return 1;
    }
    s->at = s->html.n;
    return 0;
}

/* The next row of the outermost table: 1 and its cells; 0 at the end of the table. Rows may lack
 * their end tags. */
static int next_row(struct scan *s, struct sco_str cells[CELLS_MAX], size_t *ret_n)
{
    struct sco_str tag;
    size_t start = 0, n = 0, cell = 0;
    int depth = 0, in_row = 0, in_cell = 0;
    while (next_tag(s, &tag, &start)) {
        if (sco_str_is_nocase(tag, "table")) {
            depth++;
        } else if (sco_str_is_nocase(tag, "/table")) {
            if (depth-- == 0)
                return 0;
        } else if (depth > 0) {
            continue;
        } else if (sco_str_is_nocase(tag, "tr")) {
            in_row = 1;
            n = 0;
        } else if (sco_str_is_nocase(tag, "td") || sco_str_is_nocase(tag, "th")) {
            cell = s->at;
            in_cell = 1;
        } else if (sco_str_is_nocase(tag, "/td") || sco_str_is_nocase(tag, "/th")) {
            if (in_cell && n < CELLS_MAX)
                cells[n++] = sco_str_make(s->html.p + cell, start - cell);
            in_cell = 0;
        } else if (sco_str_is_nocase(tag, "/tr") && in_row) {
            *ret_n = n;
            return 1;
        }
    }
    return 0;
}

/* Moves behind the next <table ...>. */
static int next_table(struct scan *s)
{
    struct sco_str tag;
    size_t start;
    while (next_tag(s, &tag, &start))
        if (sco_str_is_nocase(tag, "table"))
            return 1;
    return 0;
}

static int has_heads(const struct sonar *s, struct sco_str *cells, size_t n,
                     const char *const *heads)
{
    for (size_t i = 0; heads[i]; i++)
        if (i >= n || !sco_str_is_nocase(html_text(s->h, cells[i]), heads[i]))
            return 0;
    return 1;
}

/* ---- tables -----------------------------------------------------------------------------------
 */

static void read_rules(struct sonar *s, struct scan *table)
{
    struct sco_str cells[CELLS_MAX];
    size_t n = 0;
    while (next_row(table, cells, &n)) {
        if (n < 2)
            continue;
        struct sonar_rule *r = sonar_rule_make(s, html_text(s->h, cells[0]));
        if (r && !r->description.n)
            sonar_rule_add(s, r, cells[1], 0);
    }
}

static int read_issues(struct sonar *s, struct rep_doc *doc, struct scan *table)
{
    struct sco_str cells[CELLS_MAX];
    size_t n = 0;
    while (next_row(table, cells, &n)) {
        struct sonar_row row = {0};
        struct sco_str *const fields[ISSUE_CELLS] = {&row.rule, &row.severity,    &row.component,
                                                     &row.line, &row.description, &row.message,
                                                     &row.key};
        for (size_t i = 0; i < ISSUE_CELLS && i < n; i++)
            *fields[i] = html_text(s->h, cells[i]);
        int r = n >= 6 ? sonar_row(s, doc, &row) : REP_UNUSABLE;
        if (r == REP_UNUSABLE)
            doc->unusable++;
        else if (r < 0)
            return r;
    }
    return 0;
}

int sonar_parse_html(struct sonar *s, struct rep_doc *doc, struct sco_str html)
{
    static const char *const issue_heads[] = {"Rule", "Severity", "Component", "Line", NULL};
    static const char *const rule_heads[] = {"Rule", "Description", NULL};
    struct scan at = {.html = html}, issues = {0};
    struct sco_str cells[CELLS_MAX];
    size_t n = 0;
    int found = 0;
    if (!html.p || !html.n || !memmem(html.p, html.n, "SonarQube", 9))
        return rep_format(doc, "this HTML is not a report of sonar-report");
    while (next_table(&at)) {
        if (!next_row(&at, cells, &n))
            continue;
        if (has_heads(s, cells, n, issue_heads)) {
            issues = at; /* read when the rules are known */
            found++;
            while (next_row(&at, cells, &n))
                ;
        } else if (has_heads(s, cells, n, rule_heads)) {
            read_rules(s, &at);
        }
    }
    if (!memmem(html.p, html.n, "</html>", 7) && !memmem(html.p, html.n, "</HTML>", 7))
        return sco_errf(doc->e, SCO_E_PARSE, "the HTML report is cut short");
    if (found != 1)
        return rep_format(doc, found ? "it has more than one table of issues"
                                     : "it has no table of issues");
    return read_issues(s, doc, &issues);
}
