/* One map laid over another, as `extends` of Compose and GitLab do: the members of both, maps in
 * maps again, anything else from the upper one. */
#include "set_priv.h"

static bool listed(const char *const *names, const char *name)
{
    for (; names && *names; names++)
        if (strcmp(*names, name) == 0)
            return true;
    return false;
}

static bool is_tagged(const struct sco_iac_set *s, const struct sco_iac_node *v, const char *tag)
{
    return v->tag && strcmp(s->tags[v->tag - 1], tag) == 0;
}

static struct iac_span span_of(const struct sco_iac_node *v)
{
    return (struct iac_span){v->doc, v->pos, v->end};
}

static int joined(struct sco_iac_set *s, const struct sco_iac_node *base,
                  const struct sco_iac_node *over, struct sco_iac_node *ret)
{
    SCO_AUTO(iac_items) struct iac_items items = {0};
    for (uint32_t i = 0; i < base->n; i++)
        if (iac_item(&items, base->item[i]) < 0)
            return SCO_E_NOMEM;
    for (uint32_t i = 0; i < over->n; i++)
        if (iac_item(&items, over->item[i]) < 0)
            return SCO_E_NOMEM;
    int r = iac_list(s, &items, span_of(over), ret);
    if (r == 0)
        ret->flags |= SCO_IAC_MADE;
    return r;
}

int iac_overlay(struct sco_iac_set *s, const struct sco_iac_node *base,
                const struct sco_iac_node *over, const struct iac_overlay_rules *rules,
                struct sco_iac_node *ret)
{
    SCO_AUTO(iac_members) struct iac_members out = {0};
    uint64_t stamp = iac_stamp_new(s); /* marks the keys of `over`: a walk for each would be slow */
    if (!stamp)
        return SCO_E_NOMEM;
    for (uint32_t i = 0; i < over->n; i++)
        iac_stamp(over->member[i].key, stamp);
    for (uint32_t i = 0; i < base->n; i++) {
        struct sco_iac_member m = base->member[i];
        if (iac_stamp(m.key, stamp) || listed(rules->drop, m.key))
            continue;
        if (SCO_VEC_PUSH(out.v, out.n, out.cap) < 0)
            return SCO_E_NOMEM;
        out.v[out.n++] = m;
    }
    for (uint32_t i = 0; i < over->n; i++) {
        struct sco_iac_member m = over->member[i];
        struct sco_iac_node upper = m.value;
        bool plain = upper.type != SCO_IAC_MAP && upper.type != SCO_IAC_LIST && !upper.tag;
        const struct sco_iac_node *lower =
            plain ? NULL : sco_iac_get_str(base, sco_str_make(m.key, m.key_n));
        int r = 0;
        if (listed(rules->drop, m.key) || (lower && rules->tags && is_tagged(s, &upper, "!reset")))
            continue;
        if (rules->tags && is_tagged(s, &upper, "!override"))
            lower = NULL;
        if (lower && lower->type == SCO_IAC_MAP && upper.type == SCO_IAC_MAP)
            r = iac_overlay(s, lower, &upper, rules, &m.value);
        else if (lower && lower->type == SCO_IAC_LIST && upper.type == SCO_IAC_LIST &&
                 listed(rules->join, m.key))
            r = joined(s, lower, &upper, &m.value);
        if (r < 0 || SCO_VEC_PUSH(out.v, out.n, out.cap) < 0)
            return r < 0 ? r : SCO_E_NOMEM;
        out.v[out.n++] = m;
    }
    int r = iac_map(s, &out, span_of(over), ret, NULL);
    if (r == 0)
        ret->flags |= SCO_IAC_MADE;
    return r;
}
