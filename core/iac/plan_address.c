/* Addresses: module.a["k.with]dots\"q"].data.type.name[0]. They are opaque but for finding the
 * configuration behind them; keys are quoted, with escapes, and may hold dots and brackets. */
#include "plan_priv.h"

size_t plan_key_end(struct sco_str s, size_t at)
{
    if (at >= s.n || s.p[at] != '[')
        return at;
    size_t i = at + 1;
    bool quoted = i < s.n && s.p[i] == '"';
    for (i += quoted; i < s.n; i++) {
        if (quoted && s.p[i] == '\\')
            i++;
        else if (quoted && s.p[i] == '"')
            quoted = false;
        else if (!quoted && s.p[i] == ']')
            return i + 1;
    }
    return s.n;
}

size_t plan_name_end(struct sco_str s, size_t at)
{
    while (at < s.n && s.p[at] != '.' && s.p[at] != '[')
        at++;
    return at;
}

static struct sco_str part(struct sco_str s, size_t from, size_t to)
{
    return sco_str_make(s.p + from, to - from);
}

bool plan_module_step(struct sco_str *rest, struct sco_str *ret_name, struct sco_str *ret_key)
{
    static const struct sco_str word = {"module.", 7};
    struct sco_str s = *rest;
    if (s.n <= word.n || memcmp(s.p, word.p, word.n) != 0)
        return false;
    size_t name = plan_name_end(s, word.n), key = plan_key_end(s, name);
    *ret_name = part(s, word.n, name);
    *ret_key = part(s, name, key);
    if (key < s.n && s.p[key] == '.')
        key++;
    *rest = part(s, key, s.n);
    return true;
}

size_t plan_resource_end(struct sco_str s)
{
    size_t type = 0;
    if (s.n > 5 && memcmp(s.p, "data.", 5) == 0)
        type = 5;
    size_t dot = plan_name_end(s, type);
    if (dot == type || dot + 1 >= s.n || s.p[dot] != '.')
        return 0;
    size_t end = plan_name_end(s, dot + 1);
    return end == dot + 1 ? 0 : end;
}
