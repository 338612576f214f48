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

int http_breaker_ask(struct sco_http *c, struct http_host *h, struct sco_error *err)
{
    if (!h || !h->open_until)
        return 0;
    int64_t left = h->open_until - c->clock.mono_ms(c->clock.user);
    if (left > 0)
        return sco_error_set(err, SCO_E_NETWORK,
                             "%s failed %u times in a row; it is asked again in %lld s", h->server,
                             h->failures, (long long)((left + 999) / 1000));
    h->trying = true;
    return 0;
}

void http_breaker_tell(struct sco_http *c, struct http_host *h, bool failed)
{
    if (!h)
        return;
    c->changed |= failed || h->failures;
    if (!failed) {
        h->failures = 0;
        h->open_until = 0;
        h->trying = false;
        return;
    }
    if (h->failures < UINT32_MAX)
        h->failures++;
    if (h->trying || h->failures >= c->o.break_after)
        h->open_until = c->clock.mono_ms(c->clock.user) + c->o.break_ms;
    h->trying = false;
    http_state_save(c); /* at once: the process may be ended */
}

int http_rate_wait(struct sco_http *c, struct http_host *h, double per_second,
                   struct sco_error *err)
{
    if (!h || !(per_second > 0))
        return 0;
    int64_t gap = per_second < 1000 ? (int64_t)(1000 / per_second) : 1;
    int64_t now = c->clock.mono_ms(c->clock.user);
    int r = h->next_ms > now ? http_pause(c, h->next_ms - now, err) : 0;
    h->next_ms = c->clock.mono_ms(c->clock.user) + gap;
    c->changed = true;
    return r;
}
