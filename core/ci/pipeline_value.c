/* Values of a pipeline's definition. YAML resolves nothing here: what a text is wanted for decides
 * what it is, so that `python: 3.10` stays 3.10. */
#include "pipeline_priv.h"

#include <secureops/json.h>

enum { VARIABLES_MAX = 200, VALUE_MAX = 32 << 10, TIMEOUT_MAX_MS = 24 * 3600 * 1000 };

int pipeline_wrong(struct pipeline_reading *rd, const struct sco_yaml *at, const char *fmt, ...)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    va_list ap;
    va_start(ap, fmt);
    sco_buf_addvf(&b, fmt, ap);
    va_end(ap);
    return sco_yaml_error(rd->err, SCO_E_INVALID, rd->file, at, "%s", sco_buf_z(&b));
}

const struct sco_yaml *pipeline_get(const struct sco_yaml *map, const char *name)
{
    const struct sco_yaml *v = sco_yaml_get(map, sco_str_c(name));
    return v && sco_yaml_is_null(v) ? NULL : v;
}

int pipeline_map(struct pipeline_reading *rd, const struct sco_yaml *v, const char *what,
                 const char *const *names, size_t n)
{
    if (v->kind != SCO_YAML_MAP)
        return pipeline_wrong(rd, v, "%s is a map, not %s", what, sco_yaml_kind_name(v));
    for (const struct sco_yaml *m = v->child; m; m = m->next) {
        size_t i = 0;
        while (i < n && !sco_str_is(m->key->text, names[i]))
            i++;
        if (i < n)
            continue;
        const char *near = sco_str_nearest(m->key->text, names, n);
        return pipeline_wrong(rd, m->key, "%s has no \"%.60s\"%s%s%s", what, m->key->text.p,
                              near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    }
    return 0;
}

int pipeline_text(struct pipeline_reading *rd, const struct sco_yaml *v, size_t max,
                  const char **ret)
{
    if (!v)
        return 0;
    if (v->kind != SCO_YAML_SCALAR)
        return pipeline_wrong(rd, v, "text is wanted, not %s", sco_yaml_kind_name(v));
    if (!v->text.n || v->text.n > max || memchr(v->text.p, 0, v->text.n))
        return pipeline_wrong(rd, v, "text of 1 to %zu bytes is wanted", max);
    *ret = v->text.p;
    return 0;
}

int pipeline_bool(struct pipeline_reading *rd, const struct sco_yaml *v, bool *ret)
{
    bool is = v && v->kind == SCO_YAML_SCALAR && v->plain;
    if (!v)
        return 0;
    if (is && sco_str_is(v->text, "true"))
        *ret = true;
    else if (is && sco_str_is(v->text, "false"))
        *ret = false;
    else
        return pipeline_wrong(rd, v, "true or false is wanted");
    return 0;
}

int pipeline_number(struct pipeline_reading *rd, const struct sco_yaml *v, int64_t min, int64_t max,
                    uint32_t *ret)
{
    int64_t n = 0;
    if (!v)
        return 0;
    if (v->kind != SCO_YAML_SCALAR || !v->plain || sco_parse_i64(v->text, min, max, &n) < 0)
        return pipeline_wrong(rd, v, "a number from %lld to %lld is wanted", (long long)min,
                              (long long)max);
    *ret = (uint32_t)n;
    return 0;
}

int pipeline_duration(struct pipeline_reading *rd, const struct sco_yaml *v, int64_t *ret)
{
    int64_t ms = 0;
    if (!v)
        return 0;
    if (v->kind != SCO_YAML_SCALAR || sco_parse_duration(v->text, &ms) < 0 || ms < 1000 ||
        ms > TIMEOUT_MAX_MS)
        return pipeline_wrong(rd, v, "a duration from 1s to 24h is wanted, such as 15m");
    *ret = ms;
    return 0;
}

int pipeline_condition(struct pipeline_reading *rd, const struct sco_yaml *v, const char **ret)
{
    struct sco_error why = {0};
    const char *text = NULL;
    int r = pipeline_text(rd, v, 1000, &text);
    if (r < 0 || !text)
        return r;
    if (sco_pipeline_check(text, &why) < 0)
        return pipeline_wrong(rd, v, "the condition: %s", why.text);
    *ret = text;
    return 0;
}

int pipeline_texts(struct pipeline_reading *rd, const struct sco_yaml *v, size_t max_n,
                   const char *const **ret)
{
    bool one = v && v->kind == SCO_YAML_SCALAR;
    size_t n = !v ? 0 : one ? 1 : v->n, i = 0;
    if (!v)
        return 0;
    if (v->kind == SCO_YAML_MAP || n > max_n)
        return pipeline_wrong(rd, v, "a list of at most %zu texts is wanted", max_n);
    const char **list = sco_arena_alloc(rd->arena, (n + 1) * sizeof *list);
    if (!list)
        return sco_error_nomem(rd->err);
    for (const struct sco_yaml *m = one ? v : v->child; m && i < n; m = one ? NULL : m->next) {
        int r = pipeline_text(rd, m, SCO_PIPELINE_NAME_MAX * 4, &list[i++]);
        if (r < 0)
            return r;
    }
    *ret = list;
    return 0;
}

int pipeline_path(struct pipeline_reading *rd, const struct sco_yaml *v, const char *path)
{
    struct sco_str rest = sco_str_c(path), part;
    bool good = path[0] != '/' && !strchr(path, '\\');
    while (good && sco_str_split(&rest, '/', &part))
        good = !sco_str_is(part, "..");
    return good ? 0 : pipeline_wrong(rd, v, "\"%s\": a path in the checkout is wanted", path);
}

/* ---- variables ---- */
bool pipeline_is_variable(struct sco_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
        if (!letter && (i == 0 || c < '0' || c > '9'))
            return false;
    }
    return s.n > 0 && s.n <= SCO_PIPELINE_NAME_MAX && !sco_str_starts(s, "SECUREOPS_") &&
           !sco_str_starts(s, "MATRIX_");
}

