/* The report for a pull request: what is decided first, then why, then the findings, worst first.
 * It is put together from whole parts (a head, rows, a tail), so that it can be cut at any limit
 * and nothing stays open. */
#include "markdown_priv.h"

enum {
    LIMIT_DEFAULT = 65000,
    LIMIT_MIN = 2000,
    MARKER_MAX = 200,
    TITLE_MAX = 80,
    REASON_MAX = 200,
    REASONS_SHOWN = 3,
    TEXT_MAX = 300,
    PATH_MAX = 200,
    RULE_MAX = 80,
    TOOLS_SHOWN = 3,
    MORE = 100, /* room of the line that says what is left out */
};

struct markdown {
    const struct sco_scan *scan;
    const struct sco_report_markdown_options *o;
    size_t limit;
    struct sco_buf head, rows, tail;
};

static const char *plural(uint64_t n)
{
    return n == 1 ? "" : "s";
}

/* ---- the head ---- */
static void add_title(struct markdown *m)
{
    static const char *const results[] = {"passed", "failed", "incomplete"};
    struct sco_buf *b = &m->head;
    unsigned result = (unsigned)m->scan->gate.result;
    if (m->o->marker)
        sco_buf_addf(b, "%s\n", m->o->marker);
    sco_buf_addz(b, "## ");
    markdown_text(b, m->o->title ? m->o->title : "SecureOps", TITLE_MAX);
    sco_buf_addf(b, ": %s\n\n", results[result < 3 ? result : 2]);
}

static void add_reasons(struct markdown *m)
{
    const struct sco_gate *g = &m->scan->gate;
    struct sco_buf *b = &m->head;
    for (size_t i = 0; i < g->n_reasons && i < REASONS_SHOWN; i++) {
        sco_buf_addz(b, "- ");
        markdown_text(b, g->reasons[i], m->limit < 2 * LIMIT_MIN ? REASON_MAX / 4 : REASON_MAX);
        sco_buf_addc(b, '\n');
    }
    if (g->n_reasons > REASONS_SHOWN)
        sco_buf_addf(b, "- and %zu more reasons\n", g->n_reasons - REASONS_SHOWN);
    if (g->n_reasons)
        sco_buf_addc(b, '\n');
}

/* One that was to be made where it can be: nobody shall think that it was forgotten. */
static void add_sbom(struct markdown *m)
{
    for (size_t i = 0; i < m->scan->n_runs; i++) {
        const struct sco_scanner_run *r = &m->scan->runs[i];
        if (strcmp(r->name, "sbom") != 0 || r->status != SCO_RUN_STATUS_MISSING || r->counts)
            continue;
        sco_buf_addz(&m->head, "Note: ");
        markdown_text(&m->head, r->reason ? r->reason : "none", REASON_MAX);
        if (r->hint) {
            sco_buf_addz(&m->head, "; install ");
            markdown_text(&m->head, r->hint, REASON_MAX);
        }
        sco_buf_addz(&m->head, ".\n\n");
    }
}

static void add_counts(struct markdown *m)
{
    const struct sco_summary *s = &m->scan->summary;
    const struct sco_scan_comparison *c = &m->scan->comparison;
    bool compared = sco_is_compared(c);
    struct sco_buf *b = &m->head;
    sco_buf_addz(b,
                 "| | Critical | High | Medium | Low | Info |\n|---|---:|---:|---:|---:|---:|\n");
    sco_buf_addz(b, compared ? "| New |" : "| Findings |");
    for (uint32_t i = SCO_SEV_CRITICAL; i >= SCO_SEV_INFO; i--)
        sco_buf_addf(b, " %llu |", (unsigned long long)s->by_severity[i]);
    sco_buf_addz(b, "\n\n");
    const char *gap = "";
    if (s->unchanged && !m->o->new_only) {
        sco_buf_addf(b, "%llu unchanged", (unsigned long long)s->unchanged);
        gap = ", ";
    }
    if (s->suppressed && !m->o->new_only) {
        sco_buf_addf(b, "%s%llu suppressed", gap, (unsigned long long)s->suppressed);
        gap = ", ";
    }
    if (*gap)
        sco_buf_addz(b, ". ");
    if (c->base) {
        sco_buf_addz(b, "Compared with ");
        markdown_code(b, c->base, RULE_MAX);
        sco_buf_addf(b, " at `%.12s`.", c->merge_base ? c->merge_base : "");
    }
    if (*gap || c->base)
        sco_buf_addz(b, "\n\n");
}

