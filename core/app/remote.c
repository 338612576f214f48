/* Requests to a daemon: with the login, which is renewed when its time is up; what is refused
 * becomes an error that says what to do. Signals end a request, so that no file is left. */
#include "remote.h"

#include <errno.h>
#include <poll.h>
#include <secureops/webclient.h>
#include <signal.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum {
    ANSWER_MAX = 64 << 20,
    QUICK_MS = 60000,
    TRANSFER_MS = 12 * 3600 * 1000, /* one that does not move is given up long before */
    EARLY_MS = 30000,               /* before an access token ends */
    KEY_BYTES = 16,
    FAULTS_SHOWN = 10,
    TRIES = 2,
};

struct remote {
    struct webclient *web;
    struct remote_server server;
    struct remote_login login;
    const char *ca_file;
    bool kept; /* the login is one of the file */
    int signals;
    sigset_t before;
    struct sco_arena arena;
};

/* ---- signals ---- */
static void watch_signals(struct remote *r)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < SCO_ARRAY_LEN(numbers); i++) {
        struct sigaction was;
        if (sigaction(numbers[i], NULL, &was) == 0 && was.sa_handler != SIG_IGN) /* nohup */
            sigaddset(&set, numbers[i]);
    }
    sigprocmask(SIG_BLOCK, &set, &r->before);
    signal(SIGPIPE, SIG_IGN);
    r->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (r->signals < 0) /* then they end the program as they would */
        sigprocmask(SIG_SETMASK, &r->before, NULL);
}

void remote_forget_signal(struct remote *r)
{
    struct signalfd_siginfo info;
    while (r->signals >= 0 && read(r->signals, &info, sizeof info) > 0) {
    }
}

int remote_sleep(struct remote *r, int64_t ms)
{
    struct pollfd p = {.fd = r->signals, .events = POLLIN};
    int64_t end = sco_mono_ms() + ms;
    for (int64_t left = ms; left > 0; left = end - sco_mono_ms())
        if (poll(&p, 1, (int)left) > 0)
            return SCO_E_CANCELLED;
    return 0;
}

/* ---- a connection ---- */
static int take_login(struct remote *r, const struct remote_options *o, struct sco_error *err)
{
    const char *env = getenv("SECUREOPS_TOKEN");
    if (o->anonymous || o->token || (env && *env)) {
        struct remote_login before = {0};
        if (logins_get(r->server.name, &r->arena, &before, NULL) == 0)
            r->login.ca_file = before.ca_file;
        r->login.token = o->token ? o->token : o->anonymous ? NULL : env;
        return 0;
    }
    int e = logins_get(r->server.name, &r->arena, &r->login, err);
    if (e == SCO_E_NOT_FOUND)
        return sco_error_set(err, SCO_E_PERMISSION,
                             "not logged in to %s: secureops login --server %s; programs set "
                             "SECUREOPS_TOKEN",
                             r->server.name, r->server.name);
    r->kept = e == 0;
    return e;
}

static int take_ca_file(struct remote *r, const struct cli *c, struct sco_error *err)
{
    const char *env = getenv("SECUREOPS_CA_FILE");
    const char *given = args_has(c, ARG_CA_FILE) ? c->values[ARG_CA_FILE]
                        : env && *env            ? env
                                                 : NULL;
    if (!given) {
        r->ca_file = r->login.ca_file;
        return 0;
    }
    SCO_AUTO(sco_free) char *real = sco_fs_realpath(given, err);
    if (!real)
        return sco_error_prefix(err, "--ca-file");
    r->ca_file = sco_arena_cstr(&r->arena, sco_str_c(real));
    r->login.ca_file = r->ca_file;
    return r->ca_file ? 0 : sco_error_nomem(err);
}

