/* Compose files: variables, `extends` within the file, and what the file declares. */
#include <secureops/fs.h>
#include "set_priv.h"

enum { EXTENDS_MAX = 20 };

/* Lists that `extends` joins; of all others the upper one counts. */
static const char *const joined[] = {"ports",      "expose",  "external_links", "dns",
                                     "dns_search", "tmpfs",   "cap_add",        "cap_drop",
                                     "devices",    "volumes", "environment",    "labels",
                                     "secrets",    "configs", "security_opt",   NULL};
static const char *const dropped[] = {"extends", NULL};
static const struct iac_overlay_rules rules = {.join = joined, .drop = dropped, .tags = true};

/* What `extends` looks into. */
struct services {
    struct sco_iac_set *s;
    uint32_t doc;
    struct sco_map names; /* const struct sco_iac_node * */
};

static bool is_same_file(const struct services *o, struct sco_str file)
{
    while (sco_str_starts(file, "./"))
        file = sco_str_make(file.p + 2, file.n - 2);
    return !file.n ||
           sco_str_eq(file, sco_path_base(sco_str_c(o->s->docs[o->doc].text->file_path)));
}

/* ---- booleans ---- */
static int truth(struct sco_str s) /* -1: neither */
{
    static const char *const yes[] = {"true", "1", "t", "y", "yes", "on"};
    static const char *const no[] = {"false", "0", "f", "n", "no", "off"};
    for (size_t i = 0; i < SCO_ARRAY_LEN(yes); i++)
        if (sco_str_is_nocase(s, yes[i]) || sco_str_is_nocase(s, no[i]))
            return sco_str_is_nocase(s, yes[i]);
    return -1;
}

/* Compose makes booleans of text where it wants booleans, quoted or not: the `privileged: "true"`
 * of a service is privileged. The tree is still ours alone. */
static void cast_booleans(const struct sco_iac_node *services)
{
    static const char *const keys[] = {"privileged", "read_only",  "init",
                                       "tty",        "stdin_open", "oom_kill_disable"};
    for (uint32_t i = 0; sco_iac_is(services, SCO_IAC_MAP) && i < services->n; i++) {
        for (size_t k = 0; k < SCO_ARRAY_LEN(keys); k++) {
            struct sco_iac_node *v =
                (struct sco_iac_node *)sco_iac_get(&services->member[i].value, keys[k]);
            int is = v && v->type == SCO_IAC_STR ? truth(sco_iac_text(v)) : -1;
            if (is >= 0)
                *v = iac_bool(is, (struct iac_span){v->doc, v->pos, v->end});
        }
    }
}

/* ---- names and values ---- */
/* `environment` and `labels` may be a list of "NAME=value" or a map: both to be merged as maps. */
static int as_map(struct sco_iac_set *s, struct sco_iac_node *list)
{
    SCO_AUTO(iac_members) struct iac_members out = {0};
    struct iac_span at = {list->doc, list->pos, list->end};
    for (uint32_t i = 0; i < list->n; i++) {
        const struct sco_iac_node *item = &list->item[i];
        struct sco_str text = sco_iac_text(item), name = text;
        struct sco_iac_node value = iac_null((struct iac_span){item->doc, item->pos, item->end});
        const char *eq = text.n ? memchr(text.p, '=', text.n) : NULL;
        if (eq)
            name.n = (size_t)(eq - text.p);
        if (!name.n) /* unknown, or nonsense: kept as a list */
            return 0;
        int r = !eq ? 0
                    : iac_str(s, sco_str_make(eq + 1, text.n - name.n - 1),
                              (struct iac_span){item->doc, item->pos, item->end}, &value);
        value.flags |= SCO_IAC_MADE;
        if (r < 0 || (r = iac_member(s, &out, name, item->pos, value)) < 0)
            return r;
    }
    int r = iac_map(s, &out, at, list, NULL);
    list->flags |= r == 0 ? SCO_IAC_MADE : 0;
    return r;
}

/* Of the upper service where the lower one has a map, and the other way round. */
static int align_key(struct sco_iac_set *s, const char *key, struct sco_iac_node *service,
                     const struct sco_iac_node *other)
{
    const struct sco_iac_node *own = sco_iac_get(service, key);
    SCO_AUTO(iac_members) struct iac_members out = {0};
    if (!service || !sco_iac_is(own, SCO_IAC_LIST) ||
        !sco_iac_is(sco_iac_get(other, key), SCO_IAC_MAP))
        return 0;
    for (uint32_t i = 0; i < service->n; i++) {
        struct sco_iac_member m = service->member[i];
        int r = &service->member[i].value == own ? as_map(s, &m.value) : 0;
        if (r == 0)
            r = iac_member(s, &out, sco_str_make(m.key, m.key_n), m.key_pos, m.value);
        if (r < 0)
            return r;
    }
    return iac_map(s, &out, (struct iac_span){service->doc, service->pos, service->end}, service,
                   NULL);
}

