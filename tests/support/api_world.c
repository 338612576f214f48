#include "api_world.h"

#include "store_priv.h"

#include <secureops/fs.h>
#include <event2/buffer.h>
#include <event2/thread.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

const struct sco_store_ops *sco_store_sqlite(void);

static struct api_world *world;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void count(int *n)
{
    pthread_mutex_lock(&lock);
    ++*n;
    pthread_mutex_unlock(&lock);
}

/* ---- handlers ---- */

static int hello(struct api_call *c, struct sco_error *err)
{
    (void)err;
    count(&world->hello);
    sco_json_begin(&c->out, '{');
    sco_json_kz(&c->out, "hello", "world");
    sco_json_ki64(&c->out, "n", world->hello);
    sco_json_kz(&c->out, "text",
                "The quick brown fox jumps over the lazy dog; the quick brown fox jumps over the "
                "lazy dog; the quick brown fox jumps over the lazy dog again.");
    sco_json_end(&c->out, '}');
    return 0;
}

static int things(struct api_call *c, struct sco_error *err)
{
    uint32_t limit;
    const char *cursor;
    int r = api_page(c, &limit, &cursor, err);
    if (r < 0)
        return r;
    api_items_begin(c);
    for (uint32_t i = 0; i < limit; i++)
        sco_json_i64(&c->out, i);
    api_items_end(c, cursor);
    return 0;
}

static int add_thing(struct api_call *c, struct sco_error *err)
{
    while (__atomic_load_n(&world->hold, __ATOMIC_SEQ_CST))
        usleep(1000);
    count(&world->things);
    if (strcmp(api_text(c, "name"), "taken") == 0)
        return api_problem(c, 409, err, "there is one of this name");
    if (strcmp(api_text(c, "name"), "odd") == 0)
        return api_fault(c, err, "/name", "it is odd");
    api_created(c, "/api/v1/things/%d", world->things);
    sco_json_begin(&c->out, '{');
    sco_json_ki64(&c->out, "id", world->things);
    sco_json_kz(&c->out, "by", c->who.name);
    sco_json_end(&c->out, '}');
    return 0;
}

static int thing(struct api_call *c, struct sco_error *err)
{
    if (strcmp(c->params[0], "none") == 0)
        return sco_error_set(err, SCO_E_NOT_FOUND, "no such thing");
    sco_json_begin(&c->out, '{');
    sco_json_kz(&c->out, "id", c->params[0]);
    sco_json_end(&c->out, '}');
    return 0;
}

static int all_things(struct api_call *c, struct sco_error *err)
{
    (void)err;
    sco_json_str(&c->out, SCO_STR("all"));
    return 0;
}

static int remove_thing(struct api_call *c, struct sco_error *err)
{
    return api_audit(c, "thing.delete", c->params[0], "success", NULL, err);
}

static int upload(struct api_call *c, struct sco_error *err)
{
    struct stat st;
    if (!c->body_file || stat(c->body_file, &st) < 0)
        return sco_error_set(err, SCO_E_INVALID, "no file");
    snprintf(world->upload, sizeof world->upload, "%lld", (long long)st.st_size);
    sco_json_begin(&c->out, '{');
    sco_json_ki64(&c->out, "size", st.st_size);
    sco_json_end(&c->out, '}');
    return 0;
}

static int fails(struct api_call *c, struct sco_error *err)
{
    (void)c;
    return sco_error_set(err, SCO_E_INTERNAL, "what only the log may say");
}

static int big(struct api_call *c, struct sco_error *err)
{
    (void)err;
    c->reply_type = "text/plain";
    for (int i = 0; i < 10000; i++)
        sco_buf_addf(&c->reply, "line %d\n", i);
    return 0;
}

static int file(struct api_call *c, struct sco_error *err)
{
    c->reply_fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    c->reply_type = "application/octet-stream";
    return c->reply_fd < 0 ? sco_error_set(err, SCO_E_IO, "no file") : 0;
}

static void on_streamed(struct bufferevent *b, void *user)
{
    api_drop(user, b);
}

