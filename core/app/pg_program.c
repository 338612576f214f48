/* pg_dump and pg_restore as child programs. The address goes without its password, which is in the
 * child's environment: arguments can be read by everybody on the machine. */
#include "db_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static void add_decoded(struct sco_buf *b, struct sco_str s)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < s.n; i++) {
        const char *hi = i + 2 < s.n + 0 && s.p[i] == '%' ? strchr(digits, s.p[i + 1] | 32) : NULL;
        const char *lo = hi ? strchr(digits, s.p[i + 2] | 32) : NULL;
        if (hi && lo) {
            sco_buf_addc(b, (char)((hi - digits) << 4 | (lo - digits)));
            i += 2;
        } else {
            sco_buf_addc(b, s.p[i]);
        }
    }
}

/* postgresql://user:PASSWORD@host/db?password=PASSWORD&x=y in two. */
static void split_address(const char *address, struct sco_buf *rest, struct sco_buf *password)
{
    const char *host = strstr(address, "://");
    host = host ? host + 3 : address;
    const char *end = host + strcspn(host, "/?");
    const char *at = memrchr(host, '@', (size_t)(end - host));
    const char *colon = at ? memchr(host, ':', (size_t)(at - host)) : NULL;
    if (colon) {
        add_decoded(password, sco_str_make(colon + 1, (size_t)(at - colon - 1)));
        sco_buf_add(rest, sco_str_make(address, (size_t)(colon - address)));
    } else {
        sco_buf_add(rest, sco_str_make(address, (size_t)((at ? at : host) - address)));
    }
    const char *from = at ? at : host, *query = strchr(from, '?');
    sco_buf_add(rest, sco_str_make(from, query ? (size_t)(query - from) : strlen(from)));
    struct sco_str params = sco_str_c(query ? query + 1 : NULL), one;
    char gap = '?';
    while (params.p && sco_str_split(&params, '&', &one)) {
        if (sco_str_starts(one, "password=")) {
            sco_buf_clear(password);
            add_decoded(password, sco_str_make(one.p + 9, one.n - 9));
            continue;
        }
        sco_buf_addc(rest, gap);
        sco_buf_add(rest, one);
        gap = '&';
    }
}

/* Ours, with PGPASSWORD when the address has a password. NULL: out of memory. */
static char **make_env(struct sco_arena *a, struct sco_str password)
{
    size_t n = 0, k = 0;
    while (environ[n])
        n++;
    char **env = sco_arena_alloc(a, (n + 2) * sizeof *env);
    for (size_t i = 0; env && i < n; i++)
        if (!password.n || strncmp(environ[i], "PGPASSWORD=", 11) != 0)
            env[k++] = environ[i];
    if (env && password.n) {
        char *own = sco_arena_alloc(a, password.n + 12);
        if (!own)
            return NULL;
        memcpy(own, "PGPASSWORD=", 11);
        memcpy(own + 11, password.p, password.n);
        env[k] = own;
    }
    return env;
}

static int spawn(const char *const *argv, char *const *env, int child_fd, bool writes, pid_t *ret,
                 struct sco_error *err)
{
    posix_spawn_file_actions_t a;
    posix_spawnattr_t attr;
    sigset_t pipes;
    sigemptyset(&pipes);
    sigaddset(&pipes, SIGPIPE);
    if (posix_spawn_file_actions_init(&a) != 0)
        return sco_error_nomem(err);
    if (posix_spawnattr_init(&attr) != 0) {
        posix_spawn_file_actions_destroy(&a);
        return sco_error_nomem(err);
    }
    posix_spawnattr_setsigdefault(&attr, &pipes);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF);
    int e = posix_spawn_file_actions_adddup2(&a, child_fd, writes ? STDIN_FILENO : STDOUT_FILENO);
    if (e == 0)
        e = writes ? posix_spawn_file_actions_addopen(&a, STDOUT_FILENO, "/dev/null", O_WRONLY, 0)
                   : posix_spawn_file_actions_addopen(&a, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (e == 0)
        e = posix_spawnp(ret, argv[0], &a, &attr, (char *const *)(uintptr_t)argv, env);
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&a);
    if (e == ENOENT)
        return sco_error_set(err, SCO_E_NOT_FOUND,
                             "%s is not installed: it belongs to PostgreSQL's client programs",
                             argv[0]);
    return e ? sco_error_errno(err, e, "cannot start %s", argv[0]) : 0;
}

int pg_program_start(const char *const *args, const char *address, bool writes,
                     struct pg_program *ret, struct sco_error *err)
{
    enum { ARGS_MAX = 16 };
    SCO_AUTO(sco_buf) struct sco_buf rest = {0}, password = {0};
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    const char *argv[ARGS_MAX + 2] = {0};
    size_t n = 0;
    int pipes[2];
    sco_buf_addz(&rest, "--dbname=");
    split_address(address, &rest, &password);
    char **env = make_env(&arena, sco_buf_str(&password));
    for (; args[n] && n < ARGS_MAX; n++)
        argv[n] = args[n];
    argv[n] = sco_buf_z(&rest);
    if (rest.failed || password.failed || !env)
        return sco_error_nomem(err);
    if (pipe2(pipes, O_CLOEXEC) < 0)
        return sco_error_errno(err, errno, "cannot make a pipe");
    int ours = pipes[writes], theirs = pipes[!writes];
    struct pg_program p = {.fd = ours};
    int r = spawn(argv, env, theirs, writes, &p.pid, err);
    close(theirs);
    sco_wipe(password.p, password.n);
    if (r < 0)
        close(ours);
    else
        *ret = p;
    return r;
}

static int wait_for(struct pg_program *p)
{
    int status = -1;
    if (p->fd >= 0)
        close(p->fd);
    p->fd = -1;
    while (waitpid(p->pid, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
}

int pg_program_end(struct pg_program *p, const char *name, struct sco_error *err)
{
    int status = wait_for(p);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    return WIFEXITED(status) ? sco_error_set(err, SCO_E_IO, "%s failed (exit status %d): see above",
                                             name, WEXITSTATUS(status))
                             : sco_error_set(err, SCO_E_IO, "%s was ended by a signal", name);
}

/* Before its input ends: what it has begun is not committed. */
void pg_program_kill(struct pg_program *p)
{
    kill(p->pid, SIGKILL);
    wait_for(p);
}
