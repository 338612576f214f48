/* Files and folders. */
#include <secureops/fs.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int sco_fs_read_fd(int fd, const char *path, size_t limit, struct sco_buf *ret,
                   struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    for (;;) {
        if (sco_buf_reserve(&b, 65536) < 0)
            return sco_error_nomem(err);
        ssize_t n = read(fd, b.p + b.n, b.cap - b.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return sco_error_errno(err, errno, "cannot read %s", path);
        if (n == 0)
            break;
        b.n += (size_t)n;
        if (b.n > limit)
            return sco_error_set(err, SCO_E_LIMIT, "%s is larger than %zu bytes", path, limit);
    }
    *ret = SCO_TAKE(b);
    return 0;
}

int sco_fs_read(const char *path, size_t limit, struct sco_buf *ret, struct sco_error *err)
{
    SCO_AUTO(sco_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return sco_error_errno(err, errno, "cannot open %s", path);
    return sco_fs_read_fd(fd, path, limit, ret, err);
}

int sco_fs_read_regular(int dir, const char *path, size_t limit, struct sco_buf *ret,
                        struct sco_error *err)
{
    struct stat st;
    SCO_AUTO(sco_fd)
    int fd = openat(dir, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 && errno != ELOOP && errno != ENXIO) /* a link, a socket */
        return sco_error_errno(err, errno, "cannot open %s", path);
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return sco_error_set(err, SCO_E_INVALID, "%s is no regular file", path);
    return sco_fs_read_fd(fd, path, limit, ret, err);
}

/* ---- files that decide what code runs ---- */
static int check_owner(const char *path, const struct stat *st, struct sco_error *err)
{
    if (st->st_uid != 0 && st->st_uid != geteuid())
        return sco_error_set(err, SCO_E_PERMISSION,
                             "%s: owner: expected root or user %ld, found user %ld", path,
                             (long)geteuid(), (long)st->st_uid);
    if (st->st_mode & 022)
        return sco_error_set(err, SCO_E_PERMISSION,
                             "%s: mode: expected no write permission for group and others, "
                             "found %04o (chmod go-w)",
                             path, (unsigned)st->st_mode & 07777);
    return 0;
}

static int check_folder(const char *path, struct sco_error *err)
{
    struct sco_str base = sco_path_base(sco_str_c(path));
    SCO_AUTO(sco_buf) struct sco_buf dir = {0};
    sco_buf_add(&dir, sco_str_make(path, (size_t)(base.p - path)));
    struct stat st;
    const char *name = sco_buf_z(&dir);
    int r = sco_buf_check(&dir, err);
    if (r < 0)
        return r;
    SCO_AUTO(sco_fd) int fd = open(name, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        return sco_error_errno(err, errno, "%s", name);
    return check_owner(name, &st, err);
}

static int check_open_file(const char *path, int fd, struct sco_error *err)
{
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return sco_error_errno(err, errno, "%s", path);
    if (!S_ISREG(st.st_mode))
        return sco_error_set(err, SCO_E_INVALID, "%s: expected a regular file", path);
    return check_owner(path, &st, err);
}

int sco_fs_open_trusted(const char *path, int *ret_fd, struct sco_error *err)
{
    if (path[0] != '/')
        return sco_error_set(err, SCO_E_INVALID, "%s: path: expected an absolute one", path);
    int r = check_folder(path, err);
    if (r < 0)
        return r;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    r = check_open_file(path, fd, err);
    if (r == 0)
        *ret_fd = fd;
    else if (fd >= 0)
        close(fd);
    return r;
}

int sco_fs_write_all(int fd, struct sco_str s)
{
    while (s.n) {
        ssize_t n = write(fd, s.p, s.n);
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0)
            s = sco_str_make(s.p + n, s.n - (size_t)n);
    }
    return 0;
}

static int write_file(const char *path, struct sco_str content, int mode, bool replace,
                      struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf tmp = {0};
    sco_buf_addf(&tmp, "%s.%ld.tmp", path, (long)getpid());
    const char *name = sco_buf_z(&tmp);
    if (tmp.failed)
        return sco_error_nomem(err);
    SCO_AUTO(sco_fd)
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0)
        return sco_error_errno(err, errno, "cannot create %s", name);
    int r = sco_fs_write_all(fd, content);
    if (r == 0 && !replace)
        unlink(path); /* there may be none */
    if (r == 0 && rename(name, path) == 0)
        return 0;
    r = sco_error_errno(err, r ? -r : errno, "cannot write %s", path);
    unlink(name);
    return r;
}

int sco_fs_write(const char *path, struct sco_str content, int mode, struct sco_error *err)
{
    return write_file(path, content, mode, true, err);
}

int sco_fs_write_cache(const char *path, struct sco_str content, struct sco_error *err)
{
    return write_file(path, content, 0600, false, err);
}