static int overlay(struct sco_iac_set *s, struct sco_iac_node *base,
                   const struct sco_iac_node *service, struct sco_iac_node *ret)
{
    static const char *const keys[] = {"environment", "labels"};
    struct sco_iac_node over = *service;
    int r = 0;
    for (size_t i = 0; r == 0 && i < SCO_ARRAY_LEN(keys); i++) {
        r = align_key(s, keys[i], &over, base);
        if (r == 0)
            r = align_key(s, keys[i], base, &over);
    }
    return r < 0 ? r : iac_overlay(s, base, &over, &rules, ret);
}

/* The service with what it extends. A service of another file is noted: what it sets is not known.
 */
static int resolve(const struct services *o, const struct sco_iac_node *service, unsigned level,
                   struct sco_iac_node *ret)
{
    const struct sco_iac_node *extends = sco_iac_get(service, "extends");
    struct sco_str name = sco_iac_text(extends), file = {NULL, 0};
    if (!service)
        return SCO_E_INTERNAL;
    *ret = *service;
    if (!extends)
        return 0;
    if (extends->type == SCO_IAC_MAP) {
        name = sco_iac_text(sco_iac_get(extends, "service"));
        file = sco_iac_text(sco_iac_get(extends, "file"));
    }
    if (!is_same_file(o, file))
        return iac_doc_note(o->s, o->doc, "extends %.*s of %.*s: what that file sets is not known",
                            (int)name.n, name.p, (int)file.n, file.p);
    const struct sco_iac_node *base = name.n ? sco_map_get(&o->names, name) : NULL;
    if (!sco_iac_is(base, SCO_IAC_MAP) || level >= EXTENDS_MAX)
        return iac_doc_note(o->s, o->doc, "extends %.*s: %s", (int)name.n, name.p,
                            base ? "in a circle" : "there is no such service");
    struct sco_iac_node resolved = {0};
    int r = resolve(o, base, level + 1, &resolved);
    return r < 0 ? r : overlay(o->s, &resolved, service, ret);
}

struct section {
    const char *key, *selector, *type;
};

static int index_names(struct services *o, const struct sco_iac_node *map)
{
    for (uint32_t i = 0; sco_iac_is(map, SCO_IAC_MAP) && i < map->n; i++) {
        struct sco_str name = sco_str_make(map->member[i].key, map->member[i].key_n);
        const void **slot = (const void **)sco_map_put(&o->names, name, NULL);
        if (!slot)
            return SCO_E_NOMEM;
        *slot = &map->member[i].value;
    }
    return 0;
}

static int add_section(struct sco_iac_set *s, uint32_t doc, uint32_t parent,
                       const struct section *section, const struct sco_iac_node *map)
{
    const char *const selectors[] = {section->selector, NULL};
    bool is_services = strcmp(section->key, "services") == 0;
    struct services o = {.s = s, .doc = doc};
    int r = is_services ? index_names(&o, map) : 0;
    for (uint32_t i = 0; r == 0 && sco_iac_is(map, SCO_IAC_MAP) && i < map->n; i++) {
        const struct sco_iac_member *m = &map->member[i];
        const struct sco_iac_node *node = &m->value;
        struct sco_iac_node made = {0};
        SCO_AUTO(sco_buf) struct sco_buf name = {0};
        sco_buf_addf(&name, "%s.%s", section->key, m->key);
        r = name.failed ? SCO_E_NOMEM : 0;
        if (r == 0 && is_services && node->type == SCO_IAC_MAP) {
            r = resolve(&o, node, 0, &made);
            if (r == 0 && (made.flags & SCO_IAC_MADE) && !(node = iac_node(s, made)))
                r = SCO_E_NOMEM;
        }
        if (r == 0)
            r = iac_resource(s, doc, selectors, section->type, sco_buf_z(&name), node, parent,
                             NULL);
    }
    sco_map_done(&o.names);
    return r;
}

/* The first version of the format: services at the top. */
static bool is_version_1(const struct sco_iac_node *root)
{
    if (sco_iac_get(root, "services") || sco_iac_get(root, "version"))
        return false;
    for (uint32_t i = 0; i < root->n; i++)
        if (sco_iac_get(&root->member[i].value, "image") ||
            sco_iac_get(&root->member[i].value, "build"))
            return true;
    return false;
}

int iac_compose(struct sco_iac_set *s, uint32_t doc)
{
    static const char *const selectors[] = {"compose", NULL};
    static const struct section sections[] = {
        {"services", "compose:service", "service"},
        {"networks", "compose:network", "network"},
        {"volumes", "compose:volume", "volume"},
        {"secrets", "compose:secret", "secret"},
    };
    const struct sco_iac_node *root = s->docs[doc].root;
    uint32_t parent;
    int r = iac_interpolate(s, (struct sco_iac_node *)root);
    cast_booleans(is_version_1(root) ? root : sco_iac_get(root, "services"));
    if (r == 0)
        r = iac_resource(s, doc, selectors, "compose", "compose", root, UINT32_MAX, &parent);
    if (r == 0 && sco_iac_get(root, "include"))
        r = iac_doc_note(s, doc, "include: what other files hold is not part of this document");
    if (r == 0 && is_version_1(root))
        return add_section(s, doc, parent, &sections[0], root);
    for (size_t i = 0; r == 0 && i < SCO_ARRAY_LEN(sections); i++)
        r = add_section(s, doc, parent, &sections[i], sco_iac_get(root, sections[i].key));
    return r;
}