int remote_open(struct cli *c, const struct remote_options *o, struct remote **ret,
                struct sco_error *err)
{
    const char *wanted = remote_wanted(c);
    if (!wanted)
        return sco_error_set(err, SCO_E_INVALID,
                             "which daemon? --server URL, or SECUREOPS_SERVER in the environment");
    struct remote *r = sco_alloc(1, sizeof *r);
    if (!r)
        return sco_error_nomem(err);
    r->signals = -1;
    sigprocmask(SIG_SETMASK, NULL, &r->before);
    int e = remote_server_parse(wanted, &r->arena, &r->server, err);
    if (e == 0)
        e = take_login(r, o, err);
    if (e == 0)
        e = take_ca_file(r, c, err);
    if (e == 0) {
        if (r->server.plain && !args_has(c, ARG_QUIET))
            fprintf(stderr, "secureops: warning: %s is not encrypted: others may read the login\n",
                    r->server.name);
        watch_signals(r);
        struct webclient_options with = {.prefix = "secureops-",
                                         .unix_socket = r->server.socket,
                                         .cancel_fd = r->signals,
                                         .break_after = UINT32_MAX};
        e = webclient_open(&with, &r->web, err);
    }
    if (e < 0)
        remote_close(r);
    else
        *ret = r;
    return e;
}

struct remote *remote_close(struct remote *r)
{
    if (!r)
        return NULL;
    webclient_close(r->web);
    remote_forget_signal(r); /* what it has ended is told already */
    if (r->signals >= 0)
        close(r->signals);
    sigprocmask(SIG_SETMASK, &r->before, NULL);
    sco_arena_done(&r->arena);
    free(r);
    return NULL;
}

const struct remote_server *remote_server_of(const struct remote *r)
{
    return &r->server;
}

struct remote_login *remote_login_of(struct remote *r)
{
    return &r->login;
}

struct sco_arena *remote_arena(struct remote *r)
{
    return &r->arena;
}

/* ---- paths ---- */
static void add_quoted(struct sco_buf *b, const char *z)
{
    for (; *z; z++) {
        unsigned char x = (unsigned char)*z;
        if ((x >= 'a' && x <= 'z') || (x >= 'A' && x <= 'Z') || (x >= '0' && x <= '9') ||
            strchr("-._~", x))
            sco_buf_addc(b, *z);
        else
            sco_buf_addf(b, "%%%02X", x);
    }
}

void remote_query(struct sco_buf *path, const char *name, const char *value)
{
    if (!value)
        return;
    bool first = !path->n || !memchr(path->p, '?', path->n);
    sco_buf_addf(path, "%c%s=", first ? '?' : '&', name);
    add_quoted(path, value);
}

void remote_query_limit(struct sco_buf *path, uint32_t limit)
{
    char text[16];
    snprintf(text, sizeof text, "%u", limit);
    remote_query(path, "limit", limit ? text : NULL);
}

void remote_segment(struct sco_buf *path, const char *text)
{
    sco_buf_addc(path, '/');
    add_quoted(path, text);
}

/* ---- what is refused ---- */
static void add_faults(struct sco_buf *b, const struct sco_node *problem)
{
    size_t n = 0;
    SCO_EACH (f, sco_get(problem, "errors")) {
        struct sco_str where = sco_text(sco_get(f, "pointer"));
        if (!where.n)
            where = sco_text(sco_get(f, "parameter"));
        struct sco_str what = sco_text(sco_get(f, "detail"));
        if (what.n && b->n && memmem(b->p, b->n, what.p, what.n)) /* the detail says it */
            continue;
        if (n++ < FAULTS_SHOWN)
            sco_buf_addf(b, "; %.*s%s%.*s", SCO_STR_ARG(where), where.n ? ": " : "",
                         SCO_STR_ARG(what));
    }
}

static int code_of(int32_t status)
{
    switch (status) {
    case 401:
    case 403:
        return SCO_E_PERMISSION;
    case 404:
        return SCO_E_NOT_FOUND;
    case 413:
        return SCO_E_LIMIT;
    default:
        return status >= 400 && status < 500 && status != 429 ? SCO_E_INVALID : SCO_E_NETWORK;
    }
}

