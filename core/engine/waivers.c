/* Waiver files, and which findings they speak of. Ids are compared without regard to case, and
 * without the prefixes that only tell whose id it is (kics:, AVD-), so that an alias can be written
 * as any tool prints it. */
#include <secureops/waivers.h>

#include <secureops/fs.h>
#include <secureops/yaml.h>
#include <stdlib.h>

enum { FILE_SIZE_MAX = 4 << 20, DAY_MS = 24 * 3600 * 1000, IDS_MAX = 160, ID_LEN = 200 };

/* ---- reading ---- */
struct reading {
    struct sco_waivers *w;
    const char *file;
    int64_t now;
    struct sco_error *err;
};

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static void lower_id(const char *id, char *out, size_t n)
{
    size_t k = 0;
    for (; id && id[k] && k + 1 < n; k++)
        out[k] = lower(id[k]);
    out[k] = 0;
}

/* The id without what only says whose it is, in lower case; cut at n bytes. Before a wildcard the
 * prefix stays: "kics:*" is not every id. */
static void plain_id(const char *id, char *out, size_t n)
{
    struct sco_str s = sco_str_c(id);
    char head[6] = "";
    for (size_t i = 0; i < 5 && i < s.n; i++)
        head[i] = lower(s.p[i]);
    size_t cut = strcmp(head, "kics:") == 0 ? 5 : strncmp(head, "avd-", 4) == 0 ? 4 : 0;
    if (!id[cut] || !strchr("*?[{", id[cut]))
        id += cut;
    lower_id(id, out, n);
}

static const char *keep(struct reading *r, const struct sco_yaml *v)
{
    return sco_arena_cstr(&r->w->arena, v->text);
}

static int take_expiry(struct reading *r, struct sco_waiver *x, const struct sco_yaml *v)
{
    int64_t at = 0;
    if (sco_time_parse(v->text, &at) < 0)
        return sco_yaml_error(r->err, SCO_E_INVALID, r->file, v,
                              "expires: expected a date, as 2027-01-31, got \"%.*s\"",
                              SCO_STR_ARG(v->text));
    bool day = !memchr(v->text.p, ':', v->text.n); /* a date alone: to its end */
    x->expired = r->now >= at + (day ? DAY_MS : 0);
    return 0;
}

