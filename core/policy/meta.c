/* What a policy says of itself: every field checked, an unknown one refused with the nearest name.
 * Lua keeps no lines of table fields: they are looked up in the text. */
#include "policy_priv.h"
#include <secureops/json.h>

#include <stdlib.h>

static const char *const fields[] = {
    "id",    "title", "severity", "applies_to", "aliases", "frameworks",  "description",
    "links", "cwe",   "scope",    "default",    "params",  "remediation", "check"};
static const char *const workflow_fields[] = {"id", "title", "description", "links",
                                              "on", "when",  "run",         "params"};

enum { ITEMS_MAX = 10000 }; /* of a list of a policy */

struct meta {
    lua_State *L;
    struct sco_policies *p;
    struct pl_file *f;
    const char *id; /* NULL: not yet known */
    uint32_t nth;
    bool bad;
};

/* ---- lines ---- */
static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* The place of `word =` in s from `at` on, or NULL. */
static const char *assignment(struct sco_str s, const char *at, const char *word)
{
    size_t n = strlen(word);
    const char *end = s.p + s.n;
    while (at < end && (at = memmem(at, (size_t)(end - at), word, n))) {
        const char *after = at + n;
        while (after < end && (*after == ' ' || *after == '\t' || *after == ']' || *after == '"'))
            after++;
        if ((at == s.p || !is_word(at[-1])) && after < end && *after == '=' && after[1] != '=')
            return at;
        at += n;
    }
    return NULL;
}

/* Whether `id = ` stands before at. */
static bool is_named_id(struct sco_str s, const char *at)
{
    while (at > s.p && (at[-1] == ' ' || at[-1] == '\t'))
        at--;
    if (at == s.p || at[-1] != '=')
        return false;
    at--;
    while (at > s.p && (at[-1] == ' ' || at[-1] == '\t'))
        at--;
    return at - s.p >= 2 && memcmp(at - 2, "id", 2) == 0 && (at - s.p == 2 || !is_word(at[-3]));
}

/* The brace that opens the table of the policy with this id, or the id where a function of the file
 * makes the table; NULL: not found. */
static const char *table_start(struct sco_str s, const char *id)
{
    size_t n = strlen(id);
    const char *end = s.p + s.n, *quoted = NULL;
    for (const char *at = s.p; (at = memmem(at, (size_t)(end - at), id, n)); at++) {
        if (at == s.p || (at[-1] != '"' && at[-1] != '\'') || at + n >= end || at[n] != at[-1])
            continue;
        quoted = quoted ? quoted : at;
        if (!is_named_id(s, at - 1))
            continue;
        while (at > s.p && *at != '{')
            at--;
        return at;
    }
    return quoted;
}

int pl_meta_line(const struct pl_file *f, const char *id, const char *field)
{
    const char *at = id ? table_start(f->text, id) : f->text.p;
    if (!at)
        return 0;
    const char *named = field ? assignment(f->text, at, field) : NULL;
    if (field && !named && id)
        named = at;
    if (field && !named)
        return 0;
    const char *to = field ? named : at;
    int line = 1;
    for (const char *c = f->text.p; (c = memchr(c, '\n', (size_t)(to - c))); c++)
        line++;
    return line;
}

/* ---- problems ---- */
SCO_PRINTF(3, 4) static void problem(struct meta *m, const char *field, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    m->bad = true;
    int line = pl_meta_line(m->f, m->id, field), r;
    if (line)
        r = pl_problem(m->p, "%s/%s:%d: %s", m->f->bundle->dir, m->f->path, line, text);
    else
        r = pl_problem(m->p, "%s/%s: %s", m->f->bundle->dir, m->f->path, text);
    if (r < 0)
        m->p->nomem = true;
}

/* LJMP: memory for n bytes as long as the policies live. */
static void *keep_bytes(struct meta *m, size_t n)
{
    void *v = sco_arena_alloc(&m->p->arena, n);
    if (!v) {
        m->p->nomem = true;
        pl_stop(m->L, m->p, PL_MEMORY);
    }
    return v;
}

