/* The change that a policy suggests, as bytes of the file: only where it is certain. What came
 * through an alias, or was made, is left to people. */
#include "policy_priv.h"
#include <secureops/json.h>

/* ---- what the policy said ---- */
void pl_fix_read(lua_State *L, int at, struct pl_fail *f)
{
    struct sco_policies *p = pl_of(L);
    luaL_checktype(L, at, LUA_TTABLE);
    f->fix = PL_FIX_NONE;
    lua_pushliteral(L, "set");
    if (lua_rawget(L, at) != LUA_TNIL) {
        sco_buf_clear(&p->buf);
        struct sco_json_out o = {.b = &p->buf};
        pl_write_json(L, -1, &o, 0);
        pl_check_buf(L, &p->buf);
        f->fix = PL_FIX_SET;
        f->fix_text = pl_run_str(L, sco_buf_str(&p->buf));
    }
    lua_pushliteral(L, "replace");
    lua_rawget(L, at);
    lua_pushliteral(L, "with");
    if (lua_rawget(L, at) == LUA_TSTRING && lua_type(L, -2) == LUA_TSTRING) {
        struct sco_str from, to;
        from.p = lua_tolstring(L, -2, &from.n);
        to.p = lua_tolstring(L, -1, &to.n);
        f->fix = PL_FIX_REPLACE;
        f->fix_from = pl_run_str(L, from);
        f->fix_text = pl_run_str(L, to);
    }
    lua_pushliteral(L, "remove");
    lua_rawget(L, at);
    if (lua_toboolean(L, -1))
        f->fix = PL_FIX_REMOVE;
    lua_pop(L, 4);
    if (f->fix == PL_FIX_NONE)
        luaL_error(
            L, "a fix is { set = value }, { remove = true } or { replace = text, with = text }");
    if (p->run.sensitive) /* it may hold what was read */
        f->fix = PL_FIX_NONE;
}

/* ---- text ---- */
struct fix {
    struct sco_policies *p;
    struct sco_str text;
    const struct pl_fail *f;
    const struct pl_place *at;
    struct sco_buf out;
    uint32_t pos, end;
};

static uint32_t line_start(const struct fix *x, uint32_t pos)
{
    while (pos && x->text.p[pos - 1] != '\n')
        pos--;
    return pos;
}

static uint32_t line_end(const struct fix *x, uint32_t pos)
{
    while (pos < x->text.n && x->text.p[pos] != '\n' && x->text.p[pos] != '\r')
        pos++;
    return pos;
}

/* The end of a value without the white space and comments that follow it. */
static uint32_t value_end(const struct fix *x, const struct sco_iac_node *v)
{
    uint32_t end = v->end;
    while (end > v->pos && strchr(" \t\r\n", x->text.p[end - 1]))
        end--;
    return end;
}

static bool is_flow(const struct fix *x, const struct sco_iac_node *v)
{
    return v->pos < x->text.n && (x->text.p[v->pos] == '{' || x->text.p[v->pos] == '[');
}

static bool is_plain_safe(struct sco_str s)
{
    static const char *const words[] = {"true", "false", "null", "yes", "no",
                                        "on",   "off",   "y",    "n"};
    for (size_t i = 0; i < SCO_ARRAY_LEN(words); i++)
        if (s.n == strlen(words[i]) && strncasecmp(s.p, words[i], s.n) == 0)
            return false;
    for (size_t i = 0; i < s.n; i++) {
        char c = (char)(s.p[i] | 32);
        bool inside = (s.p[i] >= '0' && s.p[i] <= '9') || strchr("-_./", s.p[i]);
        if (!(c >= 'a' && c <= 'z') && (i == 0 || !inside))
            return false;
    }
    return s.n > 0;
}

/* A JSON string without escapes that YAML takes as it is loses its quotes. */
static void add_value(struct fix *x, struct sco_str json, bool flow)
{
    struct sco_str inside = json.n >= 2 ? sco_str_make(json.p + 1, json.n - 2) : json;
    if (!flow && json.n > 2 && *json.p == '"' && is_plain_safe(inside))
        sco_buf_add(&x->out, inside);
    else
        sco_buf_add(&x->out, json);
}

static void add_key(struct fix *x, struct sco_str key, bool flow)
{
    if (!flow && is_plain_safe(key)) {
        sco_buf_add(&x->out, key);
        return;
    }
    struct sco_json_out o = {.b = &x->out};
    sco_json_str(&o, key);
}

