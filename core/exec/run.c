/* One program from start to end: environment, pipes, a poll loop over output, exit, cancellation
 * and deadline, then the end of whatever it left behind. Runs in the worker, on its one thread. */
#include "exec_priv.h"

#include <secureops/fs.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum stage { RUNNING, ASKED, KILLED }; /* asked: SIGTERM was sent */
enum {
    UNKILLABLE_MS = 5000, /* a process that the kernel does not let go */
    SETTLE_MS = 50,       /* for helpers that end by themselves when the program has */
};

struct run {
    const struct sco_exec_env *env;
    struct exec_capture out, err;
    pid_t pid;
    int pidfd;
    enum stage stage;
    int64_t deadline; /* of the stage, monotonic ms; INT64_MAX: none */
    bool exited, cancelled, timed_out;
    int status;
    int failure; /* of capturing; its text is in the caller's error */
};

/* ---- arguments and environment ---- */

static size_t count(const char *const *v)
{
    size_t n = 0;
    while (v && v[n])
        n++;
    return n;
}

static bool same_name(const char *a, const char *b)
{
    size_t n = strcspn(a, "=");
    return strncmp(a, b, n) == 0 && b[n] == '=';
}

/* The job's environment and the command's: a later one replaces an earlier one of its name. */
static char **merge_env(const char *const *base, const char *const *more, struct sco_arena *arena)
{
    size_t n = 0;
    const char **v = sco_arena_alloc(arena, (count(base) + count(more) + 1) * sizeof *v);
    if (!v)
        return NULL;
    for (int pass = 0; pass < 2; pass++) {
        const char *const *from = pass ? more : base;
        for (; from && *from; from++) {
            size_t i = 0;
            while (i < n && !same_name(*from, v[i]))
                i++;
            v[i] = *from;
            n += i == n;
        }
    }
    return (char **)(uintptr_t)v;
}

static const char *env_get(char *const *env, const char *name)
{
    size_t n = strlen(name);
    for (; *env; env++)
        if (strncmp(*env, name, n) == 0 && (*env)[n] == '=')
            return *env + n + 1;
    return NULL;
}

static int find_program(const char *name, char *const *env, struct sco_arena *arena,
                        const char **ret, struct sco_error *err)
{
    const char *path = env_get(env, "PATH");
    SCO_AUTO(sco_free) char *found = sco_fs_find_program(name, path ? path : "/usr/bin:/bin");
    if (!found)
        return sco_error_set(err, SCO_E_NOT_FOUND, "%s: no such program%s", name,
                             strchr(name, '/') ? "" : " on the PATH");
    *ret = sco_arena_cstr(arena, sco_str_c(found));
    return *ret ? 0 : sco_error_nomem(err);
}

/* ---- the loop ---- */

static void signal_group(struct run *r, int signal)
{
    if (!r->exited) /* not reaped: the number of the group is still its own */
        kill(-r->pid, signal);
}

static void ask_to_end(struct run *r)
{
    if (r->stage != RUNNING)
        return;
    r->stage = ASKED;
    r->deadline = sco_mono_ms() + SCO_EXEC_GRACE_MS;
    signal_group(r, SIGTERM);
    signal_group(r, SIGCONT);
}

static void kill_now(struct run *r)
{
    r->stage = KILLED;
    r->deadline = sco_mono_ms() + UNKILLABLE_MS;
    signal_group(r, SIGKILL);
    exec_cgroup_kill();
}

static void on_deadline(struct run *r, struct sco_error *err)
{
    if (r->stage == RUNNING) {
        r->timed_out = true;
        ask_to_end(r);
    } else if (r->stage == ASKED) {
        kill_now(r);
    } else {
        r->failure = sco_error_set(err, SCO_E_TIMEOUT, "the program cannot be killed");
        r->exited = true;
    }
}

static void on_exit_event(struct run *r)
{
    int status;
    if (r->stage != RUNNING) /* in one step that no fork escapes, while the number is its own */
        kill(-r->pid, SIGKILL);
    while (waitpid(r->pid, &status, 0) < 0)
        if (errno != EINTR)
            return;
    r->exited = true;
    r->status = status;
}

static void read_output(struct run *r, struct sco_error *err)
{
    int e = exec_capture_read(&r->out, err);
    if (e == 0)
        e = exec_capture_read(&r->err, err);
    if (e < 0 && !r->failure)
        r->failure = e;
    if (r->stage != KILLED && (r->out.over || r->failure))
        kill_now(r);
}

static int poll_timeout(const struct run *r)
{
    if (r->deadline == INT64_MAX)
        return -1;
    int64_t left = r->deadline - sco_mono_ms();
    return left <= 0 ? 0 : left > 60000 ? 60000 : (int)left;
}

