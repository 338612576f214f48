/* secureops integration list | verify NAME FILE | translate NAME FILE | run NAME OPERATION: an
 * integration tried by hand, without the daemon. */
#include "context_ci.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <unistd.h>

enum { FILE_MAX = 48 << 20, HEADERS_MAX = 200, RUN_MS = 120000 };

struct tried {
    struct sco_integration with;
    const char *library, *work_dir, *cache_dir;
    struct sco_str file; /* the delivery's body */
    struct event_base *base;
    struct sco_ci_answer answer;
    struct sco_arena *arena;
    bool answered;
};

/* ---- list ---- */
static void list_json(const struct sco_integration *v, size_t n)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b, .pretty = true};
    sco_json_begin(&o, '{');
    sco_json_key(&o, "integrations");
    sco_json_begin(&o, '[');
    for (size_t i = 0; i < n; i++) {
        sco_json_begin(&o, '{');
        sco_json_kz(&o, "name", v[i].name);
        sco_json_kz(&o, "plugin", v[i].plugin);
        sco_json_kz(&o, "platform", v[i].platform);
        sco_json_kbool(&o, "enabled", v[i].enabled);
        sco_json_key(&o, "repositories");
        sco_json_begin(&o, '[');
        for (const char *const *r = v[i].repositories; r && *r; r++)
            sco_json_str(&o, sco_str_c(*r));
        sco_json_end(&o, ']');
        sco_json_ki64(&o, "poll_ms", v[i].poll_ms);
        sco_json_end(&o, '}');
    }
    sco_json_end(&o, ']');
    sco_json_end(&o, '}');
    printf("%s\n", sco_buf_z(&b));
}

static void list_table(const struct sco_integration *v, size_t n)
{
    printf("%-20s %-14s %-8s %-10s %s\n", "INTEGRATION", "PLUGIN", "ENABLED", "POLL",
           "REPOSITORIES");
    for (size_t i = 0; i < n; i++) {
        SCO_AUTO(sco_buf) struct sco_buf poll = {0}, repositories = {0};
        for (const char *const *r = v[i].repositories; r && *r; r++)
            sco_buf_addf(&repositories, "%s%s", repositories.n ? " " : "", *r);
        if (v[i].poll_ms)
            sco_buf_add_duration(&poll, v[i].poll_ms);
        printf("%-20s %-14s %-8s %-10s %s\n", v[i].name, v[i].plugin, v[i].enabled ? "yes" : "no",
               poll.n ? sco_buf_z(&poll) : "never",
               repositories.n ? sco_buf_z(&repositories) : "all");
    }
    if (!n)
        printf("the configuration has no integrations (docs/configuration.md)\n");
}

/* ---- deliveries ---- */
static void add_header(struct sco_str line, struct sco_arena *a, struct sco_pair *v, size_t *n)
{
    struct sco_str name;
    line = sco_str_trim(line);
    if (*n == HEADERS_MAX || sco_str_starts(line, "HTTP/") ||
        !memchr(line.p ? line.p : "", ':', line.n) || !sco_str_split(&line, ':', &name))
        return;
    char *key = sco_arena_cstr(a, sco_str_trim(name));
    for (char *p = key; p && *p; p++)
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p + 32);
    if (key)
        v[(*n)++] = (struct sco_pair){sco_str_c(key), sco_str_trim(line)};
}

/* Lines "Name: value", as curl --dump-header writes them. */
static int read_headers(struct cli *c, struct sco_pair *v, size_t *ret_n, struct sco_error *err)
{
    struct sco_buf text = {0};
    struct sco_str rest, line;
    const char *path = c->values[ARG_HEADERS];
    int r = path ? sco_fs_read(path, 1 << 20, &text, err) : 0;
    if (r < 0)
        return r;
    rest = sco_arena_str(&c->arena, sco_buf_str(&text));
    sco_buf_done(&text);
    while (rest.n && sco_str_split(&rest, '\n', &line))
        if (line.n)
            add_header(line, &c->arena, v, ret_n);
    return 0;
}

static const char *library_of(void *user, const char *plugin)
{
    (void)plugin;
    return ((const struct tried *)user)->library;
}

