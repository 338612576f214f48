/* The report for a terminal or a log: what was scanned, one row per scanner with the reason for
 * everything that is not complete, the findings, and why the program exits as it does. */
#include "table_priv.h"

enum {
    COLUMNS_DEFAULT = 100,
    COLUMNS_MIN = 60,
    COLUMNS_MAX = 400,
    NUMBER_WIDTH = 5,
    TIME_WIDTH = 8,
    RESULT_WIDTH = 10,
    NAME_WIDTH_MIN = 12,
    REASON_LINES = 12,
    REASON_INDENT = 4,
    REASONS_SHOWN = 20, /* of the gate */
};

static const char *plural(uint64_t n)
{
    return n == 1 ? "" : "s";
}

static void text(struct table *t, const char *z)
{
    sco_buf_add_printable(t->b, sco_str_c(z));
}

/* ---- what was scanned ------------------------------------------------------------------------ */
static void write_header(struct table *t)
{
    const struct sco_scan *scan = t->scan;
    bool import = scan->command && strcmp(scan->command, "import") == 0;
    struct sco_buf *b = &t->tmp;
    buf_restart(b, t->b);
    sco_buf_addf(b, "%s %s", import ? "import of" : "scan of", scan->target ? scan->target : "?");
    if (scan->branch || scan->commit_sha)
        sco_buf_addf(b, " (%s%s%.12s)", scan->branch ? scan->branch : "",
                     scan->branch && scan->commit_sha ? " at " : "",
                     scan->commit_sha ? scan->commit_sha : "");
    if (scan->completed_ms > scan->started_ms && scan->started_ms) {
        sco_buf_addz(b, " in ");
        sco_buf_add_duration(b, scan->completed_ms - scan->started_ms);
    }
    const char *name = "SecureOps " SCO_VERSION ": ";
    add_painted(t, PAINT_BOLD, sco_str_c(name));
    add_wrapped(t, &(struct wrap){.used = strlen(name), .indent = 4, .lines = 4}, sco_buf_str(b));
    sco_buf_addz(t->b, "\n\n");
}

/* ---- scanners -------------------------------------------------------------------------------- */
static const char *status_paint(enum sco_run_status s)
{
    return s == SCO_RUN_STATUS_COMPLETED ? PAINT_GREEN
           : s == SCO_RUN_STATUS_SKIPPED ? PAINT_DIM
           : s == SCO_RUN_STATUS_MISSING ? PAINT_YELLOW
                                         : PAINT_RED;
}

static bool several_targets(const struct sco_scan *scan)
{
    for (size_t i = 1; i < scan->n_runs; i++) {
        const char *a = scan->runs[0].target, *b = scan->runs[i].target;
        if (a && b && strcmp(a, b) != 0)
            return true;
    }
    return false;
}

/* Title, version, and what it looked at when the scanners looked at different things. */
static struct sco_str run_name(struct table *t, const struct sco_scanner_run *r, bool target)
{
    SCO_AUTO(sco_buf) struct sco_buf raw = {0};
    sco_buf_addz(&raw, run_title(r));
    if (run_other_tool(r))
        sco_buf_addf(&raw, " (%s)", run_other_tool(r));
    if (r->version && *r->version)
        sco_buf_addf(&raw, " %s", r->version);
    if (target && r->target)
        sco_buf_addf(&raw, ": %s", r->target);
    buf_restart(&t->tmp, t->b);
    sco_buf_add_printable(&t->tmp, sco_buf_str(&raw));
    t->b->failed |= raw.failed || t->tmp.failed;
    return sco_buf_str(&t->tmp);
}

/* Everything of the row but the name. */
static size_t row_rest(void)
{
    return 6 * NUMBER_WIDTH + 2 + TIME_WIDTH + 2 + RESULT_WIDTH;
}

static size_t name_width(struct table *t, bool target)
{
    size_t width = NAME_WIDTH_MIN, most = t->columns - row_rest();
    for (size_t i = 0; i < t->scan->n_runs; i++) {
        size_t w = sco_utf8_width(run_name(t, &t->scan->runs[i], target));
        width = w > width ? w : width;
    }
    return most < NAME_WIDTH_MIN ? NAME_WIDTH_MIN : width > most ? most : width;
}

