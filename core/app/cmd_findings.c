/* secureops findings list | show ID | set-status ID STATUS: what the store has of findings. */
#include "remote.h"

static const char *status_name(uint32_t i)
{
    return sco_status_name((enum sco_status)i);
}

static void add_time(struct sco_buf *b, int64_t at)
{
    char text[SCO_TIME_LEN];
    sco_time_format(at, text);
    sco_buf_addf(b, "%.10s %.5s", text, text + 11);
}

/* ---- list ---- */
static int take_filter(struct cli *c, struct sco_store_filter *f, struct sco_error *err)
{
    f->repository = c->values[ARG_REPOSITORY];
    f->branch = c->values[ARG_BRANCH];
    f->tool = c->values[ARG_TOOL];
    f->rule = c->values[ARG_RULE];
    f->cve = c->values[ARG_CVE];
    f->path = c->values[ARG_PATH];
    f->cursor = c->values[ARG_CURSOR];
    f->suppressed = args_has(c, ARG_SHOW_SUPPRESSED);
    int r =
        context_bits(c, ARG_STATUS, "--status", SCO_STATUS_MAX_, status_name, &f->statuses, err);
    if (r == 0)
        r = context_bits(c, ARG_TYPE, "--type", SCO_TYPE_MAX_, sco_type_name, &f->types, err);
    if (r == 0)
        r = context_limit(c, &f->limit, err);
    if (r == 0 && args_has(c, ARG_SORT) && sco_store_sort_parse(c->values[ARG_SORT], f, err) < 0)
        r = sco_error_prefix(err, "--sort");
    if (r < 0 || !args_has(c, ARG_SEVERITY))
        return r;
    f->min_severity = sco_severity_parse(sco_str_c(c->values[ARG_SEVERITY]));
    if (f->min_severity == SCO_SEV_UNKNOWN)
        r = sco_error_set(err, SCO_E_INVALID,
                          "--severity: expected info, low, medium, high or critical, got \"%s\"",
                          c->values[ARG_SEVERITY]);
    return r;
}

static void print_row(const struct sco_stored_finding *f)
{
    SCO_AUTO(sco_buf) struct sco_buf place = {0}, title = {0};
    sco_buf_add_printable(&title, sco_str_c(f->title ? f->title : f->rule_id));
    if (f->file_path)
        sco_buf_add_printable(&place, sco_str_c(f->file_path));
    if (f->file_path && f->line_number)
        sco_buf_addf(&place, ":%lld", (long long)f->line_number);
    printf("%s  %-8s %5.1f  %-14s %s  %s\n", f->id, sco_severity_name(f->severity), f->risk_score,
           sco_status_name(f->status), sco_buf_z(&title), sco_buf_z(&place));
}

static int print_page(const struct sco_finding_page *p, bool json, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b};
    int r = 0;
    if (!json) {
        if (p->n)
            printf("%-36s  %-8s %5s  %-14s %s\n", "ID", "SEVERITY", "RISK", "STATUS", "TITLE");
        for (size_t i = 0; i < p->n; i++)
            print_row(&p->v[i]);
        if (!p->n)
            printf("No findings\n");
        if (p->cursor)
            printf("\nThere are more: --cursor %s\n", p->cursor);
        return 0;
    }
    printf("{\"findings\":[");
    for (size_t i = 0; i < p->n && r == 0; i++) { /* one a line, as in reports */
        sco_buf_clear(&b);
        o = (struct sco_json_out){.b = &b};
        r = sco_stored_finding_write(&o, &p->v[i], err);
        printf("%s\n%s", i ? "," : "", sco_buf_z(&b));
    }
    sco_buf_clear(&b);
    o = (struct sco_json_out){.b = &b};
    if (p->cursor)
        sco_json_str(&o, sco_str_c(p->cursor));
    else
        sco_json_null(&o);
    printf("\n],\"cursor\":%s}\n", sco_buf_z(&b));
    return r;
}

static int list(struct cli *c, struct sco_store *s, bool json, struct sco_error *err)
{
    struct sco_store_filter f = {0};
    struct sco_finding_page page = {0};
    int r = take_filter(c, &f, err);
    if (r == 0)
        r = c->remote ? remote_findings(c->remote, &f, &page, err)
                      : sco_store_findings(s, &f, &page, err);
    if (r == 0)
        r = print_page(&page, json, err);
    sco_finding_page_done(&page);
    return r;
}

