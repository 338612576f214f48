/* What each kind of instruction means: ports, pairs, paths, users, copies. */
#include "dockerfile_priv.h"

static const struct sco_iac_node *member(const struct iac_members *m, const char *key)
{
    for (size_t i = 0; i < m->n; i++)
        if (strcmp(m->v[i].key, key) == 0)
            return &m->v[i].value;
    return NULL;
}

/* ---- ENV, LABEL, ARG ---- */
static int set_var(struct df_build *b, struct sco_str name, const struct sco_iac_node *value,
                   enum df_state unset, bool env)
{
    struct df_var v = {.name = name, .env = env, .state = unset};
    if (value) {
        v.state = value->type == SCO_IAC_STR ? DF_SET : DF_UNKNOWN;
        v.value = sco_iac_text(value);
    }
    if (!v.value.p)
        v.value = sco_str_make("", 0);
    struct df_vars *vars = b->stage == &b->outside ? &b->globals : &b->stage->vars;
    return df_var_set(b->a, vars, v);
}

/* The pairs of one ENV are expanded before the first of them is set. */
static int set_pairs(struct df_build *b, const struct iac_items *pairs)
{
    int r = 0;
    for (size_t k = 0; k < pairs->n && r == 0; k++) {
        struct sco_str name = sco_iac_text(sco_iac_get(&pairs->v[k], "key"));
        if (name.n)
            r = set_var(b, name, sco_iac_get(&pairs->v[k], "value"), DF_SET, true);
    }
    return r;
}

static int add_pair(struct df_build *b, const struct df_inst *i, struct df_word key,
                    const struct df_word *value, struct iac_items *pairs)
{
    SCO_AUTO(iac_members) struct iac_members m = {0};
    struct sco_iac_node v = {0}, map = {0};
    int r = df_value(b, i, key, &v);
    if (r == 0)
        r = df_add(b, &m, "key", v);
    if (r == 0 && value) {
        r = df_value(b, i, *value, &v);
        if (r == 0)
            r = df_add(b, &m, "value", v);
    }
    if (r == 0)
        r = iac_map(b->s, &m, df_at(b, i, key.a, value ? value->b : key.b), &map, NULL);
    return r < 0 ? r : iac_item(pairs, map);
}

/* An ARG of a stage without a value has that of the ARG before the first FROM. */
static int declare(struct df_build *b, const struct sco_iac_node *pair)
{
    struct sco_str name = sco_iac_text(sco_iac_get(pair, "key"));
    const struct sco_iac_node *value = sco_iac_get(pair, "value");
    if (!name.n)
        return 0;
    if (value || b->stage == &b->outside)
        return set_var(b, name, value, DF_UNSET, false);
    const struct df_var *global = sco_map_get(&b->globals.map, name);
    struct df_var v = {name, sco_str_make("", 0), DF_UNSET, false};
    if (global)
        v = *global;
    v.env = false;
    return df_var_set(b->a, &b->stage->vars, v);
}

static int pairs(struct df_build *b, const struct df_inst *i, bool live, struct iac_members *m)
{
    SCO_AUTO(iac_items) struct iac_items items = {0};
    struct sco_iac_node list = {0};
    int r = 0;
    if (i->kind == DF_ARG) {
        for (size_t k = 0; k < i->args.n && r == 0; k++) {
            struct df_word w = i->args.v[k], key = w, value = w;
            const char *eq = memchr(w.text.p, '=', w.text.n);
            size_t n = eq ? (size_t)(eq - w.text.p) : w.text.n;
            key.text.n = n;
            key.b = w.a + (uint32_t)n;
            if (eq) {
                value.text = sco_str_make(eq + 1, w.text.n - n - 1);
                value.a = key.b + 1;
            }
            r = add_pair(b, i, key, eq ? &value : NULL, &items);
        }
        for (size_t k = 0; k < items.n && r == 0 && live; k++)
            r = declare(b, &items.v[k]);
    } else {
        for (size_t k = 0; k + 2 < i->args.n && r == 0; k += 3)
            r = add_pair(b, i, i->args.v[k], &i->args.v[k + 1], &items);
        if (r == 0 && live && i->kind == DF_ENV)
            r = set_pairs(b, &items);
    }
    if (r == 0 && !items.n)
        r = df_refuse(b, i, "%s without a name", i->keyword.p);
    if (r == 0)
        r = iac_list(b->s, &items, df_at(b, i, i->rest.a, i->rest.b), &list);
    return r < 0 ? r : df_add(b, m, "pairs", list);
}

/* ---- EXPOSE ---- */
static bool port(struct sco_str s, int64_t *ret)
{
    return sco_parse_i64(s, 0, INT32_MAX, ret) == 0;
}

