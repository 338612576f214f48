/* Token buckets. A bucket that is full again is as good as none: those go when there are many. */
#include "server_priv.h"

#include <stdlib.h>

enum { BUCKETS_MAX = 20000 };

struct bucket {
    double tokens;
    int64_t at; /* ms */
    double rate, burst;
};
struct api_rates {
    struct sco_map map;
};

struct api_rates *api_rates_new(void)
{
    return sco_alloc(1, sizeof(struct api_rates));
}

static void clear(struct api_rates *r)
{
    size_t pos = 0;
    void *v;
    while (sco_map_next(&r->map, &pos, NULL, &v))
        free(v);
    sco_map_done(&r->map);
    memset(&r->map, 0, sizeof r->map);
}

struct api_rates *api_rates_free(struct api_rates *r)
{
    if (!r)
        return NULL;
    clear(r);
    free(r);
    return NULL;
}

static void refill(struct bucket *b, int64_t now)
{
    if (now > b->at)
        b->tokens += (double)(now - b->at) * b->rate / 1000;
    if (b->tokens > b->burst)
        b->tokens = b->burst;
    b->at = now;
}

/* Those that are not full are carried over into a new map: keys of the old one would stay. */
static void sift(struct api_rates *r, int64_t now)
{
    struct sco_map kept = {0};
    size_t pos = 0, n = 0;
    struct sco_str key;
    void *v;
    while (sco_map_next(&r->map, &pos, &key, &v)) {
        struct bucket *b = v;
        refill(b, now);
        void **place =
            b->tokens < b->burst && n < BUCKETS_MAX / 2 ? sco_map_put(&kept, key, NULL) : NULL;
        if (place) {
            *place = b;
            n++;
        } else {
            free(b);
        }
    }
    sco_map_done(&r->map);
    r->map = kept;
}

static struct bucket *find(struct api_rates *r, struct sco_str key, uint32_t rate, uint32_t burst,
                           int64_t now)
{
    if (r->map.n >= BUCKETS_MAX)
        sift(r, now);
    void **place = sco_map_put(&r->map, key, NULL);
    if (!place)
        return NULL;
    struct bucket *b = *place;
    if (!b) {
        b = *place = sco_alloc(1, sizeof *b);
        if (!b)
            return NULL;
        b->tokens = burst;
        b->at = now;
    }
    b->rate = rate;
    b->burst = burst;
    refill(b, now);
    return b;
}

static void tell(const struct bucket *b, struct rate_state *ret)
{
    ret->left = b->tokens > 0 ? (int)b->tokens : 0;
    ret->reset_s = (int64_t)((b->burst - b->tokens) / b->rate + 0.999);
    ret->retry_s = (int64_t)((1 - b->tokens) / b->rate + 0.999);
    if (ret->retry_s < 1)
        ret->retry_s = 1;
}

bool api_rates_peek(struct api_rates *r, struct sco_str key, uint32_t rate, uint32_t burst,
                    int64_t now, struct rate_state *ret)
{
    const struct bucket *b = sco_map_get(&r->map, key);
    if (!b)
        return true;
    b = find(r, key, rate, burst, now);
    if (!b)
        return false;
    tell(b, ret);
    return b->tokens >= 1;
}

bool api_rates_take(struct api_rates *r, struct sco_str key, uint32_t rate, uint32_t burst,
                    int64_t now, struct rate_state *ret)
{
    struct bucket *b = find(r, key, rate, burst, now);
    if (!b) /* no memory to count with: nobody is let in uncounted */
        return false;
    bool ok = b->tokens >= 1;
    if (ok)
        b->tokens -= 1;
    tell(b, ret);
    return ok;
}
