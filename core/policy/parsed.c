/* Documents inside strings: JSON and shell text, read once for all policies. The trees go into the
 * arena of the set: it is immutable to all others, these are beside what it holds. */
#include "policy_priv.h"

enum { TEXT_MAX = 1 << 20 };

/* By the node of the string; a text that a script made has no node, and is known by itself. */
static struct sco_str make_key(struct sco_policies *p, const struct sco_iac_node *base,
                               struct sco_str text, enum pl_inside kind)
{
    bool own = base->type == SCO_IAC_STR && base->text == text.p;
    sco_buf_clear(&p->buf);
    sco_buf_addc(&p->buf, kind == PL_JSON ? 'J' : 'S');
    sco_buf_add(&p->buf, sco_str_make((const char *)&base, sizeof base));
    if (!own)
        sco_buf_add(&p->buf, text);
    return sco_buf_str(&p->buf);
}

static int parse(struct sco_policies *p, const struct sco_iac_node *base, struct sco_str text,
                 enum pl_inside kind, struct pl_parsed *ret)
{
    struct sco_iac_set *docs = (struct sco_iac_set *)p->docs;
    struct sco_error why = {0};
    const struct sco_iac_node *root = NULL;
    int r = kind == PL_JSON ? sco_iac_json(docs, base->doc, text, base, &root, &why)
                            : sco_iac_shell(docs, base->doc, text, base, &root, &why);
    if (r == SCO_E_NOMEM)
        return r;
    *ret = (struct pl_parsed){.base = base, .root = r < 0 ? NULL : root, .limit = r == SCO_E_LIMIT};
    if (r < 0 || !root)
        ret->error = sco_arena_cstr(&p->docs_arena, sco_str_c(why.text[0] ? why.text : "empty"));
    return (r < 0 || !root) && !ret->error ? SCO_E_NOMEM : 0;
}

static const struct pl_parsed *find(struct sco_policies *p, const struct sco_iac_node *base,
                                    struct sco_str text, enum pl_inside kind)
{
    struct sco_str key = make_key(p, base, text, kind);
    if (p->buf.failed)
        return NULL;
    struct pl_parsed *x = sco_map_get(&p->parsed_map, key);
    if (x)
        return x;
    void **at = sco_map_put(&p->parsed_map, key, NULL);
    x = sco_arena_alloc(&p->docs_arena, sizeof *x);
    if (!at || !x || parse(p, base, text, kind, x) < 0)
        return NULL;
    *at = x;
    x->next = p->parsed;
    p->parsed = x;
    return x;
}

const struct pl_parsed *pl_inside(lua_State *L, const struct sco_iac_node *base,
                                  struct sco_str text, enum pl_inside kind)
{
    struct sco_policies *p = pl_of(L);
    if (text.n > TEXT_MAX)
        luaL_error(L, "a text of %d bytes is too long to look into: at most %d", (int)text.n,
                   TEXT_MAX);
    pl_work(L, p, 10 + text.n);
    if (p->docs->arena.used > p->docs_start + p->limits.total_memory)
        pl_stop(L, p, PL_MEMORY);
    const struct pl_parsed *x = find(p, base, text, kind);
    if (!x) {
        p->nomem = true;
        pl_stop(L, p, PL_MEMORY);
        return NULL; /* not reached */
    }
    if (x->limit)
        luaL_error(L, "%s", x->error);
    return x;
}
