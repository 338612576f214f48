/* Definitions of own pipelines: read once, whole, into an arena; what is in the result has been
 * checked, so that nobody who runs it finds a mistake after half of the stages. */
#include "pipeline_priv.h"

enum {
    PARALLEL_MAX = 16,
    PARALLEL = 2,
    RETRIES_MAX = 10,
    NEEDS_MAX = 64,
    NAMES_MAX = 64, /* secrets, artifacts */
    RUN_MAX = 64 << 10,
};

struct raw { /* a stage as it is written */
    const struct sco_yaml *v, *needs;
    const char *name;
    size_t first, n; /* of its stages in the result */
    uint8_t mark;    /* of the walk: 0 not seen, 1 under way, 2 done */
};
struct definition {
    struct pipeline_reading rd;
    struct raw raw[SCO_PIPELINE_STAGES_MAX];
    size_t n_raw, order[SCO_PIPELINE_STAGES_MAX], n_order;
    const char *const *env;
    struct sco_pipeline *to;
};

static bool is_name(struct sco_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool word = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!word && (i == 0 || !c || !strchr("_-. ", c)))
            return false;
    }
    return s.n > 0 && s.n <= SCO_PIPELINE_NAME_MAX;
}

/* ---- steps ---- */
static int read_step(struct pipeline_reading *rd, const struct sco_yaml *v, size_t nth,
                     struct sco_pipeline_step *s)
{
    static const char *const names[] = {
        "name", "run", "scan", "env", "timeout", "retries", "directory", "if", "continue_on_error"};
    int r = pipeline_map(rd, v, "a step", names, SCO_ARRAY_LEN(names));
    if (r < 0)
        return r;
    const struct sco_yaml *scan = pipeline_get(v, "scan"), *run = pipeline_get(v, "run");
    s->line = v->line;
    s->name = sco_arena_fmt(rd->arena, "step %zu", nth + 1);
    if (!s->name)
        return sco_error_nomem(rd->err);
    if (!scan == !run)
        return pipeline_wrong(rd, v, "a step has either run or scan");
    if ((r = pipeline_text(rd, pipeline_get(v, "name"), SCO_PIPELINE_NAME_MAX, &s->name)) < 0 ||
        (r = pipeline_text(rd, run, RUN_MAX, &s->run)) < 0 ||
        (r = scan ? pipeline_scan(rd, scan, &s->scan) : 0) < 0 ||
        (r = pipeline_env(rd, pipeline_get(v, "env"), NULL, &s->env)) < 0 ||
        (r = pipeline_duration(rd, pipeline_get(v, "timeout"), &s->timeout_ms)) < 0 ||
        (r = pipeline_number(rd, pipeline_get(v, "retries"), 0, RETRIES_MAX, &s->retries)) < 0 ||
        (r = pipeline_text(rd, pipeline_get(v, "directory"), 1000, &s->directory)) < 0 ||
        (r = pipeline_condition(rd, pipeline_get(v, "if"), &s->condition)) < 0)
        return r;
    for (const char *p = s->name; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 127)
            return pipeline_wrong(rd, pipeline_get(v, "name"), "a name is one line");
    if (s->directory && (r = pipeline_path(rd, pipeline_get(v, "directory"), s->directory)) < 0)
        return r;
    return pipeline_bool(rd, pipeline_get(v, "continue_on_error"), &s->continue_on_error);
}

static int read_steps(struct pipeline_reading *rd, const struct sco_yaml *v,
                      struct sco_pipeline_stage *st)
{
    if (v->kind != SCO_YAML_LIST || !v->n || v->n > SCO_PIPELINE_STEPS_MAX)
        return pipeline_wrong(rd, v, "a list of 1 to %d steps is wanted", SCO_PIPELINE_STEPS_MAX);
    struct sco_pipeline_step *steps = sco_arena_alloc(rd->arena, v->n * sizeof *steps);
    int r = steps ? 0 : sco_error_nomem(rd->err);
    for (const struct sco_yaml *m = v->child; m && r == 0; m = m->next, st->n_steps++)
        r = read_step(rd, m, st->n_steps, &steps[st->n_steps]);
    st->steps = steps;
    return r;
}

/* ---- stages ---- */
static int read_lists(struct pipeline_reading *rd, const struct sco_yaml *v,
                      struct sco_pipeline_stage *st)
{
    const struct sco_yaml *secrets = pipeline_get(v, "secrets"),
                          *artifacts = pipeline_get(v, "artifacts");
    static const char *const none[] = {NULL};
    st->secrets = st->artifacts = none;
    int r = pipeline_texts(rd, secrets, NAMES_MAX, &st->secrets);
    if (r == 0)
        r = pipeline_texts(rd, artifacts, NAMES_MAX, &st->artifacts);
    for (const char *const *p = st->secrets; r == 0 && *p; p++)
        if (!pipeline_is_variable(sco_str_c(*p)))
            r = pipeline_wrong(rd, secrets, "\"%.60s\" is no name for a variable", *p);
    for (const char *const *p = st->artifacts; r == 0 && *p; p++)
        r = pipeline_path(rd, artifacts, *p);
    return r;
}

