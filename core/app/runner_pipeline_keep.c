/* Artifacts: the files of a stage's folder that its patterns name, as "STAGE/path". Links are never
 * followed, and what is larger than the limit fails the stage: half of them would look like all. */
#include "runner_pipeline.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES_MAX = 2000, DEPTH_MAX = 64, FILE_LIMIT = 128 << 20 };

struct keeping {
    struct pipeline_job *p;
    const struct sco_pipeline_stage *st;
    uint64_t bytes, limit;
    size_t files;
    struct sco_buf path;
    struct sco_error *err;
};

/* A pattern names a file, or a folder with all below it. */
static bool is_wanted(const struct keeping *k)
{
    for (const char *const *p = k->st->artifacts; *p; p++)
        for (size_t n = 0; n <= k->path.n; n++)
            if ((n == k->path.n || k->path.p[n] == '/') &&
                sco_glob_match(*p, sco_str_make(k->path.p, n)))
                return true;
    return false;
}

static int keep_file(struct keeping *k, int dir, const char *name)
{
    SCO_AUTO(sco_buf) struct sco_buf text = {0}, full = {0};
    int r = sco_fs_read_regular(dir, name, FILE_LIMIT, &text, k->err);
    if (r < 0)
        return sco_error_prefix(k->err, "artifact %s", sco_buf_z(&k->path));
    k->bytes += text.n;
    if (k->bytes > k->limit || ++k->files > FILES_MAX)
        return sco_error_set(k->err, SCO_E_LIMIT,
                             "the artifacts are larger than pipelines.artifact_limit, or more than "
                             "%d files",
                             FILES_MAX);
    sco_buf_addf(&full, "%s/%s", k->st->name, sco_buf_z(&k->path));
    if (full.n > 255 || !sco_utf8_valid(sco_buf_str(&full)))
        return sco_error_set(k->err, SCO_E_LIMIT, "artifact %.100s...: its name is too long",
                             sco_buf_z(&full));
    return sco_store_artifact_add(k->p->r->cli.store, k->p->x->id, sco_buf_z(&full),
                                  "application/octet-stream", false, sco_buf_str(&text),
                                  sco_now_ms(), k->err);
}

static int walk(struct keeping *k, int parent, const char *name, int depth)
{
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    int r = 0;
    if (!d) {
        r = errno;
        if (fd >= 0)
            close(fd);
        return sco_error_errno(k->err, r, "cannot look for artifacts in %s", sco_buf_z(&k->path));
    }
    for (struct dirent *e; r == 0 && (e = readdir(d));) {
        struct stat st;
        size_t n = k->path.n;
        bool hidden = strcmp(e->d_name, ".git") == 0 && depth == 0;
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 || hidden ||
            fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        sco_buf_addf(&k->path, "%s%s", n ? "/" : "", e->d_name);
        if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX)
            r = walk(k, fd, e->d_name, depth + 1);
        else if (S_ISREG(st.st_mode) && is_wanted(k))
            r = keep_file(k, fd, e->d_name);
        k->path.n = n;
    }
    closedir(d);
    return r;
}

int pipeline_keep_artifacts(struct pipeline_job *p, const struct stage_run *s,
                            struct sco_error *err)
{
    struct keeping k = {.p = p,
                        .st = &p->def.stages[s->i],
                        .limit = (uint64_t)p->r->cli.config->pipelines.artifact_limit,
                        .err = err};
    SCO_AUTO(sco_buf) struct sco_buf src = {0}, prefix = {0};
    if (!*k.st->artifacts)
        return 0;
    sco_buf_addf(&src, "%s/src", s->dir);
    sco_buf_addf(&prefix, "%s/", k.st->name);
    int r = sco_buf_check(&src, err);
    if (r == 0)
        r = sco_store_artifacts_drop(p->r->cli.store, p->x->id, sco_buf_z(&prefix), err);
    if (r == 0)
        r = walk(&k, AT_FDCWD, sco_buf_z(&src), 0);
    sco_buf_done(&k.path);
    return r;
}
