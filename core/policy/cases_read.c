/* Reading NAME.cases.yaml. What is wrong with a case makes it fail with the reason. */
#include "cases_priv.h"
#include <secureops/json.h>
#include <secureops/yaml.h>

#include <stdlib.h>

static const struct sco_yaml *get(const struct sco_yaml *v, const char *key)
{
    return sco_yaml_get(v, sco_str_c(key));
}

/* The first thing that is wrong stays. */
SCO_PRINTF(2, 3) static void wrong(struct case_run *c, const char *fmt, ...)
{
    if (c->message)
        return;
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    va_list ap;
    va_start(ap, fmt);
    sco_buf_addvf(&b, fmt, ap);
    va_end(ap);
    c->message = b.failed ? NULL : sco_arena_cstr(&c->arena, sco_buf_str(&b));
    if (!c->message)
        c->message = "out of memory";
}

static const char *text(struct case_run *c, const struct sco_yaml *v, const char *what)
{
    if (!v)
        return NULL;
    if (v->kind != SCO_YAML_SCALAR) {
        wrong(c, "'%s' is %s, not text", what, sco_yaml_kind_name(v));
        return NULL;
    }
    return v->text.p;
}

static void check_keys(struct case_run *c, const struct sco_yaml *map, const char *const *names,
                       size_t n)
{
    for (const struct sco_yaml *m = map->child; m; m = m->next) {
        bool known = false;
        for (size_t i = 0; i < n; i++)
            known = known || sco_str_is(m->key->text, names[i]);
        const char *near = sco_str_nearest(m->key->text, names, n);
        if (!known && near)
            wrong(c, "unknown field '%s': did you mean '%s'?", m->key->text.p, near);
        else if (!known)
            wrong(c, "unknown field '%s'", m->key->text.p);
    }
}

static bool verdict_kind(struct case_run *c, const struct sco_yaml *v, enum sco_verdict_kind *ret)
{
    for (unsigned k = 0; v && k < SCO_VERDICT_MAX_; k++) {
        if (sco_str_is(v->text, sco_verdict_name((enum sco_verdict_kind)k))) {
            *ret = (enum sco_verdict_kind)k;
            return true;
        }
    }
    wrong(c, "verdict '%s': pass, fail, unknown, skip, error or not_applicable",
          v && v->text.p ? v->text.p : "");
    return false;
}

/* ---- parts ---- */
static void read_want(struct case_run *c, const struct sco_yaml *v, struct want *ret)
{
    static const char *const names[] = {"verdict", "resource", "line", "pointer", "message"};
    if (v->kind == SCO_YAML_SCALAR) {
        verdict_kind(c, v, &ret->kind);
        return;
    }
    if (v->kind != SCO_YAML_MAP) {
        wrong(c, "an expected verdict is %s, not a map", sco_yaml_kind_name(v));
        return;
    }
    check_keys(c, v, names, SCO_ARRAY_LEN(names));
    verdict_kind(c, get(v, "verdict"), &ret->kind);
    ret->resource = text(c, get(v, "resource"), "resource");
    ret->pointer = text(c, get(v, "pointer"), "pointer");
    ret->message = text(c, get(v, "message"), "message");
    int64_t line = 0;
    const struct sco_yaml *at = get(v, "line");
    if (at && sco_parse_i64(at->text, 1, UINT32_MAX, &line) < 0)
        wrong(c, "'line' is no line number");
    ret->line = (uint32_t)line;
}

static int read_expect(struct case_run *c, const struct sco_yaml *v)
{
    if (!v) {
        wrong(c, "'expect' is missing");
        return 0;
    }
    if (v->kind == SCO_YAML_SCALAR) {
        c->word = verdict_kind(c, v, &c->word_kind);
        return 0;
    }
    if (v->kind == SCO_YAML_LIST && c->policy && c->policy->workflow) {
        c->actions = v;
        return 0;
    }
    if (v->kind != SCO_YAML_LIST) {
        wrong(c, "'expect' is %s: a verdict, or a list of them", sco_yaml_kind_name(v));
        return 0;
    }
    c->want = sco_arena_alloc(&c->arena, (v->n + 1) * sizeof *c->want);
    if (!c->want)
        return SCO_E_NOMEM;
    for (const struct sco_yaml *x = v->child; x; x = x->next)
        read_want(c, x, &c->want[c->n_want++]);
    return 0;
}

