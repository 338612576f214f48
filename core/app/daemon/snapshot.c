/* One state of the configuration, immutable once it is loaded. Threads hold what they work with;
 * a reload puts another one in its place. */
#include "daemon_priv.h"

#include <secureops/fs.h>
#include <secureops/json.h>
#include <stdlib.h>
#include <unistd.h>

#define DEFAULT_FILE "/etc/secureops/secureopsd.yaml"

extern char **environ;

static int take_sets(struct snapshot *s, struct sco_config_input *in, const struct daemon_args *a,
                     struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b};
    sco_json_begin(&o, '[');
    for (const char *const *p = a->sets; p && *p; p++) {
        const char *eq = strchr(*p, '=');
        if (!eq || eq == *p)
            return sco_error_set(err, SCO_E_INVALID, "--set wants NAME=VALUE, not \"%s\"", *p);
        const char *name = sco_arena_cstr(&s->arena, sco_str_make(*p, (size_t)(eq - *p)));
        int r = name ? sco_config_set(in, name, eq + 1, "--set", err) : sco_error_nomem(err);
        if (r < 0)
            return r;
        sco_json_str(&o, sco_str_c(*p));
    }
    sco_json_end(&o, ']');
    s->sets = sco_arena_str(&s->arena, sco_buf_str(&b));
    return b.failed || !s->sets.p ? sco_error_nomem(err) : 0;
}

/* "zap=1" */
static int take_limits(struct snapshot *s, struct sco_error *err)
{
    struct sco_str_list l = s->config->queue.scanner_limits;
    struct sco_job_limit *v = sco_arena_alloc(&s->arena, (l.n + 1) * sizeof *v);
    if (!v)
        return sco_error_nomem(err);
    for (size_t i = 0; i < l.n; i++) {
        const char *eq = memchr(l.v[i].p, '=', l.v[i].n);
        int64_t n;
        size_t len = eq ? (size_t)(eq - l.v[i].p) : 0;
        if (!len || sco_parse_i64(sco_str_make(eq + 1, l.v[i].n - len - 1), 1, 1000, &n) < 0)
            return sco_error_set(err, SCO_E_INVALID,
                                 "queue.scanner_limits: \"%s\" is not SCANNER=N with N from 1 on",
                                 l.v[i].p);
        v[i] = (struct sco_job_limit){
            .scanner = sco_arena_cstr(&s->arena, sco_str_make(l.v[i].p, len)), .max = (uint32_t)n};
        if (!v[i].scanner)
            return sco_error_nomem(err);
    }
    s->limits = v;
    s->n_limits = l.n;
    return 0;
}

static int check_values(const struct sco_config *c, struct sco_error *err)
{
    if (!c->server.tls_cert.n != !c->server.tls_key.n)
        return sco_error_set(err, SCO_E_INVALID,
                             "server.tls_cert and server.tls_key belong together");
    if (c->store.path.n && c->store.url.n)
        return sco_error_set(err, SCO_E_INVALID,
                             "store.path and store.url are both set: a store is one of them");
    if (c->queue.lease < 3 * c->queue.poll)
        return sco_error_set(err, SCO_E_INVALID,
                             "queue.lease must be at least three times queue.poll, or a node loses "
                             "its jobs while it is well");
    if (c->checkout.token.n && !c->checkout.hosts.n)
        return sco_error_set(err, SCO_E_INVALID,
                             "checkout.token wants checkout.hosts: else it is sent to any host "
                             "that a request names");
    if (c->smtp.url.n && !c->smtp.from.n)
        return sco_error_set(err, SCO_E_INVALID, "smtp.url wants smtp.from");
    return 0;
}