static size_t count(const char *const *v)
{
    size_t n = 0;
    while (v && v[n])
        n++;
    return n;
}

/* Room for `more` behind what is there. */
static const char **copy(struct pipeline_reading *rd, const char *const *base, size_t more)
{
    size_t n = count(base);
    const char **v = sco_arena_alloc(rd->arena, (n + more + 1) * sizeof *v);
    for (size_t i = 0; v && i < n; i++)
        v[i] = base[i];
    return v;
}

static int put(struct pipeline_reading *rd, const char **v, const char *name, const char *value)
{
    size_t i = 0, len = strlen(name);
    while (v[i] && !(strncmp(v[i], name, len) == 0 && v[i][len] == '='))
        i++;
    v[i] = sco_arena_fmt(rd->arena, "%s=%s", name, value);
    return v[i] ? 0 : sco_error_nomem(rd->err);
}

int pipeline_env_add(struct pipeline_reading *rd, const char *const *base, const char *name,
                     const char *value, const char *const **ret)
{
    const char **v = copy(rd, base, 1);
    int r = v ? put(rd, v, name, value) : sco_error_nomem(rd->err);
    if (r == 0)
        *ret = v;
    return r;
}

int pipeline_env(struct pipeline_reading *rd, const struct sco_yaml *v, const char *const *base,
                 const char *const **ret)
{
    int r = 0;
    if (v && v->kind != SCO_YAML_MAP)
        return pipeline_wrong(rd, v, "env is a map of variables, not %s", sco_yaml_kind_name(v));
    if (v && v->n > VARIABLES_MAX)
        return pipeline_wrong(rd, v, "there are at most %d variables", VARIABLES_MAX);
    const char **to = copy(rd, base, v ? v->n : 0);
    if (!to)
        return sco_error_nomem(rd->err);
    for (const struct sco_yaml *m = v ? v->child : NULL; m && r == 0; m = m->next) {
        if (!pipeline_is_variable(m->key->text))
            return pipeline_wrong(rd, m->key,
                                  "\"%.60s\" is no name for a variable: letters, digits and _, and "
                                  "neither SECUREOPS_ nor MATRIX_ in front",
                                  m->key->text.p);
        if (m->kind != SCO_YAML_SCALAR || m->text.n > VALUE_MAX || memchr(m->text.p, 0, m->text.n))
            return pipeline_wrong(rd, m, "text is wanted, not %s", sco_yaml_kind_name(m));
        r = put(rd, to, m->key->text.p, m->text.p);
    }
    if (r == 0)
        *ret = to;
    return r;
}

/* ---- a scan ---- */
int pipeline_scan(struct pipeline_reading *rd, const struct sco_yaml *v, const char **ret)
{
    static const char *const names[] = {"types", "scanners", "skip",   "frameworks",
                                        "gates", "fail_on",  "offline"};
    enum { LISTS = 5, TEXTS = 6 };
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b};
    int r = pipeline_map(rd, v, "a scan", names, SCO_ARRAY_LEN(names));
    sco_json_begin(&o, '{');
    for (size_t i = 0; i < SCO_ARRAY_LEN(names) && r == 0; i++) {
        const struct sco_yaml *m = pipeline_get(v, names[i]);
        const char *const *list = NULL;
        const char *text = NULL;
        bool flag = false;
        if (!m)
            continue;
        r = i < LISTS   ? pipeline_texts(rd, m, 64, &list)
            : i < TEXTS ? pipeline_text(rd, m, SCO_PIPELINE_NAME_MAX, &text)
                        : pipeline_bool(rd, m, &flag);
        if (r < 0)
            return r;
        sco_json_key(&o, names[i]);
        if (list) {
            sco_json_begin(&o, '[');
            for (; *list; list++)
                sco_json_str(&o, sco_str_c(*list));
            sco_json_end(&o, ']');
        } else if (text) {
            sco_json_str(&o, sco_str_c(text));
        } else {
            sco_json_bool(&o, flag);
        }
    }
    sco_json_end(&o, '}');
    if (r == 0)
        r = sco_buf_check(&b, rd->err);
    if (r == 0 && !(*ret = sco_arena_cstr(rd->arena, sco_buf_str(&b))))
        r = sco_error_nomem(rd->err);
    return r;
}
