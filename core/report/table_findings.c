/* The findings of the table: in their ranked order, the same thing in several places as one entry
 * with a line for each place. */
#include "table_priv.h"

enum {
    SHOWN = 50,  /* unless all are wanted; also a page: an entry gathers its like from it */
    INDENT = 10, /* of everything but the severity */
    TITLE_LINES = 4,
    FIX_LINES = 3,
    PLACE_LINES = 4,
    TOOLS_SHOWN = 6,
};

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_tool(const struct sco_finding *a, const struct sco_finding *b)
{
    if (a->tools == b->tools)
        return true;
    if (!a->tools || !b->tools || a->tools->n != b->tools->n)
        return false;
    for (uint32_t i = 0; i < a->tools->n; i++)
        if (!same_text(a->tools->v[i]->name, b->tools->v[i]->name) ||
            !same_text(a->tools->v[i]->rule_id, b->tools->v[i]->rule_id))
            return false;
    return true;
}

enum kind { KIND_COUNTS, KIND_KNOWN, KIND_SUPPRESSED };

static enum kind kind_of(const struct sco_finding *f)
{
    return sco_finding_is_suppressed(f) ? KIND_SUPPRESSED
           : sco_finding_is_known(f)    ? KIND_KNOWN
                                        : KIND_COUNTS;
}

/* Two findings that differ only in their place. */
static bool same_entry(const struct sco_finding *a, const struct sco_finding *b)
{
    return a->severity == b->severity && a->type == b->type && same_text(a->title, b->title) &&
           same_text(a->rule_id, b->rule_id) && same_tool(a, b) && a->package == b->package &&
           same_text(a->remediation, b->remediation) && kind_of(a) == kind_of(b) &&
           (kind_of(a) != KIND_SUPPRESSED ||
            same_text(finding_suppression_reason(a), finding_suppression_reason(b)));
}

static void add_title(struct table *t, const struct sco_finding *f)
{
    const char *severity = sco_severity_name(f->severity);
    struct sco_buf *b = &t->tmp;
    buf_restart(b, t->b);
    sco_buf_addz(b, f->title ? f->title : f->rule_id ? f->rule_id : "(no title)");
    if (f->package && f->package->name && !sco_str_contains(sco_buf_str(b), f->package->name))
        sco_buf_addf(b, " in %s %s", f->package->name,
                     f->package->version ? f->package->version : "");
    if (f->kev)
        sco_buf_addz(b, " [known to be exploited]");
    add_painted(t, severity_paint(f->severity), sco_str_c(severity));
    add_spaces(t->b, INDENT - strlen(severity));
    add_wrapped(t, &(struct wrap){INDENT, INDENT, TITLE_LINES, PAINT_BOLD}, sco_buf_str(b));
    sco_buf_addc(t->b, '\n');
}

static void add_place(struct table *t, const struct sco_finding *f)
{
    struct sco_buf *b = &t->tmp;
    buf_restart(b, t->b);
    if (f->file_path) {
        sco_buf_addz(b, f->file_path);
        if (f->line > 0)
            sco_buf_addf(b, ":%d", f->line);
    }
    if (f->resource)
        sco_buf_addf(b, "%s%s", b->n ? " " : "", f->resource);
    if (f->parameter)
        sco_buf_addf(b, " parameter %s", f->parameter);
    if (f->commit)
        sco_buf_addf(b, " commit %.12s", f->commit);
    if (f->secret_preview)
        sco_buf_addf(b, " %s", f->secret_preview);
    if (!b->n)
        sco_buf_addz(b, t->scan->target ? t->scan->target : "(no place)");
    if (f->occurrences > 1)
        sco_buf_addf(b, " (%u times)", f->occurrences);
    if (f->locations && f->locations->n)
        sco_buf_addf(b, " and %u more place%s", f->locations->n, f->locations->n == 1 ? "" : "s");
    add_spaces(t->b, INDENT);
    add_wrapped(t, &(struct wrap){INDENT, INDENT + 2, PLACE_LINES, NULL}, sco_buf_str(b));
    sco_buf_addc(t->b, '\n');
}

