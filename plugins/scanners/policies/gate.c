/* Gates: policies over the report of a scan, named one by one or by the presets of
 * gates/presets.yaml in the packs:
 *   NAME:
 *     title: what it stands for
 *     policies:
 *       gate-critical: {}
 *       gate-epss: {threshold: 0.1}
 */
#include "policies_priv.h"

#include <secureops/yaml.h>

enum { PRESETS_MAX = 64, WANTED_MAX = 1000 };

struct preset {
    struct sco_str name;
    const struct sco_yaml *node;
    const char *file;
};

struct gates {
    struct policies *p;
    struct preset presets[PRESETS_MAX];
    size_t n_presets;
    const char *wanted[WANTED_MAX + 1];
    size_t n_wanted;
    struct sco_buf params, title;
    struct sco_json_out out; /* of params */
    struct sco_error *err;
};

/* ---- presets ---- */
static int read_presets(struct gates *g, const char *bundle)
{
    SCO_AUTO(sco_buf) struct sco_buf path = {0};
    const struct sco_yaml *root = NULL;
    sco_buf_addf(&path, "%s/gates/presets.yaml", bundle);
    const char *file = sco_arena_cstr(&g->p->arena, sco_buf_str(&path));
    if (!file)
        return sco_error_nomem(g->err);
    if (!sco_fs_is_file(file)) /* an archive, or a pack without presets */
        return 0;
    int r = sco_yaml_load(file, 0, &g->p->arena, &root, g->err);
    if (r < 0 || !root)
        return r;
    if (root->kind != SCO_YAML_MAP)
        return sco_yaml_error(g->err, SCO_E_INVALID, file, root, "expected a map of presets");
    for (const struct sco_yaml *x = root->child; x; x = x->next) {
        if (g->n_presets >= PRESETS_MAX)
            return sco_yaml_error(g->err, SCO_E_LIMIT, file, x, "more than %d presets",
                                  PRESETS_MAX);
        g->presets[g->n_presets++] = (struct preset){.name = x->key->text, .node = x, .file = file};
    }
    return 0;
}

/* The last pack that has it: those of the operator come after ours. */
static const struct preset *find_preset(const struct gates *g, const char *name)
{
    for (size_t i = g->n_presets; i-- > 0;)
        if (sco_str_is(g->presets[i].name, name))
            return &g->presets[i];
    return NULL;
}

/* A value of a preset as JSON: plain scalars that are JSON are what they look like. */
static void put_value(struct gates *g, const struct sco_yaml *v)
{
    const struct sco_node *ignored = NULL;
    if (v->kind == SCO_YAML_LIST) {
        sco_json_begin(&g->out, '[');
        for (const struct sco_yaml *x = v->child; x; x = x->next)
            put_value(g, x);
        sco_json_end(&g->out, ']');
    } else if (v->kind == SCO_YAML_MAP) {
        sco_json_begin(&g->out, '{');
        for (const struct sco_yaml *x = v->child; x; x = x->next) {
            sco_json_key(&g->out, x->key->text.p);
            put_value(g, x);
        }
        sco_json_end(&g->out, '}');
    } else if (v->plain && sco_json_parse(v->text, &g->p->arena, &ignored, NULL) == 0) {
        sco_json_raw(&g->out, v->text);
    } else {
        sco_json_str(&g->out, v->text);
    }
}

static int want(struct gates *g, const char *id)
{
    for (size_t i = 0; i < g->n_wanted; i++)
        if (strcmp(g->wanted[i], id) == 0)
            return 0;
    if (g->n_wanted >= WANTED_MAX)
        return sco_error_set(g->err, SCO_E_LIMIT, "more than %d gates", WANTED_MAX);
    g->wanted[g->n_wanted++] = id;
    return 0;
}

static int take_preset(struct gates *g, const struct preset *x)
{
    const struct sco_yaml *title = sco_yaml_get(x->node, SCO_STR("title"));
    const struct sco_yaml *list = sco_yaml_get(x->node, SCO_STR("policies"));
    int r = 0;
    if (!list || list->kind != SCO_YAML_MAP)
        return sco_yaml_error(g->err, SCO_E_INVALID, x->file, x->node,
                              "a preset has policies: a map of ids to parameters");
    if (title)
        sco_buf_addf(&g->title, "%s%.*s", g->title.n ? "; " : "", SCO_STR_ARG(title->text));
    for (const struct sco_yaml *v = list->child; v && r == 0; v = v->next) {
        const char *id = sco_arena_cstr(&g->p->arena, v->key->text);
        r = id ? want(g, id) : sco_error_nomem(g->err);
        if (r < 0 || v->kind != SCO_YAML_MAP || !v->n)
            continue;
        sco_json_key(&g->out, id);
        put_value(g, v);
    }
    return r;
}