static int refused(struct remote *r, const struct sco_http_response *a, struct sco_error *err)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    const struct sco_node *problem = NULL;
    bool ours = sco_str_starts(a->content_type, "application/problem+json") &&
                sco_json_parse(a->body, &arena, &problem, NULL) == 0;
    struct sco_str title = sco_text(sco_get(problem, "title")),
                   detail = sco_text(sco_get(problem, "detail")),
                   id = sco_text(sco_get(problem, "correlation_id"));
    if (a->status == 401 && ours && r->kept)
        return sco_error_set(err, SCO_E_PERMISSION,
                             "the login at %s has ended: secureops login --server %s",
                             r->server.name, r->server.name);
    if (a->status == 401 && ours && r->login.token)
        return sco_error_set(err, SCO_E_PERMISSION,
                             "%s does not know the token, or it has expired or was revoked",
                             r->server.name);
    if (!ours)
        return sco_error_set(
            err, code_of(a->status) == SCO_E_PERMISSION ? SCO_E_PERMISSION : SCO_E_NETWORK,
            "%s answered with status %d, and not as secureopsd does: is it one?", r->server.name,
            a->status);
    if (detail.n)
        sco_buf_add(&b, detail);
    else
        sco_buf_add(&b, title);
    add_faults(&b, problem);
    if (a->status == 429)
        sco_buf_addz(&b, "; too many requests, try again later");
    if (a->status >= 500 && id.n)
        sco_buf_addf(&b, "; the daemon's log says why, under %.*s", SCO_STR_ARG(id));
    return sco_error_set(err, code_of(a->status), "%s: %s", r->server.name, sco_buf_z(&b));
}

/* ---- one request ---- */
struct headers {
    const char *v[8];
    size_t n;
    struct sco_buf authorization;
    char key[64];
};

static void headers_done(struct headers *h)
{
    if (h->authorization.p)
        explicit_bzero(h->authorization.p, h->authorization.n);
    sco_buf_done(&h->authorization);
}

static int make_headers(struct remote *r, const struct remote_ask *q, struct headers *h,
                        struct sco_error *err)
{
    const char *token = r->login.token ? r->login.token : r->login.access;
    if (!q->anonymous && token) {
        sco_buf_addf(&h->authorization, "Authorization: Bearer %s", token);
        h->v[h->n++] = sco_buf_z(&h->authorization);
    }
    if (q->json.p)
        h->v[h->n++] = "Content-Type: application/json";
    if (q->upload)
        h->v[h->n++] = "Content-Type: application/octet-stream";
    if (q->repeatable) {
        uint8_t bytes[KEY_BYTES];
        char hex[2 * KEY_BYTES + 1];
        if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
            return sco_error_errno(err, errno, "random bytes");
        for (size_t i = 0; i < sizeof bytes; i++)
            snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
        snprintf(h->key, sizeof h->key, "Idempotency-Key: %s", hex);
        h->v[h->n++] = h->key;
    }
    return sco_buf_check(&h->authorization, err);
}

static int send(struct remote *r, const struct remote_ask *q, struct sco_http_response *ret,
                struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf url = {0};
    struct headers h = {.n = 0};
    sco_buf_addf(&url, "%s/api/v1%s", r->server.url, q->path);
    int e = sco_buf_check(&url, err);
    if (e == 0)
        e = make_headers(r, q, &h, err);
    struct sco_http_request http = {.struct_size = sizeof http,
                                    .method = q->method,
                                    .url = sco_buf_z(&url),
                                    .headers = h.v,
                                    .body = q->json,
                                    .timeout_ms = q->upload || q->limit ? TRANSFER_MS : QUICK_MS,
                                    .retries = TRIES,
                                    .flags = q->repeatable ? SCO_HTTP_RETRY_POST : 0,
                                    .body_limit = q->limit ? q->limit : ANSWER_MAX,
                                    .ca_file = r->ca_file};
    if (e == 0)
        e = webclient_request(r->web, &http, q->upload ? q->fd : -1, ret, err);
    headers_done(&h);
    return e;
}