/* LJMP */
static const char *keep(struct meta *m, struct sco_str s)
{
    char *v = keep_bytes(m, s.n + 1);
    if (v && s.n)
        memcpy(v, s.p, s.n);
    return v;
}

/* ---- one kind of field each; the table is on top of the stack ---- */
/* LJMP: NULL when absent or wrong. */
static const char *text(struct meta *m, const char *field, bool required)
{
    lua_State *L = m->L;
    lua_pushstring(L, field);
    int type = lua_rawget(L, -2);
    const char *ret = NULL;
    struct sco_str s = {0};
    if (type == LUA_TSTRING) {
        s.p = lua_tolstring(L, -1, &s.n);
        if (sco_str_trim(s).n == 0)
            problem(m, field, "'%s' is empty", field);
        else if (!sco_utf8_valid(s) || memchr(s.p, 0, s.n))
            problem(m, field, "'%s' is not UTF-8 text", field);
        else
            ret = keep(m, s);
    } else if (type != LUA_TNIL) {
        problem(m, field, "'%s' is a %s, not text", field, lua_typename(L, type));
    } else if (required) {
        problem(m, NULL, "field '%s' is missing", field);
    }
    lua_pop(L, 1);
    return ret;
}

/* LJMP: a list of texts, or one text; never NULL. */
static const char *const *texts(struct meta *m, const char *field, bool required, bool single)
{
    static const char *const none[] = {NULL};
    lua_State *L = m->L;
    lua_pushstring(L, field);
    int type = lua_rawget(L, -2);
    const char **ret = NULL;
    if (type == LUA_TSTRING && single) {
        ret = keep_bytes(m, 2 * sizeof *ret);
        ret[0] = keep(m, sco_str_c(lua_tostring(L, -1)));
    } else if (type == LUA_TTABLE) {
        size_t n = pl_table_len(L, -1, ITEMS_MAX);
        ret = keep_bytes(m, (n + 1) * sizeof *ret);
        for (size_t i = 0; i < n; i++) {
            if (lua_rawgeti(L, -1, (lua_Integer)i + 1) == LUA_TSTRING)
                ret[i] = keep(m, sco_str_c(lua_tostring(L, -1)));
            else
                problem(m, field, "'%s': item %zu is a %s, not text", field, i + 1,
                        luaL_typename(L, -1));
            if (!ret[i])
                ret[i] = "";
            lua_pop(L, 1);
        }
        if (!n && required)
            problem(m, field, "'%s' is empty", field);
    } else if (type != LUA_TNIL) {
        problem(m, field, "'%s' is a %s, not a list of texts", field, lua_typename(L, type));
    } else if (required) {
        problem(m, NULL, "field '%s' is missing", field);
    }
    lua_pop(L, 1);
    return ret ? ret : none;
}

