/* Landlock: the worker, its plugin and the scanner's program may read everything and write to the
 * folders of the job alone. Raw system calls: the C library has no wrappers, and the kernel's
 * header may be older than the kernel. Inherited by every process that is started from here. */
#include "exec_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { NR_CREATE_RULESET = 444, NR_ADD_RULE = 445, NR_RESTRICT_SELF = 446 }; /* on every machine */

#define FS_WRITE_FILE (1ULL << 1)
#define FS_READ_FILE (1ULL << 2)
#define FS_REMOVE_DIR (1ULL << 4)
#define FS_REMOVE_FILE (1ULL << 5)
#define FS_MAKE_CHAR (1ULL << 6)
#define FS_MAKE_DIR (1ULL << 7)
#define FS_MAKE_REG (1ULL << 8)
#define FS_MAKE_SOCK (1ULL << 9)
#define FS_MAKE_FIFO (1ULL << 10)
#define FS_MAKE_BLOCK (1ULL << 11)
#define FS_MAKE_SYM (1ULL << 12)
#define FS_REFER (1ULL << 13)           /* version 2 */
#define FS_TRUNCATE (1ULL << 14)        /* version 3 */
#define FS_IOCTL_DEV (1ULL << 15)       /* version 5 */
#define SCOPE_ABSTRACT_UNIX (1ULL << 0) /* version 6 */
#define SCOPE_SIGNAL (1ULL << 1)

enum { PATH_DEPTH_MAX = 64 };

struct ruleset_attr {
    uint64_t fs, net, scoped;
};

struct path_attr {
    uint64_t allowed;
    int32_t fd;
} __attribute__((packed));

/* What is taken away from everything that no rule names. */
static struct ruleset_attr handled(int abi)
{
    struct ruleset_attr a = {.fs = FS_WRITE_FILE | FS_REMOVE_DIR | FS_REMOVE_FILE | FS_MAKE_CHAR |
                                   FS_MAKE_DIR | FS_MAKE_REG | FS_MAKE_SOCK | FS_MAKE_FIFO |
                                   FS_MAKE_BLOCK | FS_MAKE_SYM};
    if (abi >= 2)
        a.fs |= FS_REFER;
    if (abi >= 3)
        a.fs |= FS_TRUNCATE;
    if (abi >= 5)
        a.fs |= FS_IOCTL_DEV;
    if (abi >= 6) /* no signals to the engine, no abstract sockets of the session */
        a.scoped = SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL;
    return a;
}

static size_t attr_size(int abi)
{
    return abi >= 6 ? 24 : abi >= 4 ? 16 : 8;
}

static int allow(int ruleset, const char *path, uint64_t rights, struct sco_error *err)
{
    struct stat st;
    SCO_AUTO(sco_fd) int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        return sco_error_errno(err, errno, "cannot open %s", path);
    if (!S_ISDIR(st.st_mode)) /* the others make no sense for a file */
        rights &= FS_WRITE_FILE | FS_TRUNCATE | FS_IOCTL_DEV | FS_READ_FILE;
    struct path_attr p = {.allowed = rights, .fd = fd};
    if (syscall(NR_ADD_RULE, ruleset, 1 /* PATH_BENEATH */, &p, 0u) < 0)
        return sco_error_errno(err, errno, "cannot allow writing to %s", path);
    return 0;
}

/* ---- what is hidden ---- */
static bool is_below(const char *path, const char *folder)
{
    size_t n = strlen(folder);
    return strncmp(path, folder, n) == 0 && (path[n] == '/' || !path[n] || n == 1);
}

/* Reading of all below `path` but for what is hidden: a ruleset only allows, so that it is all that
 * is beside the way to what is hidden. Links are not followed: what they name is met elsewhere. */
