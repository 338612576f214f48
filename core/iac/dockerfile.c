/* The reader of Dockerfiles: one document, with the file, its stages and its instructions as
 * resources. docs/iac-dockerfile.md shows the tree. */
#include "dockerfile_priv.h"

#include <stdlib.h>

/* What BuildKit sets before the first FROM. */
static const char *const platform_args[] = {
    "BUILDPLATFORM", "BUILDOS",    "BUILDARCH",     "BUILDVARIANT", "TARGETPLATFORM",
    "TARGETOS",      "TARGETARCH", "TARGETVARIANT", "TARGETSTAGE",
};

static int init(struct df_build *b)
{
    b->budget = (struct df_budget){16 << 20, 20000000, false};
    b->globals.absent = DF_UNSET;
    b->foreign.absent = DF_UNKNOWN;
    b->outside.vars.absent = DF_UNSET;
    b->outside.label = "";
    b->stage = &b->outside;
    int r = 0;
    for (size_t i = 0; i < SCO_ARRAY_LEN(platform_args) && r == 0; i++)
        r = df_var_set(
            b->a, &b->globals,
            (struct df_var){sco_str_c(platform_args[i]), sco_str_make("", 0), DF_UNKNOWN, false});
    return r;
}

static void stage_done(struct df_stage *s)
{
    sco_map_done(&s->vars.map);
    iac_items_cleanup_(&s->nodes);
    iac_members_cleanup_(&s->members);
}

static void done(struct df_build *b)
{
    for (size_t i = 0; i < b->n_stages; i++)
        stage_done(b->stages[i]);
    stage_done(&b->outside);
    sco_map_done(&b->globals.map);
}

/* ---- instructions ---- */
static bool is_word(struct sco_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < 'A' || s.p[i] > 'Z')
            return false;
    return s.n > 0 && s.n <= 32;
}

static int keep(struct df_build *b, const struct df_inst *i, struct sco_iac_node node)
{
    struct df_stage *s = b->stage;
    struct sco_str type = is_word(i->keyword) ? i->keyword : SCO_STR("UNKNOWN");
    const char *name = sco_arena_fmt(b->a, "%s%s%s[%u]", s->label, *s->label ? "." : "", type.p,
                                     s->counts[i->kind]++);
    if (!name || df_push(b->a, &s->names, sco_str_c(name), 0, 0) < 0 ||
        df_push(b->a, &s->names, type, 0, 0) < 0)
        return SCO_E_NOMEM;
    if (i->line->end > s->end)
        s->end = i->line->end;
    return iac_item(&s->nodes, node);
}

static int read_instructions(struct df_build *b)
{
    for (const struct df_inst *i = b->file->first; i; i = i->next) {
        struct sco_iac_node node = {0};
        int r = 0;
        if (b->stage == &b->outside && i->kind != DF_FROM && i->kind != DF_ARG &&
            i->kind != DF_OTHER)
            r = df_refuse(b, i, "%s before the first FROM", i->keyword.p);
        if (r == 0)
            r = df_inst_node(b, i, true, &node);
        if (r == 0)
            r = keep(b, i, node);
        if (r < 0)
            return r;
    }
    return 0;
}

/* ---- stages ---- */
static int copy_member(struct df_build *b, struct iac_members *m, const char *key,
                       const struct sco_iac_node *v)
{
    return v ? df_add(b, m, key, *v) : 0;
}

static int stage_node(struct df_build *b, struct df_stage *s, uint32_t index,
                      struct iac_items *stages)
{
    struct iac_members *m = &s->members;
    struct iac_span at = {b->doc, s->pos, s->end};
    int r = iac_list(b->s, &s->nodes, at, &s->list);
    if (r < 0)
        return r;
    const struct sco_iac_node *from = &s->list.item[0];
    struct sco_iac_node number = iac_int(index, (struct iac_span){b->doc, from->pos, from->end});
    number.flags |= SCO_IAC_MADE;
    r = df_add(b, m, "index", number);
    if (r == 0)
        r = copy_member(b, m, "name", sco_iac_get(from, "as"));
    if (r == 0)
        r = df_add(b, m, "from", *from);
    if (r == 0)
        r = copy_member(b, m, "image", sco_iac_get(from, "image"));
    if (r == 0)
        r = copy_member(b, m, "platform", sco_iac_path(from, "flags.platform"));
    if (r == 0)
        r = copy_member(b, m, "user", s->has_user ? &s->user : NULL);
    if (r == 0)
        r = copy_member(b, m, "group", s->has_user && s->has_group ? &s->group : NULL);
    if (r == 0)
        r = copy_member(b, m, "shell", s->has_shell ? &s->shell : NULL);
    if (r == 0)
        r = df_add(b, m, "instructions", s->list);
    struct sco_iac_node map = {0};
    if (r == 0)
        r = iac_map(b->s, m, at, &map, NULL);
    return r < 0 ? r : iac_item(stages, map);
}

