/* The rules of one run, of the driver and its extensions: read once, found by position and by id.
 * Results refer to them in every way that SARIF knows. */
#include "sarif_priv.h"

/* FNV-1a from a start that differs per process, so that no report can be made of collisions. */
static size_t hash_of(const struct run *r, struct sco_str s)
{
    uint64_t h = 14695981039346656037u ^ ((uint64_t)(uintptr_t)r->rules.slots >> 4);
    for (size_t i = 0; i < s.n; i++)
        h = (h ^ (unsigned char)s.p[i]) * 1099511628211u;
    return (size_t)(h ^ (h >> 29));
}

/* ---- CWE ------------------------------------------------------------------------------------- */

enum { CWES_MAX = 32 };

struct cwe_list {
    struct sco_str v[CWES_MAX];
    size_t n;
};

/* "CWE-79: text", "external/cwe/cwe-079", "79" (only where a bare number can be nothing else). */
static void add_cwe(struct cwe_list *l, struct sco_str s, int bare)
{
    s = text_trim(s);
    size_t i = 0;
    if (!s.n)
        return;
    if (text_starts_nocase(s, "external/cwe/"))
        i = 13;
    struct sco_str rest = sco_str_make(s.p + i, s.n - i);
    if (text_starts_nocase(rest, "cwe-") || text_starts_nocase(rest, "cwe:"))
        i += 4;
    else if (!bare)
        return;
    while (i + 1 < s.n && s.p[i] == '0')
        i++;
    size_t k = i;
    while (k < s.n && s.p[k] >= '0' && s.p[k] <= '9')
        k++;
    if (k == i || k - i > 5 || l->n == CWES_MAX || (bare && i == 0 && k != s.n))
        return;
    struct sco_str number = sco_str_make(s.p + i, k - i);
    for (size_t j = 0; j < l->n; j++)
        if (sco_str_eq(l->v[j], number))
            return;
    l->v[l->n++] = number;
}

static void add_cwes(struct run *r, struct cwe_list *l, const struct sco_node *v, int bare)
{
    SCO_EACH (c, v) {
        if (c->type != SCO_NODE_MAP) {
            add_cwe(l, sco_text(c), bare);
            continue;
        }
        /* a reportingDescriptorReference or a relationship with one in `target` */
        const struct sco_node *ref = sco_get(c, "target") ? sco_get(c, "target") : c;
        struct sco_str component = sco_text_at(ref, "toolComponent.name");
        struct sco_str id = sco_text(sco_get(ref, "id"));
        if (!id.n)
            add_cwe(l, place_cwe(r, ref), 1);
        add_cwe(l, id, text_starts_nocase(component, "cwe"));
    }
}

/* CWEs of lists in order: relationships, taxa, properties.cwe (bare numbers count), tags. */
struct sco_str_list cwes_of(struct run *r, const struct sco_node *const *sources, size_t n)
{
    struct cwe_list l = {.n = 0};
    for (size_t i = 0; i < n; i++)
        add_cwes(r, &l, sources[i], sources[i] && sco_str_starts(sources[i]->key, "cwe"));
    struct sco_str_list out = {NULL, 0};
    struct sco_str *v = l.n ? r->h->tmp(r->h, l.n * sizeof *v) : NULL;
    if (!v)
        return out;
    memcpy(v, l.v, l.n * sizeof *v);
    out.v = v;
    out.n = l.n;
    return out;
}

static int keep_cwes(struct run *r, struct rule *rule, const struct sco_node *node)
{
    const struct sco_host *h = r->h;
    const struct sco_node *sources[] = {
        sco_get(node, "relationships"), sco_path(node, "properties.cwe"),
        sco_path(node, "properties.cwes"), sco_path(node, "properties.tags")};
    struct sco_str_list l = cwes_of(r, sources, 4);
    struct sco_str *v = l.n ? h->alloc(h, l.n * sizeof *v) : NULL;
    if (l.n && !v)
        return SCO_E_NOMEM;
    for (size_t i = 0; i < l.n; i++)
        v[i] = text_keep(h, l.v[i], 16);
    rule->cwes.v = v;
    rule->cwes.n = l.n;
    return 0;
}

/* ---- one rule -------------------------------------------------------------------------------- */