static void write_counts(struct table *t, const struct sco_scanner_run *r)
{
    bool known = run_is_complete(r) || run_findings(r) || r->suppressed;
    for (uint32_t i = SCO_SEV_CRITICAL; i >= SCO_SEV_INFO; i--) {
        const char *paint = r->by_severity[i] ? severity_paint(i) : PAINT_DIM;
        if (t->o->color)
            sco_buf_addf(t->b, "\x1b[%sm", paint);
        if (known)
            add_number(t->b, r->by_severity[i], NUMBER_WIDTH);
        else
            sco_buf_addf(t->b, "%*s", NUMBER_WIDTH, "-");
        if (t->o->color)
            sco_buf_addz(t->b, "\x1b[0m");
    }
    if (known)
        add_number(t->b, r->suppressed, NUMBER_WIDTH + 2);
    else
        sco_buf_addf(t->b, "%*s", NUMBER_WIDTH + 2, "-");
}

static void write_duration(struct table *t, int64_t ms)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    if (ms >= 0)
        sco_buf_add_duration(&b, ms);
    else
        sco_buf_addc(&b, '-');
    add_spaces(t->b, b.n < TIME_WIDTH ? TIME_WIDTH - b.n : 0);
    sco_buf_add(t->b, sco_buf_str(&b));
    t->b->failed |= b.failed;
}

/* The reason stands in the row when it fits there, else below it. */
static void write_reason(struct table *t, const struct sco_scanner_run *r, size_t used)
{
    struct sco_buf *b = &t->tmp;
    buf_restart(b, t->b);
    if (r->required && !run_is_complete(r))
        sco_buf_addz(b, "(required) ");
    if (r->reason && *r->reason)
        sco_buf_addz(b, r->reason);
    else if (!run_is_complete(r))
        sco_buf_addz(b, "no reason is known");
    if (r->dropped)
        sco_buf_addf(b, "%s%llu in excluded folders left out", b->n ? "; " : "",
                     (unsigned long long)r->dropped);
    struct sco_str why = sco_str_trim(sco_buf_str(b));
    if (why.n && used + 2 + sco_utf8_width(why) <= t->columns) {
        sco_buf_addz(t->b, "  ");
        sco_buf_add_printable(t->b, why);
        sco_buf_addc(t->b, '\n');
    } else if (why.n) {
        sco_buf_addc(t->b, '\n');
        add_spaces(t->b, REASON_INDENT);
        add_wrapped(t, &(struct wrap){REASON_INDENT, REASON_INDENT, REASON_LINES, NULL}, why);
        sco_buf_addc(t->b, '\n');
    } else
        sco_buf_addc(t->b, '\n');
    if (!run_is_complete(r) && r->hint && *r->hint) {
        add_spaces(t->b, REASON_INDENT);
        sco_buf_addz(t->b, "-> ");
        add_wrapped(t, &(struct wrap){REASON_INDENT + 3, REASON_INDENT + 3, REASON_LINES, NULL},
                    sco_str_c(r->hint));
        sco_buf_addc(t->b, '\n');
    }
}

static void write_scanners(struct table *t)
{
    if (!t->scan->n_runs) {
        sco_buf_addz(t->b, "No scanner ran.\n");
        return;
    }
    bool target = several_targets(t->scan);
    size_t width = name_width(t, target);
    if (t->o->color)
        sco_buf_addz(t->b, "\x1b[" PAINT_BOLD "m");
    add_cell(t->b, SCO_STR("Scanner"), width);
    sco_buf_addz(t->b, " Crit High  Med  Low Info Suppr.    Time  Result\n");
    if (t->o->color)
        sco_buf_addz(t->b, "\x1b[0m");
    for (size_t i = 0; i < t->scan->n_runs && sink_more(t->s); i++) {
        const struct sco_scanner_run *r = &t->scan->runs[i];
        add_cell(t->b, run_name(t, r, target), width);
        write_counts(t, r);
        write_duration(t, r->duration_ms);
        sco_buf_addz(t->b, "  ");
        struct sco_str status = sco_str_c(sco_run_status_name(r->status));
        add_painted(t, status_paint(r->status), status);
        size_t used = width + 6 * NUMBER_WIDTH + 2 + TIME_WIDTH + 2 + status.n;
        write_reason(t, r, used);
    }
}

