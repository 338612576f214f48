/* Mirrors: bare repositories in a folder, NAME.git with NAME.lock beside it. Whoever holds the lock
 * may change or remove one. One whose last change did not end is not trusted and goes. The time of
 * the lock's file is that of the last use. */
#include "checkout_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <secureops/crypto.h>
#include <secureops/fs.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RETRY_MS = 100, NAME_DIGITS = 40 };

static int open_lock(const char *path, struct sco_error *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    return fd < 0 ? sco_error_errno(err, errno, "cannot open %s", path) : fd;
}

/* flock waits without a deadline: ask again and again. */
static int take_lock(struct checkout *k, int fd, struct sco_error *err)
{
    while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        struct pollfd p = {.fd = k->q->cancel_fd, .events = POLLIN | POLLRDHUP};
        if (errno != EWOULDBLOCK && errno != EINTR)
            return sco_error_errno(err, errno, "cannot lock the mirror");
        if (k->deadline && sco_mono_ms() >= k->deadline)
            return sco_error_set(err, SCO_E_TIMEOUT,
                                 "another checkout keeps the mirror for itself");
        if (poll(&p, 1, RETRY_MS) > 0)
            return sco_error_set(err, SCO_E_CANCELLED, "cancelled");
    }
    return 0;
}

static int make(struct checkout *k, const struct mirror *m, struct sco_error *err)
{
    static const char *const init[] = {"init", "--quiet", "--bare", "--template=", ".", NULL};
    struct git_command c = {.dir = m->path, .args = init};
    if (access(m->busy, F_OK) == 0)
        sco_fs_remove_tree(m->path);
    if (sco_fs_is_dir(m->path)) {
        unlink(m->busy);
        return 0;
    }
    int r = sco_fs_mkdirs(m->path, 0700, err);
    if (r == 0)
        r = git_run(k, &c, NULL, err);
    if (r < 0)
        sco_fs_remove_tree(m->path);
    else
        unlink(m->busy);
    return r;
}

int mirror_open(struct checkout *k, struct mirror *m, struct sco_error *err)
{
    uint8_t digest[SCO_SHA256_LEN];
    char name[SCO_SHA256_LEN * 2 + 1];
    m->lock_fd = -1;
    int r = sco_fs_mkdirs(k->q->cache, 0700, err);
    if (r == 0 && sco_hmac_sha256(SCO_STR("mirror"), sco_str_c(k->url), digest) < 0)
        r = sco_error_set(err, SCO_E_INTERNAL, "no digest");
    if (r < 0)
        return r;
    sco_hex(digest, NAME_DIGITS / 2, name);
    m->path = sco_arena_fmt(&k->arena, "%s/%s.git", k->q->cache, name);
    m->busy = sco_arena_fmt(&k->arena, "%s/%s.busy", k->q->cache, name);
    const char *lock = sco_arena_fmt(&k->arena, "%s/%s.lock", k->q->cache, name);
    if (!m->path || !m->busy || !lock)
        return sco_error_nomem(err);
    m->lock_fd = open_lock(lock, err);
    r = m->lock_fd < 0 ? m->lock_fd : take_lock(k, m->lock_fd, err);
    if (r == 0) {
        k->mirror = m->path;
        futimens(m->lock_fd, NULL);
        r = make(k, m, err);
    }
    if (r < 0)
        mirror_close(m);
    return r;
}

int mirror_begin(struct mirror *m, struct sco_error *err)
{
    SCO_AUTO(sco_fd) int fd = open(m->busy, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    return fd < 0 ? sco_error_errno(err, errno, "cannot write %s", m->busy) : 0;
}

void mirror_end(struct mirror *m, int r)
{
    /* that the remote has no such branch, is away or wants a password changed nothing */
    if (r < 0 && r != SCO_E_NOT_FOUND && r != SCO_E_PERMISSION && r != SCO_E_NETWORK)
        sco_fs_remove_tree(m->path);
    unlink(m->busy);
}

void mirror_close(struct mirror *m)
{
    if (m->lock_fd >= 0)
        close(m->lock_fd);
    m->lock_fd = -1;
}

/* ---- trim ---- */
struct kept {
    char name[NAME_DIGITS + 1];
    int64_t used; /* ns */
    uint64_t size;
};

static int by_age(const void *a, const void *b)
{
    const struct kept *x = a, *y = b;
    return (x->used > y->used) - (x->used < y->used);
}

static void add(const char *cache, const char *name, struct kept *k, uint64_t *total)
{
    SCO_AUTO(sco_buf) struct sco_buf path = {0}, lock = {0};
    struct stat st;
    memset(k, 0, sizeof *k);
    memcpy(k->name, name, NAME_DIGITS);
    sco_buf_addf(&path, "%s/%s.git", cache, k->name);
    sco_buf_addf(&lock, "%s/%s.lock", cache, k->name);
    if (!lock.failed && stat(sco_buf_z(&lock), &st) == 0)
        k->used = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
    k->size = path.failed ? 0 : checkout_tree_size(sco_buf_z(&path));
    *total += k->size;
}

/* False: somebody uses it. The lock's file stays: another may be waiting for it. */
static bool remove_one(const char *cache, const char *name)
{
    SCO_AUTO(sco_buf) struct sco_buf path = {0}, lock = {0}, busy = {0};
    sco_buf_addf(&path, "%s/%s.git", cache, name);
    sco_buf_addf(&lock, "%s/%s.lock", cache, name);
    sco_buf_addf(&busy, "%s/%s.busy", cache, name);
    if (path.failed || lock.failed || busy.failed)
        return false;
    SCO_AUTO(sco_fd) int fd = open_lock(sco_buf_z(&lock), NULL);
    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
        return false;
    SCO_AUTO(sco_fd)
    int marked = open(sco_buf_z(&busy), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (marked < 0 || sco_fs_remove_tree(sco_buf_z(&path)) > 0)
        return false;
    unlink(sco_buf_z(&busy));
    return true;
}

int sco_checkout_trim(const char *cache, uint64_t limit, struct sco_error *err)
{
    SCO_AUTO(sco_free) struct kept *v = NULL;
    size_t n = 0, cap = 0;
    uint64_t total = 0;
    DIR *d = opendir(cache);
    if (!d)
        return errno == ENOENT ? 0 : sco_error_errno(err, errno, "cannot read %s", cache);
    int r = 0;
    for (struct dirent *e; r == 0 && (e = readdir(d));) {
        bool ours = strspn(e->d_name, "0123456789abcdef") == NAME_DIGITS &&
                    strcmp(e->d_name + NAME_DIGITS, ".git") == 0;
        if (!ours)
            continue;
        if (SCO_VEC_PUSH(v, n, cap) < 0)
            r = sco_error_nomem(err);
        else
            add(cache, e->d_name, &v[n++], &total);
    }
    closedir(d);
    if (n)
        qsort(v, n, sizeof *v, by_age);
    for (size_t i = 0; r == 0 && i < n && total > limit; i++)
        if (remove_one(cache, v[i].name))
            total -= v[i].size;
    return r;
}