static void add_spaces(struct fix *x, size_t n)
{
    while (n--)
        sco_buf_addc(&x->out, ' ');
}

/* ---- set ---- */
/* How many parts of the path are not there. */
static size_t missing(const struct fix *x)
{
    size_t used;
    pl_follow(x->f->where ? x->f->where : x->p->run.resource->node, x->f->path, x->f->n_path,
              &used);
    return x->f->n_path - used;
}

/* "key: value" of all missing parts; the first starts where the text is inserted. */
static bool add_missing(struct fix *x, size_t n, size_t column, bool flow)
{
    const struct pl_step *s = x->f->path + (x->f->n_path - n);
    for (size_t i = 0; i < n; i++) {
        if (!s[i].key.p)
            return false;
        if (i && !flow) {
            sco_buf_addc(&x->out, '\n');
            add_spaces(x, column + 2 * i);
        }
        if (i && flow)
            sco_buf_addc(&x->out, '{');
        add_key(x, s[i].key, flow);
        sco_buf_addz(&x->out, i + 1 < n && !flow ? ":" : ": ");
    }
    add_value(x, sco_str_c(x->f->fix_text), flow);
    for (size_t i = 1; i < n && flow; i++)
        sco_buf_addc(&x->out, '}');
    return true;
}

/* Into a map with braces: at its front. */
static bool insert_flow(struct fix *x, const struct sco_iac_node *map, size_t n)
{
    x->pos = x->end = map->n ? map->member[0].key_pos : map->pos + 1;
    if (!add_missing(x, n, 0, true))
        return false;
    if (map->n)
        sco_buf_addz(&x->out, ", ");
    return true;
}

/* Into a map of lines: after its last member. */
static bool insert_block(struct fix *x, const struct sco_iac_node *map, size_t n)
{
    const struct sco_iac_member *first = &map->member[0], *last = &map->member[map->n - 1];
    for (uint32_t i = 0; i < map->n; i++)
        if (map->member[i].value.flags & (SCO_IAC_ALIASED | SCO_IAC_MADE))
            return false; /* merged members lie elsewhere */
    size_t column = first->key_pos - line_start(x, first->key_pos);
    x->pos = x->end = line_end(x, value_end(x, &last->value));
    if (x->pos < last->key_pos)
        x->pos = x->end = line_end(x, last->key_pos);
    sco_buf_addc(&x->out, '\n');
    add_spaces(x, column);
    return add_missing(x, n, column, false);
}

/* Below a key without value. */
static bool insert_null(struct fix *x, const struct sco_iac_node *v, size_t n)
{
    const struct sco_iac_member *m = x->at->member;
    if (!m || value_end(x, v) > v->pos)
        return false;
    size_t column = m->key_pos - line_start(x, m->key_pos) + 2;
    x->pos = x->end = line_end(x, m->key_pos);
    sco_buf_addc(&x->out, '\n');
    add_spaces(x, column);
    return add_missing(x, n, column, false);
}

static bool make_set(struct fix *x)
{
    const struct sco_iac_node *v = x->at->node;
    size_t n = missing(x);
    if (n == 0) {
        x->pos = v->pos;
        x->end = value_end(x, v);
        bool empty = x->pos == x->end;
        if (empty && x->at->member) { /* "key:" */
            x->pos = x->end = line_end(x, x->at->member->key_pos);
            while (x->pos && x->text.p[x->pos - 1] != ':')
                x->pos--;
            x->end = x->pos;
            sco_buf_addc(&x->out, ' ');
        }
        bool json = x->text.n && (*x->text.p == '{' || *x->text.p == '[');
        add_value(x, sco_str_c(x->f->fix_text), json || x->text.p[x->pos] == '"');
        return true;
    }
    if (v->type == SCO_IAC_NULL)
        return insert_null(x, v, n);
    if (v->type != SCO_IAC_MAP)
        return false;
    if (is_flow(x, v))
        return insert_flow(x, v, n);
    return v->n && insert_block(x, v, n);
}

/* ---- remove ---- */
/* Removes child i of n, given where each child starts and ends. */
static bool remove_flow(struct fix *x, uint32_t start, uint32_t end, uint32_t next,
                        uint32_t previous_end)
{
    x->pos = next || !previous_end ? start : previous_end;
    x->end = next ? next : end;
    return true;
}