/* ---- the file ---- */
static int all_instructions(struct df_build *b, struct iac_span at, struct sco_iac_node *ret)
{
    SCO_AUTO(iac_items) struct iac_items all = {0};
    for (uint32_t k = 0; k < b->outside.list.n; k++)
        if (iac_item(&all, b->outside.list.item[k]) < 0)
            return SCO_E_NOMEM;
    for (size_t i = 0; i < b->n_stages; i++)
        for (uint32_t k = 0; k < b->stages[i]->list.n; k++)
            if (iac_item(&all, b->stages[i]->list.item[k]) < 0)
                return SCO_E_NOMEM;
    return iac_list(b->s, &all, at, ret);
}

/* The arguments before the first FROM, by name: as declared there. */
static int global_args(struct df_build *b, struct iac_span at, struct sco_iac_node *ret)
{
    SCO_AUTO(iac_members) struct iac_members m = {0};
    int r = 0;
    for (uint32_t k = 0; k < b->outside.list.n && r == 0; k++) {
        const struct sco_iac_node *pairs = sco_iac_get(&b->outside.list.item[k], "pairs");
        for (size_t i = 0; pairs && i < pairs->n && r == 0; i++) {
            const struct sco_iac_node *value = sco_iac_get(&pairs->item[i], "value");
            struct sco_str key = sco_iac_text(sco_iac_get(&pairs->item[i], "key"));
            struct iac_span where = {b->doc, pairs->item[i].pos, pairs->item[i].end};
            if (key.n)
                r = iac_member(b->s, &m, key, where.pos, value ? *value : iac_unknown(where));
        }
    }
    return r < 0 ? r : iac_map(b->s, &m, at, ret, NULL);
}

static int root_node(struct df_build *b, const struct sco_iac_node **ret,
                     struct sco_iac_node *ret_stages)
{
    SCO_AUTO(iac_items) struct iac_items stages = {0};
    SCO_AUTO(iac_members) struct iac_members m = {0};
    struct iac_span at = {b->doc, b->file->first->line->pos, b->file->last->line->end};
    struct sco_iac_node v = {0};
    int r = iac_list(b->s, &b->outside.nodes, at, &b->outside.list);
    for (size_t i = 0; i < b->n_stages && r == 0; i++)
        r = stage_node(b, b->stages[i], (uint32_t)i, &stages);
    if (r == 0)
        r = iac_str(b->s, sco_str_make(&b->file->escape, 1), at, &v);
    if (r == 0) {
        v.flags |= SCO_IAC_MADE;
        r = df_add(b, &m, "escape", v);
    }
    if (r == 0)
        r = iac_list(b->s, &stages, at, ret_stages);
    if (r == 0)
        r = df_add(b, &m, "stages", *ret_stages);
    if (r == 0)
        r = all_instructions(b, at, &v);
    if (r == 0)
        r = df_add(b, &m, "instructions", v);
    if (r == 0)
        r = global_args(b, at, &v);
    if (r == 0)
        r = df_add(b, &m, "args", v);
    v = iac_int((int64_t)b->n_stages - 1, at);
    v.flags |= SCO_IAC_MADE;
    if (r == 0 && b->n_stages)
        r = df_add(b, &m, "final", v);
    if (r == 0)
        r = iac_map(b->s, &m, at, &v, NULL);
    if (r < 0)
        return r;
    return (*ret = iac_node(b->s, v)) ? 0 : SCO_E_NOMEM;
}