static int read_stage(struct pipeline_reading *rd, const struct raw *raw,
                      struct sco_pipeline_stage *st)
{
    const struct sco_yaml *v = raw->v, *steps = pipeline_get(v, "steps");
    int r;
    st->stage = raw->name;
    st->line = v->line;
    if ((r = pipeline_condition(rd, pipeline_get(v, "if"), &st->condition)) < 0 ||
        (r = pipeline_text(rd, pipeline_get(v, "environment"), SCO_PIPELINE_NAME_MAX,
                           &st->environment)) < 0 ||
        (r = pipeline_bool(rd, pipeline_get(v, "approval"), &st->approval)) < 0 ||
        (r = pipeline_bool(rd, pipeline_get(v, "continue_on_error"), &st->continue_on_error)) < 0 ||
        (r = pipeline_duration(rd, pipeline_get(v, "timeout"), &st->timeout_ms)) < 0 ||
        (r = pipeline_number(rd, pipeline_get(v, "retries"), 0, RETRIES_MAX, &st->retries)) < 0 ||
        (r = read_lists(rd, v, st)) < 0)
        return r;
    const struct sco_yaml *network = pipeline_get(v, "network");
    st->network = "outside";
    if (network && ((r = pipeline_text(rd, network, SCO_PIPELINE_NAME_MAX, &st->network)) < 0 ||
                    !st->network ||
                    (strcmp(st->network, "outside") != 0 && strcmp(st->network, "none") != 0 &&
                     strcmp(st->network, "full") != 0)))
        return r < 0 ? r : pipeline_wrong(rd, network, "network is none, outside or full");
    if (st->environment && !is_name(sco_str_c(st->environment)))
        return pipeline_wrong(rd, pipeline_get(v, "environment"),
                              "an environment's name has letters, digits, spaces and . _ -");
    if (steps)
        return read_steps(rd, steps, st);
    return st->approval ? 0 : pipeline_wrong(rd, v, "the stage \"%s\" has no steps", raw->name);
}

static int set_needs(struct definition *d, const struct raw *raw, struct sco_pipeline_stage *st)
{
    const char *const *names = NULL;
    uint32_t *to = sco_arena_alloc(d->rd.arena, SCO_PIPELINE_STAGES_MAX * sizeof *to);
    int r = pipeline_texts(&d->rd, raw->needs, NEEDS_MAX, &names);
    if (!to)
        return sco_error_nomem(d->rd.err);
    for (; r == 0 && names && *names; names++)
        for (size_t i = 0; i < d->n_raw; i++)
            if (strcmp(d->raw[i].name, *names) == 0)
                for (size_t k = 0; k < d->raw[i].n; k++)
                    to[st->n_needs++] = (uint32_t)(d->raw[i].first + k);
    st->needs = to;
    return r;
}

/* One for each combination of its matrix. */
static int add_stages(struct definition *d, struct raw *raw)
{
    struct pipeline_combination *c = NULL;
    struct sco_pipeline_stage base = {0};
    const char *const *env = NULL;
    int r = read_stage(&d->rd, raw, &base);
    if (r == 0)
        r = pipeline_env(&d->rd, pipeline_get(raw->v, "env"), d->env, &env);
    if (r == 0)
        r = pipeline_matrix(&d->rd, pipeline_get(raw->v, "matrix"), pipeline_get(raw->v, "exclude"),
                            env, &c, &raw->n);
    if (r == 0)
        r = set_needs(d, raw, &base);
    raw->first = d->to->n;
    for (size_t i = 0; i < raw->n && r == 0; i++) {
        if (d->to->n == SCO_PIPELINE_STAGES_MAX)
            return sco_yaml_error(d->rd.err, SCO_E_LIMIT, d->rd.file, raw->v,
                                  "there are more than %d stages, matrix included",
                                  SCO_PIPELINE_STAGES_MAX);
        struct sco_pipeline_stage *st = &d->to->stages[d->to->n++];
        *st = base;
        st->env = c[i].env;
        st->name = sco_arena_fmt(d->rd.arena, "%s%s", raw->name, c[i].suffix);
        if (!st->name)
            return sco_error_nomem(d->rd.err);
        if (strlen(st->name) > 2 * SCO_PIPELINE_NAME_MAX)
            return pipeline_wrong(&d->rd, raw->v, "\"%s\" is too long for a name", st->name);
    }
    return r;
}