static int take_field(struct reading *r, struct sco_waiver *x, const struct sco_yaml *v)
{
    static const char *const names[] = {"policy", "rule",  "resource", "path",
                                        "reason", "owner", "expires"};
    const char **const fields[] = {&x->pattern, &x->pattern, &x->resource, &x->path,
                                   &x->reason,  &x->owner,   &x->expires};
    struct sco_str key = v->key->text;
    size_t i = 0;
    while (i < SCO_ARRAY_LEN(names) && !sco_str_is(key, names[i]))
        i++;
    if (i == SCO_ARRAY_LEN(names)) {
        const char *near = sco_str_nearest(key, names, SCO_ARRAY_LEN(names));
        return sco_yaml_error(r->err, SCO_E_INVALID, r->file, v->key,
                              "a waiver has no field \"%.*s\"%s%s%s", SCO_STR_ARG(key),
                              near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    }
    if (v->kind != SCO_YAML_SCALAR || !sco_str_trim(v->text).n)
        return sco_yaml_error(r->err, SCO_E_INVALID, r->file, v, "%s: expected text, got %s",
                              names[i], sco_yaml_kind_name(v));
    if (*fields[i])
        return sco_yaml_error(r->err, SCO_E_INVALID, r->file, v->key,
                              "a waiver names a policy or a rule, not both");
    *fields[i] = keep(r, v);
    if (!*fields[i])
        return sco_error_nomem(r->err);
    return fields[i] == &x->expires ? take_expiry(r, x, v) : 0;
}

/* Whether a glob matches whatever there is: things that have nothing in common. */
static bool is_everything(const char *glob)
{
    static const char *const texts[] = {"k8s-privileged", "CKV2_X.9", "Pod.default.web",
                                        "aws_x.y[0]", "0"};
    for (size_t i = 0; i < SCO_ARRAY_LEN(texts); i++)
        if (!sco_glob_match(glob, sco_str_c(texts[i])))
            return false;
    return true;
}

/* The same of a path: one star stays within a folder. */
static bool is_every_path(const char *glob)
{
    return is_everything(glob) && sco_glob_match(glob, SCO_STR("deploy/x/y.yaml"));
}

static int take_waiver(struct reading *r, const struct sco_yaml *item)
{
    struct sco_waiver x = {.file = r->file, .line = item->line};
    char id[ID_LEN];
    int e = 0;
    if (item->kind != SCO_YAML_MAP)
        return sco_yaml_error(r->err, SCO_E_INVALID, r->file, item,
                              "a waiver is a map with policy, reason and more, got %s",
                              sco_yaml_kind_name(item));
    for (const struct sco_yaml *v = item->child; v && e == 0; v = v->next)
        e = take_field(r, &x, v);
    if (e < 0)
        return e;
    if (!x.pattern || !x.reason)
        return sco_yaml_error(r->err, SCO_E_INVALID, r->file, item, "a waiver needs %s",
                              x.pattern ? "a reason" : "policy: or rule:, an id, alias or glob");
    if (is_everything(x.pattern) && (!x.resource || is_everything(x.resource)) &&
        (!x.path || is_every_path(x.path)))
        return sco_yaml_error(r->err, SCO_E_INVALID, r->file, item,
                              "this would waive everything: name a policy, a resource or a path");
    plain_id(x.pattern, id, sizeof id);
    if (strlen(id) + 1 >= sizeof id)
        return sco_yaml_error(r->err, SCO_E_LIMIT, r->file, item, "policy: longer than %d bytes",
                              ID_LEN - 1);
    if (SCO_VEC_PUSH(r->w->v, r->w->n, r->w->cap) < 0)
        return sco_error_nomem(r->err);
    r->w->v[r->w->n++] = x;
    return 0;
}

static int take_file(struct reading *r)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    SCO_AUTO(sco_buf) struct sco_buf text = {0};
    const struct sco_yaml *root = NULL;
    int e = sco_fs_read(r->file, FILE_SIZE_MAX, &text, r->err);
    if (e < 0) {
        sco_error_prefix(r->err, "waivers");
        return e;
    }
    e = sco_yaml_parse(sco_buf_str(&text), r->file, 0, &arena, &root, r->err);
    if (e < 0 || !root)
        return e;
    if (root->kind != SCO_YAML_MAP || root->n != 1 ||
        !sco_str_is(root->child->key->text, "waivers"))
        return sco_yaml_error(r->err, SCO_E_INVALID, r->file, root,
                              "expected the key \"waivers\" with a list, and nothing else");
    const struct sco_yaml *list = root->child;
    if (sco_yaml_is_null(list))
        return 0;
    if (list->kind != SCO_YAML_LIST)
        return sco_yaml_error(r->err, SCO_E_INVALID, r->file, list, "waivers: expected a list");
    if (r->w->n + list->n > SCO_WAIVERS_MAX)
        return sco_yaml_error(r->err, SCO_E_LIMIT, r->file, list, "more than %d waivers",
                              SCO_WAIVERS_MAX);
    for (const struct sco_yaml *item = list->child; item && e == 0; item = item->next)
        e = take_waiver(r, item);
    return e;
}

int sco_waivers_load(const char *const *files, int64_t now, struct sco_waivers **ret,
                     struct sco_error *err)
{
    struct sco_waivers *w = sco_alloc(1, sizeof *w);
    int r = w ? 0 : sco_error_nomem(err);
    for (; r == 0 && *files; files++) {
        struct reading reading = {.w = w, .now = now, .err = err};
        reading.file = sco_arena_cstr(&w->arena, sco_str_c(*files));
        r = reading.file ? take_file(&reading) : sco_error_nomem(err);
    }
    if (r < 0) {
        sco_waivers_free(w);
        return r;
    }
    *ret = w;
    return 0;
}

