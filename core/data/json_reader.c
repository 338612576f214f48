/* The public reader: top-level values one after the other, and walks over lists and maps. All walks
 * share the reader's window; each knows its own place and goes back to it. A walk that met an error
 * stays in error, so that what could not be read is never taken for the end. */
#include "json_priv.h"

#include <stdlib.h>

#include <secureops/fs.h>

struct sco_reader {
    struct sco_json_src src;
    char *name;           /* without folder; NULL: memory */
    uint64_t next;        /* where the next top-level value is looked for */
    uint64_t values;      /* read so far */
    struct sco_error bad; /* code 0: none */
    struct sco_arena arena;
    struct sco_json_tree tree; /* of the call that runs */
};

enum walk { WALK_EMPTY, WALK_MEMORY, WALK_LIST, WALK_MAP, WALK_DONE };

struct sco_iter {
    struct sco_reader *r;
    enum walk walk;
    const struct sco_node *child; /* WALK_MEMORY: the next one */
    uint64_t at;                  /* LIST, MAP in the file: place of the next token */
    uint32_t depth;               /* open brackets around an item */
    uint64_t index;               /* items handed out */
    struct sco_buf path;          /* of the list or map */
    size_t chunk;                 /* of memory, that the items so far fitted into */
    struct sco_error bad;
    struct sco_arena arena;
};

/* ---- reader -----------------------------------------------------------------------------------
 */

struct sco_reader *sco_reader_close(struct sco_reader *r)
{
    if (r) {
        sco_json_src_done(&r->src);
        sco_arena_done(&r->arena);
        free(r->name);
        free(r);
    }
    return NULL;
}

void sco_reader_cleanup_(struct sco_reader **r)
{
    *r = sco_reader_close(*r);
}

static struct sco_reader *new_reader(void)
{
    struct sco_reader *r = sco_alloc(1, sizeof *r);
    if (r)
        r->src.fd = -1;
    return r;
}

int sco_reader_open(const char *path, struct sco_reader **ret, struct sco_error *err)
{
    SCO_AUTO(sco_reader) struct sco_reader *r = new_reader();
    SCO_AUTO(sco_buf) struct sco_buf name = {0};
    sco_buf_add_printable(&name, sco_path_base(sco_str_c(path)));
    if (!r || name.failed || !(r->name = sco_strdup(sco_buf_str(&name))))
        return sco_error_nomem(err);
    int res = sco_json_src_open(&r->src, path, err);
    if (res < 0)
        return res;
    *ret = SCO_TAKE(r);
    return 0;
}

int sco_reader_open_mem(struct sco_str text, struct sco_reader **ret, struct sco_error *err)
{
    struct sco_reader *r = new_reader();
    if (!r)
        return sco_error_nomem(err);
    sco_json_src_mem(&r->src, text);
    *ret = r;
    return 0;
}

uint64_t sco_reader_offset(const struct sco_reader *r)
{
    return sco_json_src_tell(&r->src);
}

/* Reports the fault of the call that ends and keeps it for later calls. */
static int fail(struct sco_reader *r, const char *path, struct sco_error *keep,
                struct sco_error *err)
{
    int code = sco_json_report(&r->src, r->name, path, keep);
    if (err)
        *err = *keep;
    return code;
}

/* The same with the path of the tree that was being read. */
static int fail_tree(struct sco_reader *r, struct sco_error *keep, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf path = {0};
    sco_json_tree_path(&r->tree, &path);
    return fail(r, sco_buf_z(&path), keep, err);
}

/* An error that was met before. */
static int again(const struct sco_error *bad, struct sco_error *err)
{
    if (err)
        *err = *bad;
    return bad->code;
}

/* Behind a top-level value: white space, and then the end or another value. */
static int check_behind(struct sco_reader *r, const struct sco_node *v)
{
    struct sco_json_src *s = &r->src;
    uint64_t end = sco_json_src_tell(s);
    int c = sco_json_peek(s);
    if (c < 0)
        return c == SCO_JSON_EOF ? 0 : c;
    bool joined = sco_json_src_tell(s) == end && v->type < SCO_NODE_STR && !strchr("{[\"", c);
    if (joined || !strchr("{[\"-0123456789tfn", c))
        return sco_json_unexpected(s, "nothing more, or another value");
    return 0;
}

static int read_top(struct sco_reader *r, const char *const *deferred, const struct sco_node **ret)
{
    struct sco_json_src *s = &r->src;
    sco_json_src_seek(s, r->next);
    sco_arena_reset(&r->arena);
    sco_json_tree_begin(&r->tree, s, &r->arena, deferred);
    int res = r->next == 0 ? sco_json_src_skip_bom(s) : 0;
    if (res < 0)
        return res;
    int c = sco_json_peek(s);
    if (c < 0)
        return c == SCO_JSON_EOF ? 0 : c;
    struct sco_node *v = sco_json_tree_node(&r->tree);
    if (!v)
        return s->fault.code;
    res = sco_json_tree_read(&r->tree, v);
    if (res == 0)
        res = check_behind(r, v);
    if (res < 0)
        return res;
    r->next = sco_json_src_tell(s);
    r->values++;
    *ret = v;
    return 1;
}

int sco_reader_read(struct sco_reader *r, const char *const *deferred, const struct sco_node **ret,
                    struct sco_error *err)
{
    if (r->bad.code)
        return again(&r->bad, err);
    int res = read_top(r, deferred, ret);
    return res < 0 ? fail_tree(r, &r->bad, err) : res;
}