static int keep_messages(const struct sco_host *h, const struct sco_node *strings,
                         const struct sco_pair **ret, size_t *ret_n)
{
    if (!sco_is(strings, SCO_NODE_MAP) || !strings->n)
        return 0;
    struct sco_pair *v = h->alloc(h, strings->n * sizeof *v);
    if (!v)
        return SCO_E_NOMEM;
    size_t n = 0;
    for (const struct sco_node *c = strings->child; c; c = c->next) {
        struct sco_str text = sco_text(sco_get(c, "text"));
        v[n].key = text_keep(h, c->key, 256);
        v[n++].value = text_keep(h, text.n ? text : sco_text(c), SARIF_RULE_TEXT_MAX);
    }
    *ret = v;
    *ret_n = n;
    return 0;
}

static struct sco_str joined_tags(const struct sco_host *h, const struct sco_node *tags)
{
    char text[512];
    size_t n = 0;
    SCO_EACH (t, tags) {
        struct sco_str s = sco_text(t);
        if (!s.n || text_starts_nocase(s, "external/cwe/") || text_starts_nocase(s, "cwe-") ||
            n + s.n + 2 > sizeof text)
            continue;
        if (n) {
            memcpy(text + n, ", ", 2);
            n += 2;
        }
        memcpy(text + n, s.p, s.n);
        n += s.n;
    }
    return text_keep(h, sco_str_make(text, n), sizeof text);
}

static struct sco_str text_of(const struct sco_node *node, const char *name)
{
    const struct sco_node *v = sco_get(node, name);
    struct sco_str s = sco_text(sco_get(v, "text"));
    if (!s.n)
        s = sco_text(sco_get(v, "markdown"));
    return text_trim(s.n ? s : sco_text(v));
}

static void keep_package(const struct run *r, struct rule *rule, const struct sco_node *node)
{
    struct package p = {0};
    const struct sco_node *purls = sco_path(node, "properties.purls");
    p.purl = sco_text(sco_first(purls));
    classify_package(&p, sco_str_make(NULL, 0), rule->help);
    rule->package.name = text_keep(r->h, p.name, 512);
    rule->package.version = text_keep(r->h, p.version, 256);
    rule->package.fixed = text_keep(r->h, p.fixed, 512);
    rule->package.ecosystem = text_keep(r->h, p.ecosystem, 64);
    rule->package.purl = text_keep(r->h, p.purl, 512);
}

static void keep_severity(const struct sco_host *h, struct rule *rule, const struct sco_node *node)
{
    const struct sco_node *v = sco_path(node, "properties.security-severity");
    rule->score = sco_real(v, -1);
    if (rule->score < 0 || rule->score > 10) {
        rule->score = -1;
        rule->severity_word = text_keep(h, sco_text(v), 64);
    }
    rule->level = text_keep(h, sco_text_at(node, "defaultConfiguration.level"), 16);
    if (!rule->level.n) /* early drafts */
        rule->level = text_keep(h, sco_text_at(node, "configuration.defaultLevel"), 16);
}

/* OSV-Scanner lists the other names of a vulnerability as deprecated ids. */
static void keep_aliases(const struct sco_host *h, struct rule *rule, const struct sco_node *ids)
{
    SCO_EACH (d, ids) {
        uint32_t n = classify_ids(sco_text(d), rule->ids, rule->n_ids);
        for (; rule->n_ids < n; rule->n_ids++)
            rule->ids[rule->n_ids] = text_keep(h, rule->ids[rule->n_ids], 64);
    }
}

