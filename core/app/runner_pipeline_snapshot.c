/* What a stage wants to be scanned. Whoever looks at it is in no sandbox that hides the store and
 * the keys, and the folder is a stranger's: a link would lead scanners to them, and git would run
 * what a .git of theirs names. Checkouts have neither, and so has this. The stage's rights end at
 * its own folder, so that nothing is added once the snapshot is out of there. */
#include "runner_pipeline.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEPTH_MAX = 256 };

static int clean(int parent, const char *name, const char *path, int depth, struct sco_error *err);

static int clean_entry(int dir, const char *name, const char *folder, int depth,
                       struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf path = {0};
    struct stat st;
    sco_buf_addf(&path, "%s/%s", folder, name);
    int r = sco_buf_check(&path, err);
    if (r < 0)
        return r;
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return sco_error_errno(err, errno, "cannot look at %s", name);
    bool git = sco_str_is_nocase(sco_str_c(name), ".git");
    if (S_ISDIR(st.st_mode) && !git)
        return clean(dir, name, sco_buf_z(&path), depth + 1, err);
    if (S_ISREG(st.st_mode) && !git)
        return 0;
    if (S_ISDIR(st.st_mode))
        (void)sco_fs_remove_tree(sco_buf_z(&path));
    else
        (void)!unlinkat(dir, name, 0);
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
        return sco_error_set(err, SCO_E_IO, "cannot remove %s, and a scan would follow it", name);
    return 0;
}

static int clean(int parent, const char *name, const char *path, int depth, struct sco_error *err)
{
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    int r = errno;
    if (!d) {
        if (fd >= 0)
            close(fd);
        return sco_error_errno(err, r, "the folder to scan");
    }
    r = depth > DEPTH_MAX ? sco_error_set(err, SCO_E_LIMIT, "folders to scan are nested too deeply")
                          : 0;
    while (r == 0) {
        errno = 0;
        struct dirent *e = readdir(d);
        if (!e && errno) /* what it has not told may be a link */
            r = sco_error_errno(err, errno, "the folder to scan");
        if (!e)
            break;
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            r = clean_entry(fd, e->d_name, path, depth, err);
    }
    closedir(d);
    return r;
}

int pipeline_take_snapshot(const struct stage_run *s, const char *to, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf from = {0};
    sco_buf_addf(&from, "%s/" STAGE_SNAPSHOT, s->dir);
    int r = sco_buf_check(&from, err);
    if (r == 0 && rename(sco_buf_z(&from), to) < 0)
        r = sco_error_errno(err, errno, "there is nothing to scan");
    return r == 0 ? clean(AT_FDCWD, to, to, 0, err) : r;
}