/* ---- resources ---- */
static int instruction_resources(struct df_build *b, const struct df_stage *s, uint32_t parent)
{
    int r = 0;
    for (uint32_t k = 0; k < s->list.n && r == 0; k++) {
        const char *type = s->names.v[2 * k + 1].text.p;
        char special[64];
        snprintf(special, sizeof special, "dockerfile:%s", type);
        const char *const selectors[] = {"dockerfile:instruction", special, NULL};
        r = iac_resource(b->s, b->doc, selectors, type, s->names.v[2 * k].text.p, &s->list.item[k],
                         parent, NULL);
    }
    return r;
}

static int resources(struct df_build *b, const struct sco_iac_node *root,
                     const struct sco_iac_node *stages)
{
    static const char *const file[] = {"dockerfile", NULL};
    static const char *const stage[] = {"dockerfile:stage", NULL};
    uint32_t top = 0, parent = 0;
    int r = iac_resource(b->s, b->doc, file, "Dockerfile", "Dockerfile", root, UINT32_MAX, &top);
    if (r == 0)
        r = instruction_resources(b, &b->outside, top);
    for (size_t i = 0; i < b->n_stages && r == 0; i++) {
        r = iac_resource(b->s, b->doc, stage, "stage", b->stages[i]->label, &stages->item[i], top,
                         &parent);
        if (r == 0)
            r = instruction_resources(b, b->stages[i], parent);
    }
    return r;
}

/* ---- the reader ---- */
static int build(struct df_build *b)
{
    const struct sco_iac_node *root = NULL;
    struct sco_iac_node stages = {0};
    int r = init(b);
    if (r == 0)
        r = read_instructions(b);
    if (r == 0)
        r = root_node(b, &root, &stages);
    if (r == 0)
        r = resources(b, root, &stages);
    if (r < 0)
        return r;
    b->s->docs[b->doc].root = root;
    if (!b->n_stages && !b->refused)
        b->refused = "there is no FROM";
    if (b->refused)
        return iac_doc_ends(b->s, b->doc, SCO_IAC_PARTIAL,
                            "Docker does not build this file: %s; correct it", b->refused);
    if (b->limited)
        return iac_doc_ends(b->s, b->doc, SCO_IAC_PARTIAL,
                            "some values are larger or commands more than this program follows: "
                            "they count as unknown; split the file");
    return 0;
}

/* {{ }} and {% %} at the start of a line: the input of a template engine. */
static bool is_template(const struct df_file *f)
{
    for (const struct df_inst *i = f->first; i; i = i->next)
        if (i->kind == DF_OTHER &&
            (sco_str_starts(i->keyword, "{{") || sco_str_starts(i->keyword, "{%")))
            return true;
    return false;
}

static int read_text(struct sco_iac_set *s, struct sco_iac_text *text, uint32_t doc,
                     struct sco_arena *a)
{
    struct df_file file = {0};
    if (text->bytes.n > SCO_IAC_YAML_SIZE_MAX)
        return iac_doc_ends(s, doc, SCO_IAC_FAILED, "larger than %d bytes", SCO_IAC_YAML_SIZE_MAX);
    int r = df_parse(text->bytes, a, &file);
    if (r == SCO_E_PARSE)
        return iac_doc_ends(s, doc, SCO_IAC_FAILED, "%s:%u:1: %s", text->file_path, file.bad_line,
                            file.problem);
    if (r < 0)
        return r;
    if (is_template(&file))
        return iac_doc_ends(s, doc, SCO_IAC_SKIPPED,
                            "a template: scan the Dockerfile that is made from it");
    struct df_build b = {.s = s, .a = a, .text = text, .doc = doc, .file = &file};
    r = build(&b);
    done(&b);
    if (r == SCO_E_LIMIT && b.too_many)
        return iac_doc_ends(s, doc, SCO_IAC_FAILED, "more than 1000 stages");
    return r;
}

int iac_read_dockerfile(struct sco_iac_set *s, struct sco_iac_text *text,
                        enum sco_iac_format format, uint32_t flags, struct sco_error *err)
{
    SCO_AUTO(sco_arena) struct sco_arena a = {0};
    (void)flags;
    if (!iac_doc(s, text, 0, format))
        return sco_error_nomem(err);
    int r = read_text(s, text, (uint32_t)s->n_docs - 1, &a);
    if (r == SCO_E_LIMIT)
        return sco_error_set(err, r, "%s: more than %d values in all", text->file_path,
                             SCO_IAC_NODES_MAX);
    return r < 0 ? sco_error_nomem(err) : 0;
}