/* ---- fields ---- */
static void check_id(struct meta *m, const char *id)
{
    for (const char *c = id; c && *c; c++) {
        if ((*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') || (*c == '-' && c != id))
            continue;
        problem(m, "id", "id '%s': only lower case letters, digits and hyphens", id);
        return;
    }
}

static uint32_t severity(struct meta *m)
{
    static const char *const names[] = {"", "INFO", "LOW", "MEDIUM", "HIGH", "CRITICAL"};
    const char *s = text(m, "severity", true);
    for (uint32_t i = SCO_SEV_INFO; s && i <= SCO_SEV_CRITICAL; i++)
        if (strcmp(s, names[i]) == 0)
            return i;
    if (s)
        problem(m, "severity", "severity '%s': CRITICAL, HIGH, MEDIUM, LOW or INFO", s);
    return SCO_SEV_UNKNOWN;
}

static void check_selector(struct meta *m, const char *s)
{
    static const char *const known[] = {"kubernetes",
                                        "kubernetes:workload",
                                        "dockerfile",
                                        "dockerfile:stage",
                                        "compose",
                                        "compose:service",
                                        "compose:network",
                                        "compose:volume",
                                        "compose:secret",
                                        "compose:config",
                                        "github",
                                        "github:job",
                                        "github:step",
                                        "github:action",
                                        "gitlab",
                                        "gitlab:job",
                                        "terraform",
                                        "terraform:resource",
                                        "terraform:data",
                                        "scan",
                                        "dockerfile:instruction"};
    static const char *const open[] = {"kubernetes:", "dockerfile:", "terraform:"};
    for (size_t i = 0; i < SCO_ARRAY_LEN(known); i++)
        if (strcmp(s, known[i]) == 0)
            return;
    for (size_t i = 0; i < SCO_ARRAY_LEN(open); i++) {
        size_t n = strlen(open[i]);
        const char *c = s + n;
        if (strncmp(s, open[i], n) != 0)
            continue;
        while (is_word(*c) || *c == '-')
            c++;
        bool upper = s[n] >= 'A' && s[n] <= 'Z';
        if (!*c && c > s + n && upper == (i < 2))
            return;
    }
    const char *near = sco_str_nearest(sco_str_c(s), known, SCO_ARRAY_LEN(known));
    problem(m, "applies_to", "applies_to '%s' is no selector%s%s%s", s,
            near ? ": did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static int by_control(const void *x, const void *y)
{
    const struct sco_policy_control *a = x, *b = y;
    int c = strcmp(a->framework, b->framework);
    return c ? c : strcmp(a->control, b->control);
}

/* LJMP: frameworks = { id = "control" or { "control", ... } } on top of the stack. */
static void controls(struct meta *m, struct sco_policy *ret)
{
    lua_State *L = m->L;
    size_t n = 0;
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1))
        n += lua_type(L, -1) == LUA_TTABLE ? pl_table_len(L, -1, ITEMS_MAX) : 1;
    struct sco_policy_control *v = keep_bytes(m, (n + 1) * sizeof *v);
    size_t room = n;
    n = 0;
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING) {
            problem(m, "frameworks", "'frameworks' maps names to controls");
            continue;
        }
        const char *framework = keep(m, sco_str_c(lua_tostring(L, -2)));
        bool list = lua_type(L, -1) == LUA_TTABLE;
        size_t end = list ? pl_table_len(L, -1, ITEMS_MAX) : 1;
        for (size_t i = 1; i <= end; i++) {
            if (list)
                lua_rawgeti(L, -1, (lua_Integer)i);
            else
                lua_pushvalue(L, -1);
            if (lua_type(L, -1) == LUA_TSTRING && n < room)
                v[n++] =
                    (struct sco_policy_control){framework, keep(m, sco_str_c(lua_tostring(L, -1)))};
            else
                problem(m, "frameworks", "a control of '%s' is a %s: write it as text", framework,
                        luaL_typename(L, -1));
            lua_pop(L, 1);
        }
    }
    qsort(v, n, sizeof *v, by_control);
    ret->controls = v;
    ret->n_controls = n;
}

/* LJMP */
static void frameworks(struct meta *m, struct sco_policy *ret)
{
    lua_State *L = m->L;
    lua_pushliteral(L, "frameworks");
    int type = lua_rawget(L, -2);
    if (type == LUA_TTABLE)
        controls(m, ret);
    else if (type != LUA_TNIL)
        problem(m, "frameworks", "'frameworks' is a %s, not a table", lua_typename(L, type));
    lua_pop(L, 1);
}

