/* FROM: image references, and the stage that it opens. */
#include "dockerfile_priv.h"

enum {
    STAGES_MAX = 1000,        /* each COPY --from looks through them */
    ENV_COPIED_MAX = 1000000, /* variables that stages of one file take over */
};

int df_find_stage(const struct df_build *b, struct sco_str name)
{
    for (size_t i = b->n_stages; i-- > 0;) /* the last of a name wins */
        if (b->stages[i]->name.n == name.n && name.n) {
            size_t k = 0;
            while (k < name.n &&
                   (name.p[k] >= 'A' && name.p[k] <= 'Z' ? name.p[k] + 32 == b->stages[i]->name.p[k]
                                                         : name.p[k] == b->stages[i]->name.p[k]))
                k++;
            if (k == name.n)
                return (int)i;
        }
    return -1;
}

/* ---- references ---- */
struct reference {
    struct sco_str registry, name, repository, tag, digest; /* p NULL: absent */
};

static bool marked(struct sco_str s)
{
    return s.n && memchr(s.p, DF_MARK, s.n);
}

static long last_of(struct sco_str s, char c)
{
    for (size_t i = s.n; i-- > 0;)
        if (s.p[i] == c)
            return (long)i;
    return -1;
}

/* [registry/]repository[:tag][@digest]. What is unknown may hold separators: a tag behind an
 * unknown part is known when it is there, unknown when it is not. */
static struct reference split_reference(struct sco_str s)
{
    struct reference r = {0};
    const char *at = memchr(s.p, '@', s.n);
    if (at) {
        r.digest = sco_str_make(at + 1, s.n - (size_t)(at - s.p) - 1);
        s.n = (size_t)(at - s.p);
    }
    long slash = last_of(s, '/'), colon = last_of(s, ':');
    r.name = s;
    if (colon > slash) {
        r.tag = sco_str_make(s.p + colon + 1, s.n - (size_t)colon - 1);
        r.name.n = (size_t)colon;
    } else if (marked(sco_str_make(s.p + slash + 1, s.n - (size_t)(slash + 1)))) {
        r.tag = s; /* unknown: it has a mark */
    }
    if (!at && marked(r.tag.p ? r.tag : s))
        r.digest = s;
    const char *first = memchr(r.name.p, '/', r.name.n);
    r.repository = r.name;
    if (first) {
        struct sco_str host = sco_str_make(r.name.p, (size_t)(first - r.name.p));
        if (memchr(host.p, '.', host.n) || memchr(host.p, ':', host.n) || marked(host) ||
            sco_str_is(host, "localhost")) {
            r.registry = host;
            r.repository = sco_str_make(first + 1, r.name.n - host.n - 1);
        }
    }
    return r;
}

static int add_parts(struct df_build *b, struct sco_str text, struct iac_span at,
                     struct iac_members *m)
{
    struct reference ref = split_reference(text);
    const struct {
        const char *key;
        struct sco_str text;
    } parts[] = {
        {"name", ref.name},
        {"registry", ref.registry},
        {"repository", ref.repository},
        {"tag", ref.tag},
        {"digest", marked(ref.digest) || ref.digest.n ? ref.digest : sco_str_make(NULL, 0)}};
    int r = 0;
    for (size_t i = 0; i < SCO_ARRAY_LEN(parts) && r == 0; i++)
        if (parts[i].text.p)
            r = df_add_marked(b, m, parts[i].key, parts[i].text, at);
    return r;
}

/* The image of a FROM; *ret_base: the stage that it is, or -1. */
static int image(struct df_build *b, struct sco_str text, struct iac_span at, int *ret_base,
                 struct sco_iac_node *ret)
{
    SCO_AUTO(iac_members) struct iac_members m = {0};
    int64_t index = text.n && !marked(text) ? df_find_stage(b, text) : -1;
    if (index < 0 && sco_parse_i64(text, 0, (int64_t)b->n_stages - 1, &index) < 0)
        index = -1;
    int r = df_add_marked(b, &m, "reference", text, at);
    if (r == 0 && index >= 0) {
        r = df_add(b, &m, "stage", iac_int(index, at));
        if (r == 0)
            r = df_add_marked(b, &m, "name", text, at);
    } else if (r == 0 && sco_str_is(text, "scratch")) {
        r = df_add(b, &m, "scratch", iac_bool(true, at));
        if (r == 0)
            r = df_add_marked(b, &m, "name", text, at);
    } else if (r == 0) {
        r = add_parts(b, text, at, &m);
    }
    *ret_base = (int)index;
    return r < 0 ? r : iac_map(b->s, &m, at, ret, NULL);
}

