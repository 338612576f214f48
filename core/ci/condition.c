/* Conditions of own pipelines: a recursive descent over
 *   or    = and *("||" and)
 *   and   = unary *("&&" unary)
 *   unary = "!" unary / "(" or ")" / FUNCTION "()" / value ("==" / "!=" / "=~") value
 *   value = NAME / "text" / 'text'
 * The same pass checks and evaluates. */
#include <secureops/pipeline.h>

enum { DEPTH_MAX = 50 };

struct reading {
    const char *p;
    const struct sco_pipeline_facts *f;
    struct sco_error *err;
    int depth, result; /* result below 0: it is wrong */
    bool spoke;        /* of failure, with a function */
};

static const char *const names[] = {"branch", "tag", "event", "actor", "repository", "commit_sha"};
static const char *const functions[] = {"success", "failure", "always"};

static bool wrong(struct reading *r, const char *what)
{
    if (r->result == 0)
        r->result = sco_error_set(r->err, SCO_E_INVALID, "at \"%.40s\": %s", r->p, what);
    return false;
}

static void skip(struct reading *r)
{
    while (*r->p == ' ' || *r->p == '\t' || *r->p == '\n')
        r->p++;
}

static bool take(struct reading *r, const char *word)
{
    size_t n = strlen(word);
    skip(r);
    if (strncmp(r->p, word, n) != 0)
        return false;
    r->p += n;
    return true;
}

static struct sco_str word(struct reading *r)
{
    const char *from = r->p;
    while ((*r->p >= 'a' && *r->p <= 'z') || *r->p == '_')
        r->p++;
    return sco_str_make(from, (size_t)(r->p - from));
}

static bool function(struct reading *r, struct sco_str name, bool *ret)
{
    const struct sco_pipeline_facts *f = r->f;
    size_t i = 0;
    while (i < SCO_ARRAY_LEN(functions) && !sco_str_is(name, functions[i]))
        i++;
    if (i == SCO_ARRAY_LEN(functions))
        return wrong(r, "there are success(), failure() and always()");
    if (!take(r, "(") || !take(r, ")"))
        return wrong(r, "expected ()");
    r->spoke = true;
    *ret = i == 2 || (!f->cancelled && f->failed == (i == 1));
    return true;
}

static struct sco_str fact(const struct sco_pipeline_facts *f, size_t i)
{
    const char *const v[] = {f->branch, f->tag, f->event, f->actor, f->repository, f->commit_sha};
    return sco_str_c(v[i] ? v[i] : "");
}

static bool value(struct reading *r, struct sco_str *ret)
{
    skip(r);
    if (*r->p == '"' || *r->p == '\'') {
        char quote = *r->p++;
        const char *end = strchr(r->p, quote);
        if (!end)
            return wrong(r, "the quote is not closed");
        *ret = sco_str_make(r->p, (size_t)(end - r->p));
        r->p = end + 1;
        return true;
    }
    const char *from = r->p;
    struct sco_str name = word(r);
    for (size_t i = 0; i < SCO_ARRAY_LEN(names); i++)
        if (sco_str_is(name, names[i])) {
            *ret = fact(r->f, i);
            return true;
        }
    r->p = from;
    const char *nearest = name.n ? sco_str_nearest(name, names, SCO_ARRAY_LEN(names)) : NULL;
    char text[64];
    snprintf(text, sizeof text,
             nearest ? "did you mean %s?" : "expected a name or a text in quotes%s",
             nearest ? nearest : "");
    return wrong(r, text);
}

static bool glob(struct reading *r, struct sco_str pattern, struct sco_str s, bool *ret)
{
    SCO_AUTO(sco_buf) struct sco_buf z = {0};
    sco_buf_add(&z, pattern);
    *ret = sco_glob_match(sco_buf_z(&z), s);
    return z.failed ? wrong(r, "out of memory") : true;
}

static bool comparison(struct reading *r, bool *ret)
{
    struct sco_str a, b;
    if (!value(r, &a))
        return false;
    bool equal = take(r, "=="), unequal = !equal && take(r, "!=");
    if (!equal && !unequal && !take(r, "=~"))
        return wrong(r, "expected ==, != or =~");
    if (!value(r, &b))
        return false;
    if (!equal && !unequal)
        return glob(r, b, a, ret);
    *ret = sco_str_eq(a, b) == equal;
    return true;
}

static bool either(struct reading *r, bool *ret);

static bool unary(struct reading *r, bool *ret)
{
    if (r->depth >= DEPTH_MAX)
        return wrong(r, "it is nested too deeply");
    r->depth++;
    bool ok;
    if (take(r, "!")) {
        ok = unary(r, ret);
        *ret = !*ret;
    } else if (take(r, "(")) {
        ok = either(r, ret);
        if (ok && !take(r, ")"))
            ok = wrong(r, "expected )");
    } else {
        skip(r);
        const char *from = r->p;
        struct sco_str name = word(r);
        skip(r);
        bool call = name.n && *r->p == '(';
        if (!call)
            r->p = from;
        ok = call ? function(r, name, ret) : comparison(r, ret);
    }
    r->depth--;
    return ok;
}

static bool both(struct reading *r, bool *ret)
{
    bool ok = unary(r, ret), next = false;
    while (ok && take(r, "&&")) {
        ok = unary(r, &next);
        *ret = *ret && next;
    }
    return ok;
}

static bool either(struct reading *r, bool *ret)
{
    bool ok = both(r, ret), next = false;
    while (ok && take(r, "||")) {
        ok = both(r, &next);
        *ret = *ret || next;
    }
    return ok;
}

static int read_all(const char *condition, const struct sco_pipeline_facts *f, bool *ret,
                    struct sco_error *err)
{
    struct reading r = {.p = condition, .f = f, .err = err};
    *ret = false;
    if (either(&r, ret)) {
        skip(&r);
        if (*r.p)
            wrong(&r, "nothing more was expected");
    }
    if (!r.spoke && (f->failed || f->cancelled)) /* success() is meant */
        *ret = false;
    return r.result;
}

int sco_pipeline_check(const char *condition, struct sco_error *err)
{
    struct sco_pipeline_facts none = {0};
    bool holds;
    return read_all(condition, &none, &holds, err);
}

bool sco_pipeline_holds(const char *condition, const struct sco_pipeline_facts *f)
{
    bool holds = false;
    return read_all(condition ? condition : "success()", f, &holds, NULL) == 0 && holds;
}
