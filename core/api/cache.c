/* Two small caches of the loop: who a token is (5 s), and replies of reads (1 s, and until anything
 * is changed through this node). They are why a small read costs no thread and no query. */
#include "server_priv.h"

#include <stdlib.h>

enum {
    PRINCIPALS = 4096, /* slots, direct-mapped: a token that meets another one takes its place */
    REPLIES_MAX = 1024,
    REPLIES_BYTES = 16 << 20,
    REPLY_MAX = 64 << 10,
    REPLY_MS = 1000,
};

struct api_principals {
    struct principal *slots[PRINCIPALS];
};

struct api_principals *api_principals_new(void)
{
    return sco_alloc(1, sizeof(struct api_principals));
}

struct principal *api_principal_unref(struct principal *p)
{
    if (p && --p->refs == 0) {
        sco_arena_done(&p->arena);
        free(p);
    }
    return NULL;
}

void api_principals_forget(struct api_principals *p)
{
    for (size_t i = 0; i < PRINCIPALS; i++)
        p->slots[i] = api_principal_unref(p->slots[i]);
}

struct api_principals *api_principals_free(struct api_principals *p)
{
    if (p)
        api_principals_forget(p);
    free(p);
    return NULL;
}

static struct principal **slot(struct api_principals *p, const uint8_t digest[32])
{
    return &p->slots[(digest[0] | digest[1] << 8) % PRINCIPALS];
}

struct principal *api_principals_get(struct api_principals *p, const uint8_t digest[32],
                                     int64_t now)
{
    struct principal **at = slot(p, digest);
    if (!*at || memcmp((*at)->digest, digest, 32) != 0)
        return NULL;
    if ((*at)->until <= now) {
        *at = api_principal_unref(*at);
        return NULL;
    }
    (*at)->refs++;
    return *at;
}

void api_principals_put(struct api_principals *p, struct principal *who)
{
    struct principal **at = slot(p, who->digest);
    api_principal_unref(*at);
    who->refs++;
    *at = who;
}

struct api_replies {
    struct sco_map map;
    size_t bytes;
    uint64_t generation;
};

struct api_replies *api_replies_new(void)
{
    return sco_alloc(1, sizeof(struct api_replies));
}

static void drop_replies(struct api_replies *r)
{
    size_t pos = 0;
    void *v;
    while (sco_map_next(&r->map, &pos, NULL, &v)) {
        struct cached_reply *c = v;
        if (!c)
            continue;
        sco_buf_done(&c->head);
        sco_buf_done(&c->body);
        free(c);
    }
    sco_map_done(&r->map);
    memset(&r->map, 0, sizeof r->map);
    r->bytes = 0;
}

struct api_replies *api_replies_free(struct api_replies *r)
{
    if (r)
        drop_replies(r);
    free(r);
    return NULL;
}

void api_replies_forget(struct api_replies *r)
{
    r->generation++;
    if (r->map.n)
        drop_replies(r);
}

uint64_t api_replies_generation(const struct api_replies *r)
{
    return r->generation;
}

struct cached_reply *api_replies_get(struct api_replies *r, struct sco_str key, int64_t now)
{
    struct cached_reply *c = sco_map_get(&r->map, key);
    return c && c->until > now ? c : NULL;
}

struct cached_reply *api_replies_put(struct api_replies *r, struct sco_str key, size_t size,
                                     int64_t now)
{
    if (size > REPLY_MAX)
        return NULL;
    if (r->map.n >= REPLIES_MAX || r->bytes + size > REPLIES_BYTES)
        drop_replies(r);
    void **place = sco_map_put(&r->map, key, NULL);
    if (!place)
        return NULL;
    struct cached_reply *c = *place ? *place : sco_alloc(1, sizeof *c);
    *place = c;
    if (!c)
        return NULL;
    sco_buf_clear(&c->head);
    sco_buf_clear(&c->body);
    c->until = now + REPLY_MS;
    r->bytes += size;
    return c;
}
