/* Loading the packs, parameters and severities from the options, and what is to be evaluated. */
#include "policies_priv.h"

/* ---- parameters ---- */
struct param {
    struct sco_str policy, name, value;
};

static int cut_param(struct sco_str text, struct param *ret, struct sco_error *err)
{
    const char *eq = text.n ? memchr(text.p, '=', text.n) : NULL;
    const char *dot = eq ? memchr(text.p, '.', (size_t)(eq - text.p)) : NULL;
    if (!dot)
        return sco_error_set(err, SCO_E_INVALID,
                             "scanners.policies.params: \"%.*s\" is not of the form ID.NAME=VALUE",
                             SCO_STR_ARG(text));
    ret->policy = sco_str_trim(sco_str_make(text.p, (size_t)(dot - text.p)));
    ret->name = sco_str_trim(sco_str_make(dot + 1, (size_t)(eq - dot - 1)));
    ret->value = sco_str_trim(sco_str_make(eq + 1, text.n - (size_t)(eq + 1 - text.p)));
    return 0;
}

static void put_key(struct policies *p, struct sco_json_out *o, struct sco_str key)
{
    const char *z = sco_arena_cstr(&p->arena, key);
    if (z)
        sco_json_key(o, z);
    else
        o->b->failed = true;
}

static void put_value(struct policies *p, struct sco_json_out *o, struct sco_str value)
{
    const struct sco_node *v = NULL;
    if (sco_json_parse(value, &p->arena, &v, NULL) == 0)
        sco_json_raw(o, value);
    else
        sco_json_str(o, value);
}

static int put_policy(struct policies *p, struct sco_json_out *o, size_t first,
                      struct sco_error *err)
{
    struct param head = {0}, q = {0};
    int r = cut_param(p->params.v[first], &head, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < first; i++)
        if ((r = cut_param(p->params.v[i], &q, err)) < 0 || sco_str_eq(q.policy, head.policy))
            return r; /* it has its place already */
    put_key(p, o, head.policy);
    sco_json_begin(o, '{');
    for (size_t i = first; i < p->params.n; i++) {
        if ((r = cut_param(p->params.v[i], &q, err)) < 0)
            return r;
        if (!sco_str_eq(q.policy, head.policy))
            continue;
        put_key(p, o, q.name);
        put_value(p, o, q.value);
    }
    sco_json_end(o, '}');
    return 0;
}

/* ID.NAME=VALUE, ... as {ID:{NAME:VALUE}}; a preset of a gate comes first, so that what is
 * configured for the same policy replaces it. */
static int write_params(struct policies *p, const char *extra, struct sco_buf *out,
                        struct sco_error *err)
{
    struct sco_json_out o = {.b = out};
    const struct sco_node *root = NULL;
    int r = extra ? sco_json_parse(sco_str_c(extra), &p->arena, &root, err) : 0;
    sco_json_begin(&o, '{');
    for (const struct sco_node *c = root ? root->child : NULL; c && r == 0; c = c->next) {
        bool configured = false;
        struct param q = {0};
        for (size_t i = 0; i < p->params.n && r == 0; i++)
            if ((r = cut_param(p->params.v[i], &q, err)) == 0)
                configured |= sco_str_eq(q.policy, c->key);
        if (configured)
            continue;
        put_key(p, &o, c->key);
        sco_json_node(&o, c);
    }
    for (size_t i = 0; i < p->params.n && r == 0; i++)
        r = put_policy(p, &o, i, err);
    sco_json_end(&o, '}');
    return r < 0 ? r : sco_buf_check(out, err);
}

/* ---- severities ---- */
static bool matches_policy(const char *pattern, const struct sco_policy *policy)
{
    if (sco_glob_match(pattern, sco_str_c(policy->id)))
        return true;
    for (const char *const *a = policy->aliases; *a; a++)
        if (sco_glob_match(pattern, sco_str_c(*a)))
            return true;
    return false;
}

static int set_severity(struct policies *p, struct sco_str text, struct sco_error *err)
{
    const char *eq = text.n ? memchr(text.p, '=', text.n) : NULL;
    struct sco_str name = sco_str_make(text.p, eq ? (size_t)(eq - text.p) : 0);
    uint32_t severity =
        eq ? sco_severity_parse(sco_str_trim(sco_str_make(eq + 1, text.n - name.n - 1))) : 0;
    const char *pattern = sco_arena_cstr(&p->arena, sco_str_trim(name));
    bool any = false;
    if (!pattern)
        return sco_error_nomem(err);
    if (!severity || !*pattern)
        return sco_error_set(err, SCO_E_INVALID,
                             "scanners.policies.severities: \"%.*s\" is not of the form "
                             "ID=SEVERITY, with CRITICAL, HIGH, MEDIUM, LOW or INFO",
                             SCO_STR_ARG(text));
    for (size_t i = 0; i < p->n_list; i++) {
        if (!matches_policy(pattern, &p->list[i]))
            continue;
        p->severity_of[i] = (uint8_t)severity;
        any = true;
    }
    return any ? 0
               : sco_error_set(err, SCO_E_INVALID,
                               "scanners.policies.severities: there is no policy \"%s\"", pattern);
}

/* ---- loading ---- */
static int tell_problems(struct policies *p)
{
    size_t n = 0;
    const struct sco_policy_problem *v = sco_policies_problems(p->set, &n);
    for (size_t i = 0; i < n; i++) {
        p->host->incomplete(p->host, sco_str_c(v[i].message));
        struct sco_json_out o = record_begin(p);
        sco_json_kz(&o, "message", v[i].message);
        sco_json_end(&o, '}');
        int r = record_send(p, "problem");
        if (r < 0)
            return r;
    }
    return 0;
}

