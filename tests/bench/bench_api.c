/* Small reads of the API against the HTTP server of libevent with nothing behind it, in one run:
 *
 *     bench_api [SECONDS] [CONNECTIONS...]        2 seconds; 64 and 1000 connections
 *
 * Each server is a process of its own; the load comes from this one, which keeps one request under
 * way on each connection. The reads need a token, have their rate counted, and are answered from
 * the cache of replies, which asks the store once a second. */
#include "api_world.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROUNDS = 3, SAMPLES = 4 << 20, CONNECTIONS_MAX = 5000 };

/* ---- the servers ---- */

static void say_hello(struct evhttp_request *req, void *user)
{
    (void)user;
    struct evbuffer *b = evbuffer_new();
    evbuffer_add_printf(b, "{\"hello\":\"%s\",\"n\":%d,\"text\":\"%s\"}", "world", 1,
                        "The quick brown fox jumps over the lazy dog; the quick brown fox jumps "
                        "over the lazy dog; the quick brown fox jumps over the lazy dog again.");
    evhttp_add_header(evhttp_request_get_output_headers(req), "Content-Type", "application/json");
    evhttp_send_reply(req, 200, "OK", b);
    evbuffer_free(b);
}

static void serve_hello(int out)
{
    struct event_base *base = event_base_new();
    struct evhttp *http = evhttp_new(base);
    evhttp_set_gencb(http, say_hello, NULL);
    struct evhttp_bound_socket *s = evhttp_bind_socket_with_handle(http, "127.0.0.1", 0);
    int one = 1, fd = evhttp_bound_socket_get_fd(s);
    struct sockaddr_in own;
    socklen_t len = sizeof own;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    listen(fd, 1024);
    getsockname(fd, (struct sockaddr *)&own, &len);
    uint16_t port = ntohs(own.sin_port);
    if (write(out, &port, sizeof port) == sizeof port)
        event_base_dispatch(base);
}

static void tune(struct api_world *w)
{
    w->o.rate = w->o.burst = 1000000000;
    w->o.metrics = sco_metrics_new();
}

static void serve_api(int out)
{
    struct api_world w;
    struct sco_error err;
    if (api_world_open(&w, tune, &err) < 0) {
        fprintf(stderr, "%s\n", err.text);
        return;
    }
    uint16_t port = sco_api_port(w.api);
    if (write(out, &port, sizeof port) == sizeof port)
        event_base_dispatch(w.base);
}

struct server {
    const char *name, *path;
    void (*serve)(int out);
    pid_t pid;
    uint16_t port;
};

static bool start(struct server *s)
{
    int p[2];
    if (pipe(p) < 0)
        return false;
    s->pid = fork();
    if (s->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(p[0]);
        s->serve(p[1]);
        _exit(1);
    }
    close(p[1]);
    bool ok = read(p[0], &s->port, sizeof s->port) == sizeof s->port;
    close(p[0]);
    return ok;
}

/* ---- the load ---- */

struct client {
    int fd;
    size_t got, whole; /* bytes of the reply, of it all; 0: not known yet */
    int64_t sent;
    char buf[2048];
};
struct result {
    double rate, p50, p99, cpu_us;
};

static float *samples;
static size_t n_samples;

static int connect_to(uint16_t port)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) < 0)
        return -1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

static bool send_one(struct client *c, const char *request, size_t n)
{
    c->got = c->whole = 0;
    c->sent = sco_mono_ns();
    return write(c->fd, request, n) == (ssize_t)n;
}

/* 1: the reply is whole; -1: it is none, or no 200. */
static int take(struct client *c)
{
    ssize_t n = read(c->fd, c->buf + c->got, sizeof c->buf - 1 - c->got);
    if (n <= 0)
        return -1;
    c->got += (size_t)n;
    c->buf[c->got] = 0;
    if (!c->whole) {
        char *end = strstr(c->buf, "\r\n\r\n"), *length = strcasestr(c->buf, "Content-Length: ");
        if (!end)
            return 0;
        if (strncmp(c->buf, "HTTP/1.1 200", 12) != 0 || !length)
            return -1;
        c->whole = (size_t)(end + 4 - c->buf) + strtoul(length + 16, NULL, 10);
    }
    return c->got >= c->whole;
}

static double cpu_of(pid_t pid)
{
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *f = fopen(path, "r");
    size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;
    if (f)
        fclose(f);
    text[n] = 0;
    unsigned long user = 0, system_time = 0;
    char *at = strrchr(text, ')');
    if (!at || sscanf(at + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
                      &system_time) != 2)
        return 0;
    return (double)(user + system_time) / (double)sysconf(_SC_CLK_TCK);
}