/* ---- the tail ---- */
static bool wanted(const struct sco_scanner_run *r)
{
    return r->status != SCO_RUN_STATUS_SKIPPED &&
           (r->counts || r->status != SCO_RUN_STATUS_MISSING);
}

static void add_run(struct sco_buf *b, const struct sco_scanner_run *r)
{
    sco_buf_addz(b, "| ");
    markdown_text(b, run_title(r), RULE_MAX);
    if (r->version) {
        sco_buf_addc(b, ' ');
        markdown_text(b, r->version, RULE_MAX / 2);
    }
    sco_buf_addf(b, " | %s%s", sco_run_status_name(r->status),
                 r->reason && !run_is_complete(r) ? ": " : "");
    if (r->reason && !run_is_complete(r))
        markdown_text(b, r->reason, TEXT_MAX);
    sco_buf_addf(b, " | %llu |\n", (unsigned long long)run_findings(r));
}

static void add_runs(struct markdown *m, size_t room)
{
    static const char end[] = "\n</details>\n";
    SCO_AUTO(sco_buf) struct sco_buf row = {0};
    struct sco_buf *b = &m->tail;
    size_t n = 0, left = 0, from = b->n;
    for (size_t i = 0; i < m->scan->n_runs; i++)
        n += wanted(&m->scan->runs[i]);
    if (!n)
        return;
    sco_buf_addf(b, "<details><summary>%zu scanner%s</summary>\n\n", n, plural(n));
    sco_buf_addz(b, "| Scanner | Result | Findings |\n|---|---|---:|\n");
    if (b->n - from + sizeof end + MORE > room) {
        b->n = from;
        return;
    }
    for (size_t i = 0; i < m->scan->n_runs; i++) {
        if (!wanted(&m->scan->runs[i]))
            continue;
        buf_restart(&row, b);
        add_run(&row, &m->scan->runs[i]);
        if (left || b->n - from + row.n + sizeof end + MORE > room)
            left++;
        else
            sco_buf_add(b, sco_buf_str(&row));
    }
    if (left)
        sco_buf_addf(b, "| and %zu more | | |\n", left);
    sco_buf_addz(b, end);
    b->failed |= row.failed;
}

/* ---- findings ---- */
static void add_place(struct markdown *m, struct sco_buf *b, const struct sco_finding *f)
{
    SCO_AUTO(sco_buf) struct sco_buf text = {0};
    struct sco_str path = sco_str_c(f->file_path);
    if (!f->file_path) {
        markdown_code(b, f->resource ? f->resource : "", PATH_MAX);
        return;
    }
    bool link = m->o->file_url && path.n <= PATH_MAX;
    if (path.n > PATH_MAX) /* the end says more than the start */
        path = sco_str_make(path.p + path.n - PATH_MAX, PATH_MAX);
    sco_buf_add(&text, path);
    if (f->line > 0)
        sco_buf_addf(&text, ":%d", f->line);
    sco_buf_addz(b, link ? "[" : "");
    markdown_code(b, sco_buf_z(&text), PATH_MAX + 16);
    if (link) {
        sco_buf_addf(b, "](%s", m->o->file_url);
        markdown_url_path(b, f->file_path);
        if (f->line > 0)
            sco_buf_addf(b, "#L%d", f->line);
        sco_buf_addc(b, ')');
    }
    b->failed |= text.failed;
}

static void add_row(struct markdown *m, struct sco_buf *b, const struct sco_finding *f)
{
    SCO_AUTO(sco_buf) struct sco_buf fix = {0};
    sco_buf_addf(b, "| %s | ", sco_severity_name(f->severity));
    markdown_text(b, f->title ? f->title : f->rule_id, TEXT_MAX);
    add_fix(&fix, f);
    if (fix.n) {
        sco_buf_addz(b, "<br>Fix: ");
        markdown_text(b, sco_buf_z(&fix), TEXT_MAX);
    }
    sco_buf_addz(b, " | ");
    add_place(m, b, f);
    sco_buf_addz(b, " | ");
    for (uint32_t i = 0; f->tools && i < f->tools->n && i < TOOLS_SHOWN; i++) {
        const struct sco_tool *t = f->tools->v[i];
        sco_buf_addz(b, i ? "<br>" : "");
        markdown_text(b, t->name ? t->name : "unknown", RULE_MAX / 2);
        sco_buf_addc(b, ' ');
        markdown_code(b, t->rule_id ? t->rule_id : "", RULE_MAX);
    }
    sco_buf_addz(b, " |\n");
    b->failed |= fix.failed;
}

