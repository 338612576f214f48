/* The private folder of a job, DATA/work/job.XXXXXX, locked while it is used. Who makes one removes
 * those that nobody has locked: of runners that were killed. Making and looking exclude each other.
 */
#include "runner_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX "job"

static int open_lock(const char *dir, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf path = {0};
    sco_buf_addf(&path, "%s/.lock", dir);
    int fd = open(sco_buf_z(&path), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    return fd < 0 ? sco_error_errno(err, errno, "cannot open %s", sco_buf_z(&path)) : fd;
}

static void remove_stale(const char *parent)
{
    DIR *d = opendir(parent);
    for (struct dirent *e; d && (e = readdir(d));) {
        SCO_AUTO(sco_buf) struct sco_buf path = {0};
        if (strncmp(e->d_name, PREFIX ".", sizeof PREFIX) != 0)
            continue;
        sco_buf_addf(&path, "%s/%s", parent, e->d_name);
        SCO_AUTO(sco_fd) int fd = path.failed ? -1 : open_lock(sco_buf_z(&path), NULL);
        if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
            sco_fs_remove_tree(sco_buf_z(&path));
    }
    if (d)
        closedir(d);
}

static int make(struct runner *r, const char *parent, struct sco_error *err)
{
    int e = sco_fs_mkdtemp(parent, PREFIX, &r->dir, err);
    if (e < 0)
        return e;
    r->dir_lock = open_lock(r->dir, err);
    if (r->dir_lock < 0)
        return r->dir_lock;
    if (flock(r->dir_lock, LOCK_EX | LOCK_NB) < 0)
        return sco_error_errno(err, errno, "cannot lock %s", r->dir);
    return 0;
}

int runner_dir_make(struct runner *r, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf parent = {0}, tmp = {0};
    sco_buf_addf(&parent, "%s/work", r->job.setup.data ? r->job.setup.data : "/tmp/secureops");
    if (parent.failed)
        return sco_error_nomem(err);
    int e = sco_fs_mkdirs(sco_buf_z(&parent), 0700, err);
    if (e < 0)
        return e;
    SCO_AUTO(sco_fd) int all = open_lock(sco_buf_z(&parent), err);
    if (all < 0)
        return all;
    if (flock(all, LOCK_EX) < 0)
        return sco_error_errno(err, errno, "cannot lock %s", sco_buf_z(&parent));
    remove_stale(sco_buf_z(&parent));
    e = make(r, sco_buf_z(&parent), err);
    if (e < 0)
        return e;
    sco_buf_addf(&tmp, "%s/tmp", r->dir); /* the engine and its scanners put theirs there */
    if (tmp.failed || setenv("TMPDIR", sco_buf_z(&tmp), 1) < 0)
        return sco_error_nomem(err);
    return sco_fs_mkdirs(sco_buf_z(&tmp), 0700, err);
}

void runner_dir_remove(struct runner *r)
{
    if (r->dir)
        sco_fs_remove_tree(r->dir);
    free(r->dir);
    r->dir = NULL;
    if (r->dir_lock >= 0)
        close(r->dir_lock);
    r->dir_lock = -1;
}