/* ---- the login ---- */
static int ask_for_tokens(struct remote *r, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf body = {0};
    struct sco_json_out o = {.b = &body};
    const struct sco_node *v = NULL;
    sco_json_begin(&o, '{');
    sco_json_kz(&o, "refresh_token", r->login.refresh);
    sco_json_end(&o, '}');
    int e = sco_buf_check(&body, err);
    if (e == 0)
        e = remote_json(r,
                        &(struct remote_ask){.method = "POST",
                                             .path = "/auth/refresh",
                                             .json = sco_buf_str(&body),
                                             .anonymous = true},
                        &r->arena, &v, err);
    if (body.p)
        explicit_bzero(body.p, body.n);
    if (e < 0)
        return e;
    r->login.access = sco_arena_cstr(&r->arena, sco_text(sco_get(v, "access_token")));
    r->login.refresh = sco_arena_cstr(&r->arena, sco_text(sco_get(v, "refresh_token")));
    r->login.expires_ms = sco_now_ms() + sco_int(sco_get(v, "expires_in"), 0) * 1000;
    if (!r->login.access || !r->login.refresh)
        return sco_error_set(err, SCO_E_FORMAT, "%s gave no tokens", r->server.name);
    return logins_put(r->server.name, &r->login, err);
}

/* Another program may have done it meanwhile: then its tokens are taken. */
static int renew(struct remote *r, struct sco_error *err)
{
    SCO_AUTO(sco_fd) int lock = -1;
    struct remote_login now = {0};
    int e = logins_lock(&lock, err);
    if (e == 0)
        e = logins_get(r->server.name, &r->arena, &now, err);
    if (e < 0)
        return e;
    bool other = now.access && (!r->login.access || strcmp(now.access, r->login.access) != 0);
    const char *ca_file = r->login.ca_file;
    r->login = now;
    r->login.ca_file = ca_file;
    if (now.token || (other && now.expires_ms > sco_now_ms() + EARLY_MS))
        return 0;
    return ask_for_tokens(r, err);
}

int remote_request(struct remote *r, const struct remote_ask *q, struct sco_http_response *ret,
                   struct sco_error *err)
{
    bool renewable = r->kept && !r->login.token && !q->anonymous;
    int e = 0;
    if (renewable && r->login.expires_ms <= sco_now_ms() + EARLY_MS)
        e = renew(r, err);
    if (e == 0)
        e = send(r, q, ret, err);
    if (e == 0 && ret->status == 401 && renewable) { /* keys were changed, or a clock is wrong */
        e = renew(r, err);
        if (e == 0)
            e = send(r, q, ret, err);
    }
    if (e == 0 && (ret->status < 200 || ret->status >= 300))
        e = refused(r, ret, err);
    return e;
}

int remote_json(struct remote *r, const struct remote_ask *q, struct sco_arena *a,
                const struct sco_node **ret, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf text = {0};
    struct sco_http_response answer = {0};
    *ret = NULL;
    int e = remote_request(r, q, &answer, err);
    if (e < 0 || answer.status == 204)
        return e;
    if (!sco_str_starts(answer.content_type, "application/json"))
        return sco_error_set(err, SCO_E_NETWORK,
                             "%s does not answer as secureopsd does: is it one?", r->server.name);
    e = webclient_body(&answer, ANSWER_MAX, &text, err);
    if (e == 0)
        e = sco_json_parse(sco_buf_str(&text), a, ret, err);
    return e < 0 ? sco_error_prefix(err, "%s", r->server.name) : 0;
}

int remote_get(struct remote *r, const char *path, struct sco_arena *a, const struct sco_node **ret,
               struct sco_error *err)
{
    return remote_json(r, &(struct remote_ask){.path = path}, a, ret, err);
}
