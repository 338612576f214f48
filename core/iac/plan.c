/* Terraform plans as `terraform show -json` writes them, format_version 0.1 to 1.x.
 *
 * resource_changes are the primary source: values, what is unknown and sensitive, actions.
 * planned_values are a copy with less in it and only read when there are no changes; prior_state,
 * drift and the like are not what the plan will do and are passed over. A plan that does not cover
 * everything is PARTIAL, never clean. */
#include "plan_priv.h"

static const char *const key_names[K_MAX_] = {
    [K_ADDRESS] = "address",
    [K_TYPE] = "type",
    [K_NAME] = "name",
    [K_MODE] = "mode",
    [K_INDEX] = "index",
    [K_MODULE_ADDRESS] = "module_address",
    [K_DEPOSED] = "deposed",
    [K_CHANGE] = "change",
    [K_BEFORE] = "before",
    [K_AFTER] = "after",
    [K_AFTER_UNKNOWN] = "after_unknown",
    [K_BEFORE_SENSITIVE] = "before_sensitive",
    [K_AFTER_SENSITIVE] = "after_sensitive",
    [K_SENSITIVE_VALUES] = "sensitive_values",
    [K_ACTIONS] = "actions",
    [K_VALUES] = "values",
    [K_WILL_EXIST] = "will_exist",
    [K_IS_NEW] = "is_new",
    [K_IS_REPLACED] = "is_replaced",
    [K_IS_DESTROYED] = "is_destroyed",
    [K_CONFIGURED] = "configured",
    [K_REFERENCES] = "references",
    [K_OUTPUTS] = "outputs",
    [K_PROVIDERS] = "providers",
};

#define HOW_TO "write it with: terraform show -json PLANFILE > plan.json"

/* ---- what is no plan ---- */
/* The first bytes of a text, for a message. */
static void quote(struct sco_str s, struct sco_buf *ret)
{
    const char *end = s.n ? memchr(s.p, '\n', s.n) : NULL;
    size_t n = end ? (size_t)(end - s.p) : s.n;
    sco_buf_add_printable(ret, sco_str_trim(sco_str_make(s.p, n < 60 ? n : 60)));
}

/* The plan file itself is an archive. */
static bool is_zip(struct sco_str s)
{
    return s.n >= 4 && memcmp(s.p, "PK\3\4", 4) == 0;
}

/* Answers what is not one JSON object; *ret_ended: it is answered. */
static int check_start(struct plan *p, bool *ret_ended)
{
    struct sco_str s = sco_str_trim(p->text);
    *ret_ended = true;
    if (is_zip(s))
        return iac_doc_ends(p->s, p->doc, SCO_IAC_FAILED,
                            "a binary plan file, which only Terraform can read: " HOW_TO);
    if (!s.n)
        return iac_doc_ends(p->s, p->doc, SCO_IAC_FAILED, "an empty file, no plan: " HOW_TO);
    if (s.p[0] != '{' && memchr(s.p, '{', s.n)) {
        SCO_AUTO(sco_buf) struct sco_buf text = {0};
        quote(s, &text);
        return iac_doc_ends(p->s, p->doc, SCO_IAC_FAILED,
                            "text before the JSON of the plan (\"%s\"), as a wrapper around "
                            "terraform prints it: switch the wrapper off (terraform_wrapper: "
                            "false), and " HOW_TO,
                            sco_buf_z(&text));
    }
    *ret_ended = false;
    return 0;
}

static int json_error(struct plan *p, const struct sco_error *err)
{
    const char *more = strstr(err->text, "more text after the end of the JSON");
    return iac_doc_ends(p->s, p->doc, SCO_IAC_FAILED, "%s%s", err->text,
                        more ? ": one plan a file, and nothing that a wrapper prints; " HOW_TO
                             : "");
}

/* ---- the version ---- */
static int parse_version(struct sco_str s, int64_t *ret_major, int64_t *ret_minor)
{
    struct sco_str rest = s, major, minor;
    if (!sco_str_split(&rest, '.', &major) || !sco_str_split(&rest, '.', &minor) ||
        sco_parse_i64(major, 0, INT32_MAX, ret_major) < 0 ||
        sco_parse_i64(minor, 0, INT32_MAX, ret_minor) < 0)
        return SCO_E_INVALID;
    return 0;
}