/* ---- walks ------------------------------------------------------------------------------------
 */

void sco_iter_close(struct sco_iter *it)
{
    if (it) {
        sco_arena_done(&it->arena);
        sco_buf_done(&it->path);
        free(it);
    }
}

/* Puts the walk behind the opening bracket. */
static int enter(struct sco_iter *it, const struct sco_node *node)
{
    struct sco_json_src *s = &it->r->src;
    uint64_t packed = (uint64_t)node->i;
    it->at = packed & ((UINT64_C(1) << SCO_JSON_OFFSET_BITS) - 1);
    it->depth = (uint32_t)(packed >> SCO_JSON_OFFSET_BITS) + 1;
    sco_buf_add(&it->path, node->text);
    if (it->path.failed)
        return sco_json_fault(s, SCO_E_NOMEM, it->at, "out of memory");
    if (it->depth > SCO_JSON_DEPTH_MAX)
        return sco_json_too_deep(s, it->at);
    sco_json_src_seek(s, it->at);
    int c = sco_json_peek(s);
    if (c == '[' || c == '{') {
        it->walk = c == '[' ? WALK_LIST : WALK_MAP;
        it->at++;
        return 0;
    }
    return c < 0 && c != SCO_JSON_EOF ? c
                                      : sco_json_fault(s, SCO_E_INVALID, it->at, "no list here");
}

int sco_iter_open(struct sco_reader *r, const struct sco_node *node, struct sco_iter **ret,
                  struct sco_error *err)
{
    struct sco_iter *it = sco_alloc(1, sizeof *it);
    if (!it)
        return sco_error_nomem(err);
    it->r = r;
    if (node && (node->type == SCO_NODE_LIST || node->type == SCO_NODE_MAP)) {
        it->walk = WALK_MEMORY;
        it->child = node->child;
    } else if (node && node->type == SCO_NODE_DEFERRED && enter(it, node) < 0) {
        int code = fail(r, sco_buf_z(&it->path), &it->bad, err);
        sco_iter_close(it);
        return code;
    }
    *ret = it;
    return 0;
}

/* Goes to the next item: 1, or 0 behind the closing bracket. */
static int next_item(struct sco_iter *it)
{
    struct sco_json_src *s = &it->r->src;
    bool map = it->walk == WALK_MAP;
    sco_json_src_seek(s, it->at);
    int c = sco_json_peek(s);
    if (c < 0)
        return c == SCO_JSON_EOF ? sco_json_cut(s, map ? "an object" : "a list") : c;
    if (c == (map ? '}' : ']')) {
        s->p++;
        it->walk = WALK_DONE;
        return 0;
    }
    if (it->index) {
        if (c != ',')
            return sco_json_unexpected(s, map ? "',' or '}'" : "',' or ']'");
        s->p++;
    }
    return 1;
}

static int read_item(struct sco_iter *it, const char *const *deferred, struct sco_node **ret)
{
    struct sco_json_tree *t = &it->r->tree;
    int res = next_item(it);
    if (res <= 0)
        return res;
    sco_arena_reset(&it->arena);
    sco_json_tree_begin(t, &it->r->src, &it->arena, deferred);
    t->chunk = it->chunk ? it->chunk : t->chunk;
    t->base_depth = it->depth;
    t->prefix = sco_buf_z(&it->path);
    t->in_list = it->walk == WALK_LIST;
    t->index = it->index;
    struct sco_node *v = sco_json_tree_node(t);
    if (!v)
        return it->r->src.fault.code;
    t->root = v;
    *ret = v;
    res = it->walk == WALK_MAP ? sco_json_tree_key(t, v) : 0;
    if (res == 0)
        res = sco_json_tree_read(t, v);
    if (res < 0)
        return res;
    it->at = sco_json_src_tell(&it->r->src);
    it->index++;
    if (t->used > it->chunk) /* the next one needs only one chunk, when it is no larger */
        it->chunk = sco_json_tree_chunk(t->used);
    return 1;
}

int sco_iter_next(struct sco_iter *it, const char *const *deferred, const struct sco_node **ret,
                  struct sco_error *err)
{
    struct sco_node *v = NULL;
    if (it->bad.code)
        return again(&it->bad, err);
    if (it->walk == WALK_MEMORY) {
        if (!it->child)
            return 0;
        *ret = it->child;
        it->child = it->child->next;
        return 1;
    }
    if (it->walk == WALK_EMPTY || it->walk == WALK_DONE)
        return 0;
    /* Until the item has begun, an error is one of the list. */
    sco_json_tree_begin(&it->r->tree, &it->r->src, &it->arena, NULL);
    it->r->tree.prefix = sco_buf_z(&it->path);
    int res = read_item(it, deferred, &v);
    if (res < 0)
        return fail_tree(it->r, &it->bad, err);
    if (res == 1)
        *ret = v;
    return res;
}

int sco_reader_check_end(struct sco_reader *r, struct sco_error *err)
{
    if (r->bad.code)
        return again(&r->bad, err);
    sco_json_src_seek(&r->src, r->next);
    int c = r->next ? 0 : sco_json_src_skip_bom(&r->src);
    if (c == 0)
        c = sco_json_peek(&r->src);
    if (c == SCO_JSON_EOF)
        return 0;
    if (c >= 0)
        sco_json_unexpected(&r->src, "nothing more");
    return fail(r, "$", &r->bad, err);
}
