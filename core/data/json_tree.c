/* Trees of struct sco_node out of tokens, in an arena: memory is taken in chunks, texts grow from
 * their start and nodes from their end, so that neither needs padding. No recursion: the open lists
 * and maps are a stack, which also gives the path for errors. */
#include "json_priv.h"
#include "json_simd.h"

enum { CHUNK_MIN = 1 << 10, CHUNK_MAX = 256 << 10 };

/* What fetching the next part of a list or map found. */
enum { CLOSED = 0, ANOTHER = 1 };

void sco_json_tree_begin(struct sco_json_tree *t, struct sco_json_src *s, struct sco_arena *arena,
                         const char *const *deferred)
{
    t->s = s;
    t->arena = arena;
    t->lo = t->hi = NULL;
    t->chunk = CHUNK_MIN;
    t->used = 0;
    t->deferred = deferred;
    t->deferred_lens = 0;
    t->defer_list = false;
    t->prefix = "$";
    t->in_list = false;
    t->index = 0;
    t->root = NULL;
    t->base_depth = t->depth = 0;
    for (; deferred && *deferred; deferred++) {
        t->deferred_lens |= UINT64_C(1) << (strlen(*deferred) & 63);
        if (strcmp(*deferred, "[]") == 0)
            t->defer_list = true;
    }
}

size_t sco_json_tree_chunk(size_t used)
{
    size_t chunk = CHUNK_MIN;
    while (chunk < used && chunk < CHUNK_MAX)
        chunk *= 2;
    return chunk;
}

/* Makes the free part at least n bytes long. */
static int more_memory(struct sco_json_tree *t, size_t n)
{
    uint64_t at = sco_json_src_tell(t->s);
    size_t want = n > t->chunk ? (n + 15) & ~(size_t)15 : t->chunk;
    if (want > SCO_JSON_TREE_MAX || t->used > SCO_JSON_TREE_MAX - want)
        return sco_json_fault(t->s, SCO_E_LIMIT, at,
                              "a value needs more than %d bytes of memory (SCO_JSON_TREE_MAX)",
                              SCO_JSON_TREE_MAX);
    char *p = sco_arena_alloc_raw(t->arena, want);
    if (!p)
        return sco_json_fault(t->s, SCO_E_NOMEM, at, "out of memory");
    t->used += want;
    t->lo = p;
    t->hi = p + want;
    if (t->chunk < CHUNK_MAX)
        t->chunk *= 2;
    return 0;
}

static inline struct sco_node *new_node(struct sco_json_tree *t)
{
    if ((size_t)(t->hi - t->lo) < sizeof(struct sco_node) &&
        more_memory(t, sizeof(struct sco_node)) < 0)
        return NULL;
    t->hi -= sizeof(struct sco_node);
    return memset(t->hi, 0, sizeof(struct sco_node));
}

struct sco_node *sco_json_tree_node(struct sco_json_tree *t)
{
    return new_node(t);
}

/* n bytes and a NUL; NULL: a fault is set. */
static char *take_text(struct sco_json_tree *t, size_t n)
{
    if ((size_t)(t->hi - t->lo) <= n && more_memory(t, n + 1) < 0)
        return NULL;
    char *p = t->lo;
    t->lo += n + 1;
    p[n] = 0;
    return p;
}

static int copy_text(struct sco_json_tree *t, struct sco_str s, struct sco_str *ret)
{
    char *p = take_text(t, s.n);
    if (!p)
        return t->s->fault.code;
    if (s.n)
        memcpy(p, s.p, s.n);
    *ret = sco_str_make(p, s.n);
    return 0;
}

#ifdef SCO_JSON_SSE2
/* The character of an escape of one letter, or 0. */
static inline char short_escape(char c)
{
    switch (c) {
    case '"':
    case '\\':
    case '/':
        return c;
    case 'n':
        return '\n';
    case 't':
        return '\t';
    default:
        return 0; /* rare: the long way */
    }
}

/* A string of up to 15 bytes of ASCII without escapes, as most names are; else as quick_string().
 */
static inline bool short_string(struct sco_json_tree *t, struct sco_str *ret)
{
    const char *p = t->s->p + 1;
    char *o = t->lo;
    if (t->s->end - p <= 16 || t->hi - o <= 16)
        return false;
    __m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
    unsigned special = sco_json_special16(x) | 1u << 16;
    unsigned at = (unsigned)__builtin_ctz(special), top = (unsigned)_mm_movemask_epi8(x);
    if (p[at] != '"' || (top & ((1u << at) - 1)))
        return false;
    _mm_storeu_si128((__m128i *)(void *)o, x);
    o[at] = 0;
    *ret = sco_str_make(o, at);
    t->lo = o + at + 1;
    t->s->p = p + at + 1;
    return true;
}

/* Copies while it looks, for strings that are whole in the window, fit in the chunk and have no
 * rare escapes. False: nothing happened, the long way must be taken. */