/* "Trivy CVE-2021-44228, Grype GHSA-jfh8-c2jp-5v3q". */
static void add_tools(struct table *t, const struct sco_finding *f)
{
    struct sco_buf *b = &t->tmp;
    buf_restart(b, t->b);
    uint32_t n = f->tools ? f->tools->n : 0;
    for (uint32_t i = 0; i < n && i < TOOLS_SHOWN; i++) {
        const struct sco_tool *tool = f->tools->v[i];
        sco_buf_addf(b, "%s%s %s", i ? ", " : "", tool->name ? tool->name : "unknown",
                     tool->rule_id ? tool->rule_id : "");
    }
    if (n > TOOLS_SHOWN)
        sco_buf_addf(b, " and %u more", n - TOOLS_SHOWN);
    if (f->cve_id && !sco_str_contains(sco_buf_str(b), f->cve_id))
        sco_buf_addf(b, " (%s)", f->cve_id);
    if (f->risk_score >= 1)
        sco_buf_addf(b, "%srisk %d", b->n ? ", " : "", (int)f->risk_score);
    if (!b->n)
        return;
    add_spaces(t->b, INDENT);
    add_wrapped(t, &(struct wrap){INDENT, INDENT + 2, PLACE_LINES, PAINT_DIM}, sco_buf_str(b));
    sco_buf_addc(t->b, '\n');
}

static void add_last(struct table *t, const struct sco_finding *f)
{
    struct sco_buf *b = &t->tmp;
    buf_restart(b, t->b);
    if (sco_finding_is_suppressed(f)) {
        sco_buf_addf(b, "suppressed: %s", finding_suppression_reason(f));
        if (f->suppressions && f->suppressions->n && f->suppressions->v[0].expires)
            sco_buf_addf(b, " (until %s)", f->suppressions->v[0].expires);
    } else {
        sco_buf_addz(b, "fix: ");
        size_t start = b->n;
        add_fix(b, f);
        if (b->n == start)
            return;
    }
    add_spaces(t->b, INDENT);
    add_wrapped(t, &(struct wrap){INDENT, INDENT + 5, FIX_LINES, NULL}, sco_buf_str(b));
    sco_buf_addc(t->b, '\n');
}

static void write_page(struct table *t, const struct sco_finding *const *v, size_t n)
{
    bool done[SHOWN] = {false};
    for (size_t i = 0; i < n && sink_more(t->s); i++) {
        if (done[i])
            continue;
        sco_buf_addc(t->b, '\n');
        add_title(t, v[i]);
        for (size_t k = i; k < n; k++)
            if (k == i || (!done[k] && same_entry(v[i], v[k]))) {
                add_place(t, v[k]);
                done[k] = true;
            }
        add_tools(t, v[i]);
        add_last(t, v[i]);
    }
}

/* The first `most` findings of a kind. */
static void write_pages(struct table *t, enum kind kind, size_t most)
{
    const struct sco_finding_set *set = &t->scan->findings;
    const struct sco_finding *page[SHOWN];
    size_t n = 0;
    for (size_t i = 0; i < set->n && most && sink_more(t->s); i++) {
        if (kind_of(&set->v[i]) != kind)
            continue;
        page[n++] = &set->v[i];
        most--;
        if (n == SHOWN || !most) {
            write_page(t, page, n);
            n = 0;
        }
    }
}

/* Those that were there before, or are suppressed: a line, or all of them. */
static void write_others(struct table *t, enum kind kind, size_t n)
{
    bool known = kind == KIND_KNOWN, wanted = known ? t->o->all : t->o->show_suppressed;
    if (!n)
        return;
    if (!wanted) {
        sco_buf_addf(t->b,
                     known ? "\n%zu unchanged, not shown: --all\n"
                           : "\n%zu suppressed, not shown: --show-suppressed\n",
                     n);
        return;
    }
    sco_buf_addf(t->b, known ? "\nUnchanged (%zu):\n" : "\nSuppressed (%zu):\n", n);
    size_t shown = t->o->all || n < SHOWN ? n : SHOWN;
    write_pages(t, kind, shown);
    if (shown < n)
        sco_buf_addf(t->b, "\n... and %zu more: --all shows them\n", n - shown);
}

void table_findings(struct table *t)
{
    const struct sco_finding_set *set = &t->scan->findings;
    size_t n[] = {0, 0, 0};
    for (size_t i = 0; i < set->n; i++)
        n[kind_of(&set->v[i])]++;
    size_t open = n[KIND_COUNTS], shown = t->o->all || open < SHOWN ? open : SHOWN;
    write_pages(t, KIND_COUNTS, shown);
    if (shown < open)
        sco_buf_addf(t->b, "\n... and %zu more: --all shows them, --format json has them all\n",
                     open - shown);
    write_others(t, KIND_KNOWN, n[KIND_KNOWN]);
    write_others(t, KIND_SUPPRESSED, n[KIND_SUPPRESSED]);
}