/* ---- show ---- */
static void print_event(const struct sco_store_event *e)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    add_time(&b, e->at);
    sco_buf_addf(&b, "  %-12s ", e->action);
    if (e->from && e->to)
        sco_buf_addf(&b, "%s to %s, ", e->from, e->to);
    sco_buf_addz(&b, "by ");
    sco_buf_add_printable(&b, sco_str_c(e->by));
    if (e->scan_id)
        sco_buf_addf(&b, " (scan %s)", e->scan_id);
    if (e->reason) {
        sco_buf_addz(&b, ": ");
        sco_buf_add_printable(&b, sco_str_c(e->reason));
    }
    printf("  %s\n", sco_buf_z(&b));
}

static void print_line(const char *name, const char *value)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    if (!value || !*value)
        return;
    sco_buf_add_printable(&b, sco_str_c(value));
    printf("%-12s %s\n", name, sco_buf_z(&b));
}

static void print_time(const char *name, int64_t at)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    add_time(&b, at);
    if (at)
        print_line(name, sco_buf_z(&b));
}

static int print_finding(const struct sco_stored_finding *f, const struct sco_store_history *h,
                         struct sco_error *err)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    const struct sco_node *content = NULL;
    int r = sco_json_parse(sco_str_c(f->content), &arena, &content, err);
    if (r < 0)
        return r;
    SCO_AUTO(sco_buf) struct sco_buf place = {0};
    if (f->file_path)
        sco_buf_addf(&place, f->line_number ? "%s:%lld" : "%s", f->file_path,
                     (long long)f->line_number);
    print_line("finding", f->id);
    print_line("title", f->title);
    print_line("severity", sco_severity_name(f->severity));
    print_line("status", sco_status_name(f->status));
    print_line("by", f->status_by);
    print_line("reason", f->status_reason);
    print_time("until", f->accepted_until);
    print_line("suppressed", f->suppressed ? "yes" : NULL);
    print_line("repository", f->repository);
    print_line("branch", f->branch);
    print_line("place", sco_buf_z(&place));
    print_line("rule", f->rule_id);
    print_line("tools", f->tools);
    print_line("cve", f->cve_id);
    print_line("fingerprint", f->fingerprint);
    print_time("first seen", f->first_detected);
    print_time("last seen", f->last_detected);
    print_time("resolved", f->resolved_at);
    print_line("description", sco_text(sco_get(content, "description")).p);
    print_line("remediation", sco_text(sco_get(content, "remediation")).p);
    printf("\nhistory\n");
    for (size_t i = 0; i < h->n; i++)
        print_event(&h->v[i]);
    return 0;
}

static void event_json(struct sco_json_out *o, const struct sco_store_event *e)
{
    char at[SCO_TIME_LEN];
    sco_time_format(e->at, at);
    sco_json_begin(o, '{');
    sco_json_kz(o, "at", at);
    sco_json_kz(o, "action", e->action);
    sco_json_kz(o, "from", e->from);
    sco_json_kz(o, "to", e->to);
    sco_json_kz(o, "by", e->by);
    sco_json_kz(o, "scan_id", e->scan_id);
    sco_json_kz(o, "reason", e->reason);
    sco_json_end(o, '}');
}

static int finding_json(const struct sco_stored_finding *f, const struct sco_store_history *h,
                        struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b};
    sco_json_begin(&o, '{');
    sco_json_key(&o, "finding");
    int r = sco_stored_finding_write(&o, f, err);
    sco_json_key(&o, "history");
    sco_json_begin(&o, '[');
    for (size_t i = 0; i < h->n; i++)
        event_json(&o, &h->v[i]);
    sco_json_end(&o, ']');
    sco_json_end(&o, '}');
    if (r == 0)
        r = sco_buf_check(&b, err);
    if (r == 0)
        printf("%s\n", sco_buf_z(&b));
    return r;
}