static int check_version(struct plan *p, bool *ret_ended)
{
    const struct sco_iac_node *v = sco_iac_get(p->root, "format_version");
    struct sco_str text = sco_iac_text(v);
    int64_t major = 0, minor = 0;
    *ret_ended = true;
    if (!v)
        return iac_doc_ends(p->s, p->doc, SCO_IAC_FAILED,
                            "no format_version: this is not what terraform show -json writes, or "
                            "a part was cut off; " HOW_TO);
    if (parse_version(text, &major, &minor) < 0)
        return iac_doc_ends(p->s, p->doc, SCO_IAC_FAILED,
                            "format_version is not a version such as \"1.2\": " HOW_TO);
    if (major >= 2 || (major == 0 && minor < 1))
        return iac_doc_ends(p->s, p->doc, SCO_IAC_FAILED,
                            "format_version %.20s is not supported (0.1 to 1.x are): use a "
                            "Terraform that writes one of these, or a newer secureops",
                            text.p);
    *ret_ended = false;
    return 0;
}

static int check_kind(struct plan *p, bool *ret_ended)
{
    static const char *const of_plans[] = {"terraform_version", "resource_changes",
                                           "planned_values",    "configuration",
                                           "output_changes",    "prior_state"};
    bool plan = false;
    for (size_t i = 0; i < SCO_ARRAY_LEN(of_plans); i++)
        plan |= sco_iac_get(p->root, of_plans[i]) != NULL;
    *ret_ended = true;
    if (sco_iac_get(p->root, "values") && !sco_iac_get(p->root, "resource_changes") &&
        !sco_iac_get(p->root, "planned_values"))
        return iac_doc_ends(p->s, p->doc, SCO_IAC_SKIPPED,
                            "a state, not a plan: " HOW_TO " (with the plan file as argument)");
    if (!plan)
        return iac_doc_ends(p->s, p->doc, SCO_IAC_FAILED,
                            "nothing of a plan in it (no planned_values, resource_changes, "
                            "configuration): " HOW_TO);
    *ret_ended = false;
    return 0;
}

/* ---- the plan as a resource ---- */
static bool wanted(void *user, struct sco_str key)
{
    static const char *const read[] = {"format_version", "terraform_version", "timestamp",
                                       "applyable",      "complete",          "errored",
                                       "variables",      "resource_changes",  "output_changes",
                                       "configuration"};
    (void)user;
    for (size_t i = 0; i < SCO_ARRAY_LEN(read); i++)
        if (sco_str_is(key, read[i]))
            return true;
    return false;
}

static struct sco_iac_node *top(struct plan *p, const char *name)
{
    return (struct sco_iac_node *)sco_iac_get(p->root, name);
}

/* Values of variables that the configuration calls sensitive. */
static void flag_variables(struct plan *p)
{
    static const struct sco_iac_node yes = {.type = SCO_IAC_BOOL, .i = 1};
    const struct sco_iac_node *declared =
        sco_iac_path(top(p, "configuration"), "root_module.variables");
    const struct sco_iac_node *values = top(p, "variables");
    for (uint32_t i = 0; sco_iac_is(declared, SCO_IAC_MAP) && i < declared->n; i++) {
        const struct sco_iac_member *m = &declared->member[i];
        const struct sco_iac_node *sensitive = sco_iac_get(&m->value, "sensitive");
        if (!sco_iac_is(sensitive, SCO_IAC_BOOL) || !sensitive->i)
            continue;
        struct sco_iac_node *v = plan_get(values, m->key, NULL);
        if (v)
            plan_sensitive(v, &yes);
    }
}

/* Constants of provider arguments that are keys, tokens or passwords. */
static void flag_providers(const struct sco_iac_node *providers)
{
    static const struct sco_iac_node yes = {.type = SCO_IAC_BOOL, .i = 1};
    static const char *const words[] = {"secret", "password", "token", "access_key", "private_key"};
    for (uint32_t i = 0; sco_iac_is(providers, SCO_IAC_MAP) && i < providers->n; i++) {
        const struct sco_iac_node *all = sco_iac_get(&providers->member[i].value, "expressions");
        for (uint32_t k = 0; sco_iac_is(all, SCO_IAC_MAP) && k < all->n; k++) {
            const struct sco_iac_member *m = &all->member[k];
            for (size_t w = 0; w < SCO_ARRAY_LEN(words); w++)
                if (sco_str_contains(sco_str_make(m->key, m->key_n), words[w]))
                    plan_sensitive((struct sco_iac_node *)&m->value, &yes);
        }
    }
}

