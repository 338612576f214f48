/* Sends signed webhooks at a rate over kept connections and writes down the id of each that was
 * answered 2xx, as soon as it was: load_webhooks.py compares that with the store.
 *
 *   load_webhooks PORT RATE SECONDS CONNECTIONS BODY-FILE SIGNATURE FIRST-ID LOG
 *
 * Prints: sent, accepted, refused (503), failed, milliseconds p50 p99 max, seconds. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 512, IN_MAX = 4096, HEAD_MAX = 1024, LATENCIES_MAX = 10000000 };

struct client {
    int fd;
    bool busy;
    long id;
    double since;
    char out[HEAD_MAX];
    size_t head_n, sent, in_n;
    char in[IN_MAX];
};

static struct client clients[CONNECTIONS_MAX];
static char *body;
static size_t body_n;
static const char *signature;
static int port, epoll_fd;
static FILE *acked;
static long accepted, refused, failed;
static float *latencies;
static size_t n_latencies;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void hang_up(struct client *c)
{
    if (c->fd >= 0)
        close(c->fd);
    if (c->busy)
        failed++;
    c->fd = -1;
    c->busy = false;
}

static bool dial(struct client *c)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(c->fd, (struct sockaddr *)&to, sizeof to) < 0) {
        close(c->fd);
        c->fd = -1;
        return false;
    }
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, c->fd, &e);
    return true;
}

static void watch(struct client *c, uint32_t events)
{
    struct epoll_event e = {.events = events, .data.ptr = c};
    epoll_ctl(epoll_fd, EPOLL_CTL_MOD, c->fd, &e);
}

static void push_out(struct client *c)
{
    while (c->sent < c->head_n + body_n) {
        bool head = c->sent < c->head_n;
        const char *p = head ? c->out + c->sent : body + (c->sent - c->head_n);
        size_t left = head ? c->head_n - c->sent : body_n - (c->sent - c->head_n);
        ssize_t n = send(c->fd, p, left, MSG_NOSIGNAL | (head ? MSG_MORE : 0));
        if (n < 0 && errno == EAGAIN) {
            watch(c, EPOLLIN | EPOLLOUT);
            return;
        }
        if (n < 0) {
            hang_up(c);
            return;
        }
        c->sent += (size_t)n;
    }
    watch(c, EPOLLIN);
}

static void ask(struct client *c, long id, double since)
{
    if (c->fd < 0 && !dial(c)) {
        failed++;
        return;
    }
    c->busy = true;
    c->id = id;
    c->since = since;
    c->sent = c->in_n = 0;
    c->head_n = (size_t)snprintf(
        c->out, sizeof c->out,
        "POST /webhook/github HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        "User-Agent: GitHub-Hookshot/1\r\nX-GitHub-Event: push\r\nX-GitHub-Delivery: load-%ld\r\n"
        "X-Hub-Signature-256: %s\r\nContent-Length: %zu\r\n\r\n",
        id, signature, body_n);
    push_out(c);
}

static void answered(struct client *c)
{
    long status = strtol(c->in + 9, NULL, 10);
    if (status >= 200 && status < 300) {
        accepted++;
        fprintf(acked, "load-%ld\n", c->id);
        if (n_latencies < LATENCIES_MAX)
            latencies[n_latencies++] = (float)((now() - c->since) * 1000);
    } else if (status == 503) {
        refused++;
    } else {
        failed++;
    }
    c->busy = false;
}

static void pull_in(struct client *c)
{
    ssize_t n = recv(c->fd, c->in + c->in_n, sizeof c->in - 1 - c->in_n, 0);
    if (n <= 0) {
        if (n < 0 && errno == EAGAIN)
            return;
        hang_up(c);
        return;
    }
    c->in_n += (size_t)n;
    c->in[c->in_n] = 0;
    char *end = strstr(c->in, "\r\n\r\n"), *length = strstr(c->in, "Content-Length: ");
    if (!end || !length || (size_t)(c->in + c->in_n - end - 4) < strtoul(length + 16, NULL, 10))
        return;
    answered(c);
}

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return x < y ? -1 : x > y;
}

static double quantile(double q)
{
    return n_latencies ? (double)latencies[(size_t)(q * (double)(n_latencies - 1))] : 0;
}

static struct client *free_one(size_t n)
{
    static size_t last;
    for (size_t i = 0; i < n; i++) {
        last = (last + 1) % n;
        if (!clients[last].busy)
            return &clients[last];
    }
    return NULL;
}

static void read_body(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        exit(2);
    body = malloc(32 << 20);
    body_n = fread(body, 1, 32 << 20, f);
    fclose(f);
}

static void wait_a_little(int ms)
{
    struct epoll_event v[64];
    int n = epoll_wait(epoll_fd, v, 64, ms);
    for (int i = 0; i < n; i++) {
        struct client *c = v[i].data.ptr;
        if (c->fd >= 0 && c->busy && v[i].events & EPOLLOUT)
            push_out(c);
        if (c->fd >= 0 && v[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
            pull_in(c);
    }
}

int main(int argc, char **argv)
{
    if (argc != 9)
        return 2;
    port = (int)strtol(argv[1], NULL, 10);
    double rate = strtod(argv[2], NULL), seconds = strtod(argv[3], NULL);
    size_t n = strtoul(argv[4], NULL, 10);
    read_body(argv[5]);
    signature = argv[6];
    long first = strtol(argv[7], NULL, 10), sent = 0, busy = 0;
    acked = fopen(argv[8], "ab");
    latencies = malloc(LATENCIES_MAX * sizeof *latencies);
    if (!acked || !latencies || n == 0 || n > CONNECTIONS_MAX)
        return 2;
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < n; i++)
        clients[i].fd = -1;
    double start = now();
    for (double at = start; at < start + seconds; at = now()) {
        /* one is late when none was free: its time counts from when it was due */
        struct client *c;
        while ((double)sent < (at - start) * rate && (c = free_one(n))) {
            ask(c, first + sent, start + (double)sent / rate);
            sent++;
        }
        wait_a_little(1);
    }
    double took = now() - start;
    for (double until = now() + 10; now() < until;) {
        busy = 0;
        for (size_t i = 0; i < n; i++)
            busy += clients[i].busy;
        if (!busy)
            break;
        wait_a_little(10);
    }
    fclose(acked);
    qsort(latencies, n_latencies, sizeof *latencies, by_value);
    printf("%ld %ld %ld %ld %.2f %.2f %.2f %.2f\n", sent, accepted, refused, failed + busy,
           quantile(0.5), quantile(0.99), quantile(1), took);
    return 0;
}
