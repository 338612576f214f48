/* The frame of a job to a struct. The request comes from users of the API, schedules and Kafka:
 * what it has beyond what is known here is an error, for somebody meant something by it. */
#include "runner_priv.h"

enum { NAMES_MAX = 256, TEXT_MAX = 4096 };

struct member {
    const char *name;
    enum { TEXT, LIST, BOOL, INT, SBOM } type;
    size_t offset;
};
#define MEMBER(type, name)                                                                         \
    {                                                                                              \
#name, type, offsetof(struct runner_request, name)                                         \
    }

static const struct member scan_members[] = {
    MEMBER(TEXT, branch),   MEMBER(TEXT, commit),    MEMBER(LIST, types),
    MEMBER(LIST, scanners), MEMBER(LIST, skip),      MEMBER(LIST, frameworks),
    MEMBER(LIST, gates),    MEMBER(TEXT, fail_on),   MEMBER(BOOL, offline),
    MEMBER(SBOM, sbom),     MEMBER(INT, timeout_ms), MEMBER(TEXT, checkout_secret),
    MEMBER(TEXT, path),     MEMBER(INT, depth),      {NULL, TEXT, 0},
};
static const struct member import_members[] = {
    MEMBER(TEXT, file),       MEMBER(TEXT, name),      MEMBER(TEXT, scanner),
    MEMBER(TEXT, repository), MEMBER(TEXT, branch),    MEMBER(TEXT, commit),
    MEMBER(TEXT, scope),      MEMBER(INT, timeout_ms), {NULL, TEXT, 0},
};

/* ---- values ---- */
static const char *keep(struct sco_arena *a, const struct sco_node *v)
{
    bool fits = v && v->type == SCO_NODE_STR && v->text.n <= TEXT_MAX;
    return fits ? sco_arena_cstr(a, v->text) : NULL;
}

static const char *const *keep_list(struct sco_arena *a, const struct sco_node *v)
{
    if (!v || v->type != SCO_NODE_LIST || v->n > NAMES_MAX)
        return NULL;
    const char **list = sco_arena_alloc(a, (v->n + 1) * sizeof *list);
    size_t n = 0;
    for (const struct sco_node *c = v->child; list && c; c = c->next)
        if (!(list[n++] = keep(a, c)))
            return NULL;
    return list;
}

/* true, false or "auto" */
static bool take_sbom(const struct sco_node *v, int64_t *to)
{
    bool is_auto = sco_str_is(sco_text(v), "auto");
    *to = is_auto ? RUNNER_SBOM_AUTO : sco_bool(v, 0) ? RUNNER_SBOM_REQUIRED : 0;
    return is_auto || v->type == SCO_NODE_BOOL;
}

static bool take(const struct member *m, const struct sco_node *v, struct sco_arena *a, void *to)
{
    void *at = (char *)to + m->offset;
    const void *p = m->type == TEXT ? (const void *)keep(a, v) : keep_list(a, v);
    if (v->type == SCO_NODE_NULL) /* as if it were not there */
        return true;
    if (m->type == SBOM)
        return take_sbom(v, at);
    if (m->type == BOOL || m->type == INT) {
        int64_t i = v->i;
        memcpy(at, &i, sizeof i);
        return v->type == (m->type == BOOL ? SCO_NODE_BOOL : SCO_NODE_INT);
    }
    memcpy(at, &p, sizeof p);
    return p != NULL;
}

/* ---- the request ---- */
static int unknown(const struct sco_node *v, const char *of, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf name = {0};
    sco_buf_add_printable(&name, v->key);
    return sco_error_set(err, SCO_E_INVALID, "%s: \"%.100s\" is unknown, or not of its type", of,
                         sco_buf_z(&name));
}

static int take_target(const struct sco_node *v, struct sco_arena *a, struct runner_request *q,
                       struct sco_error *err)
{
    static const char *const kinds[] = {"repository", "image", "directory", "url"};
    struct sco_str kind = sco_text(sco_get(v, "kind"));
    size_t i = 0;
    if (!sco_is(v, SCO_NODE_MAP))
        return sco_error_set(err, SCO_E_INVALID, "the request has no target");
    for (const struct sco_node *c = v->child; c; c = c->next)
        if (!sco_str_is(c->key, "kind") && !sco_str_is(c->key, "location"))
            return unknown(c, "target", err);
    while (i < SCO_ARRAY_LEN(kinds) && !sco_str_is(kind, kinds[i]))
        i++;
    q->target = (enum runner_target)i;
    q->location = keep(a, sco_get(v, "location"));
    if (i == SCO_ARRAY_LEN(kinds) || !q->location || !*q->location)
        return sco_error_set(err, SCO_E_INVALID,
                             "the target's kind is repository, image, directory or url, and it has "
                             "a location");
    return 0;
}

