/* Aliases, merge keys and repeated keys. An alias is a copy of the anchored node that shares its
 * children, so following it costs one node of memory; what it would cost a reader who walks the
 * whole tree is counted against SCO_IAC_ALIAS_NODES_MAX. */
#include "yaml_priv.h"

/* Counts the nodes below v, aliases followed, up to what is left of the budget. */
static int count(struct iac_yaml *y, const struct sco_iac_node *v, uint32_t pos, uint32_t depth)
{
    if (++y->alias_nodes > SCO_IAC_ALIAS_NODES_MAX)
        return iac_yaml_fault(y, SCO_E_LIMIT, pos,
                              "aliases add more than %d nodes (SCO_IAC_ALIAS_NODES_MAX)",
                              SCO_IAC_ALIAS_NODES_MAX);
    if (v->type != SCO_IAC_MAP && v->type != SCO_IAC_LIST)
        return 0;
    if (depth >= SCO_IAC_DEPTH_MAX)
        return iac_yaml_fault(y, SCO_E_LIMIT, pos, "nested deeper than %d (SCO_IAC_DEPTH_MAX)",
                              SCO_IAC_DEPTH_MAX);
    for (uint32_t i = 0; i < v->n; i++) {
        const struct sco_iac_node *c = v->type == SCO_IAC_MAP ? &v->member[i].value : &v->item[i];
        int r = count(y, c, pos, depth + 1);
        if (r < 0)
            return r;
    }
    return 0;
}

int iac_yaml_alias(struct iac_yaml *y, struct sco_str name, uint32_t pos, uint32_t depth,
                   struct sco_iac_node *ret)
{
    const struct iac_anchor *a = sco_map_get(&y->anchors, name);
    if (!a)
        return iac_yaml_fault(y, SCO_E_PARSE, pos, "no anchor &%.80s before this alias", name.p);
    if (!a->complete)
        return iac_yaml_fault(y, SCO_E_PARSE, pos, "*%.80s contains itself", name.p);
    int r = count(y, &a->node, pos, depth);
    if (r < 0)
        return r;
    *ret = a->node;
    ret->flags |= SCO_IAC_ALIASED;
    return 0;
}

/* ---- merge keys ---- */
/* Adds the members of `from` that the map does not have yet. */
static int merge_map(struct iac_yaml *y, const struct sco_iac_node *from, uint32_t pos,
                     uint64_t stamp)
{
    if (from->type != SCO_IAC_MAP)
        return iac_yaml_fault(y, SCO_E_PARSE, pos, "only maps can be merged with <<, this is a %s",
                              sco_iac_type_name(from->type));
    for (uint32_t i = 0; i < from->n; i++) {
        struct sco_iac_member m = from->member[i];
        if (iac_stamp(m.key, stamp))
            continue;
        int r = count(y, &m.value, pos, 0);
        if (r < 0)
            return r;
        m.value.flags |= SCO_IAC_ALIASED;
        if (SCO_VEC_PUSH(y->members.v, y->members.n, y->members.cap) < 0)
            return sco_error_nomem(y->err);
        y->members.v[y->members.n++] = m;
    }
    return 0;
}

static int merge(struct iac_yaml *y, const struct sco_iac_node *from, uint32_t pos, uint64_t stamp)
{
    if (from->type != SCO_IAC_LIST)
        return merge_map(y, from, pos, stamp);
    int r = 0;
    for (uint32_t i = 0; i < from->n && r == 0; i++)
        r = merge_map(y, &from->item[i], pos, stamp);
    return r;
}

/* Explicit members beat merged ones, of merged ones the earlier wins: the explicit keys are marked,
 * then what is not marked yet is added behind them. */
static int merge_keys(struct iac_yaml *y, size_t first)
{
    uint64_t stamp = iac_stamp_new(y->s);
    size_t n = y->members.n;
    int r = 0;
    for (size_t i = first; i < n; i++)
        if (y->members.v[i].key != iac_merge_key)
            iac_stamp(y->members.v[i].key, stamp);
    for (size_t i = first; i < n && r == 0; i++) {
        if (y->members.v[i].key != iac_merge_key)
            continue;
        struct sco_iac_node from = y->members.v[i].value; /* the vector may move */
        r = merge(y, &from, y->members.v[i].key_pos, stamp);
    }
    if (r < 0)
        return r;
    size_t left = first;
    for (size_t i = first; i < y->members.n; i++)
        if (y->members.v[i].key != iac_merge_key)
            y->members.v[left++] = y->members.v[i];
    y->members.n = left;
    return 0;
}

int iac_yaml_map(struct iac_yaml *y, size_t first, struct iac_span at, struct sco_iac_node *ret)
{
    const char *repeated = NULL;
    int r = 0;
    for (size_t i = first; i < y->members.n; i++) {
        if (y->members.v[i].key == iac_merge_key) {
            r = merge_keys(y, first);
            break;
        }
    }
    if (r < 0)
        return r;
    r = iac_seal_map(y->s, y->members.v ? y->members.v + first : NULL, y->members.n - first, at,
                     ret, &repeated);
    y->members.n = first;
    if (r == 0 && repeated)
        r = iac_note_repeated(y->s, ret, repeated);
    return r < 0 ? iac_yaml_limit(y, r, at.pos) : 0;
}
