/* Inline skips: whether a comment or annotation takes a fail back. Comments count where the tool
 * that invented them would count them; ours do as Checkov's. */
#include "skip_priv.h"

#include <stdlib.h>

/* ---- ids ---- */
static bool same_id(struct sco_policies *p, struct sco_str id, const char *name)
{
    SCO_AUTO(sco_buf) struct sco_buf a = {0};
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    pl_alias_normal(&a, id);
    pl_alias_normal(&b, sco_str_c(name));
    if (a.failed || b.failed) {
        p->nomem = true;
        return false;
    }
    return id.n <= 128 && memchr(id.p, '*', id.n) ? sco_glob_match(sco_buf_z(&a), sco_buf_str(&b))
                                                  : sco_str_eq(sco_buf_str(&a), sco_buf_str(&b));
}

/* An id as written by the tool: kics leaves its prefix out. */
static bool names(struct sco_policies *p, const struct sco_policy *policy, struct sco_str id,
                  bool kics)
{
    if (!kics && same_id(p, id, policy->id))
        return true;
    for (const char *const *a = policy->aliases; *a; a++) {
        bool prefixed = strncasecmp(*a, "kics:", 5) == 0;
        if (kics ? prefixed && same_id(p, id, *a + 5) : same_id(p, id, *a))
            return true;
    }
    return false;
}

static bool in_list(struct sco_policies *p, const struct sco_policy *policy, struct sco_str ids,
                    bool kics)
{
    struct sco_str id;
    while (sco_str_split(&ids, ',', &id))
        if (id.n && names(p, policy, sco_str_trim(id), kics))
            return true;
    return false;
}

static bool has_kics(const struct sco_policy *policy)
{
    for (const char *const *a = policy->aliases; *a; a++)
        if (strncasecmp(*a, "kics:", 5) == 0)
            return true;
    return false;
}

static bool speaks_of(struct sco_policies *p, const struct skip_comment *c,
                      const struct sco_policy *policy)
{
    if (c->kind == SKIP_KICS && !has_kics(policy))
        return false;
    if (!c->ids.p)
        return true;
    return in_list(p, policy, c->ids, c->kind == SKIP_KICS) != c->others;
}

/* ---- lines ---- */
static struct sco_str line_at(struct sco_str text, size_t pos, size_t *ret_start)
{
    size_t start = pos < text.n ? pos : text.n, end = start;
    while (start && text.p[start - 1] != '\n')
        start--;
    while (end < text.n && text.p[end] != '\n')
        end++;
    *ret_start = start;
    return sco_str_make(text.p + start, end - start);
}

/* The start of the comment lines directly above a line; empty lines too when `blank`. */
static size_t above(struct sco_str text, size_t start, bool blank)
{
    while (start) {
        size_t before;
        struct sco_str line = sco_str_trim(line_at(text, start - 1, &before));
        if (line.n ? *line.p != '#' : !blank)
            break;
        start = before;
    }
    return start;
}

struct range {
    size_t from, to;
};

/* The lines of a resource, with the comments above it and the line of its key. */
static struct range lines_of(const struct sco_policies *p, const struct sco_iac_resource *r)
{
    const struct sco_iac_doc *doc = &p->docs->docs[r->doc];
    struct sco_str text = doc->text->bytes;
    struct range range;
    bool whole = r->node == doc->root;
    line_at(text, r->node->pos, &range.from);
    range.from = above(text, range.from, whole);
    size_t before;
    if (range.from && !whole) {
        struct sco_str key = sco_str_trim(line_at(text, range.from - 1, &before));
        if (key.n && key.p[key.n - 1] == ':')
            range.from = above(text, before, false);
    }
    size_t last = r->node->end, start;
    struct sco_str line = line_at(text, last > r->node->pos ? last - 1 : last, &start);
    range.to = start + line.n;
    while (whole && range.to < text.n) { /* comments after the last line of a document */
        line = line_at(text, range.to + 1, &start);
        struct sco_str words = sco_str_trim(line);
        if (words.n && *words.p != '#')
            break;
        range.to = start + line.n;
    }
    return range;
}

static bool is_in(struct range r, size_t pos)
{
    return pos >= r.from && pos <= r.to;
}

static bool is_ancestor(const struct sco_iac_set *docs, const struct sco_iac_resource *r,
                        size_t ancestor)
{
    size_t i = (size_t)(r - docs->resources);
    while (i != UINT32_MAX && i != ancestor)
        i = docs->resources[i].parent;
    return i == ancestor;
}

/* Whether the comment stands in a resource that is neither r nor around it. */
static bool belongs_elsewhere(const struct sco_policies *p, const struct sco_iac_resource *r,
                              size_t pos)
{
    const struct sco_iac_doc *doc = &p->docs->docs[r->doc];
    for (size_t i = doc->first_resource; i < doc->first_resource + doc->n_resources; i++)
        if (!is_ancestor(p->docs, r, i) && is_in(lines_of(p, &p->docs->resources[i]), pos))
            return true;
    return false;
}

/* In the lines of the resource; or around it, in a part that belongs to no other. */
static bool in_block(const struct sco_policies *p, const struct sco_iac_resource *r, size_t pos)
{
    if (is_in(lines_of(p, r), pos))
        return true;
    for (uint32_t i = r->parent; i != UINT32_MAX; i = p->docs->resources[i].parent)
        if (is_in(lines_of(p, &p->docs->resources[i]), pos))
            return !belongs_elsewhere(p, r, pos);
    return false;
}