/* ---- order ---- */
static int find(struct definition *d, const struct sco_yaml *at, const char *name, size_t *ret)
{
    const char *names[SCO_PIPELINE_STAGES_MAX];
    for (size_t i = 0; i < d->n_raw; i++) {
        names[i] = d->raw[i].name;
        if (strcmp(names[i], name) == 0) {
            *ret = i;
            return 0;
        }
    }
    const char *near = sco_str_nearest(sco_str_c(name), names, d->n_raw);
    return pipeline_wrong(&d->rd, at, "there is no stage \"%.100s\"%s%s%s", name,
                          near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

/* Behind all that it needs; as deep as there are stages at most. */
static int walk(struct definition *d, size_t i)
{
    struct raw *raw = &d->raw[i];
    const char *const *names = NULL;
    raw->mark = 1;
    int r = pipeline_texts(&d->rd, raw->needs, NEEDS_MAX, &names);
    for (; r == 0 && names && *names; names++) {
        size_t k = 0;
        r = find(d, raw->needs, *names, &k);
        for (const char *const *again = names + 1; r == 0 && *again; again++)
            if (strcmp(*names, *again) == 0)
                r = pipeline_wrong(&d->rd, raw->needs, "\"%s\" is there twice", *again);
        if (r == 0 && d->raw[k].mark == 1)
            r = pipeline_wrong(&d->rd, raw->needs,
                               "the stage \"%s\" needs itself, by way of \"%s\"", d->raw[k].name,
                               raw->name);
        if (r == 0 && d->raw[k].mark == 0)
            r = walk(d, k);
    }
    raw->mark = 2;
    d->order[d->n_order++] = i;
    return r;
}

static int read_raw(struct definition *d, const struct sco_yaml *list)
{
    static const char *const names[] = {"name",
                                        "needs",
                                        "if",
                                        "matrix",
                                        "exclude",
                                        "env",
                                        "secrets",
                                        "network",
                                        "environment",
                                        "approval",
                                        "timeout",
                                        "retries",
                                        "continue_on_error",
                                        "steps",
                                        "artifacts"};
    if (!list || list->kind != SCO_YAML_LIST || !list->n || list->n > SCO_PIPELINE_STAGES_MAX)
        return list
                   ? pipeline_wrong(&d->rd, list, "stages is a list of 1 to %d stages",
                                    SCO_PIPELINE_STAGES_MAX)
                   : sco_error_set(d->rd.err, SCO_E_INVALID, "%s: there are no stages", d->rd.file);
    for (const struct sco_yaml *v = list->child; v; v = v->next) {
        struct raw *raw = &d->raw[d->n_raw];
        int r = pipeline_map(&d->rd, v, "a stage", names, SCO_ARRAY_LEN(names));
        const struct sco_yaml *name = r == 0 ? pipeline_get(v, "name") : NULL;
        if (r < 0)
            return r;
        if (!name || name->kind != SCO_YAML_SCALAR || !is_name(name->text))
            return pipeline_wrong(&d->rd, name ? name : v,
                                  "a stage has a name of at most %d letters, digits, spaces and "
                                  ". _ -",
                                  SCO_PIPELINE_NAME_MAX);
        for (size_t i = 0; i < d->n_raw; i++)
            if (sco_str_is(name->text, d->raw[i].name))
                return pipeline_wrong(&d->rd, name, "the stage \"%s\" is there twice",
                                      d->raw[i].name);
        *raw = (struct raw){.v = v, .needs = pipeline_get(v, "needs"), .name = name->text.p};
        d->n_raw++;
    }
    return 0;
}

static int read_all(struct definition *d, const struct sco_yaml *root)
{
    static const char *const names[] = {"env", "timeout", "parallel", "stages"};
    if (!root)
        return sco_error_set(d->rd.err, SCO_E_INVALID, "%s: the definition is empty", d->rd.file);
    int r = pipeline_map(&d->rd, root, "a pipeline", names, SCO_ARRAY_LEN(names));
    if (r == 0)
        r = pipeline_env(&d->rd, pipeline_get(root, "env"), NULL, &d->env);
    if (r == 0)
        r = pipeline_duration(&d->rd, pipeline_get(root, "timeout"), &d->to->timeout_ms);
    if (r == 0)
        r = pipeline_number(&d->rd, pipeline_get(root, "parallel"), 1, PARALLEL_MAX,
                            &d->to->parallel);
    if (r == 0)
        r = read_raw(d, pipeline_get(root, "stages"));
    for (size_t i = 0; i < d->n_raw && r == 0; i++)
        if (d->raw[i].mark == 0)
            r = walk(d, i);
    for (size_t i = 0; i < d->n_order && r == 0; i++)
        r = add_stages(d, &d->raw[d->order[i]]);
    return r;
}

int sco_pipeline_parse(struct sco_str yaml, const char *file, struct sco_arena *arena,
                       struct sco_pipeline *ret, struct sco_error *err)
{
    struct sco_pipeline p = {.parallel = PARALLEL};
    const struct sco_yaml *root = NULL;
    if (yaml.n > SCO_PIPELINE_SIZE_MAX)
        return sco_error_set(err, SCO_E_LIMIT, "%s: a definition has at most %d KiB", file,
                             SCO_PIPELINE_SIZE_MAX >> 10);
    struct definition *d = sco_arena_alloc(arena, sizeof *d);
    p.stages = sco_arena_alloc(arena, SCO_PIPELINE_STAGES_MAX * sizeof *p.stages);
    if (!d || !p.stages)
        return sco_error_nomem(err);
    d->rd = (struct pipeline_reading){file, arena, err};
    d->to = &p;
    int r = sco_yaml_parse(yaml, file, SCO_YAML_MERGE, arena, &root, err);
    if (r == 0)
        r = read_all(d, root);
    if (r == 0)
        *ret = p;
    return r;
}