/* LJMP */
static void cwe(struct meta *m, struct sco_policy *ret)
{
    lua_State *L = m->L;
    lua_pushliteral(L, "cwe");
    int type = lua_rawget(L, -2);
    if (type == LUA_TTABLE) {
        size_t n = pl_table_len(L, -1, ITEMS_MAX);
        int64_t *v = keep_bytes(m, (n + 1) * sizeof *v);
        for (size_t i = 0; i < n; i++) {
            lua_rawgeti(L, -1, (lua_Integer)i + 1);
            if (lua_isinteger(L, -1) && lua_tointeger(L, -1) > 0)
                v[i] = lua_tointeger(L, -1);
            else
                problem(m, "cwe", "'cwe': item %zu is no number of a weakness", i + 1);
            lua_pop(L, 1);
        }
        ret->cwe = v;
        ret->n_cwe = n;
    } else if (type != LUA_TNIL) {
        problem(m, "cwe", "'cwe' is a %s, not a list of numbers", lua_typename(L, type));
    }
    lua_pop(L, 1);
}

/* LJMP: { name = default } as a JSON object. */
static void params(struct meta *m, struct sco_policy *ret)
{
    lua_State *L = m->L;
    ret->params = "{}";
    lua_pushliteral(L, "params");
    int type = lua_rawget(L, -2);
    bool empty = true;
    if (type == LUA_TTABLE) {
        for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
            empty = false;
            int t = lua_type(L, -1);
            if (lua_type(L, -2) != LUA_TSTRING)
                problem(m, "params", "'params' maps names to defaults");
            else if (t != LUA_TSTRING && t != LUA_TNUMBER && t != LUA_TBOOLEAN && t != LUA_TTABLE)
                problem(m, "params", "the default of '%s' is a %s", lua_tostring(L, -2),
                        lua_typename(L, t));
        }
        if (!empty && !m->bad) {
            sco_buf_clear(&m->p->buf);
            struct sco_json_out o = {.b = &m->p->buf};
            pl_write_json(L, -1, &o, 0);
            pl_check_buf(L, &m->p->buf);
            ret->params = keep(m, sco_str_c(sco_buf_z(&m->p->buf)));
        }
    } else if (type != LUA_TNIL) {
        problem(m, "params", "'params' is a %s, not a table", lua_typename(L, type));
    }
    lua_pop(L, 1);
}

/* LJMP */
static void choices(struct meta *m, struct sco_policy *ret)
{
    lua_State *L = m->L;
    const char *scope = text(m, "scope", false);
    ret->project = scope && strcmp(scope, "project") == 0;
    if (scope && !ret->project && strcmp(scope, "resource") != 0)
        problem(m, "scope", "scope '%s': \"resource\" or \"project\"", scope);
    lua_pushliteral(L, "default");
    int type = lua_rawget(L, -2);
    ret->enabled = type == LUA_TNIL || lua_toboolean(L, -1);
    if (type != LUA_TNIL && type != LUA_TBOOLEAN)
        problem(m, "default", "'default' is a %s, not true or false", lua_typename(L, type));
    lua_pop(L, 1);
    lua_pushliteral(L, "check");
    type = lua_rawget(L, -2);
    if (type == LUA_TNIL)
        problem(m, NULL, "field 'check' is missing");
    else if (type != LUA_TFUNCTION)
        problem(m, "check", "'check' is a %s, not a function", lua_typename(L, type));
    lua_pop(L, 1);
}

/* LJMP */
static void unknown_fields(struct meta *m, const char *const *names, size_t n)
{
    lua_State *L = m->L;
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING) {
            problem(m, NULL, "a policy has named fields only");
            continue;
        }
        const char *name = lua_tostring(L, -2);
        bool known = false;
        for (size_t i = 0; i < n; i++)
            known = known || strcmp(name, names[i]) == 0;
        if (known)
            continue;
        const char *near = sco_str_nearest(sco_str_c(name), names, n);
        if (near)
            problem(m, name, "unknown field '%s': did you mean '%s'?", name, near);
        else
            problem(m, name, "unknown field '%s'", name);
    }
}

/* ---- workflows ---- */
bool pl_is_workflow(lua_State *L)
{
    lua_pushliteral(L, "run");
    bool run = lua_rawget(L, -2) != LUA_TNIL;
    lua_pop(L, 1);
    lua_pushliteral(L, "check");
    bool check = lua_rawget(L, -2) != LUA_TNIL;
    lua_pop(L, 1);
    return run && !check;
}