/* {"base": revision}: what is judged is what was changed since. */
static int take_diff(const struct sco_node *v, struct sco_arena *a, struct runner_request *q,
                     struct sco_error *err)
{
    if (!v || v->type == SCO_NODE_NULL)
        return 0;
    if (v->type != SCO_NODE_MAP)
        return sco_error_set(err, SCO_E_INVALID, "diff: an object with a base");
    for (const struct sco_node *c = v->child; c; c = c->next)
        if (!sco_str_is(c->key, "base"))
            return unknown(c, "diff", err);
    q->diff_base = keep(a, sco_get(v, "base"));
    if (!q->diff_base || !*q->diff_base)
        return sco_error_set(err, SCO_E_INVALID, "diff: base is a branch, tag or commit");
    if (q->target != TARGET_REPOSITORY && q->target != TARGET_DIRECTORY)
        return sco_error_set(err, SCO_E_INVALID, "diff: only repositories have changes");
    return 0;
}

/* {"integration","repository","context"}: whose token fetches the code. */
int runner_credential_parse(const struct sco_node *v, struct sco_arena *a, struct runner_request *q,
                            struct sco_error *err)
{
    static const char *const known[] = {"integration", "repository", "context"};
    const struct sco_node *context = sco_get(v, "context");
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b};
    if (!v || v->type == SCO_NODE_NULL)
        return 0;
    for (const struct sco_node *m = v->child; m; m = m->next) {
        size_t i = 0;
        while (i < SCO_ARRAY_LEN(known) && !sco_str_is(m->key, known[i]))
            i++;
        if (i == SCO_ARRAY_LEN(known))
            return sco_error_set(err, SCO_E_INVALID, "credential: a member is unknown");
    }
    struct sco_str integration = sco_text(sco_get(v, "integration"));
    struct sco_str repository = sco_text(sco_get(v, "repository"));
    if (v->type != SCO_NODE_MAP || !integration.n || !repository.n)
        return sco_error_set(err, SCO_E_INVALID, "credential: an integration and a repository");
    sco_json_begin(&o, '{');
    sco_json_kstr(&o, "repository", repository);
    if (sco_is(context, SCO_NODE_MAP)) {
        sco_json_key(&o, "context");
        sco_json_node(&o, context);
    }
    sco_json_kz(&o, "clone_url", q->location);
    sco_json_end(&o, '}');
    q->integration = sco_arena_cstr(a, integration);
    q->credential = b.failed ? NULL : sco_arena_cstr(a, sco_buf_str(&b));
    return q->integration && q->credential ? 0 : sco_error_nomem(err);
}

/* As sco_config_rule.path, which was checked: of names alone. */
static int take_path(const struct runner_request *q, struct sco_error *err)
{
    if (!q->path)
        return 0;
    if (q->target != TARGET_REPOSITORY || !sco_config_rule_path(sco_str_c(q->path)))
        return sco_error_set(err, SCO_E_INVALID, "path: a folder of a repository, as services/api");
    return 0;
}

static int take_types(struct runner_request *q, struct sco_error *err)
{
    for (const char *const *t = q->types; t && *t; t++) {
        uint32_t type = sco_type_parse(sco_str_c(*t));
        if (!type)
            return sco_error_set(err, SCO_E_INVALID, "types: there is no \"%.50s\"", *t);
        q->type_bits |= SCO_TYPE_BIT(type);
    }
    return 0;
}