static int make_rule(struct run *r, const struct sco_node *node, struct rule *rule)
{
    const struct sco_host *h = r->h;
    rule->id = text_keep(h, text_trim(sco_text(sco_get(node, "id"))), 1024);
    rule->name = text_keep(h, text_of(node, "name"), 512);
    rule->title = text_keep(h, text_of(node, "shortDescription"), 1024);
    struct sco_str description = text_of(node, "fullDescription");
    struct sco_str help = text_of(node, "help");
    if (!sco_str_eq(description, rule->title))
        rule->description = text_keep(h, description, SARIF_RULE_TEXT_MAX);
    if (!sco_str_eq(help, description) && !sco_str_eq(help, rule->title))
        rule->help = text_keep(h, help, SARIF_RULE_TEXT_MAX);
    rule->help_uri = text_keep(h, sco_text(sco_get(node, "helpUri")), 2048);
    rule->precision = text_keep(h, sco_text_at(node, "properties.precision"), 32);
    rule->tags = joined_tags(h, sco_path(node, "properties.tags"));
    keep_severity(h, rule, node);
    keep_package(r, rule, node);
    rule->n_ids = classify_ids(rule->id, rule->ids, 0);
    rule->type = classify_rule(r, rule, sco_path(node, "properties.tags"));
    if (rule->type == SCO_TYPE_SCA)
        keep_aliases(h, rule, sco_get(node, "deprecatedIds"));
    int rc = keep_messages(h, sco_get(node, "messageStrings"), &rule->messages, &rule->n_messages);
    return rc < 0 ? rc : keep_cwes(r, rule, node);
}

static int push(const struct sco_host *h, struct rule_list *l, struct rule *rule)
{
    if (l->n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 64;
        struct rule **v = h->alloc(h, cap * sizeof(struct rule *));
        if (!v)
            return SCO_E_NOMEM;
        if (l->n)
            memcpy(v, l->v, l->n * sizeof(struct rule *));
        l->v = v;
        l->cap = cap;
    }
    l->v[l->n++] = rule;
    return 0;
}

/* ---- lists ----------------------------------------------------------------------------------- */

static int read_list(struct run *r, const struct sco_node *rules, struct rule_list *l,
                     struct sco_errbuf *e)
{
    struct sco_iter *it = NULL;
    const struct sco_node *node = NULL;
    int rc = r->reader && rules ? r->h->data->iter_open(r->reader, rules, &it, e) : 0;
    while (rc >= 0 && it && (rc = r->h->data->iter_next(it, NULL, &node, e)) > 0) {
        if (r->rules.n >= SARIF_RULES_MAX) {
            r->rules.over_limit = 1;
            rc = 0;
            break;
        }
        struct rule *rule = r->h->alloc(r->h, sizeof *rule);
        rc = rule ? make_rule(r, node, rule) : SCO_E_NOMEM;
        if (rc < 0 || (rc = push(r->h, l, rule)) < 0) {
            sco_errf(e, rc, "out of memory for the rules of %.*s", SCO_STR_ARG(r->tool_name));
            break;
        }
        r->rules.n++;
    }
    if (it)
        r->h->data->iter_close(it);
    return rc < 0 ? rc : 0;
}

static int index_ids(struct run *r)
{
    struct rules *s = &r->rules;
    s->n_slots = 16;
    while (s->n_slots < s->n * 2)
        s->n_slots *= 2;
    s->slots = r->h->alloc(r->h, s->n_slots * sizeof(struct rule *));
    if (!s->slots)
        return SCO_E_NOMEM;
    for (size_t k = 0; k < s->n_lists; k++) {
        for (size_t i = 0; i < s->lists[k].n; i++) {
            struct rule *rule = s->lists[k].v[i];
            size_t at = hash_of(r, rule->id) & (s->n_slots - 1);
            while (s->slots[at] && !sco_str_eq(s->slots[at]->id, rule->id))
                at = (at + 1) & (s->n_slots - 1);
            if (!s->slots[at])
                s->slots[at] = rule;
        }
    }
    return 0;
}

static struct rule *find_id(const struct run *r, struct sco_str id)
{
    const struct rules *s = &r->rules;
    if (!s->n || !id.n)
        return NULL;
    for (size_t at = hash_of(r, id) & (s->n_slots - 1); s->slots[at];
         at = (at + 1) & (s->n_slots - 1))
        if (sco_str_eq(s->slots[at]->id, id))
            return s->slots[at];
    return NULL;
}

/* Levels that the invocation set by configuration take the place of the rule's default. */
static void apply_overrides(struct run *r)
{
    SCO_EACH (inv, sco_get(r->node, "invocations")) {
        SCO_EACH (o, sco_get(inv, "ruleConfigurationOverrides")) {
            struct sco_str level = sco_text_at(o, "configuration.level");
            struct rule *rule = find_id(r, sco_text_at(o, "descriptor.id"));
            int64_t index = sco_int_at(o, "descriptor.index", -1);
            if (!rule && r->rules.n_lists && index >= 0 && (size_t)index < r->rules.lists[0].n)
                rule = r->rules.lists[0].v[index];
            if (rule && level.n)
                rule->level = text_keep(r->h, level, 16);
        }
    }
}

