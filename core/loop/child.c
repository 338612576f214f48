/* Child processes of the engine: posix_spawn (its cost does not grow with the parent), a pidfd on
 * the loop, and the clean-up of orphans that dead workers leave. Owned by the main thread. */
#include <secureops/fs.h>
#include <secureops/loop.h>

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct sco_child {
    pid_t pid;
    int pidfd;
    bool reaped;
    uint64_t peak; /* bytes */
    struct event *event;
    sco_child_fn fn;
    void *user;
    struct sco_child *next;
};

static struct sco_child *children; /* all that are running */

static void forget(struct sco_child *c)
{
    for (struct sco_child **p = &children; *p; p = &(*p)->next) {
        if (*p == c) {
            *p = c->next;
            return;
        }
    }
}

static bool reap(struct sco_child *c, int flags, int *ret_status)
{
    struct rusage used = {0};
    pid_t r;
    do
        r = wait4(c->pid, ret_status, flags, &used);
    while (r < 0 && errno == EINTR);
    if (r == 0)
        return false;
    c->reaped = true;
    c->peak = (uint64_t)used.ru_maxrss * 1024;
    forget(c);
    return true;
}

static void on_exit_event(evutil_socket_t fd, short what, void *user)
{
    struct sco_child *c = user;
    int status = 0;
    (void)fd;
    (void)what;
    if (!reap(c, WNOHANG, &status))
        return;
    event_del(c->event);
    c->fn(c, status, c->user);
}

static int set_actions(const struct sco_spawn *s, posix_spawn_file_actions_t *a)
{
    int e = posix_spawn_file_actions_addopen(a, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (!e)
        e = posix_spawn_file_actions_addopen(a, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    if (!e && s->stderr_fd >= 0)
        e = posix_spawn_file_actions_adddup2(a, s->stderr_fd, STDERR_FILENO);
    else if (!e)
        e = posix_spawn_file_actions_addopen(a, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    if (!e && s->fd >= 0)
        e = posix_spawn_file_actions_adddup2(a, s->fd, s->fd_as);
    return e;
}

static int spawn(const struct sco_spawn *s, pid_t *ret_pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    int e = posix_spawn_file_actions_init(&actions);
    if (e)
        return e;
    e = posix_spawnattr_init(&attr);
    if (e) {
        posix_spawn_file_actions_destroy(&actions);
        return e;
    }
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setpgroup(&attr, 0);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &all);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                        POSIX_SPAWN_SETSIGDEF);
    e = set_actions(s, &actions);
    if (!e)
        e = posix_spawn(ret_pid, s->argv[0], &actions, &attr, (char *const *)s->argv,
                        (char *const *)s->env);
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&actions);
    return e;
}

int sco_child_spawn(struct event_base *base, const struct sco_spawn *s, sco_child_fn fn, void *user,
                    struct sco_child **ret, struct sco_error *err)
{
    struct sco_child *c = sco_alloc(1, sizeof *c);
    if (!c)
        return sco_error_nomem(err);
    c->fn = fn;
    c->user = user;
    c->pidfd = -1;
    int e = spawn(s, &c->pid);
    if (e) {
        free(c);
        return sco_error_errno(err, e, "cannot start %s", s->argv[0]);
    }
    c->next = children;
    children = c;
    c->pidfd = (int)syscall(SYS_pidfd_open, c->pid, 0);
    if (c->pidfd >= 0 && fcntl(c->pidfd, F_SETFD, FD_CLOEXEC) == 0)
        c->event = event_new(base, c->pidfd, EV_READ | EV_PERSIST, on_exit_event, c);
    if (!c->event || event_add(c->event, NULL) < 0) {
        sco_child_free(c);
        return sco_error_set(err, SCO_E_IO, "cannot watch the process of %s", s->argv[0]);
    }
    *ret = c;
    return 0;
}

pid_t sco_child_pid(const struct sco_child *c)
{
    return c->pid;
}

uint64_t sco_child_peak_memory(const struct sco_child *c)
{
    return c->peak;
}

void sco_child_kill(struct sco_child *c, int signal)
{
    if (c && !c->reaped && kill(-c->pid, signal) < 0)
        kill(c->pid, signal);
}

struct sco_child *sco_child_free(struct sco_child *c)
{
    int status;
    if (!c)
        return NULL;
    if (!c->reaped) {
        sco_child_kill(c, SIGKILL);
        reap(c, 0, &status);
    }
    if (c->event)
        event_free(c->event);
    if (c->pidfd >= 0)
        close(c->pidfd);
    free(c);
    return NULL;
}

int sco_loop_become_subreaper(struct sco_error *err)
{
    if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
        return sco_error_errno(err, errno, "cannot become a subreaper");
    return 0;
}

static bool is_known(pid_t pid)
{
    for (const struct sco_child *c = children; c; c = c->next)
        if (c->pid == pid)
            return true;
    return false;
}

/* The first unknown child in the kernel's list of our children, or 0. */
static pid_t find_orphan(void)
{
    enum { LIST_MAX = 16 << 20 };
    char path[64];
    SCO_AUTO(sco_buf) struct sco_buf text = {0};
    snprintf(path, sizeof path, "/proc/self/task/%ld/children", (long)getpid());
    if (sco_fs_read(path, LIST_MAX, &text, NULL) < 0)
        return 0;
    struct sco_str rest = sco_buf_str(&text), one;
    int64_t pid;
    while (sco_str_split(&rest, ' ', &one))
        if (sco_parse_i64(sco_str_trim(one), 1, INT32_MAX, &pid) == 0 && !is_known((pid_t)pid))
            return (pid_t)pid;
    return 0;
}

int sco_loop_kill_orphans(void)
{
    enum { ROUNDS_MAX = 100000 }; /* a fork bomb ends here at the latest */
    int n = 0;
    for (pid_t pid; n < ROUNDS_MAX && (pid = find_orphan()); n++) {
        kill(pid, SIGKILL);
        if (waitpid(pid, NULL, 0) < 0 && errno == ECHILD)
            break;
    }
    return n;
}
