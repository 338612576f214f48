/* Workflows over one event, in the order in which they are named: what each asks for, as records
 * "verdict" with actions. What one changes in the event the next ones see. */
#include "policies_priv.h"

enum { EVENT_MAX = 4 << 20 };

struct running {
    struct policies *p;
    struct sco_buf event; /* JSON */
    bool judged;
    int failed;
    struct sco_error *err;
};

/* Who it is about does not change: loops are counted by it, and credentials chosen. */
static bool is_fixed(struct sco_str key)
{
    static const char *const fixed[] = {"event", "integration", "platform", "depth"};
    for (size_t i = 0; i < SCO_ARRAY_LEN(fixed); i++)
        if (sco_str_is(key, fixed[i]))
            return true;
    return false;
}

static void put(struct running *w, struct sco_json_out *o, const struct sco_node *v)
{
    const char *key = sco_arena_cstr(&w->p->arena, v->key);
    if (!key) {
        o->b->failed = true;
        return;
    }
    sco_json_key(o, key);
    sco_json_node(o, v);
}

/* The event with the members of `changed` in the place of its own. */
static int change(struct running *w, const char *changed, struct sco_error *err)
{
    const struct sco_node *old = NULL, *with = NULL;
    struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b};
    int r = sco_json_parse(sco_buf_str(&w->event), &w->p->arena, &old, err);
    if (r == 0)
        r = sco_json_parse(sco_str_c(changed), &w->p->arena, &with, err);
    if (r < 0 || !sco_is(with, SCO_NODE_MAP)) /* an empty table */
        return r;
    sco_json_begin(&o, '{');
    for (const struct sco_node *c = old->child; c; c = c->next)
        if (is_fixed(c->key) || !sco_get(with, sco_arena_cstr(&w->p->arena, c->key)))
            put(w, &o, c);
    for (const struct sco_node *c = with->child; c; c = c->next)
        if (!is_fixed(c->key))
            put(w, &o, c);
    sco_json_end(&o, '}');
    r = sco_buf_check(&b, err);
    if (r < 0) {
        sco_buf_done(&b);
        return r;
    }
    sco_buf_done(&w->event);
    w->event = b;
    return 0;
}

static int on_verdict(void *user, const struct sco_verdict *v)
{
    struct running *w = user;
    w->judged = true;
    w->p->verdicts[v->kind]++;
    int r = verdict_record(w->p, v);
    return r == 0 && v->changed ? change(w, v->changed, w->err) : r;
}

static int run_one(struct running *w, const struct sco_policy *x)
{
    struct policies *p = w->p;
    const char *want[] = {x->id, NULL};
    struct sco_iac_set docs = {0};
    w->judged = false;
    p->chosen[index_of(p, x)] = true;
    int r = sco_policies_select(p->set, want, NULL, NULL, false, w->err);
    if (r == 0)
        r = sco_iac_add_text(&docs, sco_buf_str(&w->event), "event.json", SCO_IAC_FORMAT_EVENT,
                             SCO_IAC_EXPLICIT, w->err);
    if (r >= 0 && (docs.n_docs != 1 || docs.docs[0].status != SCO_IAC_PARSED))
        r = sco_error_set(w->err, SCO_E_FORMAT, "the event cannot be read: %s",
                          docs.n_docs && docs.docs[0].reason ? docs.docs[0].reason : "it is empty");
    if (r >= 0)
        r = sco_policies_eval(p->set, &docs, on_verdict, w, w->err);
    sco_iac_set_done(&docs);
    if (r == 0 && !w->judged) { /* `on` does not name it */
        struct sco_json_out o = record_begin(p);
        sco_json_kz(&o, "policy", x->id);
        sco_json_kz(&o, "verdict", sco_verdict_name(SCO_VERDICT_NOT_APPLICABLE));
        sco_json_kz(&o, "message", "it is not for this kind of event");
        sco_json_kz(&o, "digest", x->digest);
        sco_json_end(&o, '}');
        r = record_send(p, "verdict");
    }
    return r;
}

static int unknown(struct policies *p, const char *name, struct sco_error *err)
{
    const char **names = sco_arena_alloc(&p->arena, (p->n_list + 1) * sizeof *names), *near;
    size_t n = 0;
    for (size_t i = 0; names && i < p->n_list; i++)
        if (p->list[i].workflow)
            names[n++] = p->list[i].id;
    near = names ? sco_str_nearest(sco_str_c(name), names, n) : NULL;
    return sco_error_set(err, SCO_E_INVALID, "there is no workflow '%s'%s%s%s", name,
                         near ? ": did you mean '" : "", near ? near : "", near ? "'?" : "");
}

/* A pack that is broken elsewhere does not stop the workflows that are whole; one of its own file
 * is missed by name, with the problem as the reason. */
int run_workflow(struct policies *p, struct sco_error *err)
{
    struct running w = {.p = p, .err = err};
    int r = policies_load(p, NULL, err);
    for (const char *const *id = p->request.policies; *id && r == 0; id++) {
        const struct sco_policy *x = sco_policies_find(p->set, sco_str_c(*id));
        if (!x || !x->workflow)
            r = unknown(p, *id, err);
    }
    if (r == 0 && p->request.input)
        r = sco_fs_read(p->request.input, EVENT_MAX, &w.event, err);
    for (const char *const *id = p->request.policies; *id && r == 0 && p->request.input; id++)
        r = run_one(&w, sco_policies_find(p->set, sco_str_c(*id)));
    sco_buf_done(&w.event);
    return r;
}
