#include "content.h"

#include <secureops/fs.h>

struct api_call next;
static char *text;
static struct sco_arena request;
static struct api_exchange exchange, next_exchange;

const struct sco_store_ops *sco_store_sqlite(void);

/* ---- `secureops` ---- */
static int run(void *user, const char *dir, const char *const *argv, struct sco_buf *out,
               int *ret_status, struct sco_error *err)
{
    struct content *t = user;
    (void)err;
    t->run_args[0] = 0;
    snprintf(t->run_dir, sizeof t->run_dir, "%s", dir ? dir : "");
    for (size_t i = 0; argv[i]; i++) {
        size_t n = strlen(t->run_args);
        snprintf(t->run_args + n, sizeof t->run_args - n, "%s ", argv[i]);
    }
    if (dir) {
        SCO_AUTO(sco_buf) struct sco_buf path = {0}, content = {0};
        sco_buf_addf(&path, "%s/sub/Dockerfile", dir);
        assert_int_equal(sco_fs_read(sco_buf_z(&path), 500, &content, &t->err), 0);
        snprintf(t->run_saw, sizeof t->run_saw, "%s", sco_buf_z(&content));
    }
    if (t->run_output)
        sco_buf_addz(out, t->run_output);
    *ret_status = t->list_status && strcmp(argv[1], "list") == 0 ? t->list_status : t->run_status;
    return 0;
}

/* ---- before and after ---- */
int content_set_up(void **state)
{
    static const char *folders[2];
    struct content *t = calloc(1, sizeof *t);
    void *w = NULL;
    assert_int_equal(world_set_up(&w), 0);
    t->w = w;
    snprintf(t->folder, sizeof t->folder, "%s/code", t->w->dir);
    assert_int_equal(sco_fs_mkdirs(t->folder, 0700, &t->err), 0);
    folders[0] = t->folder;
    t->o = (struct sco_api_options){.spool = t->w->dir,
                                    .data = t->w->dir,
                                    .node = "node-1",
                                    .checkout_folders = folders,
                                    .run = run,
                                    .user = t};
    t->api.o = &t->o;
    *state = t;
    next = (struct api_call){0};
    return 0;
}

static void forget(struct content *t)
{
    if (t->c.reply_fd > 0)
        close(t->c.reply_fd);
    sco_buf_done(&t->c.reply);
    sco_arena_done(&t->c.arena);
    memset(&t->c, 0, sizeof t->c);
    free(text);
    text = NULL;
}

int content_tear_down(void **state)
{
    struct content *t = *state;
    void *w = t->w;
    forget(t);
    sco_arena_done(&request);
    sco_arena_done(&exchange.call.arena);
    world_tear_down(&w);
    free(t);
    return 0;
}

/* ---- a request ---- */
void send_header(const char *name, const char *value)
{
    next_exchange.head.headers[next_exchange.head.n_headers++] =
        (struct http_header){sco_str_c(name), sco_str_c(value)};
}

static bool match(struct api_call *c, const char *route, struct sco_str path)
{
    struct sco_str rest = sco_str_c(route), a, b;
    size_t n = 0;
    while (sco_str_split(&rest, '/', &a)) {
        if (!sco_str_split(&path, '/', &b))
            return false;
        if (a.n && a.p[0] == '{')
            c->params[n++] = sco_arena_cstr(&request, b);
        else if (!sco_str_eq(a, b))
            return false;
    }
    return !path.p;
}

static const struct api_route *find(struct api_call *c, const char *method, struct sco_str path)
{
    const struct api_route *const tables[] = {api_routes_scans,     api_routes_findings,
                                              api_routes_policies,  api_routes_accounts,
                                              api_routes_schedules, api_routes_pipelines};
    for (size_t i = 0; i < SCO_ARRAY_LEN(tables); i++)
        for (const struct api_route *r = tables[i]; r->method; r++)
            if (strcmp(r->method, method) == 0 && match(c, r->path, path))
                return r;
    fail_msg("no route %s %.*s", method, SCO_STR_ARG(path));
    return NULL;
}