static int read_inputs(struct case_run *c, const struct sco_yaml *v)
{
    const struct sco_yaml *input = get(v, "input"), *files = get(v, "files");
    const char *name = text(c, get(v, "file"), "file");
    bool map = files && files->kind == SCO_YAML_MAP;
    if (files && !map)
        wrong(c, "'files' is %s, not a map of names to texts", sco_yaml_kind_name(files));
    if (c->policy && c->policy->workflow)
        return case_event(c, get(v, "event"));
    if (!input && !files)
        wrong(c, "'input' is missing");
    if (get(v, "event"))
        wrong(c, "'event' is for workflows");
    c->inputs = sco_arena_alloc(&c->arena, ((map ? files->n : 0) + 1) * sizeof *c->inputs);
    if (!c->inputs)
        return SCO_E_NOMEM;
    if (input && text(c, input, "input"))
        c->inputs[c->n_inputs++] = (struct case_input){name ? name : "input.yaml", input->text};
    for (const struct sco_yaml *x = map ? files->child : NULL; x; x = x->next)
        if (text(c, x, "files"))
            c->inputs[c->n_inputs++] = (struct case_input){x->key->text.p, x->text};
    return 0;
}

/* framework: ID@VERSION gives the parameter that the framework names. */
static void add_framework(struct case_run *c, struct sco_json_out *o, const char *name)
{
    const char *at = strchr(name, '@');
    struct sco_str id = at ? sco_str_make(name, (size_t)(at - name)) : sco_str_c(name);
    const struct sco_framework *f = NULL;
    for (size_t i = 0; i < c->of->n_frameworks; i++)
        if (sco_str_is(id, c->of->frameworks[i].id))
            f = &c->of->frameworks[i];
    if (!f)
        wrong(c, "no framework '%.*s'", (int)id.n, id.p);
    else if (at && !f->version_param)
        wrong(c, "framework '%s' has no versions to choose from", f->id);
    else if (at)
        sco_json_kz(o, f->version_param, at + 1);
}

static int read_params(struct case_run *c, const struct sco_yaml *v)
{
    const struct sco_yaml *params = get(v, "params");
    const char *framework = text(c, get(v, "framework"), "framework");
    if (!params && !framework)
        return 0;
    if (params && params->kind != SCO_YAML_MAP) {
        wrong(c, "'params' is %s, not a map", sco_yaml_kind_name(params));
        return 0;
    }
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b};
    sco_json_begin(&o, '{');
    if (framework)
        add_framework(c, &o, framework);
    for (const struct sco_yaml *x = params ? params->child : NULL; x; x = x->next) {
        sco_json_key(&o, x->key->text.p);
        case_add_value(&o, x);
    }
    sco_json_end(&o, '}');
    c->params = b.failed ? NULL : sco_arena_cstr(&c->arena, sco_buf_str(&b));
    return c->params ? 0 : SCO_E_NOMEM;
}

/* The policy that the case names, or the only one of the file beside it. */
static void read_policy(struct case_run *c, const struct sco_yaml *v)
{
    const char *id = text(c, get(v, "policy"), "policy");
    size_t stem = strlen(c->file->path) - strlen(".cases.yaml");
    for (size_t i = 0; i < c->of->n_policies; i++) {
        const struct sco_policy *x = &c->of->policies[i];
        const struct pl_file *f = c->of->entries[i].file;
        bool beside = strncmp(f->path, c->file->path, stem) == 0 &&
                      strcmp(f->path + stem, ".lua") == 0 && f->bundle == c->file->bundle;
        if (id ? strcmp(id, x->id) != 0 : !beside)
            continue;
        if (c->policy)
            wrong(c, "'policy' is missing: %s has several", f->path);
        c->policy = x;
    }
    if (!c->policy)
        wrong(c,
              id ? "no policy '%s' (see the problems of the bundle)"
                 : "no policy beside the cases: name it with 'policy'%s",
              id ? id : "");
}

/* ---- the set that runs it ---- */
/* The file alone, with the libraries of its bundle. */
static int sub_bundle(struct sco_policies *p, struct pl_file *only, struct sco_error *err)
{
    const struct pl_bundle *from = only->bundle;
    if (SCO_VEC_PUSH(p->bundles, p->n_bundles, p->cap_bundles) < 0)
        return sco_error_nomem(err);
    struct pl_bundle *b = &p->bundles[p->n_bundles++];
    *b = (struct pl_bundle){.dir = from->dir, .digest = from->digest};
    for (size_t i = 0; i < from->n; i++) {
        if (from->files[i] != only && from->files[i]->kind != PL_FILE_LIBRARY)
            continue;
        struct pl_file *f = sco_arena_alloc(&p->arena, sizeof *f);
        if (!f || SCO_VEC_PUSH(b->files, b->n, b->cap) < 0)
            return sco_error_nomem(err);
        *f = *from->files[i]; /* texts and coverage are shared */
        f->bundle = b;
        f->chunk = LUA_NOREF;
        f->n_policies = 0;
        f->disabled = NULL;
        b->files[b->n++] = f;
    }
    return 0;
}