/* ---- the end --------------------------------------------------------------------------------- */
static void write_totals(struct table *t)
{
    const struct sco_summary *s = &t->scan->summary;
    static const char *const words[SCO_SEV_MAX_] = {
        [SCO_SEV_INFO] = "info", [SCO_SEV_LOW] = "low",           [SCO_SEV_MEDIUM] = "medium",
        [SCO_SEV_HIGH] = "high", [SCO_SEV_CRITICAL] = "critical",
    };
    uint64_t open = 0;
    for (uint32_t i = SCO_SEV_INFO; i < SCO_SEV_MAX_; i++)
        open += s->by_severity[i];
    const char *new_word = sco_is_compared(&t->scan->comparison) ? "new " : "";
    sco_buf_addc(t->b, '\n');
    if (!open)
        sco_buf_addf(t->b, "No %sfindings%s", new_word,
                     strcmp(scan_status(t->scan), "completed") == 0 ? "" : " in what was checked");
    else
        sco_buf_addf(t->b, "%llu %sfinding%s: ", (unsigned long long)open, new_word, plural(open));
    const char *gap = "";
    for (uint32_t i = SCO_SEV_CRITICAL; i >= SCO_SEV_INFO; i--)
        if (s->by_severity[i]) {
            sco_buf_addf(t->b, "%s%llu %s", gap, (unsigned long long)s->by_severity[i], words[i]);
            gap = ", ";
        }
    if (s->unchanged)
        sco_buf_addf(t->b, "; %llu unchanged", (unsigned long long)s->unchanged);
    if (s->suppressed)
        sco_buf_addf(t->b, "; %llu suppressed", (unsigned long long)s->suppressed);
    if (s->reported > s->findings)
        sco_buf_addf(t->b, "; %llu reported before merging", (unsigned long long)s->reported);
    sco_buf_addc(t->b, '\n');
}

static void write_store(struct table *t)
{
    const struct sco_scan_stored *s = &t->scan->stored;
    if (!s->where)
        return;
    sco_buf_addf(t->b, "Stored: %llu new, %llu seen before", (unsigned long long)s->created,
                 (unsigned long long)s->seen);
    if (s->changed)
        sco_buf_addf(t->b, " (%llu changed)", (unsigned long long)s->changed);
    sco_buf_addf(t->b, ", %llu reopened, %llu resolved", (unsigned long long)s->reopened,
                 (unsigned long long)s->resolved);
    if (s->not_checked)
        sco_buf_addf(t->b, "; %llu not checked, and still open",
                     (unsigned long long)s->not_checked);
    sco_buf_addc(t->b, '\n');
}

static void write_comparison(struct table *t)
{
    const struct sco_scan_comparison *c = &t->scan->comparison;
    if (!sco_is_compared(c))
        return;
    sco_buf_addz(t->b, "Compared with ");
    if (c->base) {
        text(t, c->base);
        sco_buf_addf(t->b, " (merge base %.12s)%s", c->merge_base ? c->merge_base : "",
                     c->baseline ? " and " : "");
    }
    if (c->baseline)
        text(t, c->baseline);
    if (c->by_state[SCO_BASELINE_ABSENT])
        sco_buf_addf(t->b, "; %llu of the baseline not reported any more",
                     (unsigned long long)c->by_state[SCO_BASELINE_ABSENT]);
    sco_buf_addc(t->b, '\n');
}