static bool quick_string(struct sco_json_tree *t, struct sco_str *ret)
{
    const char *p = t->s->p + 1, *end = t->s->end;
    char *o = t->lo;
    unsigned high = 0;
    while (end - p > 16 && t->hi - o > 16) {
        __m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
        unsigned special = sco_json_special16(x), top = (unsigned)_mm_movemask_epi8(x);
        _mm_storeu_si128((__m128i *)(void *)o, x);
        if (!special) {
            high |= top;
            p += 16;
            o += 16;
            continue;
        }
        unsigned at = (unsigned)__builtin_ctz(special);
        high |= top & ((1u << at) - 1);
        if (p[at] == '\\' && (o[at] = short_escape(p[at + 1])) != 0) {
            p += at + 2;
            o += at + 1;
            continue;
        }
        if (p[at] != '"')
            return false;
        size_t n = (size_t)(o - t->lo) + at;
        if (high && sco_json_utf8(t->lo, n) != n)
            return false;
        *ret = sco_str_make(t->lo, n);
        t->lo[n] = 0;
        t->lo += n + 1;
        t->s->p = p + at + 1;
        return true;
    }
    return false;
}
#else
static inline bool short_string(struct sco_json_tree *t, struct sco_str *ret)
{
    (void)t;
    (void)ret;
    return false;
}

static inline bool quick_string(struct sco_json_tree *t, struct sco_str *ret)
{
    (void)t;
    (void)ret;
    return false;
}
#endif

static int any_string(struct sco_json_tree *t, struct sco_str *ret)
{
    struct sco_json_tok tok;
    int r = sco_json_lex_string(t->s, &tok);
    if (r < 0)
        return r;
    if (!tok.escapes)
        return copy_text(t, tok.raw, ret);
    char *p = take_text(t, tok.raw.n);
    if (!p)
        return t->s->fault.code;
    int64_t n = sco_json_unescape(t->s, tok.raw, p);
    if (n < 0)
        return (int)n;
    t->lo = p + n + 1; /* gives back what the escapes took more */
    p[n] = 0;
    *ret = sco_str_make(p, (size_t)n);
    return 0;
}

static inline int read_string(struct sco_json_tree *t, struct sco_str *ret)
{
    return short_string(t, ret) || quick_string(t, ret) ? 0 : any_string(t, ret);
}

static bool is_deferred(const struct sco_json_tree *t, const struct sco_node *v, int c)
{
    if (t->defer_list && t->depth == 0 && c == '[')
        return true;
    if (!v->key.p || !(t->deferred_lens >> (v->key.n & 63) & 1))
        return false;
    for (const char *const *d = t->deferred; *d; d++)
        if (**d == *v->key.p && sco_str_is(v->key, *d))
            return true;
    return false;
}

/* Leaves a list or map in the file: notes where it is, its depth and its path. */
static int defer(struct sco_json_tree *t, struct sco_node *v, int c)
{
    SCO_AUTO(sco_buf) struct sco_buf path = {0};
    uint64_t at = sco_json_src_tell(t->s);
    sco_json_tree_path(t, &path);
    if (path.failed)
        return sco_json_fault(t->s, SCO_E_NOMEM, at, "out of memory");
    int r = copy_text(t, sco_buf_str(&path), &v->text);
    if (r < 0)
        return r;
    v->type = SCO_NODE_DEFERRED;
    v->n = c == '{';
    v->i = (int64_t)((uint64_t)(t->base_depth + t->depth) << SCO_JSON_OFFSET_BITS | at);
    return sco_json_skip(t->s);
}

static inline void link_child(struct sco_json_tree *t, struct sco_node *v)
{
    if (t->depth) {
        struct sco_json_frame *f = &t->stack[t->depth - 1];
        *f->tail = v;
        f->tail = &v->next;
        f->node->n++;
    }
}

static int open_container(struct sco_json_tree *t, struct sco_node *v, int c)
{
    int r = 0;
    if (is_deferred(t, v, c)) {
        if ((r = defer(t, v, c)) == 0)
            link_child(t, v);
        return r;
    }
    if (t->base_depth + t->depth >= SCO_JSON_DEPTH_MAX)
        return sco_json_too_deep(t->s, sco_json_src_tell(t->s));
    v->type = c == '[' ? SCO_NODE_LIST : SCO_NODE_MAP;
    link_child(t, v);
    t->stack[t->depth++] = (struct sco_json_frame){v, &v->child, NULL};
    t->s->p++;
    return 0;
}

static const char *open_kind(const struct sco_json_tree *t)
{
    return t->stack[t->depth - 1].node->type == SCO_NODE_MAP ? "an object" : "a list";
}