struct sco_waivers *sco_waivers_free(struct sco_waivers *w)
{
    if (w) {
        free(w->v);
        sco_arena_done(&w->arena);
        free(w);
    }
    return NULL;
}

/* ---- matching ---- */
static bool matches_id(const struct sco_waiver *x, const char *const *ids, size_t n)
{
    char pattern[ID_LEN], id[ID_LEN];
    plain_id(x->pattern, pattern, sizeof pattern);
    bool prefixed = strncmp(pattern, "kics:", 5) == 0 || strncmp(pattern, "avd-", 4) == 0;
    for (size_t i = 0; i < n; i++) {
        if (prefixed)
            lower_id(ids[i], id, sizeof id);
        else
            plain_id(ids[i], id, sizeof id);
        if (sco_glob_match(pattern, sco_str_c(id)))
            return true;
    }
    return false;
}

static bool matches_glob(const char *pattern, const char *text)
{
    return !pattern ||
           (text && (strcmp(pattern, text) == 0 || sco_glob_match(pattern, sco_str_c(text))));
}

const struct sco_waiver *sco_waivers_match(struct sco_waivers *w, const char *const *ids, size_t n,
                                           const char *resource, const char *path)
{
    struct sco_waiver *expired = NULL; /* tells of itself only where no other one holds */
    for (size_t i = 0; i < w->n; i++) {
        struct sco_waiver *x = &w->v[i];
        if ((x->expired && expired) || !matches_glob(x->resource, resource) ||
            !matches_glob(x->path, path) || !matches_id(x, ids, n))
            continue;
        if (x->expired) {
            expired = x;
            continue;
        }
        x->matched++;
        return x;
    }
    if (expired)
        expired->matched++;
    return NULL;
}

/* ---- findings ---- */
static size_t ids_of(const struct sco_finding *f, const char **ids)
{
    size_t n = 0;
    ids[n++] = f->rule_id;
    if (f->cve_id)
        ids[n++] = f->cve_id;
    for (uint32_t i = 0; f->tools && i < f->tools->n && n < IDS_MAX; i++)
        if (f->tools->v[i]->rule_id)
            ids[n++] = f->tools->v[i]->rule_id;
    for (uint32_t i = 0; f->aliases && i < f->aliases->n && n < IDS_MAX; i++)
        ids[n++] = f->aliases->v[i];
    return n;
}

static const struct sco_suppresseds *suppression(struct sco_pool *pool, const struct sco_waiver *x)
{
    struct sco_suppresseds *s = sco_pool_alloc(pool, sizeof *s + sizeof s->v[0]);
    if (!s)
        return NULL;
    s->n = 1;
    s->v[0].kind = SCO_SUPPRESS_WAIVER;
    s->v[0].reason = sco_pool_str(pool, sco_str_c(x->reason));
    s->v[0].expires = x->expires ? sco_pool_str(pool, sco_str_c(x->expires)) : NULL;
    return s->v[0].reason ? s : NULL;
}

int sco_waivers_apply(struct sco_waivers *w, struct sco_finding_set *findings, uint64_t *ret,
                      struct sco_error *err)
{
    const char *ids[IDS_MAX + 2];
    uint64_t waived = 0;
    for (size_t i = 0; i < findings->n; i++) {
        struct sco_finding *f = &findings->v[i];
        if (sco_finding_is_suppressed(f))
            continue;
        size_t n = ids_of(f, ids);
        const struct sco_waiver *x = sco_waivers_match(w, ids, n, f->resource, f->file_path);
        if (!x)
            continue;
        f->suppressions = suppression(findings->pool, x);
        if (!f->suppressions)
            return sco_error_nomem(err);
        waived++;
    }
    *ret = waived;
    return 0;
}