static int show(struct cli *c, struct sco_store *s, bool json, struct sco_error *err)
{
    struct sco_finding_page page = {0};
    struct sco_store_history h = {0};
    if (c->n_operands != 2)
        return sco_error_set(err, SCO_E_INVALID, "usage: secureops findings show ID");
    int r = c->remote ? remote_finding(c->remote, c->operands[1], &page, err)
                      : sco_store_finding(s, c->operands[1], &page, err);
    if (r == 0)
        r = c->remote ? remote_history(c->remote, page.v[0].id, &h, err)
                      : sco_store_history(s, page.v[0].id, &h, err);
    if (r == 0)
        r = json ? finding_json(&page.v[0], &h, err) : print_finding(&page.v[0], &h, err);
    sco_store_history_done(&h);
    sco_finding_page_done(&page);
    return r;
}

/* ---- set-status ---- */
static int take_until(struct cli *c, int64_t *ret, struct sco_error *err)
{
    if (!args_has(c, ARG_UNTIL))
        return 0;
    struct sco_str text = sco_str_c(c->values[ARG_UNTIL]);
    if (sco_time_parse(text, ret) < 0)
        return sco_error_set(err, SCO_E_INVALID,
                             "--until: expected a date as 2027-01-31, got \"%s\"", text.p);
    if (text.n == 10)
        *ret += 24 * 3600 * 1000 - 1; /* the end of the day, as in waivers */
    return 0;
}

static int set_status(struct cli *c, struct sco_store *s, struct sco_error *err)
{
    struct sco_store_status to = {
        .reason = c->values[ARG_REASON], .by = context_user(c), .now = sco_now_ms()};
    bool changed = false;
    uint32_t i = 0;
    if (c->n_operands != 3)
        return sco_error_set(err, SCO_E_INVALID,
                             "usage: secureops findings set-status ID STATUS --reason TEXT");
    while (i < SCO_STATUS_MAX_ &&
           !sco_str_is_nocase(sco_str_c(c->operands[2]), sco_status_name((enum sco_status)i)))
        i++;
    if (i == SCO_STATUS_MAX_)
        return sco_error_set(err, SCO_E_INVALID,
                             "there is no status \"%s\"; known are open, in_progress, resolved, "
                             "false_positive, accepted",
                             c->operands[2]);
    to.status = (enum sco_status)i;
    int r = take_until(c, &to.accepted_until, err);
    if (r == 0)
        r = c->remote ? remote_set_status(c->remote, c->operands[1], &to, &changed, err)
                      : sco_store_set_status(s, c->operands[1], &to, &changed, err);
    if (r == 0)
        printf("%s is %s%s\n", c->operands[1], sco_status_name(to.status),
               changed ? "" : " already");
    return r;
}

/* The store, where nothing is shown as accepted that is no longer; or the daemon, which sees to
 * that itself. */
static int open_either(struct cli *c, const char *what, struct sco_store **ret,
                       struct sco_error *err)
{
    static const char *const list_flags[] = {
        "repository", "branch", "status", "severity", "sort",   "type",   "tool",
        "rule",       "cve",    "path",   "limit",    "cursor", "format", "show-suppressed",
        NULL};
    static const char *const others[] = {"reason", "until", "format", NULL};
    uint64_t expired;
    int r =
        context_open_either(c, false, strcmp(what, "list") == 0 ? list_flags : others, ret, err);
    return r == 0 && *ret ? sco_store_expire(*ret, sco_now_ms(), &expired, err) : r;
}

int cmd_findings(struct cli *c)
{
    struct sco_error err = {0};
    struct sco_store *s = NULL;
    bool json = false;
    const char *what = c->n_operands ? c->operands[0] : "";
    int r = args_want_json(c, &json, &err);
    if (r == 0 && strcmp(what, "list") != 0 && strcmp(what, "show") != 0 &&
        strcmp(what, "set-status") != 0)
        r = sco_error_set(&err, SCO_E_INVALID,
                          "\"secureops findings\" wants list, show ID, or set-status ID STATUS");
    if (r == 0)
        r = open_either(c, what, &s, &err);
    if (r == 0 && strcmp(what, "list") == 0)
        r = c->n_operands == 1
                ? list(c, s, json, &err)
                : sco_error_set(&err, SCO_E_INVALID, "\"findings list\" takes options only");
    else if (r == 0)
        r = strcmp(what, "show") == 0 ? show(c, s, json, &err) : set_status(c, s, &err);
    sco_store_close(s);
    remote_close(c->remote);
    return r < 0 ? context_fail(&err) : EXIT_PASSED;
}
