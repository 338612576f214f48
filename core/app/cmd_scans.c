/* secureops scans list | show ID: what the store has of scans. */
#include "remote.h"

static void add_time(struct sco_buf *b, int64_t at)
{
    char text[SCO_TIME_LEN];
    sco_time_format(at, text);
    sco_buf_addf(b, "%.10s %.5s", text, text + 11);
}

static void print_row(const struct sco_stored_scan *x)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    add_time(&b, x->completed_at);
    sco_buf_addf(&b, "  %-10s %-10s %6llu %6llu %8llu  ", x->status, x->gate_result,
                 (unsigned long long)x->stored.created, (unsigned long long)x->stored.seen,
                 (unsigned long long)x->stored.resolved);
    sco_buf_add_printable(&b, sco_str_c(x->repository));
    if (*x->branch) {
        sco_buf_addc(&b, ' ');
        sco_buf_add_printable(&b, sco_str_c(x->branch));
    }
    printf("%s  %s\n", x->id, sco_buf_z(&b));
}

static int print_json(struct sco_buf *b, struct sco_error *err)
{
    int r = sco_buf_check(b, err);
    if (r == 0)
        printf("%s\n", sco_buf_z(b));
    return r;
}

static int list(struct cli *c, struct sco_store *s, bool json, struct sco_error *err)
{
    struct sco_scan_page p = {0};
    struct sco_store_scan_filter f = {.repository = c->values[ARG_REPOSITORY],
                                      .branch = c->values[ARG_BRANCH],
                                      .status = c->values[ARG_STATUS],
                                      .cursor = c->values[ARG_CURSOR]};
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b};
    const char *sort = args_has(c, ARG_SORT) ? c->values[ARG_SORT] : "-completed_at";
    int r = context_limit(c, &f.limit, err);
    f.oldest_first = strcmp(sort, "completed_at") == 0;
    if (r == 0 && !f.oldest_first && strcmp(sort, "-completed_at") != 0)
        r = sco_error_set(err, SCO_E_INVALID,
                          "--sort: expected -completed_at or completed_at, got \"%s\"", sort);
    if (r == 0)
        r = c->remote ? remote_scans(c->remote, &f, &p, err) : sco_store_scans(s, &f, &p, err);
    if (r < 0)
        return r;
    if (json) {
        sco_json_begin(&o, '{');
        sco_json_key(&o, "scans");
        sco_json_begin(&o, '[');
        for (size_t i = 0; i < p.n; i++)
            sco_stored_scan_write(&o, &p.v[i], false);
        sco_json_end(&o, ']');
        sco_json_key(&o, "cursor");
        if (p.cursor)
            sco_json_str(&o, sco_str_c(p.cursor));
        else
            sco_json_null(&o);
        sco_json_end(&o, '}');
        r = print_json(&b, err);
    } else {
        if (p.n)
            printf("%-36s  %-16s  %-10s %-10s %6s %6s %8s  %s\n", "ID", "COMPLETED", "STATUS",
                   "GATE", "NEW", "SEEN", "RESOLVED", "REPOSITORY");
        else
            printf("No scans\n");
        for (size_t i = 0; i < p.n; i++)
            print_row(&p.v[i]);
        if (p.cursor)
            printf("\nThere are more: --cursor %s\n", p.cursor);
    }
    sco_scan_page_done(&p);
    return r;
}

static void print_scan(const struct sco_stored_scan *x)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    sco_buf_addf(&b, "scan of ");
    sco_buf_add_printable(&b, sco_str_c(x->repository));
    sco_buf_addf(&b, " %s at ", x->branch);
    add_time(&b, x->completed_at);
    printf("%s %s\n%s, gate %s (exit %lld): %lld findings, %lld suppressed\n", x->id, sco_buf_z(&b),
           x->status, x->gate_result, (long long)x->exit_status, (long long)x->findings,
           (long long)x->suppressed);
    printf("%llu new, %llu seen before (%llu changed), %llu reopened, %llu resolved, %llu not "
           "checked\n\n",
           (unsigned long long)x->stored.created, (unsigned long long)x->stored.seen,
           (unsigned long long)x->stored.changed, (unsigned long long)x->stored.reopened,
           (unsigned long long)x->stored.resolved, (unsigned long long)x->stored.not_checked);
    for (size_t i = 0; i < x->n_runs; i++) {
        SCO_AUTO(sco_buf) struct sco_buf why = {0};
        const struct sco_stored_run *r = &x->runs[i];
        sco_buf_add_printable(&why, sco_str_c(r->reason ? r->reason : ""));
        printf("  %-18s %-10s %-12s %6lld reported  %s\n", r->name, r->version ? r->version : "-",
               r->status, (long long)r->reported, sco_buf_z(&why));
    }
}

static int show(struct cli *c, struct sco_store *s, bool json, struct sco_error *err)
{
    struct sco_scan_page p = {0};
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b};
    if (c->n_operands != 2)
        return sco_error_set(err, SCO_E_INVALID, "usage: secureops scans show ID");
    int r = c->remote ? remote_scan(c->remote, c->operands[1], &p, err)
                      : sco_store_scan(s, c->operands[1], &p, err);
    if (r < 0)
        return r;
    if (json) {
        sco_stored_scan_write(&o, &p.v[0], true);
        r = print_json(&b, err);
    } else
        print_scan(&p.v[0]);
    sco_scan_page_done(&p);
    return r;
}

int cmd_scans(struct cli *c)
{
    static const char *const flags[] = {"repository", "branch", "status", "sort",
                                        "limit",      "cursor", "format", NULL};
    struct sco_error err = {0};
    struct sco_store *s = NULL;
    bool json = false;
    const char *what = c->n_operands ? c->operands[0] : "";
    bool is_list = strcmp(what, "list") == 0 && c->n_operands == 1;
    int r = args_want_json(c, &json, &err);
    if (r == 0 && !is_list && strcmp(what, "show") != 0)
        r = sco_error_set(&err, SCO_E_INVALID, "\"secureops scans\" wants list, or show ID");
    if (r == 0)
        r = context_open_either(c, false, flags, &s, &err);
    if (r == 0)
        r = is_list ? list(c, s, json, &err) : show(c, s, json, &err);
    sco_store_close(s);
    remote_close(c->remote);
    return r < 0 ? context_fail(&err) : EXIT_PASSED;
}
