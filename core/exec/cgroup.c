/* A cgroup (version 2) around what the worker starts, where the one that it is in was delegated to
 * its user (a user's systemd session, a service with Delegate=yes). cgroup.kill then ends
 * everything in one step that no fork escapes. Without one, process groups and the subreaper do it
 * alone.
 *
 * One per process. The files are opened before Landlock; afterwards only system calls on
 * descriptors are left, also in the handlers of fatal signals. */
#include "exec_priv.h"

#include <secureops/fs.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#define CGROUP2_MAGIC 0x63677270
#define PREFIX "secureops-"

static struct {
    char parent[4096]; /* "": none */
    char name[32];
    int parent_fd, procs_fd, kill_fd;
} group = {.parent_fd = -1, .procs_fd = -1, .kill_fd = -1};

/* "0::/user.slice/..." of /proc/self/cgroup below where version 2 is mounted. */
static bool find_own(char *out, size_t size)
{
    static const char *const mounts[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
    SCO_AUTO(sco_buf) struct sco_buf text = {0};
    struct sco_str rest, line;
    struct statfs fs;
    size_t i = 0;
    while (i < SCO_ARRAY_LEN(mounts) && (statfs(mounts[i], &fs) < 0 || fs.f_type != CGROUP2_MAGIC))
        i++;
    if (i == SCO_ARRAY_LEN(mounts) || sco_fs_read("/proc/self/cgroup", 1 << 16, &text, NULL) < 0)
        return false;
    rest = sco_buf_str(&text);
    while (sco_str_split(&rest, '\n', &line)) {
        if (!sco_str_starts(line, "0::/") || line.n == 4)
            continue; /* version 1, or the root, which is nobody's */
        int n = snprintf(out, size, "%s%.*s", mounts[i], (int)line.n - 3, line.p + 3);
        return n > 0 && (size_t)n < size;
    }
    return false;
}

/* A user's own folder; root owns all of them and needs systemd's mark. */
static bool is_delegated(int fd)
{
    struct stat st;
    char mark = 0;
    if (fstat(fd, &st) < 0)
        return false;
    if (geteuid() != 0)
        return st.st_uid == geteuid();
    return (fgetxattr(fd, "trusted.delegate", &mark, 1) == 1 ||
            fgetxattr(fd, "user.delegate", &mark, 1) == 1) &&
           mark == '1';
}

/* What workers left that were killed: a group whose process is gone. */
static void remove_stale(int parent_fd)
{
    int fd = openat(parent_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    for (struct dirent *e; d && (e = readdir(d));) {
        int64_t pid;
        struct sco_str name = sco_str_c(e->d_name);
        if (!sco_str_starts(name, PREFIX))
            continue;
        name = sco_str_make(name.p + strlen(PREFIX), name.n - strlen(PREFIX));
        if (sco_parse_i64(name, 1, INT32_MAX, &pid) == 0 && kill((pid_t)pid, 0) < 0 &&
            errno == ESRCH)
            unlinkat(parent_fd, e->d_name, AT_REMOVEDIR);
    }
    if (d)
        closedir(d);
    else if (fd >= 0)
        close(fd);
}

static int open_in_group(const char *file)
{
    char path[64];
    snprintf(path, sizeof path, "%s/%s", group.name, file);
    return openat(group.parent_fd, path, O_WRONLY | O_CLOEXEC);
}

bool sco_cgroup_open(void)
{
    if (!find_own(group.parent, sizeof group.parent))
        return false;
    group.parent_fd = open(group.parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (group.parent_fd < 0 || !is_delegated(group.parent_fd)) {
        sco_cgroup_close();
        return false;
    }
    remove_stale(group.parent_fd);
    snprintf(group.name, sizeof group.name, PREFIX "%ld", (long)getpid());
    if (mkdirat(group.parent_fd, group.name, 0700) == 0) {
        group.procs_fd = open_in_group("cgroup.procs");
        group.kill_fd = open_in_group("cgroup.kill");
    }
    if (group.procs_fd >= 0 && group.kill_fd >= 0)
        return true;
    sco_cgroup_close();
    return false;
}

const char *exec_cgroup_parent(void)
{
    return group.procs_fd >= 0 ? group.parent : NULL;
}

void exec_cgroup_enter(void)
{
    if (group.procs_fd >= 0)
        (void)!write(group.procs_fd, "0", 1); /* else the subreaper finds it */
}

void exec_cgroup_kill(void)
{
    if (group.kill_fd >= 0)
        (void)!write(group.kill_fd, "1", 1);
}

static void close_one(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void sco_cgroup_close(void)
{
    close_one(&group.procs_fd);
    close_one(&group.kill_fd);
    if (group.parent_fd >= 0 && group.name[0])
        unlinkat(group.parent_fd, group.name, AT_REMOVEDIR);
    close_one(&group.parent_fd);
}