struct sco_policies *pl_sub_free(struct sco_policies *p)
{
    for (size_t i = 0; p && p->n_bundles && i < p->bundles[0].n; i++) {
        p->bundles[0].files[i]->lines = NULL;
        p->bundles[0].files[i]->edges = NULL;
    }
    return sco_policies_free(p);
}

int case_policies(struct case_run *c, struct sco_error *err)
{
    struct sco_policies *p = c->policies = sco_alloc(1, sizeof *p);
    if (!p)
        return sco_error_nomem(err);
    p->opt = c->of->opt;
    p->opt.trace = false;
    p->opt.params = NULL; /* cases show the defaults, whatever is configured */
    p->part = true;
    p->limits = c->of->limits;
    int r = pl_open(p, err);
    if (r == 0)
        r = sub_bundle(p, c->of->entries[c->policy - c->of->policies].file, err);
    for (size_t i = 0; r == 0 && i < p->bundles[0].n; i++)
        if (p->bundles[0].files[i]->kind == PL_FILE_POLICY)
            r = pl_load_file(p, p->bundles[0].files[i], err);
    if (r == 0)
        r = pl_set_finish(p, err);
    const char *want[] = {c->policy->id, NULL};
    if (r == 0)
        r = sco_policies_select(p, want, NULL, NULL, false, err);
    const struct sco_policy *own = r == 0 ? pl_find_id(p, sco_str_c(c->policy->id)) : NULL;
    if (r == 0 && !own)
        r = sco_error_set(err, SCO_E_INVALID, "the policy cannot be loaded alone");
    if (r == 0 && c->params)
        r = pl_params_set(p, (size_t)(own - p->policies), c->params, err);
    return r;
}

/* ---- the file ---- */
static int read_case(struct case_run *c, const struct sco_yaml *v)
{
    static const char *const names[] = {"policy",    "name",   "file",  "input", "files",
                                        "framework", "params", "event", "expect"};
    c->line = v->line;
    c->name = "";
    if (v->kind != SCO_YAML_MAP) {
        wrong(c, "a case is %s, not a map", sco_yaml_kind_name(v));
        return 0;
    }
    check_keys(c, v, names, SCO_ARRAY_LEN(names));
    const char *name = text(c, get(v, "name"), "name");
    c->name = name ? name : "";
    read_policy(c, v);
    int r = read_inputs(c, v);
    if (r == 0)
        r = read_params(c, v);
    if (r == 0)
        r = read_expect(c, get(v, "expect"));
    return r;
}

/* The file as a whole is one failed result. */
static int report_file(const struct pl_file *f, const char *message, sco_policy_case_fn fn,
                       void *user)
{
    struct sco_policy_case_result result = {
        .file_path = f->path, .name = "", .policy = "", .line = 1, .message = message};
    return fn(user, &result);
}

static int run_case(struct sco_policies *p, const struct pl_file *f, const struct sco_yaml *v,
                    uint8_t *seen, sco_policy_case_fn fn, void *user, struct sco_error *err)
{
    struct case_run c = {.of = p, .file = f, .seen = seen};
    int r = read_case(&c, v);
    if (r < 0)
        r = sco_error_nomem(err);
    else if (!c.policy || c.policy->selected)
        r = case_execute(&c, fn, user, err);
    sco_arena_done(&c.arena);
    return r;
}

int case_file(struct sco_policies *p, const struct pl_file *f, uint8_t *seen, sco_policy_case_fn fn,
              void *user, struct sco_error *err)
{
    SCO_AUTO(sco_arena) struct sco_arena a = {0};
    const struct sco_yaml *root = NULL;
    struct sco_error why = {0};
    int r = sco_yaml_parse(f->text, f->path, 0, &a, &root, &why);
    if (r == SCO_E_NOMEM)
        return sco_error_nomem(err);
    if (r < 0)
        return report_file(f, why.text, fn, user);
    if (!root || root->kind != SCO_YAML_LIST)
        return report_file(f, "a file of cases is a list", fn, user);
    for (const struct sco_yaml *v = root->child; v; v = v->next) {
        r = run_case(p, f, v, seen, fn, user, err);
        if (r != 0)
            return r;
    }
    return 0;
}