/* Out of the pool's memory. */
static void on_answer(void *user, const struct sco_ci_answer *a)
{
    struct tried *t = user;
    struct sco_ci_answer *x = &t->answer;
    *x = (struct sco_ci_answer){.code = a->code, .ignored = a->ignored};
    x->reason = a->reason ? sco_arena_cstr(t->arena, sco_str_c(a->reason)) : NULL;
    x->delivery_id = a->delivery_id ? sco_arena_cstr(t->arena, sco_str_c(a->delivery_id)) : NULL;
    x->native_event = a->native_event ? sco_arena_cstr(t->arena, sco_str_c(a->native_event)) : NULL;
    x->events = sco_arena_alloc(t->arena, (a->n_events + 1) * sizeof *x->events);
    for (size_t i = 0; x->events && i < a->n_events; i++)
        x->events[x->n_events++] = sco_arena_str(t->arena, a->events[i]);
    t->answered = true;
    event_base_loopbreak(t->base);
}

static int deliver(struct cli *c, struct tried *t, bool translate, struct sco_error *err)
{
    struct sco_pair headers[HEADERS_MAX];
    struct sco_ci_delivery d = {.integration = t->with.name,
                                .headers = headers,
                                .body = t->file,
                                .path = sco_str_c(c->values[ARG_PATH]),
                                .query = sco_str_c(c->values[ARG_QUERY]),
                                .received_ms = sco_now_ms()};
    struct sco_ci_pool_options o = {.base = t->base,
                                    .worker = c->worker,
                                    .work_dir = t->work_dir,
                                    .library = library_of,
                                    .user = t};
    struct sco_ci_pool *pool = NULL;
    int r = read_headers(c, headers, &d.n_headers, err);
    if (r == 0 && args_has(c, ARG_RECEIVED) &&
        sco_time_parse(sco_str_c(c->values[ARG_RECEIVED]), &d.received_ms) < 0)
        r = sco_error_set(err, SCO_E_INVALID, "--received wants a time as 2026-11-20T09:31:07Z");
    if (r == 0)
        r = sco_ci_pool_new(&o, &pool, err);
    if (r == 0)
        r = sco_ci_pool_set(pool, &t->with, 1, err);
    if (r == 0)
        r = (translate ? sco_ci_translate : sco_ci_verify)(pool, &d, on_answer, t, err);
    while (r == 0 && !t->answered)
        event_base_loop(t->base, EVLOOP_ONCE);
    sco_ci_pool_free(pool);
    return r;
}

static int print_json(struct sco_str json)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b, .pretty = true};
    const struct sco_node *v = NULL;
    int r = sco_json_parse(json, &arena, &v, NULL);
    if (r < 0)
        return r;
    sco_json_node(&o, v);
    printf("%s\n", sco_buf_z(&b));
    return b.failed ? SCO_E_NOMEM : 0;
}

static int tell_verified(const struct tried *t)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b, .pretty = true};
    sco_json_begin(&o, '{');
    sco_json_kz(&o, "delivery_id", t->answer.delivery_id);
    sco_json_kz(&o, "native_event", t->answer.native_event);
    sco_json_kbool(&o, "ignored", t->answer.ignored);
    sco_json_end(&o, '}');
    printf("%s\n", sco_buf_z(&b));
    return EXIT_PASSED;
}

static int tell_translated(const struct tried *t, struct sco_error *err)
{
    int status = EXIT_PASSED;
    for (size_t i = 0; i < t->answer.n_events; i++) {
        struct sco_ci_event e;
        int r = sco_ci_event_parse(t->answer.events[i], t->with.name, t->arena, &e, err);
        if (print_json(t->answer.events[i]) < 0 || r < 0) {
            context_fail(err);
            status = EXIT_GATE;
        }
    }
    return status;
}

static int try_delivery(struct cli *c, struct tried *t, bool translate)
{
    struct sco_error err = {0};
    SCO_AUTO(sco_buf) struct sco_buf body = {0};
    int r = sco_fs_read(c->operands[2], FILE_MAX, &body, &err);
    t->file = sco_buf_str(&body);
    t->base = event_base_new();
    if (r == 0 && !t->base)
        r = sco_error_nomem(&err);
    if (r == 0)
        r = deliver(c, t, translate, &err);
    if (t->base)
        event_base_free(t->base);
    if (r < 0)
        return context_fail(&err);
    if (t->answer.code < 0) {
        fprintf(stderr, "secureops: %s: %s\n", t->with.name,
                t->answer.reason ? t->answer.reason : sco_error_name(t->answer.code));
        return EXIT_GATE;
    }
    return translate ? tell_translated(t, &err) : tell_verified(t);
}

/* ---- operations ---- */
static void on_log(void *user, uint32_t level, struct sco_str text)
{
    (void)user;
    if (level <= SCO_LOG_INFO)
        fprintf(stderr, "secureops: %.*s\n", SCO_STR_ARG(text));
}