int snapshot_load(const struct daemon_args *a, struct snapshot **ret, struct sco_error *err)
{
    struct sco_config_input in = {.env = (const char *const *)environ,
                                  .no_user_file = true,
                                  .no_local_file = true,
                                  .file = a->config};
    struct snapshot *s = sco_alloc(1, sizeof *s);
    if (!s)
        return sco_error_nomem(err);
    s->refs = 1;
    if (!in.file && access(DEFAULT_FILE, F_OK) == 0)
        in.file = DEFAULT_FILE;
    const char *file = in.file; /* `in` is empty when it is done */
    int r = take_sets(s, &in, a, err);
    if (r == 0)
        r = sco_config_load(&in, &s->config, err);
    sco_config_input_done(&in);
    if (r == 0)
        r = take_limits(s, err);
    if (r == 0)
        r = check_values(s->config, err);
    if (r == 0 && file) { /* runners start in another folder */
        SCO_AUTO(sco_free) char *real = sco_fs_realpath(file, err);
        s->file = real ? sco_arena_cstr(&s->arena, sco_str_c(real)) : NULL;
        r = s->file ? 0 : SCO_E_IO;
    }
    if (r < 0) {
        snapshot_unref(s);
        return r;
    }
    *ret = s;
    return 0;
}

struct snapshot *snapshot_ref(struct snapshot *s)
{
    __atomic_add_fetch(&s->refs, 1, __ATOMIC_RELAXED);
    return s;
}

struct snapshot *snapshot_unref(struct snapshot *s)
{
    if (s && __atomic_sub_fetch(&s->refs, 1, __ATOMIC_ACQ_REL) == 0) {
        sco_config_free(s->config);
        sco_arena_done(&s->arena);
        free(s);
    }
    return NULL;
}

const char *const *snapshot_list(struct sco_arena *a, struct sco_str_list l)
{
    const char **v = sco_arena_alloc(a, (l.n + 1) * sizeof *v);
    for (size_t i = 0; v && i < l.n; i++)
        v[i] = l.v[i].p;
    return v;
}

static bool same(struct sco_str a, struct sco_str b)
{
    return a.n == b.n && (!a.n || memcmp(a.p, b.p, a.n) == 0);
}

static bool same_list(struct sco_str_list a, struct sco_str_list b)
{
    size_t i = 0;
    while (i < a.n && i < b.n && same(a.v[i], b.v[i]))
        i++;
    return a.n == b.n && i == a.n;
}

void snapshot_differences(const struct snapshot *old, const struct snapshot *new,
                          struct sco_buf *out)
{
    const struct sco_config *a = old->config, *b = new->config;
    const struct {
        const char *name;
        bool differs;
    } v[] = {
        {"server.listen", !same(a->server.listen, b->server.listen)},
        {"server.data", !same(a->server.data, b->server.data)},
        {"server.node", !same(a->server.node, b->server.node)},
        {"server.public_url", !same(a->server.public_url, b->server.public_url)},
        {"server.threads", a->server.threads != b->server.threads},
        {"store.path", !same(a->store.path, b->store.path)},
        {"store.url", !same(a->store.url, b->store.url)},
        {"store.wait", a->store.wait != b->store.wait},
        {"auth.key", !same(a->auth.key, b->auth.key)},
        {"auth.old_key", !same(a->auth.old_key, b->auth.old_key)},
        {"events.brokers", !same(a->events.brokers, b->events.brokers)},
        {"events.jsonl", !same(a->events.jsonl, b->events.jsonl)},
        {"events.group", !same(a->events.group, b->events.group)},
        {"telemetry.otlp_endpoint", !same(a->telemetry.otlp_endpoint, b->telemetry.otlp_endpoint)},
        {"queue.lease", a->queue.lease != b->queue.lease},
        {"queue.poll", a->queue.poll != b->queue.poll},
        {"queue.target_max", a->queue.target_max != b->queue.target_max},
        {"queue.timeout", a->queue.timeout != b->queue.timeout},
        {"queue.backoff", a->queue.backoff != b->queue.backoff},
        {"queue.backoff_max", a->queue.backoff_max != b->queue.backoff_max},
        {"queue.node_wait", a->queue.node_wait != b->queue.node_wait},
        {"queue.ageing", a->queue.ageing != b->queue.ageing},
        {"queue.scanner_limits", !same_list(a->queue.scanner_limits, b->queue.scanner_limits)},
    };
    for (size_t i = 0; i < SCO_ARRAY_LEN(v); i++)
        if (v[i].differs)
            sco_buf_addf(out, "%s%s", out->n ? ", " : "", v[i].name);
}
