/* The folder of uploads. A report that was imported is removed by its runner; what is left by one
 * that failed, was given up or killed is removed here, when no job wants it any more. */
#include "daemon_priv.h"

#include <dirent.h>
#include <secureops/fs.h>
#include <secureops/store_jobs.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define SCO_LOG_MODULE "daemon"
#include <secureops/log.h>

#define IMPORT "import-" /* and what stands behind # in the revision of its job */
enum { ID_LEN = 36, YOUNG_MS = 3600000 };

/* Nobody else uses the folder: what is in it, but for reports that jobs wait for, is of a daemon
 * that was killed. */
void spool_clean(const char *dir)
{
    DIR *d = opendir(dir);
    for (struct dirent *e; d && (e = readdir(d));) {
        SCO_AUTO(sco_buf) struct sco_buf path = {0};
        if (e->d_name[0] == '.' || sco_str_starts(sco_str_c(e->d_name), IMPORT))
            continue;
        sco_buf_addf(&path, "%s/%s", dir, e->d_name);
        if (!path.failed && sco_fs_remove_tree(sco_buf_z(&path)))
            sco_log_warning("%s cannot be removed, ignoring", sco_buf_z(&path));
    }
    if (d)
        closedir(d);
}

/* ---- reports ---- */
struct report {
    char id[ID_LEN + 1];
    bool wanted;
};
struct reports {
    struct report *v;
    size_t n, cap;
};

static int compare(const void *a, const void *b)
{
    const struct report *x = a, *y = b;
    return strcmp(x->id, y->id);
}

/* Those that are old enough for their job to be known. */
static int list(const char *dir, int64_t now, struct reports *ret)
{
    SCO_AUTO(sco_buf) struct sco_buf path = {0};
    struct stat st;
    int r = 0;
    DIR *d = opendir(dir);
    for (struct dirent *e; r == 0 && d && (e = readdir(d));) {
        const char *id = e->d_name + sizeof IMPORT - 1;
        if (!sco_str_starts(sco_str_c(e->d_name), IMPORT) || strlen(id) != ID_LEN)
            continue;
        sco_buf_clear(&path);
        sco_buf_addf(&path, "%s/%s", dir, e->d_name);
        if (path.failed || lstat(sco_buf_z(&path), &st) < 0 ||
            now - (int64_t)st.st_mtim.tv_sec * 1000 < YOUNG_MS)
            continue;
        r = SCO_VEC_PUSH(ret->v, ret->n, ret->cap);
        if (r == 0)
            memcpy(ret->v[ret->n++].id, id, ID_LEN + 1);
    }
    if (d)
        closedir(d);
    for (size_t i = 0; i < ret->n; i++)
        ret->v[i].wanted = false;
    if (ret->n)
        qsort(ret->v, ret->n, sizeof *ret->v, compare);
    return r;
}

static void note_wanted(struct reports *all, const struct sco_job_page *p)
{
    for (size_t i = 0; i < p->n; i++) {
        struct report key = {0}, *found;
        const char *id = strrchr(p->v[i].request.revision, '#');
        if (!id || strlen(++id) != ID_LEN)
            continue;
        memcpy(key.id, id, ID_LEN);
        found = bsearch(&key, all->v, all->n, sizeof key, compare);
        if (found)
            found->wanted = true;
    }
}

/* One that waits or runs; one that failed may be tried again for as long as it is known. */
static int ask(struct sco_store *s, struct reports *all, struct sco_error *err)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    struct sco_job_filter f = {.kind = "import",
                               .states = 1u << SCO_JOB_QUEUED | 1u << SCO_JOB_RUNNING |
                                         1u << SCO_JOB_FAILED | 1u << SCO_JOB_DEAD |
                                         1u << SCO_JOB_CANCELLED,
                               .limit = SCO_STORE_PAGE_MAX};
    int r;
    do {
        struct sco_job_page p = {0};
        r = sco_store_jobs(s, &f, &p, err);
        if (r == 0)
            note_wanted(all, &p);
        f.cursor = r == 0 && p.cursor ? sco_arena_cstr(&arena, sco_str_c(p.cursor)) : NULL;
        if (r == 0 && p.cursor && !f.cursor)
            r = sco_error_nomem(err);
        sco_job_page_done(&p);
    } while (r == 0 && f.cursor);
    return r;
}

int spool_care(const char *dir, struct sco_store *s, int64_t now, uint64_t *ret,
               struct sco_error *err)
{
    struct reports all = {0};
    uint64_t n = 0;
    int r = list(dir, now, &all);
    if (r < 0)
        sco_error_nomem(err);
    else if (all.n)
        r = ask(s, &all, err);
    for (size_t i = 0; r == 0 && i < all.n; i++) {
        SCO_AUTO(sco_buf) struct sco_buf path = {0};
        sco_buf_addf(&path, "%s/" IMPORT "%s", dir, all.v[i].id);
        if (!all.v[i].wanted && !path.failed)
            n += unlink(sco_buf_z(&path)) == 0;
    }
    free(all.v);
    *ret = n;
    return r;
}
