/* The job message of the engine, read into a struct. What is missing or of another type is an
 * error, not a default: both sides are of one build. */
#include "host_priv.h"

enum { LIST_MAX = 2000000 };

struct reader {
    const struct sco_node *root;
    struct sco_arena *arena;
    struct sco_error *err;
    int failed; /* the first error */
};

static void fail(struct reader *r, const char *key, const char *expected)
{
    if (!r->failed)
        r->failed = sco_error_set(r->err, SCO_E_FORMAT, "job: \"%s\": expected %s", key, expected);
}

static const struct sco_node *get(const struct reader *r, const char *key)
{
    const struct sco_node *v = sco_path(r->root, key);
    return v && v->type != SCO_NODE_NULL ? v : NULL;
}

static const char *text(struct reader *r, const char *key)
{
    const struct sco_node *v = get(r, key);
    if (v && v->type != SCO_NODE_STR)
        fail(r, key, "text");
    if (!v || v->type != SCO_NODE_STR)
        return NULL;
    const char *z = sco_arena_cstr(r->arena, v->text);
    if (!z && !r->failed)
        r->failed = sco_error_nomem(r->err);
    return z;
}

static int64_t number(struct reader *r, const char *key)
{
    const struct sco_node *v = get(r, key);
    if (v && (v->type != SCO_NODE_INT || v->i < 0))
        fail(r, key, "a number of 0 or more");
    return v && v->type == SCO_NODE_INT && v->i > 0 ? v->i : 0;
}

static bool boolean(struct reader *r, const char *key, bool def)
{
    const struct sco_node *v = get(r, key);
    if (v && v->type != SCO_NODE_BOOL)
        fail(r, key, "true or false");
    return v ? v->i != 0 : def;
}

/* NULL when absent. With `pairs`, a map gives "key=value". */
static const char *const *list(struct reader *r, const char *key, bool pairs)
{
    const struct sco_node *v = get(r, key);
    if (v && (v->type != (pairs ? SCO_NODE_MAP : SCO_NODE_LIST) || v->n > LIST_MAX)) {
        fail(r, key, pairs ? "a map" : "a list");
        return NULL;
    }
    const char **out = v ? sco_arena_alloc(r->arena, (v->n + 1u) * sizeof *out) : NULL;
    size_t n = 0;
    for (const struct sco_node *c = out ? v->child : NULL; c; c = c->next) {
        if (c->type != SCO_NODE_STR)
            fail(r, key, "texts");
        else if (pairs)
            out[n++] =
                sco_arena_fmt(r->arena, "%.*s=%.*s", SCO_STR_ARG(c->key), SCO_STR_ARG(c->text));
        else
            out[n++] = sco_arena_cstr(r->arena, c->text);
        if (n && !out[n - 1])
            r->failed = sco_error_nomem(r->err);
    }
    if (v && !out)
        r->failed = sco_error_nomem(r->err);
    return out;
}

static const char *const *list_or_empty(struct reader *r, const char *key, bool pairs)
{
    static const char *const none[] = {NULL};
    const char *const *v = list(r, key, pairs);
    return v ? v : none;
}

/* One for each plugin. A list with holes, so not NULL-terminated. */
static void read_descriptors(struct reader *r, struct sco_worker_job *j)
{
    const struct sco_node *v = get(r, "descriptors");
    size_t n = 0, i = 0;
    while (j->plugins[n])
        n++;
    if (!v)
        return;
    if (v->type != SCO_NODE_LIST || v->n != n) {
        fail(r, "descriptors", "one for each plugin");
        return;
    }
    const char **out = sco_arena_alloc(r->arena, (n + 1) * sizeof *out);
    for (const struct sco_node *c = v->child; c && out; c = c->next, i++) {
        if (c->type == SCO_NODE_NULL)
            continue;
        if (c->type != SCO_NODE_STR)
            fail(r, "descriptors", "texts");
        else if (!(out[i] = sco_arena_cstr(r->arena, c->text)))
            r->failed = sco_error_nomem(r->err);
    }
    if (!out)
        r->failed = sco_error_nomem(r->err);
    j->descriptors = out;
}

