/* Bundles: the files of a directory, sorted, with their digest. Links are followed nowhere: a
 * bundle is what lies in its folder. */
#include "policy_priv.h"
#include <secureops/crypto.h>
#include <secureops/fs.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEPTH_MAX = 16 };

int pl_problem(struct sco_policies *p, const char *fmt, ...)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    va_list ap;
    va_start(ap, fmt);
    sco_buf_addvf(&b, fmt, ap);
    va_end(ap);
    if (b.failed || SCO_VEC_PUSH(p->problems, p->n_problems, p->cap_problems) < 0)
        return SCO_E_NOMEM;
    const char *message = sco_arena_cstr(&p->arena, sco_buf_str(&b));
    if (!message)
        return SCO_E_NOMEM;
    p->problems[p->n_problems++].message = message;
    return 0;
}

static enum pl_kind kind_of(struct sco_str path)
{
    bool lua = sco_str_ends(path, ".lua");
    if (path.n > 5 && memcmp(path.p, "meta/", 5) == 0)
        return PL_FILE_OTHER;
    if (lua)
        return path.n > 4 && memcmp(path.p, "lib/", 4) == 0 ? PL_FILE_LIBRARY : PL_FILE_POLICY;
    if (sco_str_ends(path, ".cases.yaml"))
        return PL_FILE_CASES;
    return path.n > 11 && memcmp(path.p, "compliance/", 11) == 0 ? PL_FILE_FRAMEWORK
                                                                 : PL_FILE_OTHER;
}

int pl_bundle_add(struct sco_policies *p, struct pl_bundle *b, struct sco_str path,
                  struct sco_str text, struct sco_error *err)
{
    if (b->n == SCO_POLICY_FILES_MAX)
        return sco_error_set(err, SCO_E_LIMIT, "%s: more than %d files", b->dir,
                             SCO_POLICY_FILES_MAX);
    struct pl_file *f = sco_arena_alloc(&p->arena, sizeof *f);
    if (!f || SCO_VEC_PUSH(b->files, b->n, b->cap) < 0)
        return sco_error_nomem(err);
    f->path = sco_arena_cstr(&p->arena, path);
    f->text = sco_arena_str(&p->arena, text);
    f->kind = kind_of(path);
    f->chunk = LUA_NOREF;
    if (!f->path || !f->text.p)
        return sco_error_nomem(err);
    b->files[b->n++] = f;
    return 0;
}

/* Reads one file of an open folder into the bundle. */
static int add_file(struct sco_policies *p, struct pl_bundle *b, int dir, const char *name,
                    struct sco_str path, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf text = {0};
    struct sco_error why = {0};
    int r = sco_fs_read_regular(dir, name, SCO_POLICY_SOURCE_MAX, &text, &why);
    if (r == SCO_E_NOMEM)
        return sco_error_nomem(err);
    if (r < 0)
        return pl_problem(p, "%s/%.*s: %s", b->dir, (int)path.n, path.p, why.text);
    return pl_bundle_add(p, b, path, sco_buf_str(&text), err);
}

static bool is_folder(int dir, const char *name)
{
    struct stat st;
    return fstatat(dir, name, &st, 0) == 0 && S_ISDIR(st.st_mode);
}

static int walk(struct sco_policies *p, struct pl_bundle *b, int dir, struct sco_buf *path,
                int depth, struct sco_error *err);

