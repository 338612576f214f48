/* Looking into trees: members, items, paths, pointers. Reads only. */
#include "iac_priv.h"

const struct sco_iac_node *sco_iac_get_str(const struct sco_iac_node *v, struct sco_str key)
{
    if (!v || v->type != SCO_IAC_MAP)
        return NULL;
    for (uint32_t i = 0; i < v->n; i++)
        if (v->member[i].key_n == key.n &&
            (!key.n || memcmp(v->member[i].key, key.p, key.n) == 0)) /* the key may be NULL */
            return &v->member[i].value;
    return NULL;
}

const struct sco_iac_node *sco_iac_get(const struct sco_iac_node *v, const char *key)
{
    return sco_iac_get_str(v, sco_str_c(key));
}

const struct sco_iac_node *sco_iac_at(const struct sco_iac_node *v, size_t i)
{
    return v && v->type == SCO_IAC_LIST && i < v->n ? &v->item[i] : NULL;
}

const struct sco_iac_node *sco_iac_path(const struct sco_iac_node *v, const char *path)
{
    struct sco_str rest = sco_str_c(path), key;
    while (v && sco_str_split(&rest, '.', &key))
        v = sco_iac_get_str(v, key);
    return v;
}

struct sco_str sco_iac_text(const struct sco_iac_node *v)
{
    return v && v->type == SCO_IAC_STR ? sco_str_make(v->text, v->n) : sco_str_make(NULL, 0);
}

bool sco_iac_is(const struct sco_iac_node *v, uint32_t type)
{
    return v && v->type == type;
}

const char *sco_iac_type_name(uint32_t type)
{
    static const char *const names[] = {"null",   "boolean", "integer", "number",
                                        "string", "list",    "map",     "unknown"};
    return type < SCO_ARRAY_LEN(names) ? names[type] : "?";
}

/* ---- pointers ---- */
static void add_key(struct sco_buf *b, struct sco_str key)
{
    for (size_t i = 0; i < key.n; i++) {
        if (key.p[i] == '~' || key.p[i] == '/')
            sco_buf_addz(b, key.p[i] == '~' ? "~0" : "~1");
        else
            sco_buf_addc(b, key.p[i]);
    }
}

static const struct sco_iac_node *child(const struct sco_iac_node *v, uint32_t i)
{
    return v->type == SCO_IAC_MAP ? &v->member[i].value : &v->item[i];
}

/* Nodes do not know their parents: the way down is searched. A child that starts after `to` ends,
 * or ends before it starts, is passed over when `near` (aliases and made nodes break that rule, so
 * a second search looks everywhere). */
static bool find(const struct sco_iac_node *v, const struct sco_iac_node *to, bool near,
                 struct sco_buf *ret)
{
    if (v == to)
        return true;
    if (v->type != SCO_IAC_MAP && v->type != SCO_IAC_LIST)
        return false;
    for (uint32_t i = 0; i < v->n; i++) {
        const struct sco_iac_node *c = child(v, i);
        if (c != to && near && (c->pos > to->pos || c->end < to->end))
            continue;
        size_t before = ret->n;
        sco_buf_addc(ret, '/');
        if (v->type == SCO_IAC_MAP)
            add_key(ret, sco_str_make(v->member[i].key, v->member[i].key_n));
        else
            sco_buf_add_i64(ret, i);
        if (find(c, to, near, ret))
            return true;
        ret->n = before;
    }
    return false;
}

bool sco_iac_pointer(const struct sco_iac_node *from, const struct sco_iac_node *to,
                     struct sco_buf *ret)
{
    return from && to && (find(from, to, true, ret) || find(from, to, false, ret));
}
