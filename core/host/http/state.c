/* What is known of servers, from one process to the next: a server that is down is not asked by
 * each new process anew, and a rate holds across them. A small file of text, without secrets:
 *   secureops-http 1
 *   HOST:PORT FAILURES OPEN_UNTIL NEXT     times as Unix milliseconds, 0: none
 * Whatever is odd in it is forgotten. Clocks may have been set: no time reaches beyond what this
 * process would have written. */
#include "http_priv.h"

#include <secureops/fs.h>

#include <fcntl.h>

#define MAGIC "secureops-http 1"

enum { FILE_MAX = 64 << 10, FAILURES_MAX = 1000000, NEXT_MAX_MS = 60000 };

static int64_t to_mono(struct sco_http *c, int64_t unix_ms, int64_t most)
{
    int64_t left = unix_ms - c->clock.unix_ms(c->clock.user);
    if (!unix_ms || left <= 0)
        return 0;
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

void http_state_load(struct sco_http *c)
{
    SCO_AUTO(sco_buf) struct sco_buf text = {0};
    struct sco_str rest, line;
    if (!c->o.state_file ||
        sco_fs_read_regular(AT_FDCWD, c->o.state_file, FILE_MAX, &text, NULL) < 0)
        return;
    rest = sco_buf_str(&text);
    if (!sco_str_split(&rest, '\n', &line) || !sco_str_is(line, MAGIC))
        return;
    while (sco_str_split(&rest, '\n', &line))
        if (line.n)
            take_line(c, line);
}

void http_state_save(struct sco_http *c)
{
    SCO_AUTO(sco_buf) struct sco_buf text = {0};
    if (!c->o.state_file || !c->changed)
        return;
    sco_buf_addz(&text, MAGIC "\n");
    for (size_t i = 0; i < c->n_hosts; i++) {
        const struct http_host *h = &c->hosts[i];
        int64_t until = to_unix(c, h->open_until), next = to_unix(c, h->next_ms);
        uint32_t n = h->failures < FAILURES_MAX ? h->failures : FAILURES_MAX;
        if (n || next)
            sco_buf_addf(&text, "%s %u %lld %lld\n", h->server, n, (long long)until,
                         (long long)next);
    }
    if (!text.failed && sco_fs_write_cache(c->o.state_file, sco_buf_str(&text), NULL) == 0)
        c->changed = false;
}