/* "2 of 5 scanners did not finish: semgrep, trivy". */
static void add_unfinished(struct sco_buf *b, const struct sco_scan *scan)
{
    size_t n = 0, counted = 0;
    for (size_t i = 0; i < scan->n_runs; i++) {
        counted += scan->runs[i].counts;
        n += scan->runs[i].counts && !run_is_complete(&scan->runs[i]);
    }
    if (scan->cancelled) {
        sco_buf_addz(b, "the scan was cancelled");
        return;
    }
    if (!n) {
        sco_buf_addz(b, scan->gate.n_reasons ? scan->gate.reasons[0]
                                             : "something that should have run did not finish");
        return;
    }
    sco_buf_addf(b, "%zu of %zu scanner%s did not finish: ", n, counted, plural(counted));
    const char *gap = "";
    for (size_t i = 0; i < scan->n_runs; i++)
        if (scan->runs[i].counts && !run_is_complete(&scan->runs[i])) {
            sco_buf_addf(b, "%s%s (%s)", gap, run_title(&scan->runs[i]),
                         sco_run_status_name(scan->runs[i].status));
            gap = ", ";
        }
}

static const char *main_reason(const struct sco_gate *g)
{
    for (size_t i = 0; i < g->n_reasons; i++)
        if (!sco_str_starts(sco_str_c(g->reasons[i]), "(allowed)"))
            return g->reasons[i];
    return NULL;
}

static void add_verdict(struct sco_buf *b, const struct sco_scan *scan)
{
    const struct sco_gate *g = &scan->gate;
    const char *reason = main_reason(g);
    if (g->result == SCO_GATE_INCOMPLETE)
        add_unfinished(b, scan);
    else if (g->result == SCO_GATE_FAILED)
        sco_buf_addz(b, reason ? reason : "the gate failed");
    else if (g->fail_on)
        sco_buf_addf(
            b, "no %sfinding of severity %s%s", sco_is_compared(&scan->comparison) ? "new " : "",
            sco_severity_name(g->fail_on), g->fail_on < SCO_SEV_CRITICAL ? " or above" : "");
    else if (scan->policies.gate_title)
        sco_buf_addf(b, "the gates let it pass: %s", scan->policies.gate_title);
    else if (scan->policies.n_gates)
        sco_buf_addz(b, "the gates let it pass");
    else
        sco_buf_addz(b, "no --fail-on severity is set");
}

static void write_verdict(struct table *t)
{
    static const struct {
        const char *word, *paint;
    } results[] = {{"PASSED", "1;32"}, {"FAILED", "1;31"}, {"INCOMPLETE", "1;33"}};
    const struct sco_gate *g = &t->scan->gate;
    size_t result = (unsigned)g->result < 3 ? g->result : SCO_GATE_INCOMPLETE;
    /* One reason stands in the last line itself. */
    bool list = g->n_reasons > 1 || (g->n_reasons == 1 && result != SCO_GATE_FAILED);
    for (size_t i = 0; list && i < g->n_reasons; i++) {
        if (i == REASONS_SHOWN) {
            sco_buf_addf(t->b, "  - and %zu more reasons, in the JSON report\n", g->n_reasons - i);
            break;
        }
        sco_buf_addz(t->b, "  - ");
        add_wrapped(t, &(struct wrap){4, 4, REASON_LINES, NULL}, sco_str_c(g->reasons[i]));
        sco_buf_addc(t->b, '\n');
    }
    struct sco_buf *b = &t->tmp;
    buf_restart(b, t->b);
    add_verdict(b, t->scan);
    add_painted(t, results[result].paint, sco_str_c(results[result].word));
    sco_buf_addf(t->b, " (exit %d): ", t->scan->exit_status);
    text(t, sco_buf_z(b)); /* one line, whatever its length: logs are searched for it */
    sco_buf_addc(t->b, '\n');
}

int table_write(const struct sco_scan *scan, const struct sco_report_options *o, struct sink *s,
                struct sco_error *err)
{
    struct table t = {.scan = scan, .o = o, .s = s, .b = &s->b};
    int columns = o->columns > 0 ? o->columns : COLUMNS_DEFAULT;
    t.columns = (size_t)(columns < COLUMNS_MIN   ? COLUMNS_MIN
                         : columns > COLUMNS_MAX ? COLUMNS_MAX
                                                 : columns);
    write_header(&t);
    write_scanners(&t);
    table_findings(&t);
    write_totals(&t);
    write_comparison(&t);
    write_store(&t);
    policies_table(&t);
    write_verdict(&t);
    int r = sco_buf_check(&t.tmp, err);
    sco_buf_done(&t.tmp);
    return r;
}