/* [address:][host:]from[-to][/protocol] */
static int add_port(struct df_build *b, const struct sco_iac_node *word, struct iac_items *ports)
{
    SCO_AUTO(iac_members) struct iac_members m = {0};
    struct iac_span at = {word->doc, word->pos, word->end};
    struct sco_str s = sco_iac_text(word), protocol = SCO_STR("tcp"), from, to;
    struct sco_iac_node map = {0};
    int64_t first, last;
    const char *slash = memchr(s.p, '/', s.n);
    if (slash) {
        protocol = sco_str_make(slash + 1, s.n - (size_t)(slash - s.p) - 1);
        s.n = (size_t)(slash - s.p);
    }
    for (size_t k = s.n; k-- > 0;) {
        if (s.p[k] == ':') {
            s = sco_str_make(s.p + k + 1, s.n - k - 1);
            break;
        }
    }
    const char *dash = memchr(s.p, '-', s.n);
    from = to = s;
    if (dash) {
        from.n = (size_t)(dash - s.p);
        to = sco_str_make(dash + 1, s.n - from.n - 1);
    }
    int r = df_add(b, &m, "value", *word);
    if (r == 0 && port(from, &first) && port(to, &last)) {
        if (!dash)
            r = df_add(b, &m, "port", iac_int(first, at));
        if (r == 0)
            r = df_add(b, &m, "from", iac_int(first, at));
        if (r == 0)
            r = df_add(b, &m, "to", iac_int(last, at));
    }
    if (r == 0)
        r = df_add_marked(b, &m, "protocol", protocol, at);
    if (r == 0)
        r = iac_map(b->s, &m, at, &map, NULL);
    return r < 0 ? r : iac_item(ports, map);
}

static int expose(struct df_build *b, const struct df_inst *i, struct iac_members *m)
{
    SCO_AUTO(iac_items) struct iac_items ports = {0};
    const struct sco_iac_node *args = member(m, "args");
    struct sco_iac_node list = {0};
    int r = 0;
    for (size_t k = 0; args && k < args->n && r == 0; k++)
        r = args->item[k].type == SCO_IAC_STR ? add_port(b, &args->item[k], &ports)
                                              : iac_item(&ports, args->item[k]);
    if (r == 0)
        r = iac_list(b->s, &ports, df_at(b, i, i->rest.a, i->rest.b), &list);
    return r < 0 ? r : df_add(b, m, "ports", list);
}

/* ---- COPY, ADD ---- */
static bool is_heredoc(const struct df_inst *i, const struct df_word *w)
{
    for (size_t k = 0; k < i->n_heredocs; k++)
        if (i->heredocs[k].a <= w->a && i->heredocs[k].b >= w->b)
            return true;
    return false;
}

static int from_stage(struct df_build *b, const struct sco_iac_node *from, struct iac_members *m)
{
    struct sco_str name = sco_iac_text(from);
    int64_t index = df_find_stage(b, name);
    struct iac_span at = {from->doc, from->pos, from->end};
    if (!name.n)
        return 0;
    if (index < 0 && sco_parse_i64(name, 0, (int64_t)b->n_stages - 1, &index) < 0)
        return 0;
    return df_add(b, m, "from_stage", iac_int(index, at));
}

static int copy(struct df_build *b, const struct df_inst *i, struct iac_members *m)
{
    static const char *const same[] = {"from", "chown", "chmod"};
    SCO_AUTO(iac_items) struct iac_items sources = {0};
    const struct sco_iac_node *args = member(m, "args"), *flags = member(m, "flags");
    struct sco_iac_node list, dest = {0};
    size_t n = args ? args->n : 0;
    int r = 0;
    for (size_t k = 0; k + 1 < n && r == 0; k++)
        if (!is_heredoc(i, &i->args.v[k]))
            r = iac_item(&sources, args->item[k]);
    if (n)
        dest = args->item[n - 1];
    if (r == 0 && n < 2)
        r = df_refuse(b, i, "%s needs a source and a destination", i->keyword.p);
    struct iac_span at = df_at(b, i, i->rest.a, i->rest.b);
    if (r == 0)
        r = iac_list(b->s, &sources, at, &list);
    if (r == 0)
        r = df_add(b, m, "sources", list);
    if (r == 0 && n > 1)
        r = df_add(b, m, "dest", dest);
    struct sco_iac_node map = flags ? *flags : iac_null(at);
    for (size_t k = 0; k < SCO_ARRAY_LEN(same) && r == 0; k++) {
        const struct sco_iac_node *v = sco_iac_get(&map, same[k]);
        if (v)
            r = df_add(b, m, same[k], *v);
        if (v && r == 0 && k == 0)
            r = from_stage(b, v, m);
    }
    return r;
}

