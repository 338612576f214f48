/* Which files git tracks, read from the index of the work tree (gitformat-index). .gitignore does
 * not speak of them: a change that brings files and a "*" in .gitignore must not hide what it
 * brings. What cannot be read for certain counts as tracked, so that it is looked at. */
#include "engine_priv.h"

#include <fcntl.h>

enum {
    INDEX_MAX = 512 << 20,
    HEADER = 12, /* "DIRC", version, count */
    STAT = 40,   /* of an entry, before the object's name */
    EXTENDED = 0x4000,
    LENGTH = 0xfff, /* of a path in an entry's flags; longer ones say this */
};

struct parse {
    struct sco_str text;
    size_t at, hash;
    uint32_t version, count;
    struct sco_buf path; /* version 4: the last path, of which the next keeps a part */
};

static uint32_t be32(const char *p)
{
    const unsigned char *u = (const unsigned char *)p;
    return (uint32_t)u[0] << 24 | (uint32_t)u[1] << 16 | (uint32_t)u[2] << 8 | u[3];
}

/* The number of bytes that version 4 takes off the last path. */
static bool read_strip(struct parse *p, size_t *ret)
{
    size_t value = 0;
    for (int i = 0; i < 5 && p->at < p->text.n; i++) {
        unsigned char c = (unsigned char)p->text.p[p->at++];
        value = i ? (value + 1) << 7 | (c & 127u) : c & 127u;
        if (!(c & 128u)) {
            *ret = value;
            return true;
        }
    }
    return false;
}

static bool read_path(struct parse *p, size_t start, uint32_t flags, struct git_index *ix)
{
    size_t strip = 0;
    if (p->version == 4 && (!read_strip(p, &strip) || strip > p->path.n))
        return false;
    const char *from = p->text.p + p->at;
    const char *end = memchr(from, 0, p->text.n - p->at);
    if (!end)
        return false;
    struct sco_str path = sco_str_make(from, (size_t)(end - from));
    p->at += path.n + 1;
    if (p->version == 4) {
        p->path.n -= strip;
        sco_buf_add(&p->path, path);
        path = p->path.failed ? path : sco_arena_str(&ix->arena, sco_buf_str(&p->path));
    } else {
        p->at = start + ((p->at - 1 - start) / 8 + 1) * 8;
    }
    /* Sorted, and as long as it says: else the objects' names are of another size. */
    size_t n = path.n < LENGTH ? path.n : LENGTH;
    if (!path.p || !path.n || n != (flags & LENGTH) ||
        (ix->n && sco_str_cmp(ix->paths[ix->n - 1], path) > 0) ||
        SCO_VEC_PUSH(ix->paths, ix->n, ix->cap) < 0)
        return false;
    ix->paths[ix->n++] = path;
    return true;
}

/* A split index keeps most entries in another file. */
static bool is_whole(const struct parse *p)
{
    size_t at = p->at;
    while (at + 8 + p->hash <= p->text.n) {
        if (memcmp(p->text.p + at, "link", 4) == 0)
            return false;
        at += 8 + (size_t)be32(p->text.p + at + 4);
    }
    return at + p->hash == p->text.n;
}

static bool parse(struct git_index *ix, size_t hash)
{
    struct parse p = {.text = sco_buf_str(&ix->file), .at = HEADER, .hash = hash};
    bool good = p.text.n >= HEADER && memcmp(p.text.p, "DIRC", 4) == 0;
    if (good) {
        p.version = be32(p.text.p + 4);
        p.count = be32(p.text.p + 8);
        good = p.version >= 2 && p.version <= 4;
    }
    for (uint32_t i = 0; good && i < p.count; i++) {
        size_t start = p.at;
        good = p.text.n - p.at > STAT + hash + 4;
        if (!good)
            break;
        const unsigned char *f = (const unsigned char *)p.text.p + start + STAT + hash;
        uint32_t flags = (uint32_t)f[0] << 8 | f[1];
        p.at = start + STAT + hash + 2 + (flags & EXTENDED ? 2 : 0);
        good = read_path(&p, start, flags, ix) && p.at <= p.text.n;
    }
    good = good && is_whole(&p);
    sco_buf_done(&p.path);
    if (!good)
        ix->n = 0;
    return good;
}

/* The work tree that root lies in: its .git, and root's place in it ("" or "a/b/"). */
static const char *find_work_tree(const char *root, struct git_index *ix)
{
    size_t n = strlen(root);
    for (;;) {
        const char *top = sco_arena_cstr(&ix->arena, sco_str_make(root, n));
        const char *git = top ? git_find_dir(top, &ix->arena) : NULL;
        if (git && sco_fs_is_dir(git)) {
            const char *rest = root + n + (root[n] == '/');
            ix->prefix = *rest ? sco_arena_fmt(&ix->arena, "%s/", rest) : "";
            return git;
        }
        while (n && root[n - 1] != '/')
            n--;
        if (n <= 1)
            return NULL;
        n--;
    }
}

void git_index_read(struct git_index *ix, const char *root)
{
    const char *git = find_work_tree(root, ix);
    const char *path = git ? sco_arena_fmt(&ix->arena, "%s/index", git) : NULL;
    if (!path)
        return;
    int r = sco_fs_read_regular(AT_FDCWD, path, INDEX_MAX, &ix->file, NULL);
    if (r == SCO_E_NOT_FOUND) /* a work tree in which nothing was added yet */
        return;
    ix->unknown = r < 0 || !ix->prefix || !(parse(ix, 20) || parse(ix, 32));
}

bool git_index_has(const struct git_index *ix, struct sco_str path, bool is_dir)
{
    if (ix->unknown)
        return true;
    if (!ix->n)
        return false;
    SCO_AUTO(sco_buf) struct sco_buf key = {0};
    sco_buf_addz(&key, ix->prefix);
    sco_buf_add(&key, path);
    if (is_dir)
        sco_buf_addc(&key, '/');
    if (key.failed)
        return true;
    struct sco_str k = sco_buf_str(&key);
    size_t low = 0, high = ix->n; /* the first path that is not before k */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (sco_str_cmp(ix->paths[middle], k) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == ix->n)
        return false;
    struct sco_str found = ix->paths[low];
    return is_dir ? found.n >= k.n && memcmp(found.p, k.p, k.n) == 0 : sco_str_eq(found, k);
}

void git_index_done(struct git_index *ix)
{
    free(ix->paths);
    sco_buf_done(&ix->file);
    sco_arena_done(&ix->arena);
    *ix = (struct git_index){0};
}