static int stream(struct api_call *c, struct sco_error *err)
{
    if (api_query(c, "no"))
        return sco_error_set(err, SCO_E_INVALID, "no stream today");
    struct sco_api *a = c->api;
    struct bufferevent *b = api_take(c);
    bufferevent_setcb(b, NULL, on_streamed, NULL, a);
    bufferevent_enable(b, EV_READ | EV_WRITE);
    bufferevent_write(b, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nstreamed", 47);
    return 0;
}

static const struct api_route routes[] = {
    {"GET", "/api/v1/hello", SCO_ACT_READ, SCO_RES_SECURITY, 0, hello},
    {"GET", "/api/v1/things", SCO_ACT_READ, SCO_RES_SECURITY, API_FRESH, things},
    {"POST", "/api/v1/things", SCO_ACT_CREATE, SCO_RES_SECURITY, 0, add_thing},
    {"GET", "/api/v1/things/{id}", SCO_ACT_READ, SCO_RES_SECURITY, 0, thing},
    {"GET", "/api/v1/things/all", SCO_ACT_READ, SCO_RES_SECURITY, 0, all_things},
    {"DELETE", "/api/v1/things/{id}", SCO_ACT_DELETE, SCO_RES_SECURITY, 0, remove_thing},
    {"POST", "/api/v1/uploads", SCO_ACT_CREATE, SCO_RES_SECURITY, API_UPLOAD, upload},
    {"GET", "/api/v1/public", SCO_ACT_READ, SCO_RES_SELF, API_PUBLIC | API_ON_LOOP, hello},
    {"GET", "/api/v1/fail", SCO_ACT_READ, SCO_RES_SECURITY, 0, fails},
    {"GET", "/api/v1/big", SCO_ACT_READ, SCO_RES_SECURITY, API_NO_STORE, big},
    {"GET", "/api/v1/file", SCO_ACT_READ, SCO_RES_SECURITY, API_NO_STORE, file},
    {"GET", "/api/v1/stream", SCO_ACT_READ, SCO_RES_SECURITY, API_STREAM, stream},
    {0}};

static const char document[] =
    "{\"openapi\":\"3.1.0\",\"paths\":{"
    "\"/api/v1/things\":{\"get\":{\"parameters\":["
    "{\"name\":\"limit\",\"in\":\"query\",\"schema\":{\"type\":\"integer\",\"maximum\":500}},"
    "{\"name\":\"cursor\",\"in\":\"query\",\"schema\":{\"type\":\"string\"}}]},"
    "\"post\":{\"requestBody\":{\"required\":true,\"content\":{\"application/json\":{\"schema\":"
    "{\"$ref\":\"#/components/schemas/Thing\"}}}}}}},"
    "\"components\":{\"schemas\":{\"Thing\":{\"type\":\"object\",\"required\":[\"name\"],"
    "\"additionalProperties\":false,\"properties\":{"
    "\"name\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":20},"
    "\"size\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":10},"
    "\"tags\":{\"type\":\"array\",\"items\":{\"enum\":[\"a\",\"b\"]}}}}}}}";
static const struct sco_str fragments[] = {{document, sizeof document - 1}};

/* ---- who they are ---- */

int api_world_bearer(struct sco_auth *a, struct sco_store *s, struct sco_str token,
                     struct sco_arena *arena, struct sco_principal *ret, struct sco_error *err)
{
    struct sco_str rest = token, role;
    uint32_t roles;
    (void)a;
    (void)s;
    count(&world->asked);
    if (!sco_str_split(&rest, '.', &role) || sco_roles_parse(role, &roles, err) < 0)
        return sco_error_set(err, SCO_E_PERMISSION, "no such token");
    *ret = (struct sco_principal){.roles = roles, .name = sco_arena_cstr(arena, token)};
    snprintf(ret->user_id, sizeof ret->user_id, "%.*s", SCO_STR_ARG(token));
    if (sco_str_starts(rest, "subject")) /* of an issuer: no account */
        ret->user_id[0] = 0;
    sco_permissions_of_roles(roles, &ret->permissions);
    for (int i = 0; i < SCO_ACT_MAX_; i++)
        ret->permissions.may[i] |= 1u << SCO_RES_SELF; /* as sco_auth_bearer: everybody known */
    return 0;
}

/* ---- threads and their stores ---- */

static struct sco_store *open_store(bool create, struct sco_error *err)
{
    struct sco_store *s = NULL;
    struct sco_store_options o = {.where = world->store, .create = create, .wait_ms = 5000};
    return store_open_with(sco_store_sqlite(), &o, &s, err) < 0 ? NULL : s;
}

static void *thread_start(void *user)
{
    struct sco_error err;
    (void)user;
    return open_store(false, &err);
}

static void thread_stop(void *user, void *state)
{
    (void)user;
    sco_store_close(state);
}

static struct sco_store *thread_store(void *state)
{
    return state;
}