static void read_kind(struct reader *r, struct sco_worker_job *j)
{
    static const char *const names[] = {"scan", "import", "describe", "version", "ci"};
    struct sco_str kind = sco_text_at(r->root, "kind");
    for (size_t i = 0; i < SCO_ARRAY_LEN(names); i++) {
        if (sco_str_is(kind, names[i])) {
            j->kind = (enum sco_job_kind)i;
            return;
        }
    }
    fail(r, "kind", "scan, import, describe, version or ci");
}

static void read_target(struct reader *r, struct sco_worker_job *j)
{
    j->target_kind = sco_target_bits(sco_path(r->root, "target.kind"));
    if (!sco_target_name(j->target_kind))
        fail(r, "target.kind", "directory, git, image, sbom, url, plan or file");
    j->target = text(r, "target.path");
    if (!j->target)
        fail(r, "target.path", "text");
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void read_digest_key(struct reader *r, struct sco_worker_job *j)
{
    struct sco_str hex = sco_str_c(text(r, "digest_key"));
    char *key = sco_arena_alloc(r->arena, hex.n / 2 + 1);
    if (!key) {
        r->failed = sco_error_nomem(r->err);
        return;
    }
    for (size_t i = 0; i + 1 < hex.n; i += 2) {
        int high = hex_digit(hex.p[i]), low = hex_digit(hex.p[i + 1]);
        if (high < 0 || low < 0) {
            fail(r, "digest_key", "lower-case hexadecimal digits");
            return;
        }
        key[i / 2] = (char)(high << 4 | low);
    }
    j->digest_key = sco_str_make(key, hex.n / 2);
}

static void read_rest(struct reader *r, struct sco_worker_job *j)
{
    j->options = get(r, "options");
    j->input = text(r, "input");
    j->root = text(r, "root");
    j->format = text(r, "format");
    j->work_dir = text(r, "work_dir");
    j->cache_dir = text(r, "cache_dir");
    j->program = text(r, "program");
    j->version = text(r, "version");
    j->request = text(r, "request");
    j->plugins = list_or_empty(r, "plugins", false);
    read_descriptors(r, j);
    j->excludes = list_or_empty(r, "excludes", false);
    j->files = list(r, "files", false);
    j->write = list_or_empty(r, "sandbox.write", false);
    j->env = list_or_empty(r, "env", true);
    j->offline = boolean(r, "offline", false);
    j->landlock = boolean(r, "sandbox.landlock", true);
    j->seccomp = boolean(r, "sandbox.seccomp", true);
    int64_t cpus = number(r, "cpus");
    j->cpus = cpus < 1 ? 1 : cpus > 4096 ? 4096 : (uint32_t)cpus;
    j->timeout_ms = number(r, "timeout_ms");
    j->max_findings = (uint64_t)number(r, "limits.findings");
    j->max_output = (uint64_t)number(r, "limits.output");
    j->max_memory = (uint64_t)number(r, "limits.memory");
    int64_t failures = number(r, "http.break_after");
    j->break_after = failures > 1000000 ? 1000000 : (uint32_t)failures;
    j->break_ms = number(r, "http.break_ms");
}

int sco_worker_job_parse(struct sco_str json, struct sco_arena *arena, struct sco_worker_job *ret,
                         struct sco_error *err)
{
    struct reader r = {.arena = arena, .err = err};
    struct sco_worker_job j = {0};
    int e = sco_json_parse(json, arena, &r.root, err);
    if (e < 0)
        return e;
    read_kind(&r, &j);
    read_rest(&r, &j);
    read_digest_key(&r, &j);
    if (j.kind == SCO_JOB_SCAN)
        read_target(&r, &j);
    if (j.kind == SCO_JOB_IMPORT && !j.input)
        fail(&r, "input", "text");
    if (j.kind != SCO_JOB_DESCRIBE && !r.failed && !j.plugins[0])
        fail(&r, "plugins", "one at least");
    if (r.failed)
        return r.failed;
    *ret = j;
    return 0;
}