/* Directly above a place, or at the end of its line. */
static bool at_place(const struct sco_policies *p, const struct pl_place *at, size_t pos)
{
    struct sco_str text = p->docs->docs[at->resource->doc].text->bytes;
    size_t start;
    line_at(text, at->pos, &start);
    return pos <= start && pos >= above(text, start, false);
}

static size_t indent(struct sco_str line)
{
    size_t n = 0;
    while (n < line.n && (line.p[n] == ' ' || line.p[n] == '\t' || line.p[n] == '-'))
        n++;
    return n;
}

/* The block that starts on the line below the comment: deeper lines belong to it. */
static bool in_next_block(const struct sco_policies *p, const struct skip_comment *c,
                          const struct pl_place *at)
{
    struct sco_str text = p->docs->docs[at->resource->doc].text->bytes;
    size_t start = c->pos, first = 0;
    bool any = false;
    for (; start <= text.n;) {
        size_t same;
        struct sco_str line = line_at(text, start, &same);
        struct sco_str words = sco_str_trim(line);
        bool skip = !words.n || *words.p == '#';
        if (!skip && any && indent(line) <= first)
            return false;
        if (!skip && !any) {
            any = true;
            first = indent(line);
        }
        if (at->pos >= same && at->pos <= same + line.n)
            return any;
        start = same + line.n + 1;
    }
    return false;
}

/* ---- one comment ---- */
static bool is_expired(const struct sco_policies *p, struct sco_str date)
{
    int64_t until, now = p->opt.now_ms;
    if (!date.n)
        return false;
    if (sco_time_parse(date, &until) < 0)
        return true; /* what cannot be read does not skip */
    if (!now && !pl_input_time(p, &now))
        now = sco_now_ms();
    return now > until;
}

static bool applies(struct sco_policies *p, const struct skip_comment *c,
                    const struct sco_policy *policy, const struct pl_place *at)
{
    if (!speaks_of(p, c, policy) || is_expired(p, c->expires))
        return false;
    const struct sco_iac_resource *r = at->resource;
    bool dockerfile = p->docs->docs[r->doc].format == SCO_IAC_FORMAT_DOCKERFILE;
    struct sco_iac_place place;
    switch (c->scope) {
    case SCOPE_FILE:
        return true;
    case SCOPE_LINE:
        sco_iac_place_at(p->docs, r->doc, at->pos, at->end, &place);
        return place.line == c->line || place.line == c->line + 1;
    case SCOPE_NEXT_BLOCK:
        return in_next_block(p, c, at);
    default:
        break;
    }
    if (!dockerfile)
        return in_block(p, r, c->pos);
    if (c->kind == SKIP_CHECKOV)
        return true; /* it knows no blocks there */
    if (at_place(p, at, c->pos))
        return true;
    /* others than hadolint's also for the whole stage or file */
    return c->kind != SKIP_HADOLINT &&
           (is_in(lines_of(p, r), c->pos) || r->node == p->docs->docs[r->doc].root);
}

/* ---- annotations ---- */
static const char *keep(struct sco_policies *p, struct sco_str s)
{
    if (!s.p)
        return NULL;
    const char *z = sco_arena_cstr(&p->run_arena, s);
    if (!z)
        p->nomem = true;
    return z;
}

static bool skips_key(struct sco_str key)
{
    static const char *const marks[] = {"checkov.io/skip", "bridgecrew.io/skip", "cortex.io/skip",
                                        "secureops.io/skip"};
    for (size_t i = 0; i < SCO_ARRAY_LEN(marks); i++)
        if (sco_str_contains(key, marks[i]))
            return true;
    return false;
}

static bool annotated(struct sco_policies *p, const struct sco_policy *policy,
                      const struct sco_iac_resource *r, struct pl_skip *ret)
{
    const struct sco_iac_node *v = sco_iac_path(r->node, "metadata.annotations");
    for (uint32_t i = 0; v && v->type == SCO_IAC_MAP && i < v->n; i++) {
        const struct sco_iac_member *m = &v->member[i];
        struct sco_str text = sco_iac_text(&m->value);
        if (!text.n || !skips_key(sco_str_make(m->key, m->key_n)))
            continue;
        const char *equal = memchr(text.p, '=', text.n);
        size_t n = equal ? (size_t)(equal - text.p) : text.n;
        if (!in_list(p, policy, sco_str_make(text.p, n), false))
            continue;
        ret->reason =
            keep(p, equal ? sco_str_trim(sco_str_make(equal + 1, text.n - n - 1)) : sco_str_c(""));
        ret->expires = NULL;
        return true;
    }
    return false;
}

bool pl_skipped(struct sco_policies *p, const struct sco_policy *policy, const struct pl_place *at,
                struct pl_skip *ret)
{
    const struct sco_iac_doc *doc = &p->docs->docs[at->resource->doc];
    if (doc->format == SCO_IAC_FORMAT_TERRAFORM_PLAN || doc->format == SCO_IAC_FORMAT_SCAN ||
        doc->format == SCO_IAC_FORMAT_EVENT)
        return false; /* JSON has no comments */
    if (doc->format == SCO_IAC_FORMAT_KUBERNETES && annotated(p, policy, at->resource, ret))
        return true;
    bool ok;
    const struct skip_comment *c = skip_comments(p, doc->text, &ok);
    if (!ok)
        p->nomem = true;
    for (; c; c = c->next) {
        if (!applies(p, c, policy, at))
            continue;
        ret->reason = keep(p, c->reason.p ? c->reason : sco_str_c(""));
        ret->expires = keep(p, c->expires);
        return true;
    }
    return false;
}