/* The value at p into v, and v into its parent; of a list or map only the bracket. */
static int read_value(struct sco_json_tree *t, struct sco_node *v)
{
    struct sco_json_src *s = t->s;
    struct sco_str digits;
    int c = sco_json_peek(s), r;
    if (c == '"') {
        r = read_string(t, &v->text);
        v->type = SCO_NODE_STR;
    } else if (c == '{' || c == '[') {
        return open_container(t, v, c);
    } else if (c == '-' || (c >= '0' && c <= '9')) {
        r = sco_json_lex_number(s, &digits, &v->i);
        v->type = r == 1 ? SCO_NODE_INT : SCO_NODE_REAL;
        if (r >= 0 && s->p == s->end &&
            t->depth) /* the text ends: there may have been more digits */
            return sco_json_cut(s, open_kind(t));
        if (r >= 0)
            r = copy_text(t, digits, &v->text);
    } else if (c == 't' || c == 'f' || c == 'n') {
        r = sco_json_lex_word(s, &v->i);
        v->type = (uint32_t)r;
        if (r == (int)SCO_NODE_BOOL)
            v->text = v->i ? SCO_STR("true") : SCO_STR("false");
    } else if (c == SCO_JSON_EOF) {
        return sco_json_cut(s, t->depth ? open_kind(t) : NULL);
    } else {
        return c < 0 ? c : sco_json_unexpected(s, "a value");
    }
    if (r < 0)
        return r;
    link_child(t, v);
    return 0;
}

static inline int read_key(struct sco_json_tree *t, struct sco_node *v)
{
    struct sco_json_src *s = t->s;
    int c = sco_json_peek(s);
    if (c != '"')
        return c == SCO_JSON_EOF ? sco_json_cut(s, "an object")
               : c < 0           ? c
                                 : sco_json_unexpected(s, "a name in quotes");
    int r = read_string(t, &v->key);
    if (r < 0)
        return r;
    c = sco_json_peek(s);
    if (c != ':')
        return c == SCO_JSON_EOF ? sco_json_cut(s, "an object")
               : c < 0           ? c
                                 : sco_json_unexpected(s, "':'");
    s->p++;
    return 0;
}

int sco_json_tree_key(struct sco_json_tree *t, struct sco_node *v)
{
    return read_key(t, v);
}

/* Closes what ends here and makes the node of the next child, with its key. */
static int next_child(struct sco_json_tree *t, struct sco_node **ret)
{
    struct sco_json_src *s = t->s;
    while (t->depth) {
        struct sco_json_frame *f = &t->stack[t->depth - 1];
        bool map = f->node->type == SCO_NODE_MAP;
        int c = sco_json_peek(s);
        if (c == (map ? '}' : ']')) {
            s->p++;
            t->depth--;
            continue;
        }
        if (c < 0)
            return c == SCO_JSON_EOF ? sco_json_cut(s, map ? "an object" : "a list") : c;
        if (f->cur) {
            if (c != ',')
                return sco_json_unexpected(s, map ? "',' or '}'" : "',' or ']'");
            s->p++;
        }
        struct sco_node *v = new_node(t);
        if (!v)
            return s->fault.code;
        f->cur = v;
        int r = map ? read_key(t, v) : 0;
        *ret = v;
        return r < 0 ? r : ANOTHER;
    }
    return CLOSED;
}

int sco_json_tree_read(struct sco_json_tree *t, struct sco_node *v)
{
    for (;;) {
        int r = read_value(t, v);
        if (r == 0)
            r = next_child(t, &v);
        if (r <= 0)
            return r;
    }
}

/* ---- paths ------------------------------------------------------------------------------------
 */

static bool is_plain_key(struct sco_str key)
{
    for (size_t i = 0; i < key.n; i++) {
        unsigned c = (unsigned char)key.p[i];
        if (!((c | 32) - 'a' < 26 || c - '0' < 10 || c == '_' || c == '-' || c == '$' || c == '@'))
            return false;
    }
    return key.n > 0;
}

void sco_json_path_key(struct sco_buf *out, struct sco_str key)
{
    bool cut = key.n > SCO_JSON_PATH_KEY_MAX, plain = is_plain_key(key);
    if (cut)
        key.n = SCO_JSON_PATH_KEY_MAX;
    while (cut && key.n && !sco_utf8_valid(key)) /* not in the middle of a character */
        key.n--;
    sco_buf_addz(out, plain ? "." : "[\"");
    sco_buf_add_printable(out, key);
    sco_buf_addz(out, cut ? "..." : "");
    sco_buf_addz(out, plain ? "" : "\"]");
}

void sco_json_tree_path(const struct sco_json_tree *t, struct sco_buf *out)
{
    sco_buf_addz(out, t->prefix);
    if (t->in_list)
        sco_buf_addf(out, "[%llu]", (unsigned long long)t->index);
    else if (t->root && t->root->key.p)
        sco_json_path_key(out, t->root->key);
    for (uint32_t d = 0; d < t->depth; d++) {
        const struct sco_json_frame *f = &t->stack[d];
        if (!f->cur)
            break;
        if (out->n > SCO_JSON_PATH_MAX) {
            sco_buf_addz(out, "...");
            break;
        }
        bool linked = f->tail == &f->cur->next; /* counted already */
        if (f->node->type == SCO_NODE_LIST)
            sco_buf_addf(out, "[%u]", f->node->n - linked);
        else if (f->cur->key.p)
            sco_json_path_key(out, f->cur->key);
    }
}