static int by_size(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static bool load(const struct server *s, int connections, double seconds, struct result *ret)
{
    char request[256];
    int n = snprintf(request, sizeof request,
                     "GET %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer admin.someone\r\n"
                     "Accept: */*\r\n\r\n",
                     s->path);
    struct client *clients = calloc((size_t)connections, sizeof *clients);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < connections; i++) {
        clients[i].fd = connect_to(s->port);
        struct epoll_event e = {.events = EPOLLIN, .data.ptr = &clients[i]};
        if (clients[i].fd < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, clients[i].fd, &e) < 0 ||
            !send_one(&clients[i], request, (size_t)n)) {
            fprintf(stderr, "cannot connect: %s\n", strerror(errno));
            return false;
        }
    }
    n_samples = 0;
    double cpu = cpu_of(s->pid);
    int64_t began = sco_mono_ns(), end = began + (int64_t)(seconds * 1e9), now = began;
    while (now < end) {
        struct epoll_event events[256];
        int ready = epoll_wait(epoll, events, 256, 1000);
        for (int i = 0; i < ready; i++) {
            struct client *c = events[i].data.ptr;
            int r = take(c);
            now = sco_mono_ns();
            if (r < 0) {
                fprintf(stderr, "%s: a request failed: %.100s\n", s->name, c->buf);
                return false;
            }
            if (r == 0)
                continue;
            if (n_samples < SAMPLES)
                samples[n_samples++] = (float)(now - c->sent) / 1e6f;
            if (!send_one(c, request, (size_t)n))
                return false;
        }
        now = sco_mono_ns();
    }
    for (int i = 0; i < connections; i++)
        close(clients[i].fd);
    close(epoll);
    free(clients);
    qsort(samples, n_samples, sizeof *samples, by_size);
    *ret = (struct result){.rate = (double)n_samples / ((double)(now - began) / 1e9),
                           .p50 = (double)samples[n_samples / 2],
                           .p99 = (double)samples[n_samples * 99 / 100],
                           .cpu_us = (cpu_of(s->pid) - cpu) * 1e6 / (double)n_samples};
    return true;
}

static int by_rate(const void *a, const void *b)
{
    const struct result *x = a, *y = b;
    return (x->rate > y->rate) - (x->rate < y->rate);
}

static bool compare(struct server *servers, int connections, double seconds)
{
    struct result all[2][ROUNDS];
    for (int round = 0; round < ROUNDS; round++)
        for (int i = 0; i < 2; i++)
            if (!load(&servers[i], connections, seconds, &all[i][round]))
                return false;
    for (int i = 0; i < 2; i++) {
        qsort(all[i], ROUNDS, sizeof all[i][0], by_rate);
        const struct result *m = &all[i][ROUNDS / 2];
        printf("%-8s %5d connections: %8.0f requests/s [%.0f-%.0f], p50 %.2f ms, p99 %.2f ms, "
               "CPU %.1f us/request\n",
               servers[i].name, connections, m->rate, all[i][0].rate, all[i][ROUNDS - 1].rate,
               m->p50, m->p99, m->cpu_us);
    }
    printf("ratio    %5d connections: %.0f %%\n", connections,
           100 * all[1][ROUNDS / 2].rate / all[0][ROUNDS / 2].rate);
    return true;
}

int main(int argc, char **argv)
{
    struct server servers[] = {{"evhttp", "/hello", serve_hello, 0, 0},
                               {"api", "/api/v1/hello", serve_api, 0, 0}};
    int64_t seconds = 2, connections[8] = {64, 1000};
    int n = 2, status = 0;
    if (argc > 1 && sco_parse_i64(sco_str_c(argv[1]), 1, 600, &seconds) < 0)
        return 2;
    for (int i = 2; i < argc && i < 10; i++) {
        if (sco_parse_i64(sco_str_c(argv[i]), 1, CONNECTIONS_MAX, &connections[i - 2]) < 0)
            return 2;
        n = i - 1;
    }
    struct rlimit files = {CONNECTIONS_MAX + 100, CONNECTIONS_MAX + 100};
    (void)setrlimit(RLIMIT_NOFILE, &files);
    signal(SIGPIPE, SIG_IGN);
    samples = malloc(SAMPLES * sizeof *samples);
    if (!samples || !start(&servers[0]) || !start(&servers[1]))
        return 1;
    for (int i = 0; i < n && status == 0; i++)
        status = compare(servers, (int)connections[i], (double)seconds) ? 0 : 1;
    for (int i = 0; i < 2; i++) {
        kill(servers[i].pid, SIGTERM);
        waitpid(servers[i].pid, NULL, 0);
    }
    free(samples);
    return status;
}
