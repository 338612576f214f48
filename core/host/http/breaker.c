/* Which servers are asked at all, and how often: a circuit breaker and a rate for each. */
#include "http_priv.h"

#include <stdlib.h>

struct http_host *http_host_get(struct sco_http *c, const char *server)
{
    for (size_t i = 0; i < c->n_hosts; i++)
        if (strcmp(c->hosts[i].server, server) == 0)
            return &c->hosts[i];
    if (c->n_hosts == HTTP_HOSTS_MAX)
        return NULL;
    struct http_host *h = &c->hosts[c->n_hosts];
    if (!(h->server = sco_strdup(sco_str_c(server))))
        return NULL;
    c->n_hosts++;
    return h;
}

/* Half open, others wait for the one that tries. */
static int ask(struct sco_http *c, struct http_host *h, bool *changed, struct sco_error *err)
{
    int64_t now = c->clock.mono_ms(c->clock.user), left = h->open_until - now;
    if (!h->open_until)
        return 0;
    if (left > 0)
        return sco_error_set(err, SCO_E_NETWORK,
                             "%s failed %u times in a row; it is asked again in %lld s", h->server,
                             h->failures, (long long)((left + 999) / 1000));
    h->trying = *changed = true;
    h->open_until = now + c->o.break_ms;
    return 0;
}

int http_breaker_ask(struct sco_http *c, struct http_host *h, struct sco_error *err)
{
    bool changed = false;
    if (!h)
        return 0;
    int fd = http_state_begin(c), r = ask(c, h, &changed, err);
    http_state_end(c, fd, changed);
    return r;
}

static bool tell(struct sco_http *c, struct http_host *h, bool failed)
{
    bool changed = failed || h->failures;
    if (!failed) {
        h->failures = 0;
        h->open_until = 0;
    } else {
        if (h->failures < UINT32_MAX)
            h->failures++;
        if (h->trying || h->failures >= c->o.break_after)
            h->open_until = c->clock.mono_ms(c->clock.user) + c->o.break_ms;
    }
    h->trying = false;
    return changed;
}

void http_breaker_tell(struct sco_http *c, struct http_host *h, bool failed)
{
    if (!h)
        return;
    int fd = http_state_begin(c);
    http_state_end(c, fd, tell(c, h, failed));
}

void http_breaker_leave(struct sco_http *c, struct http_host *h)
{
    if (!h || !h->trying)
        return;
    int fd = http_state_begin(c);
    h->trying = false;
    if (h->open_until)
        h->open_until = c->clock.mono_ms(c->clock.user);
    http_state_end(c, fd, true);
}

/* A turn is taken, and waited for without the lock. */
int http_rate_wait(struct sco_http *c, struct http_host *h, double per_second,
                   struct sco_error *err)
{
    if (!h || !(per_second > 0))
        return 0;
    int64_t gap = per_second < 1000 ? (int64_t)(1000 / per_second) : 1;
    int fd = http_state_begin(c);
    int64_t now = c->clock.mono_ms(c->clock.user), turn = h->next_ms > now ? h->next_ms : now;
    h->next_ms = turn + gap;
    http_state_end(c, fd, true);
    return turn > now ? http_pause(c, turn - now, err) : 0;
}
