/* The temporary folder of an engine, in which every job has one of its own. It is locked for as
 * long as the engine lives: what an engine that was killed left behind is found and removed. */
#include "engine_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STALE_AFTER_S = 600 }; /* younger ones may belong to an engine that has not locked yet */

#define PREFIX "secureops"
#define LOCK "/.lock"

static int lock(const char *dir, int flags, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf path = {0};
    sco_buf_addf(&path, "%s" LOCK, dir);
    const char *name = sco_buf_z(&path);
    int fd = open(name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | flags, 0600);
    if (fd < 0)
        return sco_error_errno(err, errno, "cannot open %s", name);
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return fd;
    close(fd);
    return sco_error_set(err, SCO_E_IO, "%s is in use", dir);
}

static bool is_ours_and_old(int parent, const char *name)
{
    struct stat st;
    return strncmp(name, PREFIX ".", sizeof PREFIX) == 0 &&
           strlen(name) == sizeof PREFIX + strlen("XXXXXX") &&
           fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode) &&
           st.st_uid == geteuid() && st.st_mtime < sco_now_ms() / 1000 - STALE_AFTER_S;
}

static void remove_stale(const char *parent)
{
    DIR *d = opendir(parent);
    for (struct dirent *x; d && (x = readdir(d));) {
        SCO_AUTO(sco_buf) struct sco_buf path = {0};
        if (!is_ours_and_old(dirfd(d), x->d_name))
            continue;
        sco_buf_addf(&path, "%s/%s", parent, x->d_name);
        SCO_AUTO(sco_fd) int fd = lock(sco_buf_z(&path), 0, NULL);
        if (fd >= 0)
            sco_fs_remove_tree(sco_buf_z(&path));
    }
    if (d)
        closedir(d);
}

static int make_root(struct sco_engine *e, struct sco_error *err)
{
    int r = sco_fs_mkdtemp(NULL, PREFIX, &e->tmp, err);
    if (r < 0)
        return r;
    if ((e->tmp_lock = lock(e->tmp, O_CREAT | O_EXCL, err)) < 0)
        return e->tmp_lock;
    const char *slash = strrchr(e->tmp, '/');
    SCO_AUTO(sco_free)
    char *parent = sco_strdup(sco_str_make(e->tmp, slash > e->tmp ? (size_t)(slash - e->tmp) : 1));
    if (!parent)
        return sco_error_nomem(err);
    remove_stale(parent);
    return 0;
}

int engine_make_dir(struct sco_engine *e, const char *name, const char **ret,
                    struct sco_arena *arena, struct sco_error *err)
{
    int r = e->tmp ? 0 : make_root(e, err);
    if (r < 0)
        return r;
    char *path = sco_arena_fmt(arena, "%s/%s", e->tmp, name);
    if (!path)
        return sco_error_nomem(err);
    r = sco_fs_mkdirs(path, 0700, err);
    if (r == 0)
        *ret = path;
    return r;
}

void engine_remove_dirs(struct sco_engine *e)
{
    if (e->tmp)
        sco_fs_remove_tree(e->tmp);
    free(e->tmp);
    e->tmp = NULL;
    if (e->tmp_lock >= 0)
        close(e->tmp_lock);
    e->tmp_lock = -1;
}