int sco_fs_mkdirs(const char *path, int mode, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    sco_buf_addz(&b, path);
    sco_buf_z(&b);
    if (b.failed)
        return sco_error_nomem(err);
    if (!b.n)
        return sco_error_set(err, SCO_E_INVALID, "a folder without a name");
    if (mkdir(path, (mode_t)mode) == 0) /* mostly only the last one is missing, or none */
        return 0;
    if (errno == EEXIST && sco_fs_is_dir(path))
        return 0;
    for (char *p = b.p + 1;; p++) {
        char c = *p;
        if (c && c != '/')
            continue;
        *p = 0;
        if (mkdir(b.p, (mode_t)mode) < 0 && errno != EEXIST)
            return sco_error_errno(err, errno, "cannot create folder %s", b.p);
        if (!c)
            break;
        *p = c;
    }
    if (!sco_fs_is_dir(path))
        return sco_error_set(err, SCO_E_IO, "%s is not a folder", path);
    return 0;
}

int sco_fs_mkdtemp(const char *parent, const char *prefix, char **ret, struct sco_error *err)
{
    if (!parent)
        parent = secure_getenv("TMPDIR");
    if (!parent || !*parent)
        parent = "/tmp";
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    sco_buf_addf(&b, "%s/%s.XXXXXX", parent, prefix);
    char *path = b.failed ? NULL : sco_strdup(sco_buf_str(&b));
    if (!path)
        return sco_error_nomem(err);
    if (!mkdtemp(path)) {
        int r = sco_error_errno(err, errno, "cannot create a folder in %s", parent);
        free(path);
        return r;
    }
    *ret = path;
    return 0;
}

enum { TREE_DEPTH_MAX = 256 };

static size_t remove_at(int dir, const char *name, int depth)
{
    if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (unlinkat(dir, name, AT_REMOVEDIR) == 0)
        return 0;
    if ((errno != ENOTEMPTY && errno != EEXIST && errno != EACCES) || depth > TREE_DEPTH_MAX)
        return 1;
    if (fchmodat(dir, name, 0700, 0) < 0)
        return 1;
    int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d) {
        if (fd >= 0)
            close(fd);
        return 1;
    }
    size_t left = 0;
    for (struct dirent *e; (e = readdir(d));)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            left += remove_at(fd, e->d_name, depth + 1);
    closedir(d);
    return left + (unlinkat(dir, name, AT_REMOVEDIR) < 0);
}

size_t sco_fs_remove_tree(const char *path)
{
    return remove_at(AT_FDCWD, path, 0);
}

bool sco_fs_is_dir(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool sco_fs_is_file(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

bool sco_fs_is_executable(const char *path)
{
    return sco_fs_is_file(path) && access(path, X_OK) == 0;
}

char *sco_fs_find_program(const char *name, const char *dirs)
{
    if (strchr(name, '/'))
        return sco_fs_is_executable(name) ? sco_strdup(sco_str_c(name)) : NULL;
    struct sco_str rest = sco_str_c(dirs), dir;
    while (sco_str_split(&rest, ':', &dir)) {
        SCO_AUTO(sco_buf) struct sco_buf b = {0};
        if (!dir.n || dir.p[0] != '/') /* never the current folder: it may be the scanned one */
            continue;
        sco_path_join(&b, dir, sco_str_c(name));
        if (sco_fs_is_executable(sco_buf_z(&b)))
            return sco_strdup(sco_buf_str(&b));
    }
    return NULL;
}

char *sco_fs_realpath(const char *path, struct sco_error *err)
{
    char *p = realpath(path, NULL);
    if (!p)
        sco_error_errno(err, errno, "%s", path);
    return p;
}

static char *user_dir(const char *variable, const char *below_home)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    const char *base = secure_getenv(variable), *home = secure_getenv("HOME");
    if (base && base[0] == '/')
        sco_buf_addf(&b, "%s/secureops", base);
    else if (home && home[0] == '/')
        sco_buf_addf(&b, "%s/%s/secureops", home, below_home);
    else
        sco_buf_addf(&b, "/tmp/secureops-%ld", (long)getuid());
    return b.failed ? NULL : sco_strdup(sco_buf_str(&b));
}

char *sco_dir_cache(void)
{
    return user_dir("XDG_CACHE_HOME", ".cache");
}

char *sco_dir_data(void)
{
    return user_dir("XDG_DATA_HOME", ".local/share");
}

char *sco_dir_config(void)
{
    return user_dir("XDG_CONFIG_HOME", ".config");
}

char *sco_dir_state(void)
{
    return user_dir("XDG_STATE_HOME", ".local/state");
}

char *sco_dir_exe(void)
{
    char path[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path);
    if (n <= 0 || (size_t)n == sizeof path)
        return sco_strdup(SCO_STR("/usr/bin"));
    const char *slash = memrchr(path, '/', (size_t)n);
    return sco_strdup(sco_str_make(path, slash ? (size_t)(slash - path) : 0));
}