static int unknown(struct gates *g, const char *name)
{
    const char *names[PRESETS_MAX + 1000], *near;
    size_t n = 0;
    for (size_t i = 0; i < g->n_presets; i++)
        names[n++] = sco_arena_cstr(&g->p->arena, g->presets[i].name);
    for (size_t i = 0; i < g->p->n_list && n < SCO_ARRAY_LEN(names); i++)
        for (const char *const *a = g->p->list[i].applies_to; *a; a++)
            if (strcmp(*a, "scan") == 0 && n < SCO_ARRAY_LEN(names))
                names[n++] = g->p->list[i].id;
    near = sco_str_nearest(sco_str_c(name), names, n);
    SCO_AUTO(sco_buf) struct sco_buf all = {0};
    for (size_t i = 0; i < n && i < 20; i++)
        sco_buf_addf(&all, "%s%s", i ? ", " : "", names[i]);
    return sco_error_set(
        g->err, SCO_E_INVALID, "--gate: there is no gate \"%s\"%s%s%s; there are %s", name,
        near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "", sco_buf_z(&all));
}

static bool is_gate(const struct sco_policy *p)
{
    for (const char *const *a = p->applies_to; *a; a++)
        if (strcmp(*a, "scan") == 0)
            return true;
    return false;
}

/* ---- choosing ---- */
static int gather(struct gates *g)
{
    const struct request *q = &g->p->request;
    int r = 0;
    for (const char *const *b = q->bundles; *b && r == 0; b++)
        r = read_presets(g, *b);
    g->out = (struct sco_json_out){.b = &g->params};
    sco_json_begin(&g->out, '{');
    for (const char *const *name = q->policies; *name && r == 0; name++) {
        const struct preset *x = find_preset(g, *name);
        r = x ? take_preset(g, x) : want(g, *name);
    }
    sco_json_end(&g->out, '}');
    return r < 0 ? r : sco_buf_check(&g->params, g->err);
}

static int choose(struct gates *g)
{
    static const char *const everything[] = {"*", NULL};
    struct policies *p = g->p;
    for (size_t i = 0; i < g->n_wanted; i++) {
        const struct sco_policy *x = sco_policies_find(p->set, sco_str_c(g->wanted[i]));
        if (!x)
            return unknown(g, g->wanted[i]);
        if (!is_gate(x))
            return sco_error_set(g->err, SCO_E_INVALID,
                                 "--gate: %s judges %s, not the result of a scan", x->id,
                                 x->applies_to[0] ? x->applies_to[0] : "nothing");
    }
    int r = g->n_wanted ? sco_policies_select(p->set, g->wanted, NULL, NULL, false, g->err)
                        : sco_policies_select(p->set, NULL, NULL, everything, false, g->err);
    for (size_t i = 0; i < p->n_list; i++)
        p->chosen[i] = p->list[i].selected;
    return r;
}

static int tell_gate(struct gates *g)
{
    struct sco_json_out o = record_begin(g->p);
    sco_json_kz(&o, "title", g->title.n ? sco_buf_z(&g->title) : NULL);
    record_texts(&o, "policies", g->wanted);
    sco_json_end(&o, '}');
    return record_send(g->p, "gate");
}

/* ---- judging ---- */
static int on_verdict(void *user, const struct sco_verdict *v)
{
    struct policies *p = user;
    p->verdicts[v->kind]++;
    return p->chosen[index_of(p, v->policy)] ? verdict_record(p, v) : 0;
}

/* A gate that gave no verdict has let nothing through. */
static void check_all_judged(struct policies *p)
{
    for (size_t i = 0; i < p->n_list; i++) {
        struct sco_policy_stats s = {0};
        if (!p->chosen[i])
            continue;
        sco_policies_stats(p->set, &p->list[i], &s);
        if (s.evaluations)
            continue;
        SCO_AUTO(sco_buf) struct sco_buf b = {0};
        sco_buf_addf(&b, "%s gave no verdict", p->list[i].id);
        p->host->incomplete(p->host, sco_buf_str(&b));
    }
}

static int judge(struct policies *p, struct sco_error *err)
{
    int r = sco_iac_add_file(&p->docs, p->request.input, "scan.json", SCO_IAC_FORMAT_SCAN,
                             SCO_IAC_EXPLICIT, err);
    if (r < 0)
        return r;
    if (p->docs.n_docs != 1 || p->docs.docs[0].status != SCO_IAC_PARSED)
        return sco_error_set(err, SCO_E_FORMAT, "the scan's report cannot be read: %s",
                             p->docs.n_docs && p->docs.docs[0].reason ? p->docs.docs[0].reason
                                                                      : "it is empty");
    r = sco_policies_eval(p->set, &p->docs, on_verdict, p, err);
    if (r == 0)
        check_all_judged(p);
    return r;
}

/* Without a report only the names are checked: before minutes of scanning. */
int run_gate(struct policies *p, struct sco_error *err)
{
    struct gates *g = sco_arena_alloc(&p->arena, sizeof *g);
    if (!g)
        return sco_error_nomem(err);
    g->p = p;
    g->err = err;
    int r = gather(g);
    if (r == 0)
        r = policies_load(p, sco_buf_z(&g->params), err);
    if (r == 0)
        r = choose(g);
    if (r == 0)
        r = tell_gate(g);
    if (r == 0 && p->request.input && g->n_wanted)
        r = judge(p, err);
    sco_buf_done(&g->params);
    sco_buf_done(&g->title);
    return r;
}
