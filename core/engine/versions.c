/* What programs said of their version, kept between scans: some need seconds to say it. A program
 * is known by its resolved path and the facts of its file; one that was replaced is asked again. A
 * small JSON file in the cache folder; without it every program is asked each time. */
#include "session_priv.h"

#include <limits.h>
#include <sys/stat.h>

enum { VERSIONS_MAX = 1 << 20, VERSIONS_ENTRIES_MAX = 1000 };

static bool make_key(const char *program, struct sco_buf *ret)
{
    struct stat st;
    char real[PATH_MAX];
    if (!realpath(program, real) || stat(real, &st) < 0)
        return false;
    sco_buf_addf(ret, "%s %llu %lld %lld.%09ld %lld.%09ld", real, (unsigned long long)st.st_ino,
                 (long long)st.st_size, (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec,
                 (long long)st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
    return !ret->failed;
}

static void put(struct versions *v, struct sco_str key, struct sco_str version)
{
    char *text = v->known.n < VERSIONS_ENTRIES_MAX ? sco_arena_cstr(&v->arena, version) : NULL;
    void **slot = text ? sco_map_put(&v->known, key, NULL) : NULL;
    if (slot)
        *slot = text;
}

void versions_load(struct versions *v, const char *cache_dir)
{
    SCO_AUTO(sco_buf) struct sco_buf path = {0}, text = {0};
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    const struct sco_node *root = NULL;
    sco_buf_addf(&path, "%s/versions.json", cache_dir);
    v->path = path.failed ? NULL : sco_strdup(sco_buf_str(&path));
    if (!v->path || sco_fs_read(v->path, VERSIONS_MAX, &text, NULL) < 0 ||
        sco_json_parse(sco_buf_str(&text), &arena, &root, NULL) < 0 || !sco_is(root, SCO_NODE_MAP))
        return;
    for (const struct sco_node *c = root->child; c; c = c->next)
        if (sco_is(c, SCO_NODE_STR) && c->text.n)
            put(v, c->key, c->text);
}

const char *versions_get(const struct versions *v, const char *program)
{
    SCO_AUTO(sco_buf) struct sco_buf key = {0};
    return program && make_key(program, &key) ? sco_map_get(&v->known, sco_buf_str(&key)) : NULL;
}

void versions_put(struct versions *v, const char *program, const char *version)
{
    SCO_AUTO(sco_buf) struct sco_buf key = {0};
    if (!program || !version || !make_key(program, &key))
        return;
    put(v, sco_buf_str(&key), sco_str_c(version));
    v->changed = true;
}

void versions_save(struct versions *v)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b, .pretty = true};
    struct sco_str key;
    void *value;
    if (!v->changed || !v->path)
        return;
    sco_json_begin(&o, '{');
    for (size_t pos = 0; sco_map_next(&v->known, &pos, &key, &value);) {
        SCO_AUTO(sco_buf) struct sco_buf k = {0};
        sco_buf_add(&k, key);
        sco_json_kz(&o, sco_buf_z(&k), value);
    }
    sco_json_end(&o, '}');
    if (!b.failed && sco_fs_write_cache(v->path, sco_buf_str(&b), NULL) < 0)
        return; /* a read-only cache folder costs the question next time, ignoring */
}

void versions_done(struct versions *v)
{
    sco_map_done(&v->known);
    sco_arena_done(&v->arena);
    free(v->path);
    *v = (struct versions){0};
}