int api_world_open(struct api_world *w, void (*tune)(struct api_world *w), struct sco_error *err)
{
    memset(w, 0, sizeof *w);
    world = w;
    signal(SIGPIPE, SIG_IGN);
    int r = sco_fs_mkdtemp(NULL, "sco-api-", &w->dir, err);
    if (r < 0)
        return r;
    SCO_AUTO(sco_buf) struct sco_buf path = {0};
    sco_buf_addf(&path, "%s/store.db", w->dir);
    w->store = sco_strdup(sco_buf_str(&path));
    struct sco_store *first = open_store(true, err);
    if (!first)
        return err->code;
    sco_store_close(first);
    w->base = event_base_new();
    r = sco_threads_new(w->base,
                        &(struct sco_threads_options){.name = "api-test",
                                                      .n = 4,
                                                      .waiting = 20000,
                                                      .start = thread_start,
                                                      .stop = thread_stop},
                        &w->threads, err);
    if (r < 0)
        return r;
    w->o = (struct sco_api_options){.base = w->base,
                                    .threads = w->threads,
                                    .store = thread_store,
                                    .listen = "127.0.0.1:0",
                                    .spool = w->dir,
                                    .node = "test"};
    static const struct api_route *const tables[] = {routes, NULL};
    w->parts = (struct api_parts){tables, fragments, 1, api_world_bearer};
    if (tune)
        tune(w);
    return api_server_new(&w->o, &w->parts, &w->api, err);
}

void api_world_close(struct api_world *w)
{
    sco_api_stop(w->api);
    w->api = sco_api_free(w->api);
    sco_threads_free(w->threads);
    event_base_free(w->base);
    sco_fs_remove_tree(w->dir);
    free(w->dir);
    free(w->store);
    libevent_global_shutdown();
}

/* ---- a client ---- */

struct talk {
    struct event_base *base;
    struct evbuffer *in;
    bool closed;
};

static void client_event(struct bufferevent *b, short what, void *user)
{
    struct talk *t = user;
    if (!(what & (BEV_EVENT_EOF | BEV_EVENT_ERROR | BEV_EVENT_TIMEOUT)))
        return;
    evbuffer_add_buffer(t->in, bufferevent_get_input(b));
    t->closed = true;
    event_base_loopbreak(t->base);
}

char *api_world_talk(struct api_world *w, const char *bytes, size_t n)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(sco_api_port(w->api)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct talk t = {.base = w->base, .in = evbuffer_new()};
    struct bufferevent *b = bufferevent_socket_new(w->base, -1, BEV_OPT_CLOSE_ON_FREE);
    bufferevent_setcb(b, NULL, NULL, client_event, &t);
    bufferevent_set_timeouts(b, &(struct timeval){10, 0}, &(struct timeval){10, 0});
    bufferevent_enable(b, EV_READ | EV_WRITE);
    bufferevent_write(b, bytes, n);
    if (bufferevent_socket_connect(b, (struct sockaddr *)&to, sizeof to) == 0)
        while (!t.closed && event_base_loop(w->base, EVLOOP_ONCE) == 0)
            ;
    size_t got = evbuffer_get_length(t.in);
    char *reply = calloc(1, got + 1);
    evbuffer_remove(t.in, reply, got);
    evbuffer_free(t.in);
    bufferevent_free(b);
    return reply;
}

char *api_world_ask(struct api_world *w, const char *method, const char *path, const char *token,
                    const char *headers, const char *body)
{
    SCO_AUTO(sco_buf) struct sco_buf q = {0};
    sco_buf_addf(&q, "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%s", method, path,
                 headers);
    if (token)
        sco_buf_addf(&q, "Authorization: Bearer %s\r\n", token);
    if (body)
        sco_buf_addf(&q, "Content-Type: application/json\r\nContent-Length: %zu\r\n", strlen(body));
    sco_buf_addf(&q, "\r\n%s", body ? body : "");
    return api_world_talk(w, q.p, q.n);
}

int api_world_status(const char *reply)
{
    int64_t status = 0;
    if (strncmp(reply, "HTTP/1.1 ", 9) != 0 ||
        sco_parse_i64(sco_str_make(reply + 9, 3), 100, 599, &status) < 0)
        return 0;
    return (int)status;
}

const char *api_world_body(const char *reply)
{
    const char *end = strstr(reply, "\r\n\r\n");
    return end ? end + 4 : "";
}

bool api_world_has(const char *reply, const char *header_line)
{
    const char *at = strstr(reply, header_line);
    return at && at < api_world_body(reply) && at > reply && at[-1] == '\n';
}
