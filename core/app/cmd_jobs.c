/* secureops jobs list | show ID | cancel ID | retry ID: the queue of a store or a daemon. */
#include "items.h"

static const char *state_name(uint32_t i)
{
    return sco_job_state_name((enum sco_job_state)i);
}

static void row(const void *item)
{
    const struct sco_stored_job *j = item;
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    char at[SCO_TIME_LEN];
    sco_time_format(j->created_at, at);
    sco_buf_add_printable(&b, sco_str_c(j->request.target_key));
    sco_buf_addc(&b, ' ');
    sco_buf_add_printable(&b, sco_str_c(j->request.revision));
    printf("%s  %.10s %.5s  %-9s  %-6s  %2u/%-2u  %s\n", j->id, at, at + 11, state_name(j->state),
           j->request.kind, j->attempt, j->request.max_attempts, sco_buf_z(&b));
}

static void write(struct sco_json_out *o, const void *item)
{
    sco_stored_job_write(o, item);
}

static int list(struct cli *c, struct sco_store *s, struct remote_list *ret, struct sco_error *err)
{
    struct sco_job_page p = {0};
    struct sco_job_filter f = {.target_key = c->values[ARG_TARGET],
                               .cursor = c->values[ARG_CURSOR]};
    int r = context_bits(c, ARG_STATUS, "--status", SCO_JOB_STATE_MAX_, state_name, &f.states, err);
    if (r == 0)
        r = context_limit(c, &f.limit, err);
    if (r == 0)
        r = c->remote ? remote_jobs(c->remote, &f, &p, err) : sco_store_jobs(s, &f, &p, err);
    *ret = ITEMS_TAKE(p);
    return r;
}

static int one(struct cli *c, struct sco_store *s, const char *id, struct remote_list *ret,
               struct sco_error *err)
{
    struct sco_job_page p = {0};
    int r = c->remote ? remote_job(c->remote, id, &p, err) : sco_store_job(s, id, &p, err);
    *ret = ITEMS_TAKE(p);
    return r;
}

static int act(struct cli *c, struct sco_store *s, const char *verb, const char *id,
               struct sco_error *err)
{
    enum sco_job_state st = SCO_JOB_QUEUED;
    const char *by = context_user(c);
    bool cancel = strcmp(verb, "cancel") == 0;
    int r = c->remote ? remote_job_do(c->remote, id, verb, &st, err)
            : !by     ? sco_error_nomem(err)
            : cancel  ? sco_store_job_cancel(s, id, by, sco_now_ms(), &st, err)
                      : sco_store_job_retry(s, id, by, sco_now_ms(), err);
    if (r == 0)
        printf("%s %s\n", id,
               !cancel                 ? "queued"
               : st == SCO_JOB_RUNNING ? "is asked to end"
                                       : state_name(st));
    return r;
}

int cmd_jobs(struct cli *c)
{
    static const char *const verbs[] = {"cancel", "retry", NULL};
    static const char *const flags[] = {"status", "target", "limit", "cursor", "format", NULL};
    static const struct items_kind kind = {
        .name = "jobs",
        .heading = "ID                                    REQUESTED         STATE      KIND    "
                   "TRIES  TARGET",
        .size = sizeof(struct sco_stored_job),
        .verbs = verbs,
        .flags = flags,
        .list = list,
        .one = one,
        .act = act,
        .row = row,
        .write = write};
    return items_command(c, &kind);
}