/* LJMP: on = "push" or {"push", ...}: selectors "event:push". */
static const char *const *events(struct meta *m)
{
    static const char *const known[] = {"push", "tag",     "pull_request", "release", "pipeline",
                                        "job",  "check",   "comment",      "manual",  "merge_group",
                                        "scan", "finding", "alert",        "schedule"};
    const char *const *names = texts(m, "on", true, true);
    size_t n = 0;
    while (names[n])
        n++;
    const char **ret = keep_bytes(m, (n + 1) * sizeof *ret);
    for (size_t i = 0; i < n; i++) {
        size_t k = 0;
        while (k < SCO_ARRAY_LEN(known) && strcmp(known[k], names[i]) != 0)
            k++;
        if (k == SCO_ARRAY_LEN(known)) {
            const char *near = sco_str_nearest(sco_str_c(names[i]), known, SCO_ARRAY_LEN(known));
            problem(m, "on", "on: there is no event '%s'%s%s%s", names[i],
                    near ? ": did you mean '" : "", near ? near : "", near ? "'?" : "");
        }
        char *s = keep_bytes(m, strlen(names[i]) + sizeof "event:");
        memcpy(s, "event:", sizeof "event:" - 1);
        memcpy(s + sizeof "event:" - 1, names[i], strlen(names[i]) + 1);
        ret[i] = s;
    }
    return ret;
}

/* LJMP */
static void function(struct meta *m, const char *field, bool required)
{
    lua_pushstring(m->L, field);
    int type = lua_rawget(m->L, -2);
    if (type != LUA_TFUNCTION && (required || type != LUA_TNIL))
        problem(m, field, "'%s' is a %s, not a function", field, lua_typename(m->L, type));
    lua_pop(m->L, 1);
}

static void workflow(struct meta *m, struct sco_policy *ret)
{
    static const char *const none[] = {NULL};
    unknown_fields(m, workflow_fields, SCO_ARRAY_LEN(workflow_fields));
    ret->workflow = true;
    ret->severity = SCO_SEV_INFO;
    ret->aliases = none;
    ret->title = text(m, "title", true);
    ret->description = text(m, "description", false);
    ret->links = texts(m, "links", false, false);
    ret->applies_to = events(m);
    params(m, ret);
    function(m, "run", true);
    function(m, "when", false);
}

/* LJMP */
static void policy(struct meta *m, struct sco_policy *ret)
{
    unknown_fields(m, fields, SCO_ARRAY_LEN(fields));
    ret->title = text(m, "title", true);
    ret->severity = severity(m);
    ret->remediation = text(m, "remediation", true);
    ret->description = text(m, "description", false);
    ret->applies_to = texts(m, "applies_to", true, true);
    ret->aliases = texts(m, "aliases", false, false);
    ret->links = texts(m, "links", false, false);
    for (const char *const *s = ret->applies_to; *s; s++)
        check_selector(m, *s);
    for (const char *const *s = ret->aliases; *s; s++)
        if (!pl_alias_valid(sco_str_c(*s)))
            problem(m, "aliases", "alias '%s': no id as CKV_K8S_16, KSV-0017 or kics:<query id>",
                    *s);
    frameworks(m, ret);
    cwe(m, ret);
    params(m, ret);
    choices(m, ret);
}

bool pl_meta_read(lua_State *L, struct pl_file *f, uint32_t nth, struct sco_policy *ret)
{
    struct meta m = {.L = L, .p = pl_of(L), .f = f, .nth = nth};
    *ret = (struct sco_policy){.file_path = f->path};
    ret->id = text(&m, "id", true);
    m.id = ret->id;
    check_id(&m, ret->id);
    if (pl_is_workflow(L))
        workflow(&m, ret);
    else
        policy(&m, ret);
    ret->line = ret->id ? (uint32_t)pl_meta_line(f, ret->id, NULL) : 0;
    ret->bundle = f->bundle->dir;
    ret->digest = f->bundle->digest;
    return !m.bad;
}