/* ---- stages ---- */
static int inherit(struct df_build *b, struct df_stage *s, int base, bool scratch)
{
    s->vars.absent = scratch ? DF_EMPTY : DF_UNKNOWN;
    if (base < 0)
        return 0;
    const struct df_stage *from = b->stages[base];
    s->vars.absent = from->vars.absent;
    s->user = from->user;
    s->group = from->group;
    s->shell = from->shell;
    s->has_user = from->has_user;
    s->has_group = from->has_group;
    s->has_shell = from->has_shell;
    s->shell_posix = from->shell_posix;
    s->shell_windows = from->shell_windows;
    b->env_copied += from->vars.map.n;
    if (b->env_copied > ENV_COPIED_MAX) {
        b->limited = true;
        s->vars.absent = DF_UNKNOWN;
        return 0;
    }
    return df_vars_copy(b->a, &s->vars, &from->vars, true);
}

static int push_stage(struct df_build *b, struct df_stage *s)
{
    if (b->n_stages == b->cap_stages) {
        size_t cap = b->cap_stages ? b->cap_stages * 2 : 8;
        struct df_stage **v = sco_arena_alloc_raw(b->a, cap * sizeof *v);
        if (!v)
            return SCO_E_NOMEM;
        if (b->n_stages)
            memcpy(v, b->stages, b->n_stages * sizeof *v);
        b->stages = v;
        b->cap_stages = cap;
    }
    b->stages[b->n_stages++] = s;
    b->stage = s;
    return 0;
}

/* "stage(builder)"; a name that is there already gives way to the number. */
static const char *label(struct df_build *b, struct sco_str name)
{
    if (!name.n || df_find_stage(b, name) >= 0)
        return sco_arena_fmt(b->a, "stage(%zu)", b->n_stages);
    int n = (int)(name.n < 128 ? name.n : 128);
    return sco_arena_fmt(b->a, "stage(%.*s)", n, name.p);
}

static int open_stage(struct df_build *b, const struct df_inst *i, struct sco_str name, int base,
                      bool scratch)
{
    if (b->n_stages >= STAGES_MAX) {
        b->too_many = true;
        return SCO_E_LIMIT;
    }
    struct df_stage *s = sco_arena_alloc(b->a, sizeof *s);
    if (!s || !(s->label = label(b, name)))
        return SCO_E_NOMEM;
    s->name = sco_arena_str(b->a, name);
    if (!s->name.p)
        return SCO_E_NOMEM;
    for (size_t k = 0; k < name.n; k++)
        if (name.p[k] >= 'A' && name.p[k] <= 'Z')
            ((char *)s->name.p)[k] = (char)(name.p[k] + 32);
    s->pos = i->line->pos;
    s->end = i->line->end;
    int r = push_stage(b, s); /* first: its maps are freed with the list */
    return r < 0 ? r : inherit(b, s, base, scratch);
}

/* `scope` is that of the arguments before the first FROM. */
int df_from(struct df_build *b, const struct df_inst *i, bool live, struct iac_members *m)
{
    SCO_AUTO(sco_buf) struct sco_buf text = {0};
    const struct df_words *w = &i->args;
    struct df_word name = {sco_str_make("", 0), 0, 0};
    struct sco_iac_node img = {0}, v = {0};
    bool unknown;
    int base = -1, r = 0;
    if (w->n != 1 && (w->n != 3 || !sco_str_is_nocase(w->v[1].text, "AS")))
        r = df_refuse(b, i, "FROM takes an image, or an image AS a name");
    else if (w->n == 3)
        name = w->v[2];
    if (r == 0 && w->n)
        r = df_expand_word(b, w->v[0].text, &text, &unknown);
    struct iac_span at = w->n ? df_at(b, i, w->v[0].a, w->v[0].b) : df_at(b, i, i->a, i->a + 4);
    if (r == 0)
        r = image(b, sco_str_make(sco_buf_z(&text), text.n), at, &base, &img);
    if (r == 0)
        r = df_add(b, m, "image", img);
    if (r == 0 && name.text.n) {
        r = iac_str(b->s, name.text, df_at(b, i, name.a, name.b), &v);
        if (r == 0)
            r = df_add(b, m, "as", v);
    }
    if (r == 0 && live)
        r = open_stage(b, i, name.text, base, sco_str_is(sco_buf_str(&text), "scratch"));
    return r;
}
