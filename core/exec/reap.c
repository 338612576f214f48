/* The end of everything that a worker started. The worker is a subreaper: a process whose parent
 * dies becomes its child, so "no child is left" means "no descendant is left". Descendants are
 * found in /proc and killed one by one, through a pidfd that is checked after it was opened, so
 * that a number that was given to another process meanwhile is not hit.
 *
 * Only system calls and the stack: it also runs in the handlers of fatal signals. */
#include "exec_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    GIVE_UP_MS = 5000,
    MARKED_MAX = 1024, /* of one round; what does not fit is found in the next */
};

struct scan {
    pid_t marked[MARKED_MAX]; /* descendants of this round, ascending as /proc lists them */
    size_t n;
    bool found; /* one that still ran */
};

static size_t put_number(char *p, long n)
{
    char digits[24];
    size_t len = 0, at = 0;
    do
        digits[len++] = (char)('0' + n % 10);
    while (n /= 10);
    while (len)
        p[at++] = digits[--len];
    return at;
}

/* State and parent of a process, from /proc/PID/stat: "7 (a) b) S 1 ...". False when it is gone. */
static bool read_stat(int proc_fd, long pid, char *ret_state, pid_t *ret_parent)
{
    char name[40], text[512];
    size_t at = put_number(name, pid);
    memcpy(name + at, "/stat", 6);
    int fd = openat(proc_fd, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    const char *p = n > 0 ? memrchr(text, ')', (size_t)n) : NULL; /* a name may hold any byte */
    if (!p || p + 4 >= text + n)
        return false;
    *ret_state = p[2];
    *ret_parent = 0;
    for (p += 4; p < text + n && *p >= '0' && *p <= '9'; p++)
        *ret_parent = *ret_parent * 10 + (*p - '0');
    return true;
}

static bool is_ours(const struct scan *s, pid_t self, pid_t parent)
{
    if (parent == self)
        return true;
    for (size_t i = s->n; i-- > 0;)
        if (s->marked[i] == parent)
            return true;
    return false;
}

static void kill_one(struct scan *s, int proc_fd, pid_t self, pid_t pid)
{
    char state;
    pid_t parent;
    if (!read_stat(proc_fd, pid, &state, &parent) || !is_ours(s, self, parent))
        return;
    if (s->n < MARKED_MAX)
        s->marked[s->n++] = pid;
    if (state == 'Z' || state == 'X')
        return;
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (fd < 0)
        return;
    if (read_stat(proc_fd, pid, &state, &parent) && is_ours(s, self, parent) &&
        syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0) == 0)
        s->found = true;
    close(fd);
}

static void kill_round(struct scan *s, int proc_fd)
{
    struct linux_dirent {
        uint64_t ino;
        int64_t off;
        unsigned short len;
        unsigned char type;
        char name[];
    };
    _Alignas(8) char entries[8192];
    pid_t self = getpid();
    s->n = 0;
    s->found = false;
    lseek(proc_fd, 0, SEEK_SET);
    for (long n; (n = syscall(SYS_getdents64, proc_fd, entries, sizeof entries)) > 0;) {
        for (long at = 0; at < n;) {
            const struct linux_dirent *e = (const void *)(entries + at);
            long pid = 0;
            for (const char *c = e->name; *c >= '0' && *c <= '9'; c++)
                pid = pid * 10 + (*c - '0');
            if (pid > 1 && pid != self)
                kill_one(s, proc_fd, self, (pid_t)pid);
            at += e->len;
        }
    }
}

/* Reaps what has ended and counts those that were killed. False when there is no child at all. */
static bool reap_ended(int *killed)
{
    for (;;) {
        int status;
        pid_t pid = waitpid(-1, &status, WNOHANG);
        if (pid < 0 && errno == EINTR)
            continue;
        if (pid <= 0)
            return pid == 0;
        *killed += WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    }
}

int sco_exec_reap_all(void)
{
    int saved = errno, killed = 0;
    int proc_fd = -1;
    int64_t give_up = sco_mono_ms() + GIVE_UP_MS;
    struct scan s;
    exec_cgroup_kill();
    while (reap_ended(&killed) && sco_mono_ms() < give_up) {
        if (proc_fd < 0)
            proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (proc_fd < 0)
            break;
        kill_round(&s, proc_fd);
        if (!s.found) { /* killed before, not ended yet */
            struct timespec pause = {0, 1000000};
            nanosleep(&pause, NULL);
        }
    }
    if (proc_fd >= 0)
        close(proc_fd);
    errno = saved;
    return killed;
}
