/* When to try again: pauses that grow and differ, Retry-After, the deadline. */
#include "http_priv.h"

int64_t http_time_left(const struct sco_http *c)
{
    if (!c->o.deadline_mono_ms)
        return INT64_MAX;
    int64_t left = c->o.deadline_mono_ms - c->clock.mono_ms(c->clock.user);
    return left > 0 ? left : 0;
}

int64_t http_retry_after(struct sco_str value, int64_t now_unix_ms)
{
    int64_t seconds;
    char text[128];
    value = sco_str_trim(value);
    if (sco_parse_i64(value, 0, 1000000, &seconds) == 0)
        return seconds * 1000;
    if (!value.n || value.n >= sizeof text)
        return -1;
    memcpy(text, value.p, value.n);
    text[value.n] = 0;
    time_t when = curl_getdate(text, NULL);
    if (when == (time_t)-1)
        return -1;
    int64_t wait = (int64_t)when * 1000 - now_unix_ms;
    return wait > 0 ? wait : 0;
}

int64_t http_backoff(uint32_t attempt, uint32_t random)
{
    int64_t ms = SCO_HTTP_BACKOFF_MS;
    for (uint32_t i = 0; i < attempt && ms < SCO_HTTP_BACKOFF_MAX_MS; i++)
        ms *= 2;
    if (ms > SCO_HTTP_BACKOFF_MAX_MS)
        ms = SCO_HTTP_BACKOFF_MAX_MS;
    return ms / 2 + (int64_t)(random % (uint32_t)(ms / 2 + 1)); /* half of it by chance */
}

int http_pause(struct sco_http *c, int64_t ms, struct sco_error *err)
{
    int64_t left = http_time_left(c);
    if (ms >= left)
        return sco_error_set(err, SCO_E_TIMEOUT, "the deadline comes before the next try");
    int r = c->clock.sleep(c->clock.user, ms);
    return r < 0 ? sco_error_set(err, r, "cancelled while waiting for the next try") : 0;
}