static int add_entry(struct sco_policies *p, struct pl_bundle *b, int dir, const char *name,
                     struct sco_buf *path, int depth, struct sco_error *err)
{
    struct stat st;
    if (*name == '.' || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return 0;
    size_t before = path->n;
    if (before)
        sco_buf_addc(path, '/');
    sco_buf_addz(path, name);
    if (path->failed)
        return sco_error_nomem(err);
    int r = 0;
    struct sco_str s = sco_buf_str(path);
    if (S_ISDIR(st.st_mode)) {
        SCO_AUTO(sco_fd)
        int sub = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        r = sub < 0 ? pl_problem(p, "%s/%s: %s", b->dir, sco_buf_z(path), strerror(errno))
                    : walk(p, b, sub, path, depth + 1, err);
    } else if (S_ISLNK(st.st_mode) && is_folder(dir, name)) { /* what it holds is not loaded */
        r = pl_problem(p, "%s/%s: not a folder but a link to one", b->dir, sco_buf_z(path));
    } else if (sco_str_ends(s, ".lua") || sco_str_ends(s, ".yaml")) {
        r = S_ISREG(st.st_mode)
                ? add_file(p, b, dir, name, s, err)
                : pl_problem(p, "%s/%s: not a regular file", b->dir, sco_buf_z(path));
    }
    path->n = before;
    return r;
}

static int walk(struct sco_policies *p, struct pl_bundle *b, int dir, struct sco_buf *path,
                int depth, struct sco_error *err)
{
    if (depth > DEPTH_MAX)
        return sco_error_set(err, SCO_E_LIMIT, "%s: folders nested deeper than %d", b->dir,
                             DEPTH_MAX);
    int copy = fcntl(dir, F_DUPFD_CLOEXEC, 3);
    DIR *d = copy < 0 ? NULL : fdopendir(copy);
    if (!d) {
        int e = errno;
        if (copy >= 0)
            close(copy);
        return sco_error_errno(err, e, "cannot read %s", b->dir);
    }
    int r = 0;
    for (const struct dirent *e; r == 0 && (e = readdir(d));)
        r = add_entry(p, b, dir, e->d_name, path, depth, err);
    closedir(d);
    return r;
}

static int by_path(const void *x, const void *y)
{
    const struct pl_file *const *a = x, *const *b = y;
    return strcmp((*a)->path, (*b)->path);
}

/* SHA-256 over "path\0size\0bytes" of all files. */
static int digest(struct sco_policies *p, struct pl_bundle *b, struct sco_error *err)
{
    struct sco_sha256 *h = sco_sha256_new();
    if (!h)
        return sco_error_nomem(err);
    sco_sha256_begin(h);
    for (size_t i = 0; i < b->n; i++) {
        const struct pl_file *f = b->files[i];
        char size[32];
        int n = snprintf(size, sizeof size, "%zu", f->text.n);
        sco_sha256_add(h, sco_str_make(f->path, strlen(f->path) + 1));
        sco_sha256_add(h, sco_str_make(size, (size_t)n + 1));
        sco_sha256_add(h, f->text);
    }
    uint8_t out[SCO_SHA256_LEN];
    char hex[2 * SCO_SHA256_LEN + 1];
    int r = sco_sha256_end(h, out);
    sco_sha256_free(h);
    if (r < 0)
        return sco_error_set(err, r, "%s: cannot compute the digest", b->dir);
    sco_hex(out, sizeof out, hex);
    b->digest = sco_arena_cstr(&p->arena, sco_str_c(hex));
    return b->digest ? 0 : sco_error_nomem(err);
}

static int read_files(struct sco_policies *p, struct pl_bundle *b, const char *path,
                      struct sco_error *err)
{
    if (sco_fs_is_file(path))
        return pl_archive_read(p, b, path, err);
    SCO_AUTO(sco_fd) int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return sco_error_set(err, SCO_E_INVALID, "cannot open the policy bundle %s: %s", path,
                             strerror(errno));
    SCO_AUTO(sco_buf) struct sco_buf below = {0};
    return walk(p, b, dir, &below, 0, err);
}

int pl_bundle_read(struct sco_policies *p, const char *path, struct sco_error *err)
{
    if (SCO_VEC_PUSH(p->bundles, p->n_bundles, p->cap_bundles) < 0)
        return sco_error_nomem(err);
    struct pl_bundle *b = &p->bundles[p->n_bundles++];
    struct sco_str dir = sco_str_c(path);
    while (dir.n > 1 && dir.p[dir.n - 1] == '/')
        dir.n--;
    *b = (struct pl_bundle){.dir = sco_arena_cstr(&p->arena, dir)};
    if (!b->dir)
        return sco_error_nomem(err);
    int r = read_files(p, b, path, err);
    if (r < 0)
        return r;
    if (b->n)
        qsort(b->files, b->n, sizeof *b->files, by_path);
    return digest(p, b, err);
}
