/* What is known of servers, from one process to the next: a server that is down is not asked by
 * each new process anew, and a rate holds across them. A small file of text, without secrets:
 *   secureops-http 1
 *   HOST:PORT FAILURES OPEN_UNTIL NEXT     times as Unix milliseconds, 0: none
 * Processes use it at the same time: each change is made to what the file says then, under a lock
 * that is held for nothing else. Whatever is odd in it is forgotten. Clocks may have been set: no
 * time reaches beyond what this process would have written. */
#include "http_priv.h"

#include <secureops/fs.h>

#include <fcntl.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#define MAGIC "secureops-http 1"

enum { LOCK_TRIES = 200, LOCK_PAUSE_NS = 5000000 };
enum { FILE_MAX = 64 << 10, FAILURES_MAX = 1000000, NEXT_MAX_MS = 60000 };

static int64_t to_mono(struct sco_http *c, int64_t unix_ms, int64_t most)
{
    int64_t left = unix_ms - c->clock.unix_ms(c->clock.user);
    if (!unix_ms || left <= 0)
        return 0;
    c->odd_clock |= left > most; /* the file is to say the nearer time, or it never comes */
    return c->clock.mono_ms(c->clock.user) + (left < most ? left : most);
}

static int64_t to_unix(struct sco_http *c, int64_t mono_ms)
{
    int64_t left = mono_ms - c->clock.mono_ms(c->clock.user);
    return mono_ms && left > 0 ? c->clock.unix_ms(c->clock.user) + left : 0;
}

static void take_line(struct sco_http *c, struct sco_str line)
{
    struct sco_str server, failures, open_until;
    char name[512];
    int64_t n, until, next;
    if (!sco_str_split(&line, ' ', &server) || !sco_str_split(&line, ' ', &failures) ||
        !sco_str_split(&line, ' ', &open_until) || server.n >= sizeof name || !server.n ||
        sco_parse_i64(failures, 0, FAILURES_MAX, &n) < 0 ||
        sco_parse_i64(open_until, 0, INT64_MAX, &until) < 0 ||
        sco_parse_i64(line, 0, INT64_MAX, &next) < 0)
        return;
    snprintf(name, sizeof name, "%.*s", SCO_STR_ARG(server));
    struct http_host *h = http_host_get(c, name);
    if (!h)
        return;
    h->failures = (uint32_t)n;
    h->open_until = to_mono(c, until, c->o.break_ms);
    h->next_ms = to_mono(c, next, NEXT_MAX_MS);
    if (n >= c->o.break_after && !h->open_until) /* it was open: one request tries */
        h->open_until = c->clock.mono_ms(c->clock.user);
}

static void load(struct sco_http *c)
{
    SCO_AUTO(sco_buf) struct sco_buf text = {0};
    struct sco_str rest, line;
    int r = sco_fs_read_regular(AT_FDCWD, c->o.state_file, FILE_MAX, &text, NULL);
    if (r < 0 && r != SCO_E_NOT_FOUND)
        return;
    for (size_t i = 0; i < c->n_hosts; i++) {
        c->hosts[i].failures = 0;
        c->hosts[i].open_until = c->hosts[i].next_ms = 0;
    }
    rest = sco_buf_str(&text);
    if (!sco_str_split(&rest, '\n', &line) || !sco_str_is(line, MAGIC))
        return;
    while (sco_str_split(&rest, '\n', &line))
        if (line.n)
            take_line(c, line);
}

static int save(struct sco_http *c)
{
    SCO_AUTO(sco_buf) struct sco_buf text = {0};
    sco_buf_addz(&text, MAGIC "\n");
    for (size_t i = 0; i < c->n_hosts; i++) {
        const struct http_host *h = &c->hosts[i];
        int64_t until = to_unix(c, h->open_until), next = to_unix(c, h->next_ms);
        uint32_t n = h->failures < FAILURES_MAX ? h->failures : FAILURES_MAX;
        if (n || next)
            sco_buf_addf(&text, "%s %u %lld %lld\n", h->server, n, (long long)until,
                         (long long)next);
    }
    return text.failed ? SCO_E_NOMEM
                       : sco_fs_write_cache(c->o.state_file, sco_buf_str(&text), NULL);
}

/* One that was stopped with the lock does not stop the others. -1: without it. */
static int lock(const struct sco_http *c)
{
    SCO_AUTO(sco_buf) struct sco_buf path = {0};
    sco_buf_addf(&path, "%s.lock", c->o.state_file);
    int fd = path.failed ? -1
                         : open(sco_buf_z(&path),
                                O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    for (int i = 0; fd >= 0 && i < LOCK_TRIES && flock(fd, LOCK_EX | LOCK_NB) < 0; i++)
        nanosleep(&(struct timespec){.tv_nsec = LOCK_PAUSE_NS}, NULL);
    return fd;
}

int http_state_begin(struct sco_http *c)
{
    if (!c->o.state_file)
        return -1;
    int fd = lock(c);
    load(c);
    return fd;
}

void http_state_end(struct sco_http *c, int fd, bool changed)
{
    changed |= c->odd_clock;
    c->odd_clock = false;
    if (changed && c->o.state_file && save(c) < 0)
        c->o.state_file = NULL; /* from here on we know what we have seen ourselves */
    if (fd >= 0)
        close(fd);
}
