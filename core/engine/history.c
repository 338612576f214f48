/* How long each scanner took on each target, so that the next scan starts the longest first. A
 * small JSON file in the cache folder; without it the order is the default, nothing else changes.
 */
#include "engine_priv.h"

enum { HISTORY_MAX = 1 << 20, HISTORY_ENTRIES_MAX = 2000 };

static struct sco_str make_key(struct sco_buf *b, const char *scanner, const char *target)
{
    sco_buf_addf(b, "%s %s", scanner, target);
    return sco_buf_str(b);
}

void history_load(struct history *h, const char *cache_dir)
{
    SCO_AUTO(sco_buf) struct sco_buf path = {0}, text = {0};
    sco_buf_addf(&path, "%s/durations.json", cache_dir);
    h->path = path.failed ? NULL : sco_strdup(sco_buf_str(&path));
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    const struct sco_node *root = NULL;
    if (!h->path || sco_fs_read(h->path, HISTORY_MAX, &text, NULL) < 0 ||
        sco_json_parse(sco_buf_str(&text), &arena, &root, NULL) < 0)
        return;
    for (const struct sco_node *c = root && root->type == SCO_NODE_MAP ? root->child : NULL; c;
         c = c->next) {
        void **slot =
            h->durations.n < HISTORY_ENTRIES_MAX ? sco_map_put(&h->durations, c->key, NULL) : NULL;
        if (slot)
            *slot = (void *)(intptr_t)sco_int(c, 0);
    }
}

int64_t history_get(const struct history *h, const char *scanner, const char *target)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    return (int64_t)(intptr_t)sco_map_get(&h->durations, make_key(&b, scanner, target));
}

void history_put(struct history *h, const char *scanner, const char *target, int64_t ms)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    void **slot = sco_map_put(&h->durations, make_key(&b, scanner, target), NULL);
    if (slot)
        *slot = (void *)(intptr_t)ms;
}

void history_save(struct history *h)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b, .pretty = true};
    struct sco_str key;
    void *value;
    sco_json_begin(&o, '{');
    for (size_t pos = 0; sco_map_next(&h->durations, &pos, &key, &value);) {
        SCO_AUTO(sco_buf) struct sco_buf k = {0};
        sco_buf_add(&k, key);
        sco_json_ki64(&o, sco_buf_z(&k), (int64_t)(intptr_t)value);
    }
    sco_json_end(&o, '}');
    if (h->path && !b.failed && sco_fs_write_cache(h->path, sco_buf_str(&b), NULL) < 0)
        return; /* a read-only cache folder costs the order of the next scan, ignoring */
}

void history_done(struct history *h)
{
    sco_map_done(&h->durations);
    free(h->path);
    *h = (struct history){0};
}
