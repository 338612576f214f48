/* Variables of Compose: $V, ${V}, ${V:-default}, ${V-default}, ${V:?error}, ${V:+other}, $$. Nobody
 * knows the environment of the run: a default counts, a variable without one makes the whole value
 * UNKNOWN (its text stays with it). */
#include "set_priv.h"

enum { NESTED_MAX = 20 };

static bool name_char(char c, bool first)
{
    return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (!first && c >= '0' && c <= '9');
}

static size_t name_length(struct sco_str s)
{
    size_t n = 0;
    while (n < s.n && name_char(s.p[n], n == 0))
        n++;
    return n;
}

/* Length up to the brace that closes the one before `s`; s.n when there is none. */
static size_t to_brace(struct sco_str s)
{
    size_t depth = 0, i = 0;
    for (; i < s.n; i++) {
        if (s.p[i] == '{' && i && s.p[i - 1] == '$')
            depth++;
        else if (s.p[i] == '}' && depth-- == 0)
            return i;
    }
    return s.n;
}

static bool expand(struct sco_str s, unsigned nested, struct sco_buf *ret);

/* What stands between the braces. false: it depends on the environment. */
static bool braced(struct sco_str s, unsigned nested, struct sco_buf *ret)
{
    size_t n = name_length(s);
    struct sco_str rest = sco_str_make(s.p + n, s.n - n);
    if (rest.n && rest.p[0] == ':')
        rest = sco_str_make(rest.p + 1, rest.n - 1);
    if (!rest.n || rest.p[0] != '-')
        return false;
    return expand(sco_str_make(rest.p + 1, rest.n - 1), nested + 1, ret);
}

static bool expand(struct sco_str s, unsigned nested, struct sco_buf *ret)
{
    if (nested > NESTED_MAX)
        return false;
    for (size_t i = 0; i < s.n;) {
        struct sco_str rest = sco_str_make(s.p + i + 1, s.n - i - 1);
        if (s.p[i] != '$' || !rest.n) {
            sco_buf_addc(ret, s.p[i++]);
        } else if (rest.p[0] == '$') {
            sco_buf_addc(ret, '$');
            i += 2;
        } else if (rest.p[0] == '{') {
            struct sco_str inner = sco_str_make(rest.p + 1, rest.n - 1);
            size_t n = to_brace(inner);
            if (n == inner.n || !name_length(inner)) {
                sco_buf_addc(ret, s.p[i++]); /* Compose refuses this: left as it is */
                continue;
            }
            if (!braced(sco_str_make(inner.p, n), nested, ret))
                return false;
            i += n + 3;
        } else if (name_length(rest)) {
            return false;
        } else {
            sco_buf_addc(ret, s.p[i++]);
        }
    }
    return true;
}

static int scalar(struct sco_iac_set *s, struct sco_iac_node *v)
{
    struct sco_str text = sco_iac_text(v);
    struct iac_span at = {v->doc, v->pos, v->end};
    if (v->flags & SCO_IAC_MADE || !text.n || !memchr(text.p, '$', text.n))
        return 0;
    SCO_AUTO(sco_buf) struct sco_buf out = {0};
    bool known = expand(text, 0, &out);
    if (out.failed)
        return SCO_E_NOMEM;
    uint8_t flags = (uint8_t)(v->flags | SCO_IAC_MADE);
    if (!known) {
        v->type = SCO_IAC_UNKNOWN; /* text and n stay */
    } else if (!(v->flags & SCO_IAC_QUOTED) &&
               (sco_str_is(sco_buf_str(&out), "true") || sco_str_is(sco_buf_str(&out), "false"))) {
        *v = iac_bool(out.n == 4, at);
    } else {
        int r = iac_str(s, sco_buf_str(&out), at, v);
        if (r < 0)
            return r;
    }
    v->flags = flags;
    return 0;
}

/* The tree is still ours alone here. Children that aliases share are met several times: MADE says
 * that one is done. */
int iac_interpolate(struct sco_iac_set *s, struct sco_iac_node *v)
{
    int r = 0;
    if (v->type == SCO_IAC_STR)
        return scalar(s, v);
    if (v->type == SCO_IAC_LIST)
        for (uint32_t i = 0; r == 0 && i < v->n; i++)
            r = iac_interpolate(s, (struct sco_iac_node *)&v->item[i]);
    if (v->type == SCO_IAC_MAP)
        for (uint32_t i = 0; r == 0 && i < v->n; i++)
            r = iac_interpolate(s, (struct sco_iac_node *)&v->member[i].value);
    return r;
}
