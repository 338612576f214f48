/* secureops jobs list | show ID | cancel ID | retry ID: the queue of a local store. */
#include "remote.h"

static const char *state_name(uint32_t i)
{
    return sco_job_state_name((enum sco_job_state)i);
}

static void print_row(const struct sco_stored_job *j)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    char at[SCO_TIME_LEN];
    sco_time_format(j->created_at, at);
    sco_buf_add_printable(&b, sco_str_c(j->request.target_key));
    sco_buf_addc(&b, ' ');
    sco_buf_add_printable(&b, sco_str_c(j->request.revision));
    printf("%s  %.10s %.5s  %-9s  %-6s  %2u/%-2u  %s\n", j->id, at, at + 11, state_name(j->state),
           j->request.kind, j->attempt, j->request.max_attempts, sco_buf_z(&b));
}

static int print_json(struct sco_buf *b, struct sco_error *err)
{
    int r = sco_buf_check(b, err);
    if (r == 0)
        printf("%s\n", sco_buf_z(b));
    return r;
}

static int print_list(const struct sco_job_page *p, bool json, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b};
    if (!json) {
        if (p->n)
            printf("%-36s  %-16s  %-9s  %-6s  %-5s  %s\n", "ID", "REQUESTED", "STATE", "KIND",
                   "TRIES", "TARGET");
        else
            printf("No jobs\n");
        for (size_t i = 0; i < p->n; i++)
            print_row(&p->v[i]);
        if (p->cursor)
            printf("\nThere are more: --cursor %s\n", p->cursor);
        return 0;
    }
    sco_json_begin(&o, '{');
    sco_json_key(&o, "jobs");
    sco_json_begin(&o, '[');
    for (size_t i = 0; i < p->n; i++)
        sco_stored_job_write(&o, &p->v[i]);
    sco_json_end(&o, ']');
    sco_json_key(&o, "cursor");
    if (p->cursor)
        sco_json_str(&o, sco_str_c(p->cursor));
    else
        sco_json_null(&o);
    sco_json_end(&o, '}');
    return print_json(&b, err);
}

static int list(struct cli *c, struct sco_store *s, bool json, struct sco_error *err)
{
    struct sco_job_page p = {0};
    struct sco_job_filter f = {.target_key = c->values[ARG_TARGET],
                               .cursor = c->values[ARG_CURSOR]};
    int r = context_bits(c, ARG_STATUS, "--status", SCO_JOB_STATE_MAX_, state_name, &f.states, err);
    if (r == 0)
        r = context_limit(c, &f.limit, err);
    if (r == 0)
        r = c->remote ? remote_jobs(c->remote, &f, &p, err) : sco_store_jobs(s, &f, &p, err);
    if (r == 0)
        r = print_list(&p, json, err);
    sco_job_page_done(&p);
    return r;
}

static int show(struct cli *c, struct sco_store *s, bool json, struct sco_error *err)
{
    struct sco_job_page p = {0};
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b, .pretty = !json};
    int r = c->remote ? remote_job(c->remote, c->operands[1], &p, err)
                      : sco_store_job(s, c->operands[1], &p, err);
    if (r < 0)
        return r;
    sco_stored_job_write(&o, &p.v[0]);
    sco_job_page_done(&p);
    return print_json(&b, err);
}

static int cancel(struct cli *c, struct sco_store *s, struct sco_error *err)
{
    enum sco_job_state st = SCO_JOB_QUEUED;
    const char *by = context_user(c);
    int r = c->remote ? remote_job_do(c->remote, c->operands[1], "cancel", &st, err)
            : by      ? sco_store_job_cancel(s, c->operands[1], by, sco_now_ms(), &st, err)
                      : sco_error_nomem(err);
    if (r == 0)
        printf("%s %s\n", c->operands[1],
               st == SCO_JOB_RUNNING ? "is asked to end" : state_name(st));
    return r;
}

static int retry(struct cli *c, struct sco_store *s, struct sco_error *err)
{
    enum sco_job_state st = SCO_JOB_QUEUED;
    const char *by = context_user(c);
    int r = c->remote ? remote_job_do(c->remote, c->operands[1], "retry", &st, err)
            : by      ? sco_store_job_retry(s, c->operands[1], by, sco_now_ms(), err)
                      : sco_error_nomem(err);
    if (r == 0)
        printf("%s queued\n", c->operands[1]);
    return r;
}

int cmd_jobs(struct cli *c)
{
    static const char *const verbs[] = {"list", "show", "cancel", "retry"};
    static const char *const flags[] = {"status", "target", "limit", "cursor", "format", NULL};
    struct sco_error err = {0};
    struct sco_store *s = NULL;
    bool json = false;
    size_t verb = 0;
    const char *what = c->n_operands ? c->operands[0] : "";
    while (verb < SCO_ARRAY_LEN(verbs) && strcmp(what, verbs[verb]) != 0)
        verb++;
    int r = args_want_json(c, &json, &err);
    if (r == 0 && (verb == SCO_ARRAY_LEN(verbs) || c->n_operands != (verb ? 2u : 1u)))
        r = sco_error_set(&err, SCO_E_INVALID,
                          "\"secureops jobs\" wants list, or one of show, cancel, retry with an "
                          "ID");
    if (r == 0)
        r = context_open_either(c, false, flags, &s, &err);
    if (r == 0)
        r = verb == 0   ? list(c, s, json, &err)
            : verb == 1 ? show(c, s, json, &err)
            : verb == 2 ? cancel(c, s, &err)
                        : retry(c, s, &err);
    sco_store_close(s);
    remote_close(c->remote);
    return r < 0 ? context_fail(&err) : EXIT_PASSED;
}