static int allow_reading(int ruleset, const char *path, const char *const *hidden, int depth,
                         struct sco_error *err)
{
    bool around = false;
    for (const char *const *h = hidden; *h; h++) {
        if (is_below(path, *h))
            return 0;
        around = around || is_below(*h, path);
    }
    if (!around) {
        (void)!allow(ruleset, path, FS_READ_FILE, NULL); /* what cannot be opened is not readable */
        return 0;
    }
    if (depth > PATH_DEPTH_MAX)
        return sco_error_set(err, SCO_E_LIMIT, "%s is too deep", path);
    DIR *d = opendir(path);
    int r = d ? 0 : errno == EACCES ? 0 : sco_error_errno(err, errno, "cannot look at %s", path);
    for (struct dirent *e; d && r == 0 && (e = readdir(d));) {
        SCO_AUTO(sco_buf) struct sco_buf b = {0};
        struct stat st;
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        sco_buf_addf(&b, "%s/%s", path[1] ? path : "", e->d_name);
        r = sco_buf_check(&b, err);
        if (r == 0 && lstat(sco_buf_z(&b), &st) == 0 && !S_ISLNK(st.st_mode))
            r = allow_reading(ruleset, sco_buf_z(&b), hidden, depth + 1, err);
    }
    if (d)
        closedir(d);
    return r;
}

/* Everything about files; devices stay where they are. */
static int allow_folders(int ruleset, const char *const *write, uint64_t fs, struct sco_error *err)
{
    uint64_t rights = fs & ~(FS_MAKE_CHAR | FS_MAKE_BLOCK | FS_IOCTL_DEV);
    for (; *write; write++) {
        int r = allow(ruleset, *write, rights, err);
        if (r < 0)
            return r;
    }
    return 0;
}

/* What programs of every kind expect to be able to write to; Python's locks are in /dev/shm. */
static void allow_devices(int ruleset, uint64_t fs)
{
    static const char *const devices[] = {"/dev/null",   "/dev/zero",    "/dev/full", "/dev/tty",
                                          "/dev/random", "/dev/urandom", "/dev/ptmx", "/dev/pts"};
    for (size_t i = 0; i < SCO_ARRAY_LEN(devices); i++)
        (void)!allow(ruleset, devices[i], fs & (FS_WRITE_FILE | FS_TRUNCATE | FS_IOCTL_DEV), NULL);
    (void)!allow(ruleset, "/dev/shm",
                 fs & (FS_WRITE_FILE | FS_TRUNCATE | FS_MAKE_REG | FS_REMOVE_FILE), NULL);
}

int sco_sandbox_landlock(const char *const *write, int *ret_abi, struct sco_error *err)
{
    return sco_sandbox_landlock_hiding(write, NULL, ret_abi, err);
}

int sco_sandbox_landlock_hiding(const char *const *write, const char *const *hidden, int *ret_abi,
                                struct sco_error *err)
{
    long abi = syscall(NR_CREATE_RULESET, NULL, (size_t)0, 1u /* VERSION */);
    if (abi <= 0)
        return sco_error_set(err, SCO_E_UNSUPPORTED, "the kernel has no Landlock");
    struct ruleset_attr attr = handled((int)abi);
    if (hidden)
        attr.fs |= FS_READ_FILE;
    SCO_AUTO(sco_fd)
    int ruleset = (int)syscall(NR_CREATE_RULESET, &attr, attr_size((int)abi), 0u);
    if (ruleset < 0)
        return sco_error_errno(err, errno, "cannot make a Landlock ruleset");
    int r = allow_folders(ruleset, write, attr.fs, err);
    if (r == 0 && hidden)
        r = allow_reading(ruleset, "/", hidden, 0, err);
    if (r < 0)
        return r;
    allow_devices(ruleset, attr.fs);
    if (exec_cgroup_parent()) /* our group goes when we do; nothing else may change there */
        (void)!allow(ruleset, exec_cgroup_parent(), FS_REMOVE_DIR, NULL);
    if (syscall(NR_RESTRICT_SELF, ruleset, 0u) < 0)
        return sco_error_errno(err, errno, "cannot apply the Landlock ruleset");
    *ret_abi = (int)abi;
    return 0;
}
