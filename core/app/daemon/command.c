/* Runs `secureops` for requests that want its policy engine: on a thread, with its output kept.
 *
 * The daemon inherits orphans (it is a subreaper), and looks for them when a runner was killed: all
 * children that core/loop did not start. These ones it did not start either; so while one runs the
 * search waits. */
#include "daemon_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <secureops/loop.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ARGS_MAX = 62, OUTPUT_MAX = 64 << 20, TIMEOUT_MS = 120000 };

void commands_init(struct commands *c, const char *program, const char *const *env)
{
    *c = (struct commands){.program = program, .env = env};
    pthread_mutex_init(&c->lock, NULL);
}

void commands_done(struct commands *c)
{
    if (c->program)
        pthread_mutex_destroy(&c->lock);
}

bool commands_kill_orphans(struct commands *c)
{
    pthread_mutex_lock(&c->lock);
    bool alone = !c->running;
    if (alone)
        sco_loop_kill_orphans();
    pthread_mutex_unlock(&c->lock);
    return alone;
}

static int spawn(const struct commands *c, const char *dir, const char *const *argv, int out,
                 pid_t *ret_pid)
{
    posix_spawn_file_actions_t a;
    posix_spawnattr_t attr;
    const char *all[ARGS_MAX + 2] = {c->program};
    sigset_t none;
    for (size_t i = 0; argv[i]; i++)
        if (i == ARGS_MAX)
            return E2BIG;
        else
            all[i + 1] = argv[i];
    int e = posix_spawn_file_actions_init(&a);
    if (e)
        return e;
    sigemptyset(&none);
    e = posix_spawnattr_init(&attr);
    if (!e) {
        posix_spawnattr_setpgroup(&attr, 0);
        posix_spawnattr_setsigmask(&attr, &none); /* threads block all */
        posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
        if (dir)
            posix_spawn_file_actions_addchdir_np(&a, dir);
        posix_spawn_file_actions_addopen(&a, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        posix_spawn_file_actions_adddup2(&a, out, STDOUT_FILENO);
        posix_spawn_file_actions_addopen(&a, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
        e = posix_spawn(ret_pid, c->program, &a, &attr, (char *const *)(uintptr_t)all,
                        (char *const *)(uintptr_t)c->env);
        posix_spawnattr_destroy(&attr);
    }
    posix_spawn_file_actions_destroy(&a);
    return e;
}

static int read_output(int fd, struct sco_buf *out, struct sco_error *err)
{
    int64_t end = sco_mono_ms() + TIMEOUT_MS;
    for (;;) {
        char part[16384];
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int64_t left = end - sco_mono_ms();
        if (left <= 0)
            return sco_error_set(err, SCO_E_TIMEOUT, "the command took too long");
        if (poll(&p, 1, (int)left) <= 0)
            continue;
        ssize_t n = read(fd, part, sizeof part);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? sco_error_errno(err, errno, "cannot read the command's output") : 0;
        sco_buf_add(out, sco_str_make(part, (size_t)n));
        if (out->n > OUTPUT_MAX)
            return sco_error_set(err, SCO_E_LIMIT, "the command's output is too long");
    }
}

static int start(struct commands *c, const char *dir, const char *const *argv, int out,
                 pid_t *ret_pid)
{
    pthread_mutex_lock(&c->lock);
    int e = spawn(c, dir, argv, out, ret_pid);
    c->running += !e;
    pthread_mutex_unlock(&c->lock);
    return e;
}

static int finish(struct commands *c, pid_t pid, bool end)
{
    int status = 0;
    if (end)
        kill(-pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    pthread_mutex_lock(&c->lock);
    c->running--;
    pthread_mutex_unlock(&c->lock);
    return status;
}

int commands_run(struct commands *c, const char *dir, const char *const *argv, struct sco_buf *out,
                 int *ret_status, struct sco_error *err)
{
    int pipes[2];
    pid_t pid = 0;
    if (pipe2(pipes, O_CLOEXEC) < 0)
        return sco_error_errno(err, errno, "cannot make a pipe");
    int e = start(c, dir, argv, pipes[1], &pid);
    close(pipes[1]);
    if (e) {
        close(pipes[0]);
        return sco_error_errno(err, e, "cannot start %s", c->program);
    }
    int r = read_output(pipes[0], out, err);
    close(pipes[0]);
    int status = finish(c, pid, r < 0);
    if (r == 0 && !WIFEXITED(status))
        r = sco_error_set(err, SCO_E_INTERNAL, "the command was ended by signal %d",
                          WTERMSIG(status));
    if (r == 0)
        r = sco_buf_check(out, err);
    if (r == 0)
        *ret_status = WEXITSTATUS(status);
    return r;
}
