/* JSON in memory: whole documents, and the head of one that is cut off. And the token scan that
 * benchmarks compare with. */
#include "json_priv.h"

#include <stdlib.h>

static int parse_whole(struct sco_json_tree *t, struct sco_node *v)
{
    int r = sco_json_src_skip_bom(t->s);
    if (r == 0)
        r = sco_json_tree_read(t, v);
    if (r < 0)
        return r;
    int c = sco_json_peek(t->s);
    if (c == SCO_JSON_EOF)
        return 0;
    return c < 0 ? c : sco_json_unexpected(t->s, "nothing more");
}

int sco_json_parse(struct sco_str text, struct sco_arena *arena, const struct sco_node **ret,
                   struct sco_error *err)
{
    struct sco_json_src src;
    struct sco_json_tree t;
    sco_json_src_mem(&src, text);
    sco_json_tree_begin(&t, &src, arena, NULL);
    struct sco_node *v = sco_json_tree_node(&t);
    if (v && parse_whole(&t, v) == 0) {
        *ret = v;
        return 0;
    }
    SCO_AUTO(sco_buf) struct sco_buf path = {0};
    sco_json_tree_path(&t, &path);
    return sco_json_report(&src, NULL, sco_buf_z(&path), err);
}

const struct sco_node *sco_json_parse_head(struct sco_str text, struct sco_arena *arena)
{
    struct sco_json_src src;
    struct sco_json_tree t;
    sco_json_src_mem(&src, text);
    sco_json_tree_begin(&t, &src, arena, NULL);
    struct sco_node *v = sco_json_tree_node(&t);
    if (!v || sco_json_src_skip_bom(&src) < 0)
        return NULL;
    if (sco_json_tree_read(&t, v) == 0)
        return v;
    /* A value is in the tree once it is complete, a list or map once it is open: what there is
     * when the text ends can be used. A text that is wrong at its first member is not JSON. */
    bool opened = v->type == SCO_NODE_LIST || v->type == SCO_NODE_MAP;
    return opened && (src.fault.cut || v->n > 0) ? v : NULL;
}

/* ---- scan -------------------------------------------------------------------------------------
 */

struct scan {
    struct sco_json_src s;
    uint64_t tokens;
    uint32_t depth;
    char close[SCO_JSON_DEPTH_MAX];
};

static int scan_string(struct scan *k)
{
    struct sco_json_tok tok;
    int r = sco_json_lex_string(&k->s, &tok);
    k->tokens++;
    if (r == 0 && tok.escapes && sco_json_unescape(&k->s, tok.raw, NULL) < 0)
        return k->s.fault.code;
    return r;
}

static int scan_value(struct scan *k, int c)
{
    struct sco_str digits;
    int64_t i;
    if (c == '"')
        return scan_string(k);
    k->tokens++;
    if (c == '{' || c == '[') {
        if (k->depth == SCO_JSON_DEPTH_MAX)
            return sco_json_too_deep(&k->s, sco_json_src_tell(&k->s));
        k->close[k->depth++] = c == '{' ? '}' : ']';
        k->s.p++;
        return 1;
    }
    int r;
    if (c == '-' || (c >= '0' && c <= '9'))
        r = sco_json_lex_number(&k->s, &digits, &i);
    else if (c == 't' || c == 'f' || c == 'n')
        r = sco_json_lex_word(&k->s, &i);
    else
        r = sco_json_unexpected(&k->s, "a value");
    return r < 0 ? r : 0;
}

static int scan_key(struct scan *k)
{
    int c = sco_json_peek(&k->s);
    int r = c == '"'            ? scan_string(k)
            : c == SCO_JSON_EOF ? sco_json_cut(&k->s, "an object")
            : c < 0             ? c
                                : sco_json_unexpected(&k->s, "a name in quotes");
    if (r < 0)
        return r;
    c = sco_json_peek(&k->s);
    if (c == ':') {
        k->s.p++;
        return 0;
    }
    return c == SCO_JSON_EOF ? sco_json_cut(&k->s, "an object")
           : c < 0           ? c
                             : sco_json_unexpected(&k->s, "':'");
}

/* Behind a value (or an opening bracket: first): closes what ends. 1: a value follows. */
static int scan_next(struct scan *k, bool first)
{
    while (k->depth) {
        int close = (unsigned char)k->close[k->depth - 1], c = sco_json_peek(&k->s);
        if (c < 0)
            return c == SCO_JSON_EOF ? sco_json_cut(&k->s, "a list or an object") : c;
        if (c == close) {
            k->s.p++;
            k->tokens++;
            k->depth--;
            first = false;
            continue;
        }
        if (!first) {
            if (c != ',')
                return sco_json_unexpected(&k->s, "',' or the end of the list or object");
            k->s.p++;
        }
        int r = close == '}' ? scan_key(k) : 0;
        return r < 0 ? r : 1;
    }
    return 0;
}

static int scan_all(struct scan *k)
{
    int r = sco_json_src_skip_bom(&k->s);
    bool inside = false;
    while (r >= 0) {
        int c = sco_json_peek(&k->s);
        if (c == SCO_JSON_EOF)
            return inside ? sco_json_cut(&k->s, "a list or an object") : 0;
        r = c < 0 ? c : scan_value(k, c);
        if (r >= 0)
            r = scan_next(k, r == 1);
        inside = r == 1;
    }
    return r;
}

int sco_json_scan(const char *path, uint64_t *ret_tokens, struct sco_error *err)
{
    struct scan k = {0};
    int r = sco_json_src_open(&k.s, path, err);
    if (r < 0)
        return r;
    r = scan_all(&k);
    if (r < 0)
        r = sco_json_report(&k.s, path, NULL, err);
    else
        *ret_tokens = k.tokens;
    sco_json_src_done(&k.s);
    return r;
}
