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
static const struct iac_overlay_rules rules = {.join = joined, .drop = dropped};

/* The service with what it extends. A service of another file is noted: what it sets is not known.
 */
static int resolve(struct sco_iac_set *s, uint32_t doc, const struct sco_iac_node *services,
                   const struct sco_iac_node *service, unsigned level, struct sco_iac_node *ret)
{
    const struct sco_iac_node *extends = sco_iac_get(service, "extends");
    struct sco_str name = sco_iac_text(extends), file = {NULL, 0};
    *ret = *service;
    if (!extends)
        return 0;
    if (extends->type == SCO_IAC_MAP) {
        name = sco_iac_text(sco_iac_get(extends, "service"));
        file = sco_iac_text(sco_iac_get(extends, "file"));
    }
    if (file.n &&
        !sco_str_eq(sco_path_base(file), sco_path_base(sco_str_c(s->docs[doc].text->file_path))))
        return iac_doc_note(s, doc, "extends %.*s of %.*s: what that file sets is not known",
                            (int)name.n, name.p, (int)file.n, file.p);
    const struct sco_iac_node *base = sco_iac_get_str(services, name);
    if (!sco_iac_is(base, SCO_IAC_MAP) || level >= EXTENDS_MAX)
        return iac_doc_note(s, doc, "extends %.*s: %s", (int)name.n, name.p,
                            base ? "in a circle" : "there is no such service");
    struct sco_iac_node resolved;
    int r = resolve(s, doc, services, base, level + 1, &resolved);
    return r < 0 ? r : iac_overlay(s, &resolved, service, &rules, ret);
}

struct section {
    const char *key, *selector, *type;
};

static int add_section(struct sco_iac_set *s, uint32_t doc, uint32_t parent,
                       const struct section *section, const struct sco_iac_node *map)
{
    const char *const selectors[] = {section->selector, NULL};
    bool services = strcmp(section->key, "services") == 0;
    for (uint32_t i = 0; sco_iac_is(map, SCO_IAC_MAP) && i < map->n; i++) {
        const struct sco_iac_member *m = &map->member[i];
        const struct sco_iac_node *node = &m->value;
        struct sco_iac_node made;
        SCO_AUTO(sco_buf) struct sco_buf name = {0};
        sco_buf_addf(&name, "%s.%s", section->key, m->key);
        int r = name.failed ? SCO_E_NOMEM : 0;
        if (r == 0 && services && node->type == SCO_IAC_MAP) {
            r = resolve(s, doc, map, node, 0, &made);
            if (r == 0 && (made.flags & SCO_IAC_MADE) && !(node = iac_node(s, made)))
                r = SCO_E_NOMEM;
        }
        if (r == 0)
            r = iac_resource(s, doc, selectors, section->type, sco_buf_z(&name), node, parent,
                             NULL);
        if (r < 0)
            return r;
    }
    return 0;
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
