/* Scanners that are described by a text instead of by a plugin of their own: the engine has checked
 * the text and hands it over with the job (SCO_MSG_JOB), beside the one plugin that runs and parses
 * for all of them. What that plugin says of itself gives way to the text; the plugin gets the text
 * as its option "descriptor". */
#include "host_priv.h"

enum {
    SNIFF_BASE = 50,
    SNIFF_EACH = 5,
    SNIFF_MOST = 75, /* below what plugins give to a report that they surely know */
};

static int text(struct sco_worker *w, const struct sco_node *map, const char *key, const char **ret)
{
    struct sco_str s = sco_text(sco_get(map, key));
    *ret = s.p ? sco_arena_cstr(&w->arena, s) : NULL;
    return s.p && !*ret ? SCO_E_NOMEM : 0;
}

static int texts(struct sco_worker *w, const struct sco_node *map, const char *key,
                 const char *const **ret)
{
    const struct sco_node *list = sco_get(map, key);
    size_t n = 0;
    *ret = NULL;
    if (!sco_is(list, SCO_NODE_LIST))
        return 0;
    const char **v = sco_arena_alloc(&w->arena, (list->n + 1u) * sizeof *v);
    SCO_EACH (c, list)
        if (v && !(v[n++] = sco_arena_cstr(&w->arena, sco_text(c))))
            return SCO_E_NOMEM;
    *ret = v;
    return v ? 0 : SCO_E_NOMEM;
}

int host_describe(struct sco_worker *w, const char *json, struct sco_loaded_plugin *p,
                  const struct sco_node **ret, struct sco_error *err)
{
    const struct sco_node *root = NULL;
    int r = sco_json_parse(sco_str_c(json), &w->arena, &root, err);
    if (r < 0)
        return sco_error_prefix(err, "job: descriptor");
    const struct sco_node *m = sco_get(root, "scanner");
    if (text(w, m, "name", &p->plugin.name) < 0 || text(w, m, "title", &p->scanner.title) < 0 ||
        text(w, m, "install", &p->scanner.install) < 0 ||
        texts(w, m, "programs", &p->scanner.programs) < 0 ||
        texts(w, m, "version_args", &p->scanner.version_args) < 0)
        return sco_error_nomem(err);
    if (!p->plugin.name)
        return sco_error_set(err, SCO_E_FORMAT, "job: descriptor: expected a name");
    p->scanner.targets = sco_target_bits(sco_get(m, "targets"));
    *ret = root;
    return 0;
}

uint32_t host_described_sniff(const struct sco_node *descriptor, const struct sco_probe *probe)
{
    const struct sco_node *keys = sco_path(descriptor, "sniff.keys"), *map = probe->root;
    uint32_t score = SNIFF_BASE;
    if (!keys || probe->format != SCO_PROBE_JSON)
        return 0;
    if (sco_is(map, SCO_NODE_LIST)) /* of a list, the first item tells */
        map = sco_first(map);
    SCO_EACH (k, keys) {
        const struct sco_node *c = sco_is(map, SCO_NODE_MAP) ? map->child : NULL;
        while (c && !sco_str_eq(c->key, sco_text(k)))
            c = c->next;
        if (!c)
            return 0;
        score += SNIFF_EACH;
    }
    return score < SNIFF_MOST ? score : SNIFF_MOST;
}

const struct sco_node *host_described_options(struct sco_worker *w, const char *json)
{
    struct sco_node *map = sco_arena_alloc(&w->arena, 2 * sizeof *map);
    if (!map)
        return NULL;
    map[0] = (struct sco_node){.type = SCO_NODE_MAP, .n = 1, .child = &map[1]};
    map[1] = (struct sco_node){
        .type = SCO_NODE_STR, .key = SCO_STR("descriptor"), .text = sco_str_c(json)};
    return map;
}
