/* Deliveries of our webhooks that failed are asked for again. The log of a webhook has no times, so
 * the number of the last entry that was seen is kept, and how often each delivery was tried. */
#include "gitlab_priv.h"

enum { ATTEMPTS_MAX = 3, RESEND_MAX = 20, ENTRIES_MAX = 500, PAGE = 20, HOOKS_MAX = 8 };

struct entry {
    int64_t id;
    struct sco_str key; /* the same for every try of a delivery */
    int good;
};

struct log {
    struct gitlab_poll *p;
    struct sco_str hooks[HOOKS_MAX];
    size_t n_hooks;
    const struct sco_node *state; /* of the hook */
    int64_t seen;
    size_t n;
    struct entry v[ENTRIES_MAX]; /* newest first */
};

static int one_hook(void *user, const struct sco_node *v)
{
    struct log *l = (struct log *)user;
    if (ci_is_our_url(l->p->o->q, sco_text_at(v, "url")))
        l->hooks[l->n_hooks++] = ci_copy(l->p->o->h, gitlab_id(sco_get(v, "id")));
    return l->n_hooks == HOOKS_MAX ? CI_FOUND : 0;
}

static struct sco_str key_of(const struct sco_node *headers)
{
    for (const struct sco_node *c = sco_is(headers, SCO_NODE_MAP) ? headers->child : NULL; c;
         c = c->next)
        if (sco_str_is_nocase(c->key, "idempotency-key"))
            return sco_text(c);
    return sco_str_make(NULL, 0);
}

static int one_entry(void *user, const struct sco_node *v)
{
    struct log *l = (struct log *)user;
    struct sco_str status = sco_text_at(v, "response_status");
    int64_t id = sco_int_at(v, "id", 0);
    if (id <= l->seen || l->n == ENTRIES_MAX)
        return CI_FOUND;
    struct entry *k = &l->v[l->n++];
    k->id = id;
    k->key = ci_copy(l->p->o->h, key_of(sco_get(v, "request_headers")));
    k->good = status.n == 3 && status.p[0] == '2';
    return 0;
}

/* How often this delivery was tried without success; 0: it arrived, or a newer try is in the list.
 */
static int64_t tries(const struct log *l, size_t i)
{
    const char *key = sco_cstr(l->p->o->h, l->v[i].key);
    int64_t n = key ? sco_int(sco_get(sco_get(l->state, "tries"), key), 0) : 0;
    for (size_t k = 0; k < l->n; k++)
        if (sco_str_eq(l->v[k].key, l->v[i].key)) {
            if (k < i || l->v[k].good)
                return 0;
            n++;
        }
    return n;
}

/* Oldest first, so that what was seen is a mark. 0, or the error that ends it. */
static int resend(struct log *l, const char *hook, struct ci_json *kept)
{
    struct gitlab_poll *p = l->p;
    struct gitlab_op *o = p->o;
    struct ci_answer a;
    int asked = 0;
    for (size_t i = l->n; i-- > 0;) {
        int64_t n = l->v[i].key.n && l->v[i].key.n <= 128 ? tries(l, i) : 0;
        if (n > 0 && n < ATTEMPTS_MAX) {
            if (asked++ == RESEND_MAX)
                return 0;
            int r = gitlab_send(
                o, "POST",
                gitlab_path(o, "/hooks/%s/events/%lld/resend", hook, (long long)l->v[i].id), NULL,
                "another delivery", NULL, NULL, &a);
            if (r == SCO_CI_LATER)
                return 0; /* the next poll goes on here */
            if (r != 0 && r != SCO_E_NOT_FOUND && r != SCO_E_INVALID && r != SCO_E_PERMISSION)
                return r;
            p->redelivered += r == 0;
        }
        if (n > 0) {
            ci_json_str(kept, l->v[i].key);
            ci_json_put(kept, ":", 1);
            kept->comma = 0;
            ci_json_int(kept, n);
        }
        l->seen = l->v[i].id;
    }
    return 0;
}

/* Tries of deliveries that this part of the log does not tell of. */
static void carry(const struct log *l, struct ci_json *kept)
{
    const struct sco_node *before = sco_get(l->state, "tries");
    int room = 100;
    for (const struct sco_node *c = sco_is(before, SCO_NODE_MAP) ? before->child : NULL; c && room;
         c = c->next, room--) {
        size_t i = 0;
        while (i < l->n && !sco_str_eq(l->v[i].key, c->key))
            i++;
        if (i < l->n || c->key.n > 128)
            continue;
        ci_json_str(kept, c->key);
        ci_json_put(kept, ":", 1);
        kept->comma = 0;
        ci_json_int(kept, sco_int(c, 1));
    }
}

static int one_log(struct log *l, struct sco_str hook)
{
    struct gitlab_op *o = l->p->o;
    const char *id = sco_cstr(o->h, hook);
    struct ci_json kept = ci_json_new(o->h);
    if (!id)
        return sco_errf(o->e, SCO_E_NOMEM, "out of memory");
    l->n = 0;
    l->state = sco_get(sco_get(l->p->state, "hooks"), id);
    l->seen = sco_int_at(l->state, "seen", 0);
    int r = ci_walk(&o->http, gitlab_path(o, "/hooks/%s/events?per_page=%d", id, PAGE), NULL,
                    ENTRIES_MAX / PAGE, "the webhook's deliveries", one_entry, l, o->e);
    if (r != 0 && r != CI_FOUND)
        return r;
    if (l->n == ENTRIES_MAX && !l->p->left.n) /* newest first: a later poll does not come to them */
        l->p->left = sco_fmt(o->h,
                             "%.*s: more than %d deliveries of a webhook: older ones that "
                             "failed are not asked for again",
                             SCO_STR_ARG(l->p->name), ENTRIES_MAX - 1);
    ci_json_begin(&kept, '{');
    r = resend(l, id, &kept);
    carry(l, &kept);
    ci_json_end(&kept, '}');
    if (r != 0)
        return r;
    ci_json_key(l->p->out, id);
    ci_json_begin(l->p->out, '{');
    ci_json_kint(l->p->out, "seen", l->seen);
    ci_json_kraw(l->p->out, "tries", ci_json_text(&kept));
    ci_json_end(l->p->out, '}');
    return 0;
}

/* A token that may not see webhooks is no failure: what moved is read from the API next. */
int gitlab_resend(struct gitlab_poll *p)
{
    struct gitlab_op *o = p->o;
    struct log *l = (struct log *)o->h->alloc(o->h, sizeof *l);
    if (!l)
        return sco_errf(o->e, SCO_E_NOMEM, "out of memory");
    l->p = p;
    int r = !ci_our_urls(o->h, o->q).n
                ? 0
                : ci_walk(&o->http, gitlab_path(o, "/hooks?per_page=100"), NULL, 10,
                          "the project's webhooks", one_hook, l, o->e);
    ci_json_key(p->out, "hooks");
    ci_json_begin(p->out, '{');
    for (size_t i = 0; (r == 0 || r == CI_FOUND) && i < l->n_hooks; i++) {
        r = one_log(l, l->hooks[i]);
        if (r == SCO_E_NOT_FOUND || r == SCO_E_PERMISSION) /* older servers have no log */
            r = 0;
    }
    ci_json_end(p->out, '}');
    return r == CI_FOUND || r == SCO_E_PERMISSION || r == SCO_E_NOT_FOUND ? 0 : r;
}