/* ---- the rest ---- */
/* USER: what is before and after the colon of the expanded text. */
static int user(struct df_build *b, const struct df_inst *i, bool live, struct iac_members *m)
{
    SCO_AUTO(sco_buf) struct sco_buf text = {0};
    bool unknown;
    struct sco_iac_node name = {0}, group = {0};
    if (!i->args.n)
        return df_refuse(b, i, "USER without a name");
    int r = df_expand_word(b, i->args.v[0].text, &text, &unknown);
    if (r < 0)
        return r;
    struct sco_str s = sco_str_make(sco_buf_z(&text), text.n), rest;
    const char *colon = memchr(s.p, ':', s.n);
    struct iac_span at = df_at(b, i, i->args.v[0].a, i->args.v[0].b);
    rest = colon ? sco_str_make(colon + 1, s.n - (size_t)(colon - s.p) - 1) : sco_str_make("", 0);
    if (colon)
        s.n = (size_t)(colon - s.p);
    r = df_marked(b, s, at, &name);
    if (r == 0)
        r = df_add(b, m, "user", name);
    if (r == 0 && colon) {
        r = df_marked(b, rest, at, &group);
        if (r == 0)
            r = df_add(b, m, "group", group);
    }
    if (r < 0 || !live)
        return r;
    b->stage->user = name;
    b->stage->has_user = true;
    b->stage->has_group = colon != NULL;
    if (colon)
        b->stage->group = group;
    return 0;
}

/* The one word, or all words, under another name as well. */
static int rename_args(struct df_build *b, const struct df_inst *i, const char *key, bool list,
                       struct iac_members *m)
{
    const struct sco_iac_node *args = member(m, "args");
    if (!args || !args->n)
        return df_refuse(b, i, "%s without a value", i->keyword.p);
    struct sco_iac_node v = list ? *args : args->item[0];
    return df_add(b, m, key, v);
}

static int healthcheck(struct df_build *b, const struct df_inst *i, struct iac_members *m)
{
    if (!i->args.n)
        return df_refuse(b, i, "HEALTHCHECK without CMD or NONE");
    struct df_word type = i->args.v[0];
    if (sco_str_is_nocase(type.text, "NONE"))
        return df_add(b, m, "none", iac_bool(true, df_at(b, i, type.a, type.b)));
    if (!sco_str_is_nocase(type.text, "CMD"))
        return df_refuse(b, i, "HEALTHCHECK %.*s is neither CMD nor NONE",
                         (int)(type.text.n < 40 ? type.text.n : 40), type.text.p);
    return df_commands(b, i, 1, member(m, "args"), m);
}

static int shell(struct df_build *b, const struct df_inst *i, bool live, struct iac_members *m)
{
    const struct sco_iac_node *args = member(m, "args");
    if (!i->json || !args || !args->n)
        return df_refuse(b, i, "SHELL needs the JSON form");
    struct sco_iac_node list = *args;
    if (live)
        df_set_shell(b, i, list);
    return df_add(b, m, "shell", list);
}

static int onbuild(struct df_build *b, const struct df_inst *i, struct iac_members *m)
{
    const struct df_vars *scope = b->scope;
    struct sco_iac_node child = {0};
    if (!i->child)
        return df_refuse(b, i, "ONBUILD without an instruction");
    if (i->child->kind == DF_ONBUILD || i->child->kind == DF_FROM ||
        i->child->kind == DF_MAINTAINER) {
        int r = df_refuse(b, i, "ONBUILD may not hold %s", i->child->keyword.p);
        if (r < 0)
            return r;
    }
    int r = df_inst_node(b, i->child, false, &child);
    b->scope = scope;
    return r < 0 ? r : df_add(b, m, "child", child);
}

static int other(struct df_build *b, const struct df_inst *i)
{
    static const char *const known[] = {
        "ADD",    "ARG",   "CMD",         "COPY",  "ENTRYPOINT", "ENV",
        "EXPOSE", "FROM",  "HEALTHCHECK", "LABEL", "MAINTAINER", "ONBUILD",
        "RUN",    "SHELL", "STOPSIGNAL",  "USER",  "VOLUME",     "WORKDIR"};
    struct sco_str name = i->keyword;
    name.n = name.n < 40 ? name.n : 40;
    const char *near = sco_str_nearest(name, known, SCO_ARRAY_LEN(known));
    return df_refuse(b, i, "%.*s is no instruction%s%s%s", (int)name.n, name.p,
                     near ? ": did you mean " : "", near ? near : "", near ? "?" : "");
}

int df_inst_kind(struct df_build *b, const struct df_inst *i, bool live, struct iac_members *m)
{
    switch (i->kind) {
    case DF_FROM:
        return df_from(b, i, live, m);
    case DF_ENV:
    case DF_LABEL:
    case DF_ARG:
        return pairs(b, i, live, m);
    case DF_RUN:
    case DF_CMD:
    case DF_ENTRYPOINT:
        return df_commands(b, i, 0, member(m, "args"), m);
    case DF_HEALTHCHECK:
        return healthcheck(b, i, m);
    case DF_EXPOSE:
        return expose(b, i, m);
    case DF_ADD:
    case DF_COPY:
        return copy(b, i, m);
    case DF_USER:
        return user(b, i, live, m);
    case DF_WORKDIR:
        return rename_args(b, i, "path", false, m);
    case DF_STOPSIGNAL:
        return rename_args(b, i, "signal", false, m);
    case DF_VOLUME:
        return rename_args(b, i, "paths", true, m);
    case DF_SHELL:
        return shell(b, i, live, m);
    case DF_ONBUILD:
        return onbuild(b, i, m);
    case DF_OTHER:
        return other(b, i);
    case DF_MAINTAINER:
        break;
    }
    return 0;
}