/* {name: planned value} of output_changes. */
static int outputs(struct plan *p, struct sco_iac_node *ret)
{
    struct sco_iac_node *changes = top(p, "output_changes");
    SCO_AUTO(iac_members) struct iac_members all = {0};
    for (uint32_t i = 0; sco_iac_is(changes, SCO_IAC_MAP) && i < changes->n; i++) {
        const struct sco_iac_member *m = &changes->member[i];
        struct sco_iac_node *after = plan_get(&m->value, p->key[K_AFTER], NULL),
                            *unknown = plan_get(&m->value, p->key[K_AFTER_UNKNOWN], NULL),
                            *secret = plan_get(&m->value, p->key[K_AFTER_SENSITIVE], NULL);
        struct sco_iac_node absent =
            iac_null((struct iac_span){p->doc, m->value.pos, m->value.end});
        if (!after)
            after = &absent;
        int r = unknown ? plan_unknown(p, after, unknown) : 0;
        if (r < 0)
            return r;
        if (secret)
            plan_sensitive(after, secret);
        r = iac_member(p->s, &all, sco_str_make(m->key, m->key_n), m->key_pos, *after);
        if (r < 0)
            return r;
    }
    struct iac_span at = {p->doc, p->root->pos, p->root->end};
    if (changes)
        at = (struct iac_span){p->doc, changes->pos, changes->end};
    return iac_map(p->s, &all, at, ret, NULL);
}

/* The root becomes what a policy on "terraform" sees: what was passed over is left out, outputs and
 * providers are added. */
static int make_root(struct plan *p)
{
    SCO_AUTO(iac_members) struct iac_members all = {0};
    struct sco_iac_node out = {0};
    const struct sco_iac_node *providers = sco_iac_get(top(p, "configuration"), "provider_config");
    flag_variables(p);
    flag_providers(providers);
    int r = outputs(p, &out);
    for (uint32_t i = 0; r == 0 && i < p->root->n; i++) {
        const struct sco_iac_member *m = &p->root->member[i];
        if (m->value.type != SCO_IAC_UNKNOWN)
            r = iac_member(p->s, &all, sco_str_make(m->key, m->key_n), m->key_pos, m->value);
    }
    if (r == 0)
        r = iac_member(p->s, &all, sco_str_c("outputs"), out.pos, out);
    if (r == 0 && providers)
        r = iac_member(p->s, &all, sco_str_c("providers"), providers->pos, *providers);
    if (r < 0)
        return r;
    struct sco_iac_node root = {0};
    struct iac_span at = {p->doc, p->root->pos, p->root->end};
    if ((r = iac_map(p->s, &all, at, &root, NULL)) < 0)
        return r;
    *p->root = root;
    static const char *const selectors[] = {"terraform", NULL};
    return iac_resource(p->s, p->doc, selectors, "terraform", "plan", p->root, UINT32_MAX, NULL);
}

/* ---- coverage ---- */
static bool says(struct plan *p, const char *name, bool value)
{
    const struct sco_iac_node *v = top(p, name);
    return sco_iac_is(v, SCO_IAC_BOOL) && (v->i != 0) == value;
}

static int coverage(struct plan *p, bool by_values)
{
    SCO_AUTO(sco_buf) struct sco_buf why = {0};
    if (says(p, "errored", true))
        sco_buf_addz(&why, "; planning ended with an error (errored: true), so it does not hold "
                           "everything: solve what terraform plan reports");
    else if (says(p, "complete", false))
        sco_buf_addz(&why, "; the plan leaves changes out (complete: false, as with -target): "
                           "plan without -target until Terraform has nothing left");
    if (by_values)
        sco_buf_addz(&why, "; no resource_changes: judged by planned_values, which do not say "
                           "what is unknown or what will be deleted");
    if (p->n_malformed)
        sco_buf_addf(&why, "; %zu entries without address, type or actions are left out",
                     p->n_malformed);
    if (p->references_cut &&
        iac_doc_note(p->s, p->doc, "references of one argument beyond %d are left out",
                     PLAN_REFERENCES_MAX) < 0)
        return SCO_E_NOMEM;
    if (p->n_resources && !top(p, "configuration") &&
        iac_doc_note(p->s, p->doc,
                     "no configuration: references are not known, nor whether an "
                     "unknown value was set or left to the provider") < 0)
        return SCO_E_NOMEM;
    if (why.failed)
        return SCO_E_NOMEM;
    return why.n ? iac_doc_ends(p->s, p->doc, SCO_IAC_PARTIAL, "%s", sco_buf_z(&why) + 2) : 0;
}

