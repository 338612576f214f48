/* secureops publications list | show ID | retry ID: what CI platforms were told of scans, and what
 * could not be told. */
#include "items.h"

#include <secureops/ci_jobs.h>

static const char *state_name(uint32_t i)
{
    return sco_publication_state_name((enum sco_publication_state)i);
}

/* "acme/shop#7", or of no pull request "acme/shop 0123456789ab" */
static void put_place(struct sco_buf *b, const struct sco_stored_publication *p)
{
    sco_buf_add_printable(b, sco_str_c(p->integration));
    sco_buf_addc(b, ' ');
    sco_buf_add_printable(b, sco_str_c(p->repository));
    if (p->pr_number)
        sco_buf_addf(b, "#%lld", (long long)p->pr_number);
    else
        sco_buf_addf(b, " %.12s", p->commit_sha);
}

static void row(const void *item)
{
    const struct sco_stored_publication *p = item;
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    char at[SCO_TIME_LEN], next[SCO_TIME_LEN];
    const char *why = p->last_error ? p->last_error : p->reason;
    sco_time_format(p->updated_at, at);
    put_place(&b, p);
    if (why) {
        sco_buf_addz(&b, ": ");
        sco_buf_add_printable(&b, sco_str_c(why));
    }
    if (p->next_attempt_at) {
        sco_time_format(p->next_attempt_at, next);
        sco_buf_addf(&b, "; again at %.5s", next + 11);
    }
    printf("%s  %.10s %.5s  %-9s  %5u  %s\n", p->id, at, at + 11, state_name((uint32_t)p->is),
           p->attempts, sco_buf_z(&b));
}

static void write(struct sco_json_out *o, const void *item)
{
    sco_stored_publication_write(o, item);
}

static int take_pr(const struct cli *c, int64_t *ret, struct sco_error *err)
{
    const char *text = c->values[ARG_PR];
    if (text && sco_parse_i64(sco_str_c(text), 1, INT64_MAX, ret) < 0)
        return sco_error_set(err, SCO_E_INVALID, "--pr wants a number above 0");
    return 0;
}

static int list(struct cli *c, struct sco_store *s, struct remote_list *ret, struct sco_error *err)
{
    struct sco_publication_page p = {0};
    struct sco_publication_filter f = {.integration = c->values[ARG_TARGET],
                                       .repository = c->values[ARG_REPOSITORY],
                                       .cursor = c->values[ARG_CURSOR]};
    int r = context_bits(c, ARG_STATUS, "--status", SCO_PUBLICATION_STATE_MAX_, state_name,
                         &f.states, err);
    if (r == 0)
        r = take_pr(c, &f.pr_number, err);
    if (r == 0)
        r = context_limit(c, &f.limit, err);
    if (r == 0)
        r = c->remote ? remote_publications(c->remote, &f, &p, err)
                      : sco_store_publications(s, &f, &p, err);
    *ret = ITEMS_TAKE(p);
    return r;
}

static int one(struct cli *c, struct sco_store *s, const char *id, struct remote_list *ret,
               struct sco_error *err)
{
    struct sco_publication_page p = {0};
    int r = c->remote ? remote_publication(c->remote, id, &p, err)
                      : sco_store_publication(s, id, &p, err);
    *ret = ITEMS_TAKE(p);
    return r;
}

static int retry(struct cli *c, struct sco_store *s, const char *verb, const char *id,
                 struct sco_error *err)
{
    (void)verb;
    int r = c->remote ? remote_do(c->remote, "/publications", id, "retry", err)
                      : sco_ci_job_again(s, id, sco_now_ms(), err);
    if (r == 0)
        printf("%s pending\n", id);
    return r;
}

int cmd_publications(struct cli *c)
{
    static const char *const verbs[] = {"retry", NULL};
    static const char *const flags[] = {"status", "integration", "repository", "pr",
                                        "limit",  "cursor",      "format",     NULL};
    static const struct items_kind kind = {
        .name = "publications",
        .heading =
            "ID                                    UPDATED           STATUS     TRIES  WHERE",
        .size = sizeof(struct sco_stored_publication),
        .verbs = verbs,
        .flags = flags,
        .list = list,
        .one = one,
        .act = retry,
        .row = row,
        .write = write};
    return items_command(c, &kind);
}