static int take_request(const struct sco_node *v, bool import, struct sco_arena *a,
                        struct runner_request *q, struct sco_error *err)
{
    if (!sco_is(v, SCO_NODE_MAP))
        return sco_error_set(err, SCO_E_INVALID, "the request is no object");
    for (const struct sco_node *c = v->child; c; c = c->next) {
        const struct member *m = import ? import_members : scan_members;
        while (m->name && !sco_str_is(c->key, m->name))
            m++;
        if (!import && (sco_str_is(c->key, "target") || sco_str_is(c->key, "diff") ||
                        sco_str_is(c->key, "credential")))
            continue;
        if (!m->name || !take(m, c, a, q))
            return unknown(c, "the request", err);
    }
    if (!import) {
        int r = take_target(sco_get(v, "target"), a, q, err);
        if (r == 0)
            r = take_diff(sco_get(v, "diff"), a, q, err);
        if (r == 0)
            r = take_path(q, err);
        if (r == 0)
            r = runner_credential_parse(sco_get(v, "credential"), a, q, err);
        return r == 0 ? take_types(q, err) : r;
    }
    if (!q->file || !q->repository || !*q->repository)
        return sco_error_set(err, SCO_E_INVALID, "an import has a file and a repository");
    return 0;
}

/* Read by who does it. */
static int take_other(const struct sco_node *v, struct sco_arena *a, const char **ret,
                      struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b};
    if (!sco_is(v, SCO_NODE_MAP))
        return sco_error_set(err, SCO_E_INVALID, "the request is no object");
    sco_json_node(&o, v);
    *ret = b.failed ? NULL : sco_arena_cstr(a, sco_buf_str(&b));
    return *ret ? 0 : sco_error_nomem(err);
}

/* ---- what the daemon says ---- */
static int take_setup(const struct sco_node *v, struct sco_arena *a, struct runner_setup *s)
{
    const struct sco_node *sets = sco_get(v, "set");
    s->config = keep(a, sco_get(v, "config"));
    s->store = keep(a, sco_get(v, "store"));
    s->data = keep(a, sco_get(v, "data"));
    s->cache = keep(a, sco_get(v, "cache"));
    s->node = keep(a, sco_get(v, "node"));
    s->sets = sets ? keep_list(a, sets) : NULL;
    return s->store && s->node && (!sets || s->sets) ? 0 : SCO_E_INVALID;
}

static bool is_other(const char *kind)
{
    static const char *const others[] = {"ci", "workflow", "call", "pipeline"};
    for (size_t i = 0; i < SCO_ARRAY_LEN(others); i++)
        if (strcmp(kind, others[i]) == 0)
            return true;
    return false;
}

int runner_job_parse(struct sco_str frame, struct sco_arena *a, struct runner_job *ret,
                     struct sco_error *err)
{
    const struct sco_node *root = NULL;
    struct runner_job j = {0};
    int r = sco_json_parse(frame, a, &root, err);
    if (r < 0)
        return sco_error_prefix(err, "the job");
    const struct sco_node *job = sco_get(root, "job");
    j.id = keep(a, sco_get(job, "id"));
    j.kind = keep(a, sco_get(job, "kind"));
    j.requested_by = keep(a, sco_get(job, "requested_by"));
    j.correlation_id = keep(a, sco_get(job, "correlation_id"));
    j.attempt = sco_int(sco_get(job, "attempt"), 0);
    j.timeout_ms = sco_int(sco_get(job, "timeout_ms"), 0);
    j.token = (char *)(uintptr_t)keep(a, sco_path(root, "secrets.checkout_token"));
    if (!j.id || !j.kind || j.attempt < 1 || take_setup(sco_get(root, "setup"), a, &j.setup) < 0)
        return sco_error_set(err, SCO_E_FORMAT, "the job lacks something that each one has");
    j.import = strcmp(j.kind, "import") == 0;
    ret->setup = j.setup; /* enough to say what is wrong with the rest */
    ret->id = j.id;
    j.nested = keep(a, sco_get(job, "nested"));
    bool pipeline = strcmp(j.kind, "pipeline") == 0;
    if (is_other(j.kind)) {
        const struct sco_node *secrets = sco_path(root, "secrets.pipeline");
        r = take_other(sco_get(job, "request"), a, &j.other, err);
        if (r == 0 && pipeline)
            r = take_other(sco_get(root, "setup"), a, &j.setup_json, err);
        if (r == 0 && pipeline && secrets)
            r = take_other(secrets, a, &j.secrets_json, err);
        if (r == 0)
            *ret = j;
        return r;
    }
    if (!j.import && strcmp(j.kind, "scan") != 0)
        return sco_error_set(err, SCO_E_INVALID, "there is no kind of job \"%.50s\"", j.kind);
    r = take_request(sco_get(job, "request"), j.import, a, &j.request, err);
    if (r == 0)
        *ret = j;
    return r;
}