int policies_load(struct policies *p, const char *extra, struct sco_error *err)
{
    const struct request *q = &p->request;
    SCO_AUTO(sco_buf) struct sco_buf params = {0};
    int r = write_params(p, extra, &params, err);
    if (r < 0)
        return r;
    struct sco_policies_options o = {.bundles = q->bundles,
                                     .params = sco_buf_z(&params),
                                     .trace = q->trace,
                                     .coverage = q->coverage,
                                     .profile = strcmp(q->command, "profile") == 0,
                                     .public_keys = q->public_keys};
    o.limits.memory = (uint64_t)p->memory;
    o.limits.instructions = (uint64_t)p->instructions;
    r = sco_policies_load(&o, &p->set, err);
    if (r < 0)
        return r;
    p->list = sco_policies_list(p->set, &p->n_list);
    p->severity_of = sco_arena_alloc(&p->arena, p->n_list + 1);
    p->chosen = sco_arena_alloc(&p->arena, p->n_list + 1);
    if (!p->severity_of || !p->chosen)
        return sco_error_nomem(err);
    for (size_t i = 0; i < p->n_list; i++)
        p->severity_of[i] = (uint8_t)p->list[i].severity;
    for (size_t i = 0; i < p->severities.n && r == 0; i++)
        r = set_severity(p, p->severities.v[i], err);
    return r < 0 ? r : tell_problems(p);
}

/* ---- choosing ---- */
/* The request's list and the configured one, NULL-terminated; NULL: both are empty. */
static const char *const *both(struct policies *p, const char *const *asked,
                               const struct sco_str_list *configured)
{
    size_t n = 0;
    while (asked[n])
        n++;
    if (!n && !configured->n)
        return NULL;
    const char **v = sco_arena_alloc(&p->arena, (n + configured->n + 1) * sizeof *v);
    for (size_t i = 0; v && i < n; i++)
        v[i] = asked[i];
    for (size_t i = 0; v && i < configured->n; i++)
        v[n + i] = configured->v[i].p;
    return v;
}

/* Of what is chosen, the policies that look at one resource, or those that look at all. */
static int keep_scope(struct policies *p, bool project, struct sco_error *err)
{
    size_t n = 0;
    const char **ids = sco_arena_alloc(&p->arena, (p->n_list + 1) * sizeof *ids);
    if (!ids)
        return sco_error_nomem(err);
    for (size_t i = 0; i < p->n_list; i++)
        if (p->list[i].selected && p->list[i].project == project)
            ids[n++] = p->list[i].id;
    static const char *const everything[] = {"*", NULL};
    return n ? sco_policies_select(p->set, ids, NULL, NULL, false, err)
             : sco_policies_select(p->set, NULL, NULL, everything, false, err);
}

static size_t selected_ids(const struct policies *p, const char **ids, size_t n)
{
    for (size_t i = 0; i < p->n_list; i++)
        if (p->list[i].selected)
            ids[n++] = p->list[i].id;
    return n;
}

/* Compliance: the framework's policies beside those of every scan, whose findings the facts of the
 * framework speak of. The framework comes first: it sets the version that its policies judge by. */
static int choose_beside(struct policies *p, const char *const *frameworks, const char *const *skip,
                         struct sco_error *err)
{
    const char **ids = sco_arena_alloc(&p->arena, (2 * p->n_list + 1) * sizeof *ids);
    if (!ids)
        return sco_error_nomem(err);
    int r = sco_policies_select(p->set, NULL, frameworks, skip, false, err);
    size_t n = r == 0 ? selected_ids(p, ids, 0) : 0;
    if (r == 0)
        r = sco_policies_select(p->set, NULL, NULL, skip, !p->all, err);
    if (r < 0)
        return r;
    ids[selected_ids(p, ids, n)] = NULL;
    return sco_policies_select(p->set, ids, NULL, NULL, false, err);
}

int policies_choose(struct policies *p, struct sco_error *err)
{
    static const struct sco_str_list nothing = {0};
    const struct request *q = &p->request;
    bool scan = strcmp(q->command, "scan") == 0;
    bool named = q->policies[0] || q->frameworks[0]; /* on the command line: then nothing else */
    const struct sco_str_list *only = scan && !named ? &p->only : &nothing;
    const struct sco_str_list *frameworks = scan && !named ? &p->frameworks : &nothing;
    const char *const *want = both(p, q->policies, only);
    const char *const *from = both(p, q->frameworks, frameworks);
    const char *const *skip = both(p, q->skip, &p->skip);
    bool only_enabled = scan && !p->all && !want && !from;
    int r = scan && q->frameworks[0]
                ? choose_beside(p, q->frameworks, skip, err)
                : sco_policies_select(p->set, want, from, skip, only_enabled, err);
    if (r < 0)
        return r;
    if (q->scope)
        r = keep_scope(p, strcmp(q->scope, "project") == 0, err);
    for (size_t i = 0; i < p->n_list; i++)
        p->chosen[i] = p->list[i].selected && r == 0;
    return r;
}

size_t index_of(const struct policies *p, const struct sco_policy *policy)
{
    return (size_t)(policy - p->list);
}

uint32_t severity_of(const struct policies *p, const struct sco_policy *policy)
{
    size_t i = index_of(p, policy);
    return i < p->n_list ? p->severity_of[i] : policy->severity;
}
