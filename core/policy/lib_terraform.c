/* terraform: what the configuration of a plan says beside the values: references, and who refers to
 * whom. The entries of a plan carry both (`references`, `configured`). */
#include "policy_priv.h"

#include <stdlib.h>

static int t_references(lua_State *L)
{
    const struct sco_iac_node *list =
        sco_iac_get(sco_iac_get(pl_node(L, 1), "references"), luaL_checkstring(L, 2));
    lua_newtable(L);
    for (uint32_t i = 0; list && list->type == SCO_IAC_LIST && i < list->n; i++) {
        pl_push(L, &list->item[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

static int t_configured(lua_State *L)
{
    const struct sco_iac_node *v =
        sco_iac_get(sco_iac_get(pl_node(L, 1), "configured"), luaL_checkstring(L, 2));
    lua_pushboolean(L, v != NULL);
    return 1;
}

/* ---- referrers ---- */
struct referrer {
    const struct sco_iac_node *node;
    const struct sco_iac_node *references; /* of the argument */
    struct referrer *next;
};

static bool has_selector(const struct sco_iac_resource *r, const char *type)
{
    for (const char *const *s = r->selectors; *s; s++)
        if (strncmp(*s, "terraform:", 10) == 0 && strcmp(*s + 10, type) == 0)
            return true;
    return false;
}

/* "Rtype\0attribute\0address" in p->buf: to whom it leads. "Dtype\0attribute\0": that it is done.
 * Scripts and documents choose the parts: none of them holds a zero but the last. */
static struct sco_str make_key(struct sco_policies *p, char kind, const char *type,
                               const char *attribute, struct sco_str address)
{
    sco_buf_clear(&p->buf);
    sco_buf_addc(&p->buf, kind);
    sco_buf_add(&p->buf, sco_str_make(type, strlen(type) + 1));
    sco_buf_add(&p->buf, sco_str_make(attribute, strlen(attribute) + 1));
    sco_buf_add(&p->buf, address);
    return sco_buf_str(&p->buf);
}

static int add(struct sco_policies *p, const char *type, const char *attribute,
               const struct sco_iac_node *node, const struct sco_iac_node *references)
{
    for (uint32_t i = 0; references && references->type == SCO_IAC_LIST && i < references->n; i++) {
        struct sco_str address = sco_iac_text(&references->item[i]);
        struct referrer *r = sco_arena_alloc(&p->docs_arena, sizeof *r);
        struct sco_str key = make_key(p, 'R', type, attribute, address);
        void **at = r && !p->buf.failed ? sco_map_put(&p->referrers, key, NULL) : NULL;
        if (!at)
            return SCO_E_NOMEM;
        *r = (struct referrer){node, references, *at};
        if (!*at || ((struct referrer *)*at)->node != node)
            *at = r;
    }
    return 0;
}

/* Notes who refers to what by this argument, once for all resources of the type. */
static int index_type(struct sco_policies *p, const char *type, const char *attribute)
{
    struct sco_str key = make_key(p, 'D', type, attribute, sco_str_c(""));
    void **at = p->buf.failed ? NULL : sco_map_put(&p->referrers, key, NULL);
    if (!at)
        return SCO_E_NOMEM;
    if (*at)
        return 0;
    *at = p;
    for (size_t i = p->docs->n_resources; i-- > 0;) { /* lists grow at the front */
        const struct sco_iac_resource *r = &p->docs->resources[i];
        if (has_selector(r, type) &&
            add(p, type, attribute, r->node,
                sco_iac_get(sco_iac_get(r->node, "references"), attribute)) < 0)
            return SCO_E_NOMEM;
    }
    return 0;
}

/* Without the index of count or for_each at its end. */
static struct sco_str without_index(struct sco_str s)
{
    if (!s.n || s.p[s.n - 1] != ']')
        return s;
    bool quoted = s.n > 1 && s.p[s.n - 2] == '"';
    const char *at = NULL;
    for (size_t i = s.n - 1; i-- > 0 && !at;)
        if (s.p[i] == '[' && (!quoted || s.p[i + 1] == '"'))
            at = s.p + i;
    return at ? sco_str_make(s.p, (size_t)(at - s.p)) : s;
}

/* Whether the references name one instance of `base`: then the others are not meant. */
static bool names_instance(const struct sco_iac_node *references, struct sco_str base)
{
    for (uint32_t i = 0; i < references->n; i++) {
        struct sco_str s = sco_iac_text(&references->item[i]);
        if (s.n > base.n && s.p[base.n] == '[' && memcmp(s.p, base.p, base.n) == 0)
            return true;
    }
    return false;
}

/* LJMP: the resources that refer to the address, or to all instances of it. */
static int push_referrers(lua_State *L, struct sco_policies *p, const char *type,
                          const char *attribute, struct sco_str address)
{
    struct sco_str base = without_index(address);
    make_key(p, 'R', type, attribute, address);
    pl_check_buf(L, &p->buf);
    const struct referrer *exact =
        sco_map_get(&p->referrers, make_key(p, 'R', type, attribute, address));
    const struct referrer *all =
        base.n == address.n ? NULL
                            : sco_map_get(&p->referrers, make_key(p, 'R', type, attribute, base));
    size_t n = 0;
    for (const struct referrer *r = exact; r; r = r->next)
        n++;
    for (const struct referrer *r = all; r; r = r->next)
        n += !names_instance(r->references, base);
    pl_work(L, p, n);
    struct pl_list *list = pl_list_new(L, n);
    n = 0;
    for (const struct referrer *r = exact; r; r = r->next)
        list->v[n++] = r->node;
    for (const struct referrer *r = all; r; r = r->next)
        if (!names_instance(r->references, base))
            list->v[n++] = r->node;
    return 1;
}

static int t_referrers(lua_State *L)
{
    struct sco_policies *p = pl_of(L);
    const struct sco_iac_node *v = pl_node(L, 1);
    const char *type = luaL_checkstring(L, 2), *attribute = luaL_checkstring(L, 3);
    if (!p->run.resource || !p->policies[p->run.policy].project)
        return luaL_error(L, "terraform.referrers() needs scope = \"project\" in the policy");
    if (index_type(p, type, attribute) < 0) {
        p->nomem = true;
        pl_stop(L, p, PL_MEMORY);
    }
    return push_referrers(L, p, type, attribute, sco_iac_text(sco_iac_get(v, "address")));
}

void pl_open_terraform(lua_State *L)
{
    static const luaL_Reg funcs[] = {{"references", t_references},
                                     {"configured", t_configured},
                                     {"referrers", t_referrers},
                                     {NULL, NULL}};
    pl_library(L, "terraform", funcs);
}