static void add_findings(struct markdown *m, size_t room)
{
    const struct sco_finding_set *set = &m->scan->findings;
    SCO_AUTO(sco_buf) struct sco_buf row = {0};
    struct sco_buf *b = &m->rows;
    size_t left = 0;
    for (size_t i = 0; i < set->n; i++) {
        const struct sco_finding *f = &set->v[i];
        if (!sco_finding_counts(f))
            continue;
        buf_restart(&row, b);
        if (!b->n)
            sco_buf_addf(&row,
                         "### %s\n\n| Severity | Finding | Place | Reported by |\n"
                         "|---|---|---|---|\n",
                         sco_is_compared(&m->scan->comparison) ? "New findings" : "Findings");
        if (!left)
            add_row(m, &row, f);
        if (left || b->n + row.n + MORE > room)
            left++;
        else
            sco_buf_add(b, sco_buf_str(&row));
    }
    if (left)
        sco_buf_addf(b, "%s%zu more finding%s %s not shown here.\n", b->n ? "\n" : "", left,
                     plural(left), left == 1 ? "is" : "are");
    if (b->n)
        sco_buf_addc(b, '\n');
    b->failed |= row.failed;
}

/* ---- all of it ---- */
static int check(const struct sco_report_markdown_options *o, struct sco_error *err)
{
    if (o->limit && o->limit < LIMIT_MIN)
        return sco_error_set(err, SCO_E_INVALID, "Markdown wants room for %d bytes", LIMIT_MIN);
    if ((o->link && !markdown_is_url(o->link)) || (o->file_url && !markdown_is_url(o->file_url)))
        return sco_error_set(err, SCO_E_INVALID, "a link in Markdown is no plain URL of http");
    struct sco_str m = sco_str_c(o->marker);
    bool comment = m.n > 7 && sco_str_starts(m, "<!--") && sco_str_ends(m, "-->") &&
                   memmem(m.p + 4, m.n - 4, "--", 2) == m.p + m.n - 3;
    if (o->marker && (!comment || m.n > MARKER_MAX || memchr(m.p, '\n', m.n)))
        return sco_error_set(err, SCO_E_INVALID, "the marker is no comment of one short line");
    return 0;
}

int sco_report_markdown(const struct sco_scan *scan, const struct sco_report_markdown_options *o,
                        struct sco_buf *ret, struct sco_error *err)
{
    static const struct sco_report_markdown_options none;
    struct markdown m = {.scan = scan, .o = o ? o : &none};
    int r = check(m.o, err);
    if (r < 0)
        return r;
    m.limit = m.o->limit ? m.o->limit : LIMIT_DEFAULT;
    add_title(&m);
    add_reasons(&m);
    add_counts(&m);
    add_sbom(&m);
    size_t tail = m.o->link ? strlen(m.o->link) + 40 : 0;
    size_t used = m.head.n + tail, room = m.limit > used ? m.limit - used : 0;
    add_runs(&m, room / 4);
    add_findings(&m, room - m.tail.n);
    if (m.o->link)
        sco_buf_addf(&m.tail, "\n[The whole report](%s)\n", m.o->link);
    size_t all = m.head.n + m.rows.n + m.tail.n;
    if (m.head.failed || m.rows.failed || m.tail.failed)
        r = sco_error_nomem(err);
    else if (all > m.limit)
        r = sco_error_set(err, SCO_E_LIMIT, "Markdown does not fit in %zu bytes", m.limit);
    if (r == 0) {
        sco_buf_add(ret, sco_buf_str(&m.head));
        sco_buf_add(ret, sco_buf_str(&m.rows));
        sco_buf_add(ret, sco_buf_str(&m.tail));
        r = sco_buf_check(ret, err);
    }
    sco_buf_done(&m.head);
    sco_buf_done(&m.rows);
    sco_buf_done(&m.tail);
    return r;
}

int markdown_write(const struct sco_scan *scan, struct sink *s, struct sco_error *err)
{
    return sco_report_markdown(scan, NULL, &s->b, err);
}