static void take_query(struct api_call *c, struct sco_str rest)
{
    struct sco_str pair, name;
    while (rest.n && sco_str_split(&rest, '&', &pair)) {
        sco_str_split(&pair, '=', &name);
        c->query[c->n_query++] =
            (struct api_pair){sco_arena_cstr(&request, name), sco_arena_cstr(&request, pair)};
    }
}

int content_ask(struct content *t, const char *method, const char *path, const char *body)
{
    static const struct sco_permissions all = {{~0u, ~0u, ~0u, ~0u}};
    forget(t);
    sco_arena_reset(&request);
    memset(&t->err, 0, sizeof t->err);
    t->c = next;
    struct api_call *c = &t->c;
    struct sco_str rest = sco_str_c(path), bare;
    sco_str_split(&rest, '?', &bare);
    const char *full = sco_arena_fmt(&request, "/api/v1%.*s", SCO_STR_ARG(bare));
    take_query(c, rest.p ? rest : sco_str_c(""));
    sco_arena_done(&exchange.call.arena);
    exchange = next_exchange;
    memset(&next_exchange, 0, sizeof next_exchange);
    c->x = &exchange;
    c->api = &t->api;
    c->store = t->w->s;
    c->method = method;
    c->path = full;
    c->now = t->w->now;
    c->reply_fd = -1;
    c->out.b = &c->reply;
    c->address = c->network = "192.0.2.1";
    if (!c->who.name) {
        c->who.name = "ada@example.com";
        snprintf(c->who.user_id, sizeof c->who.user_id, "5f0c2a6e-0000-4000-8000-000000000001");
        c->who.permissions = all;
    }
    snprintf(c->correlation_id, sizeof c->correlation_id, "request-1");
    c->route = find(c, method, sco_str_c(full));
    if (body && sco_json_parse(sco_str_c(body), &request, &c->json, &t->err) < 0)
        fail_msg("%s: %s", body, t->err.text);
    next = (struct api_call){.who = next.who};
    t->r = c->route->handler(c, &t->err);
    if (t->r == 0 && c->reply.failed)
        return 500;
    if (t->r == 0)
        return c->status ? c->status : c->reply.n || c->reply_fd >= 0 ? 200 : 204;
    return c->problem ? c->status : api_error_status(t->r);
}

const char *reply(struct content *t)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    if (t->c.reply_fd < 0)
        return sco_buf_z(&t->c.reply);
    lseek(t->c.reply_fd, 0, SEEK_SET);
    assert_int_equal(sco_fs_read_fd(t->c.reply_fd, "the reply", 1 << 24, &b, &t->err), 0);
    free(text);
    text = sco_strdup(sco_buf_str(&b));
    return text;
}

const char *header(struct content *t, const char *name)
{
    for (size_t i = 0; i < t->c.n_headers; i++)
        if (strcmp(t->c.headers[i].name, name) == 0)
            return t->c.headers[i].value;
    return "";
}

const char *at(struct content *t, const char *path)
{
    static char value[2000];
    SCO_AUTO(sco_arena) struct sco_arena a = {0};
    const struct sco_node *v = NULL;
    struct sco_str rest = sco_str_c(path), part;
    if (sco_json_parse(sco_str_c(reply(t)), &a, &v, &t->err) < 0)
        fail_msg("%s\n%s", t->err.text, reply(t));
    while (v && sco_str_split(&rest, '.', &part)) {
        int64_t n = 0;
        if (v->type == SCO_NODE_LIST && sco_parse_i64(part, 0, 10000, &n) == 0) {
            for (v = v->child; v && n; n--)
                v = v->next;
        } else {
            SCO_AUTO(sco_free) char *key = sco_strdup(part);
            v = sco_get(v, key);
        }
    }
    if (v && (v->type == SCO_NODE_LIST || v->type == SCO_NODE_MAP))
        snprintf(value, sizeof value, "%u", v->n);
    else
        snprintf(value, sizeof value, "%.*s", v ? (int)v->text.n : 0, v ? v->text.p : "");
    return value;
}