static bool remove_lines(struct fix *x, uint32_t start, uint32_t end)
{
    x->pos = line_start(x, start);
    x->end = line_end(x, end);
    if (x->end < x->text.n && x->text.p[x->end] == '\r')
        x->end++;
    if (x->end < x->text.n)
        x->end++;
    return true;
}

static bool is_blank(const struct fix *x, uint32_t from, uint32_t to)
{
    for (; from < to; from++)
        if (x->text.p[from] != ' ')
            return false;
    return true;
}

static bool make_remove(struct fix *x)
{
    const struct sco_iac_node *v = x->at->node, *in = x->at->parent;
    if (!x->at->exists || !in || in->n < 2) /* an empty parent may mean something else */
        return false;
    bool map = in->type == SCO_IAC_MAP;
    uint32_t i = 0;
    while (i < in->n && (map ? &in->member[i].value : &in->item[i]) != v)
        i++;
    if (i == in->n)
        return false;
    uint32_t start = map ? in->member[i].key_pos : v->pos, end = value_end(x, v);
    if (end < start)
        end = line_end(x, start);
    uint32_t next = i + 1 == in->n ? 0 : map ? in->member[i + 1].key_pos : in->item[i + 1].pos;
    if (is_flow(x, in)) {
        uint32_t before = i == 0 ? 0 : value_end(x, map ? &in->member[i - 1].value : v - 1);
        return remove_flow(x, start, end, next, before);
    }
    uint32_t line = line_start(x, start);
    if (is_blank(x, line, start))
        return remove_lines(x, start, end);
    uint32_t dash = line;
    while (dash < start && x->text.p[dash] == ' ')
        dash++;
    if (x->text.p[dash] != '-' || !is_blank(x, dash + 1, start))
        return false;
    if (!map)
        return remove_lines(x, start, end);
    if (!next)
        return false;
    x->pos = start; /* the next key moves behind the dash */
    x->end = next;
    return true;
}

/* ---- */
static bool in_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == '/';
}

/* The words where they first stand in the place, as words of their own. */
static bool make_replace(struct fix *x)
{
    size_t n = strlen(x->f->fix_from);
    const char *start = x->text.p, *p = start + x->at->pos, *end = start + x->at->end;
    while (n && (p = memmem(p, (size_t)(end - p), x->f->fix_from, n))) {
        bool before = p > start && in_word(p[-1]), after = p + n < end && in_word(p[n]);
        if (!before && !after) {
            x->pos = (uint32_t)(p - start);
            x->end = x->pos + (uint32_t)n;
            sco_buf_addz(&x->out, x->f->fix_text);
            return true;
        }
        p++;
    }
    return false;
}

bool pl_fix_make(struct sco_policies *p, const struct pl_fail *f, const struct pl_place *at,
                 struct sco_policy_fix *ret)
{
    const struct sco_iac_doc *doc = &p->docs->docs[at->resource->doc];
    struct fix x = {.p = p, .text = doc->text->bytes, .f = f, .at = at, .out = p->buf};
    bool dockerfile = doc->format == SCO_IAC_FORMAT_DOCKERFILE;
    bool yaml = !dockerfile && doc->format != SCO_IAC_FORMAT_TERRAFORM_PLAN &&
                doc->format != SCO_IAC_FORMAT_SCAN;
    if ((f->fix == PL_FIX_REPLACE ? !dockerfile : !yaml) || at->node->doc != at->resource->doc ||
        at->aliased || at->node->end > x.text.n ||
        (at->node->flags & (SCO_IAC_ALIASED | SCO_IAC_MADE)))
        return false;
    sco_buf_clear(&x.out);
    bool ok = f->fix == PL_FIX_SET      ? make_set(&x)
              : f->fix == PL_FIX_REMOVE ? make_remove(&x)
                                        : make_replace(&x);
    const char *text =
        ok && !x.out.failed
            ? sco_arena_cstr(&p->run_arena, x.out.n ? sco_buf_str(&x.out) : sco_str_c(""))
            : NULL;
    p->buf = x.out;
    if (!text || x.pos > x.end || x.end > x.text.n)
        return false;
    *ret = (struct sco_policy_fix){.pos = x.pos, .end = x.end, .text = text};
    return true;
}