/* Until the program itself has ended. */
static void watch(struct run *r, struct sco_error *err)
{
    while (!r->exited) {
        struct pollfd p[4] = {
            {.fd = r->pidfd, .events = POLLIN},
            {.fd = r->out.fd, .events = POLLIN},
            {.fd = r->err.fd, .events = POLLIN},
            {.fd = r->cancelled ? -1 : r->env->cancel_fd, .events = POLLIN | POLLRDHUP},
        };
        if (poll(p, 4, poll_timeout(r)) < 0 && errno != EINTR) {
            r->failure = sco_error_errno(err, errno, "cannot watch the program");
            kill_now(r);
            on_exit_event(r);
            return;
        }
        if (sco_mono_ms() >= r->deadline)
            on_deadline(r, err);
        if (p[3].revents) {
            r->cancelled = true;
            ask_to_end(r);
        }
        read_output(r, err);
        if (p[0].revents)
            on_exit_event(r);
    }
}

/* Python's resource tracker and its like see that their parent is gone, and go. */
static void settle(const struct run *r)
{
    struct timespec pause = {0, 2000000};
    int64_t until = sco_mono_ms() + SETTLE_MS;
    if (r->stage != RUNNING)
        return;
    for (pid_t pid; (pid = waitpid(-1, NULL, WNOHANG)) >= 0 && sco_mono_ms() < until;)
        if (pid == 0)
            nanosleep(&pause, NULL);
}

/* All writers are dead: what is in the pipes is all there will be. */
static void drain(struct run *r, struct sco_error *err)
{
    int64_t give_up = sco_mono_ms() + SCO_EXEC_GRACE_MS;
    while ((r->out.fd >= 0 || r->err.fd >= 0) && sco_mono_ms() < give_up) {
        struct pollfd p[2] = {{.fd = r->out.fd, .events = POLLIN},
                              {.fd = r->err.fd, .events = POLLIN}};
        if (poll(p, 2, 100) < 0 && errno != EINTR)
            return;
        read_output(r, err);
    }
}

/* ---- result ---- */

static int fill(struct run *r, int64_t started, int64_t started_mono, int leftovers,
                struct sco_command_result *ret, struct sco_error *err)
{
    struct sco_command_result res = {.struct_size = sizeof res};
    res.exit_code = WIFEXITED(r->status) ? WEXITSTATUS(r->status) : -1;
    res.signal = WIFSIGNALED(r->status) ? WTERMSIG(r->status) : 0;
    res.timed_out = r->timed_out;
    res.truncated = r->out.over;
    res.started_ms = started;
    res.duration_ms = sco_mono_ms() - started_mono;
    if (r->env->stats)
        *r->env->stats = (struct sco_exec_stats){r->out.total, r->err.total, leftovers};
    if (r->failure)
        return r->failure;
    if (r->cancelled)
        return sco_error_set(err, SCO_E_CANCELLED, "cancelled");
    int e = exec_capture_text(&r->out, r->env->arena, &res.out, err);
    if (e == 0)
        e = exec_capture_text(&r->err, r->env->arena, &res.err, err);
    if (e == 0)
        *ret = res;
    return e;
}

static int64_t deadline_of(const struct sco_exec_env *env, const struct sco_command *c)
{
    int64_t at = env->deadline_mono_ms ? env->deadline_mono_ms : INT64_MAX, now = sco_mono_ms();
    if (c->timeout_ms > 0 && c->timeout_ms < at - now)
        at = now + c->timeout_ms;
    return at;
}

static int start(struct run *r, const struct sco_command *c, struct sco_error *err)
{
    SCO_AUTO(sco_fd) int out_fd = -1;
    SCO_AUTO(sco_fd) int err_fd = -1;
    struct exec_child child = {.cwd = c->cwd ? c->cwd : r->env->work_dir,
                               .memory_limit = r->env->memory_limit,
                               .argv = (char *const *)(uintptr_t)c->argv,
                               .env = merge_env(r->env->env, c->env, r->env->arena)};
    if (!c->argv || !c->argv[0])
        return sco_error_set(err, SCO_E_INVALID, "a command without a program");
    if (!child.env)
        return sco_error_nomem(err);
    int e = find_program(c->argv[0], child.env, r->env->arena, &child.path, err);
    if (e < 0)
        return e;
    uint64_t limit = c->output_limit ? c->output_limit : r->env->output_limit;
    e = exec_capture_stdout(&r->out, c->stdout_path, limit, &out_fd, err);
    if (e == 0)
        e = exec_capture_stderr(&r->err, &err_fd, err);
    if (e < 0)
        return e;
    r->out.output = r->env->output;
    r->out.user = r->env->user;
    child.out_fd = out_fd;
    child.err_fd = err_fd;
    return exec_spawn(&child, &r->pid, &r->pidfd, err);
}

int sco_exec_run(const struct sco_exec_env *env, const struct sco_command *c,
                 struct sco_command_result *ret, struct sco_error *err)
{
    struct run r = {.env = env, .pidfd = -1, .deadline = deadline_of(env, c)};
    int64_t started = sco_now_ms(), started_mono = sco_mono_ms();
    r.out.fd = r.out.file_fd = r.err.fd = r.err.file_fd = -1;
    int e = start(&r, c, err);
    if (e == 0) {
        watch(&r, err);
        settle(&r);
        int leftovers = sco_exec_reap_all();
        drain(&r, err);
        e = fill(&r, started, started_mono, leftovers, ret, err);
    }
    if (r.pidfd >= 0)
        close(r.pidfd);
    exec_capture_done(&r.out);
    exec_capture_done(&r.err);
    return e;
}