/* JSON, @FILE, or - for standard input; an object, with dry_run when that was asked for. */
static int read_request(struct cli *c, struct sco_buf *ret, struct sco_error *err)
{
    const char *given = c->values[ARG_REQUEST] ? c->values[ARG_REQUEST] : "{}";
    SCO_AUTO(sco_buf) struct sco_buf text = {0};
    const struct sco_node *v = NULL;
    struct sco_json_out o = {.b = ret};
    int r = 0;
    if (strcmp(given, "-") == 0)
        r = sco_fs_read_fd(STDIN_FILENO, "standard input", FILE_MAX, &text, err);
    else if (given[0] == '@')
        r = sco_fs_read(given + 1, FILE_MAX, &text, err);
    else
        sco_buf_addz(&text, given);
    if (r == 0)
        r = sco_json_parse(sco_buf_str(&text), &c->arena, &v, err);
    if (r == 0 && v->type != SCO_NODE_MAP)
        r = sco_error_set(err, SCO_E_INVALID, "--request wants a JSON object");
    if (r < 0)
        return r;
    bool dry = args_has(c, ARG_DRY_RUN);
    sco_json_begin(&o, '{');
    for (const struct sco_node *m = v->child; m; m = m->next) {
        if (dry && sco_str_is(m->key, "dry_run"))
            continue;
        sco_json_key(&o, sco_arena_cstr(&c->arena, m->key));
        sco_json_node(&o, m);
    }
    if (dry)
        sco_json_kbool(&o, "dry_run", true);
    sco_json_end(&o, '}');
    return sco_buf_check(ret, err);
}

static int tell_done(const struct tried *t, const struct sco_ci_answer *a)
{
    for (size_t i = 0; i < a->n_events; i++)
        if (print_json(a->events[i]) < 0)
            return EXIT_INTERNAL;
    if (a->result.n && print_json(a->result) < 0)
        return EXIT_INTERNAL;
    if (a->code == 0)
        return EXIT_PASSED;
    fprintf(stderr, "secureops: %s: %s\n", t->with.name,
            a->reason ? a->reason : sco_error_name(a->code));
    if (a->code == SCO_CI_LATER)
        fprintf(stderr, "secureops: not before %lld s from now\n",
                (long long)((a->retry_ms + 999) / 1000));
    return a->code == SCO_CI_DEGRADED ? EXIT_PASSED : EXIT_INCOMPLETE;
}

/* Piece by piece: it may be large. */
static int copy_file(const char *from, const char *to, struct sco_error *err)
{
    char part[65536];
    SCO_AUTO(sco_fd) int in = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (in < 0)
        return sco_error_errno(err, errno, "cannot open %s", from);
    SCO_AUTO(sco_fd) int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (out < 0)
        return sco_error_errno(err, errno, "cannot make %s", to);
    for (;;) {
        ssize_t n = read(in, part, sizeof part);
        if (n < 0 && errno == EINTR)
            continue;
        int r = n > 0 ? sco_fs_write_all(out, sco_str_make(part, (size_t)n)) : 0;
        if (n <= 0 || r < 0) {
            if (n == 0)
                return 0;
            r = sco_error_errno(err, n < 0 ? errno : -r, "cannot copy to %s", to);
            unlink(to);
            return r;
        }
    }
}

/* The file that the result names goes to --output; what is told, success or not, is one object. */
static int keep_file(struct cli *c, const struct tried *t, struct sco_ci_answer *a)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b};
    struct sco_error err = {0};
    const struct sco_node *v = NULL;
    size_t dir = strlen(t->work_dir);
    int r = a->result.n ? sco_json_parse(a->result, &c->arena, &v, &err) : 0;
    struct sco_str path = sco_text(sco_get(v, "path"));
    const char *from = path.n ? sco_arena_cstr(&c->arena, path) : NULL;
    if (r == 0 && a->code == 0 &&
        (!from || strncmp(from, t->work_dir, dir) != 0 || from[dir] != '/' || strstr(from, "/../")))
        r = sco_error_set(&err, SCO_E_FORMAT, "the operation has no file");
    if (r == 0 && a->code == 0)
        r = copy_file(from, c->values[ARG_OUTPUT], &err);
    if (a->code != 0)
        sco_error_set(&err, a->code < 0 ? a->code : SCO_E_NETWORK, "%s",
                      a->reason ? a->reason : "");
    bool good = r == 0 && a->code == 0;
    sco_json_begin(&o, '{');
    sco_json_kstr(&o, "name", sco_text(sco_get(v, "name")));
    sco_json_kstr(&o, "media_type", sco_text(sco_get(v, "media_type")));
    sco_json_kz(&o, "error", good ? NULL : sco_error_name(r < 0 ? r : err.code));
    sco_json_kz(&o, "reason", good ? NULL : err.text);
    sco_json_end(&o, '}');
    printf("%s\n", sco_buf_z(&b));
    return good ? EXIT_PASSED : EXIT_INCOMPLETE;
}