/* ---- reading ---- */
/* The member stands in the root as UNKNOWN with its place. */
static int read_planned(struct plan *p, struct sco_error *err)
{
    struct sco_iac_node *v = top(p, "planned_values");
    const struct sco_iac_node *tree = NULL;
    if (!v || v->type != SCO_IAC_UNKNOWN)
        return 0;
    int r = sco_iac_json(p->s, p->doc, sco_str_make(p->text.p + v->pos, v->end - v->pos), NULL,
                         &tree, err);
    if (r == 0)
        *v = *tree;
    return r;
}

static int read_resources(struct plan *p, struct sco_error *err)
{
    struct sco_iac_node *changes = top(p, "resource_changes");
    bool by_values = !changes || changes->type == SCO_IAC_NULL;
    int r = by_values ? read_planned(p, err) : 0;
    if (r < 0)
        return r;
    if ((r = make_root(p)) < 0)
        return r;
    if (by_values && top(p, "planned_values"))
        r = plan_values(p, top(p, "planned_values"));
    else if (!by_values)
        r = plan_changes(p, top(p, "resource_changes"));
    return r < 0 ? r : coverage(p, by_values && p->n_resources);
}

static int read_plan(struct plan *p, struct sco_error *err)
{
    const struct sco_iac_node *root = NULL;
    bool ended;
    int r = check_start(p, &ended);
    if (r < 0 || ended)
        return r;
    for (size_t k = 0; k < K_MAX_; k++)
        if (!(p->key[k] = iac_key(p->s, sco_str_c(key_names[k]))))
            return SCO_E_NOMEM;
    if ((r = iac_json_filtered(p->s, p->doc, p->text, wanted, NULL, &root, err)) < 0)
        return r;
    p->root = (struct sco_iac_node *)root;
    if (root->type != SCO_IAC_MAP)
        return iac_doc_ends(p->s, p->doc, SCO_IAC_FAILED,
                            "the JSON is no object, so no plan: " HOW_TO);
    if ((r = check_version(p, &ended)) < 0 || ended || (r = check_kind(p, &ended)) < 0 || ended)
        return r;
    if ((r = read_resources(p, err)) == 0)
        p->s->docs[p->doc].root = p->root;
    return r;
}

/* Nothing of a plan that failed is judged. */
static int failed(struct plan *p, size_t n_resources, int r, const struct sco_error *err)
{
    p->s->n_resources = n_resources;
    p->s->docs[p->doc].n_resources = 0;
    if (r == SCO_E_PARSE || (r == SCO_E_LIMIT && err->code == SCO_E_LIMIT))
        return json_error(p, err);
    if (r == SCO_E_LIMIT)
        return iac_doc_ends(p->s, p->doc, SCO_IAC_FAILED, "more than %d nodes (SCO_IAC_NODES_MAX)",
                            SCO_IAC_NODES_MAX);
    return r;
}

int iac_read_plan(struct sco_iac_set *s, struct sco_iac_text *text, enum sco_iac_format format,
                  uint32_t flags, struct sco_error *err)
{
    (void)format;
    (void)flags;
    size_t before = s->n_resources;
    if (!iac_doc(s, text, 0, SCO_IAC_FORMAT_TERRAFORM_PLAN))
        return sco_error_nomem(err);
    struct plan p = {.s = s, .text = text->bytes, .doc = (uint32_t)(s->n_docs - 1)};
    struct sco_error why = {0};
    int r = read_plan(&p, &why);
    if (r < 0)
        r = failed(&p, before, r, &why);
    sco_map_done(&p.modules);
    sco_map_done(&p.config);
    sco_map_done(&p.args);
    sco_arena_done(&p.scratch);
    return r < 0 ? sco_error_nomem(err) : 0;
}
