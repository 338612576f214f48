/* Publications of a daemon, as a store gives them. */
#include "remote.h"

#include <secureops/store_ci.h>

static enum sco_publication_state state_of(const struct sco_node *m)
{
    struct sco_str text = sco_text(sco_get(m, "status"));
    int i = 0;
    while (i < SCO_PUBLICATION_STATE_MAX_ &&
           !sco_str_is(text, sco_publication_state_name((enum sco_publication_state)i)))
        i++;
    return i < SCO_PUBLICATION_STATE_MAX_ ? (enum sco_publication_state)i : SCO_PUBLICATION_PENDING;
}

static int take(const struct sco_node *m, struct sco_arena *a, void *item, struct sco_error *err)
{
    struct sco_stored_publication *p = item;
    if (!sco_is(m, SCO_NODE_MAP) || !sco_text(sco_get(m, "id")).n)
        return sco_error_set(err, SCO_E_FORMAT, "the daemon's answer is not a publication");
    *p = (struct sco_stored_publication){.id = remote_text(a, m, "id"),
                                         .integration = remote_text_or_empty(a, m, "integration"),
                                         .repository = remote_text_or_empty(a, m, "repository"),
                                         .commit_sha = remote_text_or_empty(a, m, "commit_sha"),
                                         .branch = remote_text(a, m, "branch"),
                                         .pr_number = sco_int(sco_get(m, "pr_number"), 0),
                                         .is = state_of(m),
                                         .reason = remote_text(a, m, "reason"),
                                         .last_error = remote_text(a, m, "last_error"),
                                         .job_id = remote_text(a, m, "job_id"),
                                         .scan_id = remote_text(a, m, "scan_id"),
                                         .revision = (uint32_t)sco_int(sco_get(m, "revision"), 0),
                                         .attempts = (uint32_t)sco_int(sco_get(m, "attempts"), 0),
                                         .next_attempt_at = remote_time(m, "next_attempt_at"),
                                         .created_at = remote_time(m, "created_at"),
                                         .updated_at = remote_time(m, "updated_at")};
    return p->id && p->integration && p->repository && p->commit_sha ? 0 : sco_error_nomem(err);
}

static const struct remote_shape a_publication = {sizeof(struct sco_stored_publication), take,
                                                  NULL};

static void to_page(const struct remote_list *l, struct sco_publication_page *ret)
{
    *ret =
        (struct sco_publication_page){.v = l->v, .n = l->n, .cursor = l->cursor, .arena = l->arena};
}

int remote_publications(struct remote *r, const struct sco_publication_filter *f,
                        struct sco_publication_page *ret, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf path = {0};
    struct remote_list l;
    const char *status = NULL;
    char pr[24];
    for (int i = 0; i < SCO_PUBLICATION_STATE_MAX_; i++) {
        if (!(f->states >> i & 1))
            continue;
        if (status)
            return sco_error_set(err, SCO_E_INVALID, "a daemon lists one --status at a time");
        status = sco_publication_state_name((enum sco_publication_state)i);
    }
    snprintf(pr, sizeof pr, "%lld", (long long)f->pr_number);
    sco_buf_addz(&path, "/publications");
    remote_query(&path, "status", status);
    remote_query(&path, "integration", f->integration);
    remote_query(&path, "repository", f->repository);
    remote_query(&path, "pr_number", f->pr_number ? pr : NULL);
    remote_query_limit(&path, f->limit);
    remote_query(&path, "cursor", f->cursor);
    int e = remote_list(r, &path, &a_publication, &l, err);
    if (e == 0)
        to_page(&l, ret);
    return e;
}

int remote_publication(struct remote *r, const char *id, struct sco_publication_page *ret,
                       struct sco_error *err)
{
    struct remote_list l;
    int e = remote_one_at(r, "/publications", id, &a_publication, &l, err);
    if (e == 0)
        to_page(&l, ret);
    return e;
}