static int try_operation(struct cli *c, struct tried *t)
{
    struct sco_error err = {0};
    struct sco_ci_answer a = {0};
    SCO_AUTO(sco_buf) struct sco_buf request = {0};
    int64_t timeout = RUN_MS;
    int r = read_request(c, &request, &err);
    if (r == 0 && args_has(c, ARG_TIMEOUT) &&
        sco_parse_duration(sco_str_c(c->values[ARG_TIMEOUT]), &timeout) < 0)
        r = sco_error_set(&err, SCO_E_INVALID, "--timeout wants a duration as 90s or 15m");
    struct sco_ci_run q = {.worker = c->worker,
                           .library = t->library,
                           .cache_dir = t->cache_dir,
                           .work_dir = t->work_dir,
                           .options = t->with.options,
                           .op = c->operands[2],
                           .request = sco_buf_str(&request),
                           .timeout_ms = timeout,
                           .cancel_fd = -1,
                           .break_after = t->with.break_after,
                           .break_ms = t->with.break_ms,
                           .offline = c->config->scan.offline != 0,
                           .no_sandbox = !c->config->scan.sandbox,
                           .log = on_log};
    if (r == 0)
        r = sco_ci_run(&q, &c->arena, &a, &err);
    if (r == 0 && args_has(c, ARG_OUTPUT))
        return keep_file(c, t, &a);
    return r < 0 ? context_fail(&err) : tell_done(t, &a);
}

/* ---- all ---- */
static int find(struct cli *c, const char *name, struct tried *t, struct sco_error *err)
{
    const struct sco_plugins *p = NULL;
    struct sco_integration *v;
    const char *names[256];
    size_t n, k = 0;
    int r = context_plugins(c, &p, err);
    if (r == 0)
        r = context_integrations(c, p, true, &v, &n, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < n; i++) {
        if (k < SCO_ARRAY_LEN(names))
            names[k++] = v[i].name;
        if (strcmp(v[i].name, name) == 0)
            t->with = v[i];
    }
    const char *near = sco_str_nearest(sco_str_c(name), names, k);
    if (!t->with.name)
        return sco_error_set(err, SCO_E_NOT_FOUND, "there is no integration \"%.100s\"%s%s%s", name,
                             near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
    if (!t->with.enabled)
        return sco_error_set(err, SCO_E_INVALID, "the integration %s is switched off (enabled)",
                             name);
    t->library =
        sco_arena_cstr(&c->arena, sco_str_c(context_ci_plugin(p, t->with.plugin)->library));
    t->cache_dir = sco_arena_fmt(&c->arena, "%s/ci/%s", c->cache_dir, t->with.name);
    context_close_engine(c); /* an interrupt ends the program from here on */
    return t->library && t->cache_dir ? 0 : sco_error_nomem(err);
}

static int list(struct cli *c)
{
    struct sco_error err = {0};
    const struct sco_plugins *p = NULL;
    struct sco_integration *v;
    size_t n;
    bool json = false;
    int r = args_want_json(c, &json, &err);
    if (r == 0)
        r = context_plugins(c, &p, &err);
    if (r == 0)
        r = context_integrations(c, p, false, &v, &n, &err);
    if (r < 0)
        return context_fail(&err);
    if (json)
        list_json(v, n);
    else
        list_table(v, n);
    return EXIT_PASSED;
}

int cmd_integration(struct cli *c)
{
    const char *what = c->n_operands ? c->operands[0] : "";
    struct sco_error err = {0};
    struct tried t = {.arena = &c->arena};
    char *work = NULL;
    bool translate = strcmp(what, "translate") == 0, run = strcmp(what, "run") == 0;
    if (strcmp(what, "list") == 0 && c->n_operands == 1)
        return list(c);
    if ((!translate && !run && strcmp(what, "verify") != 0) || c->n_operands != 3) {
        sco_error_set(&err, SCO_E_INVALID,
                      "usage: secureops integration list | verify NAME FILE | translate NAME FILE "
                      "| run NAME OPERATION");
        return context_fail(&err);
    }
    int r = find(c, c->operands[1], &t, &err);
    if (r == 0)
        r = sco_fs_mkdtemp(NULL, "secureops-ci", &work, &err);
    if (r < 0)
        return context_fail(&err);
    t.work_dir = work;
    int status = run ? try_operation(c, &t) : try_delivery(c, &t, translate);
    sco_fs_remove_tree(work);
    free(work);
    return status;
}