int rules_read(struct run *r, struct sco_errbuf *e)
{
    const struct sco_node *tool = sco_get(r->node, "tool");
    const struct sco_node *driver = sco_get(tool, "driver"), *ext = sco_get(tool, "extensions");
    size_t n = 1;
    SCO_EACH (x, ext)
        n++;
    r->rules.lists = r->h->alloc(r->h, n * sizeof *r->rules.lists);
    if (!r->rules.lists)
        return sco_errf(e, SCO_E_NOMEM, "out of memory");
    r->rules.n_lists = n;
    int rc = read_list(r, sco_get(driver, "rules"), &r->rules.lists[0], e);
    size_t i = 1;
    SCO_EACH (x, ext) {
        r->rules.lists[i].name = sco_text(sco_get(x, "name"));
        r->rules.lists[i].guid = sco_text(sco_get(x, "guid"));
        if (rc == 0)
            rc = read_list(r, sco_get(x, "rules"), &r->rules.lists[i], e);
        i++;
    }
    if (rc < 0)
        return rc;
    rc = index_ids(r);
    if (rc == 0)
        rc = keep_messages(r->h, sco_get(driver, "globalMessageStrings"), &r->global_messages,
                           &r->n_global_messages);
    if (rc < 0)
        return sco_errf(e, rc, "out of memory for the rules of %.*s", SCO_STR_ARG(r->tool_name));
    apply_overrides(r);
    return 0;
}

/* ---- finding --------------------------------------------------------------------------------- */

/* The list that a toolComponent reference means: the driver's unless it says otherwise. */
static const struct rule_list *component_of(const struct run *r, const struct sco_node *ref)
{
    const struct sco_node *component = sco_get(ref, "toolComponent");
    int64_t index = sco_int_at(component, "index", -1);
    struct sco_str name = sco_text(sco_get(component, "name"));
    struct sco_str guid = sco_text(sco_get(component, "guid"));
    if (index >= 0 && (size_t)index + 1 < r->rules.n_lists)
        return &r->rules.lists[index + 1];
    for (size_t i = 1; i < r->rules.n_lists; i++)
        if ((guid.n && sco_str_eq(guid, r->rules.lists[i].guid)) ||
            (!guid.n && name.n && sco_str_eq(name, r->rules.lists[i].name)))
            return &r->rules.lists[i];
    return &r->rules.lists[0];
}

/* A result's id may extend its rule's: "CA2101/sub" for the rule "CA2101". */
static int extends(struct sco_str id, struct sco_str rule_id)
{
    return sco_str_eq(id, rule_id) || (rule_id.n && id.n > rule_id.n && id.p[rule_id.n] == '/' &&
                                       memcmp(id.p, rule_id.p, rule_id.n) == 0);
}

const struct rule *rules_find(const struct run *r, const struct sco_node *result,
                              struct sco_str *ret_id)
{
    const struct sco_node *ref = sco_get(result, "rule");
    struct sco_str id = text_trim(sco_text(sco_get(result, "ruleId")));
    if (!id.n)
        id = text_trim(sco_text(sco_get(ref, "id")));
    int64_t index = sco_int(sco_get(result, "ruleIndex"), -1);
    if (index < 0)
        index = sco_int_at(ref, "index", -1);
    const struct rule_list *l = component_of(r, ref);
    const struct rule *rule = index >= 0 && (size_t)index < l->n ? l->v[index] : NULL;
    if (rule && id.n && !extends(id, rule->id))
        rule = NULL; /* the id is what people see: it decides */
    *ret_id = id.n ? id : rule ? rule->id : id;
    for (struct sco_str part = id; !rule && part.n;) {
        rule = find_id(r, part);
        const char *slash = memrchr(part.p, '/', part.n);
        part.n = slash ? (size_t)(slash - part.p) : 0;
    }
    return rule;
}
